
/* URI references, resolved. */


#include "uri.h"


/* data NULL: there is none of it, which differs from an empty one */

typedef struct {
    mcp_str_t             scheme;
    mcp_str_t             authority;
    mcp_str_t             path;
    mcp_str_t             query;
    mcp_str_t             fragment;
} mcp_uri_t;


static int
mcp_uri_scheme_char(unsigned char c, size_t i)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return 1;
    }

    return i != 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-'
                      || c == '.');
}


static size_t
mcp_uri_span(const unsigned char *p, size_t len, const char *stop)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (p[i] != '\0' && strchr(stop, p[i]) != NULL) {
            break;
        }
    }

    return i;
}


/* RFC 3986, appendix B */

static void
mcp_uri_parse(mcp_uri_t *u, const mcp_str_t *text)
{
    size_t          i, len;
    unsigned char  *p;

    memset(u, 0, sizeof(mcp_uri_t));

    p = text->len ? text->data : (unsigned char *) "";
    len = text->len;

    for (i = 0; i < len && mcp_uri_scheme_char(p[i], i); i++) { /* void */ }

    if (i != 0 && i < len && p[i] == ':') {
        u->scheme.data = p;
        u->scheme.len = i;
        p += i + 1;
        len -= i + 1;
    }

    if (len >= 2 && p[0] == '/' && p[1] == '/') {
        u->authority.data = p + 2;
        u->authority.len = mcp_uri_span(p + 2, len - 2, "/?#");
        p += u->authority.len + 2;
        len -= u->authority.len + 2;
    }

    u->path.data = p;
    u->path.len = mcp_uri_span(p, len, "?#");
    p += u->path.len;
    len -= u->path.len;

    if (len != 0 && *p == '?') {
        u->query.data = p + 1;
        u->query.len = mcp_uri_span(p + 1, len - 1, "#");
        p += u->query.len + 1;
        len -= u->query.len + 1;
    }

    if (len != 0) {
        u->fragment.data = p + 1;
        u->fragment.len = len - 1;
    }
}


/* RFC 3986, section 5.2.4, in place; returns the new length. */

static size_t
mcp_uri_remove_dots(unsigned char *path, size_t len)
{
    size_t         n, from, end;
    unsigned char  *seg;

    n = 0;
    from = 0;

    while (from < len) {

        /* a segment with the slash in front of it, if there is one */

        end = from + (path[from] == '/');
        end += mcp_uri_span(path + end, len - end, "/");
        seg = path + from + (path[from] == '/');

        if (path + end - seg == 1 && seg[0] == '.') {

            if (end == len && n + 1 <= len && path[from] == '/') {
                path[n++] = '/';
            }

        } else if (path + end - seg == 2 && seg[0] == '.' && seg[1] == '.') {

            while (n != 0 && path[--n] != '/') { /* void */ }

            if (end == len && path[from] == '/') {
                path[n++] = '/';
            }

        } else {
            memmove(path + n, path + from, end - from);
            n += end - from;
        }

        from = end;
    }

    return n;
}


static int
mcp_uri_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? c - 'A' + 10 : -1;
}


static int
mcp_uri_decode(mcp_arena_t *arena, const mcp_str_t *text, mcp_str_t *out)
{
    size_t          i;
    unsigned char  *p;

    *out = *text;

    if (text->len == 0 || memchr(text->data, '%', text->len) == NULL) {
        return MCP_OK;
    }

    p = mcp_alloc(arena, text->len);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    out->data = p;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] != '%') {
            *p++ = text->data[i];
            continue;
        }

        if (text->len - i < 3 || mcp_uri_hex(text->data[i + 1]) < 0
            || mcp_uri_hex(text->data[i + 2]) < 0)
        {
            return MCP_ERROR;
        }

        *p++ = (unsigned char) (mcp_uri_hex(text->data[i + 1]) << 4
                                | mcp_uri_hex(text->data[i + 2]));
        i += 2;
    }

    out->len = (size_t) (p - out->data);

    return MCP_OK;
}


/* RFC 3986, section 5.2.3, but that a base without a path may be empty */

static void
mcp_uri_merge(mcp_buf_t *b, const mcp_uri_t *base, const mcp_str_t *path)
{
    size_t  n;

    n = base->path.len;

    while (n != 0 && base->path.data[n - 1] != '/') {
        n--;
    }

    if (base->authority.data != NULL && base->path.len == 0) {
        mcp_buf_literal(b, "/");
    }

    mcp_buf_append(b, base->path.data, n);
    mcp_buf_append(b, path->data, path->len);
}


int
mcp_uri_resolve(mcp_arena_t *arena, const mcp_str_t *base,
    const mcp_str_t *ref, mcp_str_t *uri, mcp_str_t *fragment)
{
    size_t            at;
    mcp_buf_t         b;
    mcp_uri_t         u, r;
    const mcp_str_t  *scheme, *authority, *query;

    if (base->len > MCP_URI_MAX || ref->len > MCP_URI_MAX) {
        return MCP_ERROR;
    }

    mcp_uri_parse(&u, base);
    mcp_uri_parse(&r, ref);

    /* RFC 3986, section 5.2.2 */

    scheme = r.scheme.data ? &r.scheme : &u.scheme;
    authority = (r.scheme.data || r.authority.data) ? &r.authority
                                                    : &u.authority;
    query = &r.query;

    mcp_buf_init(&b, arena, base->len + ref->len + 4);

    if (scheme->data != NULL) {
        mcp_buf_str(&b, scheme);
        mcp_buf_literal(&b, ":");
    }

    if (authority->data != NULL) {
        mcp_buf_literal(&b, "//");
        mcp_buf_str(&b, authority);
    }

    at = b.len;

    if (r.scheme.data || r.authority.data
        || (r.path.len != 0 && r.path.data[0] == '/'))
    {
        mcp_buf_str(&b, &r.path);

    } else if (r.path.len == 0) {
        mcp_buf_str(&b, &u.path);
        query = r.query.data ? &r.query : &u.query;

    } else {
        mcp_uri_merge(&b, &u, &r.path);
    }

    if (b.failed) {
        return MCP_NOMEM;
    }

    if (r.path.len != 0 && b.len != at) {
        b.len = at + mcp_uri_remove_dots(b.data + at, b.len - at);
    }

    if (query->data != NULL) {
        mcp_buf_literal(&b, "?");
        mcp_buf_str(&b, query);
    }

    if (b.failed) {
        return MCP_NOMEM;
    }

    if (b.len > MCP_URI_MAX) {
        return MCP_ERROR;
    }

    uri->data = b.data;
    uri->len = b.len;

    return mcp_uri_decode(arena, &r.fragment, fragment);
}
