
/* The store, as libpq has it. */


#ifndef AUDIT_STORE_H
#define AUDIT_STORE_H


#include "audit.h"

#include <libpq-fe.h>


/* NULL: no connection (and that was said). */

PGconn *audit_connect(const char *dsn);

/* Results come row by row, so that their number does not matter. */

int audit_send(PGconn *conn, const char *sql, int n,
    const char *const *values);

/* NULL: that was all, or *failed is set. */

PGresult *audit_next(PGconn *conn, int *failed);

/* Of the row; empty if it is null. */

void audit_value(PGresult *result, int column, mcp_str_t *s);


#endif /* AUDIT_STORE_H */
