
/* The catalog as one document, and the lists of which it is made. */


#include "catalog.h"
#include "elements.h"

#include <stdio.h>


#define MCP_CATALOG_V        0x01
#define MCP_CATALOG_SOURCES  0x02

#define MCP_SOURCE_NAME      0x01
#define MCP_SOURCE_STATE     0x02
#define MCP_SOURCE_ERA       0x04
#define MCP_SOURCE_VERSION   0x08
#define MCP_SOURCE_CAPS      0x10
#define MCP_SOURCE_TEXT      0x20
#define MCP_SOURCE_TTL       0x40
#define MCP_SOURCE_LIST      0x80      /* shifted by mcp_list_e */

#define MCP_SOURCE_ALWAYS                                                     \
    (MCP_SOURCE_NAME | MCP_SOURCE_STATE | MCP_SOURCE_ERA)


typedef struct {
    mcp_json_observer_t   observer;
    mcp_arena_t          *arena;
    mcp_source_t         *source;
    unsigned              n;
    unsigned              size;
    unsigned              root;            /* members of the root seen */
    unsigned              seen;            /* of the source under way */
    const unsigned char  *start;           /* of the container under way */
} mcp_decoder_t;


static const mcp_str_t  mcp_list_names[] = {
    mcp_string("tools"),
    mcp_string("prompts"),
    mcp_string("resources"),
    mcp_string("templates")
};

static const mcp_str_t  mcp_state_names[] = {
    mcp_string("untried"),
    mcp_string("failed"),
    mcp_string("stale"),
    mcp_string("up"),
    mcp_null_string
};

static const mcp_str_t  mcp_era_names[] = {
    mcp_string("unknown"),
    mcp_string("legacy"),
    mcp_string("modern"),
    mcp_null_string
};


static void
mcp_encode_text(mcp_buf_t *b, const char *name, const mcp_str_t *value)
{
    if (value->len == 0) {
        return;
    }

    mcp_buf_append(b, name, strlen(name));
    mcp_buf_json(b, value->data, value->len);
}


static void
mcp_encode_source(mcp_buf_t *b, const mcp_source_t *s)
{
    unsigned  k;

    mcp_buf_literal(b, "{\"name\":");
    mcp_buf_json(b, s->name.data, s->name.len);
    mcp_encode_text(b, ",\"state\":", &mcp_state_names[s->state]);
    mcp_encode_text(b, ",\"era\":", &mcp_era_names[s->era]);
    mcp_encode_text(b, ",\"version\":", &s->version);
    mcp_encode_text(b, ",\"instructions\":", &s->instructions);

    if (s->capabilities.len != 0) {
        mcp_buf_literal(b, ",\"capabilities\":");
        mcp_buf_str(b, &s->capabilities);
    }

    for (k = 0; k < MCP_LISTS; k++) {
        if (s->list[k].len == 0) {
            continue;
        }

        mcp_buf_literal(b, ",\"");
        mcp_buf_str(b, &mcp_list_names[k]);
        mcp_buf_literal(b, "\":");
        mcp_buf_str(b, &s->list[k]);
    }

    if (s->ttl_ms >= 0) {
        mcp_buf_literal(b, ",\"ttl\":");
        mcp_buf_uint(b, (uint64_t) s->ttl_ms);
    }

    mcp_buf_literal(b, "}");
}


void
mcp_catalog_encode(mcp_buf_t *b, const mcp_source_t *source, unsigned n)
{
    unsigned  i;

    mcp_buf_literal(b, "{\"v\":1,\"sources\":[");

    for (i = 0; i < n; i++) {
        if (i != 0) {
            mcp_buf_literal(b, ",");
        }

        mcp_encode_source(b, &source[i]);
    }

    mcp_buf_literal(b, "]}");
}


static int
mcp_decode_string(mcp_decoder_t *d, const mcp_json_token_t *tok,
    mcp_str_t *out)
{
    size_t          len;
    unsigned char  *p;

    if (tok->type != MCP_JSON_STRING) {
        return MCP_ERROR;
    }

    out->data = (unsigned char *) tok->start + 1;
    out->len = (size_t) (tok->end - tok->start) - 2;

    if (!tok->escaped) {
        return MCP_OK;
    }

    len = out->len;

    p = mcp_alloc(d->arena, len);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    out->len = (size_t) (mcp_json_decode(p, out->data, out->data + len) - p);
    out->data = p;

    return MCP_OK;
}


/* The index of a string in names; -1: it is none of them. */

static int
mcp_decode_name(const mcp_json_token_t *tok, const mcp_str_t *names)
{
    int     i;
    size_t  len;

    if (tok->type != MCP_JSON_STRING) {
        return -1;
    }

    len = (size_t) (tok->end - tok->start) - 2;

    for (i = 0; names[i].len != 0; i++) {
        if (names[i].len == len
            && memcmp(names[i].data, tok->start + 1, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


static int
mcp_decode_uint(const mcp_json_token_t *tok, int64_t *out)
{
    int64_t               n;
    const unsigned char  *p;

    if (tok->type != MCP_JSON_NUMBER || tok->end - tok->start > 19) {
        return MCP_ERROR;
    }

    n = 0;

    for (p = tok->start; p < tok->end; p++) {
        if (*p < '0' || *p > '9'
            || n > (INT64_MAX - (*p - '0')) / 10)
        {
            return MCP_ERROR;
        }

        n = n * 10 + (*p - '0');
    }

    *out = n;

    return MCP_OK;
}


/* One token or two of a container that is kept as text. */

static int
mcp_decode_container(mcp_decoder_t *d, const mcp_json_token_t *tok,
    mcp_json_type_e open, mcp_json_type_e close, mcp_str_t *out)
{
    if (tok->type == open) {
        d->start = tok->start;
        return MCP_OK;
    }

    if (tok->type != close) {
        return MCP_ERROR;
    }

    out->data = (unsigned char *) d->start;
    out->len = (size_t) (tok->end - d->start);

    return MCP_OK;
}


/* The bit of the member that the observer is at; 0: encode knows none such. */

static unsigned
mcp_decode_member(const mcp_json_observer_t *ob, unsigned *list)
{
    unsigned  i, k;

    static const struct {
        mcp_str_t         name;
        unsigned          bit;
    } members[] = {
        { mcp_string("name"), MCP_SOURCE_NAME },
        { mcp_string("state"), MCP_SOURCE_STATE },
        { mcp_string("era"), MCP_SOURCE_ERA },
        { mcp_string("version"), MCP_SOURCE_VERSION },
        { mcp_string("capabilities"), MCP_SOURCE_CAPS },
        { mcp_string("instructions"), MCP_SOURCE_TEXT },
        { mcp_string("ttl"), MCP_SOURCE_TTL }
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (ob->key_len[2] == members[i].name.len
            && memcmp(ob->key[2], members[i].name.data, ob->key_len[2]) == 0)
        {
            return members[i].bit;
        }
    }

    for (k = 0; k < MCP_LISTS; k++) {
        if (ob->key_len[2] == mcp_list_names[k].len
            && memcmp(ob->key[2], mcp_list_names[k].data, ob->key_len[2]) == 0)
        {
            *list = k;
            return (unsigned) MCP_SOURCE_LIST << k;
        }
    }

    return 0;
}


static int
mcp_decode_value(mcp_decoder_t *d, const mcp_json_token_t *tok)
{
    int            i;
    unsigned       bit, list;
    mcp_source_t  *s;

    list = 0;
    s = &d->source[d->n - 1];
    bit = mcp_decode_member(&d->observer, &list);

    if (bit == 0) {
        return MCP_ERROR;
    }

    if (tok->type != MCP_JSON_OBJECT_END && tok->type != MCP_JSON_ARRAY_END) {
        if (d->seen & bit) {
            return MCP_ERROR;
        }

        d->seen |= bit;
    }

    switch (bit) {

    case MCP_SOURCE_NAME:
        return mcp_decode_string(d, tok, &s->name);

    case MCP_SOURCE_VERSION:
        return mcp_decode_string(d, tok, &s->version);

    case MCP_SOURCE_TEXT:
        return mcp_decode_string(d, tok, &s->instructions);

    case MCP_SOURCE_STATE:
        i = mcp_decode_name(tok, mcp_state_names);
        s->state = (mcp_source_state_e) i;
        return i < 0 ? MCP_ERROR : MCP_OK;

    case MCP_SOURCE_ERA:
        i = mcp_decode_name(tok, mcp_era_names);
        s->era = (mcp_era_e) i;
        return i < 0 ? MCP_ERROR : MCP_OK;

    case MCP_SOURCE_TTL:
        return mcp_decode_uint(tok, &s->ttl_ms);

    case MCP_SOURCE_CAPS:
        return mcp_decode_container(d, tok, MCP_JSON_OBJECT,
                                    MCP_JSON_OBJECT_END, &s->capabilities);

    default:
        return mcp_decode_container(d, tok, MCP_JSON_ARRAY,
                                    MCP_JSON_ARRAY_END, &s->list[list]);
    }
}


/* A source begins or ends. */

static int
mcp_decode_source(mcp_decoder_t *d, const mcp_json_token_t *tok)
{
    mcp_source_t  *s;

    if (tok->type == MCP_JSON_OBJECT_END) {
        return (d->seen & MCP_SOURCE_ALWAYS) == MCP_SOURCE_ALWAYS
               ? MCP_OK : MCP_ERROR;
    }

    if (tok->type != MCP_JSON_OBJECT) {
        return MCP_ERROR;
    }

    if (d->n == d->size) {
        d->size = d->size ? d->size * 2 : 8;

        s = mcp_alloc(d->arena, d->size * sizeof(mcp_source_t));
        if (s == NULL) {
            return MCP_NOMEM;
        }

        if (d->n != 0) {
            memcpy(s, d->source, d->n * sizeof(mcp_source_t));
        }

        d->source = s;
    }

    s = &d->source[d->n++];
    memset(s, 0, sizeof(mcp_source_t));
    s->ttl_ms = -1;
    d->seen = 0;

    return MCP_OK;
}


static int
mcp_decode_root(mcp_decoder_t *d, const mcp_json_token_t *tok)
{
    if (mcp_json_at(&d->observer, 1, "v")) {
        if (tok->type != MCP_JSON_NUMBER || (d->root & MCP_CATALOG_V)
            || tok->end - tok->start != 1 || *tok->start != '1')
        {
            return MCP_ERROR;
        }

        d->root |= MCP_CATALOG_V;

        return MCP_OK;
    }

    if (!mcp_json_at(&d->observer, 1, "sources")) {
        return MCP_ERROR;
    }

    if (tok->type == MCP_JSON_ARRAY_END) {
        return MCP_OK;
    }

    if (tok->type != MCP_JSON_ARRAY || (d->root & MCP_CATALOG_SOURCES)) {
        return MCP_ERROR;
    }

    d->root |= MCP_CATALOG_SOURCES;

    return MCP_OK;
}


static int
mcp_decode_token(mcp_decoder_t *d, const mcp_json_token_t *tok)
{
    if (!tok->first || !tok->last) {
        return MCP_ERROR;
    }

    if (tok->type == MCP_JSON_KEY) {
        return MCP_OK;
    }

    switch (tok->depth) {

    case 0:
        return tok->type == MCP_JSON_OBJECT || tok->type == MCP_JSON_OBJECT_END
               ? MCP_OK : MCP_ERROR;

    case 1:
        return mcp_decode_root(d, tok);

    case 2:
        return mcp_decode_source(d, tok);

    default:
        return mcp_decode_value(d, tok);
    }
}


/*
 * The document is read without a tape, which would be several times its size
 * and live as long as the sources do.
 */

int
mcp_catalog_decode(mcp_arena_t *arena, const unsigned char *text, size_t len,
    mcp_source_t **source, unsigned *n)
{
    int                   rc;
    mcp_decoder_t         d;
    mcp_json_token_t      tok;
    const unsigned char  *end;

    if (len == 0) {
        return MCP_ERROR;
    }

    memset(&d, 0, sizeof(mcp_decoder_t));
    d.arena = arena;
    mcp_json_observe_init(&d.observer, 3, MCP_JSON_DEPTH_MAX);

    end = text + len;

    for ( ;; ) {
        rc = mcp_json_observe(&d.observer, &text, end, &tok);

        if (rc == MCP_DONE) {
            break;
        }

        if (rc != MCP_OK) {
            return MCP_ERROR;
        }

        rc = mcp_decode_token(&d, &tok);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (d.root != (MCP_CATALOG_V | MCP_CATALOG_SOURCES)) {
        return MCP_ERROR;
    }

    *source = d.source;
    *n = d.n;

    return MCP_OK;
}


static void
mcp_append_say(const mcp_elements_t *el, unsigned lines, mcp_view_log_pt log,
    void *data)
{
    char  line[256];

    if (log == NULL || lines > MCP_VIEW_LINES) {
        return;
    }

    if (lines == MCP_VIEW_LINES) {
        log(data, MCP_VIEW_ERROR, "further elements are left out");
        return;
    }

    (void) snprintf(line, sizeof(line), "element %u is left out: %s",
                    el->number, el->why);
    log(data, MCP_VIEW_ERROR, line);
}


int
mcp_catalog_append(mcp_buf_t *b, mcp_arena_t *scratch, const mcp_str_t *array,
    mcp_view_log_pt log, void *data)
{
    int             rc;
    size_t          len;
    unsigned        lines;
    mcp_elements_t  el;

    lines = 0;
    len = b->len;
    mcp_elements_init(&el, scratch, array);

    if (len == 0) {
        mcp_buf_literal(b, "[");
    }

    while ((rc = mcp_elements_next(&el)) != MCP_DONE) {

        if (rc == MCP_NONE) {
            mcp_append_say(&el, lines++, log, data);
            continue;
        }

        if (rc != MCP_OK) {
            b->len = len;
            return rc;
        }

        if (b->len != 0 && b->data[b->len - 1] != '[') {
            mcp_buf_literal(b, ",");
        }

        mcp_buf_str(b, &el.text);
    }

    return b->failed ? MCP_NOMEM : MCP_OK;
}
