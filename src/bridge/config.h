
/* What the two files that read mcp.json share. */


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


#endif /* MCP_BRIDGE_CONFIG_H */
