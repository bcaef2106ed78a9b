
/* Mcp-Param-*: schemas that ask for them, values, headers against bodies. */


#include "msg.h"


static mcp_params_t   params;
static const char    *why;


static int
compile(const char *schema)
{
    int               rc;
    mcp_json_tape_t   tape;

    rc = mcp_json_tape(&tape, arena, msg_copy(schema, strlen(schema)),
                       strlen(schema), MCP_JSON_DEPTH_MAX);
    if (rc != MCP_OK) {
        fail_msg("not JSON: %s", schema);
    }

    return mcp_params_compile(&params, arena, &tape, 0, &why);
}


static void
compile_ok(const char *schema, unsigned n)
{
    int  rc;

    rc = compile(schema);

    if (rc != MCP_OK || params.n != n) {
        fail_msg("%d, %u: %s: %s", rc, params.n, why ? why : "", schema);
    }
}


/* One property of that schema, named "p". */

static char *
property(const char *schema)
{
    return fmt("{\"type\":\"object\",\"properties\":{\"p\":%s}}", schema);
}


/* --- schemas -------------------------------------------------------------- */


#define X       "\"x-mcp-header\":\"A\""
#define GOOD    "{\"type\":\"string\"," X "}"
#define IN      "{\"properties\":{\"p\":" GOOD "}}"


static void
test_schemas_refused(void **state)
{
    size_t  i;

    static const char  *bad[] = {

        /* the value */

        "{\"type\":\"string\",\"x-mcp-header\":\"\"}",
        "{\"type\":\"string\",\"x-mcp-header\":null}",
        "{\"type\":\"string\",\"x-mcp-header\":1}",
        "{\"type\":\"string\",\"x-mcp-header\":true}",
        "{\"type\":\"string\",\"x-mcp-header\":[\"A\"]}",
        "{\"type\":\"string\",\"x-mcp-header\":{\"A\":1}}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A B\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\" A\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A:\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A,B\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A/B\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A=B\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A@\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"(A)\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\\"\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\\\\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\r\\nX: y\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\n\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\t\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\u0000\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"\\u0000\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"A\\u007f\"}",
        "{\"type\":\"string\",\"x-mcp-header\":\"R\xc3\xa9gion\"}",

        /* the type */

        "{" X "}",
        "{\"type\":\"number\"," X "}",
        "{\"type\":\"object\"," X "}",
        "{\"type\":\"array\"," X "}",
        "{\"type\":\"null\"," X "}",
        "{\"type\":\"String\"," X "}",
        "{\"type\":[\"string\"]," X "}",
        "{\"type\":[\"string\",\"null\"]," X "}",
        "{\"type\":{}," X "}",
        "{\"enum\":[\"a\"]," X "}",
        "{\"$ref\":\"#/$defs/a\"," X "}",

        /* the place: all that is not "properties" */

        "{\"type\":\"array\",\"items\":" GOOD "}",
        "{\"type\":\"array\",\"items\":[" GOOD "]}",
        "{\"type\":\"array\",\"items\":" IN "}",
        "{\"prefixItems\":[" GOOD "]}", "{\"contains\":" GOOD "}",
        "{\"additionalItems\":" GOOD "}", "{\"unevaluatedItems\":" GOOD "}",
        "{\"oneOf\":[" GOOD "]}", "{\"oneOf\":[{}," IN "]}",
        "{\"anyOf\":[{\"type\":\"null\"}," GOOD "]}", "{\"anyOf\":[" IN "]}",
        "{\"allOf\":[" IN "]}", "{\"not\":" GOOD "}",
        "{\"if\":" IN "}", "{\"then\":" IN "}", "{\"else\":" IN "}",
        "{\"additionalProperties\":" GOOD "}",
        "{\"unevaluatedProperties\":" GOOD "}",
        "{\"propertyNames\":" GOOD "}",
        "{\"patternProperties\":{\"^p\":" GOOD "}}",
        "{\"patternProperties\":{\"^p\":" IN "}}",
        "{\"dependentSchemas\":{\"p\":" IN "}}",
        "{\"dependencies\":{\"p\":" IN "}}",
        "{\"$defs\":{\"p\":" GOOD "}}", "{\"definitions\":{\"p\":" GOOD "}}",
        "{\"$defs\":{\"p\":" IN "}}", "{\"contentSchema\":" GOOD "}",
        "{\"allOf\":[{\"allOf\":[{\"allOf\":[" IN "]}]}]}",
        "{\"properties\":{\"q\":{\"items\":{\"properties\":{\"r\":" GOOD
        "}}}}}",
        "{\"properties\":[" GOOD "]}",
        "{\"vendor\":{\"x\":" GOOD "}}",
        "{\"type\":\"object\",\"properties\":{\"q\":{}}," X "}",

        /* good ones beside do not help, nor does the order */

        "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"B\"},"
        "\"b\":{\"items\":" GOOD "}}}",
        "{\"items\":" GOOD ",\"properties\":{\"a\":{\"type\":\"string\","
        "\"x-mcp-header\":\"B\"}}}",
        "{\"x-mcp-\\u0068eader\":\"\",\"type\":\"string\"}"
    };

    for (i = 0; i < sizeof(bad) / sizeof(char *); i++) {

        if (compile(property(bad[i])) != MCP_ERROR || why == NULL) {
            fail_msg("accepted: %s", bad[i]);
        }
    }

    /* of the root */

    assert_int_equal(compile("{\"type\":\"string\"," X "}"), MCP_ERROR);
    assert_int_equal(compile("{\"$defs\":{\"a\":" GOOD "}}"), MCP_ERROR);
    assert_int_equal(compile("{\"oneOf\":[" IN "]}"), MCP_ERROR);
}


static void
test_twice_refused(void **state)
{
    size_t  i;

    static const char  *pairs[][2] = {
        { "Region", "Region" }, { "Region", "region" }, { "REGION", "rEgIoN" },
        { "A-B", "a-b" }, { "x1", "X1" }
    };

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(compile(fmt(
            "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":"
            "\"%s\"},\"b\":{\"type\":\"integer\",\"x-mcp-header\":\"%s\"}}}",
            pairs[i][0], pairs[i][1])), MCP_ERROR);

        assert_int_equal(compile(fmt(
            "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":"
            "\"%s\"},\"o\":{\"properties\":{\"b\":{\"type\":\"integer\","
            "\"x-mcp-header\":\"%s\"}}}}}",
            pairs[i][0], pairs[i][1])), MCP_ERROR);
    }

    compile_ok("{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":"
               "\"A_\"},\"b\":{\"type\":\"string\",\"x-mcp-header\":"
               "\"A\x7c\"},\"c\":{\"type\":\"string\",\"x-mcp-header\":"
               "\"A~\"},\"d\":{\"type\":\"string\",\"x-mcp-header\":"
               "\"A^\"}}}", 4);
}


static void
test_schemas(void **state)
{
    size_t  i;

    static const char  *none[] = {
        "{}", "true", "false", "null", "[]", "\"x-mcp-header\"",
        "{\"type\":\"object\"}", "{\"properties\":{}}",
        "{\"properties\":{\"a\":{\"type\":\"string\"}}}",

        /* a property of that name, anywhere */

        "{\"properties\":{\"x-mcp-header\":{\"type\":\"string\"}}}",
        "{\"properties\":{\"x-mcp-header\":true}}",
        "{\"items\":{\"properties\":{\"x-mcp-header\":{}}}}",
        "{\"$defs\":{\"x-mcp-header\":{}}}",
        "{\"patternProperties\":{\"x-mcp-header\":{}}}",
        "{\"dependencies\":{\"x-mcp-header\":[\"a\"]}}",

        /* data, not schemas */

        "{\"properties\":{\"a\":{\"default\":" GOOD "}}}",
        "{\"properties\":{\"a\":{\"const\":" GOOD "}}}",
        "{\"properties\":{\"a\":{\"enum\":[" GOOD "]}}}",
        "{\"examples\":[" IN "]}", "{\"default\":" IN "}",
        "{\"required\":[\"x-mcp-header\"]}",
        "{\"description\":\"x-mcp-header\"}",
        "{\"x-mcp-headers\":\"A\",\"X-MCP-Header\":\"B\"}"
    };

    for (i = 0; i < sizeof(none) / sizeof(char *); i++) {
        compile_ok(none[i], 0);
    }

    compile_ok("{\"properties\":{"
               "\"region\":{\"x-mcp-header\":\"Region\",\"type\":\"string\"},"
               "\"plain\":{\"type\":\"string\"},"
               "\"o\":{\"type\":\"object\",\"properties\":{"
               "\"properties\":{\"properties\":{\"\":{\"type\":\"integer\","
               "\"x-mcp-header\":\"D\\u0065ep\"}}},"
               "\"\\u0066lag\":{\"type\":\"boolean\",\"default\":false,"
               "\"x-mcp-header\":\"Flag\"}},\"required\":[\"flag\"]},"
               "\"last\":{\"type\":\"\\u0073tring\",\"x-mcp-header\":\"Last\"}"
               "},\"required\":[\"region\"]}", 4);

    assert_str(&params.param[0].header, "Mcp-Param-Region");
    assert_int_equal(params.param[0].type, MCP_PARAM_STRING);
    assert_int_equal(params.param[0].depth, 1);
    assert_str(&params.param[0].path[0], "region");

    assert_str(&params.param[1].header, "Mcp-Param-Deep");
    assert_int_equal(params.param[1].type, MCP_PARAM_INTEGER);
    assert_int_equal(params.param[1].depth, 3);
    assert_str(&params.param[1].path[0], "o");
    assert_str(&params.param[1].path[1], "properties");
    assert_str(&params.param[1].path[2], "");

    assert_str(&params.param[2].header, "Mcp-Param-Flag");
    assert_int_equal(params.param[2].type, MCP_PARAM_BOOLEAN);
    assert_int_equal(params.param[2].depth, 2);
    assert_str(&params.param[2].path[1], "flag");

    assert_str(&params.param[3].header, "Mcp-Param-Last");
    assert_int_equal(params.param[3].depth, 1);

    /* $ref beside, and a parent that is annotated itself */

    compile_ok(property("{\"$ref\":\"#\",\"type\":\"string\"," X "}"), 1);
    compile_ok(property("{\"type\":\"string\"," X ",\"properties\":{\"q\":{"
                        "\"type\":\"string\",\"x-mcp-header\":\"B\"}}}"), 2);
}


/* The inputSchema inside of a tool's definition; nothing beside it counts. */

static void
test_schema_in_a_tool(void **state)
{
    uint32_t          node;
    const char       *tool;
    mcp_json_tape_t   tape;

    tool = "{\"name\":\"t\"," X ",\"inputSchema\":{\"properties\":{\"a\":"
           GOOD "}},\"outputSchema\":{\"items\":" GOOD "}}";

    assert_int_equal(mcp_json_tape(&tape, arena,
                                   msg_copy(tool, strlen(tool)),
                                   strlen(tool), 64), MCP_OK);
    node = mcp_json_get(&tape, 0, "inputSchema");

    assert_int_equal(mcp_params_compile(&params, arena, &tape, node, &why),
                     MCP_OK);
    assert_int_equal(params.n, 1);

    assert_int_equal(mcp_params_compile(&params, arena, &tape, tape.nodes,
                                        &why), MCP_OK);
    assert_int_equal(params.n, 0);
}


/* Many properties, or "properties" in "properties". */

static char *
many(unsigned wide, unsigned deep)
{
    unsigned   i;
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 0);

    for (i = 1; i < deep; i++) {
        mcp_buf_literal(&b, "{\"properties\":{\"a\":");
    }

    mcp_buf_literal(&b, "{\"properties\":{");

    for (i = 0; i < wide; i++) {
        if (i != 0) {
            mcp_buf_literal(&b, ",");
        }

        mcp_buf_literal(&b, "\"p");
        mcp_buf_uint(&b, i);
        mcp_buf_literal(&b, "\":{\"type\":\"string\",\"x-mcp-header\":\"H");
        mcp_buf_uint(&b, i);
        mcp_buf_literal(&b, "\"}");
    }

    for (i = 0; i < deep; i++) {
        mcp_buf_literal(&b, "}}");
    }

    mcp_buf_append(&b, "", 1);
    assert_false(b.failed);

    return (char *) b.data;
}


static void
test_limits(void **state)
{
    compile_ok(many(MCP_PARAMS_MAX, 1), MCP_PARAMS_MAX);
    assert_int_equal(compile(many(MCP_PARAMS_MAX + 1, 1)), MCP_ERROR);

    compile_ok(many(1, MCP_PARAM_DEPTH_MAX), 1);
    assert_int_equal(params.param[0].depth, MCP_PARAM_DEPTH_MAX);
    assert_str(&params.param[0].path[MCP_PARAM_DEPTH_MAX - 1], "p0");
    assert_int_equal(compile(many(1, MCP_PARAM_DEPTH_MAX + 1)), MCP_ERROR);
    assert_int_equal(compile(many(1, 500)), MCP_ERROR);
    compile_ok(many(0, 500), 0);

    compile_ok(property(fmt("{\"type\":\"string\",\"x-mcp-header\":\"%0256d\"}",
                            0)), 1);
    assert_int_equal(compile(property(fmt("{\"type\":\"string\","
                                          "\"x-mcp-header\":\"%0257d\"}", 0))),
                     MCP_ERROR);

    /* after what is deep, paths are right again */

    compile_ok(fmt("{\"properties\":{\"a\":%s,\"b\":" GOOD "}}",
                   many(0, 100)), 1);
    assert_int_equal(params.param[0].depth, 1);
    assert_str(&params.param[0].path[0], "b");
}


/* --- values --------------------------------------------------------------- */


/* A call with these arguments of a tool whose path o.p is of that type. */

static void
call(const char *type, const char *arguments)
{
    compile_ok(fmt("{\"properties\":{\"o\":{\"properties\":{\"p\":{\"type\":"
                   "\"%s\"," X "}}}}}", type), 1);
    parse_ok(fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                 "\"params\":{\"name\":\"t\"%s%s}}",
                 arguments[0] ? ",\"arguments\":" : "", arguments));
}


static void
call_with(const char *type, const char *value)
{
    call(type, fmt("{\"p\":0,\"o\":{\"q\":1,\"p\":%s,\"r\":{}}}", value));
}


static void
test_values(void **state)
{
    int        rc;
    size_t     i;
    mcp_str_t  out;

    static const struct {
        const char       *type;
        const char       *value;
        const char       *text;      /* NULL: MCP_ERROR */
    } values[] = {
        { "string", "\"us-west1\"", "us-west1" },
        { "string", "\"\"", "" },
        { "string", "\"a\\u0041\\n\"", "aA\n" },
        { "string", "1", NULL }, { "string", "true", NULL },
        { "string", "[]", NULL }, { "string", "{}", NULL },

        { "boolean", "true", "true" }, { "boolean", "false", "false" },
        { "boolean", "\"true\"", NULL }, { "boolean", "1", NULL },
        { "boolean", "0", NULL },

        { "integer", "0", "0" }, { "integer", "-0", "0" },
        { "integer", "42", "42" }, { "integer", "-7", "-7" },
        { "integer", "42.0", "42" }, { "integer", "42.000", "42" },
        { "integer", "4.2e1", "42" }, { "integer", "4.2E+1", "42" },
        { "integer", "0.42e2", "42" }, { "integer", "420e-1", "42" },
        { "integer", "4200000e-5", "42" }, { "integer", "-4.2e1", "-42" },
        { "integer", "1e15", "1000000000000000" },
        { "integer", "0e999999999999999999999", "0" },
        { "integer", "0.000e-99", "0" }, { "integer", "-0.0", "0" },
        { "integer", "1000", "1000" }, { "integer", "10.10e2", "1010" },
        { "integer", "0.00000000000000000000042e23", "42" },
        { "integer", "9007199254740991", "9007199254740991" },
        { "integer", "-9007199254740991", "-9007199254740991" },
        { "integer", "9007199254740991.0", "9007199254740991" },
        { "integer", "9.007199254740991e15", "9007199254740991" },
        { "integer", "9007199254740991000000000000000000000000e-24",
          "9007199254740991" },
        { "integer", "9007199254740992", NULL },
        { "integer", "-9007199254740992", NULL },
        { "integer", "9007199254740993", NULL },
        { "integer", "1e16", NULL }, { "integer", "1e400", NULL },
        { "integer", "1e99999999999999999999999", NULL },
        { "integer", "18446744073709551617", NULL },
        { "integer", "340282366920938463463374607431768211457", NULL },
        { "integer", "42.5", NULL }, { "integer", "4.25e1", NULL },
        { "integer", "1e-1", NULL }, { "integer", "1e-400", NULL },
        { "integer", "1e-99999999999999999999999", NULL },
        { "integer", "0.1", NULL },
        { "integer", "12345678901234567890123456789.5", NULL },
        { "integer", "\"42\"", NULL }, { "integer", "true", NULL },
        { "integer", "[42]", NULL }
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        call_with(values[i].type, values[i].value);
        rc = mcp_param_value(&params.param[0], &m, arena, &out);

        if (rc != (values[i].text ? MCP_OK : MCP_ERROR)) {
            fail_msg("%d for %s", rc, values[i].value);
        }

        if (values[i].text != NULL) {
            assert_str(&out, values[i].text);
        }
    }
}


/* A place in the arguments at which there is nothing. */

static const char  *absent[] = {
    "", "{}", "{\"p\":\"x\"}", "{\"o\":null}", "{\"o\":{}}",
    "{\"o\":{\"p\":null}}", "{\"o\":{\"P\":\"x\"}}", "{\"o\":[\"p\"]}",
    "{\"o\":\"p\"}", "{\"o\":{\"o\":{\"p\":\"x\"}}}", "{\"o.p\":\"x\"}",
    "{\"o\":[{\"p\":\"x\"}]}"
};


static void
test_absent(void **state)
{
    size_t     i;
    mcp_str_t  out, header;

    mcp_str_set(&header, "x");

    for (i = 0; i < sizeof(absent) / sizeof(char *); i++) {
        call("string", absent[i]);
        assert_int_equal(mcp_param_value(&params.param[0], &m, arena, &out),
                         MCP_NONE);

        out.data = NULL;
        out.len = 0;
        assert_int_equal(mcp_param_check(&params.param[0], &m, &out, arena,
                                         &fault), MCP_OK);

        /* then there must be no header, not even an empty one */

        assert_int_equal(mcp_param_check(&params.param[0], &m, &header, arena,
                                         &fault), MCP_ERROR);
        assert_int_equal(fault.code, MCP_E_HEADER);

        out.data = (unsigned char *) "";
        assert_int_equal(mcp_param_check(&params.param[0], &m, &out, arena,
                                         &fault), MCP_ERROR);
    }
}


/* --- headers -------------------------------------------------------------- */


typedef struct {
    const char           *type;
    const char           *value;     /* in the body */
    const char           *header;    /* NULL: absent */
} pair_t;


static int
check(const pair_t *pair)
{
    mcp_str_t  header;

    call_with(pair->type, pair->value);

    header.data = NULL;
    header.len = 0;

    if (pair->header != NULL) {
        header.len = strlen(pair->header);
        header.data = msg_copy(pair->header, header.len);
    }

    return mcp_param_check(&params.param[0], &m, &header, arena, &fault);
}


static void
test_headers_refused(void **state)
{
    size_t  i;

    static const pair_t  bad[] = {
        { "string", "\"Hello\"", NULL }, { "string", "\"\"", NULL },
        { "string", "\"Hello\"", "" }, { "string", "\"Hello\"", "hello" },
        { "string", "\"Hello\"", "Hello " }, { "string", "\"Hello\"", "Hell" },
        { "string", "\"Hello\"", "\"Hello\"" },
        { "string", "\"Hello\"", "=?base64?SGVsbG8?=" },
        { "string", "\"Hello\"", "=?base64?SGVs!!!bG8=?=" },
        { "string", "\"Hello\"", "=?BASE64?SGVsbG8=?=" },
        { "string", "\"Hello\"", "SGVsbG8=" },
        { "string", "\"Hello\"", "=?base64?SGVsbG8h?=" },
        { "string", "\"Hello\"", "=?base64?PT9iYXNlNjQ/U0dWc2JHOD0/PQ==?=" },
        { "string", "\"caf\xc3\xa9\"", "caf\xc3\xa9" },
        { "string", "\"a\\nb\"", "a\nb" },
        { "string", "\"=?base64?eA==?=\"", "=?base64?eA==?=" },
        { "string", "\"42\"", "42.0" }, { "string", "\"x\"", "null" },
        { "boolean", "true", "True" }, { "boolean", "true", "false" },
        { "boolean", "true", "1" }, { "boolean", "false", NULL },
        { "boolean", "false", "" },
        { "integer", "42", NULL }, { "integer", "42", "" },
        { "integer", "42", "43" }, { "integer", "42", "-42" },
        { "integer", "42", "+42" }, { "integer", "42", "042" },
        { "integer", "42", "0x2a" }, { "integer", "42", "42." },
        { "integer", "42", ".42e2" }, { "integer", "42", "42 " },
        { "integer", "42", "42,42" }, { "integer", "42", "42e" },
        { "integer", "42", "42e+" }, { "integer", "42", "4.2.0e1" },
        { "integer", "42", "42.5" }, { "integer", "42", "forty-two" },
        { "integer", "42", "-" }, { "integer", "0", "-" },
        { "integer", "0", "" }, { "integer", "0", "00" },
        { "integer", "42", "42e9999999999999999999999" },
        { "integer", "9007199254740991", "9007199254740992" },

        /* beyond what doubles can tell apart: no, even if equal */

        { "integer", "9007199254740993", "9007199254740993" },
        { "integer", "9007199254740993", "9007199254740992" },
        { "integer", "1e400", "1e400" },

        /* of a wrong type: never other than the body says */

        { "integer", "\"42\"", "43" }, { "integer", "42.5", "42" },
        { "integer", "42.5", NULL }, { "string", "5", "6" },
        { "string", "5", NULL }, { "string", "true", "false" },
        { "boolean", "\"yes\"", "true" }, { "string", "{}", "{}" },
        { "string", "[\"a\"]", "a" }, { "string", "[]", "" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(pair_t); i++) {

        if (check(&bad[i]) != MCP_ERROR || fault.code != MCP_E_HEADER
            || fault.status != 400)
        {
            fail_msg("%s and %s", bad[i].value,
                     bad[i].header ? bad[i].header : "none");
        }

        assert_true(fault.message.len > 20);
        assert_string_equal(json_string_value(fault_data("header")),
                            "Mcp-Param-A");
    }
}


static void
test_headers(void **state)
{
    size_t  i;

    static const pair_t  good[] = {
        { "string", "\"Hello\"", "Hello" },
        { "string", "\"Hello\"", "=?base64?SGVsbG8=?=" },
        { "string", "\"SGVsbG8=\"", "SGVsbG8=" },
        { "string", "\"=?base64?SGVsbG8=\"", "=?base64?SGVsbG8=" },
        { "string", "\"\"", "" }, { "string", "\"\"", "=?base64?\?=" },
        { "string", "\"us west 1\"", "us west 1" },
        { "string", "\" padded \"", "=?base64?IHBhZGRlZCA=?=" },
        { "string", "\"Hello, \\u4e16\\u754c\"",
          "=?base64?SGVsbG8sIOS4lueVjA==?=" },
        { "string", "\"=?base64?literal?=\"",
          "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=" },
        { "string", "null", NULL },
        { "boolean", "true", "true" }, { "boolean", "false", "false" },
        { "boolean", "true", "=?base64?dHJ1ZQ==?=" },
        { "integer", "42", "42" }, { "integer", "42", "42.0" },
        { "integer", "42.0", "42" }, { "integer", "4.2e1", "42" },
        { "integer", "42", "4.2e1" }, { "integer", "42", "=?base64?NDI=?=" },
        { "integer", "-7", "-7.00" }, { "integer", "0", "-0" },
        { "integer", "-0.0", "0" },
        { "integer", "9007199254740991", "9007199254740991" },
        { "integer", "-9007199254740991", "-9007199254740991.0" },
        { "integer", "null", NULL },

        /* of a wrong type, as a client would send it: the schema decides */

        { "integer", "\"42\"", "42" }, { "integer", "42.5", "42.5" },
        { "integer", "true", "true" }, { "string", "5", "5" },
        { "string", "1e400", "1e400" }, { "boolean", "\"yes\"", "yes" },
        { "string", "{\"a\":1}", NULL }, { "string", "[1]", NULL }
    };

    for (i = 0; i < sizeof(good) / sizeof(pair_t); i++) {

        if (check(&good[i]) != MCP_OK) {
            fail_msg("%s and %s", good[i].value,
                     good[i].header ? good[i].header : "none");
        }
    }
}


/* What would be sent for a value is what is accepted for it. */

static void
test_round_trip(void **state)
{
    size_t     i;
    mcp_str_t  value, header;

    static const pair_t  pairs[] = {
        { "string", "\"\"", "" }, { "string", "\"a b\"", "" },
        { "string", "\" \"", "" }, { "string", "\"\\u0000\"", "" },
        { "string", "\"=?base64?=\"", "" },
        { "string", "\"\\ud83d\\ude00\"", "" },
        { "string", "\"a\\r\\nX-Evil: 1\"", "" },
        { "boolean", "true", "" }, { "integer", "-4.2e1", "" }
    };

    for (i = 0; i < sizeof(pairs) / sizeof(pair_t); i++) {
        call_with(pairs[i].type, pairs[i].value);

        assert_int_equal(mcp_param_value(&params.param[0], &m, arena, &value),
                         MCP_OK);
        assert_int_equal(mcp_header_encode(&value, arena, &header), MCP_OK);
        assert_null(memchr(header.data, '\n', header.len));
        assert_int_equal(mcp_param_check(&params.param[0], &m, &header, arena,
                                         &fault), MCP_OK);
    }
}


static void
test_no_memory(void **state)
{
    int               rc;
    unsigned          i;
    mcp_str_t         out, header;
    const char       *schema;
    oom_arena_t       oom;
    mcp_json_tape_t   tape;

    schema = "{\"properties\":{\"\\u0061\":{\"properties\":{\"b\":{\"type\":"
             "\"string\",\"x-mcp-header\":\"\\u0041\"},\"c\":{\"type\":"
             "\"integer\",\"x-mcp-header\":\"C\"}}}}}";
    assert_int_equal(mcp_json_tape(&tape, arena, (unsigned char *) schema,
                                   strlen(schema), 64), MCP_OK);

    for (i = 0; i < 100; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_params_compile(&params, &oom.arena, &tape, 0, &why);
        if (rc != MCP_NOMEM) {
            break;
        }

        assert_int_equal(params.n, 0);
    }

    assert_int_equal(rc, MCP_OK);
    assert_int_equal(params.n, 2);
    assert_true(i > 5);

    oom_init(&oom, arena, 0);
    call_with("string", "\"a\\u0041\"");
    assert_int_equal(mcp_param_value(&params.param[0], &m, &oom.arena, &out),
                     MCP_NOMEM);
    mcp_str_set(&header, "=?base64?YUE=?=");
    assert_int_equal(mcp_param_check(&params.param[0], &m, &header, &oom.arena,
                                     &fault), MCP_NOMEM);

    call_with("integer", "1");
    assert_int_equal(mcp_param_value(&params.param[0], &m, &oom.arena, &out),
                     MCP_NOMEM);

    mcp_str_set(&header, "2");

    for (i = 0; i < 2; i++) {
        oom_init(&oom, arena, i);
        assert_int_equal(mcp_param_check(&params.param[0], &m, &header,
                                         &oom.arena, &fault), MCP_NOMEM);
    }
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        msg_test(test_schemas_refused),
        msg_test(test_twice_refused),
        msg_test(test_schemas),
        msg_test(test_schema_in_a_tool),
        msg_test(test_limits),
        msg_test(test_values),
        msg_test(test_absent),
        msg_test(test_headers_refused),
        msg_test(test_headers),
        msg_test(test_round_trip),
        msg_test(test_no_memory)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fault_forget();

    return rc;
}
