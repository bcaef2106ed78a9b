
/* The names that the protocol uses, and names that only look like them. */


#include "message_parse.h"


#define MCP_WORD_MAX  64         /* bytes of the longest word below, at least */

#define MCP_RESERVED      "io.modelcontextprotocol/"
#define MCP_RESERVED_LEN  (sizeof(MCP_RESERVED) - 1)


#define mcp_word(id, s)   { sizeof(s) - 1, id, s }
#define mcp_word_end      { 255, 0, NULL }


const mcp_word_t  mcp_top_words[] = {
    mcp_word(MCP_TOP_ID, "id"),
    mcp_word(MCP_TOP_ERROR, "error"),
    mcp_word(MCP_TOP_METHOD, "method"),
    mcp_word(MCP_TOP_PARAMS, "params"),
    mcp_word(MCP_TOP_RESULT, "result"),
    mcp_word(MCP_TOP_JSONRPC, "jsonrpc"),
    mcp_word_end
};


const mcp_word_t  mcp_params_words[] = {
    mcp_word(MCP_PARAMS_REF, "ref"),
    mcp_word(MCP_PARAMS_URI, "uri"),
    mcp_word(MCP_PARAMS_NAME, "name"),
    mcp_word(MCP_PARAMS_META, "_meta"),
    mcp_word(MCP_PARAMS_OTHER, "level"),
    mcp_word(MCP_PARAMS_CURSOR, "cursor"),
    mcp_word(MCP_PARAMS_TASK_ID, "taskId"),
    mcp_word(MCP_PARAMS_OTHER, "argument"),
    mcp_word(MCP_PARAMS_ARGUMENTS, "arguments"),
    mcp_word(MCP_PARAMS_REQUEST_ID, "requestId"),
    mcp_word(MCP_PARAMS_CLIENT_INFO, "clientInfo"),
    mcp_word(MCP_PARAMS_CAPABILITIES, "capabilities"),
    mcp_word(MCP_PARAMS_STATE, "requestState"),
    mcp_word(MCP_PARAMS_NOTIFICATIONS, "notifications"),
    mcp_word(MCP_PARAMS_OTHER, "progressToken"),
    mcp_word(MCP_PARAMS_OTHER, "inputResponses"),
    mcp_word(MCP_PARAMS_VERSION, "protocolVersion"),
    mcp_word_end
};


const mcp_word_t  mcp_meta_words[] = {
    mcp_word(MCP_META_TOKEN, "progressToken"),
    mcp_word(MCP_META_OTHER, MCP_RESERVED "logLevel"),
    mcp_word(MCP_META_CLIENT_INFO, MCP_RESERVED "clientInfo"),
    mcp_word(MCP_META_OTHER, MCP_RESERVED "serverInfo"),
    mcp_word(MCP_META_OTHER, MCP_RESERVED "related-task"),
    mcp_word(MCP_META_OTHER, MCP_RESERVED "subscriptionId"),
    mcp_word(MCP_META_VERSION, MCP_RESERVED "protocolVersion"),
    mcp_word(MCP_META_CAPABILITIES, MCP_RESERVED "clientCapabilities"),
    mcp_word_end
};


const mcp_word_t  mcp_ref_words[] = {
    mcp_word(MCP_REF_URI, "uri"),
    mcp_word(MCP_REF_NAME, "name"),
    mcp_word(MCP_REF_TYPE, "type"),
    mcp_word_end
};


const mcp_word_t  mcp_method_words[] = {
    mcp_word(MCP_PING, "ping"),
    mcp_word(MCP_TASKS_GET, "tasks/get"),
    mcp_word(MCP_TOOLS_CALL, "tools/call"),
    mcp_word(MCP_TOOLS_LIST, "tools/list"),
    mcp_word(MCP_INITIALIZE, "initialize"),
    mcp_word(MCP_PROMPTS_GET, "prompts/get"),
    mcp_word(MCP_PROMPTS_LIST, "prompts/list"),
    mcp_word(MCP_TASKS_UPDATE, "tasks/update"),
    mcp_word(MCP_TASKS_CANCEL, "tasks/cancel"),
    mcp_word(MCP_RESOURCES_READ, "resources/read"),
    mcp_word(MCP_RESOURCES_LIST, "resources/list"),
    mcp_word(MCP_DISCOVER, "server/discover"),
    mcp_word(MCP_SET_LEVEL, "logging/setLevel"),
    mcp_word(MCP_COMPLETE, "completion/complete"),
    mcp_word(MCP_RESOURCES_SUBSCRIBE, "resources/subscribe"),
    mcp_word(MCP_LISTEN, "subscriptions/listen"),
    mcp_word(MCP_RESOURCES_UNSUBSCRIBE, "resources/unsubscribe"),
    mcp_word(MCP_PROGRESS, "notifications/progress"),
    mcp_word(MCP_CANCELLED, "notifications/cancelled"),
    mcp_word(MCP_TEMPLATES_LIST, "resources/templates/list"),
    mcp_word(MCP_INITIALIZED, "notifications/initialized"),
    mcp_word(MCP_ROOTS_CHANGED, "notifications/roots/list_changed"),
    mcp_word_end
};


unsigned
mcp_word_find(const mcp_word_t *words, const unsigned char *p, size_t len)
{
    const mcp_word_t  *w;

    if (len > MCP_WORD_MAX) {
        return 0;
    }

    for (w = words; w->len < len; w++) { /* void */ }

    for ( /* void */ ; w->len == len; w++) {
        if (mcp_equal(w->text, p, len)) {
            return w->id;
        }
    }

    return 0;
}


/*
 * Lower case, as other JSON parsers may compare names: simple case folding
 * maps two characters beyond ASCII to letters of ASCII, U+017F (long s) and
 * U+212A (Kelvin sign).  U+0000 is left out; *cut is the length at the first
 * one, where a parser with C strings sees the end.  More than MCP_WORD_MAX
 * bytes are not written, but counted once: no word is as long.
 */

static size_t
mcp_word_fold(unsigned char *out, const unsigned char *p, size_t len,
    size_t *cut)
{
    size_t                n;
    unsigned char         c;
    const unsigned char  *end;

    n = 0;
    *cut = MCP_WORD_MAX + 1;

    for (end = p + len; p < end; p++) {

        c = *p;

        if (c == '\0') {
            if (*cut > n) {
                *cut = n;
            }

            continue;
        }

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;

        } else if (c == 0xc5 && end - p > 1 && p[1] == 0xbf) {
            c = 's';
            p++;

        } else if (c == 0xe2 && end - p > 2 && p[1] == 0x84 && p[2] == 0xaa) {
            c = 'k';
            p += 2;
        }

        if (n == MCP_WORD_MAX) {
            return MCP_WORD_MAX + 1;
        }

        out[n++] = c;
    }

    return n;
}


static const char *
mcp_word_folded(const mcp_word_t *w, const unsigned char *p, size_t len)
{
    char    c;
    size_t  i;

    if (len > MCP_WORD_MAX) {
        return NULL;
    }

    while (w->len < len) {
        w++;
    }

    for ( /* void */ ; w->len == len; w++) {

        for (i = 0; i < len; i++) {
            c = w->text[i];

            if (p[i] != (unsigned char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c))
            {
                break;
            }
        }

        if (i == len) {
            return w->text;
        }
    }

    return NULL;
}


const char *
mcp_word_almost(const mcp_word_t *words, const unsigned char *p, size_t len)
{
    size_t         n, cut;
    const char    *word;
    unsigned char  folded[MCP_WORD_MAX] = { 0 };

    n = mcp_word_fold(folded, p, len, &cut);

    word = mcp_word_folded(words, folded, n);

    if (word == NULL && cut < n) {
        word = mcp_word_folded(words, folded, cut);
    }

    if (word == NULL && words == mcp_meta_words
        && n >= MCP_RESERVED_LEN
        && memcmp(folded, MCP_RESERVED, MCP_RESERVED_LEN) == 0
        && memcmp(p, MCP_RESERVED, MCP_RESERVED_LEN) != 0)
    {
        return MCP_RESERVED;
    }

    return word;
}
