
/*
 * The relay: any cut gives the same bytes and the same judgement, and both are
 * what the tape of the whole message says they should be.
 *
 * Input: the pair of eras, the request, 2 bytes that say how to cut, then the
 * message, or, with 0x80 in the first byte, what to build one from.
 */


#include "relay.h"

#include <stdio.h>
#include <stdlib.h>


#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)


typedef struct {
    int                   rc;
    size_t                len;
    size_t                size;
    unsigned char        *data;
    mcp_relay_t           re;
} run_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int
take(void *data, const unsigned char *p, size_t len)
{
    run_t  *run;

    run = data;
    CHECK(len != 0);

    if (run->size - run->len < len) {
        run->size = (run->len + len) * 2;
        run->data = realloc(run->data, run->size);
        CHECK(run->data != NULL);
    }

    memcpy(run->data + run->len, p, len);
    run->len += len;

    return MCP_OK;
}


static uint32_t
dice(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;

    return *seed >> 8;
}


/* most: of a piece; 0: the whole */

static void
relay(run_t *run, const mcp_relay_conf_t *conf, const uint8_t *p, size_t len,
    uint32_t *seed, size_t most)
{
    size_t          n;
    unsigned char  *copy;

    memset(run, 0, sizeof(run_t));
    mcp_relay_init(&run->re, conf);
    run->rc = MCP_OK;

    while (len != 0 && run->rc == MCP_OK) {
        n = (most == 0) ? len : dice(seed) % (most + 1);

        if (n > len) {
            n = len;
        }

        copy = malloc(n ? n : 1);
        CHECK(copy != NULL);
        memcpy(copy, p, n);
        run->rc = mcp_relay_feed(&run->re, copy, n, take, run);
        free(copy);

        p += n;
        len -= n;
    }

    if (run->rc == MCP_OK) {
        run->rc = mcp_relay_finish(&run->re, take, run);
        CHECK(run->rc == MCP_DONE || run->rc == MCP_ERROR);
    }

    if (run->rc == MCP_ERROR) {
        CHECK(run->re.why != NULL);
        CHECK(mcp_relay_finish(&run->re, take, run) == MCP_ERROR);
    }
}


static void
same(const run_t *a, const run_t *b)
{
    const mcp_relay_t  *x, *y;

    CHECK(a->rc == b->rc);

    x = &a->re;
    y = &b->re;

    /* of two faults the one that is seen first depends on the cut */

    if (a->rc != MCP_DONE) {
        return;
    }

    CHECK(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
    CHECK(x->kind == y->kind && x->result_type == y->result_type);
    CHECK(x->id_seen == y->id_seen && x->id_ours == y->id_ours);
    CHECK(x->id_null == y->id_null && x->is_error == y->is_error);
    CHECK(x->error_code == y->error_code);
    CHECK(x->method_len == y->method_len && x->id_len == y->id_len);
    CHECK(memcmp(x->method, y->method, x->method_len) == 0);
    CHECK(memcmp(x->id, y->id, x->id_len) == 0);
}


/* JSON on one line. */

static void
well_formed(const run_t *run)
{
    int                   rc;
    mcp_json_lexer_t      lx;
    mcp_json_token_t      tok;
    const unsigned char  *p, *end;

    CHECK(memchr(run->data, '\n', run->len) == NULL);
    CHECK(memchr(run->data, '\r', run->len) == NULL);

    mcp_json_init(&lx, MCP_JSON_DEPTH_MAX);
    p = run->data;
    end = p + run->len;

    do {
        rc = mcp_json_next(&lx, &p, end, &tok);
        CHECK(rc != MCP_ERROR);
    } while (rc == MCP_OK);

    CHECK(rc == MCP_DONE && mcp_json_finish(&lx) == MCP_OK);
}


/* --- what should have come out ------------------------------------------- */


typedef struct {
    const mcp_relay_conf_t  *conf;
    const mcp_json_tape_t   *in;
    const mcp_json_tape_t   *out;
    int                      to_modern;
    int                      to_legacy;
} edit_t;


static void
equal_bytes(mcp_str_t a, mcp_str_t b)
{
    size_t         i;
    unsigned char  c;

    CHECK(a.len == b.len);

    for (i = 0; i < a.len; i++) {
        c = a.data[i];
        CHECK(b.data[i] == ((c == '\n' || c == '\r') ? ' ' : c));
    }
}


static void
equal_nodes(const edit_t *e, uint32_t a, uint32_t b)
{
    equal_bytes(mcp_json_raw(e->in, a), mcp_json_raw(e->out, b));
}


#define NAMED(tape, node, name)                                               \
    mcp_json_equals(tape, node, name, sizeof(name) - 1)


static int
left_out(const edit_t *e, uint32_t name)
{
    if (NAMED(e->in, name, "resultType")) {
        return 1;
    }

    if (NAMED(e->in, name, "ttlMs") || NAMED(e->in, name, "cacheScope")) {
        return e->to_legacy || e->conf->method == MCP_RESOURCES_READ;
    }

    if (NAMED(e->in, name, "structuredContent") && e->to_legacy) {
        return e->in->node[name + 1].type != MCP_JSON_OBJECT
               || mcp_str_is(&e->conf->client_version, "2025-03-26");
    }

    return 0;
}


static uint32_t
added(const edit_t *e, uint32_t b, const char *name, const char *value)
{
    mcp_str_t  raw;

    CHECK(mcp_json_equals(e->out, b, name, strlen(name)));
    raw = mcp_json_raw(e->out, b + 1);
    CHECK(raw.len == strlen(value) && memcmp(raw.data, value, raw.len) == 0);

    return e->out->node[b].next;
}


/* Results a of the input and b of the output; both are objects. */

static void
equal_results(const edit_t *e, uint32_t a, uint32_t b)
{
    uint32_t  i, j, i_end, j_end;

    i_end = e->in->node[a].next;
    j_end = e->out->node[b].next;
    i = a + 1;
    j = b + 1;

    if (e->to_modern) {
        j = added(e, j, "resultType", "\"complete\"");

        if (e->conf->method == MCP_RESOURCES_READ) {
            j = added(e, j, "ttlMs", "0");
            j = added(e, j, "cacheScope", "\"private\"");
        }
    }

    for ( /* void */ ; i < i_end; i = e->in->node[i].next) {

        if (left_out(e, i)) {
            continue;
        }

        CHECK(j < j_end);

        if (e->to_legacy && NAMED(e->in, i, "structuredContent")) {
            CHECK(NAMED(e->out, j, "structuredContent"));

        } else {
            equal_nodes(e, i, j);
        }

        equal_nodes(e, i + 1, j + 1);
        j = e->out->node[j].next;
    }

    CHECK(j == j_end);
}


/* The members of two objects, of which one may have been replaced. */

static void
equal_but_for(const edit_t *e, uint32_t a, uint32_t b, const char *name,
    const char *from, const char *to)
{
    uint32_t   i, j;
    mcp_str_t  raw;

    CHECK(e->in->node[a].type == e->out->node[b].type);

    if (e->in->node[a].type != MCP_JSON_OBJECT) {
        equal_nodes(e, a, b);
        return;
    }

    CHECK(e->in->node[a].count == e->out->node[b].count);

    i = a + 1;
    j = b + 1;

    while (i < e->in->node[a].next) {
        equal_nodes(e, i, j);
        raw = mcp_json_raw(e->out, j + 1);

        /* what is of another form may be equal to "from" all the same */

        if (mcp_json_equals(e->in, i, name, strlen(name))
            && raw.len == strlen(to) && memcmp(raw.data, to, raw.len) == 0)
        {
            raw = mcp_json_raw(e->in, i + 1);
            CHECK(raw.len >= strlen(from) || raw.data[0] != '"');

        } else {
            equal_nodes(e, i + 1, j + 1);

            if (mcp_json_equals(e->in, i, name, strlen(name))) {
                CHECK(raw.len != strlen(from)
                      || memcmp(raw.data, from, raw.len) != 0);
            }
        }

        i = e->in->node[i].next;
        j = e->out->node[j].next;
    }
}


static void
equal_messages(const edit_t *e, const mcp_relay_t *re)
{
    uint32_t   i, j;
    mcp_str_t  raw;

    CHECK(e->in->node[0].count == e->out->node[0].count);

    i = 1;
    j = 1;

    while (i < e->in->nodes) {
        equal_nodes(e, i, j);

        if (NAMED(e->in, i, "id")) {

            raw = mcp_json_raw(e->in, i + 1);
            CHECK(re->id_len == raw.len
                  && memcmp(re->id, raw.data, raw.len) == 0);

            if (re->id_ours) {
                raw = mcp_json_raw(e->out, j + 1);
                CHECK(raw.len == e->conf->client_id.len
                      && memcmp(raw.data, e->conf->client_id.data, raw.len)
                         == 0);
            } else {
                CHECK(raw.len != e->conf->id.len
                      || memcmp(raw.data, e->conf->id.data, raw.len) != 0);
                equal_nodes(e, i + 1, j + 1);
            }

        } else if (NAMED(e->in, i, "result")
                   && (e->to_modern || e->to_legacy)
                   && e->in->node[i + 1].type == MCP_JSON_OBJECT)
        {
            equal_results(e, i + 1, j + 1);

        } else if (NAMED(e->in, i, "params")) {
            equal_but_for(e, i + 1, j + 1, "progressToken", "\"gw-1\"", "99");

        } else if (NAMED(e->in, i, "error") && e->to_modern) {
            equal_but_for(e, i + 1, j + 1, "code", "-32002", "-32602");

        } else {
            equal_nodes(e, i + 1, j + 1);
        }

        i = e->in->node[i].next;
        j = e->out->node[j].next;
    }
}


/* --- what should be known of it ------------------------------------------ */


/* Whether the message is to be refused, from its tape. */

static int
refused(const mcp_json_tape_t *t)
{
    uint32_t  id, method, result, error, jsonrpc;

    if (t->node[0].type != MCP_JSON_OBJECT) {
        return 1;
    }

    id = mcp_json_get(t, 0, "id");
    method = mcp_json_get(t, 0, "method");
    result = mcp_json_get(t, 0, "result");
    error = mcp_json_get(t, 0, "error");
    jsonrpc = mcp_json_get(t, 0, "jsonrpc");

    if ((method != 0) + (result != 0) + (error != 0) != 1) {
        return 1;
    }

    if (jsonrpc == 0 || t->node[jsonrpc].type != MCP_JSON_STRING
        || !mcp_json_equals(t, jsonrpc, "2.0", 3)
        || mcp_json_raw(t, jsonrpc).len > MCP_RELAY_VALUE_MAX)
    {
        return 1;
    }

    if (method != 0 && t->node[method].type != MCP_JSON_STRING) {
        return 1;
    }

    if (id == 0) {
        return method == 0;
    }

    return (t->node[id].type != MCP_JSON_STRING
            && t->node[id].type != MCP_JSON_NUMBER
            && t->node[id].type != MCP_JSON_NULL)
           || mcp_json_raw(t, id).len > MCP_RELAY_VALUE_MAX;
}


static void
judged(const mcp_json_tape_t *t, mcp_arena_t *arena, const mcp_relay_t *re)
{
    int64_t            code;
    uint32_t           result, error, method, node;
    mcp_str_t          text;
    mcp_result_type_e  type;

    result = mcp_json_get(t, 0, "result");
    error = mcp_json_get(t, 0, "error");
    method = mcp_json_get(t, 0, "method");
    node = mcp_json_get(t, 0, "id");

    CHECK(re->id_seen == (node != 0));
    CHECK(re->id_null == (node && t->node[node].type == MCP_JSON_NULL));
    CHECK(re->kind == (result ? MCP_RELAY_RESULT : error ? MCP_RELAY_ERROR
                       : node ? MCP_RELAY_REQUEST : MCP_RELAY_NOTIFICATION));

    node = result ? mcp_json_get(t, result, "isError") : 0;
    CHECK(re->is_error == (node && t->node[node].type == MCP_JSON_TRUE));

    node = result ? mcp_json_get(t, result, "resultType") : 0;
    type = node ? MCP_RESULT_OTHER : MCP_RESULT_ABSENT;

    if (node && t->node[node].type == MCP_JSON_STRING
        && mcp_json_raw(t, node).len <= MCP_RELAY_VALUE_MAX)
    {
        type = NAMED(t, node, "complete") ? MCP_RESULT_COMPLETE
               : NAMED(t, node, "input_required") ? MCP_RESULT_INPUT_REQUIRED
               : NAMED(t, node, "task") ? MCP_RESULT_TASK
               : type;
    }

    CHECK(re->result_type == type);

    node = error ? mcp_json_get(t, error, "code") : 0;

    if (node == 0 || t->node[node].type != MCP_JSON_NUMBER) {
        CHECK(re->error_code == 0);

    } else if (mcp_json_integer(t, node, &code) == MCP_OK) {
        CHECK(re->error_code == code);
    }

    if (method == 0) {
        CHECK(re->method_len == 0);
        return;
    }

    CHECK(mcp_json_unescape(t, method, arena, &text) == MCP_OK);
    CHECK(re->method_len <= text.len
          && memcmp(re->method, text.data, re->method_len) == 0);
    CHECK(re->method_len == text.len
          || (re->method_len > MCP_RELAY_METHOD_MAX - 4
              && text.len > MCP_RELAY_METHOD_MAX));
}


static void
compare(const mcp_relay_conf_t *conf, const uint8_t *p, size_t len,
    const run_t *run)
{
    int               rc;
    edit_t            e;
    mcp_arena_t      *arena;
    mcp_json_tape_t   in, out;

    arena = mcp_arena_create();
    CHECK(arena != NULL);

    rc = mcp_json_tape(&in, arena, p, len, conf->max_depth);

    /* the tape refuses all duplicates, the relay only some of them */

    if (rc != MCP_OK) {
        mcp_arena_destroy(arena);
        return;
    }

    CHECK((run->rc == MCP_ERROR) == refused(&in));

    if (run->rc == MCP_DONE) {

        CHECK(mcp_json_tape(&out, arena, run->data, run->len, conf->max_depth)
              == MCP_OK);

        e.conf = conf;
        e.in = &in;
        e.out = &out;
        e.to_modern = conf->client == MCP_ERA_MODERN
                      && conf->backend == MCP_ERA_LEGACY;
        e.to_legacy = conf->client == MCP_ERA_LEGACY
                      && conf->backend == MCP_ERA_MODERN;

        equal_messages(&e, &run->re);
        judged(&in, arena, &run->re);
    }

    mcp_arena_destroy(arena);
}


/* --- messages ------------------------------------------------------------ */


typedef struct {
    unsigned char        *data;
    size_t                len;
    const uint8_t        *p;         /* what is left of the input */
    const uint8_t        *end;
} build_t;


static unsigned
pick(build_t *b, unsigned n)
{
    return b->p < b->end ? *b->p++ % n : 0;
}


/* b->data has room for 64 bytes for each of the input, and for the frame. */

static void
text(build_t *b, const char *s)
{
    memcpy(b->data + b->len, s, strlen(s));
    b->len += strlen(s);
}


static void
gap(build_t *b)
{
    static const char  *spaces[] = {
        "", "", "", "", " ", "\n", "\r\n  ", "\t"
    };

    text(b, spaces[pick(b, 8)]);
}


static void
members(build_t *b, unsigned most)
{
    unsigned  i, n;

    static const char  *names[] = {
        "resultType", "ttlMs", "cacheScope", "structuredContent", "isError",
        "code", "progressToken", "id", "a", "", "structured\\u0043ontent",
        "\\u0074tlMs", "ttlMs\\u0000", "content", "\xc3\xa4", "b"
    };

    static const char  *values[] = {
        "{}", "[]", "null", "true", "7", "-32002", "\"complete\"",
        "\"gw-1\"", "\"\"", "{\"ttlMs\":1,\n\"b\":[{}]}", "[1, {\"a\":2}]",
        "\"input_requ\\u0069red\"", "\"gw\\u002d1\"", "-3.2002e4", "0", "false"
    };

    text(b, "{");
    n = pick(b, most + 1);

    for (i = 0; i < n; i++) {
        gap(b);
        text(b, i ? "," : "");
        gap(b);
        text(b, "\"");
        text(b, names[pick(b, 16)]);
        text(b, "\"");
        gap(b);
        text(b, ":");
        gap(b);
        text(b, values[pick(b, 16)]);
    }

    gap(b);
    text(b, "}");
}


static void
build(build_t *b)
{
    unsigned  i, n;

    static const char  *ids[] = {
        "7", "7.0", "\"g/7\"", "null", "70e-1", "{}"
    };

    text(b, "{");

    for (i = 0, n = 2 + pick(b, 3); i < n; i++) {
        text(b, i ? "," : "");
        gap(b);

        switch (pick(b, 8)) {
        case 0:
        case 1:
            text(b, "\"result\":");
            members(b, 8);
            break;
        case 2:
            text(b, "\"error\":");
            members(b, 3);
            break;
        case 3:
            text(b, "\"method\":\"a\\/b\",\"params\":");
            members(b, 3);
            break;
        case 4:
        case 5:
            text(b, "\"id\":");
            text(b, ids[pick(b, 6)]);
            break;
        case 6:
            text(b, "\"x\":");
            members(b, 3);
            break;
        default:
            text(b, "\"jsonrpc\":\"2.0\"");
        }

        gap(b);
    }

    /* most that lack it should not be refused for that alone */

    text(b, pick(b, 4) ? ",\"jsonrpc\":\"2.0\"}" : "}");
}


/* A seal that changes nothing: what is held for it goes out as it came. */

static int
seal(void *data, const mcp_str_t *value, mcp_str_t *out)
{
    CHECK(value->len >= 2 && value->data[0] == '"'
          && value->data[value->len - 1] == '"');

    *out = *value;

    return MCP_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_t             whole, other;
    size_t            i;
    build_t           b;
    mcp_buf_t         state;
    mcp_arena_t      *arena;
    uint32_t          seed;
    mcp_relay_conf_t  conf;

    static const size_t  most[] = { 1, 2, 8, 50 };

    if (size < 4) {
        return 0;
    }

    memset(&conf, 0, sizeof(conf));

    conf.client = (data[0] & 1) ? MCP_ERA_MODERN : MCP_ERA_LEGACY;
    conf.backend = (data[0] & 2) ? MCP_ERA_MODERN : MCP_ERA_LEGACY;
    conf.method = (data[1] & 1) ? MCP_RESOURCES_READ : MCP_TOOLS_CALL;
    conf.max_depth = (data[1] & 4) ? 6 : 100;

    mcp_str_set(&conf.client_version, "2025-06-18");

    if (data[1] & 2) {
        mcp_str_set(&conf.client_version, "2025-03-26");
    }

    mcp_str_set(&conf.id, "7");

    if (data[1] & 8) {
        mcp_str_set(&conf.id, "\"g\\u002f7\"");
    }

    mcp_str_set(&conf.client_id, "\"c\\\"-1\"");
    mcp_str_set(&conf.token, "\"gw-1\"");
    mcp_str_set(&conf.client_token, "99");

    arena = mcp_arena_create();
    CHECK(arena != NULL);
    mcp_buf_init(&state, arena, 0);

    if (data[1] & 16) {
        conf.state = &state;
        conf.seal = seal;
    }

    seed = (uint32_t) data[2] << 8 | data[3];

    memset(&b, 0, sizeof(b));

    if (data[0] & 0x80) {
        b.p = data + 4;
        b.end = data + size;
        b.data = malloc(size * 64 + 1024);
        CHECK(b.data != NULL);
        build(&b);
        data = b.data;
        size = b.len;

    } else {
        data += 4;
        size -= 4;
    }

    relay(&whole, &conf, data, size, &seed, 0);

    for (i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        relay(&other, &conf, data, size, &seed, most[i]);
        same(&whole, &other);
        free(other.data);
    }

    if (whole.rc == MCP_DONE) {
        well_formed(&whole);
    }

    compare(&conf, data, size, &whole);
    free(whole.data);
    free(b.data);
    mcp_arena_destroy(arena);

    return 0;
}
