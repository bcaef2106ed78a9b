
/* Conditions on the arguments of a call: whether they are true. */


#include "number.h"
#include "where_parse.h"


/*
 * The next character as other JSON parsers may compare names: see
 * mcp_word_almost() for which fold to ASCII.  -1: the end.
 */

static int
mcp_where_fold(const unsigned char **pp, const unsigned char *end)
{
    int                   c;
    const unsigned char  *p;

    p = *pp;

    if (p == end) {
        return -1;
    }

    c = *p++;

    if (c >= 'A' && c <= 'Z') {
        c |= 0x20;

    } else if (c == 0xc5 && p < end && p[0] == 0xbf) {
        c = 's';
        p++;

    } else if (c == 0xe2 && end - p > 1 && p[0] == 0x84 && p[1] == 0xaa) {
        c = 'k';
        p += 2;
    }

    *pp = p;

    return c;
}


/* Equal but for case, and for U+0000 or all that follows one. */

static int
mcp_where_almost(const mcp_str_t *a, const mcp_str_t *b)
{
    int                   x, y, cut;
    const unsigned char  *p, *q, *pend, *qend;

    p = a->data;
    pend = p + a->len;
    q = b->data;
    qend = q + b->len;
    cut = 0;

    for ( ;; ) {
        x = mcp_where_fold(&p, pend);

        if (x == 0) {
            cut |= (q == qend);
            continue;
        }

        y = mcp_where_fold(&q, qend);

        if (x != y) {
            return cut;
        }

        if (x == -1) {
            return 1;
        }
    }
}


/*
 * The member of that name: MCP_OK, MCP_NONE, or MCP_ERROR: it cannot be told
 * which one a server would take.
 */

static int
mcp_where_member(const mcp_json_tape_t *tape, uint32_t object,
    const mcp_str_t *name, mcp_arena_t *arena, uint32_t *value)
{
    uint32_t   i, end;
    mcp_str_t  s;

    *value = 0;

    i = mcp_json_first(tape, object);
    end = tape->node[object].next;

    if (i == 0) {
        return MCP_NONE;
    }

    for ( /* void */ ; i < end; i = tape->node[i].next) {

        if (mcp_json_unescape(tape, i, arena, &s) != MCP_OK) {
            return MCP_ERROR;
        }

        if (s.len == name->len && memcmp(s.data, name->data, s.len) == 0) {
            *value = i + 1;

        } else if (mcp_where_almost(&s, name)) {
            return MCP_ERROR;
        }
    }

    return *value ? MCP_OK : MCP_NONE;
}


/* From *node along the names [from, to) of the path; as mcp_where_member() */

static int
mcp_where_walk(const mcp_where_t *w, unsigned from, unsigned to,
    const mcp_json_tape_t *tape, mcp_arena_t *arena, uint32_t *node)
{
    int  rc;

    for ( /* void */ ; from < to; from++) {

        if (tape->node[*node].type != MCP_JSON_OBJECT) {
            return MCP_ERROR;
        }

        rc = mcp_where_member(tape, *node, &w->path[from], arena, node);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_where_e
mcp_where_regex(const mcp_where_t *w, const mcp_json_tape_t *tape,
    uint32_t node, mcp_arena_t *arena)
{
    int                   rc;
    mcp_str_t             s;
    pcre2_match_data     *md;
    pcre2_match_context  *mc;

    if (tape->node[node].type != MCP_JSON_STRING
        || tape->node[node].len > MCP_WHERE_SUBJECT
        || mcp_json_unescape(tape, node, arena, &s) != MCP_OK)
    {
        return MCP_WHERE_UNSURE;
    }

    rc = PCRE2_ERROR_NOMEMORY;

    md = pcre2_match_data_create(1, NULL);
    mc = pcre2_match_context_create(NULL);

    if (md != NULL && mc != NULL) {
        (void) pcre2_set_match_limit(mc, MCP_WHERE_STEPS);
        (void) pcre2_set_heap_limit(mc, MCP_WHERE_HEAP);

        /* the lexer has seen that it is UTF-8 */

        rc = pcre2_match(w->regex, s.data, s.len, 0, PCRE2_NO_UTF_CHECK, md,
                         mc);
    }

    pcre2_match_context_free(mc);
    pcre2_match_data_free(md);

    if (rc == PCRE2_ERROR_NOMATCH) {
        return MCP_WHERE_NO;
    }

    return rc >= 0 ? MCP_WHERE_YES : MCP_WHERE_UNSURE;
}


static mcp_where_e
mcp_where_number(const mcp_where_t *w, const mcp_json_tape_t *tape,
    uint32_t node)
{
    int        n, yes;
    mcp_str_t  raw;

    if (tape->node[node].type != MCP_JSON_NUMBER) {
        return MCP_WHERE_UNSURE;
    }

    raw = mcp_json_raw(tape, node);
    n = mcp_number_order(&raw, &w->value);

    switch (w->op) {

    case MCP_WHERE_LT:
        yes = (n < 0);
        break;

    case MCP_WHERE_LE:
        yes = (n <= 0);
        break;

    case MCP_WHERE_GT:
        yes = (n > 0);
        break;

    case MCP_WHERE_GE:
        yes = (n >= 0);
        break;

    default: /* MCP_WHERE_EQ */
        yes = (n == 0);
        break;
    }

    return yes ? MCP_WHERE_YES : MCP_WHERE_NO;
}


static mcp_where_e
mcp_where_equal(const mcp_where_t *w, const mcp_json_tape_t *tape,
    uint32_t node)
{
    int              yes;
    mcp_json_type_e  type;

    type = tape->node[node].type;

    switch (w->type) {

    case MCP_JSON_NUMBER:
        return mcp_where_number(w, tape, node);

    case MCP_JSON_TRUE:
    case MCP_JSON_FALSE:

        if (type != MCP_JSON_TRUE && type != MCP_JSON_FALSE) {
            return MCP_WHERE_UNSURE;
        }

        yes = (type == w->type);
        break;

    default: /* MCP_JSON_STRING */

        if (type != MCP_JSON_STRING) {
            return MCP_WHERE_UNSURE;
        }

        yes = mcp_json_equals(tape, node, w->value.data, w->value.len);
        break;
    }

    return yes ? MCP_WHERE_YES : MCP_WHERE_NO;
}


/* Of a value that is there. */

static mcp_where_e
mcp_where_value(const mcp_where_t *w, const mcp_json_tape_t *tape,
    uint32_t node, mcp_arena_t *arena)
{
    mcp_where_e  is;

    if (tape->node[node].type == MCP_JSON_NULL) {
        return MCP_WHERE_UNSURE;
    }

    switch (w->op) {

    case MCP_WHERE_PRESENT:
        is = MCP_WHERE_YES;
        break;

    case MCP_WHERE_MATCH:
        is = mcp_where_regex(w, tape, node, arena);
        break;

    case MCP_WHERE_EQ:
        is = mcp_where_equal(w, tape, node);
        break;

    default:
        is = mcp_where_number(w, tape, node);
        break;
    }

    if (!w->not || is == MCP_WHERE_UNSURE) {
        return is;
    }

    return is == MCP_WHERE_YES ? MCP_WHERE_NO : MCP_WHERE_YES;
}


/* What the end of a walk says. */

static mcp_where_e
mcp_where_end(const mcp_where_t *w, int rc, const mcp_json_tape_t *tape,
    uint32_t node, mcp_arena_t *arena)
{
    if (rc == MCP_OK) {
        return mcp_where_value(w, tape, node, arena);
    }

    if (rc != MCP_NONE) {
        return MCP_WHERE_UNSURE;
    }

    if (w->op == MCP_WHERE_PRESENT) {
        return w->not ? MCP_WHERE_YES : MCP_WHERE_NO;
    }

    return w->not ? MCP_WHERE_UNSURE : MCP_WHERE_NO;
}


/* Of every element; what some say and others do not cannot be told. */

static mcp_where_e
mcp_where_elements(const mcp_where_t *w, const mcp_json_tape_t *tape,
    uint32_t array, mcp_arena_t *arena)
{
    int          rc;
    uint32_t     i, end, node, first;
    mcp_where_e  is, all;

    if (tape->node[array].type != MCP_JSON_ARRAY
        || tape->node[array].count > MCP_WHERE_ELEMENTS)
    {
        return MCP_WHERE_UNSURE;
    }

    i = mcp_json_first(tape, array);
    end = tape->node[array].next;

    if (i == 0) {
        return mcp_where_end(w, MCP_NONE, tape, 0, arena);
    }

    all = MCP_WHERE_UNSURE;

    for (first = i; i < end; i = tape->node[i].next) {

        node = i;
        rc = mcp_where_walk(w, w->each, w->depth, tape, arena, &node);
        is = mcp_where_end(w, rc, tape, node, arena);

        if (is == MCP_WHERE_UNSURE || (i != first && is != all)) {
            return MCP_WHERE_UNSURE;
        }

        all = is;
    }

    return all;
}


static mcp_where_e
mcp_where_one(const mcp_where_t *w, const mcp_json_tape_t *tape,
    uint32_t node, mcp_arena_t *arena)
{
    int  rc;

    rc = MCP_NONE;

    if (node != 0) {
        rc = mcp_where_walk(w, 0, w->each ? w->each : w->depth, tape, arena,
                            &node);
    }

    if (w->each != 0 && rc == MCP_OK
        && tape->node[node].type != MCP_JSON_NULL)
    {
        return mcp_where_elements(w, tape, node, arena);
    }

    return mcp_where_end(w, rc, tape, node, arena);
}


mcp_where_e
mcp_where_eval(const mcp_where_t *where, unsigned n,
    const mcp_json_tape_t *tape, uint32_t node, mcp_arena_t *arena,
    unsigned *failed)
{
    unsigned     i;
    mcp_where_e  is, all;

    all = MCP_WHERE_YES;

    for (i = 0; i < n; i++) {
        is = mcp_where_one(&where[i], tape, node, arena);

        if (is == MCP_WHERE_YES) {
            continue;
        }

        if (all == MCP_WHERE_YES) {
            *failed = i;
        }

        all = is;

        if (is == MCP_WHERE_NO) {
            break;
        }
    }

    return all;
}


const mcp_str_t *
mcp_where_name(const mcp_where_t *where, unsigned i)
{
    return &where[i].name;
}
