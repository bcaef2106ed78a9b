
/* JSON numbers by their digits: as exact as they were written. */


#ifndef MCP_NUMBER_H
#define MCP_NUMBER_H


#include "json.h"


/* 0.DIGITS times ten to the power of exp; no zeros at either end of them. */

typedef struct {
    const unsigned char  *p;               /* the first of the digits; there
                                              may be a point between them */
    uint32_t              digits;          /* 0: the number is zero */
    uint32_t              negative;
    int64_t               exp;
} mcp_number_t;


/* [p, end) must be a number of RFC 8259. */

void mcp_number_parse(mcp_number_t *d, const unsigned char *p,
    const unsigned char *end);

/* Less than 0, 0 or more, as in memcmp(). */

int mcp_number_compare(const mcp_number_t *a, const mcp_number_t *b);

/* The same, of two numbers as they are written. */

int mcp_number_order(const mcp_str_t *a, const mcp_str_t *b);

#define mcp_number_is_integer(d)  ((d)->exp >= (int64_t) (d)->digits)

/* Equal numbers have equal hashes. */

uint64_t mcp_number_hash(const mcp_number_t *d);


/* A divisor: n times ten to the power of exp. */

typedef struct {
    uint64_t              n;
    int64_t               exp;
} mcp_divisor_t;


/* MCP_ERROR: it is not above zero, or has more than 18 digits. */

int mcp_divisor_init(mcp_divisor_t *v, const mcp_number_t *d) MCP_MUSTCHECK;

int mcp_number_divides(const mcp_divisor_t *v, const mcp_number_t *d);


#endif /* MCP_NUMBER_H */
