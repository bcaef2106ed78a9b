
/* Whether the spool is as it was written. */


#include "audit.h"

#include <stdio.h>
#include <stdlib.h>


static void
audit_report(mcp_verify_t *v, int note, const char *text)
{
    (void) v;

    printf("%s: %s\n", note ? "note" : "WRONG", text);
}


void
audit_verify_begin(mcp_verify_t *v)
{
    mcp_verify_init(v, audit_report);
}


int
audit_verify_end(mcp_verify_t *v)
{
    printf("%lu lines in %lu chains, %lu wrong\n", v->lines, v->chains,
           v->problems);

    mcp_verify_free(v);

    return v->problems != 0;
}


static int
audit_same_chain(const audit_file_t *one, const audit_file_t *two)
{
    return one->chain == two->chain
           && memcmp(one->name, two->name, one->chain) == 0;
}


static int
audit_verify_file(mcp_verify_t *v, const audit_file_t *f)
{
    int             rc;
    size_t          len;
    unsigned char  *text;

    text = audit_slurp(f->path, &len);
    if (text == NULL) {
        return -1;
    }

    v->where = f->name;
    rc = mcp_verify_segment(v, (uint64_t) f->number, text, len);

    free(text);

    if (rc != MCP_OK) {
        fprintf(stderr, "mcp-audit: out of memory\n");
        return -1;
    }

    return 0;
}


int
audit_verify_spool(const char *dir)
{
    int            rc;
    long           i, n;
    mcp_str_t      name;
    audit_file_t  *files;
    mcp_verify_t   v;

    n = audit_spool_files(dir, &files);
    if (n < 0) {
        return 2;
    }

    audit_verify_begin(&v);
    rc = 0;

    for (i = 0; i < n && rc == 0; i++) {

        if (i == 0 || !audit_same_chain(&files[i], &files[i - 1])) {
            name.data = (unsigned char *) files[i].name;
            name.len = files[i].chain;
            mcp_verify_chain(&v, &name);
        }

        rc = audit_verify_file(&v, &files[i]);

        if (rc == 0
            && (i + 1 == n || !audit_same_chain(&files[i], &files[i + 1])))
        {
            mcp_verify_end(&v);
        }
    }

    audit_spool_free(files, n);

    if (rc != 0) {
        mcp_verify_free(&v);
        return 2;
    }

    return audit_verify_end(&v);
}
