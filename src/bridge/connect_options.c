
/*
 * mcp-bridge connect: its options.  Secrets come from the environment: what
 * stands on a command line is seen by everyone.
 */


#include "connect.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>


static int mc_url(mc_t *mc, const char *url);
static int mc_user_header(mc_t *mc, const char *text);
static int mc_token(mc_t *mc, const char *name);


static const char  mc_usage[] =
"usage: mcp-bridge connect URL [options]\n"
"\n"
"A stdio MCP server whose answers come from the MCP server at the URL\n"
"(http, https, or http://unix:/SOCKET:/PATH).  A token is taken from the\n"
"environment variable MCP_TOKEN and sent as \"Authorization: Bearer\".\n"
"\n"
"  --header \"NAME: VALUE\"  one more header; ${VAR} stands for a variable\n"
"                          of the environment; repeatable\n"
"  --token-env VAR         the token is in this variable instead\n"
"  --cacert FILE           certificates (PEM) to trust, for https\n"
"  --timeout SECONDS       longest silence of a call; default: none\n"
"  --drain SECONDS         how long calls may go on behind the end of the\n"
"                          input; default: 30\n"
"  --max-line BYTES        longest line of the client's; default: 16777216\n";


static int
mc_number(const char *name, const char *text, uint64_t max, uint64_t *out)
{
    char                *end;
    unsigned long long   n;

    errno = 0;
    n = strtoull(text, &end, 10);

    if (errno || *end != '\0' || *text < '0' || *text > '9' || n > max) {
        mc_log("--%s takes a number up to %llu, not \"%s\"", name,
               (unsigned long long) max, text);
        return MCP_ERROR;
    }

    *out = n;

    return MCP_OK;
}


int
mc_options(mc_t *mc, int argc, char **argv)
{
    int                          c, rc;
    uint64_t                     n;
    const char                  *token;
    static const struct option   options[] = {
        { "header",    required_argument, NULL, 'H' },
        { "token-env", required_argument, NULL, 't' },
        { "cacert",    required_argument, NULL, 'c' },
        { "timeout",   required_argument, NULL, 'w' },
        { "drain",     required_argument, NULL, 'd' },
        { "max-line",  required_argument, NULL, 'l' },
        { "help",      no_argument,       NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    token = NULL;
    optind = 0;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        rc = MCP_OK;

        switch (c) {

        case 'H':
            rc = mc_user_header(mc, optarg);
            break;

        case 't':
            token = optarg;
            break;

        case 'c':
            mc->ca_file = optarg;
            break;

        case 'w':
            rc = mc_number("timeout", optarg, 86400, &n);
            mc->timeout = n * 1000;
            break;

        case 'd':
            rc = mc_number("drain", optarg, 86400, &n);
            mc->drain = n * 1000;
            break;

        case 'l':
            rc = mc_number("max-line", optarg, 1024 * 1024 * 1024, &n);
            mc->line_max = n;
            break;

        case 'h':
            fputs(mc_usage, stdout);
            return MCP_DONE;

        default:
            fputs(mc_usage, stderr);
            return MCP_ERROR;
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (optind != argc - 1) {
        fputs(mc_usage, stderr);
        return MCP_ERROR;
    }

    if (mc->ca_file != NULL && access(mc->ca_file, R_OK) != 0) {
        mc_log("--cacert \"%s\": %s", mc->ca_file, strerror(errno));
        return MCP_ERROR;
    }

    if (mc_url(mc, argv[optind]) != MCP_OK) {
        return MCP_ERROR;
    }

    return mc_token(mc, token);
}


static int
mc_is_loopback(const char *host, size_t len)
{
    return (len == 9 && strncasecmp(host, "localhost", 9) == 0)
           || (len > 4 && strncmp(host, "127.", 4) == 0)
           || (len == 5 && strncmp(host, "[::1]", 5) == 0);
}


/* What is shown of it later has no query, which may hold a secret. */

static int
mc_url(mc_t *mc, const char *url)
{
    char        *colon;
    size_t       len, host;
    const char  *p;

    if (strncasecmp(url, "http://unix:", 12) == 0) {
        mc->socket = strdup(url + 12);
        colon = mc->socket ? strchr(mc->socket, ':') : NULL;

        if (colon == NULL || colon[1] != '/' || mc->socket[0] != '/'
            || asprintf(&mc->url, "http://localhost%s", colon + 1) == -1)
        {
            mc_log("\"%s\": give it as http://unix:/SOCKET:/PATH", url);
            mc->url = NULL;
            return MCP_ERROR;
        }

        *colon = '\0';
        mc->no_proxy = 1;
        mc->shown = mc->socket;

        return MCP_OK;
    }

    if (strncasecmp(url, "http://", 7) == 0) {
        p = url + 7;

    } else if (strncasecmp(url, "https://", 8) == 0) {
        p = url + 8;

    } else {
        mc_log("\"%s\" is no URL of http or https", url);
        return MCP_ERROR;
    }

    len = strcspn(p, "/?#");
    host = (*p == '[') ? strcspn(p, "]") + 1 : strcspn(p, ":/?#");

    if (len == 0 || host > len) {
        mc_log("\"%s\" names no host", url);
        return MCP_ERROR;
    }

    if (memchr(p, '@', len) != NULL) {
        mc_log("a user in the URL is seen by everyone; put \"Basic ...\" "
               "in a variable and give --header "
               "'Authorization: ${VARIABLE}'");
        return MCP_ERROR;
    }

    for (mc->shown = url; *url; url++) {
        if ((unsigned char) *url <= 0x20 || (unsigned char) *url >= 0x7f) {
            mc_log("\"%s\": blanks and what is not ASCII must be encoded "
                   "(%%20)", mc->shown);
            return MCP_ERROR;
        }
    }

    mc->no_proxy = mc_is_loopback(p, host);
    mc->url = strdup(mc->shown);

    if (mc->url == NULL) {
        return MCP_ERROR;
    }

    if (strchr(p, '?') != NULL) {
        mc->shown = "the server";
    }

    return MCP_OK;
}


/* ${NAME} is that variable; NULL: the log says why. */

static char *
mc_expand(const char *text)
{
    char        *out, *p, name[256];
    size_t       len, n;
    const char  *end, *value;

    out = strdup("");

    while (out != NULL && *text) {
        end = strstr(text, "${");
        len = end ? (size_t) (end - text) : strlen(text);
        value = "";
        n = 0;

        if (end != NULL) {
            n = strcspn(end + 2, "}");

            if (end[2 + n] != '}' || n == 0 || n >= sizeof(name)) {
                mc_log("--header: a \"${\" has no \"}\"");
                free(out);
                return NULL;
            }

            memcpy(name, end + 2, n);
            name[n] = '\0';
            value = getenv(name);

            if (value == NULL) {
                mc_log("--header: the environment has no %s", name);
                free(out);
                return NULL;
            }

            n += 3;
        }

        if (asprintf(&p, "%s%.*s%s", out, (int) len, text, value) == -1) {
            p = NULL;
        }

        free(out);
        out = p;
        text += len + n;
    }

    if (out == NULL) {
        mc_log("out of memory");
    }

    return out;
}


/* Those that say what the message is are not to be chosen. */

static int
mc_is_reserved(const char *text, size_t len)
{
    unsigned            i;
    static const char  *names[] = {
        "accept", "connection", "content-length", "content-type", "expect",
        "host", "mcp-method", "mcp-name", "mcp-protocol-version",
        "mcp-session-id", "transfer-encoding", "upgrade"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0)
        {
            return 1;
        }
    }

    return len > 10 && strncasecmp(text, "mcp-param-", 10) == 0;
}


static int
mc_user_header(mc_t *mc, const char *text)
{
    char               *line, *p;
    size_t              len;
    struct curl_slist  *list;

    len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "0123456789!#$%&'*+-.^_`|~");

    if (len == 0 || text[len] != ':') {
        mc_log("--header takes \"NAME: VALUE\"");
        return MCP_ERROR;
    }

    if (mc_is_reserved(text, len)) {
        mc_log("--header: %.*s follows from the message", (int) len, text);
        return MCP_ERROR;
    }

    line = mc_expand(text);
    if (line == NULL) {
        return MCP_ERROR;
    }

    for (p = line; *p; p++) {
        if (((unsigned char) *p < 0x20 && *p != '\t') || *p == 0x7f) {
            mc_log("--header: the value of %.*s has a control character",
                   (int) len, line);
            free(line);
            return MCP_ERROR;
        }
    }

    /* an empty one libcurl wants with a semicolon */

    if (line[len + 1 + strspn(line + len + 1, " \t")] == '\0') {
        line[len] = ';';
        line[len + 1] = '\0';
    }

    list = curl_slist_append(mc->headers, line);
    free(line);

    if (list == NULL) {
        mc_log("out of memory");
        return MCP_ERROR;
    }

    mc->headers = list;

    return MCP_OK;
}


static int
mc_token(mc_t *mc, const char *name)
{
    size_t              i;
    const char         *token;
    struct curl_slist  *h;

    token = getenv(name ? name : "MCP_TOKEN");

    if (token == NULL || *token == '\0') {

        if (name != NULL) {
            mc_log("--token-env: the environment has no %s", name);
            return MCP_ERROR;
        }

        return MCP_OK;
    }

    for (h = mc->headers; h != NULL; h = h->next) {

        if (strncasecmp(h->data, "authorization:", 14) != 0) {
            continue;
        }

        if (name == NULL) {
            return MCP_OK;
        }

        mc_log("give either --token-env or --header \"Authorization: "
               "...\"");
        return MCP_ERROR;
    }

    for (i = 0; token[i]; i++) {
        if ((unsigned char) token[i] <= 0x20
            || (unsigned char) token[i] >= 0x7f)
        {
            mc_log("the token in %s has a blank, or what is not ASCII, "
                   "in it", name ? name : "MCP_TOKEN");
            return MCP_ERROR;
        }
    }

    if (strncasecmp(mc->url, "http:", 5) == 0 && !mc->no_proxy) {
        mc_log("the token goes over the network unencrypted; use https");
    }

    if (asprintf(&mc->authorization, "Authorization: Bearer %s", token)
        == -1)
    {
        mc->authorization = NULL;
        mc_log("out of memory");
        return MCP_ERROR;
    }

    return MCP_OK;
}
