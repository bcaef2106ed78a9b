
/* JSON numbers by value, to the last digit: nothing is rounded. */


#ifndef MCP_DECIMAL_H
#define MCP_DECIMAL_H


#include "core.h"


/*
 * Less than, equal to or greater than 0, as a is to b.  Both are valid JSON
 * numbers.  The time is linear in their lengths.
 */

int mcp_decimal_compare(const mcp_str_t *a, const mcp_str_t *b);


#endif /* MCP_DECIMAL_H */
