
/*
 * A URI template and a URI, with a byte 0 in between.  Short ones are also
 * matched by trying everything.
 */


#include <stdlib.h>

#include "catalog.h"


#define SHORT  24

#define check(what)  do { if (!(what)) { abort(); } } while (0)


static int try(const unsigned char *t, const unsigned char *tend,
    const unsigned char *u, const unsigned char *uend);


/* The rest of the template against what is left behind an expression. */

static int
try_some(const unsigned char *t, const unsigned char *tend,
    const unsigned char *u, const unsigned char *uend, int slash)
{
    while (u < uend && (slash || *u != '/')) {
        u++;

        if (try(t, tend, u, uend)) {
            return 1;
        }
    }

    return 0;
}


/* The template is known to be one. */

static int
try(const unsigned char *t, const unsigned char *tend,
    const unsigned char *u, const unsigned char *uend)
{
    int                   slash;
    unsigned char         op;
    const unsigned char  *close;

    if (t == tend) {
        return u == uend;
    }

    if (*t != '{') {
        return u < uend && *t == *u && try(t + 1, tend, u + 1, uend);
    }

    op = t[1];
    close = memchr(t, '}', (size_t) (tend - t));

    slash = op == '+' || op == '#' || close[-1] == '*'
            || (op == '/' && memchr(t, ',', (size_t) (close - t)));

    if ((op == '?' || op == '&') && try(close + 1, tend, u, uend)) {
        return 1;
    }

    if (strchr("#./;?&", op) != NULL) {
        if (u == uend || *u != op) {
            return 0;
        }

        u++;
    }

    return try_some(close + 1, tend, u, uend, slash);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                   match;
    mcp_str_t             tmpl, uri;
    const unsigned char  *zero;

    zero = memchr(data, '\0', size);
    if (zero == NULL) {
        return 0;
    }

    tmpl.data = (unsigned char *) data;
    tmpl.len = (size_t) (zero - data);
    uri.data = (unsigned char *) zero + 1;
    uri.len = size - tmpl.len - 1;

    match = mcp_template_match(&tmpl, &uri);

    if (mcp_template_check(&tmpl) != MCP_OK) {
        check(!match);
        return 0;
    }

    if (uri.len == 0) {
        check(!match);
        return 0;
    }

    if (tmpl.len <= SHORT && uri.len <= SHORT) {
        check(match == try(tmpl.data, tmpl.data + tmpl.len,
                           uri.data, uri.data + uri.len));
    }

    return 0;
}
