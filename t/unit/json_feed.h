
/*
 * For tests and fuzzers of JSON: the tokens of a text as one list, whatever
 * the pieces it is fed in, and the same list made from a tape.
 *
 * What breaks the contract of json.h on the way calls FEED_FAIL(), which does
 * not return.
 */


#ifndef T_JSON_FEED_H
#define T_JSON_FEED_H


#include "json.h"

#include <stdio.h>
#include <stdlib.h>


#ifndef FEED_FAIL
#define FEED_FAIL(what)                                                       \
    do {                                                                      \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);             \
        abort();                                                              \
    } while (0)
#endif

#define FEED_CHECK(cond)                                                      \
    do {                                                                      \
        if (!(cond)) {                                                        \
            FEED_FAIL(#cond);                                                 \
        }                                                                     \
    } while (0)


#define FEED_WHOLE   0
#define FEED_RANDOM  ((size_t) -1)


typedef struct {
    uint64_t              start;
    uint64_t              end;
    uint64_t              names;     /* of all levels, hashed; observer only */
    uint32_t              type;
    uint16_t              depth;
    uint16_t              escaped;
} feed_token_t;


typedef struct {
    feed_token_t         *token;
    size_t                n;
    size_t                size;
    int                   rc;        /* MCP_OK or MCP_ERROR */
    mcp_json_error_t      error;
} feed_list_t;


typedef struct {
    feed_list_t          *list;
    feed_token_t          token;     /* under way */
    unsigned              open;
    unsigned              watch;     /* 0: the lexer */
    mcp_json_observer_t   ob;
} feed_t;


static inline void
feed_add(feed_list_t *list, const feed_token_t *token)
{
    if (list->n == list->size) {
        list->size = list->size * 2 + 64;
        list->token = realloc(list->token,
                              list->size * sizeof(feed_token_t));
        FEED_CHECK(list->token != NULL);
    }

    list->token[list->n++] = *token;
}


static inline void
feed_free(feed_list_t *list)
{
    free(list->token);
    memset(list, 0, sizeof(feed_list_t));
}


/* FNV-1a */

static inline uint64_t
feed_hash(uint64_t h, const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p;

    p = data;

    for (i = 0; i < len; i++) {
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    }

    return h;
}


static inline uint64_t
feed_hash_name(uint64_t h, const void *name, size_t len)
{
    uint32_t  n;

    n = (uint32_t) len;
    h = feed_hash(h, &n, sizeof(n));

    return len > MCP_JSON_KEY_MAX ? h : feed_hash(h, name, len);
}


static inline void
feed_piece(feed_t *f, const mcp_json_token_t *tok, uint64_t start,
    uint64_t end)
{
    unsigned       i;
    feed_token_t  *t;

    t = &f->token;

    FEED_CHECK(tok->first == !f->open);
    FEED_CHECK(start <= end);
    FEED_CHECK(f->watch == 0 || tok->depth <= f->watch);

    if (tok->first) {
        memset(t, 0, sizeof(feed_token_t));
        t->type = tok->type;
        t->depth = (uint16_t) tok->depth;
        t->start = start;
        t->end = start;

        FEED_CHECK(start < end);
        FEED_CHECK(f->list->n == 0
                   || start >= f->list->token[f->list->n - 1].end);
    }

    FEED_CHECK(t->type == (uint32_t) tok->type && t->depth == tok->depth);
    FEED_CHECK(t->end == start);
    FEED_CHECK(!t->escaped || tok->escaped);

    t->end = end;
    t->escaped = tok->escaped;
    f->open = !tok->last;

    if (!tok->last) {
        FEED_CHECK(tok->type >= MCP_JSON_KEY);
        return;
    }

    for (i = 0; f->watch != 0 && i < tok->depth; i++) {
        t->names = feed_hash_name(t->names, f->ob.key[i], f->ob.key_len[i]);
    }

    feed_add(f->list, t);
}


static inline int
feed_next(feed_t *f, const unsigned char **p, const unsigned char *end,
    mcp_json_token_t *tok)
{
    return f->watch ? mcp_json_observe(&f->ob, p, end, tok)
                    : mcp_json_next(&f->ob.lexer, p, end, tok);
}


/* The next len bytes, from an allocation that ends with them. */

static inline int
feed_some(feed_t *f, const unsigned char *text, size_t len, uint64_t offset)
{
    int                   rc;
    unsigned char        *copy;
    mcp_json_token_t      tok;
    mcp_json_error_t      error;
    const unsigned char  *p, *end;

    copy = malloc(len ? len : 1);
    FEED_CHECK(copy != NULL);

    if (len != 0) {
        memcpy(copy, text, len);
    }

    p = copy;
    end = copy + len;

    while ((rc = feed_next(f, &p, end, &tok)) == MCP_OK) {
        FEED_CHECK(copy <= tok.start && tok.end == p && p <= end);
        FEED_CHECK(tok.last || p == end);

        feed_piece(f, &tok, offset + (uint64_t) (tok.start - copy),
                   offset + (uint64_t) (tok.end - copy));
    }

    if (rc == MCP_ERROR) {
        error = f->ob.lexer.error;

        FEED_CHECK(error.text != NULL);
        FEED_CHECK(error.offset == offset + (uint64_t) (p - copy));
        FEED_CHECK(p < end);
        FEED_CHECK(feed_next(f, &p, end, &tok) == MCP_ERROR);
        FEED_CHECK(feed_next(f, &end, end, &tok) == MCP_ERROR);
        FEED_CHECK(memcmp(&error, &f->ob.lexer.error, sizeof(error)) == 0);

    } else {
        FEED_CHECK(rc == MCP_AGAIN || rc == MCP_DONE);
        FEED_CHECK(p == end);
        FEED_CHECK(rc == MCP_AGAIN || !f->open);
    }

    free(copy);

    return rc;
}


/*
 * All tokens of a text that comes in pieces of "step" bytes, or in random
 * pieces that follow from the seed.  watch is 0 for the lexer.
 */

static inline void
feed_text(feed_list_t *list, const unsigned char *text, size_t len,
    unsigned max_depth, unsigned watch, size_t step, uint64_t seed)
{
    int     rc;
    size_t  at, n;
    feed_t  f;

    memset(list, 0, sizeof(feed_list_t));
    memset(&f, 0, sizeof(feed_t));
    f.list = list;
    f.watch = watch;

    if (watch) {
        mcp_json_observe_init(&f.ob, watch, max_depth);

    } else {
        mcp_json_init(&f.ob.lexer, max_depth);
    }

    rc = MCP_AGAIN;
    seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (at = 0; at < len && rc != MCP_ERROR; at += n) {

        n = step;

        if (step == FEED_RANDOM) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            n = (size_t) (seed >> 33) % 23;
            n = (seed >> 60) == 0 ? n * 31 : n;
        }

        if (step == FEED_WHOLE || n > len - at) {
            n = len - at;
        }

        rc = feed_some(&f, text + at, n, at);
    }

    list->rc = mcp_json_finish(&f.ob.lexer);

    if (rc == MCP_ERROR) {
        FEED_CHECK(list->rc == MCP_ERROR);
        FEED_CHECK(f.ob.lexer.error.offset < len);

    } else if (rc == MCP_DONE) {
        FEED_CHECK(list->rc == MCP_OK);

    } else if (list->rc == MCP_OK) {

        /* a number at the root: only now is it known that it ended */

        FEED_CHECK(f.open && f.token.type == MCP_JSON_NUMBER
                   && f.token.depth == 0);
        feed_add(list, &f.token);

    } else {
        FEED_CHECK(f.ob.lexer.error.offset == len);
    }

    if (list->rc == MCP_ERROR) {
        list->error = f.ob.lexer.error;
        FEED_CHECK(mcp_json_finish(&f.ob.lexer) == MCP_ERROR);
    }
}


static inline void
feed_same(const feed_list_t *a, const feed_list_t *b)
{
    FEED_CHECK(a->rc == b->rc);
    FEED_CHECK(a->error.offset == b->error.offset);
    FEED_CHECK(a->rc == MCP_OK || strcmp(a->error.text, b->error.text) == 0);
    FEED_CHECK(a->n == b->n);
    FEED_CHECK(a->n == 0
               || memcmp(a->token, b->token, a->n * sizeof(feed_token_t))
                  == 0);
}


/* What the observer must give, as far as the lexer knows: not the names. */

static inline void
feed_same_watched(const feed_list_t *lexer, const feed_list_t *observer,
    unsigned watch)
{
    size_t        i, k;
    feed_token_t  t;

    k = 0;

    for (i = 0; i < lexer->n; i++) {

        if (lexer->token[i].depth > watch) {
            continue;
        }

        FEED_CHECK(k < observer->n);

        t = observer->token[k++];
        t.names = 0;

        FEED_CHECK(memcmp(&t, &lexer->token[i], sizeof(feed_token_t)) == 0);
    }

    FEED_CHECK(k == observer->n);
    FEED_CHECK(lexer->rc == observer->rc);
    FEED_CHECK(lexer->error.offset == observer->error.offset);
}


/*
 * The list of a tape, to a depth.  names[d] is the hash of the names down to
 * depth d.
 */

static inline void
feed_tape(feed_list_t *list, const mcp_json_tape_t *tape, mcp_arena_t *arena,
    unsigned watch, unsigned names)
{
    uint32_t                i, parent, *up;
    uint64_t               *hash;
    unsigned                depth;
    mcp_str_t               name;
    feed_token_t            t;
    const mcp_json_node_t  *nd;

    memset(list, 0, sizeof(feed_list_t));

    up = calloc(MCP_JSON_DEPTH_MAX + 2, sizeof(uint32_t));
    hash = calloc(MCP_JSON_DEPTH_MAX + 2, sizeof(uint64_t));
    FEED_CHECK(up != NULL && hash != NULL);

    depth = 0;

    for (i = 0; /* void */ ; /* void */ ) {

        /* containers that end before this node, the innermost first */

        while (depth > 0 && tape->node[up[depth]].next == i) {
            parent = up[depth--];

            if (depth > watch) {
                continue;
            }

            nd = &tape->node[parent];
            memset(&t, 0, sizeof(feed_token_t));
            t.type = nd->type == MCP_JSON_OBJECT ? MCP_JSON_OBJECT_END
                                                 : MCP_JSON_ARRAY_END;
            t.depth = (uint16_t) depth;
            t.end = nd->start + nd->len;
            t.start = t.end - 1;
            t.names = hash[depth];
            feed_add(list, &t);
        }

        if (i == tape->nodes) {
            break;
        }

        nd = &tape->node[i];
        FEED_CHECK(nd->next > i && nd->next <= tape->nodes);

        if (depth > 0) {
            FEED_CHECK(nd->next <= tape->node[up[depth]].next);
        }

        if (names && nd->type == MCP_JSON_KEY && depth <= watch) {
            FEED_CHECK(mcp_json_unescape(tape, i, arena, &name) == MCP_OK);
            hash[depth] = feed_hash_name(hash[depth - 1], name.data, name.len);

        } else if (names && depth > 0 && depth <= watch
                   && tape->node[up[depth]].type == MCP_JSON_ARRAY)
        {
            hash[depth] = feed_hash_name(hash[depth - 1], "", 0);
        }

        memset(&t, 0, sizeof(feed_token_t));
        t.type = nd->type;
        t.depth = (uint16_t) depth;
        t.escaped = nd->escaped;
        t.start = nd->start;
        t.end = nd->start + nd->len;
        t.names = depth <= watch ? hash[depth] : 0;

        if (nd->type == MCP_JSON_OBJECT || nd->type == MCP_JSON_ARRAY) {
            t.end = t.start + 1;
            up[depth + 1] = i;

        } else if (nd->type == MCP_JSON_STRING || nd->type == MCP_JSON_KEY) {
            t.start--;
            t.end++;
        }

        if (depth <= watch) {
            feed_add(list, &t);
        }

        depth += (nd->type == MCP_JSON_OBJECT || nd->type == MCP_JSON_ARRAY);
        i++;
    }

    free(up);
    free(hash);
}


/*
 * One text in every way there is: all must agree.  *list is what the lexer
 * gives for the whole; returns what the tape says, which may refuse more.
 */

static inline int
feed_all_ways(feed_list_t *list, mcp_json_tape_t *tape, mcp_arena_t *arena,
    const unsigned char *text, size_t len, unsigned max_depth, unsigned seeds)
{
    int          rc;
    unsigned     i, watch;
    feed_list_t  other, watched;

    feed_text(list, text, len, max_depth, 0, FEED_WHOLE, 0);

    for (i = 0; i < seeds + 2; i++) {
        feed_text(&other, text, len, max_depth, 0,
                  i == 0 ? 1 : i == 1 ? 16 : FEED_RANDOM, i);
        feed_same(list, &other);
        feed_free(&other);
    }

    rc = mcp_json_tape(tape, arena, text, len, max_depth);
    FEED_CHECK(rc == MCP_OK || rc == MCP_ERROR);

    if (rc == MCP_OK) {
        FEED_CHECK(list->rc == MCP_OK);
        feed_tape(&other, tape, arena, MCP_JSON_DEPTH_MAX, 0);
        feed_same(list, &other);
        feed_free(&other);

    } else if (strcmp(tape->error.text, "the member name comes twice") != 0) {
        FEED_CHECK(list->rc == MCP_ERROR);
        FEED_CHECK(list->error.offset == tape->error.offset);
        FEED_CHECK(strcmp(list->error.text, tape->error.text) == 0);
    }

    for (watch = 1; watch <= MCP_JSON_WATCH_MAX; watch++) {

        feed_text(&watched, text, len, max_depth, watch, FEED_WHOLE, 0);
        feed_same_watched(list, &watched, watch);

        for (i = 0; i < seeds + 1; i++) {
            feed_text(&other, text, len, max_depth, watch,
                      i == 0 ? 1 : FEED_RANDOM, i + watch);
            feed_same(&watched, &other);
            feed_free(&other);
        }

        if (rc == MCP_OK) {
            feed_tape(&other, tape, arena, watch, 1);
            feed_same(&watched, &other);
            feed_free(&other);
        }

        feed_free(&watched);
    }

    return rc;
}


#endif /* T_JSON_FEED_H */
