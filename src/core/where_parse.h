
/* What a condition is compiled to: shared by where.c and where_parse.c. */


#ifndef MCP_WHERE_PARSE_H
#define MCP_WHERE_PARSE_H


#define PCRE2_CODE_UNIT_WIDTH  8

#include <pcre2.h>

#include "where.h"


/* Steps of one match (some ns each), and KiB of memory for it. */

#define MCP_WHERE_STEPS  50000
#define MCP_WHERE_HEAP   1024


typedef enum {
    MCP_WHERE_EQ = 0,
    MCP_WHERE_LT,
    MCP_WHERE_LE,
    MCP_WHERE_GT,
    MCP_WHERE_GE,
    MCP_WHERE_MATCH,
    MCP_WHERE_PRESENT
} mcp_where_op_e;


struct mcp_where_s {
    mcp_str_t             name;      /* as written */
    mcp_str_t            *path;
    unsigned              depth;
    unsigned              each;      /* names up to "[]"; 0: there is none */
    mcp_where_op_e        op;
    unsigned              not:1;
    mcp_json_type_e       type;      /* of the value, where it matters */
    mcp_str_t             value;     /* a string's bytes, a number's text */
    pcre2_code           *regex;
};


#endif /* MCP_WHERE_PARSE_H */
