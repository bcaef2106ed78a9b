
/* What is wrong with a value, in words for those who sent it. */


#include "schema_node.h"


#define MCP_SCHEMA_PATH     512      /* bytes of a path */
#define MCP_SCHEMA_PLACES   128      /* names and indexes in one */
#define MCP_SCHEMA_KEY      128      /* bytes of a name in it */
#define MCP_SCHEMA_QUOTE    100      /* of what the schema says */
#define MCP_SCHEMA_KNOWN    200      /* of the names that it knows */


static const struct {
    unsigned                  bit;
    const char               *name;
} mcp_schema_words[] = {
    { MCP_SCHEMA_T_STRING, "a string" },
    { MCP_SCHEMA_T_NUMBER, "a number" },
    { MCP_SCHEMA_T_INTEGER, "an integer" },
    { MCP_SCHEMA_T_BOOLEAN, "true or false" },
    { MCP_SCHEMA_T_OBJECT, "an object" },
    { MCP_SCHEMA_T_ARRAY, "an array" },
    { MCP_SCHEMA_T_NULL, "null" }
};


static void
mcp_schema_say(mcp_buf_t *b, const char *text)
{
    mcp_buf_append(b, text, strlen(text));
}


/* At most max bytes, never part of a character. */

static void
mcp_schema_say_cut(mcp_buf_t *b, const unsigned char *p, size_t len,
    size_t max)
{
    if (len <= max) {
        mcp_buf_append(b, p, len);
        return;
    }

    while (max != 0 && (p[max] & 0xc0) == 0x80) {
        max--;
    }

    mcp_buf_append(b, p, max);
    mcp_buf_literal(b, "...");
}


static void
mcp_schema_say_types(mcp_buf_t *b, unsigned types)
{
    unsigned  i, said;

    if (types & MCP_SCHEMA_T_NUMBER) {
        types &= ~(unsigned) MCP_SCHEMA_T_INTEGER;
    }

    said = 0;

    for (i = 0; i < sizeof(mcp_schema_words) / sizeof(mcp_schema_words[0]);
         i++)
    {
        if (types & mcp_schema_words[i].bit) {
            mcp_schema_say(b, said++ ? " or " : "");
            mcp_schema_say(b, mcp_schema_words[i].name);
        }
    }
}


/* The value of a keyword as the schema has it. */

static void
mcp_schema_say_value(mcp_buf_t *b, const mcp_schema_run_t *run,
    const mcp_schema_node_t *node, unsigned keyword)
{
    uint32_t   value;
    mcp_str_t  raw;

    value = mcp_json_member(&run->schema->tape, node->at,
                            mcp_keywords[keyword].name,
                            mcp_keywords[keyword].len);
    raw = mcp_json_raw(&run->schema->tape, value);

    mcp_schema_say_cut(b, raw.data, raw.len, MCP_SCHEMA_QUOTE);
}


static void
mcp_schema_say_enum(mcp_buf_t *b, const mcp_schema_run_t *run,
    const mcp_schema_node_t *node)
{
    uint32_t                i, end, values;
    mcp_str_t               raw;
    const mcp_json_tape_t  *tape;

    tape = &run->schema->tape;
    values = node->choice->values;
    end = tape->node[values].next;

    mcp_buf_literal(b, "must be one of ");

    for (i = values + 1; i < end; i = tape->node[i].next) {

        if (i != values + 1) {
            mcp_buf_literal(b, ", ");
        }

        if (b->len > MCP_SCHEMA_KNOWN) {
            mcp_buf_literal(b, "...");
            return;
        }

        raw = mcp_json_raw(tape, i);
        mcp_schema_say_cut(b, raw.data, raw.len, MCP_SCHEMA_QUOTE);
    }
}


static void
mcp_schema_say_known(mcp_buf_t *b, const mcp_schema_node_t *node)
{
    uint32_t                    i, said;
    const mcp_schema_object_t  *o;

    o = node->object;
    said = 0;

    mcp_buf_literal(b, "is not a property that is known here");

    for (i = 0; i < o->names; i++) {

        if (o->name[i].value == NULL) {
            continue;
        }

        mcp_schema_say(b, said++ ? ", " : "; there are ");

        if (b->len > MCP_SCHEMA_KNOWN) {
            mcp_buf_literal(b, "...");
            return;
        }

        mcp_schema_say_cut(b, o->name[i].name.data, o->name[i].name.len,
                           MCP_SCHEMA_QUOTE);
    }
}


static void
mcp_schema_say_limit(mcp_buf_t *b, const mcp_schema_run_t *run,
    const mcp_schema_node_t *node, unsigned keyword, const char *what,
    const char *unit)
{
    mcp_schema_say(b, what);
    mcp_schema_say_value(b, run, node, keyword);
    mcp_schema_say(b, unit);
}


static void
mcp_schema_say_size(mcp_buf_t *b, const mcp_schema_run_t *run,
    const mcp_schema_node_t *node, unsigned keyword)
{
    unsigned  i;

    static const struct {
        unsigned              keyword;
        const char           *what;
        const char           *unit;
    } sizes[] = {
        { MCP_KW_MINIMUM, "must be at least ", "" },
        { MCP_KW_ABOVE, "must be more than ", "" },
        { MCP_KW_MAXIMUM, "must be at most ", "" },
        { MCP_KW_BELOW, "must be less than ", "" },
        { MCP_KW_MULTIPLE_OF, "must be a multiple of ", "" },
        { MCP_KW_MIN_LENGTH, "must have at least ", " characters" },
        { MCP_KW_MAX_LENGTH, "must have at most ", " characters" },
        { MCP_KW_MIN_ITEMS, "must have at least ", " elements" },
        { MCP_KW_MAX_ITEMS, "must have at most ", " elements" },
        { MCP_KW_MIN_PROPERTIES, "must have at least ", " properties" },
        { MCP_KW_MAX_PROPERTIES, "must have at most ", " properties" },
        { MCP_KW_MIN_CONTAINS, "must have at least ",
          " elements of the kind that \"contains\" asks for" },
        { MCP_KW_MAX_CONTAINS, "must have at most ",
          " elements of the kind that \"contains\" asks for" }
    };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i].keyword == keyword) {
            mcp_schema_say_limit(b, run, node, keyword, sizes[i].what,
                                 sizes[i].unit);
            return;
        }
    }

    mcp_buf_literal(b, "is not valid");
}


static void
mcp_schema_say_missing(mcp_buf_t *b, const unsigned char *p, size_t len)
{
    mcp_buf_literal(b, "must have the property \"");
    mcp_schema_say_cut(b, p, len, MCP_SCHEMA_QUOTE);
    mcp_buf_literal(b, "\"");
}


static void
mcp_schema_message(mcp_buf_t *b, const mcp_schema_run_t *run,
    const mcp_schema_node_t *node, unsigned keyword, uint32_t detail)
{
    mcp_str_t               raw;
    const mcp_regex_t      *re;
    const mcp_json_node_t  *nd;

    switch (keyword) {

    case MCP_KW_TYPE:
        nd = &run->tape->node[detail];
        mcp_buf_literal(b, "must be ");
        mcp_schema_say_types(b, node->types);
        mcp_buf_literal(b, ", not ");
        mcp_schema_say_types(b, mcp_schema_type(nd));
        break;

    case MCP_KW_CONST:
        mcp_schema_say_limit(b, run, node, keyword, "must be ", "");
        break;

    case MCP_KW_ENUM:
        mcp_schema_say_enum(b, run, node);
        break;

    case MCP_KW_PATTERN:
        re = node->string->pattern;
        mcp_buf_literal(b, "must match the pattern ");
        mcp_schema_say_cut(b, re->text.data, re->text.len, MCP_SCHEMA_QUOTE);
        break;

    case MCP_KW_REQUIRED:
        mcp_schema_say_missing(b, node->object->name[detail].name.data,
                               node->object->name[detail].name.len);
        break;

    case MCP_KW_DEPENDENCIES:
    case MCP_KW_DEPENDENT_REQUIRED:
        raw = mcp_json_raw(&run->schema->tape, detail);
        mcp_schema_say_missing(b, raw.data + 1, raw.len - 2);
        mcp_buf_literal(b, ", which goes with another one");
        break;

    case MCP_KW_ADDITIONAL:
        mcp_schema_say_known(b, node);
        break;

    case MCP_KW_UNEVALUATED:
        mcp_buf_literal(b, "is not a property that is known here");
        break;

    case MCP_KW_UNEVALUATED_ITEMS:
        mcp_buf_literal(b, "is an element too many");
        break;

    case MCP_KW_PROPERTY_NAMES:
        mcp_buf_literal(b, "has a name that is not allowed here");
        break;

    case MCP_KW_UNIQUE_ITEMS:
        mcp_buf_literal(b, "must not have equal elements");
        break;

    case MCP_KW_CONTAINS:
        mcp_buf_literal(b, "has no element of the kind that \"contains\""
                        " asks for");
        break;

    case MCP_KW_ANY_OF:
    case MCP_KW_ONE_OF:
        if (detail != 0) {
            mcp_buf_literal(b, "must be ");
            mcp_schema_say_types(b, detail);

        } else {
            mcp_buf_literal(b, "fits none of the alternatives");
        }

        break;

    case MCP_KW_TOO_MANY:
        mcp_buf_literal(b, "fits more than one of the alternatives");
        break;

    case MCP_KW_NOT:
        mcp_buf_literal(b, "is of the kind that \"not\" forbids");
        break;

    case MCP_KW_FALSE:
        mcp_buf_literal(b, "is not allowed here");
        break;

    default:
        mcp_schema_say_size(b, run, node, keyword);
    }
}


/* RFC 6901 */

static void
mcp_schema_token(mcp_buf_t *b, const mcp_str_t *name)
{
    size_t  i, n;

    n = name->len;

    if (n > MCP_SCHEMA_KEY) {
        n = MCP_SCHEMA_KEY;

        while (n != 0 && (name->data[n] & 0xc0) == 0x80) {
            n--;
        }
    }

    for (i = 0; i < n; i++) {

        if (name->data[i] == '~') {
            mcp_buf_literal(b, "~0");

        } else if (name->data[i] == '/') {
            mcp_buf_literal(b, "~1");

        } else {
            mcp_buf_append(b, name->data + i, 1);
        }
    }

    if (n < name->len) {
        mcp_buf_literal(b, "...");
    }
}


static int
mcp_schema_path(mcp_buf_t *b, mcp_schema_run_t *run,
    const mcp_schema_place_t *place)
{
    unsigned                   n;
    mcp_str_t                  name;
    const mcp_schema_place_t  *at[MCP_SCHEMA_PLACES];

    for (n = 0; place->up != NULL; place = place->up) {
        if (n < MCP_SCHEMA_PLACES) {
            at[n] = place;
        }

        n++;
    }

    /* of a very deep one, the end */

    if (n > MCP_SCHEMA_PLACES) {
        mcp_buf_literal(b, "...");
        n = MCP_SCHEMA_PLACES;
    }

    while (n-- != 0) {

        mcp_buf_literal(b, "/");

        if (b->len > MCP_SCHEMA_PATH) {
            mcp_buf_literal(b, "...");
            break;
        }

        if (at[n]->key == 0) {
            mcp_buf_uint(b, at[n]->index);
            continue;
        }

        if (mcp_json_unescape(run->tape, at[n]->key, run->arena, &name)
            != MCP_OK)
        {
            return MCP_NOMEM;
        }

        mcp_schema_token(b, &name);
    }

    return b->failed ? MCP_NOMEM : MCP_OK;
}


int
mcp_schema_fail(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    const mcp_schema_place_t *place, unsigned keyword, uint32_t detail)
{
    mcp_buf_t            path, message;
    mcp_schema_error_t  *e;

    if (run->quiet) {
        return MCP_NONE;
    }

    e = &run->result->error[run->result->n];

    mcp_buf_init(&path, run->arena, 32);
    mcp_buf_init(&message, run->arena, 64);

    if (mcp_schema_path(&path, run, place) != MCP_OK) {
        return MCP_NOMEM;
    }

    mcp_schema_message(&message, run, node, keyword, detail);

    if (message.failed) {
        return MCP_NOMEM;
    }

    e->path.data = path.data;
    e->path.len = path.len;
    e->message.data = message.data;
    e->message.len = message.len;
    e->keyword = (keyword == MCP_KW_TOO_MANY) ? "oneOf"
                 : (keyword == MCP_KW_FALSE) ? "false"
                 : mcp_keywords[keyword].name;

    /* the last that there is room for ends the run */

    if (++run->result->n == MCP_SCHEMA_ERRORS) {
        run->quiet++;
    }

    return MCP_NONE;
}


/* Never valid: whoever wants to get past a schema could make it expensive. */

int
mcp_schema_expensive(mcp_schema_run_t *run)
{
    mcp_schema_error_t  *e;

    run->result->expensive = 1;
    run->result->n = 1;

    e = &run->result->error[0];
    memset(e, 0, sizeof(mcp_schema_error_t));

    e->path.data = (unsigned char *) "";
    e->keyword = "";
    mcp_str_set(&e->message, "too large or too deep to be checked against this"
                " schema");

    return MCP_ERROR;
}


void
mcp_schema_errors(mcp_buf_t *b, const mcp_schema_result_t *result)
{
    unsigned                   i;
    const mcp_schema_error_t  *e;

    mcp_buf_literal(b, "[");

    for (i = 0; i < result->n; i++) {
        e = &result->error[i];

        mcp_schema_say(b, i ? ",{\"path\":" : "{\"path\":");
        mcp_buf_json(b, e->path.data, e->path.len);
        mcp_buf_literal(b, ",\"keyword\":\"");
        mcp_schema_say(b, e->keyword);
        mcp_buf_literal(b, "\",\"message\":");
        mcp_buf_json(b, e->message.data, e->message.len);
        mcp_buf_literal(b, "}");
    }

    mcp_buf_literal(b, "]");
}
