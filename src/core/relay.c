
/*
 * The relay: judges and edits a JSON-RPC message that streams by.
 *
 * What is not edited goes out as spans of the input, cut as late as possible:
 * "copied" is where the bytes begin that have not gone out yet.  Where it is
 * NULL the output is off, for a member that is left out or a value that must
 * be known first; such a value is kept in re->held if the input cuts it.
 *
 * In a result that is edited every comma is ours: "gap" is the end of what
 * came last in it, and what lies between that and the next member or the
 * closing brace is replaced, unless it is just what we would write.  So the
 * output does not depend on where the input was cut.
 */


#include "relay.h"
#include "relay_field.h"
#include "sse.h"


#define MCP_RELAY_COPY_MAX  2048


typedef struct {
    mcp_relay_t          *re;
    mcp_relay_out_pt      out;
    void                 *data;
    const unsigned char  *copied;
    const unsigned char  *gap;
} mcp_relay_feed_t;


static const mcp_str_t  mcp_relay_complete =
    mcp_string("\"resultType\":\"complete\"");
static const mcp_str_t  mcp_relay_complete_read =
    mcp_string("\"resultType\":\"complete\",\"ttlMs\":0,"
               "\"cacheScope\":\"private\"");
static const mcp_str_t  mcp_relay_structured =
    mcp_string("\"structuredContent\":");
static const mcp_str_t  mcp_relay_comma = mcp_string(",");
static const mcp_str_t  mcp_relay_data = mcp_string(",\"data\":{\"uri\":");
static const mcp_str_t  mcp_relay_close = mcp_string("}");


static int mcp_relay_key(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_member(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_name(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_keep(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_value(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_begin(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_end(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_add_uri(mcp_relay_feed_t *f,
    const mcp_json_token_t *tok);
static int mcp_relay_settle(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_scalar(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_state(mcp_relay_feed_t *f, const mcp_json_token_t *tok);
static int mcp_relay_hold(mcp_relay_feed_t *f, const mcp_json_token_t *tok,
    size_t limit);


void
mcp_relay_init(mcp_relay_t *re, const mcp_relay_conf_t *conf)
{
    memset(re, 0, offsetof(mcp_relay_t, method));

    re->conf = conf;

    if (conf->client == MCP_ERA_MODERN && conf->backend == MCP_ERA_LEGACY) {
        re->edit = MCP_RELAY_TO_MODERN;

    } else if (conf->client == MCP_ERA_LEGACY
               && conf->backend == MCP_ERA_MODERN)
    {
        re->edit = MCP_RELAY_TO_LEGACY;
    }

    mcp_json_observe_init(&re->observer, 2, conf->max_depth);
}


static int
mcp_relay_put(mcp_relay_feed_t *f, const unsigned char *p, size_t len)
{
    int  rc;

    if (len == 0) {
        return MCP_OK;
    }

    rc = f->out(f->data, p, len);

    if (rc != MCP_OK) {
        (void) mcp_relay_fail(f->re, "the message was not taken");
    }

    return rc;
}


/*
 * Passes input on.  Line ends in it can only lie between tokens; where they
 * are many it is copied, so that each of them does not make two spans.
 */

static int
mcp_relay_copy(mcp_relay_feed_t *f, const unsigned char *p,
    const unsigned char *end)
{
    int                   rc;
    size_t                i, n;
    unsigned char         buf[MCP_RELAY_COPY_MAX];
    const unsigned char  *q;

    if (f->re->conf->lines) {
        return mcp_relay_put(f, p, (size_t) (end - p));
    }

    while (p < end) {
        q = mcp_sse_line_end(p, end);
        i = (size_t) (q - p);

        if (q == end || i >= sizeof(buf)) {

            rc = mcp_relay_put(f, p, i);
            if (rc != MCP_OK) {
                return rc;
            }

            p = q;
            continue;
        }

        n = (size_t) (end - p);
        if (n > sizeof(buf)) {
            n = sizeof(buf);
        }

        memcpy(buf, p, n);
        p += n;

        while (i < n) {
            buf[i] = ' ';
            q = mcp_sse_line_end(buf + i + 1, buf + n);
            i = (size_t) (q - buf);
        }

        rc = mcp_relay_put(f, buf, n);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* Passes on what is due up to a place in the input, and nothing behind it. */

static int
mcp_relay_off(mcp_relay_feed_t *f, const unsigned char *upto)
{
    const unsigned char  *p;

    if (f->copied == NULL) {
        return MCP_OK;
    }

    p = f->copied;
    f->copied = NULL;

    return mcp_relay_copy(f, p, upto);
}


int
mcp_relay_feed(mcp_relay_t *re, const unsigned char *p, size_t len,
    mcp_relay_out_pt out, void *data)
{
    int                   rc;
    mcp_json_token_t      tok;
    mcp_relay_feed_t      f;
    const unsigned char  *end;

    if (re->failed) {
        return MCP_ERROR;
    }

    if (len == 0) {
        return MCP_OK;
    }

    f.re = re;
    f.out = out;
    f.data = data;
    f.copied = re->off ? NULL : p;
    f.gap = NULL;

    end = p + len;

    for ( ;; ) {
        rc = mcp_json_observe(&re->observer, &p, end, &tok);
        if (rc != MCP_OK) {
            break;
        }

        rc = (tok.type == MCP_JSON_KEY) ? mcp_relay_key(&f, &tok)
                                        : mcp_relay_value(&f, &tok);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (rc == MCP_ERROR) {
        return mcp_relay_fail(re, re->observer.lexer.error.text);
    }

    re->off = (f.copied == NULL || f.gap != NULL);

    return mcp_relay_off(&f, f.gap ? f.gap : end);
}


int
mcp_relay_finish(mcp_relay_t *re, mcp_relay_out_pt out, void *data)
{
    if (re->failed) {
        return MCP_ERROR;
    }

    if (mcp_json_observe_finish(&re->observer) != MCP_OK) {
        return mcp_relay_fail(re, re->observer.lexer.error.text);
    }

    if (!re->jsonrpc) {
        return mcp_relay_fail(re, "\"jsonrpc\" is not \"2.0\"");
    }

    if (re->kind == MCP_RELAY_UNKNOWN) {
        return mcp_relay_fail(re, "neither a result, an error nor a method");
    }

    if (!re->id_seen
        && (re->kind == MCP_RELAY_RESULT || re->kind == MCP_RELAY_ERROR))
    {
        return mcp_relay_fail(re, "a response without an id");
    }

    return MCP_DONE;
}


/* --- names --------------------------------------------------------------- */


static int
mcp_relay_key(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    mcp_relay_t  *re;

    re = f->re;

    if (tok->depth == 2 && re->editing) {
        return mcp_relay_member(f, tok);
    }

    return tok->last ? mcp_relay_known(re, tok->depth) : MCP_OK;
}


/*
 * The name of a member of a result that is edited.  Of a name that the input
 * cuts nothing goes out before it is known.
 */

static int
mcp_relay_member(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int           rc;
    size_t        n, len;
    mcp_relay_t  *re;

    re = f->re;

    if (tok->first) {
        if (tok->last) {
            return mcp_relay_name(f, tok);
        }

        re->naming = 1;
        re->held_len = 0;

        rc = mcp_relay_off(f, f->gap);
        if (rc != MCP_OK) {
            return rc;
        }

        f->gap = NULL;
    }

    if (re->naming) {
        if (tok->last) {
            return mcp_relay_name(f, tok);
        }

        n = MCP_RELAY_VALUE_MAX - re->held_len;
        len = (size_t) (tok->end - tok->start);

        if (len <= n) {
            memcpy(re->held + re->held_len, tok->start, len);
            re->held_len += len;
            return MCP_OK;
        }

        /* six bytes to one as escapes, our names would not be as long */

        return mcp_relay_keep(f, tok);
    }

    return tok->last ? mcp_relay_known(re, 2) : MCP_OK;
}


static int
mcp_relay_dropped(mcp_relay_t *re)
{
    const mcp_str_t  *version;

    switch (re->field) {

    case MCP_RELAY_F_RESULT_TYPE:
        return 1;

    case MCP_RELAY_F_TTL:
    case MCP_RELAY_F_SCOPE:
        return re->edit == MCP_RELAY_TO_LEGACY
               || re->conf->method == MCP_RESOURCES_READ;

    case MCP_RELAY_F_STRUCTURED:

        /* structuredContent is of 2025-06-18; 2024-11-05 had it no more */

        version = &re->conf->client_version;

        return re->edit == MCP_RELAY_TO_LEGACY && version->len == 10
               && memcmp(version->data, "2025-06-18", 10) < 0;

    default:
        return 0;
    }
}


/* The name is complete: in held and tok, or in tok alone. */

static int
mcp_relay_name(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int           rc;
    mcp_relay_t  *re;

    re = f->re;

    rc = mcp_relay_known(re, 2);
    if (rc != MCP_OK) {
        return rc;
    }

    re->dropping = mcp_relay_dropped(re);
    re->pending = !re->dropping && re->edit == MCP_RELAY_TO_LEGACY
                  && re->field == MCP_RELAY_F_STRUCTURED;

    if (!re->dropping && !re->pending) {
        return mcp_relay_keep(f, tok);
    }

    rc = mcp_relay_off(f, f->gap);

    f->gap = NULL;
    re->naming = 0;

    return rc;
}


/* Goes on with a member that stays, from its name on. */

static int
mcp_relay_keep(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int           rc;
    mcp_relay_t  *re;

    re = f->re;

    if (f->copied != NULL) {

        /* is the gap nothing but the comma that is due, if one is? */

        if ((size_t) (tok->start - f->gap) == re->comma) {
            f->gap = NULL;
            re->comma = 1;
            return MCP_OK;
        }

        rc = mcp_relay_off(f, f->gap);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    f->gap = NULL;

    if (re->comma) {
        rc = mcp_relay_put(f, mcp_relay_comma.data, mcp_relay_comma.len);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    re->comma = 1;

    if (re->naming) {
        re->naming = 0;

        rc = mcp_relay_put(f, re->held, re->held_len);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    f->copied = tok->start;

    return MCP_OK;
}


/* --- values -------------------------------------------------------------- */


static int
mcp_relay_value(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int           rc;
    mcp_relay_t  *re;

    re = f->re;

    if (re->pending) {
        rc = mcp_relay_settle(f, tok);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    switch (tok->type) {

    case MCP_JSON_OBJECT:
    case MCP_JSON_ARRAY:
        return mcp_relay_begin(f, tok);

    case MCP_JSON_OBJECT_END:
    case MCP_JSON_ARRAY_END:
        return mcp_relay_end(f, tok);

    default:
        break;
    }

    if (tok->depth == 0) {
        return mcp_relay_fail(re, "not an object");
    }

    if (re->field != MCP_RELAY_NONE) {
        rc = mcp_relay_scalar(f, tok);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return tok->last ? mcp_relay_end(f, tok) : MCP_OK;
}


static int
mcp_relay_begin(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int               rc;
    mcp_relay_t      *re;
    const mcp_str_t  *added;

    re = f->re;

    switch (re->field) {

    case MCP_RELAY_F_ID:
        return mcp_relay_fail(re, "an id of a wrong type");

    case MCP_RELAY_F_METHOD:
        return mcp_relay_fail(re, "a method that is no string");

    case MCP_RELAY_F_RESULT:
        break;

    default:

        if (tok->depth == 0 && tok->type != MCP_JSON_OBJECT) {
            return mcp_relay_fail(re, "not an object");
        }

        re->field = MCP_RELAY_NONE;
        return MCP_OK;
    }

    re->field = MCP_RELAY_NONE;

    if (tok->type != MCP_JSON_OBJECT || re->edit == MCP_RELAY_AS_IS) {
        return MCP_OK;
    }

    re->editing = 1;
    f->gap = tok->end;

    if (re->edit == MCP_RELAY_TO_LEGACY) {
        return MCP_OK;
    }

    rc = mcp_relay_off(f, tok->end);
    if (rc != MCP_OK) {
        return rc;
    }

    f->gap = NULL;
    re->comma = 1;

    added = (re->conf->method == MCP_RESOURCES_READ) ? &mcp_relay_complete_read
                                                     : &mcp_relay_complete;

    return mcp_relay_put(f, added->data, added->len);
}


/* The end of a value. */

static int
mcp_relay_end(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int           rc;
    mcp_relay_t  *re;

    re = f->re;

    re->field = MCP_RELAY_NONE;

    if (!re->editing) {

        if (tok->depth == 1 && tok->type == MCP_JSON_OBJECT_END
            && mcp_relay_lacks_uri(re))
        {
            return mcp_relay_add_uri(f, tok);
        }

        return MCP_OK;
    }

    if (tok->depth == 2) {

        if (re->dropping) {
            re->dropping = 0;
            return MCP_OK;
        }

        f->gap = tok->end;
        return MCP_OK;
    }

    /* the result's closing brace */

    re->editing = 0;

    if (f->copied == NULL || f->gap != tok->start) {

        rc = mcp_relay_off(f, f->gap);
        if (rc != MCP_OK) {
            return rc;
        }

        f->copied = tok->start;
    }

    f->gap = NULL;

    return MCP_OK;
}


/* MCP 2026-07-28, "Resources", "Error Handling" */

static int
mcp_relay_add_uri(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int               rc;
    const mcp_str_t  *uri;

    uri = &f->re->conf->uri;

    rc = mcp_relay_off(f, tok->start);

    if (rc == MCP_OK) {
        rc = mcp_relay_put(f, mcp_relay_data.data, mcp_relay_data.len);
    }

    if (rc == MCP_OK) {
        rc = mcp_relay_put(f, uri->data, uri->len);
    }

    if (rc == MCP_OK) {
        rc = mcp_relay_put(f, mcp_relay_close.data, mcp_relay_close.len);
    }

    f->copied = tok->start;

    return rc;
}


/* The value of a structuredContent has come: only an object may stay. */

static int
mcp_relay_settle(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int           rc;
    mcp_relay_t  *re;

    re = f->re;

    re->pending = 0;

    if (tok->type != MCP_JSON_OBJECT) {
        re->dropping = 1;
        return MCP_OK;
    }

    rc = mcp_relay_keep(f, tok);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_relay_put(f, mcp_relay_structured.data,
                         mcp_relay_structured.len);
}


/* Whether the value may have to be replaced. */

static int
mcp_relay_replaceable(mcp_relay_t *re)
{
    switch (re->field) {
    case MCP_RELAY_F_ID:
        return 1;
    case MCP_RELAY_F_CODE:
        return re->edit == MCP_RELAY_TO_MODERN;
    case MCP_RELAY_F_TOKEN:
        return re->conf->token.len != 0;
    default:
        return 0;
    }
}


static int
mcp_relay_scalar(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int               rc;
    size_t            limit;
    mcp_str_t         value;
    mcp_relay_t      *re;
    const mcp_str_t  *to;

    re = f->re;

    if (re->field == MCP_RELAY_F_STATE && re->conf->state != NULL
        && tok->type == MCP_JSON_STRING)
    {
        return mcp_relay_state(f, tok);
    }

    limit = (re->field == MCP_RELAY_F_METHOD) ? MCP_RELAY_HELD_MAX
                                              : MCP_RELAY_VALUE_MAX;

    if (tok->first && tok->last) {
        value.data = (unsigned char *) tok->start;
        value.len = (size_t) (tok->end - tok->start);
        re->over = (value.len > limit);

        if (re->over) {
            value.len = limit;
        }

    } else {
        rc = mcp_relay_hold(f, tok, limit);
        if (rc != MCP_OK || !tok->last) {
            return rc;
        }

        value.data = re->held;
        value.len = re->held_len;
    }

    rc = mcp_relay_judge(re, &value, tok->type, &to);
    if (rc != MCP_OK) {
        return rc;
    }

    if (!re->withheld) {

        if (to == NULL) {
            return MCP_OK;
        }

        rc = mcp_relay_off(f, tok->start);
        if (rc != MCP_OK) {
            return rc;
        }

    } else if (to == NULL) {
        to = &value;
    }

    re->withheld = 0;
    f->copied = tok->end;

    return mcp_relay_put(f, to->data, to->len);
}


/* A piece of a requestState, of which nothing goes out as it is. */

static int
mcp_relay_state(mcp_relay_feed_t *f, const mcp_json_token_t *tok)
{
    int                      rc;
    mcp_buf_t               *state;
    mcp_str_t                value, sealed;
    const mcp_relay_conf_t  *conf;

    conf = f->re->conf;
    state = conf->state;

    if (tok->first) {
        state->len = 0;

        rc = mcp_relay_off(f, tok->start);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    mcp_buf_append(state, tok->start, (size_t) (tok->end - tok->start));

    if (state->failed) {
        return mcp_relay_fail(f->re, "the requestState is too long");
    }

    if (!tok->last) {
        return MCP_OK;
    }

    value.data = state->data;
    value.len = state->len;

    if (conf->seal(conf->data, &value, &sealed) != MCP_OK) {
        return mcp_relay_fail(f->re, "the requestState could not be sealed");
    }

    f->copied = tok->end;

    return mcp_relay_put(f, sealed.data, sealed.len);
}


/* A piece of a value that the input cut. */

static int
mcp_relay_hold(mcp_relay_feed_t *f, const mcp_json_token_t *tok, size_t limit)
{
    int           rc;
    size_t        n, len;
    mcp_relay_t  *re;

    re = f->re;

    if (tok->first) {
        re->held_len = 0;
        re->over = 0;

        if (mcp_relay_replaceable(re)) {
            re->withheld = 1;

            rc = mcp_relay_off(f, tok->start);
            if (rc != MCP_OK) {
                return rc;
            }
        }
    }

    n = limit - re->held_len;
    len = (size_t) (tok->end - tok->start);

    if (len <= n) {
        memcpy(re->held + re->held_len, tok->start, len);
        re->held_len += len;
        return MCP_OK;
    }

    memcpy(re->held + re->held_len, tok->start, n);
    re->held_len = limit;
    re->over = 1;

    if (!re->withheld) {
        return MCP_OK;
    }

    if (re->field == MCP_RELAY_F_ID) {
        return mcp_relay_fail(re, "the id is too long");
    }

    re->withheld = 0;
    f->copied = tok->start + n;

    return mcp_relay_put(f, re->held, re->held_len);
}
