
/* The log: lines on standard error, which never block and never lie. */


#include "bridge.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


#define MB_LOG_LINE  2048


static const char  *mb_levels[] = { "error", "warn", "notice", "info" };


/* Bytes of a character that may be shown as it is; 0: not of any. */

static size_t
mb_log_char(const unsigned char *p, size_t len)
{
    size_t    i, n;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0, 0xa0, 0x800, 0x10000 };

    if (p[0] < 0x80) {
        return (p[0] >= 0x20 && p[0] != 0x7f);
    }

    n = (p[0] >= 0xf0) ? 4 : (p[0] >= 0xe0) ? 3 : 2;

    if (p[0] < 0xc2 || p[0] > 0xf4 || n > len) {
        return 0;
    }

    c = p[0] & (0x7fu >> n);

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    /* surrogates; line and paragraph separators, changes of direction */

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)
        || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
    {
        return 0;
    }

    return n;
}


/* printable UTF-8 passes, controls do not: they could forge a line */

static size_t
mb_log_escape(char *dst, size_t size, const unsigned char *p, size_t len)
{
    size_t  i, n, c;

    static const char  hex[] = "0123456789abcdef";

    n = 0;

    for (i = 0; i < len && n + 5 < size; i++) {
        c = mb_log_char(p + i, len - i);

        if (c == 0) {
            dst[n++] = '\\';
            dst[n++] = 'x';
            dst[n++] = hex[p[i] >> 4];
            dst[n++] = hex[p[i] & 0xf];
            continue;
        }

        memcpy(dst + n, p + i, c);
        n += c;
        i += c - 1;
    }

    return n;
}


static void
mb_log_write(mb_level_e level, const char *name, const char *what,
    const char *text, size_t len)
{
    int              n;
    char             line[MB_LOG_LINE + 512];
    struct tm        tm;
    struct pollfd    pfd;
    struct timeval   tv;

    gettimeofday(&tv, NULL);
    gmtime_r(&tv.tv_sec, &tm);

    n = snprintf(line, sizeof(line),
                 "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ [%s] %s%s%s%s%s",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec, (int) (tv.tv_usec / 1000),
                 mb_levels[level], name ? "server \"" : "", name ? name : "",
                 name ? "\": " : "", what ? what : "", what ? ": " : "");

    if (n < 0 || (size_t) n >= sizeof(line) - 2) {
        return;
    }

    n += (int) mb_log_escape(line + n, sizeof(line) - (size_t) n - 1,
                             (const unsigned char *) text, len);
    line[n++] = '\n';

    /* a log that nobody reads must not stop us; a pipe that is writable
       takes a line whole */

    pfd.fd = STDERR_FILENO;
    pfd.events = POLLOUT;

    if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT)
        && write(STDERR_FILENO, line, (size_t) n) < 0)
    {
        return;
    }
}


void
mb_log(mb_level_e level, const char *name, const char *fmt, ...)
{
    int      n;
    char     text[MB_LOG_LINE];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0) {
        return;
    }

    mb_log_write(level, name, NULL, text,
                 (size_t) n < sizeof(text) ? (size_t) n : sizeof(text) - 1);
}


void
mb_log_bytes(mb_level_e level, const char *name, const char *what,
    const unsigned char *p, size_t len)
{
    mb_log_write(level, name, what, (const char *) p,
                 len < MB_LOG_LINE / 2 ? len : MB_LOG_LINE / 2);
}


int
mb_rate(mb_rate_t *rate, unsigned per_second, unsigned burst,
    uint64_t *dropped)
{
    *dropped = 0;

    if (rate->last == 0) {
        rate->tokens = (uint64_t) burst * 1000;

    } else if (mb_now > rate->last) {
        rate->tokens += (mb_now - rate->last) * per_second;
    }

    rate->last = mb_now;

    if (rate->tokens > (uint64_t) burst * 1000) {
        rate->tokens = (uint64_t) burst * 1000;
    }

    if (rate->tokens < 1000) {
        rate->dropped++;
        return 0;
    }

    rate->tokens -= 1000;
    *dropped = rate->dropped;
    rate->dropped = 0;

    return 1;
}
