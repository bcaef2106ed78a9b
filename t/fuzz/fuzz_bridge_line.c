
/*
 * A line that a child of the bridge wrote: what is taken for a message is one
 * by another parser too, of that kind, and each span holds just the value that
 * it is named after.
 *
 * Input: the line.
 */


#include "bridge.h"

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

#define FLAGS  (JSON_ALLOW_NUL|JSON_DECODE_ANY)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/*
 * The bytes of the span are the value; NULL: no such member, or nothing that
 * a span may be of.  Two equal names: which of them steers is not checked.
 */

static void
check_span(const mb_line_t *line, const mb_span_t *span, json_t *value)
{
    json_t  *own;

    CHECK(span->at <= line->len && span->len <= line->len - span->at);

    if (span->len == 0) {
        CHECK(!json_is_integer(value));
        return;
    }

    own = json_loadb((const char *) line->text + span->at, span->len, FLAGS,
                     NULL);
    CHECK(own != NULL);
    CHECK(value != NULL);
    CHECK(json_equal(own, value));
    json_decref(own);
}


static void
check_number(const mb_line_t *line, json_t *id)
{
    char      text[32];
    uint64_t  n;

    n = mb_line_number(line, &line->id);

    if (json_is_integer(id) && json_integer_value(id) > 0
        && json_integer_value(id) < 1000000000)
    {
        CHECK(n == (uint64_t) json_integer_value(id));
    }

    if (n != 0 && json_is_string(id)) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long) n);
        CHECK(strcmp(text, json_string_value(id)) == 0);
    }
}


static void
check_kind(const mb_line_t *line, json_t *root)
{
    int      method, result, error;
    json_t  *id, *params;

    id = json_object_get(root, "id");
    params = json_object_get(root, "params");
    method = json_object_get(root, "method") != NULL;
    result = json_object_get(root, "result") != NULL;
    error = json_object_get(root, "error") != NULL;

    CHECK(method + result + error == 1);
    CHECK(method == (line->kind == MB_LINE_REQUEST
                     || line->kind == MB_LINE_NOTIFICATION));
    CHECK(result == (line->kind == MB_LINE_RESULT));
    CHECK(error == (line->kind == MB_LINE_ERROR));
    CHECK((id != NULL) == (line->kind != MB_LINE_NOTIFICATION));

    check_span(line, &line->id, id);
    check_number(line, id);
    check_span(line, &line->method, json_object_get(root, "method"));
    check_span(line, &line->token, json_object_get(params, "progressToken"));
    check_span(line, &line->request, json_object_get(params, "requestId"));
    check_span(line, &line->uri, json_object_get(params, "uri"));

    if (json_is_object(json_object_get(root, "result"))) {
        CHECK(line->result.len != 0);
        check_span(line, &line->result, json_object_get(root, "result"));
    }

    if (mb_line_is(line, &line->method, "ping")) {
        CHECK(strcmp(json_string_value(json_object_get(root, "method")),
                     "ping") == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t         *root;
    mb_line_t       line;
    unsigned char  *copy;

    copy = malloc(size ? size : 1);
    CHECK(copy != NULL);
    memcpy(copy, data, size);

    mb_line_read(&line, copy, size);

    if (line.kind == MB_LINE_NONE) {
        CHECK(line.why != NULL);

    } else {

        /* it refuses numbers that it cannot hold, and equal names */

        root = json_loadb((const char *) copy, size,
                          FLAGS|JSON_REJECT_DUPLICATES, NULL);

        if (root != NULL) {
            CHECK(json_is_object(root));
            check_kind(&line, root);
            json_decref(root);
        }
    }

    free(copy);

    return 0;
}
