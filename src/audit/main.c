
/* mcp-audit: reads the audit trail, from the spool or from PostgreSQL. */


#include "audit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


#define AUDIT_SPOOL  "/var/lib/mcp/audit"


static const char  usage[] =
    "usage: mcp-audit tail   [-s folder] [selection] [--json]\n"
    "       mcp-audit search [-s folder | -d database] [selection] [--json]\n"
    "       mcp-audit verify [-s folder | -d database]\n"
    "\n"
    "  tail      the newest calls, and those that come\n"
    "  search    calls, in the order of time\n"
    "  verify    whether a line was removed, changed or moved\n"
    "\n"
    "  -s, --spool FOLDER     of mcp_audit_spool; or MCP_AUDIT_SPOOL;\n"
    "                         default: " AUDIT_SPOOL "\n"
    "  -d, --database STRING  a connection string, or env:NAME\n"
    "  -c, --client NAME      who called; * stands for anything\n"
    "  -t, --tool NAME        what was called, as clients know it\n"
    "  -b, --backend NAME\n"
    "  -o, --outcome WORD     ok, tool_error, rpc_error, denied, disabled,\n"
    "                         limited, invalid, unavailable, timeout,\n"
    "                         cancelled, unknown; open: none yet\n"
    "  -r, --request ID       id of the JSON-RPC request\n"
    "  -i, --id UUID          id of the call ($mcp_request_id)\n"
    "      --since TIME       2026-11-21, 2026-11-21T04:19; 15m, 2h, 7d ago\n"
    "      --until TIME\n"
    "  -n, --last NUMBER      no more than so many, the newest\n"
    "  -j, --json             a line of JSON each\n"
    "\n"
    "Exit status: 0; 1: verify has found something; 2: it did not work.\n";


enum {
    AUDIT_SINCE = 256,
    AUDIT_UNTIL
};


static const struct option  options[] = {
    { "spool", required_argument, NULL, 's' },
    { "database", required_argument, NULL, 'd' },
    { "client", required_argument, NULL, 'c' },
    { "tool", required_argument, NULL, 't' },
    { "backend", required_argument, NULL, 'b' },
    { "outcome", required_argument, NULL, 'o' },
    { "request", required_argument, NULL, 'r' },
    { "id", required_argument, NULL, 'i' },
    { "since", required_argument, NULL, AUDIT_SINCE },
    { "until", required_argument, NULL, AUDIT_UNTIL },
    { "last", required_argument, NULL, 'n' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};


/* 0: it is no time */

static int64_t
audit_time(const char *text)
{
    char       *end;
    long        n;
    int64_t     unit;
    struct tm   tm;

    n = strtol(text, &end, 10);

    if (end != text && n >= 0 && end[0] != '\0' && end[1] == '\0') {

        unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600
             : *end == 'd' ? 86400 : 0;

        return unit ? ((int64_t) time(NULL) - n * unit) * 1000000 : 0;
    }

    memset(&tm, 0, sizeof(tm));

    n = sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon,
               &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec);

    if (n < 3) {
        return 0;
    }

    tm.tm_year -= 1900;
    tm.tm_mon--;

    return (int64_t) timegm(&tm) * 1000000;
}


static int
audit_usage(const char *what)
{
    fprintf(stderr, "mcp-audit: %s\nmcp-audit --help tells more\n", what);

    return 2;
}


static int
audit_options(int argc, char **argv, audit_query_t *q, const char **spool,
    const char **dsn)
{
    int  c;

    while ((c = getopt_long(argc, argv, "s:d:c:t:b:o:r:i:n:jh", options, NULL))
           != -1)
    {
        switch (c) {

        case 's':
            *spool = optarg;
            break;

        case 'd':
            *dsn = optarg;
            break;

        case 'c':
            q->client = optarg;
            break;

        case 't':
            q->name = optarg;
            break;

        case 'b':
            q->backend = optarg;
            break;

        case 'o':
            q->outcome = optarg;
            break;

        case 'r':
            q->request = optarg;
            break;

        case 'i':
            q->id = optarg;
            break;

        case AUDIT_SINCE:
            q->since = audit_time(optarg);
            if (q->since <= 0) {
                return audit_usage("--since is no time");
            }
            break;

        case AUDIT_UNTIL:
            q->until = audit_time(optarg);
            if (q->until <= 0) {
                return audit_usage("--until is no time");
            }
            break;

        case 'n':
            q->last = atol(optarg);
            if (q->last <= 0) {
                return audit_usage("--last is no number");
            }
            break;

        case 'j':
            q->json = 1;
            break;

        case 'h':
            fputs(usage, stdout);
            exit(0);

        default:
            return audit_usage("that is no option");
        }
    }

    return 0;
}


int
main(int argc, char **argv)
{
    int             rc;
    const char     *command, *spool, *dsn;
    audit_query_t   q;

    memset(&q, 0, sizeof(q));

    dsn = NULL;
    spool = getenv("MCP_AUDIT_SPOOL");
    spool = spool ? spool : AUDIT_SPOOL;

    rc = audit_options(argc, argv, &q, &spool, &dsn);
    if (rc != 0) {
        return rc;
    }

    if (optind + 1 != argc) {
        return audit_usage(optind < argc ? "one command at a time"
                                         : "tail, search or verify?");
    }

    command = argv[optind];

    if (dsn != NULL && strncmp(dsn, "env:", 4) == 0) {
        dsn = getenv(dsn + 4);
        if (dsn == NULL) {
            return audit_usage("that environment variable is not set");
        }
    }

    setvbuf(stdout, NULL, _IOLBF, 0);

    if (strcmp(command, "search") == 0) {
        rc = dsn ? audit_store_search(dsn, &q) : audit_spool_search(spool, &q);

    } else if (strcmp(command, "verify") == 0) {
        rc = dsn ? audit_store_verify(dsn) : audit_verify_spool(spool);

    } else if (strcmp(command, "tail") == 0 && dsn == NULL) {
        rc = audit_spool_tail(spool, &q);

    } else {
        return audit_usage(strcmp(command, "tail") == 0
                           ? "tail reads the spool alone"
                           : "tail, search or verify?");
    }

    if (fflush(stdout) != 0) {
        return 2;
    }

    return rc;
}
