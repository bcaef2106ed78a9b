
/* What the tests of messages share: an arena, and messages read in it. */


#ifndef T_MSG_H
#define T_MSG_H


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>

#include "message.h"
#include "oom.h"


#define MSG_DEPTH  64

#define RESERVED   "io.modelcontextprotocol/"

/* the _meta of a well-behaved modern client */

#define META       "\"_meta\":{\"" RESERVED "protocolVersion\":"              \
                   "\"2026-07-28\",\"" RESERVED "clientCapabilities\":{}}"


typedef struct msg_text_s  msg_text_t;

struct msg_text_s {
    msg_text_t           *next;
    unsigned char         text[];
};


static mcp_arena_t    *arena;
static msg_text_t     *msg_texts;
static mcp_fault_t     fault;
static mcp_message_t   m;


static inline int
setup(void **state)
{
    arena = mcp_arena_create();
    return arena == NULL;
}


static inline int
teardown(void **state)
{
    msg_text_t  *t;

    while (msg_texts != NULL) {
        t = msg_texts;
        msg_texts = t->next;
        free(t);
    }

    mcp_arena_destroy(arena);

    return 0;
}


/* A copy with nothing behind it, so that a sanitizer sees what reads on. */

static inline unsigned char *
msg_copy(const void *text, size_t len)
{
    msg_text_t  *t;

    t = malloc(sizeof(msg_text_t) + len);
    assert_non_null(t);

    t->next = msg_texts;
    msg_texts = t;

    return len ? memcpy(t->text, text, len) : t->text;
}


/* Reads a message to m and fault. */

static inline int
parse_bytes(const void *text, size_t len)
{
    return mcp_message_parse(&m, arena, msg_copy(text, len), len, MSG_DEPTH,
                             &fault);
}


static inline int
parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}


static inline void
parse_ok(const char *text)
{
    int  rc;

    rc = parse(text);

    if (rc != MCP_OK) {
        fail_msg("%d \"%.*s\" for %s", rc, (int) fault.message.len,
                 (char *) fault.message.data, text);
    }
}


/* Formats a text that lives as long as the arena. */

static inline char * __attribute__((format(printf, 1, 2)))
fmt(const char *format, ...)
{
    int       n;
    char     *text;
    va_list   args;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);

    text = mcp_alloc(arena, (size_t) n + 1);
    assert_non_null(text);

    va_start(args, format);
    (void) vsnprintf(text, (size_t) n + 1, format, args);
    va_end(args);

    return text;
}


/* The member of the fault's data, which must be valid JSON. */

static inline const json_t *
fault_data(const char *member)
{
    char    *name;
    json_t  *data, *value;

    static json_t  *last;

    json_decref(last);
    last = NULL;

    data = json_loadb((char *) fault.data.data, fault.data.len, 0, NULL);

    if (data == NULL) {
        fail_msg("data is no JSON: %.*s", (int) fault.data.len,
                 (char *) fault.data.data);
    }

    name = strdup(member);
    value = json_object_get(data, name);
    free(name);

    last = json_incref(value);
    json_decref(data);

    return last;
}


static inline void
fault_forget(void)
{
    memset(&fault, 0, sizeof(fault));
    mcp_str_set(&fault.data, "{}");
    (void) fault_data("");
}


/* That it is refused so, in words for people and with data for programs. */

static inline void
refused_bytes(const void *text, size_t len, int code, unsigned status)
{
    int  rc;

    rc = parse_bytes(text, len);

    if (rc != MCP_ERROR || fault.code != code || fault.status != status) {
        fail_msg("got %d: %d %u \"%.*s\", not %d %u, for %.*s", rc,
                 fault.code, fault.status, (int) fault.message.len,
                 (char *) fault.message.data, code, status,
                 (int) (len < 300 ? len : 300), (char *) text);
    }

    assert_true(fault.message.len > 10);
    assert_true(json_is_integer(fault_data("position")));
    assert_true(json_integer_value(fault_data("position"))
                <= (json_int_t) len);
}


static inline void
refused(const char *text, int code, unsigned status)
{
    refused_bytes(text, strlen(text), code, status);
}


static inline int
same(const mcp_str_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


#define assert_str(s, text)                                                   \
    do {                                                                      \
        if (!same(s, text)) {                                                 \
            fail_msg("\"%.*s\", not \"%s\"", (int) (s)->len,                  \
                     (char *) (s)->data, text);                               \
        }                                                                     \
    } while (0)


#define msg_test(function)                                                    \
    cmocka_unit_test_setup_teardown(function, setup, teardown)


#endif /* T_MSG_H */
