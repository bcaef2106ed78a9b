
/* The few members of a list answer that matter, found without a tape. */


#include "page.h"
#include "json.h"


#define MCP_PAGE_DIGITS  18


enum {
    MCP_PAGE_ARRAY = 1,
    MCP_PAGE_CURSOR = 2,
    MCP_PAGE_TTL = 4,
    MCP_PAGE_ERROR = 8
};


/* A whole number that fits; others are as if they were not there. */

static int
mcp_page_number(const mcp_json_token_t *tok, int64_t *out)
{
    int                   minus;
    int64_t               n;
    const unsigned char  *p;

    p = tok->start;
    minus = (p < tok->end && *p == '-');
    p += minus;

    if (tok->end == p || tok->end - p > MCP_PAGE_DIGITS) {
        return MCP_NONE;
    }

    for (n = 0; p < tok->end; p++) {
        if (*p < '0' || *p > '9') {
            return MCP_NONE;
        }

        n = n * 10 + (*p - '0');
    }

    *out = minus ? -n : n;

    return MCP_OK;
}


/* The bit of the member that a token of depth 2 is the value of; 0: none. */

static unsigned
mcp_page_member(const mcp_json_observer_t *ob, const mcp_json_token_t *tok,
    const char *name, size_t name_len)
{
    if (mcp_json_at(ob, 1, "error")) {
        return (mcp_json_at(ob, 2, "code") && tok->type == MCP_JSON_NUMBER)
               ? MCP_PAGE_ERROR : 0;
    }

    if (!mcp_json_at(ob, 1, "result")) {
        return 0;
    }

    if (ob->key_len[1] == name_len && memcmp(ob->key[1], name, name_len) == 0)
    {
        return (tok->type == MCP_JSON_ARRAY
                || tok->type == MCP_JSON_ARRAY_END) ? MCP_PAGE_ARRAY : 0;
    }

    if (mcp_json_at(ob, 2, "nextCursor")) {
        return tok->type == MCP_JSON_STRING ? MCP_PAGE_CURSOR : 0;
    }

    if (mcp_json_at(ob, 2, "ttlMs")) {
        return tok->type == MCP_JSON_NUMBER ? MCP_PAGE_TTL : 0;
    }

    return 0;
}


int
mcp_page_read(mcp_page_t *page, const unsigned char *text, size_t len,
    const char *name, size_t name_len)
{
    int                   rc;
    unsigned              seen, bit;
    const unsigned char  *p, *end;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;

    memset(page, 0, sizeof(mcp_page_t));
    page->ttl_ms = -1;

    mcp_json_observe_init(&ob, 2, MCP_JSON_DEPTH_MAX);

    seen = 0;
    p = text;
    end = text + len;

    while ((rc = mcp_json_observe(&ob, &p, end, &tok)) == MCP_OK) {

        if (tok.depth != 2 || tok.type == MCP_JSON_KEY) {
            continue;
        }

        bit = mcp_page_member(&ob, &tok, name, name_len);

        if (bit == MCP_PAGE_ARRAY && tok.type == MCP_JSON_ARRAY_END) {
            page->array.len = (size_t) (tok.end - page->array.data);
            continue;
        }

        if (seen & bit) {
            return MCP_ERROR;
        }

        seen |= bit;

        switch (bit) {

        case MCP_PAGE_ARRAY:
            page->array.data = (unsigned char *) tok.start;
            break;

        case MCP_PAGE_CURSOR:
            page->cursor.data = (unsigned char *) tok.start;
            page->cursor.len = (size_t) (tok.end - tok.start);
            break;

        case MCP_PAGE_TTL:
            if (mcp_page_number(&tok, &page->ttl_ms) != MCP_OK
                || page->ttl_ms < 0)
            {
                page->ttl_ms = -1;
            }
            break;

        case MCP_PAGE_ERROR:
            page->error = 1;
            (void) mcp_page_number(&tok, &page->error_code);
            break;

        default:
            break;
        }
    }

    if (rc == MCP_ERROR || mcp_json_observe_finish(&ob) != MCP_OK) {
        return MCP_ERROR;
    }

    return MCP_OK;
}
