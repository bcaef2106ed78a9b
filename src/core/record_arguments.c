
/* What of a call's arguments goes into the audit trail. */


#include "record.h"


#define MCP_REDACTED     "\"[redacted]\""
#define MCP_REDACT_NAME  512             /* bytes of an escaped name that are
                                            looked at */


static unsigned char
redact_lower(unsigned char ch)
{
    return (unsigned char) (ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);
}


/* No backtracking but to the last star: at worst len times the glob's. */

int
mcp_redact_match(const mcp_str_t *glob, const unsigned char *name, size_t len)
{
    size_t  i, n, star, from;

    i = 0;
    n = 0;
    star = SIZE_MAX;
    from = 0;

    while (n < len) {

        if (i < glob->len && glob->data[i] == '*') {
            star = i++;
            from = n;
            continue;
        }

        if (i < glob->len
            && redact_lower(glob->data[i]) == redact_lower(name[n]))
        {
            i++;
            n++;
            continue;
        }

        if (star == SIZE_MAX) {
            return 0;
        }

        i = star + 1;
        n = ++from;
    }

    while (i < glob->len && glob->data[i] == '*') {
        i++;
    }

    return i == glob->len;
}


static int
redact_name(const mcp_redact_t *redact, const mcp_json_tape_t *tape,
    const mcp_json_node_t *nd)
{
    size_t                len;
    unsigned              i;
    unsigned char         text[MCP_REDACT_NAME];
    const unsigned char  *name;

    name = tape->text + nd->start;
    len = nd->len;

    if (nd->escaped) {

        /* nobody needs to hide a name that is longer: its value is hidden */

        if (len > sizeof(text)) {
            return 1;
        }

        len = (size_t) (mcp_json_decode(text, name, name + len) - text);
        name = text;
    }

    for (i = 0; i < redact->n; i++) {
        if (mcp_redact_match(&redact->glob[i], name, len)) {
            return 1;
        }
    }

    return 0;
}


/* The bytes of an offset in the text, which are never within a character. */

static size_t
arguments_cut(const unsigned char *p, size_t len)
{
    if (len <= MCP_RECORD_ARGUMENTS) {
        return len;
    }

    len = MCP_RECORD_ARGUMENTS;

    while (len > 0 && (p[len] & 0xc0) == 0x80) {
        len--;
    }

    return len;
}


int
mcp_record_arguments(mcp_record_t *rec, const mcp_json_tape_t *tape,
    uint32_t node, const mcp_redact_t *redact, mcp_arena_t *arena)
{
    size_t                 from;
    uint32_t               i, end;
    mcp_str_t              raw, value;
    mcp_buf_t              b;
    const mcp_json_node_t  *nd;

    raw = mcp_json_raw(tape, node);

    rec->arguments = raw;
    rec->arguments_len = raw.len;

    from = (size_t) (raw.data - tape->text);
    end = tape->node[node].next;
    mcp_buf_init(&b, arena, 0);

    for (i = node + 1; redact->n != 0 && i < end; /* void */ ) {

        nd = &tape->node[i];

        /* what lies behind the cut is not written anyway */

        if (b.len + (nd->start - from) > MCP_RECORD_ARGUMENTS) {
            break;
        }

        if (nd->type != MCP_JSON_KEY || !redact_name(redact, tape, nd)) {
            i++;
            continue;
        }

        value = mcp_json_raw(tape, i + 1);

        mcp_buf_append(&b, tape->text + from,
                       (size_t) (value.data - (tape->text + from)));
        mcp_buf_literal(&b, MCP_REDACTED);

        from = (size_t) (value.data + value.len - tape->text);
        rec->redacted = 1;
        i = nd->next;
    }

    if (rec->redacted) {
        value.data = (unsigned char *) tape->text + from;
        value.len = (size_t) (raw.data + raw.len - value.data);

        if (value.len > MCP_RECORD_ARGUMENTS + 4) {
            value.len = MCP_RECORD_ARGUMENTS + 4;
        }

        mcp_buf_str(&b, &value);

        if (b.failed) {
            return MCP_NOMEM;
        }

        rec->arguments.data = b.data;
        rec->arguments.len = b.len;
    }

    value.len = arguments_cut(rec->arguments.data, rec->arguments.len);

    if (value.len < rec->arguments.len) {
        rec->arguments.len = value.len;
        rec->cut = 1;
    }

    return MCP_OK;
}
