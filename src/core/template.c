
/*
 * URI templates (RFC 6570): does a URI fit?
 *
 * All ends that the part of the template read so far can have in the URI are
 * kept at once, so nothing is ever tried twice: no template and URI take more
 * than (expressions + literals) * length steps.
 */


#include "catalog.h"


typedef struct {
    unsigned char         lead;            /* what must come first, or 0 */
    unsigned              slash:1;         /* may hold "/" */
    unsigned              optional:1;      /* may be nothing */
} mcp_expr_t;


/* Ends found: at[i] of the offset i; all of them are within [first, last]. */

typedef struct {
    const mcp_str_t      *uri;
    size_t                first;
    size_t                last;
    unsigned char         at[MCP_TEMPLATE_URI + 1];
} mcp_ends_t;


/*
 * The expression whose "{" is at p; returns the byte behind its "}", or NULL:
 * it is none.
 */

static const unsigned char *
mcp_expr_read(const unsigned char *p, const unsigned char *end,
    mcp_expr_t *expr)
{
    const unsigned char  *close;

    p++;
    memset(expr, 0, sizeof(mcp_expr_t));

    close = memchr(p, '}', (size_t) (end - p));
    if (close == NULL || memchr(p, '{', (size_t) (close - p)) != NULL) {
        return NULL;
    }

    if (p == close || strchr("=,!@|", *p) != NULL) {
        return NULL;
    }

    if (strchr("+#./;?&", *p) != NULL) {
        expr->slash = (*p == '+' || *p == '#');
        expr->lead = (*p == '+') ? 0 : *p;
        expr->optional = (*p == '?' || *p == '&');
        p++;
    }

    if (p == close) {
        return NULL;
    }

    if (close[-1] == '*'
        || (expr->lead == '/' && memchr(p, ',', (size_t) (close - p))))
    {
        expr->slash = 1;
    }

    return close + 1;
}


/* The length of the literal at p, 0 if there is none. */

static size_t
mcp_template_literal(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *brace;

    brace = memchr(p, '{', (size_t) (end - p));

    return (size_t) ((brace ? brace : end) - p);
}


int
mcp_template_check(const mcp_str_t *tmpl)
{
    size_t                len;
    unsigned              n;
    mcp_expr_t            expr;
    const unsigned char  *p, *end;

    if (tmpl->len == 0 || tmpl->len > MCP_TEMPLATE_LEN) {
        return MCP_ERROR;
    }

    p = tmpl->data;
    end = p + tmpl->len;

    if (memchr(p, '\0', tmpl->len) != NULL) {
        return MCP_ERROR;
    }

    for (n = 0; p < end; /* void */ ) {

        len = mcp_template_literal(p, end);
        if (memchr(p, '}', len) != NULL) {
            return MCP_ERROR;
        }

        p += len;
        if (p == end) {
            break;
        }

        p = mcp_expr_read(p, end, &expr);
        if (p == NULL || ++n > MCP_TEMPLATE_EXPRS) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


/* A literal comes behind each end; 0: it comes behind none. */

static int
mcp_ends_literal(mcp_ends_t *ends, const unsigned char *p, size_t len)
{
    size_t  i, n, first, last;

    n = ends->uri->len;
    first = n + 1;
    last = 0;

    /* downwards, so that what is set is not come upon again */

    for (i = ends->last + 1; i-- > ends->first; /* void */ ) {

        if (!ends->at[i]) {
            continue;
        }

        ends->at[i] = 0;

        if (len > n - i || memcmp(ends->uri->data + i, p, len) != 0) {
            continue;
        }

        ends->at[i + len] = 1;
        first = i + len;

        if (last == 0) {
            last = i + len;
        }
    }

    ends->first = first;
    ends->last = last;

    return first <= n;
}


/* One or more characters come behind each end. */

static int
mcp_ends_some(mcp_ends_t *ends, unsigned slash)
{
    size_t         i, n, first, last;
    unsigned char  end, within;

    n = ends->uri->len;
    first = n + 1;
    last = 0;
    within = 0;

    for (i = ends->first; i <= n; i++) {

        if (!within && i > ends->last) {
            break;
        }

        end = ends->at[i];
        ends->at[i] = within;

        if (within) {
            first = (first > n) ? i : first;
            last = i;
        }

        within |= end;

        if (!slash && i < n && ends->uri->data[i] == '/') {
            within = 0;
        }
    }

    ends->first = first;
    ends->last = last;

    return first <= n;
}


static int
mcp_ends_expr(mcp_ends_t *ends, const mcp_expr_t *expr)
{
    size_t         i, first, last;
    unsigned char  before[MCP_TEMPLATE_URI + 1];

    first = ends->first;
    last = ends->last;

    if (expr->optional) {
        memcpy(before + first, ends->at + first, last - first + 1);
    }

    if ((expr->lead == 0 || mcp_ends_literal(ends, &expr->lead, 1))
        && mcp_ends_some(ends, expr->slash))
    {
        if (!expr->optional) {
            return 1;
        }

    } else if (!expr->optional) {
        return 0;

    } else {
        ends->last = last;
    }

    for (i = first; i <= last; i++) {
        ends->at[i] |= before[i];
    }

    ends->first = first;
    ends->last = (ends->last > last) ? ends->last : last;

    return 1;
}


int
mcp_template_match(const mcp_str_t *tmpl, const mcp_str_t *uri)
{
    size_t                len;
    mcp_ends_t            ends;
    mcp_expr_t            expr;
    const unsigned char  *p, *end;

    if (tmpl->len == 0 || tmpl->len > MCP_TEMPLATE_LEN
        || uri->len == 0 || uri->len > MCP_TEMPLATE_URI)
    {
        return 0;
    }

    p = tmpl->data;
    end = p + tmpl->len;

    /* the literal in front tells most templates apart */

    len = mcp_template_literal(p, end);
    if (len > uri->len || memcmp(p, uri->data, len) != 0
        || mcp_template_check(tmpl) != MCP_OK)
    {
        return 0;
    }

    memset(ends.at, 0, uri->len + 1);
    ends.uri = uri;
    ends.first = len;
    ends.last = len;
    ends.at[len] = 1;

    for (p += len; p < end; p += len) {

        p = mcp_expr_read(p, end, &expr);
        if (p == NULL || !mcp_ends_expr(&ends, &expr)) {
            return 0;
        }

        len = mcp_template_literal(p, end);
        if (len != 0 && !mcp_ends_literal(&ends, p, len)) {
            return 0;
        }
    }

    return ends.last == uri->len && ends.at[uri->len];
}
