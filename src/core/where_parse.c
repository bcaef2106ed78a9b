
/* Conditions on the arguments of a call, as nginx.conf has them. */


#include "where_parse.h"


typedef struct {
    const char           *text;
    mcp_where_op_e        op;
    unsigned char         not;
    unsigned char         fold;      /* ignoring case */
} mcp_where_word_t;


static const mcp_where_word_t  mcp_where_words[] = {
    { "=", MCP_WHERE_EQ, 0, 0 },
    { "!=", MCP_WHERE_EQ, 1, 0 },
    { "<", MCP_WHERE_LT, 0, 0 },
    { "<=", MCP_WHERE_LE, 0, 0 },
    { ">", MCP_WHERE_GT, 0, 0 },
    { ">=", MCP_WHERE_GE, 0, 0 },
    { "~", MCP_WHERE_MATCH, 0, 0 },
    { "!~", MCP_WHERE_MATCH, 1, 0 },
    { "~*", MCP_WHERE_MATCH, 0, 1 },
    { "!~*", MCP_WHERE_MATCH, 1, 1 },
    { "present", MCP_WHERE_PRESENT, 0, 0 },
    { "absent", MCP_WHERE_PRESENT, 1, 0 },
    { NULL, MCP_WHERE_EQ, 0, 0 }
};


static int
mcp_where_say(mcp_arena_t *arena, mcp_str_t *why, const char *before,
    const mcp_str_t *word, const char *behind)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 128);
    mcp_buf_append(&b, before, strlen(before));
    mcp_buf_literal(&b, "\"");
    mcp_buf_str(&b, word);
    mcp_buf_literal(&b, "\"");
    mcp_buf_append(&b, behind, strlen(behind));

    why->data = b.data;
    why->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_ERROR;
}


/* One name of a path, up to a "." or "[" or the end; "\" takes what follows. */

static int
mcp_where_segment(mcp_arena_t *arena, const unsigned char **pp,
    const unsigned char *end, mcp_str_t *out)
{
    const unsigned char  *p;

    p = *pp;

    out->data = mcp_alloc(arena, (size_t) (end - p) + 1);
    out->len = 0;

    if (out->data == NULL) {
        return MCP_NOMEM;
    }

    for ( /* void */ ; p < end && *p != '.' && *p != '['; p++) {

        if (*p == '\\' && p + 1 < end) {
            p++;
        }

        out->data[out->len++] = *p;
    }

    *pp = p;

    return MCP_OK;
}


static int
mcp_where_path(mcp_where_t *w, mcp_arena_t *arena)
{
    const unsigned char  *p, *end;

    p = w->name.data;
    end = p + w->name.len;

    w->path = mcp_alloc(arena, MCP_WHERE_DEPTH * sizeof(mcp_str_t));
    if (w->path == NULL) {
        return MCP_NOMEM;
    }

    for ( ;; ) {

        if (w->depth == MCP_WHERE_DEPTH) {
            return MCP_ERROR;
        }

        if (mcp_where_segment(arena, &p, end, &w->path[w->depth]) != MCP_OK) {
            return MCP_NOMEM;
        }

        if (w->path[w->depth++].len == 0) {
            return MCP_ERROR;
        }

        if (end - p >= 2 && p[0] == '[' && p[1] == ']' && w->each == 0) {
            w->each = w->depth;
            p += 2;
        }

        if (p == end) {
            return MCP_OK;
        }

        if (*p++ != '.') {
            return MCP_ERROR;
        }
    }
}


/* It is said to clients: it must be text. */

static int
mcp_where_printable(const mcp_str_t *name, mcp_arena_t *arena)
{
    size_t           i;
    mcp_buf_t        b;
    mcp_json_tape_t  tape;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] < 0x20 || name->data[i] == 0x7f) {
            return MCP_ERROR;
        }
    }

    mcp_buf_init(&b, arena, name->len + 2);
    mcp_buf_json(&b, name->data, name->len);

    if (b.failed) {
        return MCP_NOMEM;
    }

    return mcp_json_tape(&tape, arena, b.data, b.len, 1);
}


static int
mcp_where_literal(mcp_where_t *w, mcp_arena_t *arena, const mcp_str_t *word)
{
    int              rc;
    mcp_json_tape_t  tape;

    w->type = MCP_JSON_STRING;
    w->value = *word;

    rc = mcp_json_tape(&tape, arena, word->data, word->len, 1);

    if (rc == MCP_ERROR) {
        return MCP_OK;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    switch (tape.node[0].type) {

    case MCP_JSON_NUMBER:
        w->value = mcp_json_raw(&tape, 0);
        /* fall through */

    case MCP_JSON_TRUE:
    case MCP_JSON_FALSE:
        w->type = tape.node[0].type;
        return MCP_OK;

    case MCP_JSON_STRING:
        return mcp_json_unescape(&tape, 0, arena, &w->value);

    default:
        return MCP_OK;
    }
}


static void *
mcp_where_malloc(size_t size, void *data)
{
    return mcp_alloc(data, size);
}


static void
mcp_where_free(void *p, void *data)
{
    /* the arena does */
}


static int
mcp_where_compile(mcp_where_t *w, mcp_arena_t *arena, const mcp_str_t *regex,
    unsigned fold, mcp_str_t *why)
{
    int                     error;
    char                    text[256];
    size_t                  offset;
    mcp_buf_t               b;
    uint32_t                options;
    pcre2_general_context  *gc;
    pcre2_compile_context  *cc;

    gc = pcre2_general_context_create(mcp_where_malloc, mcp_where_free, arena);
    if (gc == NULL) {
        return MCP_NOMEM;
    }

    cc = pcre2_compile_context_create(gc);
    if (cc == NULL) {
        return MCP_NOMEM;
    }

    /* "$" is the end, not also the place before a last line end */

    options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;

    if (fold) {
        options |= PCRE2_CASELESS;
    }

    w->regex = pcre2_compile(regex->data, regex->len, options, &error, &offset,
                             cc);
    if (w->regex != NULL) {
        return MCP_OK;
    }

    if (error == PCRE2_ERROR_HEAP_FAILED) {
        return MCP_NOMEM;
    }

    if (pcre2_get_error_message(error, (PCRE2_UCHAR *) text, sizeof(text))
        < 0)
    {
        text[0] = '\0';
    }

    mcp_buf_init(&b, arena, 128);
    mcp_buf_literal(&b, "the regex \"");
    mcp_buf_str(&b, regex);
    mcp_buf_literal(&b, "\" is wrong at character ");
    mcp_buf_uint(&b, offset + 1);
    mcp_buf_literal(&b, ": ");
    mcp_buf_append(&b, text, strlen(text));

    why->data = b.data;
    why->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_ERROR;
}


/* One condition from *word on; *used: words that it takes. */

static int
mcp_where_read(mcp_where_t *w, mcp_arena_t *arena, const mcp_str_t *word,
    unsigned words, unsigned *used, mcp_str_t *why)
{
    int                      rc;
    const mcp_where_word_t  *op;

    memset(w, 0, sizeof(mcp_where_t));
    w->name = word[0];

    rc = mcp_where_path(w, arena);

    if (rc == MCP_OK) {
        rc = mcp_where_printable(&w->name, arena);
    }

    if (rc == MCP_ERROR) {
        return mcp_where_say(arena, why, "", &w->name, " names no argument: "
                             "write it as path, options.path or paths[]");
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (words == 1) {
        return mcp_where_say(arena, why, "nothing is said of ", &w->name,
                             ": go on with = != < <= > >= ~ !~ and a value, "
                             "or with present or absent");
    }

    for (op = mcp_where_words; op->text != NULL; op++) {
        if (word[1].len == strlen(op->text)
            && memcmp(word[1].data, op->text, word[1].len) == 0)
        {
            break;
        }
    }

    if (op->text == NULL) {
        return mcp_where_say(arena, why, "", &word[1], " is no condition: "
                             "use one of = != < <= > >= ~ ~* !~ !~* present "
                             "absent");
    }

    w->op = op->op;
    w->not = op->not;
    *used = 2;

    if (w->op == MCP_WHERE_PRESENT) {
        return MCP_OK;
    }

    if (words == 2) {
        return mcp_where_say(arena, why, "there is no value behind ",
                             &word[1], "");
    }

    *used = 3;

    if (w->op == MCP_WHERE_MATCH) {
        return mcp_where_compile(w, arena, &word[2], op->fold, why);
    }

    rc = mcp_where_literal(w, arena, &word[2]);

    if (rc == MCP_OK && w->op != MCP_WHERE_EQ && w->type != MCP_JSON_NUMBER) {
        return mcp_where_say(arena, why, "", &word[2], " is not a number");
    }

    return rc;
}


int
mcp_where_parse(mcp_where_t **where, unsigned *n, mcp_arena_t *arena,
    const mcp_str_t *word, unsigned words, mcp_str_t *why)
{
    int        rc;
    unsigned   used;
    mcp_str_t  last;

    mcp_str_set(&last, "where");

    *n = 0;
    *where = mcp_alloc(arena, MCP_WHERE_MAX * sizeof(mcp_where_t));
    if (*where == NULL) {
        return MCP_NOMEM;
    }

    for ( ;; ) {

        if (words == 0) {
            return mcp_where_say(arena, why, "there is no condition behind ",
                                 &last, "");
        }

        if (*n == MCP_WHERE_MAX) {
            return mcp_where_say(arena, why, "", word,
                                 " is one condition too many: at most 16 can "
                                 "be joined");
        }

        used = 0;

        rc = mcp_where_read(&(*where)[*n], arena, word, words, &used, why);
        if (rc != MCP_OK) {
            return rc;
        }

        (*n)++;
        word += used;
        words -= used;

        if (words == 0) {
            return MCP_OK;
        }

        if (!mcp_str_is(word, "and")) {
            return mcp_where_say(arena, why, "", word,
                                 " is unexpected: conditions are joined by "
                                 "\"and\"");
        }

        last = *word++;
        words--;
    }
}
