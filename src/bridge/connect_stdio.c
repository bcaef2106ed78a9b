
/*
 * mcp-bridge connect: lines from the client, lines to it.  Neither a client
 * that does not read nor one that sends without end costs more than a bounded
 * amount of memory.
 */


#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>


#define MC_CHUNK  65536


int
mc_bytes_add(mc_bytes_t *b, const void *data, size_t len)
{
    size_t          size;
    unsigned char  *p;

    if (b->pos == b->len) {
        b->pos = 0;
        b->len = 0;
    }

    if (b->pos != 0 && len > b->size - b->len && b->pos >= b->len - b->pos) {
        memmove(b->data, b->data + b->pos, b->len - b->pos);
        b->len -= b->pos;
        b->pos = 0;
    }

    if (len > b->size - b->len) {
        size = (b->size < MC_CHUNK) ? MC_CHUNK : b->size;

        while (size - b->len < len) {
            size *= 2;
        }

        p = realloc(b->data, size);
        if (p == NULL) {
            return MCP_NOMEM;
        }

        b->data = p;
        b->size = size;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;

    return MCP_OK;
}


/* A large message is rare; what it took is not kept. */

static void
mc_bytes_shrink(mc_bytes_t *b)
{
    if (b->pos == b->len && b->size > 16 * MC_CHUNK) {
        free(b->data);
        memset(b, 0, sizeof(mc_bytes_t));
    }
}


/*
 * A pipe is made non-blocking, a socket is asked not to block; files and
 * terminals take what they are given.
 */

int
mc_stdio_open(mc_t *mc)
{
    struct stat  st;

    mc->out_flags = -1;

    if (fstat(STDIN_FILENO, &st) == -1 || fstat(STDOUT_FILENO, &st) == -1) {
        mc_log("standard input and output must be open: %s",
               strerror(errno));
        return MCP_ERROR;
    }

    if (S_ISSOCK(st.st_mode)) {
        mc->out_socket = 1;

    } else if (S_ISFIFO(st.st_mode)) {
        mc->out_flags = fcntl(STDOUT_FILENO, F_GETFL);

        if (mc->out_flags == -1
            || fcntl(STDOUT_FILENO, F_SETFL, mc->out_flags | O_NONBLOCK)
               == -1)
        {
            mc_log("fcntl() of standard output failed: %s", strerror(errno));
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


void
mc_stdio_close(mc_t *mc)
{
    if (mc->out_flags != -1) {
        (void) fcntl(STDOUT_FILENO, F_SETFL, mc->out_flags);
    }

    free(mc->in.data);
    free(mc->out.data);
}


static int
mc_may_go_on(const mc_t *mc)
{
    return !mc->opening && !mc->reopening && !mc_out_full(mc)
           && mc->held < MC_HELD_MAX;
}


int
mc_want_read(const mc_t *mc)
{
    return !mc->eof && mc_may_go_on(mc);
}


int
mc_lines_due(const mc_t *mc)
{
    size_t  rest;

    rest = mc->in.len - mc->in.pos;

    return mc_may_go_on(mc) && rest != 0
           && (mc->eof || mc->scanned < rest);
}


void
mc_read(mc_t *mc)
{
    ssize_t        n;
    unsigned char  chunk[MC_CHUNK];

    n = read(STDIN_FILENO, chunk, sizeof(chunk));

    if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }

    if (n <= 0) {
        mc->eof = 1;
        return;
    }

    if (mc_bytes_add(&mc->in, chunk, n) != MCP_OK) {
        mc_log("no memory for what the client sends");
        mc->eof = 1;
    }
}


/* The next whole line, or the last, that has no end; NULL: there is none. */

static unsigned char *
mc_next_line(mc_t *mc, size_t *len)
{
    size_t          rest;
    unsigned char  *p, *end;

    p = mc->in.data + mc->in.pos;
    rest = mc->in.len - mc->in.pos;

    if (rest == 0) {
        return NULL;
    }

    end = memchr(p + mc->scanned, '\n', rest - mc->scanned);

    if (end == NULL && !mc->eof) {
        mc->scanned = rest;
        return NULL;
    }

    *len = end ? (size_t) (end - p) : rest;
    mc->in.pos += end ? *len + 1 : *len;
    mc->scanned = 0;

    return p;
}


static void
mc_too_long(mc_t *mc)
{
    mcp_str_t  none = mcp_null_string;

    mc_error(mc, &none, MCP_E_REQUEST, 0, 0,
             "a line is longer than %zu bytes; raise --max-line, or send "
             "less at once", mc->line_max);
}


void
mc_lines(mc_t *mc)
{
    size_t          len;
    unsigned char  *line;

    while (mc_may_go_on(mc)) {
        line = mc_next_line(mc, &len);

        if (line == NULL) {
            break;
        }

        if (mc->skipping) {
            mc->skipping = 0;
            continue;
        }

        if (len > mc->line_max) {
            mc_too_long(mc);
            continue;
        }

        while (len != 0 && (line[len - 1] == '\r' || line[len - 1] == ' ')) {
            len--;
        }

        if (len != 0) {
            mc_line(mc, line, len);
        }
    }

    if (mc->scanned > mc->line_max) {

        if (!mc->skipping) {
            mc_too_long(mc);
        }

        mc->skipping = 1;
        mc->in.pos = mc->in.len;
        mc->scanned = 0;
    }

    mc_bytes_shrink(&mc->in);
}


/* --- output --------------------------------------------------------------- */


/* Line ends within a message are white space between its values. */

static void
mc_say_bytes(mc_t *mc, const unsigned char *p, size_t len)
{
    size_t                n;
    const unsigned char  *end, *line;

    end = p + len;

    while (p < end && !mc->gone) {
        line = mcp_sse_line_end(p, end);
        n = line - p;

        if (mc_bytes_add(&mc->out, p, n) != MCP_OK
            || (line < end && mc_bytes_add(&mc->out, " ", 1) != MCP_OK))
        {
            mc_log("no memory for an answer");
            mc->gone = 1;
        }

        p = line + 1;
    }
}


void
mc_say(mc_t *mc, const unsigned char *text, size_t len, size_t at, size_t cut,
    const mcp_str_t *with)
{
    if (mc->gone) {
        return;
    }

    mc_say_bytes(mc, text, at);

    if (with != NULL) {
        mc_say_bytes(mc, with->data, with->len);
    }

    mc_say_bytes(mc, text + at + cut, len - at - cut);

    if (mc_bytes_add(&mc->out, "\n", 1) != MCP_OK) {
        mc->gone = 1;
    }
}


void
mc_flush(mc_t *mc)
{
    size_t   len;
    ssize_t  n;

    while (mc->out.pos < mc->out.len && !mc->gone) {
        len = mc->out.len - mc->out.pos;

        if (mc->out_socket) {
            n = send(STDOUT_FILENO, mc->out.data + mc->out.pos, len,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

        } else {
            n = write(STDOUT_FILENO, mc->out.data + mc->out.pos, len);
        }

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }

        if (n == -1) {
            mc->gone = 1;
            return;
        }

        mc->out.pos += n;
    }

    mc_bytes_shrink(&mc->out);
}
