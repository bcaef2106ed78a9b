
/* The JSON observer: the lexer, but only what is near the root, by name. */


#include "core.h"
#include "json.h"
#include "json_scan.h"


void
mcp_json_observe_init(mcp_json_observer_t *ob, unsigned watch,
    unsigned max_depth)
{
    mcp_json_init(&ob->lexer, max_depth);

    ob->escape = 0;
    ob->code = 0;
    memset(ob->key_len, 0, sizeof(ob->key_len));

    if (watch == 0) {
        watch = 1;
    }

    if (watch > MCP_JSON_WATCH_MAX) {
        watch = MCP_JSON_WATCH_MAX;
    }

    ob->watch = watch;
}


/* An overlong name counts on, so that its length never looks like one kept. */

static void
mcp_json_key_append(mcp_json_observer_t *ob, unsigned level,
    const unsigned char *p, size_t len)
{
    uint32_t  n;

    n = ob->key_len[level];

    if (n <= MCP_JSON_KEY_MAX && len <= MCP_JSON_KEY_MAX - n) {
        memcpy(ob->key[level] + n, p, len);
        ob->key_len[level] = n + (uint32_t) len;
        return;
    }

    ob->key_len[level] = (len > UINT32_MAX - n) ? UINT32_MAX
                                                : n + (uint32_t) len;
}


static void
mcp_json_key_code(mcp_json_observer_t *ob, unsigned level, uint32_t code)
{
    unsigned char  utf8[4];

    mcp_json_key_append(ob, level, utf8,
                        (size_t) (mcp_json_put_utf8(utf8, code) - utf8));
}


/* One byte of an escape that the end of the input cut; it is valid. */

static void
mcp_json_key_escape(mcp_json_observer_t *ob, unsigned level, unsigned c)
{
    unsigned char  byte;

    switch (ob->escape) {

    case MCP_JSON_AT_ESCAPE:

        if (c == 'u') {
            ob->escape = MCP_JSON_AT_HEX;
            return;
        }

        byte = mcp_json_escaped(c);
        mcp_json_key_append(ob, level, &byte, 1);
        ob->escape = MCP_JSON_AT_START;
        return;

    case MCP_JSON_AT_PAIR:
    case MCP_JSON_AT_PAIR_U:
        ob->escape++;
        return;

    default:
        ob->code = ob->code << 4 | mcp_json_hex(c);
        ob->escape++;
    }

    if (ob->escape == MCP_JSON_AT_HEX + 4) {

        if ((ob->code & 0xf800) == 0xd800) {
            ob->escape = MCP_JSON_AT_PAIR;
            return;
        }

        mcp_json_key_code(ob, level, ob->code);
        ob->escape = MCP_JSON_AT_START;

    } else if (ob->escape == MCP_JSON_AT_LOW + 4) {

        mcp_json_key_code(ob, level, 0x10000 + ((ob->code >> 16 & 0x3ff) << 10
                                                | (ob->code & 0x3ff)));
        ob->escape = MCP_JSON_AT_START;
    }
}


static void
mcp_json_key_piece(mcp_json_observer_t *ob, const mcp_json_token_t *tok)
{
    unsigned              level;
    const unsigned char  *p, *q, *end;

    level = tok->depth - 1;
    p = tok->start;
    end = tok->end;

    if (tok->first && tok->last && !tok->escaped) {
        ob->key_len[level] = 0;
        mcp_json_key_append(ob, level, p + 1, (size_t) (end - p) - 2);
        return;
    }

    if (tok->first) {
        ob->key_len[level] = 0;
        ob->escape = MCP_JSON_AT_START;
        p++;
    }

    if (tok->last) {
        end--;
    }

    while (p < end) {

        if (ob->escape != MCP_JSON_AT_START) {
            mcp_json_key_escape(ob, level, *p++);
            continue;
        }

        q = memchr(p, '\\', (size_t) (end - p));
        if (q == NULL) {
            q = end;
        }

        mcp_json_key_append(ob, level, p, (size_t) (q - p));
        p = q;

        if (p < end) {
            ob->escape = MCP_JSON_AT_ESCAPE;
            ob->code = 0;
            p++;
        }
    }
}


int
mcp_json_observe(mcp_json_observer_t *ob, const unsigned char **p,
    const unsigned char *end, mcp_json_token_t *tok)
{
    int  rc;

    rc = mcp_json_observe_step(&ob->lexer, p, end, tok, ob->watch);

    if (rc != MCP_OK) {
        return rc;
    }

    switch (tok->type) {

    case MCP_JSON_KEY:
        mcp_json_key_piece(ob, tok);
        break;

    case MCP_JSON_OBJECT:
    case MCP_JSON_OBJECT_END:
    case MCP_JSON_ARRAY:
    case MCP_JSON_ARRAY_END:

        /* what is in it has no name yet, or no more */

        if (tok->depth < ob->watch) {
            ob->key_len[tok->depth] = 0;
        }

        break;

    default:
        break;
    }

    return MCP_OK;
}
