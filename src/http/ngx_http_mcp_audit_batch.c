
/* Lines of a segment as rows of the store. */


#include "ngx_http_mcp_audit_store.h"


#define NGX_HTTP_MCP_STORE_READ   1048576    /* bytes of a batch */
#define NGX_HTTP_MCP_STORE_LINES  2000       /* at most */
#define NGX_HTTP_MCP_STORE_HASH   4096       /* slots, for two halves of a
                                                call; more than lines */

#define NGX_HTTP_MCP_OID_BOOL     16
#define NGX_HTTP_MCP_OID_BYTEA    17
#define NGX_HTTP_MCP_OID_INT8     20
#define NGX_HTTP_MCP_OID_TEXT     25
#define NGX_HTTP_MCP_OID_UUID     2950
#define NGX_HTTP_MCP_OID_BYTEAS   1001
#define NGX_HTTP_MCP_OID_TEXTS    1009
#define NGX_HTTP_MCP_OID_INT8S    1016
#define NGX_HTTP_MCP_OID_UUIDS    2951


typedef enum {
    NGX_HTTP_MCP_COLUMN_TEXT = 0,
    NGX_HTTP_MCP_COLUMN_BYTES,
    NGX_HTTP_MCP_COLUMN_NUMBER,          /* -1: null */
    NGX_HTTP_MCP_COLUMN_CODE,            /* 0: null */
    NGX_HTTP_MCP_COLUMN_ENDED,           /* null without an outcome */
    NGX_HTTP_MCP_COLUMN_ASKED,           /* null without an intent */
    NGX_HTTP_MCP_COLUMN_ID,
    NGX_HTTP_MCP_COLUMN_ROLES,
    NGX_HTTP_MCP_COLUMN_FLAGS
} ngx_http_mcp_column_e;


typedef struct {
    ngx_http_mcp_column_e        type;
    size_t                       offset;
} ngx_http_mcp_column_t;


#define ngx_http_mcp_column(type, field)                                      \
    { NGX_HTTP_MCP_COLUMN_##type, offsetof(ngx_http_mcp_store_row_t, field) }


/* in the order of append() in sql/ */

static ngx_http_mcp_column_t
    ngx_http_mcp_columns[NGX_HTTP_MCP_STORE_COLUMNS] = {
    ngx_http_mcp_column(ID, rec.id),
    ngx_http_mcp_column(NUMBER, ms),
    ngx_http_mcp_column(TEXT, rec.client),
    ngx_http_mcp_column(ROLES, rec.roles),
    ngx_http_mcp_column(TEXT, rec.address),
    ngx_http_mcp_column(TEXT, rec.session),
    ngx_http_mcp_column(TEXT, rec.method),
    ngx_http_mcp_column(TEXT, rec.name),
    ngx_http_mcp_column(TEXT, rec.native),
    ngx_http_mcp_column(TEXT, rec.backend),
    ngx_http_mcp_column(BYTES, rec.arguments),
    ngx_http_mcp_column(ASKED, rec.arguments_len),
    ngx_http_mcp_column(FLAGS, rec),
    ngx_http_mcp_column(TEXT, rec.request_id),
    ngx_http_mcp_column(TEXT, rec.version),
    ngx_http_mcp_column(TEXT, rec.era),
    ngx_http_mcp_column(TEXT, rec.trace),
    ngx_http_mcp_column(TEXT, rec.span),
    ngx_http_mcp_column(NUMBER, began),
    ngx_http_mcp_column(NUMBER, ended),
    ngx_http_mcp_column(TEXT, rec.outcome),
    ngx_http_mcp_column(CODE, rec.code),
    ngx_http_mcp_column(TEXT, rec.reason),
    ngx_http_mcp_column(ENDED, rec.duration),
    ngx_http_mcp_column(NUMBER, rec.backend_time),
    ngx_http_mcp_column(ENDED, rec.bytes_in),
    ngx_http_mcp_column(ENDED, rec.bytes_out),
    ngx_http_mcp_column(NUMBER, intent_seq),
    ngx_http_mcp_column(NUMBER, outcome_seq),
    ngx_http_mcp_column(BYTES, intent),
    ngx_http_mcp_column(BYTES, outcome)
};


static ngx_int_t ngx_http_mcp_store_parse(ngx_http_mcp_store_batch_t *b,
    ngx_http_mcp_audit_segment_t *seg, u_char *text, size_t len,
    ngx_uint_t complete);
static ngx_int_t ngx_http_mcp_store_line(ngx_http_mcp_store_batch_t *b,
    ngx_http_mcp_audit_segment_t *seg, mcp_str_t *line, uint16_t *hash);
static ngx_http_mcp_store_row_t *ngx_http_mcp_store_row(
    ngx_http_mcp_store_batch_t *b, mcp_str_t *id, uint16_t *hash);
static void ngx_http_mcp_store_merge(ngx_http_mcp_store_row_t *row,
    mcp_record_t *rec, mcp_str_t *line);
static void ngx_http_mcp_store_element(ngx_http_mcp_store_row_t *row,
    ngx_http_mcp_column_t *column, mcp_buf_t *b, ngx_pool_t *pool);


/* --- reading ------------------------------------------------------------- */


ngx_http_mcp_store_batch_t *
ngx_http_mcp_store_read(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg, ngx_uint_t complete)
{
    u_char                      *text, path[NGX_MAX_PATH];
    size_t                       size;
    ssize_t                      n;
    ngx_fd_t                     fd;
    ngx_pool_t                  *pool;
    ngx_http_mcp_store_batch_t  *b;

    size = ngx_min(seg->size - seg->sent, NGX_HTTP_MCP_STORE_READ);

    pool = ngx_create_pool(65536, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    b = ngx_pcalloc(pool, sizeof(ngx_http_mcp_store_batch_t));
    text = ngx_pnalloc(pool, size);

    if (b == NULL || text == NULL
        || ngx_array_init(&b->damaged, pool, 4, sizeof(mcp_str_t)) != NGX_OK)
    {
        goto failed;
    }

    b->pool = pool;
    ngx_http_mcp_arena_init(&b->arena, pool);

    ngx_snprintf(path, sizeof(path), "%V/%s%Z", &amcf->path->name, seg->name);

    fd = open((char *) path, O_RDONLY|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_http_mcp_audit_complain(amcf, ngx_errno, "cannot open", path);
        }
        goto failed;
    }

    n = pread(fd, text, size, seg->sent);

    (void) ngx_close_file(fd);

    if (n <= 0) {
        goto failed;
    }

    complete = complete && seg->sent + n >= seg->size;

    if (ngx_http_mcp_store_parse(b, seg, text, n, complete) == NGX_OK) {
        return b;
    }

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static ngx_int_t
ngx_http_mcp_store_parse(ngx_http_mcp_store_batch_t *b,
    ngx_http_mcp_audit_segment_t *seg, u_char *text, size_t len,
    ngx_uint_t complete)
{
    uint16_t             *hash;
    mcp_str_t             line, *damaged;
    ngx_uint_t            lines;
    const unsigned char  *p;

    hash = ngx_pcalloc(b->pool, NGX_HTTP_MCP_STORE_HASH * sizeof(uint16_t));
    b->row = ngx_palloc(b->pool, NGX_HTTP_MCP_STORE_LINES
                                 * sizeof(ngx_http_mcp_store_row_t));

    if (hash == NULL || b->row == NULL) {
        return NGX_ERROR;
    }

    p = text;

    for (lines = 0; lines < NGX_HTTP_MCP_STORE_LINES; lines++) {

        if (mcp_record_line(&p, text + len, &line) != MCP_OK) {
            break;
        }

        if (ngx_http_mcp_store_line(b, seg, &line, hash) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* what will never have an end, and what is no line of ours at all */

    if (lines < NGX_HTTP_MCP_STORE_LINES && p < text + len
        && (complete || (p == text && len == NGX_HTTP_MCP_STORE_READ)))
    {
        damaged = ngx_array_push(&b->damaged);
        if (damaged == NULL) {
            return NGX_ERROR;
        }

        damaged->data = (u_char *) p;
        damaged->len = text + len - p;
        p = text + len;
    }

    b->next = seg->sent + (p - text);
    b->node.data = seg->node;
    b->node.len = seg->node_len;
    b->chain.data = seg->name;
    b->chain.len = seg->chain;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_store_line(ngx_http_mcp_store_batch_t *b,
    ngx_http_mcp_audit_segment_t *seg, mcp_str_t *line, uint16_t *hash)
{
    u_char                     sha[MCP_RECORD_HASH];
    mcp_str_t                 *damaged;
    mcp_record_t               rec;
    ngx_http_mcp_store_row_t  *row;

    if (line->len == 0) {
        return NGX_OK;
    }

    switch (mcp_record_read(&rec, &b->arena, line)) {

    case MCP_OK:
        break;

    case MCP_ERROR:

        damaged = ngx_array_push(&b->damaged);
        if (damaged == NULL) {
            return NGX_ERROR;
        }

        *damaged = *line;
        return NGX_OK;

    default:
        return NGX_ERROR;
    }

    switch (rec.kind) {

    case MCP_RECORD_HEAD:
        seg->node_len = ngx_min(rec.node.len, sizeof(seg->node));
        ngx_memcpy(seg->node, rec.node.data, seg->node_len);
        seg->open = rec.open;
        b->head = (seg->open == 0);
        return NGX_OK;

    case MCP_RECORD_OPENED:
        seg->open -= ngx_min(seg->open, rec.nids);
        b->head = (seg->open == 0);
        return NGX_OK;

    case MCP_RECORD_TAIL:
        if (rec.final) {
            b->final = 1;
            b->seq = rec.seq;
            ngx_memcpy(b->hash, rec.prev.data, MCP_RECORD_HEX);
        }
        return NGX_OK;

    default:
        break;
    }

    row = ngx_http_mcp_store_row(b, &rec.id, hash);

    ngx_http_mcp_store_merge(row, &rec, line);

    b->seq = rec.seq;
    mcp_chain_hash(sha, line->data, line->len);
    mcp_chain_hex(b->hash, sha);

    return NGX_OK;
}


static ngx_http_mcp_store_row_t *
ngx_http_mcp_store_row(ngx_http_mcp_store_batch_t *b, mcp_str_t *id,
    uint16_t *hash)
{
    uint32_t                   slot;
    ngx_http_mcp_store_row_t  *row;

    slot = ngx_murmur_hash2(id->data, id->len) % NGX_HTTP_MCP_STORE_HASH;

    while (hash[slot] != 0) {

        row = &b->row[hash[slot] - 1];

        if (ngx_memcmp(row->rec.id.data, id->data, MCP_RECORD_ID) == 0) {
            return row;
        }

        slot = (slot + 1) % NGX_HTTP_MCP_STORE_HASH;
    }

    row = &b->row[b->rows++];
    hash[slot] = (uint16_t) b->rows;

    ngx_memzero(row, sizeof(ngx_http_mcp_store_row_t));
    row->rec.id = *id;
    row->rec.backend_time = -1;
    row->ms = mcp_record_id_time(id) / 1000;
    row->began = -1;
    row->ended = -1;
    row->intent_seq = -1;
    row->outcome_seq = -1;

    return row;
}


static void
ngx_http_mcp_store_merge(ngx_http_mcp_store_row_t *row, mcp_record_t *rec,
    mcp_str_t *line)
{
    mcp_record_t  was;

    if (rec->kind == MCP_RECORD_OUTCOME) {

        if (row->rec.outcome.len != 0) {
            return;
        }

        row->rec.outcome = rec->outcome;
        row->rec.reason = rec->reason;
        row->rec.code = rec->code;
        row->rec.duration = rec->duration;
        row->rec.backend_time = rec->backend_time;
        row->rec.bytes_in = rec->bytes_in;
        row->rec.bytes_out = rec->bytes_out;
        row->rec.swept = rec->swept;
        row->ended = rec->time;
        row->outcome_seq = rec->seq;
        row->outcome = *line;
        return;
    }

    if (row->intent.len != 0) {
        return;
    }

    was = row->rec;
    row->rec = *rec;
    row->began = rec->time;
    row->intent_seq = rec->seq;
    row->intent = *line;

    if (rec->kind == MCP_RECORD_CALL) {
        row->ended = rec->time;
        return;
    }

    /* the outcome came first: it stays */

    row->rec.outcome = was.outcome;
    row->rec.reason = was.reason;
    row->rec.code = was.code;
    row->rec.duration = was.duration;
    row->rec.backend_time = was.backend_time;
    row->rec.bytes_in = was.bytes_in;
    row->rec.bytes_out = was.bytes_out;
    row->rec.swept = was.swept;
}


/* --- parameters: arrays in Postgres' binary form ------------------------- */


static void
ngx_http_mcp_store_int(mcp_buf_t *b, uint64_t n, ngx_uint_t bytes)
{
    u_char      text[8];
    ngx_uint_t  i;

    for (i = 0; i < bytes; i++) {
        text[i] = (u_char) (n >> (8 * (bytes - 1 - i)));
    }

    mcp_buf_append(b, text, bytes);
}


static void
ngx_http_mcp_store_null(mcp_buf_t *b)
{
    ngx_http_mcp_store_int(b, (uint64_t) -1, 4);
}


static void
ngx_http_mcp_store_number(mcp_buf_t *b, int64_t n)
{
    ngx_http_mcp_store_int(b, 8, 4);
    ngx_http_mcp_store_int(b, (uint64_t) n, 8);
}


/* Postgres has no NUL in its text: U+FFFD stands for it. */

static void
ngx_http_mcp_store_text(mcp_buf_t *b, mcp_str_t *s)
{
    size_t                nuls;
    const unsigned char  *p, *end;

    if (s->len == 0) {
        ngx_http_mcp_store_null(b);
        return;
    }

    end = s->data + s->len;
    nuls = 0;

    if (memchr(s->data, '\0', s->len) == NULL) {
        ngx_http_mcp_store_int(b, s->len, 4);
        mcp_buf_str(b, s);
        return;
    }

    for (p = s->data; p < end; p++) {
        nuls += (*p == '\0');
    }

    ngx_http_mcp_store_int(b, s->len + 2 * nuls, 4);

    for (p = s->data; p < end; p++) {
        mcp_buf_append(b, *p ? p : (u_char *) "\xef\xbf\xbd", *p ? 1 : 3);
    }
}


static void
ngx_http_mcp_store_id(mcp_buf_t *b, mcp_str_t *id)
{
    size_t      i;
    ngx_int_t   byte;

    ngx_http_mcp_store_int(b, 16, 4);

    for (i = 0; i + 1 < id->len; i += 2) {

        if (id->data[i] == '-') {
            i++;
        }

        byte = ngx_hextoi(id->data + i, 2);
        ngx_http_mcp_store_int(b, (uint64_t) byte, 1);
    }
}


/* Joined by U+001F, which string_to_array() takes apart. */

static void
ngx_http_mcp_store_roles(mcp_buf_t *b, mcp_record_t *rec, ngx_pool_t *pool)
{
    size_t       k, len;
    u_char      *p;
    unsigned     i;
    mcp_str_t    s;

    len = rec->nroles;

    for (i = 0; i < rec->nroles; i++) {
        len += rec->roles[i].len;
    }

    s.data = len ? ngx_pnalloc(pool, len) : NULL;
    s.len = 0;

    if (s.data != NULL) {
        p = s.data;

        for (i = 0; i < rec->nroles; i++) {
            if (i != 0) {
                *p++ = 0x1f;
            }

            for (k = 0; k < rec->roles[i].len; k++) {
                *p++ = rec->roles[i].data[k] == 0x1f ? '?'
                                                     : rec->roles[i].data[k];
            }
        }

        s.len = p - s.data;
    }

    ngx_http_mcp_store_text(b, &s);
}


static void
ngx_http_mcp_store_element(ngx_http_mcp_store_row_t *row,
    ngx_http_mcp_column_t *column, mcp_buf_t *b, ngx_pool_t *pool)
{
    void      *field;
    int64_t    n;

    field = (u_char *) row + column->offset;

    switch (column->type) {

    case NGX_HTTP_MCP_COLUMN_TEXT:
        ngx_http_mcp_store_text(b, field);
        return;

    case NGX_HTTP_MCP_COLUMN_BYTES:

        if (((mcp_str_t *) field)->len == 0) {
            ngx_http_mcp_store_null(b);
            return;
        }

        ngx_http_mcp_store_int(b, ((mcp_str_t *) field)->len, 4);
        mcp_buf_str(b, (mcp_str_t *) field);
        return;

    case NGX_HTTP_MCP_COLUMN_ID:
        ngx_http_mcp_store_id(b, field);
        return;

    case NGX_HTTP_MCP_COLUMN_ROLES:
        ngx_http_mcp_store_roles(b, &row->rec, pool);
        return;

    case NGX_HTTP_MCP_COLUMN_FLAGS:
        ngx_http_mcp_store_number(b, row->rec.cut | row->rec.redacted << 1
                                     | row->rec.swept << 2);
        return;

    default:
        break;
    }

    n = *(int64_t *) field;

    if ((column->type == NGX_HTTP_MCP_COLUMN_NUMBER && n == -1)
        || (column->type == NGX_HTTP_MCP_COLUMN_CODE && n == 0)
        || (column->type == NGX_HTTP_MCP_COLUMN_ENDED
            && (row->rec.outcome.len == 0 || row->rec.swept))
        || (column->type == NGX_HTTP_MCP_COLUMN_ASKED
            && row->intent.len == 0))
    {
        ngx_http_mcp_store_null(b);
        return;
    }

    ngx_http_mcp_store_number(b, n);
}


static ngx_int_t
ngx_http_mcp_store_array(ngx_http_mcp_store_batch_t *batch, ngx_uint_t from,
    ngx_uint_t to, ngx_http_mcp_column_t *column, ngx_pool_t *pool,
    ngx_http_mcp_store_params_t *params, ngx_uint_t i)
{
    mcp_buf_t    b;
    ngx_uint_t   k, type;
    mcp_arena_t  arena;

    ngx_http_mcp_arena_init(&arena, pool);

    switch (column->type) {

    case NGX_HTTP_MCP_COLUMN_ID:
        type = NGX_HTTP_MCP_OID_UUID;
        params->type[i] = NGX_HTTP_MCP_OID_UUIDS;
        break;

    case NGX_HTTP_MCP_COLUMN_TEXT:
    case NGX_HTTP_MCP_COLUMN_ROLES:
        type = NGX_HTTP_MCP_OID_TEXT;
        params->type[i] = NGX_HTTP_MCP_OID_TEXTS;
        break;

    case NGX_HTTP_MCP_COLUMN_BYTES:
        type = NGX_HTTP_MCP_OID_BYTEA;
        params->type[i] = NGX_HTTP_MCP_OID_BYTEAS;
        break;

    default:
        type = NGX_HTTP_MCP_OID_INT8;
        params->type[i] = NGX_HTTP_MCP_OID_INT8S;
        break;
    }

    mcp_buf_init(&b, &arena, 20 + (to - from) * 24);

    ngx_http_mcp_store_int(&b, 1, 4);        /* dimensions */
    ngx_http_mcp_store_int(&b, 1, 4);        /* there are nulls */
    ngx_http_mcp_store_int(&b, type, 4);
    ngx_http_mcp_store_int(&b, to - from, 4);
    ngx_http_mcp_store_int(&b, 1, 4);        /* the first index */

    for (k = from; k < to; k++) {
        ngx_http_mcp_store_element(&batch->row[k], column, &b, pool);
    }

    params->value[i] = (char *) b.data;
    params->len[i] = (int) b.len;
    params->format[i] = 1;

    return b.failed ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_mcp_store_scalar(ngx_http_mcp_store_params_t *params, ngx_uint_t i,
    ngx_uint_t type, u_char *value)
{
    params->type[i] = type;
    params->value[i] = (char *) value;
    params->len[i] = 0;
    params->format[i] = 0;
}


static u_char *
ngx_http_mcp_store_pstr(ngx_pool_t *pool, u_char *data, size_t len)
{
    u_char  *p;
    size_t   i;

    p = ngx_pnalloc(pool, len + 1);
    if (p == NULL) {
        return NULL;
    }

    for (i = 0; i < len; i++) {
        p[i] = data[i] ? data[i] : '?';
    }

    p[len] = '\0';

    return p;
}


ngx_int_t
ngx_http_mcp_store_params(ngx_http_mcp_store_batch_t *b, ngx_uint_t from,
    ngx_uint_t to, ngx_pool_t *pool, ngx_http_mcp_store_params_t *params)
{
    u_char      *node, *chain, *hash, *seq;
    ngx_uint_t   i;

    node = ngx_http_mcp_store_pstr(pool, b->node.data, b->node.len);
    chain = ngx_http_mcp_store_pstr(pool, b->chain.data, b->chain.len);
    hash = ngx_http_mcp_store_pstr(pool, b->hash, MCP_RECORD_HEX);
    seq = ngx_pnalloc(pool, NGX_INT64_LEN + 1);

    if (node == NULL || chain == NULL || hash == NULL || seq == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(seq, "%uL%Z", b->seq);

    ngx_http_mcp_store_scalar(params, 0, NGX_HTTP_MCP_OID_TEXT, node);
    ngx_http_mcp_store_scalar(params, 1, NGX_HTTP_MCP_OID_TEXT, chain);
    ngx_http_mcp_store_scalar(params, 2, NGX_HTTP_MCP_OID_INT8, seq);
    ngx_http_mcp_store_scalar(params, 3, NGX_HTTP_MCP_OID_TEXT, hash);
    ngx_http_mcp_store_scalar(params, 4, NGX_HTTP_MCP_OID_BOOL,
                              (u_char *) (b->final ? "t" : "f"));

    for (i = 0; i < NGX_HTTP_MCP_STORE_COLUMNS; i++) {
        if (ngx_http_mcp_store_array(b, from, to, &ngx_http_mcp_columns[i],
                                     pool, params,
                                     NGX_HTTP_MCP_STORE_SCALARS + i)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
