
/*
 * Member names that come twice, and names that another parser might take for
 * one of the protocol's: by case, by Unicode's folding, by U+0000.
 */


#include "msg.h"


/* The objects whose names are the protocol's, and what they begin with. */

typedef struct {
    const char           *before;    /* the object, up to its first member */
    const char           *after;     /* the rest: all members that must be */
    const char           *words[24];
} level_t;


static const level_t  levels[] = {

    { "{",
      "\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{"
      "\"name\":\"t\"}}",
      { "jsonrpc", "id", "method", "params", "result", "error" } },

    { "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{",
      "\"name\":\"t\",\"arguments\":{\"a\":1}," META "}}",
      { "name", "uri", "arguments", "_meta", "cursor", "ref", "argument",
        "requestId", "protocolVersion", "capabilities", "clientInfo",
        "inputResponses", "requestState", "level", "taskId", "notifications",
        "progressToken" } },

    { "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"vendor/any\",\"params\":{"
      "\"_meta\":{",
      "\"z\":0}}}",
      { "progressToken", RESERVED "protocolVersion",
        RESERVED "clientCapabilities", RESERVED "clientInfo",
        RESERVED "logLevel", RESERVED "subscriptionId",
        RESERVED "serverInfo", RESERVED "related-task" } },

    { "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"completion/complete\","
      "\"params\":{\"ref\":{",
      "\"type\":\"ref/prompt\",\"name\":\"n\"}}}",
      { "type", "name", "uri" } }
};

#define LEVELS  (sizeof(levels) / sizeof(level_t))


static unsigned  variants;


/* A member of that name, as JSON text, in front of the others of a level. */

static char *
with(const level_t *level, const char *name)
{
    return fmt("%s\"%s\":\"x\",%s", level->before, name, level->after);
}


static void
refused_name(const level_t *level, const char *name, const char *word)
{
    refused(with(level, name), MCP_E_REQUEST, 400);
    variants++;

    assert_int_equal(json_integer_value(fault_data("position")),
                     strlen(level->before));
    assert_str(&m.id, "7");

    if (word != NULL) {
        assert_string_equal(json_string_value(fault_data("expected")), word);
    }
}


/* All of the word's letters at "at" replaced. */

static char *
replaced(const char *word, size_t at, const char *by)
{
    return fmt("%.*s%s%s", (int) at, word, by, word + at + 1);
}


static void
test_variants_refused(void **state)
{
    char           c, *upper;
    size_t         i, j, k, len;
    const char    *word;
    const level_t *level;

    variants = 0;

    for (i = 0; i < LEVELS; i++) {
        level = &levels[i];

        for (j = 0; level->words[j] != NULL; j++) {
            word = level->words[j];
            len = strlen(word);
            upper = fmt("%s", word);

            for (k = 0; k < len; k++) {
                c = word[k];

                if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
                    refused_name(level, replaced(word, k,
                                                 fmt("%c", c ^ 0x20)), NULL);
                    refused_name(level, replaced(word, k,
                                                 fmt("\\u00%02x", c ^ 0x20)),
                                 NULL);
                    upper[k] = (char) (c & ~0x20);
                }

                if ((c | 0x20) == 's') {
                    refused_name(level, replaced(word, k, "\xc5\xbf"), NULL);
                    refused_name(level, replaced(word, k, "\\u017f"), NULL);
                    refused_name(level, replaced(word, k, "\\u017F"), NULL);
                }

                if ((c | 0x20) == 'k') {
                    refused_name(level, replaced(word, k, "\xe2\x84\xaa"),
                                 NULL);
                    refused_name(level, replaced(word, k, "\\u212a"), NULL);
                }

                refused_name(level, fmt("%.*s\\u0000%s", (int) k, word,
                                        word + k), NULL);
            }

            refused_name(level, upper, NULL);
            refused_name(level, fmt("%s\\u0000", word), word);
            refused_name(level, fmt("%s\\u0000\\u0000", word), word);
            refused_name(level, fmt("%s\\u0000more", word), word);
            refused_name(level, fmt("%s\\u0000%0200d", word, 0), word);
            refused_name(level, fmt("%s\\u0000", upper), word);
        }
    }

    assert_true(variants > 1000);
}


/* The prefix is the protocol's, whatever comes behind it. */

static void
test_reserved_prefix(void **state)
{
    refused_name(&levels[2], "IO.modelcontextprotocol/any", RESERVED);
    refused_name(&levels[2], "io.ModelContextProtocol/any", RESERVED);
    refused_name(&levels[2], "io.modelcontextprotocol\\u0000/any", RESERVED);
    refused_name(&levels[2], "\\u0000io.modelcontextprotocol/any", RESERVED);
    refused_name(&levels[2], fmt("Io.modelcontextprotocol/%0500d", 0),
                 RESERVED);

    parse_ok(with(&levels[2], RESERVED "any"));
    parse_ok(with(&levels[2], RESERVED));
    parse_ok(with(&levels[2], "io.modelcontextprotocol"));
    parse_ok(with(&levels[2], "Io.modelcontextprotocol"));
    parse_ok(with(&levels[2], "Io.modelcontextprotocols/any"));
}


static void
test_twice_refused(void **state)
{
    size_t         i, j, n, len;
    char          *member;
    const char    *word;
    const level_t *level;

    n = 0;

    for (i = 0; i < LEVELS; i++) {
        level = &levels[i];

        for (j = 0; level->words[j] != NULL; j++) {
            word = level->words[j];
            len = strlen(word);
            member = fmt("\"%s\":1,", word);

            refused(fmt("%s%s%s%s", level->before, member, member,
                        level->after), MCP_E_REQUEST, 400);

            /* escaped in one of the two, and far apart */

            refused(fmt("%s\"\\u%04x%s\":1,\"o\":{},%s%s", level->before,
                        (unsigned) word[0], word + 1, member, level->after),
                    MCP_E_REQUEST, 400);
            refused(fmt("%s%s\"o\":[],\"%.*s\\u%04X\":1,%s", level->before,
                        member, (int) len - 1, word, (unsigned) word[len - 1],
                        level->after), MCP_E_REQUEST, 400);
            n += 3;
        }
    }

    assert_true(n > 60);
}


/* Where nothing is the protocol's, too: a backend reads it. */

static void
test_twice_anywhere(void **state)
{
    size_t  i;

    static const char  *places[] = {
        "\"%s\":1,\"a\":{},\"%s\":1",
        "\"arguments\":{\"%s\":1,\"%s\":1}",
        "\"arguments\":{\"a\":{\"b\":[0,{\"%s\":{},\"%s\":{}}]}}",
        "\"_meta\":{\"v\":{\"%s\":1,\"%s\":1}}",
        "\"x\":[[[{\"%s\":null,\"%s\":null}]]]"
    };

    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

        char  *a, *b, *c, *d;

        a = fmt(places[i], "k", "k");
        b = fmt(places[i], "k", "\\u006b");
        c = fmt(places[i], "", "");
        d = fmt(places[i], "k", "K");

#pragma GCC diagnostic pop

        refused(fmt("%s%s,%s", levels[1].before, a, "\"name\":\"t\"}}"),
                MCP_E_REQUEST, 400);
        assert_str(&m.id, "7");
        refused(fmt("%s%s,%s", levels[1].before, b, "\"name\":\"t\"}}"),
                MCP_E_REQUEST, 400);
        refused(fmt("%s%s,%s", levels[1].before, c, "\"name\":\"t\"}}"),
                MCP_E_REQUEST, 400);
        parse_ok(fmt("%s%s,%s", levels[1].before, d, "\"name\":\"t\"}}"));
    }
}


/* Which of the faults is named, and where. */

static void
test_positions(void **state)
{
    const char  *text;

    text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{"
           "\"a\":1,\"b\":{\"c\":1,\"c\":2},\"a\":2}}";
    refused(text, MCP_E_REQUEST, 400);
    assert_int_equal(json_integer_value(fault_data("position")),
                     strstr(text, "\"c\":2") - text);

    text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{"
           "\"URI\":1,\"Name\":2}}";
    refused(text, MCP_E_REQUEST, 400);
    assert_int_equal(json_integer_value(fault_data("position")),
                     strstr(text, "\"URI\"") - text);
    assert_string_equal(json_string_value(fault_data("expected")), "uri");

    /* in an answer, too; but what is in its result is the client's */

    refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"Result\":{},\"result\":{}}",
            MCP_E_REQUEST, 400);
    parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"Name\":1,"
             "\"Params\":{},\"_META\":{}}}");
}


/* Names that are no variant: they are the vendors'. */

static void
test_others_pass(void **state)
{
    size_t  i, j;

    static const char  *names[] = {
        "", " ", "names", "nam", "n ame", " name", "name ", "_name", "na-me",
        "n\xc3\xa4me", "nam\xc4\x97",
        "\xd0\xbd" "ame", "na\\tme", "name\\n",
        "\\u0001name", "name\\uff00", "i\\u0307d", "\xc4\xb1" "d", "\\u0130d",
        "metho", "methods", "para\\u2010ms", "r\xc3\xa9" "f", "0", "\\u0000",
        "\\u0000\\u0000", "x\\u0000name", "nam\\u0000", "\xef\xac\x81",
        "re\\ufb00", "\xc7\x85", "url", "urn", "protocol_version",
        "protocol-version", "client_info", "a very long name that is longer "
        "than any of the protocol's names, and so can be none of them"
    };

    for (i = 0; i < LEVELS; i++) {
        for (j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
            parse_ok(with(&levels[i], names[j]));
        }
    }

    /* in arguments all names are the tool's */

    parse_ok("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\","
             "\"params\":{\"name\":\"t\",\"arguments\":{\"Name\":1,\"NAME\":2,"
             "\"name\\u0000\":3,\"name\":4,\"_Meta\":{},\"\xc5\xbf\":1,"
             "\"s\":1,\"S\":1,\"k\":1,\"\xe2\x84\xaa\":1}}}");
}


/* Escaped names are what they stand for. */

static void
test_escaped_names(void **state)
{
    char   *text, *p;
    size_t  i;

    static const char  plain[] =
        "{<jsonrpc>:\"2.0\",<id>:7,<method>:\"tools/call\",<params>:{<name>:"
        "\"t\",<arguments>:{},<_meta>:{<progressToken>:\"p\",<" RESERVED
        "protocolVersion>:\"2026-07-28\"}}}";

    text = mcp_alloc(arena, sizeof(plain) * 7);
    p = text;

    for (i = 0; plain[i] != '\0'; i++) {
        static int  in;

        if (plain[i] == '<' || plain[i] == '>') {
            in = (plain[i] == '<');
            *p++ = '"';

        } else if (in) {
            p += sprintf(p, "\\u%04x", (unsigned) plain[i]);

        } else {
            *p++ = plain[i];
        }
    }

    *p = '\0';

    parse_ok(text);
    assert_str(&m.name, "t");
    assert_str(&m.version, "2026-07-28");
    assert_true(m.arguments != 0 && m.progress_token != 0);
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        msg_test(test_variants_refused),
        msg_test(test_reserved_prefix),
        msg_test(test_twice_refused),
        msg_test(test_twice_anywhere),
        msg_test(test_positions),
        msg_test(test_others_pass),
        msg_test(test_escaped_names)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fault_forget();

    return rc;
}
