
/* Mcp-Param-* headers: the values, and their agreement with a message. */


#include "message.h"


#define MCP_SAFE_INTEGER  ((int64_t) 9007199254740991)   /* 2^53 - 1 */


/*
 * The value of a number, in the grammar of JSON, that is an integer, however
 * it is written: 42, 42.0, 4.2e1.  MCP_OK, MCP_NONE (an integer beyond
 * +-(2^53 - 1)), MCP_ERROR (not an integer).
 */

static int
mcp_param_integer(const unsigned char *p, size_t len, int64_t *out)
{
    int                   minus, point, exp_minus;
    int64_t               exp, shift, zeros;
    uint64_t              n;
    unsigned              digits;
    const unsigned char  *end, *start;

    end = p + len;
    minus = (p < end && *p == '-');
    p += minus;

    if (p == end || *p < '0' || *p > '9'
        || (*p == '0' && end - p > 1 && p[1] >= '0' && p[1] <= '9'))
    {
        return MCP_ERROR;
    }

    /*
     * n is the digits up to the last that is not 0, zeros the number of 0
     * behind that; with more than 17 digits n only counts as too large.
     */

    n = 0;
    digits = 0;
    zeros = 0;
    shift = 0;
    point = 0;

    for ( /* void */ ; p < end; p++) {

        if (*p == '.') {
            if (point || end - p < 2 || p[1] < '0' || p[1] > '9') {
                return MCP_ERROR;
            }

            point = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        shift -= point;

        if (*p == '0') {
            zeros += (digits != 0);
            continue;
        }

        for ( /* void */ ; zeros > 0; zeros--) {
            if (digits < 18) {
                n *= 10;
                digits++;
            }
        }

        if (digits < 18) {
            n = n * 10 + (unsigned) (*p - '0');
            digits++;
        }
    }

    exp = 0;

    if (p < end) {

        if ((*p | 0x20) != 'e') {
            return MCP_ERROR;
        }

        p++;
        exp_minus = (p < end && *p == '-');
        p += (p < end && (*p == '-' || *p == '+'));

        for (start = p; p < end && *p >= '0' && *p <= '9'; p++) {
            if (exp < INT64_MAX / 100) {
                exp = exp * 10 + (*p - '0');
            }
        }

        if (p == start || p < end) {
            return MCP_ERROR;
        }

        exp = exp_minus ? -exp : exp;
    }

    *out = 0;

    if (digits == 0) {
        return MCP_OK;
    }

    shift += exp + zeros;

    if (shift < 0) {
        return MCP_ERROR;
    }

    if (digits > 16 || shift > 16 - (int64_t) digits) {
        return MCP_NONE;
    }

    for ( /* void */ ; shift > 0; shift--) {
        n *= 10;
    }

    if (n > (uint64_t) MCP_SAFE_INTEGER) {
        return MCP_NONE;
    }

    *out = minus ? -(int64_t) n : (int64_t) n;

    return MCP_OK;
}


/* The node of the argument that the param is, or 0. */

static uint32_t
mcp_param_node(const mcp_param_t *param, const mcp_message_t *m)
{
    uint32_t  node;
    unsigned  i;

    node = m->arguments;

    for (i = 0; i < param->depth && node != 0; i++) {
        node = mcp_json_member(&m->tape, node,
                               (const char *) param->path[i].data,
                               param->path[i].len);
    }

    if (node != 0 && m->tape.node[node].type == MCP_JSON_NULL) {
        return 0;
    }

    return node;
}


static int
mcp_param_integer_text(int64_t n, mcp_arena_t *arena, mcp_str_t *out)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 24);

    if (n < 0) {
        mcp_buf_literal(&b, "-");
        n = -n;
    }

    mcp_buf_uint(&b, (uint64_t) n);

    if (b.failed) {
        return MCP_NOMEM;
    }

    out->data = b.data;
    out->len = b.len;

    return MCP_OK;
}


int
mcp_param_value(const mcp_param_t *param, const mcp_message_t *m,
    mcp_arena_t *arena, mcp_str_t *out)
{
    int64_t    n;
    uint32_t   node;
    unsigned   type;
    mcp_str_t  raw;

    node = mcp_param_node(param, m);
    if (node == 0) {
        return MCP_NONE;
    }

    type = m->tape.node[node].type;
    raw = mcp_json_raw(&m->tape, node);

    switch (param->type) {

    case MCP_PARAM_STRING:
        if (type != MCP_JSON_STRING) {
            return MCP_ERROR;
        }

        return mcp_json_unescape(&m->tape, node, arena, out);

    case MCP_PARAM_BOOLEAN:
        if (type != MCP_JSON_TRUE && type != MCP_JSON_FALSE) {
            return MCP_ERROR;
        }

        *out = raw;
        return MCP_OK;

    case MCP_PARAM_INTEGER:
        if (type != MCP_JSON_NUMBER
            || mcp_param_integer(raw.data, raw.len, &n) != MCP_OK)
        {
            return MCP_ERROR;
        }

        return mcp_param_integer_text(n, arena, out);
    }

    return MCP_ERROR;
}


/* --- the check ----------------------------------------------------------- */


static int
mcp_param_fault(const mcp_param_t *param, const char *what_is_wrong,
    mcp_arena_t *arena, mcp_fault_t *fault)
{
    mcp_buf_t  b;

    fault->code = MCP_E_HEADER;
    fault->status = 400;

    mcp_buf_init(&b, arena, 160);
    mcp_buf_literal(&b, "the ");
    mcp_buf_str(&b, &param->header);
    mcp_buf_literal(&b, " header ");
    mcp_buf_append(&b, what_is_wrong, strlen(what_is_wrong));

    if (b.failed) {
        return MCP_NOMEM;
    }

    fault->message.data = b.data;
    fault->message.len = b.len;

    mcp_buf_init(&b, arena, 64);
    mcp_buf_literal(&b, "{\"header\":");
    mcp_buf_json(&b, param->header.data, param->header.len);
    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return MCP_NOMEM;
    }

    fault->data.data = b.data;
    fault->data.len = b.len;

    return MCP_ERROR;
}


/* Whether a header's value is that of the node, as its type in the body is. */

static int
mcp_param_agrees(const mcp_param_t *param, const mcp_message_t *m,
    uint32_t node, const mcp_str_t *value)
{
    int        rc;
    int64_t    in_header, in_body;
    mcp_str_t  raw;

    if (m->tape.node[node].type == MCP_JSON_STRING) {
        return mcp_json_equals(&m->tape, node, value->data, value->len);
    }

    raw = mcp_json_raw(&m->tape, node);

    if (param->type == MCP_PARAM_INTEGER
        && m->tape.node[node].type == MCP_JSON_NUMBER)
    {
        rc = mcp_param_integer(raw.data, raw.len, &in_body);

        if (rc == MCP_NONE) {
            return 0;
        }

        if (rc == MCP_OK) {
            return mcp_param_integer(value->data, value->len, &in_header)
                       == MCP_OK
                   && in_header == in_body;
        }
    }

    return raw.len == value->len
           && memcmp(raw.data, value->data, raw.len) == 0;
}


int
mcp_param_check(const mcp_param_t *param, const mcp_message_t *m,
    const mcp_str_t *header, mcp_arena_t *arena, mcp_fault_t *fault)
{
    int        rc;
    uint32_t   node;
    unsigned   type;
    mcp_str_t  value;

    node = mcp_param_node(param, m);
    type = node ? m->tape.node[node].type : MCP_JSON_NULL;

    if (type == MCP_JSON_NULL || type == MCP_JSON_OBJECT
        || type == MCP_JSON_ARRAY)
    {
        if (header->data == NULL) {
            return MCP_OK;
        }

        return mcp_param_fault(param, "has no such argument in the body; "
                               "leave it out", arena, fault);
    }

    if (header->data == NULL) {
        return mcp_param_fault(param, "is missing; send the argument that the "
                               "tool's inputSchema marks with it (reload "
                               "tools/list if it does not)", arena, fault);
    }

    rc = mcp_header_decode(header, arena, &value);

    if (rc == MCP_ERROR) {
        return mcp_param_fault(param, "is invalid: it may hold printable ASCII "
                               "only, or =?base64?...?= with padded base64 of "
                               "UTF-8", arena, fault);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (!mcp_param_agrees(param, m, node, &value)) {
        return mcp_param_fault(param, "and the argument in the body differ; "
                               "send the same value in both", arena, fault);
    }

    return MCP_OK;
}
