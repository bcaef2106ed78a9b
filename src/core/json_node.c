
/* What a JSON tape says of its nodes. */


#include "core.h"
#include "json.h"
#include "json_scan.h"


static int
mcp_json_is_text(const mcp_json_tape_t *tape, uint32_t node)
{
    return node < tape->nodes && (tape->node[node].type == MCP_JSON_STRING
                                  || tape->node[node].type == MCP_JSON_KEY);
}


/*
 * Unescapes until [dst, last) is full (it may be exceeded by 3 bytes) or *pp
 * has come to the end.
 */

mcp_json_inline unsigned char *
mcp_json_decode_some(unsigned char *dst, const unsigned char *last,
    const unsigned char **pp, const unsigned char *end)
{
    uint32_t              code;
    const unsigned char  *p, *q;

    p = *pp;

    while (p < end && dst < last) {

        if (*p != '\\') {
            *dst++ = *p++;
            continue;
        }

        q = mcp_json_escape(p, end, &code);
        if (q == NULL) {
            p = end;
            break;
        }

        dst = mcp_json_put_utf8(dst, code);
        p = q;
    }

    *pp = p;

    return dst;
}


/* Copies up to a backslash; dst has room for end - p bytes. */

mcp_json_inline unsigned char *
mcp_json_copy(unsigned char *dst, const unsigned char **pp,
    const unsigned char *end)
{
    const unsigned char  *p;

    p = *pp;

#if (MCP_JSON_SSE2)

    int      mask;
    __m128i  x;

    while (end - p >= 16) {
        x = _mm_loadu_si128((const __m128i *) (const void *) p);
        _mm_storeu_si128((__m128i *) (void *) dst, x);

        mask = _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));

        if (mask != 0) {
            *pp = p + __builtin_ctz((unsigned) mask);
            return dst + __builtin_ctz((unsigned) mask);
        }

        dst += 16;
        p += 16;
    }

#endif

    while (p < end && *p != '\\') {
        *dst++ = *p++;
    }

    *pp = p;

    return dst;
}


unsigned char *
mcp_json_decode(unsigned char *dst, const unsigned char *p,
    const unsigned char *end)
{
    uint32_t              code;
    const unsigned char  *q;

    for ( ;; ) {

        dst = mcp_json_copy(dst, &p, end);

        if (p == end) {
            return dst;
        }

        q = mcp_json_escape(p, end, &code);
        if (q == NULL) {
            return dst;
        }

        dst = mcp_json_put_utf8(dst, code);
        p = q;
    }
}


uint32_t
mcp_json_hash_escaped(const unsigned char *p, size_t len)
{
    unsigned char  *last, buf[MCP_JSON_HASHED + 4];

    last = mcp_json_decode_some(buf, buf + MCP_JSON_HASHED, &p, p + len);

    return mcp_json_hash(buf, (size_t) (last - buf));
}


uint32_t
mcp_json_text_hash(const mcp_json_tape_t *tape, uint32_t node)
{
    const unsigned char    *p;
    const mcp_json_node_t  *nd;

    nd = &tape->node[node];
    p = tape->text + nd->start;

    if (nd->type == MCP_JSON_KEY) {
        return nd->count;
    }

    return nd->escaped ? mcp_json_hash_escaped(p, nd->len)
                       : mcp_json_hash(p, nd->len);
}


uint32_t
mcp_json_first(const mcp_json_tape_t *tape, uint32_t node)
{
    if (node >= tape->nodes
        || (tape->node[node].type != MCP_JSON_OBJECT
            && tape->node[node].type != MCP_JSON_ARRAY))
    {
        return 0;
    }

    return (tape->node[node].count == 0) ? 0 : node + 1;
}


uint32_t
mcp_json_member(const mcp_json_tape_t *tape, uint32_t node, const char *name,
    size_t len)
{
    uint32_t  i, end, hash;

    if (node >= tape->nodes || tape->node[node].type != MCP_JSON_OBJECT) {
        return 0;
    }

    hash = mcp_json_hash((const unsigned char *) name, len);
    end = tape->node[node].next;

    for (i = node + 1; i < end; i = tape->node[i].next) {
        if (tape->node[i].count == hash
            && mcp_json_equals(tape, i, name, len))
        {
            return i + 1;
        }
    }

    return 0;
}


int
mcp_json_equals(const mcp_json_tape_t *tape, uint32_t node, const void *data,
    size_t len)
{
    size_t                  n;
    unsigned char          *last, buf[64 + 4];
    const unsigned char    *p, *end, *with;
    const mcp_json_node_t  *nd;

    if (!mcp_json_is_text(tape, node)) {
        return 0;
    }

    nd = &tape->node[node];
    p = tape->text + nd->start;
    with = data;

    if (!nd->escaped) {
        return nd->len == len && mcp_equal(p, with, len);
    }

    /* an escape has 6 times the bytes it stands for at most */

    if (len > nd->len || len < nd->len / 6) {
        return 0;
    }

    end = p + nd->len;

    while (p < end) {
        last = mcp_json_decode_some(buf, buf + 64, &p, end);
        n = (size_t) (last - buf);

        if (n > len || memcmp(buf, with, n) != 0) {
            return 0;
        }

        with += n;
        len -= n;
    }

    return len == 0;
}


int
mcp_json_order(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b)
{
    int                     rc;
    size_t                  na, nb, n;
    unsigned char          *fa, *fb, bufa[64 + 4], bufb[64 + 4];
    const unsigned char    *pa, *pb, *enda, *endb;
    const mcp_json_node_t  *nda, *ndb;

    nda = &ta->node[a];
    ndb = &tb->node[b];
    pa = ta->text + nda->start;
    pb = tb->text + ndb->start;
    enda = pa + nda->len;
    endb = pb + ndb->len;

    if (!nda->escaped && !ndb->escaped) {
        n = nda->len < ndb->len ? nda->len : ndb->len;
        rc = n ? memcmp(pa, pb, n) : 0;

        return rc ? rc : (nda->len > ndb->len) - (nda->len < ndb->len);
    }

    fa = bufa;
    fb = bufb;

    for ( ;; ) {

        /* what one side had more than the other is kept in front */

        fa = mcp_json_decode_some(fa, bufa + 64, &pa, enda);
        fb = mcp_json_decode_some(fb, bufb + 64, &pb, endb);

        na = (size_t) (fa - bufa);
        nb = (size_t) (fb - bufb);
        n = na < nb ? na : nb;

        rc = n ? memcmp(bufa, bufb, n) : 0;

        if (rc != 0 || n == 0) {
            return rc ? rc : (na > nb) - (na < nb);
        }

        memmove(bufa, bufa + n, na - n);
        memmove(bufb, bufb + n, nb - n);
        fa = bufa + (na - n);
        fb = bufb + (nb - n);
    }
}


int
mcp_json_unescape_text(const mcp_json_tape_t *tape, uint32_t node,
    mcp_arena_t *arena, mcp_str_t *out)
{
    const unsigned char    *p;
    const mcp_json_node_t  *nd;

    out->len = 0;
    out->data = (unsigned char *) "";

    if (!mcp_json_is_text(tape, node)) {
        return MCP_OK;
    }

    nd = &tape->node[node];
    p = tape->text + nd->start;

    if (!nd->escaped) {
        out->len = nd->len;
        out->data = (unsigned char *) p;
        return MCP_OK;
    }

    out->data = mcp_alloc(arena, nd->len);
    if (out->data == NULL) {
        return MCP_NOMEM;
    }

    out->len = (size_t) (mcp_json_decode(out->data, p, p + nd->len)
                         - out->data);

    return MCP_OK;
}


mcp_str_t
mcp_json_raw(const mcp_json_tape_t *tape, uint32_t node)
{
    mcp_str_t               raw;
    const mcp_json_node_t  *nd;

    raw.len = 0;
    raw.data = (unsigned char *) "";

    if (node >= tape->nodes) {
        return raw;
    }

    nd = &tape->node[node];
    raw.len = nd->len;
    raw.data = (unsigned char *) tape->text + nd->start;

    if (mcp_json_is_text(tape, node)) {
        raw.len += 2;
        raw.data--;
    }

    return raw;
}


int
mcp_json_integer(const mcp_json_tape_t *tape, uint32_t node, int64_t *out)
{
    unsigned                digit, minus;
    uint64_t                n, max;
    const unsigned char    *p, *end;
    const mcp_json_node_t  *nd;

    if (node >= tape->nodes || tape->node[node].type != MCP_JSON_NUMBER) {
        return MCP_NONE;
    }

    nd = &tape->node[node];
    p = tape->text + nd->start;
    end = p + nd->len;

    minus = (*p == '-');
    max = (uint64_t) INT64_MAX + minus;
    n = 0;

    for (p += minus; p < end; p++) {

        digit = (unsigned) (*p - '0');

        if (digit > 9 || n > (max - digit) / 10) {
            return MCP_NONE;
        }

        n = n * 10 + digit;
    }

    *out = minus ? (int64_t) (0 - n) : (int64_t) n;

    return MCP_OK;
}
