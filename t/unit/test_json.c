
/* JSON, as the lexer and the observer take it: what is refused, and where. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <string.h>


static const char  *current = "";

#define FEED_FAIL(what)  fail_msg("%s: %s", current, what)

#include "json_feed.h"


#define DEPTH  64          /* the gateway's own default */
#define SEEDS  6

#define S(s)   (const unsigned char *) (s), sizeof(s) - 1


/* What all say of a text, in any pieces; *error where it is refused. */

static int
verdict(const unsigned char *text, size_t len, unsigned max_depth,
    mcp_json_error_t *error)
{
    int              rc;
    feed_list_t      list;
    mcp_arena_t     *arena;
    mcp_json_tape_t  tape;

    arena = mcp_arena_create();
    assert_non_null(arena);

    (void) feed_all_ways(&list, &tape, arena, text, len, max_depth, SEEDS);

    mcp_arena_destroy(arena);
    rc = list.rc;

    if (error != NULL) {
        *error = list.error;
    }

    feed_free(&list);

    return rc;
}


static int
accepted(const unsigned char *text, size_t len)
{
    return verdict(text, len, DEPTH, NULL) == MCP_OK;
}


static void
test_refused(void **state)
{
    size_t            i;
    mcp_json_error_t  error;

    static const struct {
        const char  *text;
        size_t       len;
        unsigned     offset;
        const char  *why;
    } cases[] = {

#define CASE(s, offset, why)  { s, sizeof(s) - 1, offset, why }

        CASE("", 0, "the text ends too early"),
        CASE("  \n", 3, "the text ends too early"),
        CASE("[1,", 3, "the text ends too early"),
        CASE("{\"a\"", 4, "the text ends too early"),
        CASE("\"abc", 4, "the text ends too early"),
        CASE("\"\\u12", 5, "the text ends too early"),
        CASE("-", 1, "the text ends too early"),
        CASE("1.", 2, "the text ends too early"),
        CASE("[1", 2, "the text ends too early"),
        CASE("1e+", 3, "the text ends too early"),
        CASE("tru", 3, "the text ends too early"),
        CASE("\"\xe2\x82", 3, "the text ends too early"),

        CASE("x", 0, "expected a value"),
        CASE("\xef\xbb\xbf{}", 0, "expected a value"),
        CASE("[1,]", 3, "expected a value"),
        CASE("{\"a\":}", 5, "expected a value"),
        CASE("[\v1]", 1, "expected a value or \"]\""),
        CASE("[,1]", 1, "expected a value or \"]\""),
        CASE("[}", 1, "expected a value or \"]\""),
        CASE("{]", 1, "expected a member name or \"}\""),
        CASE("{a:1}", 1, "expected a member name or \"}\""),
        CASE("{\"a\":1,}", 7, "expected a member name"),
        CASE("{\"a\":1,2}", 7, "expected a member name"),
        CASE("{\"a\" 1}", 5, "expected \":\""),
        CASE("{\"a\",1}", 4, "expected \":\""),
        CASE("{\"a\":1]", 6, "expected \",\" or \"}\""),
        CASE("{\"a\":1 \"b\":2}", 7, "expected \",\" or \"}\""),
        CASE("[1 2]", 3, "expected \",\" or \"]\""),
        CASE("[1}", 2, "expected \",\" or \"]\""),
        CASE("[\"a\"\"b\"]", 4, "expected \",\" or \"]\""),
        CASE("{} x", 3, "expected nothing behind the value"),
        CASE("1 2", 2, "expected nothing behind the value"),
        CASE("[]]", 2, "expected nothing behind the value"),
        CASE("null\0", 4, "expected nothing behind the value"),

        CASE("01", 1, "expected nothing behind the value"),
        CASE("[-01]", 3, "expected \",\" or \"]\""),
        CASE("-a", 1, "expected a digit"),
        CASE("[-]", 2, "expected a digit"),
        CASE("[1.]", 3, "expected a digit"),
        CASE("[1.e1]", 3, "expected a digit"),
        CASE("[1e]", 3, "expected a digit"),
        CASE("[1e+]", 4, "expected a digit"),
        CASE("[1.0E-x]", 6, "expected a digit"),
        CASE("[+1]", 1, "expected a value or \"]\""),
        CASE("[.5]", 1, "expected a value or \"]\""),
        CASE("[0x1]", 2, "expected \",\" or \"]\""),
        CASE("[1.5.5]", 4, "expected \",\" or \"]\""),
        CASE("[1e5.5]", 4, "expected \",\" or \"]\""),
        CASE("[NaN]", 1, "expected a value or \"]\""),

        CASE("[nul]", 4, "expected \"true\", \"false\" or \"null\""),
        CASE("[truE]", 4, "expected \"true\", \"false\" or \"null\""),
        CASE("[fals]", 5, "expected \"true\", \"false\" or \"null\""),
        CASE("nan", 1, "expected \"true\", \"false\" or \"null\""),
        CASE("[truee]", 5, "expected \",\" or \"]\""),
        CASE("nulll", 4, "expected nothing behind the value"),

        CASE("\"a\nb\"", 2, "control character in a string"),
        CASE("\"a\0\"", 2, "control character in a string"),
        CASE("\"0123456789abcdef\x1f\"", 17,
             "control character in a string"),
        CASE("{\"\t\":1}", 2, "control character in a string"),
        CASE("\"\\x\"", 2, "invalid escape"),
        CASE("\"\\\n\"", 2, "invalid escape"),
        CASE("\"\\\0\"", 2, "invalid escape"),
        CASE("\"\\u00g0\"", 5, "invalid escape"),
        CASE("\"\\u000\"", 6, "invalid escape"),
        CASE("\"\\U0000\"", 2, "invalid escape"),
        CASE("\"\\'\"", 2, "invalid escape"),

        CASE("\"\\ud800\"", 7, "lone surrogate"),
        CASE("\"\\ud800x\"", 7, "lone surrogate"),
        CASE("\"\\ud800\\n\"", 8, "lone surrogate"),
        CASE("\"\\ud800\\u0041\"", 12, "lone surrogate"),
        CASE("\"\\ud800\\ud800\"", 12, "lone surrogate"),
        CASE("\"\\udc00\\ud800\"", 6, "lone surrogate"),
        CASE("\"\\uDFFF\"", 6, "lone surrogate"),
        CASE("\"\\ud800\\u00x0\"", 11, "invalid escape"),

        CASE("\"\x80\"", 1, "invalid UTF-8"),
        CASE("\"\xc0\xaf\"", 1, "invalid UTF-8"),
        CASE("\"\xc3\"", 2, "invalid UTF-8"),
        CASE("\"\xe0\x9f\xbf\"", 2, "invalid UTF-8"),
        CASE("\"\xed\xa0\x80\"", 2, "invalid UTF-8"),
        CASE("\"\xe2\x82\"", 3, "invalid UTF-8"),
        CASE("\"\xf0\x8f\xbf\xbf\"", 2, "invalid UTF-8"),
        CASE("\"\xf4\x90\x80\x80\"", 2, "invalid UTF-8"),
        CASE("\"\xf5\x80\x80\x80\"", 1, "invalid UTF-8"),
        CASE("\"\xf0\x9f\x98\xc0\"", 4, "invalid UTF-8"),
        CASE("\"\xff\"", 1, "invalid UTF-8"),
        CASE("[\xc2\xa0]", 1, "expected a value or \"]\"")

#undef CASE

    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        current = cases[i].text;

        assert_int_equal(verdict((const unsigned char *) cases[i].text,
                                 cases[i].len, DEPTH, &error),
                         MCP_ERROR);

        if (strcmp(error.text, cases[i].why) != 0
            || error.offset != cases[i].offset)
        {
            fail_msg("%s: \"%s\" at %u, not at %u", current, error.text,
                     (unsigned) error.offset, cases[i].offset);
        }
    }
}


static void
test_depth(void **state)
{
    unsigned          n;
    unsigned char     text[2 * MCP_JSON_DEPTH_MAX + 4];
    mcp_json_error_t  error;

    current = "depth";

    for (n = 1; n <= MCP_JSON_DEPTH_MAX + 1; n += (n % 8 ? 1 : 41)) {

        memset(text, '[', n);
        memset(text + n, ']', n);

        assert_int_equal(verdict(text, 2 * n, n, NULL),
                         n <= MCP_JSON_DEPTH_MAX ? MCP_OK : MCP_ERROR);

        if (n > 1) {
            assert_int_equal(verdict(text, 2 * n, n - 1, &error), MCP_ERROR);
            assert_string_equal(error.text, "nested too deeply");
            assert_int_equal(error.offset, n - 1);
        }
    }

    n = MCP_JSON_DEPTH_MAX + 1;
    memset(text, '[', n);

    assert_int_equal(verdict(text, n, n + 1, &error), MCP_ERROR);
    assert_string_equal(error.text, "nested too deeply");
    assert_int_equal(error.offset, n - 1);

    /* no limit is none: at least the root may be a container */

    assert_int_equal(verdict(S("{}"), 0, NULL), MCP_OK);
    assert_int_equal(verdict(S("[{}]"), 0, NULL), MCP_ERROR);

    /* an object is as deep as an array, and siblings add nothing */

    assert_int_equal(verdict(S("{\"a\":[{}],\"b\":[]}"), 3, NULL), MCP_OK);
    assert_int_equal(verdict(S("{\"a\":[{}],\"b\":[]}"), 2, NULL), MCP_ERROR);
    assert_int_equal(verdict(S("[1,[],2,{},3]"), 2, NULL), MCP_OK);
}


/* --- corpora ------------------------------------------------------------- */


static const char *
corpora(void)
{
    const char  *dir;

    dir = getenv("MCP_CORPORA");

    return (dir != NULL && *dir != '\0') ? dir : "../shared/corpora";
}


static unsigned char *
slurp(const char *path, size_t *len)
{
    FILE           *f;
    unsigned char  *data;

    f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("cannot read %s (set MCP_CORPORA)", path);
        return NULL;
    }

    data = malloc(1 << 20);
    assert_non_null(data);

    *len = fread(data, 1, 1 << 20, f);
    assert_true(*len < 1 << 20);
    fclose(f);

    return data;
}


/* What JSONTestSuite leaves open; docs/json.md gives the reasons. */

static const struct {
    const char  *name;
    int          rc;
    const char  *why;
} decided[] = {
    { "i_number_double_huge_neg_exp.json", MCP_OK, NULL },
    { "i_number_huge_exp.json", MCP_OK, NULL },
    { "i_number_neg_int_huge_exp.json", MCP_OK, NULL },
    { "i_number_pos_double_huge_exp.json", MCP_OK, NULL },
    { "i_number_real_neg_overflow.json", MCP_OK, NULL },
    { "i_number_real_pos_overflow.json", MCP_OK, NULL },
    { "i_number_real_underflow.json", MCP_OK, NULL },
    { "i_number_too_big_neg_int.json", MCP_OK, NULL },
    { "i_number_too_big_pos_int.json", MCP_OK, NULL },
    { "i_number_very_big_negative_int.json", MCP_OK, NULL },
    { "i_object_key_lone_2nd_surrogate.json", MCP_ERROR, "lone surrogate" },
    { "i_string_1st_surrogate_but_2nd_missing.json", MCP_ERROR,
      "lone surrogate" },
    { "i_string_1st_valid_surrogate_2nd_invalid.json", MCP_ERROR,
      "lone surrogate" },
    { "i_string_UTF-16LE_with_BOM.json", MCP_ERROR, "expected a value" },
    { "i_string_UTF-8_invalid_sequence.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_UTF8_surrogate_U+D800.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_incomplete_surrogate_and_escape_valid.json", MCP_ERROR,
      "lone surrogate" },
    { "i_string_incomplete_surrogate_pair.json", MCP_ERROR,
      "lone surrogate" },
    { "i_string_incomplete_surrogates_escape_valid.json", MCP_ERROR,
      "lone surrogate" },
    { "i_string_invalid_lonely_surrogate.json", MCP_ERROR, "lone surrogate" },
    { "i_string_invalid_surrogate.json", MCP_ERROR, "lone surrogate" },
    { "i_string_invalid_utf-8.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_inverted_surrogates_U+1D11E.json", MCP_ERROR,
      "lone surrogate" },
    { "i_string_iso_latin_1.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_lone_second_surrogate.json", MCP_ERROR, "lone surrogate" },
    { "i_string_lone_utf8_continuation_byte.json", MCP_ERROR,
      "invalid UTF-8" },
    { "i_string_not_in_unicode_range.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_overlong_sequence_2_bytes.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_overlong_sequence_6_bytes.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_overlong_sequence_6_bytes_null.json", MCP_ERROR,
      "invalid UTF-8" },
    { "i_string_truncated-utf-8.json", MCP_ERROR, "invalid UTF-8" },
    { "i_string_utf16BE_no_BOM.json", MCP_ERROR, "expected a value" },
    { "i_string_utf16LE_no_BOM.json", MCP_ERROR,
      "expected a value or \"]\"" },
    { "i_structure_500_nested_arrays.json", MCP_ERROR, "nested too deeply" },
    { "i_structure_UTF-8_BOM_empty_object.json", MCP_ERROR,
      "expected a value" }
};

#define DECIDED  (sizeof(decided) / sizeof(decided[0]))


/* Names that come twice are JSON (RFC 8259, 4); only the tape refuses them. */

static int
has_duplicates(const char *name)
{
    return strcmp(name, "y_object_duplicated_key.json") == 0
           || strcmp(name, "y_object_duplicated_key_and_value.json") == 0;
}


static void
suite_case(const char *name, const unsigned char *text, size_t len)
{
    int               rc, taped;
    size_t            i;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;
    mcp_json_error_t  error;

    rc = verdict(text, len, DEPTH, &error);

    arena = mcp_arena_create();
    assert_non_null(arena);
    taped = mcp_json_tape(&tape, arena, text, len, DEPTH);
    mcp_arena_destroy(arena);

    if (has_duplicates(name)) {
        assert_int_equal(rc, MCP_OK);
        assert_int_equal(taped, MCP_ERROR);
        assert_string_equal(tape.error.text, "the member name comes twice");
        return;
    }

    assert_int_equal(taped, rc);

    if (name[0] != 'i') {
        assert_int_equal(rc, name[0] == 'y' ? MCP_OK : MCP_ERROR);
        return;
    }

    for (i = 0; i < DECIDED && strcmp(decided[i].name, name) != 0; i++) {
        /* void */
    }

    if (i == DECIDED) {
        fail_msg("%s is not decided", name);
    }

    assert_int_equal(rc, decided[i].rc);

    if (strcmp(name, "i_structure_500_nested_arrays.json") == 0) {
        assert_int_equal(verdict(text, len, 500, NULL), MCP_OK);
        assert_int_equal(verdict(text, len, 499, NULL), MCP_ERROR);
    }

    if (rc == MCP_ERROR) {
        assert_string_equal(error.text, decided[i].why);
    }
}


static void
test_suite(void **state)
{
    DIR            *dir;
    size_t          len;
    unsigned        n, open;
    char            path[1024];
    struct dirent  *entry;
    unsigned char  *text;

    snprintf(path, sizeof(path), "%s/jsontestsuite/test_parsing", corpora());

    dir = opendir(path);
    if (dir == NULL) {
        fail_msg("cannot read %s (set MCP_CORPORA)", path);
        return;
    }

    n = 0;
    open = 0;

    while ((entry = readdir(dir)) != NULL) {

        if (strstr(entry->d_name, ".json") == NULL) {
            continue;
        }

        current = entry->d_name;
        snprintf(path, sizeof(path), "%s/jsontestsuite/test_parsing/%s",
                 corpora(), entry->d_name);

        text = slurp(path, &len);
        suite_case(entry->d_name, text, len);
        free(text);

        n++;
        open += (entry->d_name[0] == 'i');
    }

    closedir(dir);

    assert_int_equal(open, DECIDED);
    assert_true(n >= 318);
}


/*
 * utf8tests.bin has lines "number:valid:bytes" and "number:invalid:bytes".
 * Control characters and quotes are left out of what goes into a string.
 */

static void
test_utf8_corpus(void **state)
{
    char            path[1024];
    size_t          len, n, pad;
    unsigned        valid, invalid, good;
    unsigned char  *data, *p, *end, *line, text[1024];

    snprintf(path, sizeof(path), "%s/utf8tests/utf8tests.bin", corpora());

    data = slurp(path, &len);
    end = data + len;
    valid = 0;
    invalid = 0;

    for (p = data; p < end; p = line + 1) {

        line = memchr(p, '\n', (size_t) (end - p));
        if (line == NULL) {
            line = end;
        }

        snprintf(path, sizeof(path), "utf8tests %.*s",
                 (int) strcspn((char *) p, ":"), p);
        current = path;

        p = memchr(p, ':', (size_t) (line - p));
        assert_non_null(p);

        good = (strncmp((char *) p, ":valid:", 7) == 0);
        assert_true(good || strncmp((char *) p, ":invalid:", 9) == 0);
        p += good ? 7 : 9;

        for (pad = 0; pad < 18; pad++) {

            memset(text, 'x', pad + 1);
            text[0] = '"';
            n = pad + 1;

            for (len = 0; len < (size_t) (line - p); len++) {
                if (p[len] >= 0x20 && p[len] != '"' && p[len] != '\\') {
                    text[n++] = p[len];
                }
            }

            text[n++] = '"';
            assert_true(n < sizeof(text));

            if (accepted(text, n) != (int) good) {
                fail_msg("%s: %s", current, good ? "refused" : "accepted");
            }
        }

        valid += good;
        invalid += !good;
    }

    free(data);

    assert_true(valid >= 20);
    assert_true(invalid >= 60);
}


/* --- exhaustive ---------------------------------------------------------- */


/* The lexer on a whole text; enough where pieces are tested elsewhere. */

static int
lexed(const unsigned char *text, size_t len)
{
    int                   rc;
    mcp_json_lexer_t      lx;
    mcp_json_token_t      tok;
    const unsigned char  *p;

    mcp_json_init(&lx, DEPTH);
    p = text;

    do {
        rc = mcp_json_next(&lx, &p, text + len, &tok);
    } while (rc == MCP_OK);

    return rc != MCP_ERROR && mcp_json_finish(&lx) == MCP_OK;
}


/* Every byte at every place of a block of sixteen, and behind. */

static void
test_string_bytes(void **state)
{
    int            good;
    size_t         at, len;
    unsigned       c;
    unsigned char  text[48];

    current = "bytes of a string";

    for (len = 1; len <= 36; len += 5) {
        for (at = 0; at < len; at++) {
            for (c = 0; c < 256; c++) {

                memset(text, 'a', sizeof(text));
                text[0] = '"';
                text[1 + at] = (unsigned char) c;
                text[1 + len] = '"';

                good = (c >= 0x20 && c < 0x80 && c != '"' && c != '\\');

                if (lexed(text, len + 2) != good) {
                    fail_msg("%02x at %zu of %zu", c, at, len);
                }

                if (at % 7 == 0) {
                    assert_int_equal(accepted(text, len + 2), good);
                }
            }
        }
    }
}


/* White space of every length, with one byte that is none in its place. */

static void
test_space(void **state)
{
    size_t         len, at;
    unsigned       c, place;
    unsigned char  text[64];

    static const unsigned char  wrong[] = { 0, 1, 8, 11, 12, 31, 0x85, 0xa0 };

    current = "white space";

    for (len = 0; len < 40; len += (len < 4 ? 1 : 3)) {
        for (place = 0; place < 6; place++) {

            /* [ 1 , 2 ] with the space at one of six places */

            for (c = 0, at = 0; c < 6; c++) {
                if (c == place) {
                    for (at = 0; at < len; at++) {
                        text[c + at] = (unsigned char) " \n\r\t"[at % 4];
                    }
                }

                text[c + at] = (unsigned char) "[1,2] "[c];
            }

            assert_true(accepted(text, 6 + len));

            for (at = 0; at < len; at += 5) {
                c = text[place + at];
                text[place + at] = wrong[at % sizeof(wrong)];
                assert_false(accepted(text, 6 + len));
                text[place + at] = (unsigned char) c;
            }
        }
    }
}


/* RFC 3629, 4: the ABNF of UTF-8, written as a table of ranges. */

static int
is_utf8(const unsigned char *s, size_t len)
{
    size_t  i, k;

    static const unsigned char  range[8][9] = {
        { 2, 0xc2, 0xdf, 0x80, 0xbf },
        { 3, 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf },
        { 3, 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf },
        { 3, 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf },
        { 3, 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf },
        { 4, 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf },
        { 4, 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf },
        { 4, 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf }
    };

    for (i = 0; i < 8; i++) {

        if (range[i][0] != len) {
            continue;
        }

        for (k = 0; k < len; k++) {
            if (s[k] < range[i][1 + 2 * k] || s[k] > range[i][2 + 2 * k]) {
                break;
            }
        }

        if (k == len) {
            return 1;
        }
    }

    return 0;
}


static void
test_utf8_sequences(void **state)
{
    size_t         len, n;
    unsigned       a, b, c, d;
    unsigned char  text[32];

    /* what can be told apart in the bytes behind the second */

    static const unsigned char  tails[] = { 'a', 0x7f, 0x80, 0xbf, 0xc0 };

    for (a = 0x80; a < 0x100; a++) {
        for (b = 0x23; b < 0x100; b += (b == 0x23 ? 0x5c : 1)) {
            for (c = 0; c < sizeof(tails); c++) {
                for (d = 0; d < sizeof(tails); d++) {
                    for (len = 1; len <= 4; len++) {

                        text[0] = '"';
                        text[1] = (unsigned char) a;
                        text[2] = (unsigned char) b;
                        text[3] = tails[c];
                        text[4] = tails[d];
                        text[1 + len] = '"';

                        /* room behind it changes the way it is read */

                        for (n = len + 2; n < len + 6; n++) {
                            if (n > len + 2) {
                                text[n - 1] = ' ';
                            }

                            if (lexed(text, n)
                                != (is_utf8(text + 1, len)
                                    || (len > 1 && text[len] < 0x80
                                        && is_utf8(text + 1, len - 1))
                                    || (len > 2 && text[len] < 0x80
                                        && text[len - 1] < 0x80
                                        && is_utf8(text + 1, len - 2))))
                            {
                                fail_msg("%02x %02x %02x %02x, %zu bytes", a,
                                         b, tails[c], tails[d], len);
                            }
                        }
                    }
                }
            }
        }
    }
}


static void
test_escapes(void **state)
{
    int            good;
    unsigned       c, high, low;
    unsigned char  text[32];

    for (c = 0; c < 256; c++) {
        memcpy(text, "[\"\\?\"]", 6);
        text[3] = (unsigned char) c;
        current = "simple escapes";

        assert_int_equal(accepted(text, 6),
                         c != 0 && strchr("\"\\/bfnrt", (int) c) != NULL);
    }

    for (c = 0; c < 0x10000; c++) {
        snprintf((char *) text, sizeof(text), c % 2 ? "\"\\u%04x\""
                                                    : "\"\\u%04X\"", c);
        good = (c < 0xd800 || c > 0xdfff);

        if (lexed(text, 8) != good || (c % 97 == 0
                                       && accepted(text, 8) != good))
        {
            fail_msg("\\u%04x", c);
        }
    }

    for (high = 0xd7ff; high < 0xe001; high += 0x1ff) {
        for (low = 0xdbff; low < 0xe001; low += 0x201) {
            snprintf((char *) text, sizeof(text), "\"\\u%04x\\u%04x\"", high,
                     low);
            current = (char *) text;

            good = (high < 0xd800 || high > 0xdfff)
                   ? (low < 0xd800 || low > 0xdfff)
                   : (high < 0xdc00 && low >= 0xdc00 && low < 0xe000);

            assert_int_equal(accepted(text, 14), good);
        }
    }
}


/* --- tokens -------------------------------------------------------------- */


static void
test_tokens(void **state)
{
    size_t       i;
    feed_list_t  list;

    static const char  text[] =
        " {\"a\" : [1, -2.5e+3,true ,false,null],\n"
        "\"\\u0062\":{\"\":\"\\n\"}}\t";

    static const struct {
        mcp_json_type_e  type;
        unsigned         depth;
        unsigned         escaped;
        const char      *bytes;
    } expected[] = {
        { MCP_JSON_OBJECT, 0, 0, "{" },
        { MCP_JSON_KEY, 1, 0, "\"a\"" },
        { MCP_JSON_ARRAY, 1, 0, "[" },
        { MCP_JSON_NUMBER, 2, 0, "1" },
        { MCP_JSON_NUMBER, 2, 0, "-2.5e+3" },
        { MCP_JSON_TRUE, 2, 0, "true" },
        { MCP_JSON_FALSE, 2, 0, "false" },
        { MCP_JSON_NULL, 2, 0, "null" },
        { MCP_JSON_ARRAY_END, 1, 0, "]" },
        { MCP_JSON_KEY, 1, 1, "\"\\u0062\"" },
        { MCP_JSON_OBJECT, 1, 0, "{" },
        { MCP_JSON_KEY, 2, 0, "\"\"" },
        { MCP_JSON_STRING, 2, 1, "\"\\n\"" },
        { MCP_JSON_OBJECT_END, 1, 0, "}" },
        { MCP_JSON_OBJECT_END, 0, 0, "}" }
    };

    current = "tokens";
    assert_true(accepted(S(text)));

    feed_text(&list, S(text), DEPTH, 0, FEED_WHOLE, 0);
    assert_int_equal(list.n, sizeof(expected) / sizeof(expected[0]));

    for (i = 0; i < list.n; i++) {
        assert_int_equal(list.token[i].type, expected[i].type);
        assert_int_equal(list.token[i].depth, expected[i].depth);
        assert_int_equal(list.token[i].escaped, expected[i].escaped);
        assert_int_equal(list.token[i].end - list.token[i].start,
                         strlen(expected[i].bytes));
        assert_memory_equal(text + list.token[i].start, expected[i].bytes,
                            strlen(expected[i].bytes));
    }

    feed_free(&list);
}


/* The pieces themselves, as json.h promises them. */

static void
test_pieces(void **state)
{
    mcp_json_lexer_t      lx;
    mcp_json_token_t      tok;
    const unsigned char  *p, *end;

#define FEED(s)                                                               \
    p = (const unsigned char *) (s); end = p + sizeof(s) - 1

#define PIECE(t, f, l, n)                                                     \
    assert_int_equal(mcp_json_next(&lx, &p, end, &tok), MCP_OK);              \
    assert_int_equal(tok.type, t);                                            \
    assert_int_equal(tok.first, f);                                           \
    assert_int_equal(tok.last, l);                                            \
    assert_int_equal(tok.end - tok.start, n)

#define STOPS(rc)                                                             \
    assert_int_equal(mcp_json_next(&lx, &p, end, &tok), rc);                  \
    assert_ptr_equal(p, end)

    mcp_json_init(&lx, DEPTH);

    FEED("[12");
    PIECE(MCP_JSON_ARRAY, 1, 1, 1);
    PIECE(MCP_JSON_NUMBER, 1, 0, 2);
    STOPS(MCP_AGAIN);

    FEED("");
    STOPS(MCP_AGAIN);

    FEED("3");
    PIECE(MCP_JSON_NUMBER, 0, 0, 1);
    STOPS(MCP_AGAIN);

    FEED(",\"a\\");
    PIECE(MCP_JSON_NUMBER, 0, 1, 0);
    PIECE(MCP_JSON_STRING, 1, 0, 3);
    assert_int_equal(tok.escaped, 1);
    STOPS(MCP_AGAIN);

    FEED("nb");
    PIECE(MCP_JSON_STRING, 0, 0, 2);
    assert_int_equal(tok.escaped, 1);
    STOPS(MCP_AGAIN);

    FEED("\", \"c\xc3");
    PIECE(MCP_JSON_STRING, 0, 1, 1);
    PIECE(MCP_JSON_STRING, 1, 0, 3);
    assert_int_equal(tok.escaped, 0);
    STOPS(MCP_AGAIN);

    FEED("\xa9\", t");
    PIECE(MCP_JSON_STRING, 0, 1, 2);
    PIECE(MCP_JSON_TRUE, 1, 0, 1);
    STOPS(MCP_AGAIN);

    FEED("rue");
    PIECE(MCP_JSON_TRUE, 0, 1, 3);
    STOPS(MCP_AGAIN);

    assert_int_equal(mcp_json_finish(&lx), MCP_ERROR);

    /* at the root: a string is complete, a number may go on */

    mcp_json_init(&lx, DEPTH);
    FEED(" \"\" ");
    PIECE(MCP_JSON_STRING, 1, 1, 2);
    STOPS(MCP_DONE);
    FEED("");
    STOPS(MCP_DONE);
    FEED("\r\n\t ");
    STOPS(MCP_DONE);
    assert_int_equal(mcp_json_finish(&lx), MCP_OK);

    mcp_json_init(&lx, DEPTH);
    FEED("-0");
    PIECE(MCP_JSON_NUMBER, 1, 0, 2);
    STOPS(MCP_AGAIN);
    FEED("\n");
    PIECE(MCP_JSON_NUMBER, 0, 1, 0);
    STOPS(MCP_DONE);
    assert_int_equal(mcp_json_finish(&lx), MCP_OK);

    mcp_json_init(&lx, DEPTH);
    FEED("0.1");
    PIECE(MCP_JSON_NUMBER, 1, 0, 3);
    assert_int_equal(mcp_json_finish(&lx), MCP_OK);
    assert_int_equal(mcp_json_finish(&lx), MCP_OK);

    /* offsets count from the first byte of all */

    mcp_json_init(&lx, DEPTH);
    FEED("{\"abc\":");
    PIECE(MCP_JSON_OBJECT, 1, 1, 1);
    PIECE(MCP_JSON_KEY, 1, 1, 5);
    STOPS(MCP_AGAIN);
    FEED("  ?");
    assert_int_equal(mcp_json_next(&lx, &p, end, &tok), MCP_ERROR);
    assert_int_equal(lx.error.offset, 9);
    assert_ptr_equal(p, end - 1);

#undef FEED
#undef PIECE
#undef STOPS
}


/* Longer than any block that is read at once, and cut everywhere. */

static void
test_long_strings(void **state)
{
    size_t          i, n;
    unsigned char  *text;

    static const char  *const  parts[] = {
        "plain words ", "\\n", "\\u00e9", "\xc3\xa9", "\xe4\xbd\xa0",
        "\\ud83d\\ude00", "\xf0\x9f\x98\x80", "\\\"", "x", "\x7f"
    };

    current = "long strings";
    text = malloc(1 << 16);
    assert_non_null(text);

    text[0] = '"';
    n = 1;

    for (i = 0; i < 3000; i++) {
        memcpy(text + n, parts[i * i % 10], strlen(parts[i * i % 10]));
        n += strlen(parts[i * i % 10]);
    }

    text[n++] = '"';
    assert_true(accepted(text, n));

    for (i = 1; i < n - 1; i += 499) {
        current = "long strings, cut short";
        assert_false(accepted(text, i));
    }

    free(text);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_utf8_corpus),
        cmocka_unit_test(test_string_bytes),
        cmocka_unit_test(test_space),
        cmocka_unit_test(test_utf8_sequences),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_long_strings)
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
