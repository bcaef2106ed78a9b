
/* What a view's log hears while the view is built. */


#include "view.h"

#include <stdio.h>


#define MCP_LINE_NAME  64        /* bytes of a name in a line: three names and
                                    the words fit, were all bytes escaped */


typedef struct {
    size_t                len;
    char                  text[1024];
} mcp_line_t;


static const char *const  mcp_view_kinds[] = {
    "tool", "prompt", "resource", "template"
};


static void
mcp_line_text(mcp_line_t *line, const char *text)
{
    size_t  len;

    len = strlen(text);

    if (len > sizeof(line->text) - 1 - line->len) {
        len = sizeof(line->text) - 1 - line->len;
    }

    memcpy(line->text + line->len, text, len);
    line->len += len;
    line->text[line->len] = '\0';
}


/* A backend's words: quoted, cut, and nothing but printable ASCII. */

static void
mcp_line_name(mcp_line_t *line, const mcp_str_t *name)
{
    char    c[8];
    size_t  i;

    mcp_line_text(line, "\"");

    for (i = 0; i < name->len && i < MCP_LINE_NAME; i++) {

        if (name->data[i] < 0x20 || name->data[i] > 0x7e
            || name->data[i] == '"' || name->data[i] == '\\')
        {
            (void) snprintf(c, sizeof(c), "\\x%02x", name->data[i]);

        } else {
            c[0] = (char) name->data[i];
            c[1] = '\0';
        }

        mcp_line_text(line, c);
    }

    mcp_line_text(line, i < name->len ? "...\"" : "\"");
}


/* backend "NAME": tool "NAME"; or 0: enough has been said of this list */

static int
mcp_line_begin(mcp_line_t *line, mcp_builder_t *vb, const mcp_item_t *item)
{
    char  number[16];

    if (vb->log == NULL || vb->lines > MCP_VIEW_LINES) {
        return 0;
    }

    line->len = 0;
    mcp_line_text(line, "backend ");
    mcp_line_name(line, &vb->view->source[item->source].source->name);
    mcp_line_text(line, ": ");

    if (vb->lines++ == MCP_VIEW_LINES) {
        mcp_line_text(line, "there is more to say of each ");
        mcp_line_text(line, mcp_view_kinds[vb->list]);
        vb->log(vb->data, MCP_VIEW_ERROR, line->text);
        return 0;
    }

    mcp_line_text(line, mcp_view_kinds[vb->list]);
    mcp_line_text(line, " ");

    if (item->native.len != 0) {
        mcp_line_name(line, &item->native);

    } else {
        (void) snprintf(number, sizeof(number), "%u", vb->elements.number);
        mcp_line_text(line, "number ");
        mcp_line_text(line, number);
    }

    mcp_line_text(line, " ");

    return 1;
}


void
mcp_builder_say(mcp_builder_t *vb, mcp_view_level_e level,
    const mcp_item_t *item, const char *what, const char *why)
{
    mcp_line_t  line;

    if (!mcp_line_begin(&line, vb, item)) {
        return;
    }

    mcp_line_text(&line, what);
    mcp_line_text(&line, why);
    vb->log(vb->data, level, line.text);
}


void
mcp_builder_say_taken(mcp_builder_t *vb, const mcp_item_t *item,
    const mcp_item_t *first)
{
    mcp_line_t  line;

    if (!mcp_line_begin(&line, vb, item)) {
        return;
    }

    mcp_line_text(&line, "is left out: as ");
    mcp_line_name(&line, &item->exposed);
    mcp_line_text(&line, " it is already offered by backend ");
    mcp_line_name(&line, &vb->view->source[first->source].source->name);
    vb->log(vb->data, MCP_VIEW_ERROR, line.text);
}


void
mcp_builder_say_source(mcp_builder_t *vb, unsigned source, const char *what,
    const char *why)
{
    mcp_line_t  line;

    if (vb->log == NULL) {
        return;
    }

    line.len = 0;
    mcp_line_text(&line, "backend ");
    mcp_line_name(&line, &vb->view->source[source].source->name);
    mcp_line_text(&line, ": ");
    mcp_line_text(&line, what);
    mcp_line_text(&line, why);
    vb->log(vb->data, MCP_VIEW_WARN, line.text);
}
