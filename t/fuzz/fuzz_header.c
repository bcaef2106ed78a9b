
/*
 * Header values, the schemas that ask for them, and arguments: what is encoded
 * is decoded again, base64 is what another decoder takes it for, what a schema
 * asks for is where it says, and a header that agrees with the body has its
 * value.
 *
 * Input: a header value, an arguments object, a schema, with a line end
 * between them (as many as are there).
 */


#include "message.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>


#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)

#define same(a, b)                                                            \
    ((a)->len == (b)->len                                                     \
     && ((a)->len == 0 || memcmp((a)->data, (b)->data, (a)->len) == 0))


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* --- encoding ------------------------------------------------------------- */


static int
plain(const mcp_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] != '\t' && (s->data[i] < ' ' || s->data[i] > '~')) {
            return 0;
        }
    }

    return 1;
}


static void
check_value(const mcp_str_t *value, mcp_arena_t *arena)
{
    int             n, rc;
    mcp_str_t       out, back;
    unsigned char  *b64;

    rc = mcp_header_encode(value, arena, &out);
    CHECK(rc == MCP_OK && plain(&out) && out.len != 0);
    CHECK(out.data[0] != ' ' && out.data[0] != '\t');
    CHECK(out.data[out.len - 1] != ' ' && out.data[out.len - 1] != '\t');

    /* decoded again, unless it was no UTF-8 */

    if (mcp_header_decode(&out, arena, &back) == MCP_OK) {
        CHECK(same(&back, value));
    } else {
        CHECK(!plain(value));
    }

    rc = mcp_header_decode(value, arena, &out);

    if (rc == MCP_ERROR) {
        CHECK(!plain(value) || (value->len >= 10
                                && memcmp(value->data, "=?base64?", 9) == 0));
        return;
    }

    CHECK(rc == MCP_OK && plain(value));

    if (out.data == value->data) {
        CHECK(out.len == value->len);
        return;
    }

    CHECK(memcmp(value->data, "=?base64?", 9) == 0);

    b64 = malloc(out.len / 3 * 4 + 5);
    CHECK(b64 != NULL);
    n = EVP_EncodeBlock(b64, out.data, (int) out.len);
    CHECK((size_t) n == value->len - 11);
    CHECK(memcmp(b64, value->data + 9, (size_t) n) == 0);
    free(b64);
}


/* --- schemas -------------------------------------------------------------- */


/* The annotated schema that a param's path leads to. */

static void
check_param(const mcp_param_t *param, const mcp_json_tape_t *tape,
    mcp_arena_t *arena)
{
    uint32_t      node;
    unsigned      i;
    mcp_str_t     name;
    const char   *type;

    node = 0;
    CHECK(param->depth > 0 && param->depth <= MCP_PARAM_DEPTH_MAX);

    for (i = 0; i < param->depth; i++) {
        node = mcp_json_get(tape, node, "properties");
        CHECK(node != 0);
        node = mcp_json_member(tape, node, (char *) param->path[i].data,
                               param->path[i].len);
        CHECK(node != 0);
    }

    type = (param->type == MCP_PARAM_STRING) ? "string"
           : (param->type == MCP_PARAM_INTEGER) ? "integer" : "boolean";
    CHECK(mcp_json_equals(tape, mcp_json_get(tape, node, "type"), type,
                          strlen(type)));

    node = mcp_json_get(tape, node, "x-mcp-header");
    CHECK(node != 0);
    CHECK(mcp_json_unescape(tape, node, arena, &name) == MCP_OK);
    CHECK(param->header.len == name.len + 10);
    CHECK(memcmp(param->header.data, "Mcp-Param-", 10) == 0);
    CHECK(memcmp(param->header.data + 10, name.data, name.len) == 0);

    for (i = 0; i < name.len; i++) {
        CHECK(name.data[i] > ' ' && name.data[i] < 0x7f
              && strchr("\"(),/:;<=>?@[\\]{}", name.data[i]) == NULL);
    }
}


static void
check_schema(const mcp_str_t *schema, mcp_arena_t *arena, mcp_params_t *params)
{
    int               rc;
    unsigned          i;
    const char       *why;
    mcp_json_tape_t   tape;

    params->n = 0;

    if (mcp_json_tape(&tape, arena, schema->data, schema->len,
                      MCP_JSON_DEPTH_MAX) != MCP_OK)
    {
        return;
    }

    rc = mcp_params_compile(params, arena, &tape, 0, &why);
    CHECK(rc == MCP_OK || (rc == MCP_ERROR && why != NULL));

    if (rc != MCP_OK) {
        CHECK(params->n == 0);
        return;
    }

    CHECK(params->n <= MCP_PARAMS_MAX);

    for (i = 0; i < params->n; i++) {
        check_param(&params->param[i], &tape, arena);
    }
}


/* --- agreement ------------------------------------------------------------ */


static void
check_agreement(const mcp_param_t *param, const mcp_message_t *m,
    const mcp_str_t *header, mcp_arena_t *arena)
{
    int          rc, with, without;
    mcp_str_t    value, good, none, decoded;
    mcp_fault_t  fault;

    none.data = NULL;
    none.len = 0;

    rc = mcp_param_value(param, m, arena, &value);
    with = mcp_param_check(param, m, header, arena, &fault);
    without = mcp_param_check(param, m, &none, arena, &fault);

    CHECK(rc == MCP_OK || rc == MCP_NONE || rc == MCP_ERROR);
    CHECK(with == MCP_OK || with == MCP_ERROR);

    /* never both with a header and without */

    CHECK(with == MCP_ERROR || without == MCP_ERROR);

    if (rc == MCP_NONE) {
        CHECK(without == MCP_OK);
        return;
    }

    if (rc == MCP_ERROR) {
        return;
    }

    CHECK(without == MCP_ERROR);
    CHECK(mcp_header_encode(&value, arena, &good) == MCP_OK);
    CHECK(mcp_param_check(param, m, &good, arena, &fault) == MCP_OK);

    if (with == MCP_OK && param->type != MCP_PARAM_INTEGER) {
        CHECK(mcp_header_decode(header, arena, &decoded) == MCP_OK);
        CHECK(same(&decoded, &value));
    }

    if (with == MCP_OK && param->type == MCP_PARAM_INTEGER) {
        char    text[400];
        double  a, b;

        CHECK(mcp_header_decode(header, arena, &decoded) == MCP_OK);

        if (decoded.len < sizeof(text)) {
            (void) snprintf(text, sizeof(text), "%.*s", (int) decoded.len,
                            (char *) decoded.data);
            a = strtod(text, NULL);
            (void) snprintf(text, sizeof(text), "%.*s", (int) value.len,
                            (char *) value.data);
            b = strtod(text, NULL);
            CHECK(a >= b && a <= b);
        }
    }
}


static void
check_arguments(const mcp_str_t *arguments, const mcp_str_t *header,
    const mcp_params_t *params, mcp_arena_t *arena)
{
    unsigned       i, type;
    mcp_buf_t      b;
    mcp_str_t      path;
    mcp_param_t    param;
    mcp_fault_t    fault;
    mcp_message_t  m;

    mcp_buf_init(&b, arena, arguments->len + 128);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                        "\"tools/call\",\"params\":{\"name\":\"t\","
                        "\"arguments\":");
    mcp_buf_str(&b, arguments);
    mcp_buf_literal(&b, "}}");

    if (mcp_message_parse(&m, arena, b.data, b.len, MCP_JSON_DEPTH_MAX,
                          &fault) != MCP_OK)
    {
        return;
    }

    for (i = 0; i < params->n; i++) {
        check_agreement(&params->param[i], &m, header, arena);
    }

    mcp_str_set(&path, "p");
    mcp_str_set(&param.header, "Mcp-Param-P");
    param.path = &path;
    param.depth = 1;

    for (type = MCP_PARAM_STRING; type <= MCP_PARAM_BOOLEAN; type++) {
        param.type = type;
        check_agreement(&param, &m, header, arena);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned               i;
    mcp_str_t              part[3];
    mcp_arena_t           *arena;
    mcp_params_t           params;
    const unsigned char   *p, *end, *line;

    arena = mcp_arena_create();
    CHECK(arena != NULL);

    p = data;
    end = data + size;

    for (i = 0; i < 3; i++) {
        line = (i < 2 && p < end) ? memchr(p, '\n', (size_t) (end - p)) : NULL;
        part[i].len = (size_t) ((line ? line : end) - p);
        part[i].data = mcp_memdup(arena, p, part[i].len);
        CHECK(part[i].data != NULL);
        p = line ? line + 1 : end;
    }

    check_value(&part[0], arena);
    check_schema(&part[2], arena, &params);
    check_arguments(&part[1], &part[0], &params, arena);

    mcp_arena_destroy(arena);

    return 0;
}
