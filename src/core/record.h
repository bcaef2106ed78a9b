
/*
 * The audit trail as lines of JSON.  A call has an intent, written before its
 * backend gets a byte, and an outcome; a call that no backend got has one line
 * that is both.  A segment of the spool begins with a head (and the calls that
 * were open when it began) and ends with a tail.
 *
 * The lines of one process are a chain: each names its number and the SHA-256
 * of the line before, so that a line that was changed, removed or moved shows.
 */


#ifndef MCP_RECORD_H
#define MCP_RECORD_H


#include "json.h"


#define MCP_RECORD_ID         36         /* bytes of a UUID */
#define MCP_RECORD_HASH       32
#define MCP_RECORD_HEX        64
#define MCP_RECORD_ARGUMENTS  16384      /* bytes kept of them */
#define MCP_RECORD_TEXT       1024       /* ... of any other text */
#define MCP_RECORD_ROLES      32         /* roles, and bytes of each */
#define MCP_RECORD_ROLE       128
#define MCP_RECORD_REASON     256
#define MCP_RECORD_CHAIN      64         /* bytes of a chain's name */
#define MCP_RECORD_OPEN       100        /* ids in one line */

/* No line that is written here is longer, with what mcp_chain_end() adds. */

#define MCP_RECORD_LINE       (6 * MCP_RECORD_ARGUMENTS + 131072)
#define MCP_RECORD_SUFFIX     256


typedef enum {
    MCP_RECORD_INTENT = 1,
    MCP_RECORD_OUTCOME,
    MCP_RECORD_CALL,
    MCP_RECORD_HEAD,
    MCP_RECORD_OPENED,
    MCP_RECORD_TAIL
} mcp_record_e;


/* What the name of a call names. */

typedef enum {
    MCP_RECORD_NAME = 0,
    MCP_RECORD_TOOL,
    MCP_RECORD_PROMPT,
    MCP_RECORD_RESOURCE
} mcp_record_name_e;


/* An empty string: not known. */

typedef struct {
    mcp_record_e          kind;
    mcp_str_t             id;            /* UUID of the call */
    int64_t               time;          /* us since 1970, UTC */
    mcp_str_t             node;

    /* intent, call */
    mcp_str_t             client;
    mcp_str_t            *roles;
    unsigned              nroles;
    mcp_str_t             session;       /* names it, does not open it */
    mcp_str_t             method;
    mcp_record_name_e     name_is;
    mcp_str_t             name;          /* as clients know it */
    mcp_str_t             native;        /* ... and as the backend does */
    mcp_str_t             backend;
    mcp_str_t             arguments;     /* JSON text; redacted, maybe cut */
    uint64_t              arguments_len; /* before cut and redacted */
    mcp_str_t             request_id;    /* of JSON-RPC, as JSON text */
    mcp_str_t             version;
    mcp_str_t             era;
    mcp_str_t             address;
    mcp_str_t             trace;         /* 32 hex digits */
    mcp_str_t             span;          /* 16 */

    /* outcome, call */
    mcp_str_t             outcome;
    mcp_str_t             reason;
    int64_t               code;          /* JSON-RPC error; 0: none */
    int64_t               duration;      /* us */
    int64_t               backend_time;  /* us; -1: no backend was asked */
    int64_t               bytes_in;
    int64_t               bytes_out;

    /* what the chain adds; of head and tail: the last line's */
    mcp_str_t             chain;
    uint64_t              seq;
    mcp_str_t             prev;          /* hex */

    /* head, opened, tail */
    uint64_t              segment;
    uint64_t              open;          /* calls that the lines behind name */
    mcp_str_t            *ids;
    unsigned              nids;

    unsigned              cut:1;         /* the arguments were */
    unsigned              redacted:1;
    unsigned              final:1;       /* the tail of the chain */
    unsigned              swept:1;       /* the process did not write it */
} mcp_record_t;


/* --- writing ------------------------------------------------------------- */


/*
 * Names of arguments whose values are not written: globs, "*" is any number
 * of bytes; ASCII letters match in either case.
 */

typedef struct {
    mcp_str_t            *glob;
    unsigned              n;
} mcp_redact_t;

int mcp_redact_match(const mcp_str_t *glob, const unsigned char *name,
    size_t len);


/*
 * Sets arguments, arguments_len, cut and redacted of the value at the node:
 * the bytes of the text, with "[redacted]" for the value of each member,
 * however deep, whose name matches, and no more than MCP_RECORD_ARGUMENTS of
 * them.  MCP_OK or MCP_NOMEM.
 */

int mcp_record_arguments(mcp_record_t *rec, const mcp_json_tape_t *tape,
    uint32_t node, const mcp_redact_t *redact, mcp_arena_t *arena)
    MCP_MUSTCHECK;


/* The name in an outcome of what arguments a value of traceparent holds. */

void mcp_record_trace(mcp_record_t *rec, const mcp_str_t *traceparent);


/*
 * Appends a line, without its end: mcp_chain_end() must follow for intent,
 * outcome and call.  Head, opened and tail are whole lines, in no chain,
 * with LF.
 */

void mcp_record_write(mcp_buf_t *b, const mcp_record_t *rec);


/* "2026-11-21T04:19:05.123456Z": 27 bytes */

#define MCP_RECORD_TIME  27

unsigned char *mcp_record_time(unsigned char *p, int64_t us);


/* --- the chain ----------------------------------------------------------- */


typedef struct {
    mcp_str_t             name;
    uint64_t              seq;           /* of the last line */
    unsigned char         hash[MCP_RECORD_HASH];
                                         /* of it, or of the name */
} mcp_chain_t;


/*
 * A chain without lines.  Its first line names the hash of its name, so that
 * no line fits into another chain.
 */

void mcp_chain_begin(mcp_chain_t *chain, const mcp_str_t *name);


/*
 * Ends the line that begins at "start" of the buffer, with the LF, and moves
 * the chain on.
 */

void mcp_chain_end(mcp_buf_t *b, size_t start, mcp_chain_t *chain);

/* The hash of a line without its LF. */

void mcp_chain_hash(unsigned char *hash, const void *line, size_t len);
void mcp_chain_hex(unsigned char *hex, const unsigned char *hash);

/* MCP_OK, MCP_ERROR: not 64 hex digits */

int mcp_chain_unhex(unsigned char *hash, const mcp_str_t *hex);


/* --- reading ------------------------------------------------------------- */


/*
 * The next whole line of [*p, end), without its LF; *p moves behind it.
 * MCP_OK, MCP_DONE (nothing is left), MCP_AGAIN (what is left has no end: it
 * is being written, or was torn).
 */

int mcp_record_line(const unsigned char **p, const unsigned char *end,
    mcp_str_t *line);

/*
 * Reads a line; what rec points at is in it or from the arena.  Members that
 * are not known are passed over.  MCP_OK, MCP_NOMEM, MCP_ERROR: no record.
 */

int mcp_record_read(mcp_record_t *rec, mcp_arena_t *arena,
    const mcp_str_t *line) MCP_MUSTCHECK;

/*
 * The kind and the id of a line, by its first bytes alone: for those who look
 * for calls that are open.  0: neither.
 */

mcp_record_e mcp_record_peek(const mcp_str_t *line, const unsigned char **id);

/* When the call of this id (UUID version 7) came, in us; -1: none. */

int64_t mcp_record_id_time(const mcp_str_t *id);


#endif /* MCP_RECORD_H */
