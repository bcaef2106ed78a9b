
/*
 * A message from a client: what is accepted is JSON by another parser too and
 * holds what its fields say; headers made from it agree with it; what is
 * forwarded of it is again a message, with just the changes that were asked
 * for.
 *
 * Input: a byte that chooses eras and headers, then the message.
 */


#include "forward.h"
#include "listen.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>


#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)

#define RESERVED      "io.modelcontextprotocol/"
#define RESERVED_LEN  (sizeof(RESERVED) - 1)

#define same(a, b)                                                            \
    ((a)->len == (b)->len && memcmp((a)->data, (b)->data, (a)->len) == 0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  top_words[] = {
    "jsonrpc", "id", "method", "params", "result", "error", NULL
};

static const char *const  params_words[] = {
    "name", "uri", "arguments", "_meta", "cursor", "ref", "argument",
    "requestId", "protocolVersion", "capabilities", "clientInfo",
    "inputResponses", "requestState", "level", "taskId", NULL
};

static const char *const  meta_words[] = {
    "progressToken", RESERVED "protocolVersion", RESERVED "clientInfo",
    RESERVED "clientCapabilities", RESERVED "logLevel", NULL
};

static const char *const  ref_words[] = { "type", "name", "uri", NULL };


/* --- names ---------------------------------------------------------------- */


/* Lower case of the character at p, its bytes at *n. */

static unsigned
lower(const unsigned char *p, size_t len, size_t *n)
{
    *n = 1;

    if (len >= 2 && memcmp(p, "\xc5\xbf", 2) == 0) {
        *n = 2;
        return 's';
    }

    if (len >= 3 && memcmp(p, "\xe2\x84\xaa", 3) == 0) {
        *n = 3;
        return 'k';
    }

    return (*p >= 'A' && *p <= 'Z') ? *p + 32u : *p;
}


/* Whether a lax parser takes the name for the word. */

static int
taken_for(const mcp_str_t *name, const char *word, int cut)
{
    size_t  i, n;
    char    c;

    for (i = 0; i < name->len; i += n) {

        if (name->data[i] == '\0') {
            if (cut) {
                break;
            }

            n = 1;
            continue;
        }

        c = *word++;

        if (c == '\0' || lower(name->data + i, name->len - i, &n)
                         != (unsigned) (c >= 'A' && c <= 'Z' ? c + 32 : c))
        {
            return 0;
        }
    }

    return *word == '\0';
}


static void
check_names(const mcp_message_t *m, mcp_arena_t *arena, uint32_t object,
    const char *const *words)
{
    uint32_t               key;
    mcp_str_t              name;
    const char *const     *w;
    const mcp_json_node_t *node;

    node = m->tape.node;

    for (key = mcp_json_first(&m->tape, object);
         key != 0 && key < node[object].next;
         key = node[key].next)
    {
        CHECK(mcp_json_unescape(&m->tape, key, arena, &name) == MCP_OK);

        for (w = words; *w != NULL; w++) {
            if (name.len == strlen(*w)
                && memcmp(name.data, *w, name.len) == 0)
            {
                continue;
            }

            CHECK(!taken_for(&name, *w, 0));
            CHECK(!taken_for(&name, *w, 1));
        }
    }
}


/* --- what was read -------------------------------------------------------- */


static void
check_fault(const mcp_fault_t *fault, size_t len)
{
    json_t  *data, *position;

    CHECK(fault->code == MCP_E_PARSE || fault->code == MCP_E_REQUEST
          || fault->code == MCP_E_PARAMS);
    CHECK(fault->status == 400
          || (fault->status == 200 && fault->code == MCP_E_PARAMS));
    CHECK(fault->message.len != 0);

    data = json_loadb((char *) fault->data.data, fault->data.len, 0, NULL);
    CHECK(data != NULL);

    position = json_object_get(data, "position");
    CHECK(json_is_integer(position));
    CHECK(json_integer_value(position) >= 0
          && (uint64_t) json_integer_value(position) <= len);
    json_decref(data);
}


/*
 * Another parser's opinion of the whole text; it converts numbers, cannot hold
 * U+0000 in names, and takes a NUL behind the text for its end.
 */

static void
check_json(const unsigned char *text, size_t len, int rc,
    const mcp_fault_t *fault)
{
    size_t         i, open;
    json_t        *json;
    json_error_t   error;

    for (open = 0, i = 0; i < len; i++) {
        open += (text[i] == '[' || text[i] == '{');
    }

    json = json_loadb((const char *) text, len,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL
                      | JSON_DECODE_ANY, &error);

    if (rc == MCP_OK) {
        CHECK(json_is_object(json)
              || json_error_code(&error) == json_error_numeric_overflow
              || json_error_code(&error) == json_error_null_byte_in_key);
        CHECK(json == NULL
              || strcmp(json_string_value(json_object_get(json, "jsonrpc")),
                        "2.0") == 0);

    } else if (fault->code == MCP_E_PARSE && open < MCP_JSON_DEPTH_MAX
               && memchr(text, '\0', len) == NULL)
    {
        CHECK(json == NULL);
    }

    json_decref(json);
}


static unsigned
type(const mcp_message_t *m, uint32_t node)
{
    CHECK(node < m->tape.nodes);

    return m->tape.node[node].type;
}


static int
is_id(const mcp_message_t *m, uint32_t node)
{
    return type(m, node) == MCP_JSON_STRING
           || type(m, node) == MCP_JSON_NUMBER;
}


static void
check_fields(const mcp_message_t *m, mcp_arena_t *arena)
{
    mcp_str_t  raw;

    check_names(m, arena, 0, top_words);

    CHECK((m->id.len != 0) == (m->id_node != 0));
    CHECK((m->id_node == 0) == (m->kind == MCP_NOTIFICATION));
    CHECK((m->method_name.len == 0) == (m->kind == MCP_RESPONSE));

    if (m->id_node != 0) {
        raw = mcp_json_raw(&m->tape, m->id_node);
        CHECK(is_id(m, m->id_node) && same(&raw, &m->id));
    }

    if (m->params != 0) {
        CHECK(type(m, m->params) == MCP_JSON_OBJECT);
        check_names(m, arena, m->params, params_words);
    }

    if (m->meta != 0) {
        CHECK(type(m, m->meta) == MCP_JSON_OBJECT);
        check_names(m, arena, m->meta, meta_words);
    }

    if (m->method == MCP_COMPLETE) {
        check_names(m, arena, mcp_json_get(&m->tape, m->params, "ref"),
                    ref_words);
    }

    CHECK(m->arguments == 0 || type(m, m->arguments) == MCP_JSON_OBJECT);
    CHECK(m->capabilities == 0
          || type(m, m->capabilities) == MCP_JSON_OBJECT);
    CHECK(m->client_info == 0 || type(m, m->client_info) == MCP_JSON_OBJECT);
    CHECK(m->cursor == 0 || type(m, m->cursor) == MCP_JSON_STRING);
    CHECK(m->version_node == 0 || type(m, m->version_node) == MCP_JSON_STRING);
    CHECK(m->progress_token == 0 || is_id(m, m->progress_token));
    CHECK(m->cancel_id == 0 || is_id(m, m->cancel_id));

    if (m->name_node != 0) {
        CHECK(mcp_json_equals(&m->tape, m->name_node, m->name.data,
                              m->name.len));
    }

    if (m->method == MCP_TOOLS_CALL || m->method == MCP_PROMPTS_GET
        || m->method == MCP_RESOURCES_READ || m->method == MCP_COMPLETE)
    {
        CHECK(m->name_node != 0);
    }
}


/* --- headers -------------------------------------------------------------- */


static int
modern_check(const mcp_message_t *m, const mcp_message_headers_t *h,
    mcp_arena_t *arena)
{
    int           rc;
    json_t       *data;
    mcp_fault_t   fault;

    memset(&fault, 0, sizeof(fault));
    rc = mcp_message_check_modern(m, h, arena, &fault);
    CHECK(rc == MCP_OK || rc == MCP_ERROR);

    if (rc == MCP_ERROR) {
        CHECK(fault.status == 400 && fault.message.len != 0);

        if (fault.data.len != 0) {
            data = json_loadb((char *) fault.data.data, fault.data.len,
                              JSON_ALLOW_NUL, NULL);
            CHECK(json_is_object(data));
            json_decref(data);
        }
    }

    return rc;
}


/* Headers as a good client makes them pass; with any of them wrong, none. */

static void
check_headers(const mcp_message_t *m, mcp_arena_t *arena, unsigned choice)
{
    int                    good;
    mcp_str_t              other;
    mcp_fault_t            fault;
    mcp_message_headers_t  h, wrong;

    memset(&h, 0, sizeof(h));
    CHECK(mcp_message_era(m, &h) == (m->version_node ? MCP_ERA_MODERN
                                                     : MCP_ERA_LEGACY));
    CHECK(mcp_message_check_legacy(m, &h, arena, &fault) == MCP_OK);

    h.version = m->version;
    h.method = m->method_name;

    if (m->name_node != 0) {
        CHECK(mcp_header_encode(&m->name, arena, &h.name) == MCP_OK);
    }

    (void) mcp_message_check_legacy(m, &h, arena, &fault);

    if (m->kind != MCP_REQUEST) {
        CHECK(modern_check(m, &h, arena)
              == (m->kind == MCP_RESPONSE ? MCP_ERROR : MCP_OK));
        return;
    }

    good = (m->version_node != 0 && m->capabilities != 0
            && mcp_str_is(&m->version, MCP_VERSION_MODERN));

    CHECK(modern_check(m, &h, arena) == (good ? MCP_OK : MCP_ERROR));

    mcp_str_set(&other, "x");
    wrong = h;

    switch (choice % 6) {
    case 0:
        wrong.version.data = NULL;
        break;
    case 1:
        wrong.version = other;
        break;
    case 2:
        wrong.method.data = NULL;
        break;
    case 3:
        wrong.method.len--;
        break;
    case 4:
        wrong.name.data = NULL;
        break;
    default:
        wrong.name = other;
    }

    if (choice % 6 >= 4
        && (m->name_node == 0 || mcp_str_is(&m->name, "x")
            || m->method == MCP_COMPLETE
            || m->method == MCP_RESOURCES_SUBSCRIBE
            || m->method == MCP_RESOURCES_UNSUBSCRIBE))
    {
        return;
    }

    CHECK(modern_check(m, &wrong, arena) == MCP_ERROR);
}


/* --- forwarding ----------------------------------------------------------- */


static int
take(void *data, const unsigned char *p, size_t len)
{
    CHECK(len != 0);
    mcp_buf_append(data, p, len);

    return MCP_OK;
}


static unsigned
reserved_members(const mcp_message_t *m, mcp_arena_t *arena)
{
    unsigned               n;
    uint32_t               key;
    mcp_str_t              name;
    const mcp_json_node_t *node;

    n = 0;
    node = m->tape.node;

    for (key = m->meta ? mcp_json_first(&m->tape, m->meta) : 0;
         key != 0 && key < node[m->meta].next;
         key = node[key].next)
    {
        CHECK(mcp_json_unescape(&m->tape, key, arena, &name) == MCP_OK);
        n += (name.len >= RESERVED_LEN
              && memcmp(name.data, RESERVED, RESERVED_LEN) == 0);
    }

    return n;
}


static unsigned
members(const mcp_message_t *m, uint32_t object)
{
    return object ? m->tape.node[object].count : 0;
}


static void
check_forwarded(const mcp_message_t *m, const mcp_forward_t *fw,
    const mcp_message_t *sent, mcp_arena_t *arena)
{
    unsigned   ours;
    mcp_str_t  raw, was;

    ours = 0;

    CHECK(sent->kind == MCP_REQUEST && sent->method == m->method);
    CHECK(same(&sent->id, &fw->id));

    if (m->name_node != 0) {
        CHECK(fw->name.data ? same(&sent->name, &fw->name)
                            : same(&sent->name, &m->name));
    }

    CHECK((sent->progress_token != 0) == (m->progress_token != 0));

    if (m->progress_token != 0 && fw->token.data != NULL) {
        raw = mcp_json_raw(&sent->tape, sent->progress_token);
        CHECK(same(&raw, &fw->token));
    }

    if (m->arguments != 0) {
        was = mcp_json_raw(&m->tape, m->arguments);
        raw = mcp_json_raw(&sent->tape, sent->arguments);
        CHECK(same(&raw, &was));
    }

    if (fw->client != fw->backend) {

        if (fw->backend == MCP_ERA_MODERN) {
            ours = fw->client_info.len ? 3 : 2;
            CHECK(sent->version_node != 0 && sent->meta != 0);
            CHECK(sent->capabilities != 0
                  && members(sent, sent->capabilities) == 0);
            CHECK((sent->client_info != 0) == (fw->client_info.len != 0));
        }

        CHECK(reserved_members(sent, arena) == ours);
        CHECK(members(sent, sent->meta)
              == members(m, m->meta) - reserved_members(m, arena) + ours);

    } else {
        CHECK(members(sent, sent->meta) == members(m, m->meta));
    }

    if (fw->client == MCP_ERA_MODERN && fw->backend == MCP_ERA_MODERN
        && m->capabilities != 0)
    {
        CHECK(mcp_json_get(&sent->tape,
                           mcp_json_get(&sent->tape, sent->capabilities,
                                        "extensions"),
                           RESERVED "tasks") == 0
              || mcp_json_get(&sent->tape, sent->capabilities, "extensions")
                 == 0);
    }
}


static void
check_forward(const mcp_message_t *m, mcp_arena_t *arena, unsigned choice)
{
    int            rc;
    unsigned       i;
    mcp_buf_t      b;
    mcp_fault_t    fault;
    mcp_edits_t    edits;
    mcp_forward_t  fw;
    mcp_message_t  sent;

    memset(&fw, 0, sizeof(fw));
    mcp_str_set(&fw.id, "\"gw-1\"");

    if (choice & 1) {
        mcp_str_set(&fw.name, "native \"name\"\n");
    }

    if (choice & 2) {
        mcp_str_set(&fw.token, "17");
    }

    if (choice & 4) {
        mcp_str_set(&fw.client_info, "{\"name\":\"c\"}");
    }

    for (i = 0; i < 4; i++) {
        fw.client = (i & 1) ? MCP_ERA_MODERN : MCP_ERA_LEGACY;
        fw.backend = (i & 2) ? MCP_ERA_MODERN : MCP_ERA_LEGACY;

        rc = mcp_forward(m, &fw, arena, &edits);

        if (m->kind != MCP_REQUEST) {
            CHECK(rc == MCP_ERROR);
            continue;
        }

        CHECK(rc == MCP_OK || edits.n == MCP_EDITS_MAX);

        if (rc != MCP_OK) {
            CHECK(fw.client != fw.backend);
            continue;
        }

        mcp_buf_init(&b, arena, edits.len);
        CHECK(mcp_edits_spans(&edits, m->tape.text, m->tape.len, take, &b)
              == MCP_OK);
        CHECK(!b.failed && b.len == edits.len);

        /* initialize is never forwarded: its fields come from other places */

        rc = mcp_message_parse(&sent, arena, b.data, b.len,
                               MCP_JSON_DEPTH_MAX, &fault);

        if (m->method == MCP_INITIALIZE
            || m->method == MCP_RESOURCES_SUBSCRIBE
            || m->method == MCP_RESOURCES_UNSUBSCRIBE)
        {
            continue;
        }

        CHECK(rc == MCP_OK);
        check_forwarded(m, &fw, &sent, arena);
    }
}


/* --- subscriptions/listen ------------------------------------------------- */


/* An event whose data is one line of JSON. */

static void
check_event(const mcp_buf_t *b)
{
    json_t               *json;
    const unsigned char  *end;

    static const char  head[] = "event: message\ndata: ";

    CHECK(!b->failed && b->len > sizeof(head) + 1);
    CHECK(memcmp(b->data, head, sizeof(head) - 1) == 0);

    end = b->data + b->len - 2;
    CHECK(memcmp(end, "\n\n", 2) == 0);
    CHECK(memchr(b->data + sizeof(head) - 1, '\n',
                 b->len - sizeof(head) - 1) == NULL);
    CHECK(memchr(b->data, '\r', b->len) == NULL);

    json = json_loadb((char *) b->data + sizeof(head) - 1,
                      (size_t) (end - b->data) - (sizeof(head) - 1),
                      JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, NULL);
    CHECK(json_is_object(json));
    json_decref(json);
}


static void
check_listen(const mcp_message_t *m, mcp_arena_t *arena)
{
    unsigned     kinds;
    mcp_buf_t    b;
    mcp_fault_t  fault;

    if (m->method != MCP_LISTEN || m->kind != MCP_REQUEST) {
        return;
    }

    if (mcp_listen_filter(m, arena, &kinds, &fault) != MCP_OK) {
        CHECK(fault.code != 0 && fault.message.len != 0);
        return;
    }

    CHECK((kinds & ~(unsigned) MCP_LISTEN_ALL) == 0);

    /* jansson has no numbers as large as an id may be */

    if (m->id.data[0] != '"') {
        return;
    }

    mcp_buf_init(&b, arena, 0);
    mcp_listen_acknowledged(&b, &m->id, kinds);
    check_event(&b);

    mcp_buf_init(&b, arena, 0);
    mcp_listen_end(&b, &m->id);
    check_event(&b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    unsigned        choice;
    mcp_fault_t     fault;
    mcp_arena_t    *arena;
    mcp_message_t   m;

    if (size == 0) {
        return 0;
    }

    choice = data[0];
    data++;
    size--;

    arena = mcp_arena_create();
    CHECK(arena != NULL);

    rc = mcp_message_parse(&m, arena, data, size, MCP_JSON_DEPTH_MAX - 2,
                           &fault);
    CHECK(rc == MCP_OK || rc == MCP_ERROR);
    check_json(data, size, rc, &fault);

    if (rc == MCP_ERROR) {
        check_fault(&fault, size);

    } else {
        check_fields(&m, arena);
        check_headers(&m, arena, choice >> 3);
        check_forward(&m, arena, choice);
        check_listen(&m, arena);
    }

    mcp_arena_destroy(arena);

    return 0;
}
