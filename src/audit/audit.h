
/* mcp-audit: what its files share. */


#ifndef AUDIT_H
#define AUDIT_H


#include "record_verify.h"


/* What is looked for; NULL or 0: anything. */

typedef struct {
    const char           *client;        /* globs */
    const char           *name;
    const char           *outcome;
    const char           *backend;
    const char           *request;       /* JSON-RPC id */
    const char           *id;            /* UUID, or $mcp_request_id */
    int64_t               since;         /* us; 0: any time */
    int64_t               until;
    long                  last;          /* so many, the newest; 0: all */
    int                   json;
} audit_query_t;


/* A call: its two halves as they stand, or one line. */

typedef struct {
    mcp_arena_t          *arena;
    int64_t               time;
    mcp_str_t             intent;        /* or the one line */
    mcp_str_t             outcome;       /* empty: none so far */
} audit_row_t;


/* print.c */

int audit_match(const audit_query_t *q, const mcp_record_t *intent,
    const mcp_record_t *outcome);
int audit_read(const audit_row_t *row, mcp_arena_t *arena,
    mcp_record_t *intent, mcp_record_t *outcome);
void audit_print(const audit_query_t *q, const audit_row_t *row);

/* Bytes that nobody vouches for, as a terminal may have them. */

void audit_print_text(const mcp_str_t *s, size_t max);

/* What was found, until it is printed in the order of time. */

typedef struct {
    audit_row_t          *row;
    size_t                n;
    size_t                room;
} audit_rows_t;

int audit_rows_add(audit_rows_t *rows, const audit_row_t *row);
void audit_rows_print(audit_rows_t *rows, const audit_query_t *q);

/* spool.c: 0, or an exit status */

int audit_spool_search(const char *dir, const audit_query_t *q);
int audit_spool_tail(const char *dir, const audit_query_t *q);

typedef struct {
    char                 *path;
    char                 *name;
    size_t                chain;         /* bytes of it in the name */
    long                  number;
} audit_file_t;

/* The segments of a folder by chain and number; -1: it cannot be read. */

long audit_spool_files(const char *dir, audit_file_t **files);
void audit_spool_free(audit_file_t *files, long n);

/* A whole file; NULL: it cannot be read (and that was said). */

unsigned char *audit_slurp(const char *path, size_t *len);

/* verify.c: 0: all is well; 1: it is not; 2: it could not be read */

int audit_verify_spool(const char *dir);
void audit_verify_begin(mcp_verify_t *v);
int audit_verify_end(mcp_verify_t *v);

/* store.c */

int audit_store_search(const char *dsn, const audit_query_t *q);
int audit_store_verify(const char *dsn);


#endif /* AUDIT_H */
