
/* Patterns of nginx.conf. */


#define _GNU_SOURCE

#include "pattern.h"


void
mcp_glob_init(mcp_glob_t *g, const mcp_str_t *text)
{
    const unsigned char  *p;

    memset(g, 0, sizeof(mcp_glob_t));

    g->text = *text;
    g->prefix = text->len;

    p = text->len ? memchr(text->data, '*', text->len) : NULL;
    if (p == NULL) {
        return;
    }

    g->star = 1;
    g->prefix = (size_t) (p - text->data);

    p = memrchr(text->data, '*', text->len);
    g->suffix = text->len - (size_t) (p - text->data) - 1;
}


/*
 * The literals between two stars: each at the first place where it can be,
 * which leaves the most to those that follow.
 */

static int
mcp_glob_middle(const unsigned char *g, const unsigned char *gend,
    const unsigned char *p, const unsigned char *end)
{
    size_t                len;
    const unsigned char  *star;

    while (g < gend) {

        if (*g == '*') {
            g++;
            continue;
        }

        star = memchr(g, '*', (size_t) (gend - g));
        len = (size_t) (star - g);

        p = memmem(p, (size_t) (end - p), g, len);
        if (p == NULL) {
            return 0;
        }

        p += len;
        g = star;
    }

    return 1;
}


int
mcp_glob_match(const mcp_glob_t *g, const unsigned char *p, size_t len)
{
    const unsigned char  *end, *gend;

    if (!g->star) {
        return g->text.len == len
               && (len == 0 || memcmp(g->text.data, p, len) == 0);
    }

    if (len < g->prefix + g->suffix) {
        return 0;
    }

    if (len == 0) {
        p = (const unsigned char *) "";
    }

    end = p + len - g->suffix;
    gend = g->text.data + g->text.len - g->suffix;

    if (memcmp(p, g->text.data, g->prefix) != 0
        || memcmp(end, gend, g->suffix) != 0)
    {
        return 0;
    }

    return mcp_glob_middle(g->text.data + g->prefix, gend, p + g->prefix, end);
}


int
mcp_pattern_init(mcp_pattern_t *pattern, const mcp_str_t *text,
    const char **why)
{
    mcp_str_t             part;
    const unsigned char  *slash;

    memset(pattern, 0, sizeof(mcp_pattern_t));

    slash = text->len ? memchr(text->data, '/', text->len) : NULL;

    if (slash == NULL) {
        *why = "write it as backend/name; a \"*\" stands for any characters";
        return MCP_ERROR;
    }

    if (slash == text->data || slash == text->data + text->len - 1) {
        *why = "there must be something on both sides of the \"/\": a \"*\" "
               "stands for any characters";
        return MCP_ERROR;
    }

    if (text->len > MCP_PATTERN_MAX) {
        *why = "it is too long";
        return MCP_ERROR;
    }

    pattern->text = *text;

    part.data = text->data;
    part.len = (size_t) (slash - text->data);
    mcp_glob_init(&pattern->backend, &part);

    part.data = (unsigned char *) slash + 1;
    part.len = text->len - part.len - 1;
    mcp_glob_init(&pattern->name, &part);

    return MCP_OK;
}


int
mcp_pattern_match(const mcp_pattern_t *pattern, const mcp_str_t *backend,
    const mcp_str_t *name)
{
    return mcp_glob_match(&pattern->backend, backend->data, backend->len)
           && mcp_glob_match(&pattern->name, name->data, name->len);
}
