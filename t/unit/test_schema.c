
/* Schemas: what the test suite does not ask. */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "number.h"
#include "oom.h"
#include "regex.h"
#include "schema.h"
#include "uri.h"


static mcp_matcher_t  *matcher;


static mcp_str_t
str(const char *text)
{
    mcp_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return s;
}


static int
is(const mcp_str_t *s, const char *text)
{
    return s->len == strlen(text)
           && (s->len == 0 || memcmp(s->data, text, s->len) == 0);
}


/* MCP_OK, or MCP_ERROR with the result; the schema must compile. */

static int
judge(mcp_arena_t *arena, const char *schema, const char *value,
    mcp_schema_result_t *result)
{
    mcp_str_t            text;
    mcp_schema_t        *s;
    mcp_json_tape_t     *tape;
    mcp_schema_fault_t   fault;

    text = str(schema);

    if (mcp_schema_compile(&s, arena, arena, &text, &fault) != MCP_OK) {
        fail_msg("%s: %s", schema, fault.why);
    }

    tape = mcp_alloc(arena, sizeof(mcp_json_tape_t));
    assert_non_null(tape);
    assert_int_equal(mcp_json_tape(tape, arena,
                                   (const unsigned char *) value,
                                   strlen(value), 1000), MCP_OK);

    return mcp_schema_validate(s, tape, 0, matcher, arena, result);
}


/* Each error as "path keyword message", separated by lines. */

static void
test_errors(void **state)
{
    char                  text[4096], *p;
    size_t                i;
    unsigned              k;
    mcp_arena_t          *arena;
    mcp_schema_result_t   result;

    static const struct {
        const char       *schema;
        const char       *value;
        const char       *errors;
    } tests[] = {
        { "{\"type\":[\"string\",\"null\"]}", "1",
          " type must be a string or null, not a number\n" },
        { "{\"type\":\"integer\"}", "1.5",
          " type must be an integer, not a number\n" },
        { "{\"type\":[\"integer\",\"number\"]}", "true",
          " type must be a number, not true or false\n" },
        { "{\"required\":[\"a\",\"b\\\"\"]}", "{}",
          " required must have the property \"a\"\n"
          " required must have the property \"b\"\"\n" },
        { "{\"properties\":{\"a~/b\":{\"items\":false}}}",
          "{\"a~/b\":[0,1]}",
          "/a~0~1b/0 false is not allowed here\n"
          "/a~0~1b/1 false is not allowed here\n" },
        { "{\"properties\":{\"a\":{},\"b\":{}},"
          "\"additionalProperties\":false}", "{\"c\":1}",
          "/c additionalProperties is not a property that is known here;"
          " there are a, b\n" },
        { "{\"const\":{\"a\":1}}", "1", " const must be {\"a\":1}\n" },
        { "{\"enum\":[1,\"b\",null]}", "2",
          " enum must be one of 1, \"b\", null\n" },
        { "{\"minimum\":1e400,\"multipleOf\":0.01}", "0.001",
          " minimum must be at least 1e400\n"
          " multipleOf must be a multiple of 0.01\n" },
        { "{\"pattern\":\"^a\\\\d$\"}", "\"b\"",
          " pattern must match the pattern ^a\\d$\n" },
        { "{\"maxLength\":2}", "\"\\ud83d\\ude00\\u00e9x\"",
          " maxLength must have at most 2 characters\n" },
        { "{\"minItems\":2,\"uniqueItems\":true}", "[]",
          " minItems must have at least 2 elements\n" },
        { "{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":2},1.0e0]",
          " uniqueItems must not have equal elements\n" },
        { "{\"contains\":{\"type\":\"string\"},\"minContains\":2}", "[\"a\"]",
          " minContains must have at least 2 elements of the kind that"
          " \"contains\" asks for\n" },
        { "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
          " dependentRequired must have the property \"b\", which goes with"
          " another one\n" },
        { "{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}",
          "/ab propertyNames has a name that is not allowed here\n" },
        { "{\"not\":{}}", "1",
          " not is of the kind that \"not\" forbids\n" },
        { "{\"oneOf\":[{},{}]}", "1",
          " oneOf fits more than one of the alternatives\n" },

        /* the one alternative that could be meant says more */

        { "{\"anyOf\":[{\"type\":\"object\",\"required\":[\"a\"]},"
          "{\"type\":\"null\"}]}", "{}",
          " required must have the property \"a\"\n" },
        { "{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"type\":\"null\"}],"
          "\"$defs\":{\"n\":{\"type\":\"integer\",\"minimum\":3}}}", "2",
          " minimum must be at least 3\n" },
        { "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}", "\"x\"",
          " anyOf must be an integer or null\n" },
        { "{\"anyOf\":[{\"minimum\":3},{\"maximum\":1}]}", "2",
          " anyOf fits none of the alternatives\n" },

        /* what is tried is not told */

        { "{\"if\":{\"minimum\":3},\"then\":{\"maximum\":1},"
          "\"not\":{\"minimum\":10}}", "2", "" },
        { "{\"properties\":{\"a\":{\"type\":\"string\"}},"
          "\"unevaluatedProperties\":false}", "{\"a\":\"x\",\"b\":1}",
          "/b unevaluatedProperties is not a property that is known here\n" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        arena = mcp_arena_create();
        p = text;
        *p = '\0';

        assert_int_equal(judge(arena, tests[i].schema, tests[i].value,
                               &result),
                         tests[i].errors[0] ? MCP_ERROR : MCP_OK);

        for (k = 0; k < result.n; k++) {
            p += snprintf(p, (size_t) (text + sizeof(text) - p),
                          "%.*s %s %.*s\n", (int) result.error[k].path.len,
                          result.error[k].path.data, result.error[k].keyword,
                          (int) result.error[k].message.len,
                          result.error[k].message.data);
        }

        assert_string_equal(text, tests[i].errors);
        mcp_arena_destroy(arena);
    }
}


static void
test_error_limits(void **state)
{
    char                 *schema, *value;
    size_t                i;
    mcp_buf_t             b;
    mcp_arena_t          *arena;
    mcp_json_tape_t       tape;
    mcp_schema_result_t   result;

    arena = mcp_arena_create();
    schema = malloc(100000);
    value = malloc(200000);

    /* no more than ten */

    strcpy(value, "[0");

    for (i = 0; i < 50; i++) {
        strcat(value, ",0");
    }

    strcat(value, "]");

    assert_int_equal(judge(arena, "{\"items\":{\"type\":\"string\"}}", value,
                           &result), MCP_ERROR);
    assert_int_equal(result.n, 10);
    assert_true(is(&result.error[9].path, "/9"));

    mcp_buf_init(&b, arena, 16);
    mcp_schema_errors(&b, &result);
    assert_int_equal(mcp_json_tape(&tape, arena, b.data, b.len, 3), MCP_OK);
    assert_int_equal(tape.node[0].count, 10);

    /* a long name, a long pattern, a long enum, a long constant: all cut */

    strcpy(value, "{\"");
    memset(value + 2, 'k', 100000);
    strcpy(value + 100002, "\":1}");

    assert_int_equal(judge(arena, "{\"additionalProperties\":false}", value,
                           &result), MCP_ERROR);
    assert_true(result.error[0].path.len < 200);

    strcpy(schema, "{\"pattern\":\"^");
    memset(schema + 13, 'a', 4000);
    strcpy(schema + 4013, "$\"}");

    assert_int_equal(judge(arena, schema, "\"\"", &result), MCP_ERROR);
    assert_true(result.error[0].message.len < 200);

    strcpy(schema, "{\"enum\":[\"");

    for (i = 0; i < 1000; i++) {
        strcat(schema, "\xc3\xa4\xc3\xb6");
    }

    strcat(schema, "\"");

    for (i = 0; i < 100; i++) {
        strcat(schema, ",\"another one\"");
    }

    strcat(schema, "]}");

    assert_int_equal(judge(arena, schema, "\"\"", &result), MCP_ERROR);
    assert_true(result.error[0].message.len < 400);

    /* ... and never within a character */

    mcp_buf_init(&b, arena, 16);
    mcp_schema_errors(&b, &result);
    assert_int_equal(mcp_json_tape(&tape, arena, b.data, b.len, 3), MCP_OK);

    free(schema);
    free(value);
    mcp_arena_destroy(arena);
}


/* A check that would take long is refused, within its steps. */

static void
test_steps(void **state)
{
    char                 *value;
    size_t                i, k, n;
    mcp_arena_t          *arena;
    mcp_schema_result_t   result;

    static const struct {
        const char       *schema;
        const char       *unit;
        const char       *end;
        size_t            n;
    } tests[] = {
        { "{\"items\":{\"pattern\":\"^(a|a)+$\"}}", "a", "b", 50 },
        { "{\"items\":{\"pattern\":\"a*a*a*b\"}}", "a", "cb", 100000 },
        { "{\"items\":{\"pattern\":\"(?=(a*a*)*x)\"}}", "a", "xb", 50000 },
        { "{\"items\":{\"pattern\":\"(.*)\\\\1\\\\1z\"}}", "ab", "cz", 50000 },
        { "{\"items\":{\"pattern\":\"([^y]*)*y\"}}", "z", "y", 90000 },
        { "{\"items\":{\"pattern\":\"(?:(?:(?:a{60}){60}){9})+b\"}}", "a",
          "cb", 100000 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        arena = mcp_arena_create();
        n = strlen(tests[i].unit);

        value = malloc(tests[i].n * n + 16);
        strcpy(value, "[\"");

        for (k = 0; k < tests[i].n; k++) {
            memcpy(value + 2 + k * n, tests[i].unit, n);
        }

        strcpy(value + 2 + k * n, tests[i].end);
        strcat(value, "\"]");

        (void) judge(arena, tests[i].schema, value, &result);

        assert_true(result.steps <= 100000 + 2 * 32 + strlen(value));

        free(value);
        mcp_arena_destroy(arena);
    }
}


/* Values nested beyond what is run are refused; no schema is too deep. */

static void
test_depth(void **state)
{
    char                 value[4096];
    mcp_arena_t         *arena;
    mcp_schema_result_t  result;

    arena = mcp_arena_create();

    memset(value, '[', 900);
    memset(value + 900, ']', 900);
    value[1800] = '\0';

    assert_int_equal(judge(arena, "{\"items\":{\"$ref\":\"#\"}}", value,
                           &result), MCP_OK);

    assert_int_equal(judge(arena, "{\"items\":{\"allOf\":[{\"allOf\":["
                           "{\"$ref\":\"#\"}]}]}}", value, &result),
                     MCP_ERROR);
    assert_int_equal(result.expensive, 1);

    mcp_arena_destroy(arena);
}


static void
test_refused(void **state)
{
    size_t               i;
    mcp_str_t            text;
    mcp_arena_t         *arena;
    mcp_schema_t        *schema;
    mcp_schema_fault_t   fault;

    static const struct {
        const char       *schema;
        const char       *at;
    } tests[] = {
        { "", "" }, { "{", "" }, { "1", "" }, { "[]", "" },
        { "{\"a\":1,\"a\":2}", "" },
        { "{\"properties\":{\"a\":{\"type\":\"x\"}}}", "/properties/a/type" },
        { "{\"anyOf\":[{},{\"items\":3}]}", "/anyOf/1/items" },
        { "{\"patternProperties\":{\"(\":{}}}", "/patternProperties/(" },
        { "{\"properties\":{\"\\u001b\\u00e9\":{\"minimum\":\"1\"}}}", NULL },
        { "{\"$id\":1}", "/$id" }, { "{\"$ref\":1}", "/$ref" },
        { "{\"$ref\":\"#%\"}", "/$ref" }, { "{\"$ref\":\"x\"}", "/$ref" },
        { "{\"$ref\":\"#/a/0\",\"a\":[]}", "/$ref" },
        { "{\"$ref\":\"#/a/00\",\"a\":[{}]}", "/$ref" },
        { "{\"$ref\":\"#/a/9999999999\",\"a\":[{}]}", "/$ref" },
        { "{\"$ref\":\"#/a\",\"a\":1}", "/a" },
        { "{\"$anchor\":\"a\",\"not\":{\"$anchor\":\"a\"}}", "/not" },
        { "{\"multipleOf\":1234567890123456789}", "/multipleOf" },
        { "{\"minLength\":1.5}", "/minLength" },
        { "{\"dependentRequired\":{\"a\":[1]}}", "/dependentRequired/a/0" },
        { "{\"uniqueItems\":1}", "/uniqueItems" },
        { "{\"allOf\":{}}", "/allOf" }, { "{\"enum\":{}}", "/enum" },
        { "{\"$schema\":7}", "/$schema" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        arena = mcp_arena_create();
        text = str(tests[i].schema);

        assert_int_equal(mcp_schema_compile(&schema, arena, arena, &text,
                                            &fault), MCP_ERROR);
        assert_non_null(fault.why);

        if (tests[i].at != NULL && !is(&fault.at, tests[i].at)) {
            fail_msg("%s: at %.*s", tests[i].schema, (int) fault.at.len,
                     fault.at.data);
        }

        for (size_t k = 0; k < fault.at.len; k++) {
            assert_in_range(fault.at.data[k], 0x20, 0x7e);
        }

        mcp_arena_destroy(arena);
    }
}


/*
 * Translated, matched: "+" and "-" in front of a subject say whether it
 * matches; "!": the pattern is refused.
 */

static void
test_regex(void **state)
{
    int            rc;
    size_t         i;
    uint64_t       steps;
    mcp_str_t      pattern;
    mcp_regex_t    re;
    const char    *subject, *why;
    mcp_arena_t   *arena;

    static const char *const  tests[][2] = {
        { "a.c", "+abc" }, { "a.c", "-a\nc" }, { "a.c", "-a\xe2\x80\xa8" "c" },
        { "^.$", "+\xf0\x9f\x98\x80" }, { "^\\u{1F600}$", "+\xf0\x9f\x98\x80" },
        { "^\\ud83d\\ude00$", "+\xf0\x9f\x98\x80" }, { "\\ud83d", "!" },
        { "\\ude00", "!" }, { "\\ud83d\\u0041", "!" }, { "\\u{110000}", "!" },
        { "\\u{}", "!" }, { "\\u12", "!" }, { "\\x4", "!" },
        { "a$", "-a\n" }, { "^a", "-b\na" }, { "\\s", "+\xc2\xa0" },
        { "\\S", "-\xef\xbb\xbf" }, { "[\\s]", "+\xe3\x80\x80" },
        { "[^\\s]", "-\xe3\x80\x80" }, { "[^\\S]", "+ " }, { "[\\S]", "+x" },
        { "\\w", "-\xc3\xa9" }, { "\\W", "+\xc3\xa9" }, { "\\d", "-\xd9\xa3" },
        { "[]", "-x" }, { "^[]*$", "+" }, { "[^]", "+\n" }, { "a{", "+a{" },
        { "a{x}", "+a{x}" }, { "a{,2}", "+a{,2}" }, { "a{2,1}", "!" },
        { "{1}", "!" }, { "x]}", "+x]}" }, { "[[:alpha:]]", "+:]" },
        { "[[:alpha:]]", "-b]" }, { "[a-\\d]", "+-" }, { "[\\d-z]", "+-" },
        { "[z-a]", "!" }, { "[a", "!" }, { "[\\b]", "+\b" }, { "\\-", "+-" },
        { "\\/", "+/" }, { "\\_", "+_" }, { "\\a", "!" }, { "\\Z", "!" },
        { "\\A", "!" }, { "\\z", "!" }, { "\\G", "!" }, { "\\K", "!" },
        { "\\Q", "!" }, { "\\E", "!" }, { "\\R", "!" }, { "\\X", "!" },
        { "\\h", "!" }, { "\\H", "!" }, { "\\N", "!" }, { "\\C", "!" },
        { "\\e", "!" }, { "\\g1", "!" }, { "\\o{1}", "!" }, { "\\p", "!" },
        { "\\pL", "!" }, { "\\p{Lx}", "!" }, { "\\p{^L}", "!" },
        { "\\p{L", "!" }, { "\\p{}", "!" }, { "(?i)a", "!" },
        { "(?#x)a", "!" }, { "(?R)", "!" }, { "(?1)", "!" }, { "(?&n)", "!" },
        { "(?P<n>a)", "!" }, { "(?>a)", "!" }, { "(?|a)", "!" },
        { "(?C1)", "!" }, { "(?(1)a)", "!" }, { "(*ACCEPT)", "!" },
        { "(*UCP)a", "!" }, { "a++", "!" }, { "a*+", "!" }, { "a**", "!" },
        { "*a", "!" }, { "a|*", "!" }, { "^*", "!" }, { "(?=a)*", "!" },
        { "\\b+", "!" }, { "(", "!" }, { ")", "!" }, { "(a", "!" },
        { "\\", "!" }, { "\\1", "!" }, { "(a)\\2", "!" }, { "(a)\\1", "+aa" },
        { "\\1(a)", "+a" }, { "(?<n>a)\\k<n>", "+aa" }, { "\\k<n>", "!" },
        { "(?<1>a)", "!" }, { "(?<n>a)(?<n>b)", "!" }, { "(?<=a)b", "+ab" },
        { "(?<!a)b", "-ab" }, { "(?<=a*)b", "!" }, { "(?:a){0}", "!" },
        { "a{0}b", "+b" }, { "a{65536}", "!" }, { "\\00", "!" },
        { "\\0", "-x" }, { "\\cJ", "+\n" }, { "\\c1", "!" },
        { "\\p{Script=Greek}", "+\xce\xb1" }, { "\\p{sc=Greek}", "-a" },
        { "\\P{gc=Lu}", "-A" }, { "\\p{Assigned}", "+a" },
        { "[\\p{Lu}\\d]", "+7" }, { "#a b", "+#a b" }, { "a\\ b", "+a b" }
    };

    arena = mcp_arena_create();

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        pattern = str(tests[i][0]);
        subject = tests[i][1];
        steps = 10000;

        rc = mcp_regex_compile(&re, mcp_regex_compiler(arena), arena, &pattern,
                               &why);

        if (rc == MCP_OK) {
            rc = mcp_regex_match(matcher, &re,
                                 (const unsigned char *) subject + 1,
                                 strlen(subject + 1), &steps);
        }

        if (rc != (subject[0] == '+' ? MCP_OK
                   : subject[0] == '-' ? MCP_NONE : MCP_ERROR))
        {
            fail_msg("%s against %s: %d", tests[i][0], subject, rc);
        }
    }

    mcp_arena_destroy(arena);
}


static mcp_number_t
number(const char *text)
{
    mcp_number_t  n;

    mcp_number_parse(&n, (const unsigned char *) text,
                     (const unsigned char *) text + strlen(text));

    return n;
}


static void
test_numbers(void **state)
{
    size_t         i, k;
    mcp_divisor_t  divisor;
    mcp_number_t   a, b;

    /* in order; those in one row are equal */

    static const char *const  order[][4] = {
        { "-1e1000000000000000000000", "-1e99999999999999999999" },
        { "-123456789012345678901234567890.5" },
        { "-10", "-1e1", "-10.0", "-0.1e2" }, { "-1e-400" },
        { "0", "-0", "0.000e9", "-0e-9" }, { "1e-400" },
        { "0.1", "1e-1", "0.10", "10e-2" }, { "0.11" }, { "1", "1.0", "10e-1" },
        { "9.99999999999999999999" }, { "10", "1.0e1", "0.01e3" },
        { "10.000000000000000000001" }, { "99" }, { "100", "1e2", "1E+2" },
        { "123456789012345678901234567890" },
        { "123456789012345678901234567891" }, { "1e400" }
    };

    static const struct {
        const char       *value;
        const char       *divisor;
        int               divides;
    } tests[] = {
        { "0", "7", 1 }, { "-14", "7", 1 }, { "15", "7", 0 },
        { "0.3", "0.1", 1 }, { "0.35", "0.1", 0 }, { "4.5", "1.5", 1 },
        { "1e308", "0.5", 1 }, { "1e308", "0.123456789", 0 },
        { "1e-5", "1e-6", 1 }, { "1e-6", "1e-5", 0 },
        { "123456789012345678901234567890", "10", 1 },
        { "123456789012345678901234567891", "10", 0 },
        { "999999999999999999000000000000000000", "999999999999999999", 1 },
        { "1e99999999999999999999", "3", 0 },
        { "3e99999999999999999999", "3", 1 }, { "100", "1e2", 1 }
    };

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        for (k = 0; k < 4 && order[i][k] != NULL; k++) {

            a = number(order[i][k]);
            b = number(order[i][0]);

            assert_int_equal(mcp_number_compare(&a, &b), 0);
            assert_true(mcp_number_hash(&a) == mcp_number_hash(&b));

            if (i != 0) {
                b = number(order[i - 1][0]);
                assert_true(mcp_number_compare(&a, &b) > 0);
                assert_true(mcp_number_compare(&b, &a) < 0);
            }
        }
    }

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        a = number(tests[i].value);
        b = number(tests[i].divisor);

        assert_int_equal(mcp_divisor_init(&divisor, &b), MCP_OK);

        if (mcp_number_divides(&divisor, &a) != tests[i].divides) {
            fail_msg("%s by %s", tests[i].value, tests[i].divisor);
        }
    }
}


/* RFC 3986, section 5.4, and what JSON Schema needs besides */

static void
test_uri(void **state)
{
    size_t        i;
    mcp_str_t     base, ref, uri, fragment;
    mcp_arena_t  *arena;

    static const char *const  tests[][3] = {
        { "http://a/b/c/d;p?q", "g:h", "g:h" },
        { "http://a/b/c/d;p?q", "g", "http://a/b/c/g" },
        { "http://a/b/c/d;p?q", "./g", "http://a/b/c/g" },
        { "http://a/b/c/d;p?q", "g/", "http://a/b/c/g/" },
        { "http://a/b/c/d;p?q", "/g", "http://a/g" },
        { "http://a/b/c/d;p?q", "//g", "http://g" },
        { "http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y" },
        { "http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y" },
        { "http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q" },
        { "http://a/b/c/d;p?q", "g?y#s", "http://a/b/c/g?y" },
        { "http://a/b/c/d;p?q", ";x", "http://a/b/c/;x" },
        { "http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q" },
        { "http://a/b/c/d;p?q", ".", "http://a/b/c/" },
        { "http://a/b/c/d;p?q", "./", "http://a/b/c/" },
        { "http://a/b/c/d;p?q", "..", "http://a/b/" },
        { "http://a/b/c/d;p?q", "../g", "http://a/b/g" },
        { "http://a/b/c/d;p?q", "../..", "http://a/" },
        { "http://a/b/c/d;p?q", "../../g", "http://a/g" },
        { "http://a/b/c/d;p?q", "../../../g", "http://a/g" },
        { "http://a/b/c/d;p?q", "/./g", "http://a/g" },
        { "http://a/b/c/d;p?q", "/../g", "http://a/g" },
        { "http://a/b/c/d;p?q", "g.", "http://a/b/c/g." },
        { "http://a/b/c/d;p?q", "..g", "http://a/b/c/..g" },
        { "http://a/b/c/d;p?q", "./../g", "http://a/b/g" },
        { "http://a/b/c/d;p?q", "g/./h", "http://a/b/c/g/h" },
        { "http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h" },
        { "http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/g?y/../x" },
        { "http://a", "g", "http://a/g" }, { "", "g", "g" },
        { "", "#s", "" }, { "urn:x:y", "#s", "urn:x:y" },
        { "x/y", "../../z", "/z" }
    };

    arena = mcp_arena_create();

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        base = str(tests[i][0]);
        ref = str(tests[i][1]);

        assert_int_equal(mcp_uri_resolve(arena, &base, &ref, &uri, &fragment),
                         MCP_OK);

        if (!is(&uri, tests[i][2])) {
            fail_msg("%s: %s: %.*s", tests[i][0], tests[i][1], (int) uri.len,
                     uri.data);
        }

        assert_int_equal(fragment.data != NULL,
                         strchr(tests[i][1], '#') != NULL);
    }

    mcp_arena_destroy(arena);
}


/* Wherever memory ends, all that comes of it is MCP_NOMEM. */

static void
test_memory(void **state)
{
    int                   rc;
    unsigned              n;
    mcp_str_t             text;
    mcp_arena_t          *arena;
    oom_arena_t           oom;
    mcp_schema_t         *schema;
    mcp_json_tape_t       tape;
    mcp_schema_fault_t    fault;
    mcp_schema_result_t   result;

    static const char  source[] =
        "{\"$id\":\"http://a/b\",\"$defs\":{\"x\":{\"$id\":\"c\","
        "\"$dynamicAnchor\":\"d\",\"enum\":[1,2,3,4,5,6,7,8,9,10]},"
        "\"y\":{\"$dynamicAnchor\":\"d\",\"type\":\"integer\"}},"
        "\"properties\":{\"\\u0061\":{\"pattern\":\"^\\\\u0061+$\"},"
        "\"b\":{\"items\":{\"$dynamicRef\":\"c#d\"},\"uniqueItems\":true}},"
        "\"patternProperties\":{\"^c\":{\"anyOf\":[{\"minimum\":3},"
        "{\"multipleOf\":2}]}},\"dependentRequired\":{\"a\":[\"b\"]},"
        "\"unevaluatedProperties\":false}";

    static const char  value[] =
        "{\"\\u0061\":\"\\u0061b\",\"b\":[1,2,3,4,5,6,7,8,9,10,11,\"x\"],"
        "\"c1\":1,\"d\":2}";

    text.data = (unsigned char *) source;
    text.len = sizeof(source) - 1;

    for (n = 0; ; n++) {
        arena = mcp_arena_create();
        oom_init(&oom, arena, n);

        rc = mcp_schema_compile(&schema, &oom.arena, &oom.arena, &text,
                                &fault);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
        mcp_arena_destroy(arena);
    }

    assert_int_equal(mcp_json_tape(&tape, arena,
                                   (const unsigned char *) value,
                                   sizeof(value) - 1, 64), MCP_OK);

    for (n = 0; ; n++) {
        oom_init(&oom, arena, n);

        rc = mcp_schema_validate(schema, &tape, 0, matcher, &oom.arena,
                                 &result);

        if (rc == MCP_ERROR) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_int_equal(result.n, 3);
    mcp_arena_destroy(arena);
}


/* A schema larger than a limit, or that would take long to compile. */

static void
test_limits(void **state)
{
    char                *schema, *p;
    size_t               i;
    mcp_str_t            text;
    mcp_arena_t         *arena;
    mcp_schema_t        *s;
    mcp_schema_fault_t   fault;

    arena = mcp_arena_create();
    schema = malloc(1 << 20);

    /* each of the references is looked for among all definitions */

    p = schema + sprintf(schema, "{\"$defs\":{");

    for (i = 0; i < 4000; i++) {
        p += sprintf(p, "%s\"%zu\":{}", i ? "," : "", i);
    }

    p += sprintf(p, "},\"allOf\":[");

    for (i = 0; i < 4000; i++) {
        p += sprintf(p, "%s{\"$ref\":\"#/$defs/3999\"}", i ? "," : "");
    }

    p += sprintf(p, "]}");
    text = str(schema);

    assert_true(text.len < MCP_SCHEMA_TEXT_MAX);
    assert_int_equal(mcp_schema_compile(&s, arena, arena, &text, &fault),
                     MCP_ERROR);
    assert_string_equal(fault.why, "it takes too long to compile");

    /* what people write is far from it */

    p = schema + sprintf(schema, "{\"$defs\":{");

    for (i = 0; i < 200; i++) {
        p += sprintf(p, "%s\"%zu\":{\"type\":\"object\",\"properties\":{"
                     "\"next\":{\"$ref\":\"#/$defs/%zu\"},\"id\":{\"type\":"
                     "\"integer\"},\"name\":{\"type\":\"string\"}}}",
                     i ? "," : "", i, (i * 7 + 1) % 200);
    }

    p += sprintf(p, "},\"$ref\":\"#/$defs/0\"}");
    text = str(schema);

    assert_int_equal(mcp_schema_compile(&s, arena, arena, &text, &fault),
                     MCP_OK);

    memset(schema, ' ', MCP_SCHEMA_TEXT_MAX);
    strcpy(schema + MCP_SCHEMA_TEXT_MAX, "{}");
    text = str(schema);

    assert_int_equal(mcp_schema_compile(&s, arena, arena, &text, &fault),
                     MCP_ERROR);

    free(schema);
    mcp_arena_destroy(arena);
}


static int
begin(void **state)
{
    matcher = mcp_matcher_create();

    return matcher == NULL;
}


static int
end(void **state)
{
    mcp_matcher_destroy(matcher);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_error_limits),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_regex),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_uri),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_limits)
    };

    return cmocka_run_group_tests(tests, begin, end);
}
