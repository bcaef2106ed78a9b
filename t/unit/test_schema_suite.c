
/*
 * The JSON Schema test suite: draft 2020-12 and draft-07, required and
 * optional parts.  What is not as the suite would have it is in one table,
 * each with its reason; what is there and yet passes fails.
 */


#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "schema.h"


#define SUITE  "../shared/corpora/json-schema-test-suite/tests"

#define REMOTE   "refers to another document: nothing is fetched"
#define META     "refers to a metaschema: that is another document, too"
#define DIALECT  "a metaschema of its own, which would have to be fetched"
#define CONTENT  "what strings hold is an annotation"
#define FORMAT   "\"format\" is an annotation here, as it is by default"


typedef struct {
    const char  *file;
    const char  *group;              /* NULL: every one */
    const char  *test;               /* NULL: every one; of a group that is
                                        compiled: those that must fail */
    const char  *why;
    unsigned     used;
} exception_t;


/*
 * A group all of whose tests are meant (test NULL) must either not compile,
 * or take as valid all that the suite has as invalid.
 */

static exception_t  exceptions[] = {
    { "draft2020-12/defs.json",
      "validate definition against metaschema",
      NULL, META, 0 },
    { "draft2020-12/dynamicRef.json",
      "strict-tree schema, guards against misspelled properties",
      NULL, REMOTE, 0 },
    { "draft2020-12/dynamicRef.json",
      "tests for implementation dynamic anchor and reference link",
      NULL, REMOTE, 0 },
    { "draft2020-12/dynamicRef.json",
      "$ref and $dynamicAnchor are independent of order - $defs first",
      NULL, REMOTE, 0 },
    { "draft2020-12/dynamicRef.json",
      "$ref and $dynamicAnchor are independent of order - $ref first",
      NULL, REMOTE, 0 },
    { "draft2020-12/dynamicRef.json",
      "$ref to $dynamicRef finds detached $dynamicAnchor",
      NULL, REMOTE, 0 },
    { "draft2020-12/ref.json",
      "remote ref, containing refs itself",
      NULL, META, 0 },
    { "draft2020-12/refRemote.json",
      "remote ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "fragment within remote ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "anchor within remote ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "ref within remote ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "base URI change",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "base URI change - change folder",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "base URI change - change folder in subschema",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "root ref in remote ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "remote ref with ref to defs",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "Location-independent identifier in remote ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "retrieved nested refs resolve relative to their URI not $id",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "remote HTTP ref with different $id",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "remote HTTP ref with different URN $id",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "remote HTTP ref with nested absolute ref",
      NULL, REMOTE, 0 },
    { "draft2020-12/refRemote.json",
      "$ref to $ref finds detached $anchor",
      NULL, REMOTE, 0 },
    { "draft2020-12/vocabulary.json",
      "schema that uses custom metaschema with with no validation vocabulary",
      NULL, DIALECT, 0 },
    { "draft2020-12/vocabulary.json",
      "ignore unrecognized optional vocabulary",
      NULL, DIALECT, 0 },
    { "draft2020-12/optional/cross-draft.json",
      "refs to historic drafts are processed as historic drafts",
      NULL, REMOTE, 0 },
    { "draft7/definitions.json",
      "validate definition against metaschema",
      NULL, META, 0 },
    { "draft7/ref.json",
      "remote ref, containing refs itself",
      NULL, META, 0 },
    { "draft7/refRemote.json",
      "remote ref",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "fragment within remote ref",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "ref within remote ref",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "base URI change",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "base URI change - change folder",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "base URI change - change folder in subschema",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "root ref in remote ref",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "remote ref with ref to definitions",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "Location-independent identifier in remote ref",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "retrieved nested refs resolve relative to their URI not $id",
      NULL, REMOTE, 0 },
    { "draft7/refRemote.json",
      "$ref to $ref finds location-independent $id",
      NULL, REMOTE, 0 },
    { "draft7/optional/content.json",
      "validation of string-encoded content based on media type",
      "an invalid JSON document", CONTENT, 0 },
    { "draft7/optional/content.json",
      "validation of binary string-encoding",
      "an invalid base64 string (% is not a valid character)", CONTENT, 0 },
    { "draft7/optional/content.json",
      "validation of binary-encoded media type documents",
      "a validly-encoded invalid JSON document", CONTENT, 0 },
    { "draft7/optional/content.json",
      "validation of binary-encoded media type documents",
      "an invalid base64 string that is valid JSON", CONTENT, 0 },
    { "draft7/optional/cross-draft.json",
      "refs to future drafts are processed as future drafts",
      NULL, REMOTE, 0 },
    { "draft2020-12/optional/format-assertion.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/date-time.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/date.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/duration.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/ecmascript-regex.json", NULL, NULL,
      FORMAT, 0 },
    { "draft2020-12/optional/format/email.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/hostname.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/idn-email.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/idn-hostname.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/ipv4.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/ipv6.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/iri-reference.json", NULL, NULL,
      FORMAT, 0 },
    { "draft2020-12/optional/format/iri.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/json-pointer.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/regex.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/relative-json-pointer.json", NULL, NULL,
      FORMAT, 0 },
    { "draft2020-12/optional/format/time.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/uri-reference.json", NULL, NULL,
      FORMAT, 0 },
    { "draft2020-12/optional/format/uri-template.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/uri.json", NULL, NULL, FORMAT, 0 },
    { "draft2020-12/optional/format/uuid.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/date-time.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/date.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/ecmascript-regex.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/email.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/hostname.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/idn-email.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/idn-hostname.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/ipv4.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/ipv6.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/iri-reference.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/iri.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/json-pointer.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/regex.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/relative-json-pointer.json", NULL, NULL,
      FORMAT, 0 },
    { "draft7/optional/format/time.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/uri-reference.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/uri-template.json", NULL, NULL, FORMAT, 0 },
    { "draft7/optional/format/uri.json", NULL, NULL, FORMAT, 0 },
    { NULL, NULL, NULL, NULL, 0 }
};


static unsigned  files, groups, tests, excepted, refused;
static mcp_matcher_t  *matcher;


static char *
slurp(const char *name, size_t *len)
{
    FILE  *f;
    char  *text;

    f = fopen(name, "rb");
    assert_non_null(f);

    text = malloc(1 << 20);
    assert_non_null(text);

    *len = fread(text, 1, 1 << 20, f);
    assert_true(*len < 1 << 20);
    (void) fclose(f);

    return text;
}


static exception_t *
find(const char *file, const char *group, const char *test)
{
    size_t        i;
    exception_t  *e;

    for (i = 0; exceptions[i].why != NULL; i++) {
        e = &exceptions[i];

        if (strcmp(e->file, file) == 0
            && (e->group == NULL || strcmp(e->group, group) == 0)
            && (e->test == NULL || (test && strcmp(e->test, test) == 0)))
        {
            return e;
        }
    }

    return NULL;
}


static char *
text_of(const mcp_json_tape_t *tape, uint32_t node, mcp_arena_t *arena)
{
    mcp_str_t  s;

    assert_int_equal(mcp_json_unescape(tape, node, arena, &s), MCP_OK);

    return (char *) mcp_memdup(arena, s.data, s.len);
}


static void
check_test(const char *file, const char *group, const mcp_json_tape_t *tape,
    uint32_t node, const mcp_schema_t *schema, mcp_arena_t *arena,
    unsigned *failed)
{
    int                   rc, valid;
    char                 *name;
    uint32_t              data;
    exception_t          *e;
    mcp_schema_result_t   result;

    name = text_of(tape, mcp_json_get(tape, node, "description"), arena);
    data = mcp_json_get(tape, node, "data");
    valid = tape->node[mcp_json_get(tape, node, "valid")].type
            == MCP_JSON_TRUE;

    e = find(file, group, name);
    tests++;

    if (schema == NULL) {
        return;
    }

    rc = mcp_schema_validate(schema, tape, data, matcher, arena, &result);

    if (e != NULL && (e->test != NULL || !valid)) {
        e->used = 1;
        excepted++;

        if ((rc == MCP_OK) == valid) {
            print_error("%s: %s: %s: passes, but is listed\n", file, group,
                        name);
            (*failed)++;
        }

        return;
    }

    if ((rc == MCP_OK) != valid || (rc == MCP_ERROR && result.n == 0)
        || result.expensive)
    {
        print_error("{ \"%s\", \"%s\", \"%s\", WHY, 0 },  is %d\n", file,
                    group, name, rc);
        (*failed)++;
    }
}


/*
 * On a heap block of its own, so that a sanitizer sees overreads.  Those of
 * draft-07 do not say what they are, which stands for 2020-12.
 */

static char *
schema_of(const char *file, const mcp_json_tape_t *tape, uint32_t node,
    mcp_str_t *out)
{
    char       *text;
    size_t      n;
    mcp_str_t   raw;

    static const char  head[] =
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",";

    raw = mcp_json_raw(tape, node);
    n = 0;

    text = malloc(raw.len + sizeof(head));
    assert_non_null(text);

    if (strncmp(file, "draft7/", 7) == 0 && tape->node[node].count != 0
        && tape->node[node].type == MCP_JSON_OBJECT
        && mcp_json_get(tape, node, "$schema") == 0)
    {
        n = sizeof(head) - 1;
        memcpy(text, head, n);
        raw.data++;
        raw.len--;
    }

    memcpy(text + n, raw.data, raw.len);

    out->data = (unsigned char *) text;
    out->len = raw.len + n;

    text = realloc(text, out->len);
    assert_non_null(text);
    out->data = (unsigned char *) text;

    return text;
}


static void
run_group(const char *file, const mcp_json_tape_t *tape, uint32_t node,
    mcp_arena_t *arena, unsigned *failed)
{
    int                  rc;
    char                *name, *schema_text;
    uint32_t             i, cases;
    mcp_str_t            raw;
    exception_t         *e;
    mcp_schema_t        *schema;
    mcp_schema_fault_t   fault;

    groups++;
    name = text_of(tape, mcp_json_get(tape, node, "description"), arena);

    schema_text = schema_of(file, tape, mcp_json_get(tape, node, "schema"),
                            &raw);

    schema = NULL;
    rc = mcp_schema_compile(&schema, arena, arena, &raw, &fault);
    e = find(file, name, NULL);

    if (rc != MCP_OK) {
        schema = NULL;
        refused++;

        if (e != NULL) {
            e->used = 1;

        } else {
            print_error("{ \"%s\", \"%s\", NULL, WHY, 0 },  %s at %.*s\n",
                        file, name, fault.why, (int) fault.at.len,
                        fault.at.data);
            (*failed)++;
        }
    }

    cases = mcp_json_get(tape, node, "tests");

    for (i = cases + 1; i < tape->node[cases].next; i = tape->node[i].next) {
        check_test(file, name, tape, i, schema, arena, failed);
    }

    free(schema_text);
}


static void
run_file(const char *path, const char *name, unsigned *failed)
{
    char             *text;
    size_t            len;
    uint32_t          i;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;

    files++;
    text = slurp(path, &len);

    arena = mcp_arena_create();
    assert_non_null(arena);

    assert_int_equal(mcp_json_tape(&tape, arena, (unsigned char *) text, len,
                                   MCP_JSON_DEPTH_MAX), MCP_OK);

    for (i = 1; i < tape.nodes; i = tape.node[i].next) {
        run_group(name, &tape, i, arena, failed);
    }

    mcp_arena_destroy(arena);
    free(text);
}


static void
run_draft(const char *draft, unsigned least, unsigned *failed)
{
    char         pattern[256];
    size_t       i, k, n;
    glob_t       found;

    static const char  *const  below[] = { "", "optional/",
                                           "optional/format/" };

    n = 0;

    for (k = 0; k < 3; k++) {
        (void) snprintf(pattern, sizeof(pattern), SUITE "/%s/%s*.json", draft,
                        below[k]);

        if (glob(pattern, 0, NULL, &found) != 0) {
            fail_msg("no test suite: %s", pattern);
        }

        for (i = 0; i < found.gl_pathc; i++) {
            run_file(found.gl_pathv[i],
                     found.gl_pathv[i] + sizeof(SUITE "/") - 1, failed);
            n++;
        }

        globfree(&found);
    }

    assert_true(n >= least);
}


static void
test_suite(void **state)
{
    size_t    i;
    unsigned  failed;

    failed = 0;

    matcher = mcp_matcher_create();
    assert_non_null(matcher);

    run_draft("draft2020-12", 60, &failed);
    run_draft("draft7", 50, &failed);

    mcp_matcher_destroy(matcher);

    for (i = 0; exceptions[i].why != NULL; i++) {
        if (!exceptions[i].used) {
            print_error("%s: %s: %s: listed, but there is no such test\n",
                        exceptions[i].file,
                        exceptions[i].group ? exceptions[i].group : "*",
                        exceptions[i].test ? exceptions[i].test : "*");
            failed++;
        }
    }

    print_message("%u files, %u groups, %u tests; %u groups refused, %u tests"
                  " otherwise\n", files, groups, tests, refused, excepted);

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  suite[] = {
        cmocka_unit_test(test_suite)
    };

    return cmocka_run_group_tests(suite, NULL, NULL);
}
