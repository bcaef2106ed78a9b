
/* Event streams: the reader and the writer. */


#include "core.h"
#include "sse.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif


enum {
    MCP_SSE_S_START = 0,         /* of the stream: a BOM may come */
    MCP_SSE_S_LINE,
    MCP_SSE_S_NAME,
    MCP_SSE_S_SPACE,
    MCP_SSE_S_TYPE_SPACE,
    MCP_SSE_S_TYPE,             /* behind the colon of a data line */
    MCP_SSE_S_DATA,
    MCP_SSE_S_SKIP               /* to the end of the line */
};


static const unsigned char  mcp_sse_bom[3] = { 0xef, 0xbb, 0xbf };


static void mcp_sse_start(mcp_sse_reader_t *rd, const unsigned char **p);
static int mcp_sse_line(mcp_sse_reader_t *rd, const unsigned char **p,
    mcp_sse_token_t *tok);
static int mcp_sse_name(mcp_sse_reader_t *rd, const unsigned char **p,
    mcp_sse_token_t *tok);
static int mcp_sse_field(mcp_sse_reader_t *rd, mcp_sse_token_t *tok);
static void mcp_sse_event_type(mcp_sse_reader_t *rd,
    const unsigned char **p);
static void mcp_sse_end_line(mcp_sse_reader_t *rd, const unsigned char **p);


void
mcp_sse_init(mcp_sse_reader_t *rd)
{
    memset(rd, 0, sizeof(mcp_sse_reader_t));
}


int
mcp_sse_between(const mcp_sse_reader_t *rd)
{
    return !rd->fields;
}


int
mcp_sse_next(mcp_sse_reader_t *rd, const unsigned char **p,
    const unsigned char *end, mcp_sse_token_t *tok)
{
    const unsigned char  *q;

    if (rd->ended) {
        rd->ended = 0;
        rd->has_id = 0;
        rd->has_retry = 0;
    }

    while (*p < end) {

        switch (rd->state) {

        case MCP_SSE_S_START:
            mcp_sse_start(rd, p);
            break;

        case MCP_SSE_S_LINE:
            if (mcp_sse_line(rd, p, tok) == MCP_OK) {
                return MCP_OK;
            }

            break;

        case MCP_SSE_S_NAME:
            if (mcp_sse_name(rd, p, tok) == MCP_OK) {
                return MCP_OK;
            }

            break;

        case MCP_SSE_S_TYPE:
            mcp_sse_event_type(rd, p);
            break;

        case MCP_SSE_S_TYPE_SPACE:
            rd->state = MCP_SSE_S_TYPE;

            if (**p == ' ') {
                (*p)++;
            }

            break;

        case MCP_SSE_S_SPACE:
            rd->state = MCP_SSE_S_DATA;

            if (**p == ' ') {
                (*p)++;
            }

            break;

        default: /* MCP_SSE_S_DATA, MCP_SSE_S_SKIP */

            q = mcp_sse_line_end(*p, end);

            if (q != *p && rd->state == MCP_SSE_S_DATA) {
                tok->type = MCP_SSE_DATA;
                tok->start = *p;
                tok->end = q;
                rd->filled = 1;
                *p = q;
                return MCP_OK;
            }

            *p = q;

            if (q != end) {
                mcp_sse_end_line(rd, p);
            }

            break;
        }
    }

    return MCP_AGAIN;
}


/* One byte at most: what only began like a BOM begins a name. */

static void
mcp_sse_start(mcp_sse_reader_t *rd, const unsigned char **p)
{
    if (**p == mcp_sse_bom[rd->bom]) {
        (*p)++;

        if (++rd->bom == sizeof(mcp_sse_bom)) {
            rd->state = MCP_SSE_S_LINE;
        }

        return;
    }

    if (rd->bom == 0) {
        rd->state = MCP_SSE_S_LINE;
        return;
    }

    memcpy(rd->name, mcp_sse_bom, rd->bom);
    rd->name_len = rd->bom;
    rd->fields = 1;
    rd->state = MCP_SSE_S_NAME;
}


/* The first byte of a line. */

static int
mcp_sse_line(mcp_sse_reader_t *rd, const unsigned char **p,
    mcp_sse_token_t *tok)
{
    unsigned  c;

    c = **p;

    if (rd->cr) {
        rd->cr = 0;

        if (c == '\n') {
            (*p)++;
            return MCP_AGAIN;
        }
    }

    switch (c) {

    case '\r':
    case '\n':
        mcp_sse_end_line(rd, p);

        if (!rd->fields) {
            return MCP_AGAIN;
        }

        tok->type = MCP_SSE_EVENT;
        tok->start = *p;
        tok->end = *p;
        tok->empty = !rd->filled;
        tok->foreign = rd->foreign;

        rd->foreign = 0;
        rd->data = 0;
        rd->filled = 0;
        rd->fields = 0;
        rd->ended = 1;

        return MCP_OK;

    case ':':
        (*p)++;
        rd->state = MCP_SSE_S_SKIP;

        tok->type = MCP_SSE_COMMENT;
        tok->start = *p;
        tok->end = *p;

        return MCP_OK;

    default:
        rd->name_len = 0;
        rd->fields = 1;
        rd->state = MCP_SSE_S_NAME;

        return MCP_AGAIN;
    }
}


/* One byte of a field's name, or of what ends it. */

static int
mcp_sse_name(mcp_sse_reader_t *rd, const unsigned char **p,
    mcp_sse_token_t *tok)
{
    unsigned  c;

    c = **p;

    switch (c) {

    case ':':
        (*p)++;

        /* fall through */

    case '\r':
    case '\n':
        rd->state = MCP_SSE_S_SKIP;
        return mcp_sse_field(rd, tok);
    }

    if (rd->name_len == sizeof(rd->name)) {
        rd->state = MCP_SSE_S_SKIP;
        return MCP_AGAIN;
    }

    rd->name[rd->name_len++] = (unsigned char) c;
    (*p)++;

    return MCP_AGAIN;
}


#define mcp_sse_name_is(rd, s)                                                \
    ((rd)->name_len == sizeof(s) - 1                                          \
     && memcmp((rd)->name, s, sizeof(s) - 1) == 0)


static int
mcp_sse_field(mcp_sse_reader_t *rd, mcp_sse_token_t *tok)
{
    if (mcp_sse_name_is(rd, "id")) {
        rd->has_id = 1;
        return MCP_AGAIN;
    }

    if (mcp_sse_name_is(rd, "retry")) {
        rd->has_retry = 1;
        return MCP_AGAIN;
    }

    if (mcp_sse_name_is(rd, "event")) {
        rd->state = MCP_SSE_S_TYPE_SPACE;
        rd->type_len = 0;
        return MCP_AGAIN;
    }

    if (!mcp_sse_name_is(rd, "data")) {
        return MCP_AGAIN;
    }

    rd->state = MCP_SSE_S_SPACE;

    if (!rd->data) {
        rd->data = 1;
        return MCP_AGAIN;
    }

    tok->type = MCP_SSE_DATA_BREAK;
    tok->start = NULL;
    tok->end = NULL;

    return MCP_OK;
}


/* One byte of the event's type; of several types the last counts. */

static void
mcp_sse_event_type(mcp_sse_reader_t *rd, const unsigned char **p)
{
    unsigned  c;

    static const char  message[] = "message";

    c = **p;

    if (c == '\r' || c == '\n') {
        rd->foreign = (rd->type_len != 0
                       && rd->type_len != sizeof(message) - 1);
        mcp_sse_end_line(rd, p);
        return;
    }

    if (rd->type_len < sizeof(message) - 1
        && c == (unsigned char) message[rd->type_len])
    {
        rd->type_len++;

    } else {
        rd->type_len = sizeof(message);
    }

    (*p)++;
}


static void
mcp_sse_end_line(mcp_sse_reader_t *rd, const unsigned char **p)
{
    rd->cr = (**p == '\r');
    rd->state = MCP_SSE_S_LINE;
    (*p)++;
}


const unsigned char *
mcp_sse_line_end(const unsigned char *p, const unsigned char *end)
{
#if defined(__SSE2__)

    int      mask;
    __m128i  x;

    while (end - p >= 16) {
        x = _mm_loadu_si128((const __m128i *) (const void *) p);

        mask = _mm_movemask_epi8(
                   _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')),
                                _mm_cmpeq_epi8(x, _mm_set1_epi8('\r'))));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned) mask);
        }

        p += 16;
    }

#else

    uint64_t  w, lf, cr;

    static const uint64_t  ones = UINT64_C(0x0101010101010101);

    while (end - p >= 8) {
        memcpy(&w, p, 8);

        lf = w ^ (ones * '\n');
        cr = w ^ (ones * '\r');

        /* the high bit of some byte is set if there is a zero byte */

        if ((((lf - ones) & ~lf) | ((cr - ones) & ~cr)) & (ones << 7)) {
            break;
        }

        p += 8;
    }

#endif

    while (p < end && *p != '\n' && *p != '\r') {
        p++;
    }

    return p;
}


void
mcp_sse_write(mcp_buf_t *b, const void *data, size_t len)
{
    const unsigned char  *p, *q, *end;

    if (len == 0) {
        mcp_buf_literal(b, "data:\n\n");
        return;
    }

    p = data;
    end = p + len;

    for ( ;; ) {
        q = mcp_sse_line_end(p, end);

        mcp_buf_literal(b, "data: ");
        mcp_buf_append(b, p, (size_t) (q - p));
        mcp_buf_literal(b, "\n");

        if (q == end) {
            break;
        }

        p = q + 1;

        if (*q == '\r' && p < end && *p == '\n') {
            p++;
        }
    }

    mcp_buf_literal(b, "\n");
}
