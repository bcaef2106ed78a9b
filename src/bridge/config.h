
/* What the files that read mcp.json share. */


#ifndef MCP_BRIDGE_CONFIG_H
#define MCP_BRIDGE_CONFIG_H


#include "bridge.h"


typedef struct {
    const char           *file;
    mb_conf_t            *conf;
    unsigned char        *text;
    size_t                len;
    mcp_json_tape_t       tape;
    char                  root[512];   /* names of servers without a user */
} mb_reader_t;


/* One server while it is read. */

typedef struct {
    mb_reader_t          *rd;
    mb_entry_t           *entry;
    uint32_t              command;   /* nodes; 0: not given */
    uint32_t              args;
    uint32_t              env;
    unsigned              unknown;   /* keys so far */
} mb_reading_t;


unsigned mb_conf_line(const mb_reader_t *rd, uint32_t node);
unsigned mb_conf_line_at(const mb_reader_t *rd, size_t offset);

/* Both return MCP_ERROR; line 0: of the file as a whole. */

int mb_conf_error(mb_reader_t *rd, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int mb_conf_nomem(mb_reader_t *rd);

/* A string of the file; expand: with ${NAME}.  NULL: the error is said. */

char *mb_conf_string(mb_reader_t *rd, uint32_t node);
char *mb_conf_expand(mb_reader_t *rd, uint32_t node);

/* config_entry.c: one server; name is its node in "mcpServers" */

int mb_conf_entry(mb_reader_t *rd, mb_entry_t *entry, uint32_t name)
    MCP_MUSTCHECK;

unsigned mb_conf_type(mb_reading_t *r, uint32_t node);

/* Whether it is this string. */

int mb_conf_is(mb_reading_t *r, uint32_t node, const char *s);

/* Returns MCP_ERROR; what: the server's name stands before it. */

int mb_conf_wrong(mb_reading_t *r, uint32_t node, const char *what);

/* config_keys.c: one key, its value is the node behind it */

int mb_conf_key(mb_reading_t *r, uint32_t key) MCP_MUSTCHECK;


#endif /* MCP_BRIDGE_CONFIG_H */
