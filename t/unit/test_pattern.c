
/* Patterns of nginx.conf. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "pattern.h"


static int
match(const char *text, const char *s)
{
    mcp_str_t   str;
    mcp_glob_t  g;

    str.data = (unsigned char *) text;
    str.len = strlen(text);
    mcp_glob_init(&g, &str);

    return mcp_glob_match(&g, (const unsigned char *) s, strlen(s));
}


static void
test_glob(void **state)
{
    assert_true(match("abc", "abc"));
    assert_false(match("abc", "abcd"));
    assert_false(match("abc", "ab"));
    assert_false(match("abc", "ABC"));
    assert_false(match("abc", ""));
    assert_true(match("", ""));
    assert_false(match("", "a"));

    assert_true(match("*", ""));
    assert_true(match("*", "anything"));
    assert_true(match("**", ""));
    assert_true(match("**", "x"));
    assert_false(match("*a*", ""));
    assert_true(match("a*", "a"));
    assert_true(match("a*", "abc"));
    assert_false(match("a*", "ba"));
    assert_true(match("*a", "a"));
    assert_true(match("*a", "bca"));
    assert_false(match("*a", "ab"));

    /* what is in front and what is behind may not share bytes */

    assert_false(match("ab*ba", "aba"));
    assert_true(match("ab*ba", "abba"));
    assert_true(match("a*b*c", "abc"));
    assert_true(match("a*b*c", "a-b-b-c"));
    assert_false(match("a*b*c", "ac"));
    assert_false(match("a*b*c", "acb"));
    assert_false(match("*ab*bc*", "abc"));
    assert_true(match("*ab*bc*", "xabbcx"));
    assert_true(match("*a*a*a*", "aaa"));
    assert_false(match("*a*a*a*", "aa"));

    /* nothing else is special */

    assert_false(match("a?c", "abc"));
    assert_true(match("a?c", "a?c"));
    assert_false(match("[ab]", "a"));
    assert_false(match("a.c", "abc"));
    assert_true(match("\\*", "\\x"));
    assert_true(match("*", "a/b\nc"));
}


/* Would take longer than anybody waits, were a "*" tried at every place. */

static void
test_time(void **state)
{
    size_t          i, n;
    mcp_str_t       text;
    mcp_glob_t      g;
    unsigned char   pattern[1000], *s;

    n = 1000000;

    for (i = 0; i < sizeof(pattern); i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }

    s = malloc(n);
    assert_non_null(s);
    memset(s, 'a', n);

    text.data = pattern;
    text.len = sizeof(pattern);
    mcp_glob_init(&g, &text);
    assert_true(mcp_glob_match(&g, s, n));

    pattern[999] = 'b';
    mcp_glob_init(&g, &text);
    assert_false(mcp_glob_match(&g, s, n));

    s[n - 1] = 'b';
    assert_true(mcp_glob_match(&g, s, n));

    free(s);
}


static int
pattern(const char *text, const char *backend, const char *name)
{
    mcp_str_t      t, b, n;
    const char    *why;
    mcp_pattern_t  p;

    t.data = (unsigned char *) text;
    t.len = strlen(text);

    why = NULL;

    if (mcp_pattern_init(&p, &t, &why) != MCP_OK) {
        assert_non_null(why);
        return -1;
    }

    b.data = (unsigned char *) backend;
    b.len = strlen(backend);
    n.data = (unsigned char *) name;
    n.len = strlen(name);

    return mcp_pattern_match(&p, &b, &n);
}


static void
test_pattern(void **state)
{
    assert_int_equal(pattern("fs/read", "fs", "read"), 1);
    assert_int_equal(pattern("fs/read", "fs", "reads"), 0);
    assert_int_equal(pattern("fs/read", "fs2", "read"), 0);
    assert_int_equal(pattern("*/read", "anything", "read"), 1);
    assert_int_equal(pattern("*/*", "a", "b"), 1);
    assert_int_equal(pattern("f*/*", "fs", "x/y"), 1);
    assert_int_equal(pattern("f*/*", "s", "f/y"), 0);

    /* a star of the backend ends at the first slash */

    assert_int_equal(pattern("*/a", "x", "y/a"), 0);
    assert_int_equal(pattern("fs/file:///p/*", "fs", "file:///p/x/y"), 1);
    assert_int_equal(pattern("fs/file:///p/*", "fs", "file:///q"), 0);

    assert_int_equal(pattern("", "a", "b"), -1);
    assert_int_equal(pattern("read", "a", "b"), -1);
    assert_int_equal(pattern("/read", "a", "b"), -1);
    assert_int_equal(pattern("fs/", "a", "b"), -1);
    assert_int_equal(pattern("/", "a", "b"), -1);
    assert_int_equal(pattern("*", "a", "b"), -1);
}


static void
test_pattern_long(void **state)
{
    char           text[MCP_PATTERN_MAX + 1];
    mcp_str_t      t;
    const char    *why;
    mcp_pattern_t  p;

    memset(text, 'a', sizeof(text));
    text[1] = '/';
    t.data = (unsigned char *) text;

    t.len = MCP_PATTERN_MAX;
    assert_int_equal(mcp_pattern_init(&p, &t, &why), MCP_OK);

    t.len++;
    assert_int_equal(mcp_pattern_init(&p, &t, &why), MCP_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_pattern_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
