
/*
 * A stdio MCP server for the tests of mcp-bridge: it can do all that a server
 * should not.  stdio.c reads, stdio_answer.c answers,
 * stdio_tools.c and stdio_abuse.c have the tools.
 */


#ifndef STDIO_SERVER_H
#define STDIO_SERVER_H


#include "json.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>


typedef struct {
    const mcp_json_tape_t  *tape;
    mcp_str_t               id;        /* JSON text; empty: a notification */
    uint32_t                arguments;
    mcp_str_t               token;     /* progressToken, or empty */
    int                     modern;
} call_t;


typedef void (*tool_pt)(const call_t *call);

typedef struct {
    const char             *name;
    tool_pt                 run;
} tool_t;


/* Both tables end with a name of NULL. */

extern const tool_t  abuses[];


typedef struct later_s  later_t;

struct later_s {
    later_t                *next;
    uint64_t                when;      /* ms */
    int                     modern;
    int                     steps;     /* of progress that are to come */
    int                     step;
    int                     every;     /* ms */
    char                   *id;
    char                   *token;
    char                   *text;      /* JSON string; NULL: never answered */
};


extern FILE  *record;                  /* --record, or NULL */
extern int    reading;                 /* standard input is read */
extern int    ignore_eof;
extern int    era_legacy;              /* which it speaks */
extern int    era_modern;
extern int    silent;                  /* as the options of these names */
extern int    no_initialize;
extern int    exit_on_probe;
extern int    no_capability;
extern long   more_tools;


uint64_t now_ms(void);
void *must(void *p);

/* A line that was read. */

void message(char *line, size_t len);

/* What is due; ms until more is, or -1. */

int run_laters(void);

/* Standard output, a whole line at once; blocks. */

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_bytes(const void *data, size_t len);

/* The result of a tool; text is a JSON string with its quotes. */

void answer(const char *id, size_t id_len, int modern, const char *text,
    size_t text_len);

/* ... of plain text. */

void answer_text(const call_t *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void answer_later(later_t *later);

/* What a request of ours was answered; text is JSON. */

void answer_asked(long number, const char *text, size_t len);

/* NULL: it was never asked to come later, or was answered. */

later_t *find_later(const mcp_str_t *id);
void forget_later(later_t *later);

long number_of(const mcp_json_tape_t *tape, uint32_t object, const char *name,
    long otherwise);
mcp_str_t raw_of(const mcp_json_tape_t *tape, uint32_t object,
    const char *name);

/* 0: there is no such tool. */

int run_tool(const call_t *call, const mcp_str_t *name);

/* All names, NULL behind the last. */

const char *tool_name(unsigned i);

void cancelled(const mcp_str_t *id);

/* A notification: to all that listen, or on its own. */

void tell(const char *method);

/* Processes that outlive their parent, in sessions of their own. */

void orphans(long n);
void tree(long depth, long width);


#endif /* STDIO_SERVER_H */
