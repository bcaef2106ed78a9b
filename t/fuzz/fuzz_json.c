
/*
 * JSON: the lexer, the observer and the tape must agree with themselves
 * whatever the pieces, with each other, and with jansson.
 *
 * All of the input is the text; its length chooses the limit of the depth.
 */


#include "core.h"
#include "../unit/json_feed.h"

#include <jansson.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* Names are looked up, text unescaped, as jansson has it, if it does. */

static void
same_value(const mcp_json_tape_t *tape, mcp_arena_t *arena, uint32_t node,
    json_t *json)
{
    char                   *text;
    int64_t                 n;
    uint32_t                i;
    mcp_str_t               str, raw;
    const mcp_json_node_t  *nd;

    nd = &tape->node[node];

    switch (nd->type) {

    case MCP_JSON_OBJECT:
        FEED_CHECK(json_is_object(json));
        FEED_CHECK(json_object_size(json) == nd->count);

        for (i = mcp_json_first(tape, node); i != 0 && i < nd->next;
             i = tape->node[i].next)
        {
            FEED_CHECK(tape->node[i].type == MCP_JSON_KEY);
            FEED_CHECK(mcp_json_unescape(tape, i, arena, &str) == MCP_OK);
            FEED_CHECK(mcp_json_equals(tape, i, str.data, str.len));
            FEED_CHECK(mcp_json_member(tape, node, (char *) str.data, str.len)
                       == i + 1);

            text = (char *) mcp_memdup(arena, str.data, str.len);
            FEED_CHECK(text != NULL);

            same_value(tape, arena, i + 1, json_object_get(json, text));
        }

        return;

    case MCP_JSON_ARRAY:
        FEED_CHECK(json_is_array(json));
        FEED_CHECK(json_array_size(json) == nd->count);

        i = mcp_json_first(tape, node);

        for (n = 0; n < nd->count; n++) {
            same_value(tape, arena, i, json_array_get(json, (size_t) n));
            i = tape->node[i].next;
        }

        FEED_CHECK(nd->count == 0 || i == nd->next);
        return;

    case MCP_JSON_STRING:
        FEED_CHECK(json_is_string(json));
        FEED_CHECK(mcp_json_unescape(tape, node, arena, &str) == MCP_OK);
        FEED_CHECK(json_string_length(json) == str.len);
        FEED_CHECK(memcmp(json_string_value(json), str.data, str.len) == 0);
        FEED_CHECK(mcp_json_equals(tape, node, str.data, str.len));
        return;

    case MCP_JSON_NUMBER:
        FEED_CHECK(json_is_number(json));
        raw = mcp_json_raw(tape, node);

        if (json_is_integer(json)) {
            FEED_CHECK(mcp_json_integer(tape, node, &n) == MCP_OK);
            FEED_CHECK(n == (int64_t) json_integer_value(json));

        } else {
            FEED_CHECK(mcp_json_integer(tape, node, &n) == MCP_NONE);
            text = (char *) mcp_memdup(arena, raw.data, raw.len);
            FEED_CHECK(text != NULL);
            FEED_CHECK(strtod(text, NULL) == json_real_value(json));
        }

        return;

    case MCP_JSON_TRUE:
        FEED_CHECK(json_is_true(json));
        return;

    case MCP_JSON_FALSE:
        FEED_CHECK(json_is_false(json));
        return;

    default:
        FEED_CHECK(nd->type == MCP_JSON_NULL && json_is_null(json));
    }
}


/* A NUL in a name: jansson has none such ("NUL byte in object key"). */

static int
has_nul_name(const mcp_json_tape_t *tape, mcp_arena_t *arena)
{
    uint32_t   i;
    mcp_str_t  name;

    for (i = 0; i < tape->nodes; i++) {

        if (tape->node[i].type != MCP_JSON_KEY) {
            continue;
        }

        FEED_CHECK(mcp_json_unescape(tape, i, arena, &name) == MCP_OK);

        if (name.len > 0 && memchr(name.data, '\0', name.len) != NULL) {
            return 1;
        }
    }

    return 0;
}


static void
same_as_jansson(int rc, const mcp_json_tape_t *tape, mcp_arena_t *arena,
    const unsigned char *text, size_t len)
{
    json_t                *json;
    json_error_t           error;
    enum json_error_code   code;

    json = json_loadb((const char *) text, len,
                      JSON_DECODE_ANY|JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL,
                      &error);

    if (json != NULL) {

        /*
         * What jansson takes is refused for its depth only, or for a NUL
         * behind a number or literal: jansson puts that byte back into a
         * buffer which it takes to be empty at a NUL.
         */

        if (rc == MCP_OK) {
            same_value(tape, arena, 0, json);

        } else {
            FEED_CHECK(strcmp(tape->error.text, "nested too deeply") == 0
                       || (tape->error.offset < len
                           && text[tape->error.offset] == '\0'));
        }

        json_decref(json);
        return;
    }

    if (rc == MCP_ERROR) {
        return;
    }

    code = json_error_code(&error);

    /*
     * Numbers are not converted here, so none is too large; and a name may
     * have a NUL in it, as RFC 8259 allows.
     */

    if (code == json_error_null_byte_in_key) {
        FEED_CHECK(has_nul_name(tape, arena));
        return;
    }

    FEED_CHECK(code == json_error_numeric_overflow);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc;
    unsigned          depth;
    feed_list_t       list;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;

    depth = (size % 4 == 3) ? (unsigned) (size / 4 % 16) : MCP_JSON_DEPTH_MAX;
    arena = mcp_arena_create();
    FEED_CHECK(arena != NULL);

    rc = feed_all_ways(&list, &tape, arena, data, size, depth, 2);

    same_as_jansson(rc, &tape, arena, data, size);

    feed_free(&list);
    mcp_arena_destroy(arena);

    return 0;
}
