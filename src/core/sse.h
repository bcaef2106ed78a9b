
/*
 * Event streams (WHATWG HTML, section 9.2 "Server-sent events"): a reader
 * that takes its input in pieces, and a writer.
 */


#ifndef MCP_SSE_H
#define MCP_SSE_H


#include "core.h"


typedef enum {
    MCP_SSE_DATA = 1,        /* a piece of a data line */
    MCP_SSE_DATA_BREAK,      /* a further data line begins: U+000A belongs
                                between what came and what comes */
    MCP_SSE_EVENT,           /* the event is complete */
    MCP_SSE_COMMENT          /* a comment line; its text is left out */
} mcp_sse_type_e;


typedef struct {
    mcp_sse_type_e        type;
    const unsigned char  *start;     /* MCP_SSE_DATA: the bytes */
    const unsigned char  *end;
    unsigned              empty:1;   /* MCP_SSE_EVENT: no data line, or only
                                        empty ones: nothing to dispatch */
    unsigned              foreign:1; /* MCP_SSE_EVENT: of another type than
                                        "message": not for us */
} mcp_sse_token_t;


/*
 * Fields of other names than data are skipped; id and retry are noted, and
 * stay so until the call behind the MCP_SSE_EVENT of their event.
 */

typedef struct {
    unsigned              state;
    unsigned              name_len;
    unsigned char         name[8];   /* of the field so far */
    unsigned              cr:1;      /* the byte before was CR */
    unsigned              data:1;    /* the event has a data line */
    unsigned              filled:1;  /* ... with bytes in it */
    unsigned              fields:1;  /* the event has any field */
    unsigned              ended:1;   /* the token before was MCP_SSE_EVENT */
    unsigned              has_id:1;  /* the event under way has an id field */
    unsigned              has_retry:1;
    unsigned              foreign:1; /* its type is not "message" */
    unsigned              type_len;  /* of its type, as far as that is a
                                        beginning of "message"; 8: it is not */
    unsigned              bom;       /* bytes of the first BOM seen */
} mcp_sse_reader_t;


void mcp_sse_init(mcp_sse_reader_t *rd);

/*
 * The next token of [*p, end); *p moves behind what was used.  MCP_OK: *tok
 * is set; MCP_AGAIN: all is used.  Any bytes are a valid stream.  A line is
 * never held back: a data line comes in as many pieces as the input has.
 * Blank lines that end no event (of no field) give no token.
 */

int mcp_sse_next(mcp_sse_reader_t *rd, const unsigned char **p,
    const unsigned char *end, mcp_sse_token_t *tok) MCP_MUSTCHECK;

/* Whether the stream may end here without losing part of an event. */

int mcp_sse_between(const mcp_sse_reader_t *rd);


/* The first CR or LF of [p, end), or end. */

const unsigned char *mcp_sse_line_end(const unsigned char *p,
    const unsigned char *end);


/*
 * The event that carries this data: CR, LF and CRLF in it become line ends of
 * their own data lines, so that data can never inject a field.
 */

void mcp_sse_write(mcp_buf_t *b, const void *data, size_t len);


#endif /* MCP_SSE_H */
