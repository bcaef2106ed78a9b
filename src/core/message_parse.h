
/* What the parts of the message parser share.  Private to message*.c. */


#ifndef MCP_MESSAGE_PARSE_H
#define MCP_MESSAGE_PARSE_H


#include "message.h"


/* Words of the protocol, shortest first; the last has a len of 255. */

typedef struct {
    uint8_t               len;
    uint8_t               id;
    const char           *text;
} mcp_word_t;


extern const mcp_word_t  mcp_top_words[];
extern const mcp_word_t  mcp_params_words[];
extern const mcp_word_t  mcp_meta_words[];
extern const mcp_word_t  mcp_ref_words[];
extern const mcp_word_t  mcp_method_words[];


enum {
    MCP_TOP_ID = 1,
    MCP_TOP_JSONRPC,
    MCP_TOP_METHOD,
    MCP_TOP_PARAMS,
    MCP_TOP_RESULT,
    MCP_TOP_ERROR,
    MCP_TOP_WORDS
};


/* OTHER: read elsewhere in the gateway, or by backends. */

enum {
    MCP_PARAMS_META = 1,
    MCP_PARAMS_NAME,
    MCP_PARAMS_URI,
    MCP_PARAMS_ARGUMENTS,
    MCP_PARAMS_CURSOR,
    MCP_PARAMS_REF,
    MCP_PARAMS_TASK_ID,
    MCP_PARAMS_REQUEST_ID,
    MCP_PARAMS_VERSION,
    MCP_PARAMS_CAPABILITIES,
    MCP_PARAMS_CLIENT_INFO,
    MCP_PARAMS_STATE,
    MCP_PARAMS_NOTIFICATIONS,
    MCP_PARAMS_OTHER,
    MCP_PARAMS_WORDS
};


enum {
    MCP_META_TOKEN = 1,
    MCP_META_VERSION,
    MCP_META_CAPABILITIES,
    MCP_META_CLIENT_INFO,
    MCP_META_OTHER,
    MCP_META_WORDS
};


enum {
    MCP_REF_TYPE = 1,
    MCP_REF_NAME,
    MCP_REF_URI,
    MCP_REF_WORDS
};


typedef struct {
    mcp_message_t        *m;
    mcp_arena_t          *arena;
    mcp_fault_t          *fault;
    uint32_t              odd;       /* a name that is almost a word, */
    const char           *word;      /* and that word */
} mcp_parse_t;


/* The id of the word that these bytes are; 0: of none. */

unsigned mcp_word_find(const mcp_word_t *words, const unsigned char *p,
    size_t len);

/* The word that a name, itself none, could be taken for, or NULL. */

const char *mcp_word_almost(const mcp_word_t *words, const unsigned char *p,
    size_t len);


/*
 * The values of an object's members by the words that name them; value[] has
 * room for all words, zeroed.  The first name that is almost a word is kept
 * in ps->odd.  MCP_OK or MCP_NOMEM.
 */

int mcp_parse_members(mcp_parse_t *ps, const mcp_word_t *words,
    uint32_t object, uint32_t *value) MCP_MUSTCHECK;

/* The params and what they hold; params 0: absent. */

int mcp_parse_params(mcp_parse_t *ps, uint32_t params) MCP_MUSTCHECK;


/*
 * These fill ps->fault, and give MCP_ERROR or MCP_NOMEM.  The text ends
 * without a full stop; detail and expected may be NULL.
 */

int mcp_parse_refuse(mcp_parse_t *ps, int code, const char *what_is_wrong,
    const char *detail, uint64_t position, const char *expected)
    MCP_MUSTCHECK;
int mcp_parse_refuse_node(mcp_parse_t *ps, int code,
    const char *what_is_wrong, uint32_t node, const char *expected)
    MCP_MUSTCHECK;
int mcp_parse_refuse_odd(mcp_parse_t *ps) MCP_MUSTCHECK;


static inline unsigned
mcp_parse_type(const mcp_parse_t *ps, uint32_t node)
{
    return ps->m->tape.node[node].type;
}


static inline int
mcp_parse_is_id(const mcp_parse_t *ps, uint32_t node)
{
    return mcp_parse_type(ps, node) == MCP_JSON_STRING
           || mcp_parse_type(ps, node) == MCP_JSON_NUMBER;
}


#endif /* MCP_MESSAGE_PARSE_H */
