
/* URIs as a server may understand them. */


#include "policy.h"


static int
mcp_uri_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


static int
mcp_uri_unreserved(int c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
           || c == '-' || c == '.' || c == '_' || c == '~';
}


/*
 * The character at *pp, decoded where that leaves no room for two opinions
 * ("%252e" is "%2e" is "."): RFC 3986, section 6.2.2.2, and what is often made
 * of it.
 */

static unsigned char
mcp_uri_next(const unsigned char **pp, const unsigned char *end)
{
    int                   high, low, c;
    const unsigned char  *p;

    p = *pp;

    if (*p != '%') {
        *pp = p + 1;
        return *p;
    }

    while (end - p > 4 && p[1] == '2' && p[2] == '5'
           && mcp_uri_hex(p[3]) >= 0 && mcp_uri_hex(p[4]) >= 0)
    {
        p += 2;
    }

    if (end - p > 2) {
        high = mcp_uri_hex(p[1]);
        low = mcp_uri_hex(p[2]);

        if (high >= 0 && low >= 0) {
            c = high << 4 | low;

            if (mcp_uri_unreserved(c) || c == '/' || c == '\\' || c == '%') {
                *pp = p + 3;
                return (unsigned char) c;
            }
        }
    }

    *pp = p + 1;

    return '%';
}


/* The segment from "at" to the end of b has come to its end. */

static size_t
mcp_uri_segment(mcp_buf_t *b, size_t path, size_t at)
{
    size_t  len;

    len = b->len - at;

    if (len == 0) {
        return at;
    }

    if (len == 1 && b->data[at] == '.') {
        b->len = at;
        return at;
    }

    if (len != 2 || b->data[at] != '.' || b->data[at + 1] != '.') {
        mcp_buf_literal(b, "/");
        return b->len;
    }

    b->len = at;

    if (b->len > path) {
        b->len--;

        while (b->len > path && b->data[b->len - 1] != '/') {
            b->len--;
        }
    }

    return b->len;
}


/* Behind scheme and authority; the query keeps its slashes. */

static void
mcp_uri_path(mcp_buf_t *b, const unsigned char *p, const unsigned char *end)
{
    size_t         path, at;
    unsigned char  c;

    path = b->len;

    if (p < end && (*p == '/' || *p == '\\')) {
        mcp_buf_literal(b, "/");
        path++;
        p++;
    }

    for (at = path; p < end && *p != '?' && *p != '#'; /* void */ ) {

        c = mcp_uri_next(&p, end);

        if (c != '/' && c != '\\') {
            mcp_buf_append(b, &c, 1);
            continue;
        }

        at = mcp_uri_segment(b, path, at);
    }

    if (mcp_uri_segment(b, path, at) > at) {
        b->len--;
    }

    while (p < end) {
        c = mcp_uri_next(&p, end);
        mcp_buf_append(b, &c, 1);
    }
}


static const unsigned char *
mcp_uri_lower(mcp_buf_t *b, const unsigned char *p, const unsigned char *end)
{
    unsigned char  c;

    while (p < end) {
        c = mcp_uri_next(&p, end);

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        mcp_buf_append(b, &c, 1);
    }

    return p;
}


void
mcp_uri_fold(mcp_buf_t *b, const mcp_str_t *uri)
{
    int                   file;
    size_t                scheme, len;
    const unsigned char  *p, *end, *host;

    p = uri->data;
    end = p + uri->len;

    while (p < end && strchr(":/?#\\", *p) == NULL) {
        p++;
    }

    if (p == end || *p != ':') {
        mcp_uri_path(b, uri->data, end);
        return;
    }

    scheme = b->len;
    p = mcp_uri_lower(b, uri->data, p);
    mcp_buf_append(b, p++, 1);

    file = (b->len - scheme == 5 && memcmp(b->data + scheme, "file:", 5) == 0);

    if (end - p > 1 && p[0] == '/' && p[1] == '/') {
        mcp_buf_literal(b, "//");
        len = b->len;
        host = p + 2;

        for (p = host; p < end && strchr("/?#\\", *p) == NULL; p++) {
            /* void */
        }

        p = mcp_uri_lower(b, host, p);

        if (file && b->len - len == 9
            && memcmp(b->data + len, "localhost", 9) == 0)
        {
            b->len = len;
        }

    } else if (file && p < end && (*p == '/' || *p == '\\')) {
        mcp_buf_literal(b, "//");
    }

    mcp_uri_path(b, p, end);
}
