
/* What the names and values of a message mean to the relay. */


#include "relay_field.h"


#define mcp_relay_bit(field)  (1u << (field))

#define MCP_RELAY_ONCE                                                        \
    (mcp_relay_bit(MCP_RELAY_F_JSONRPC) | mcp_relay_bit(MCP_RELAY_F_ID)       \
     | mcp_relay_bit(MCP_RELAY_F_METHOD) | mcp_relay_bit(MCP_RELAY_F_RESULT)  \
     | mcp_relay_bit(MCP_RELAY_F_ERROR)                                       \
     | mcp_relay_bit(MCP_RELAY_F_RESULT_TYPE)                                 \
     | mcp_relay_bit(MCP_RELAY_F_IS_ERROR)                                    \
     | mcp_relay_bit(MCP_RELAY_F_STATE))

#define MCP_RELAY_WHAT                                                        \
    (mcp_relay_bit(MCP_RELAY_F_METHOD) | mcp_relay_bit(MCP_RELAY_F_RESULT)    \
     | mcp_relay_bit(MCP_RELAY_F_ERROR))


typedef struct {
    mcp_relay_field_e     field;
    mcp_str_t             name;
} mcp_relay_name_t;


static const mcp_relay_name_t  mcp_relay_in_root[] = {
    { MCP_RELAY_F_JSONRPC, mcp_string("jsonrpc") },
    { MCP_RELAY_F_ID, mcp_string("id") },
    { MCP_RELAY_F_METHOD, mcp_string("method") },
    { MCP_RELAY_F_RESULT, mcp_string("result") },
    { MCP_RELAY_F_ERROR, mcp_string("error") },
    { MCP_RELAY_F_PARAMS, mcp_string("params") },
    { MCP_RELAY_NONE, mcp_null_string }
};

static const mcp_relay_name_t  mcp_relay_in_result[] = {
    { MCP_RELAY_F_RESULT_TYPE, mcp_string("resultType") },
    { MCP_RELAY_F_IS_ERROR, mcp_string("isError") },
    { MCP_RELAY_F_TTL, mcp_string("ttlMs") },
    { MCP_RELAY_F_SCOPE, mcp_string("cacheScope") },
    { MCP_RELAY_F_STRUCTURED, mcp_string("structuredContent") },
    { MCP_RELAY_F_STATE, mcp_string("requestState") },
    { MCP_RELAY_NONE, mcp_null_string }
};

static const mcp_relay_name_t  mcp_relay_in_error[] = {
    { MCP_RELAY_F_CODE, mcp_string("code") },
    { MCP_RELAY_F_DATA, mcp_string("data") },
    { MCP_RELAY_NONE, mcp_null_string }
};

static const mcp_relay_name_t  mcp_relay_in_params[] = {
    { MCP_RELAY_F_TOKEN, mcp_string("progressToken") },
    { MCP_RELAY_NONE, mcp_null_string }
};


static const mcp_str_t  mcp_relay_invalid_params = mcp_string("-32602");


int
mcp_relay_fail(mcp_relay_t *re, const char *why)
{
    re->failed = 1;
    re->why = why;

    return MCP_ERROR;
}


static mcp_relay_field_e
mcp_relay_find(const mcp_relay_name_t *name, const unsigned char *key,
    size_t len)
{
    for ( /* void */ ; name->field != MCP_RELAY_NONE; name++) {
        if (name->name.len == len && mcp_equal(name->name.data, key, len)) {
            break;
        }
    }

    return name->field;
}


static mcp_relay_field_e
mcp_relay_lookup(mcp_relay_t *re, unsigned depth)
{
    size_t                len;
    const unsigned char  *key;

    len = re->observer.key_len[depth - 1];
    key = re->observer.key[depth - 1];

    if (depth == 1) {
        return mcp_relay_find(mcp_relay_in_root, key, len);
    }

    switch (re->member) {
    case MCP_RELAY_F_RESULT:
        return mcp_relay_find(mcp_relay_in_result, key, len);
    case MCP_RELAY_F_ERROR:
        return mcp_relay_find(mcp_relay_in_error, key, len);
    case MCP_RELAY_F_PARAMS:
        return mcp_relay_find(mcp_relay_in_params, key, len);
    default:
        return MCP_RELAY_NONE;
    }
}


/* An error is over that says of a resource that it is not there, not which. */

int
mcp_relay_lacks_uri(mcp_relay_t *re)
{
    return re->member == MCP_RELAY_F_ERROR
           && re->edit == MCP_RELAY_TO_MODERN
           && re->error_code == MCP_E_RESOURCE_LEGACY
           && re->conf->uri.len != 0
           && (re->seen & mcp_relay_bit(MCP_RELAY_F_DATA)) == 0;
}


int
mcp_relay_known(mcp_relay_t *re, unsigned depth)
{
    unsigned           bit;
    mcp_relay_field_e  field;

    field = mcp_relay_lookup(re, depth);
    re->field = field;

    if (depth == 1) {
        re->member = field;
    }

    if (field == MCP_RELAY_NONE) {
        return MCP_OK;
    }

    bit = mcp_relay_bit(field);

    if (re->seen & bit & MCP_RELAY_ONCE) {
        return mcp_relay_fail(re, "a member of the message comes twice");
    }

    if ((bit & MCP_RELAY_WHAT) && (re->seen & MCP_RELAY_WHAT)) {
        return mcp_relay_fail(re, "more than one of result, error and method");
    }

    re->seen |= bit;

    switch (field) {

    case MCP_RELAY_F_ID:
        if (re->kind == MCP_RELAY_NOTIFICATION) {
            re->kind = MCP_RELAY_REQUEST;
        }

        break;

    case MCP_RELAY_F_METHOD:
        re->kind = (re->seen & mcp_relay_bit(MCP_RELAY_F_ID))
                       ? MCP_RELAY_REQUEST : MCP_RELAY_NOTIFICATION;
        break;

    case MCP_RELAY_F_RESULT:
        re->kind = MCP_RELAY_RESULT;
        break;

    case MCP_RELAY_F_ERROR:
        re->kind = MCP_RELAY_ERROR;
        break;

    case MCP_RELAY_F_RESULT_TYPE:
        re->result_type = MCP_RESULT_OTHER;
        break;

    case MCP_RELAY_F_CODE:
        re->error_code = 0;
        break;

    default:
        break;
    }

    return MCP_OK;
}


static int
mcp_relay_judge_id(mcp_relay_t *re, const mcp_str_t *value,
    mcp_json_type_e type)
{
    if (re->over) {
        return mcp_relay_fail(re, "the id is too long");
    }

    if (type != MCP_JSON_STRING && type != MCP_JSON_NUMBER
        && type != MCP_JSON_NULL)
    {
        return mcp_relay_fail(re, "an id of a wrong type");
    }

    memcpy(re->id, value->data, value->len);
    re->id_len = value->len;

    re->id_seen = 1;
    re->id_null = (type == MCP_JSON_NULL);
    re->id_ours = mcp_relay_equal(value, &re->conf->id);

    return MCP_OK;
}


/* The rest of mcp_relay_judge(), for values that came whole. */

static const mcp_str_t *
mcp_relay_judge_whole(mcp_relay_t *re, const mcp_str_t *value)
{
    const mcp_relay_conf_t  *conf;

    conf = re->conf;

    switch (re->field) {

    case MCP_RELAY_F_ID:
        return (re->id_ours && conf->client_id.len) ? &conf->client_id : NULL;

    case MCP_RELAY_F_JSONRPC:
        re->jsonrpc = mcp_relay_string_is(value, "2.0");
        return NULL;

    case MCP_RELAY_F_RESULT_TYPE:
        if (mcp_relay_string_is(value, "complete")) {
            re->result_type = MCP_RESULT_COMPLETE;

        } else if (mcp_relay_string_is(value, "input_required")) {
            re->result_type = MCP_RESULT_INPUT_REQUIRED;

        } else if (mcp_relay_string_is(value, "task")) {
            re->result_type = MCP_RESULT_TASK;
        }

        return NULL;

    case MCP_RELAY_F_CODE:
        if (mcp_relay_integer(value, &re->error_code) == MCP_OK
            && re->error_code == MCP_E_RESOURCE_LEGACY
            && re->edit == MCP_RELAY_TO_MODERN)
        {
            return &mcp_relay_invalid_params;
        }

        return NULL;

    case MCP_RELAY_F_TOKEN:
        if (conf->client_token.len && mcp_relay_equal(value, &conf->token)) {
            return &conf->client_token;
        }

        return NULL;

    default:
        return NULL;
    }
}


int
mcp_relay_judge(mcp_relay_t *re, const mcp_str_t *value, mcp_json_type_e type,
    const mcp_str_t **to)
{
    *to = NULL;

    switch (re->field) {

    case MCP_RELAY_F_ID:
        if (mcp_relay_judge_id(re, value, type) != MCP_OK) {
            return MCP_ERROR;
        }

        break;

    case MCP_RELAY_F_METHOD:
        if (type != MCP_JSON_STRING) {
            return mcp_relay_fail(re, "a method that is no string");
        }

        re->method_len = mcp_relay_unquote(re->method, MCP_RELAY_METHOD_MAX,
                                           value, re->over);
        break;

    case MCP_RELAY_F_IS_ERROR:
        re->is_error = (type == MCP_JSON_TRUE);
        break;

    default:
        break;
    }

    if (!re->over) {
        *to = mcp_relay_judge_whole(re, value);
    }

    return MCP_OK;
}
