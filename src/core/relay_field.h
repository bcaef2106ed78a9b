
/*
 * The members of a message that matter to the relay, and what their names and
 * values mean.  Private to relay*.c.
 */


#ifndef MCP_RELAY_FIELD_H
#define MCP_RELAY_FIELD_H


#include "relay.h"


typedef enum {
    MCP_RELAY_NONE = 0,
    MCP_RELAY_F_JSONRPC,
    MCP_RELAY_F_ID,
    MCP_RELAY_F_METHOD,
    MCP_RELAY_F_RESULT,
    MCP_RELAY_F_ERROR,
    MCP_RELAY_F_PARAMS,
    MCP_RELAY_F_RESULT_TYPE,
    MCP_RELAY_F_IS_ERROR,
    MCP_RELAY_F_TTL,
    MCP_RELAY_F_SCOPE,
    MCP_RELAY_F_STRUCTURED,
    MCP_RELAY_F_STATE,
    MCP_RELAY_F_CODE,
    MCP_RELAY_F_DATA,
    MCP_RELAY_F_TOKEN
} mcp_relay_field_e;


/* mcp_relay_t.edit */

enum {
    MCP_RELAY_AS_IS = 0,
    MCP_RELAY_TO_MODERN,         /* from a legacy backend */
    MCP_RELAY_TO_LEGACY          /* from a modern one */
};


int mcp_relay_fail(mcp_relay_t *re, const char *why);


/* The name at a depth has come: re->field; MCP_OK or MCP_ERROR. */

int mcp_relay_known(mcp_relay_t *re, unsigned depth);


int mcp_relay_lacks_uri(mcp_relay_t *re);


/*
 * A whole value of re->field, or, if re->over, the beginning of one.  *to is
 * what goes out in its place, or NULL.  MCP_OK or MCP_ERROR.
 */

int mcp_relay_judge(mcp_relay_t *re, const mcp_str_t *value,
    mcp_json_type_e type, const mcp_str_t **to);


/* --- scalars, as bytes of JSON text -------------------------------------- */


/*
 * Whether two strings or numbers of up to MCP_RELAY_VALUE_MAX bytes are the
 * same value; longer ones and other types never are.
 */

int mcp_relay_equal(const mcp_str_t *a, const mcp_str_t *b);


/* Whether it is a string of these characters. */

int mcp_relay_string_is(const mcp_str_t *value, const char *text);


/* The value of a number that is whole: MCP_OK; else MCP_NONE. */

int mcp_relay_integer(const mcp_str_t *value, int64_t *out);


/*
 * The first characters of a string, unescaped, up to max bytes, of which up to
 * MCP_RELAY_HELD_MAX bytes are given; cut: these are not all.  Returns their
 * length.
 */

size_t mcp_relay_unquote(unsigned char *dst, size_t max,
    const mcp_str_t *value, int cut);


#endif /* MCP_RELAY_FIELD_H */
