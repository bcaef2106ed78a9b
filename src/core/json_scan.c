
/*
 * The JSON scanners, byte by byte: for tokens that the end of the input cuts,
 * and to tell what is wrong with those that are invalid.
 */


#include "core.h"
#include "json.h"
#include "json_scan.h"


int
mcp_json_string_byte(mcp_json_scan_t *s, unsigned c)
{
    unsigned  n;

    switch (s->at) {

    case MCP_JSON_AT_START:

        if (c == '\\') {
            s->escaped = 1;
            s->at = MCP_JSON_AT_ESCAPE;
            return MCP_OK;
        }

        /* code: the lowest and highest byte that may follow */

        s->code = 0x80 << 8 | 0xbf;

        if (c < 0x20) {
            s->why = "control character in a string";
            return MCP_ERROR;
        }

        if (c < 0xc2 || c > 0xf4) {
            break;
        }

        if (c == 0xe0) {
            s->code = 0xa0 << 8 | 0xbf;

        } else if (c == 0xed) {
            s->code = 0x80 << 8 | 0x9f;

        } else if (c == 0xf0) {
            s->code = 0x90 << 8 | 0xbf;

        } else if (c == 0xf4) {
            s->code = 0x80 << 8 | 0x8f;
        }

        s->at = MCP_JSON_AT_UTF8 + (c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3);
        return MCP_OK;

    case MCP_JSON_AT_UTF8 + 1:
    case MCP_JSON_AT_UTF8 + 2:
    case MCP_JSON_AT_UTF8 + 3:

        if (c < s->code >> 8 || c > (s->code & 0xff)) {
            break;
        }

        s->code = 0x80 << 8 | 0xbf;
        s->at = (s->at == MCP_JSON_AT_UTF8 + 1) ? MCP_JSON_AT_START
                                                : s->at - 1;
        return MCP_OK;

    case MCP_JSON_AT_ESCAPE:

        s->code = 0;

        if (c == 'u') {
            s->at = MCP_JSON_AT_HEX;
            return MCP_OK;
        }

        if (mcp_json_escaped(c) == 0) {
            s->why = "invalid escape";
            return MCP_ERROR;
        }

        s->at = MCP_JSON_AT_START;
        return MCP_OK;

    case MCP_JSON_AT_PAIR:
    case MCP_JSON_AT_PAIR_U:

        if (c != (s->at == MCP_JSON_AT_PAIR ? '\\' : 'u')) {
            s->why = "lone surrogate";
            return MCP_ERROR;
        }

        s->code = 0;
        s->at++;
        return MCP_OK;

    default: /* digits of an escape */

        n = mcp_json_hex(c);
        if (n > 15) {
            s->why = "invalid escape";
            return MCP_ERROR;
        }

        s->code = s->code << 4 | n;

        if (s->at == MCP_JSON_AT_HEX + 3) {

            if ((s->code & 0xfc00) == 0xdc00) {
                s->why = "lone surrogate";
                return MCP_ERROR;
            }

            s->at = (s->code & 0xfc00) == 0xd800 ? MCP_JSON_AT_PAIR
                                                 : MCP_JSON_AT_START;
            return MCP_OK;
        }

        if (s->at == MCP_JSON_AT_LOW + 3) {

            if ((s->code & 0xfc00) != 0xdc00) {
                s->why = "lone surrogate";
                return MCP_ERROR;
            }

            s->at = MCP_JSON_AT_START;
            return MCP_OK;
        }

        s->at++;
        return MCP_OK;
    }

    s->why = "invalid UTF-8";
    return MCP_ERROR;
}


int
mcp_json_number(mcp_json_scan_t *s, const unsigned char **pp,
    const unsigned char *end)
{
    unsigned              at;
    const unsigned char  *p;

    at = s->at;

    for (p = *pp; p < end; p++) {

        switch (at) {

        case MCP_JSON_AT_START:
            if (*p == '-') {
                at = MCP_JSON_AT_MINUS;
                continue;
            }

            /* fall through */

        case MCP_JSON_AT_MINUS:
            if (*p == '0') {
                at = MCP_JSON_AT_ZERO;
                continue;
            }

            if ((unsigned) (*p - '0') < 10) {
                at = MCP_JSON_AT_INT;
                continue;
            }

            goto invalid;

        case MCP_JSON_AT_INT:
            p = mcp_json_digits(p, end);
            if (p == end) {
                goto cut;
            }

            /* fall through */

        case MCP_JSON_AT_ZERO:
            if (*p == '.') {
                at = MCP_JSON_AT_POINT;
                continue;
            }

            if (*p == 'e' || *p == 'E') {
                at = MCP_JSON_AT_EXP;
                continue;
            }

            goto done;

        case MCP_JSON_AT_POINT:
            if ((unsigned) (*p - '0') < 10) {
                at = MCP_JSON_AT_FRAC;
                continue;
            }

            goto invalid;

        case MCP_JSON_AT_FRAC:
            p = mcp_json_digits(p, end);
            if (p == end) {
                goto cut;
            }

            if (*p == 'e' || *p == 'E') {
                at = MCP_JSON_AT_EXP;
                continue;
            }

            goto done;

        case MCP_JSON_AT_EXP:
            if (*p == '+' || *p == '-') {
                at = MCP_JSON_AT_EXP_SIGN;
                continue;
            }

            /* fall through */

        case MCP_JSON_AT_EXP_SIGN:
            if ((unsigned) (*p - '0') < 10) {
                at = MCP_JSON_AT_EXP_INT;
                continue;
            }

            goto invalid;

        default: /* MCP_JSON_AT_EXP_INT */
            p = mcp_json_digits(p, end);
            if (p == end) {
                goto cut;
            }

            goto done;
        }
    }

cut:

    s->at = at;
    *pp = p;
    return MCP_AGAIN;

done:

    *pp = p;
    return MCP_OK;

invalid:

    s->why = "expected a digit";
    *pp = p;
    return MCP_ERROR;
}


int
mcp_json_literal(mcp_json_scan_t *s, const unsigned char **pp,
    const unsigned char *end, mcp_json_type_e type)
{
    const char           *word;
    const unsigned char  *p;

    word = (type == MCP_JSON_TRUE) ? "true"
           : (type == MCP_JSON_FALSE) ? "false" : "null";

    p = *pp;
    word += s->at;

    while (p < end && *word != '\0') {
        if (*p != (unsigned char) *word) {
            s->why = "expected \"true\", \"false\" or \"null\"";
            *pp = p;
            return MCP_ERROR;
        }

        p++;
        word++;
        s->at++;
    }

    *pp = p;

    return (*word == '\0') ? MCP_OK : MCP_AGAIN;
}
