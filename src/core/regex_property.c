
/* Unicode properties of ECMA-262 by the names that PCRE2 has for them. */


#include "regex.h"


/* General categories by their long names (UAX #44, PropertyValueAliases). */

static const struct {
    const char  *name;
    const char  *category;
} mcp_categories[] = {
    { "Cased_Letter", "L&" },
    { "Close_Punctuation", "Pe" },
    { "Connector_Punctuation", "Pc" },
    { "Control", "Cc" },
    { "Currency_Symbol", "Sc" },
    { "Dash_Punctuation", "Pd" },
    { "Decimal_Number", "Nd" },
    { "Enclosing_Mark", "Me" },
    { "Final_Punctuation", "Pf" },
    { "Format", "Cf" },
    { "Initial_Punctuation", "Pi" },
    { "LC", "L&" },
    { "Letter", "L" },
    { "Letter_Number", "Nl" },
    { "Line_Separator", "Zl" },
    { "Lowercase_Letter", "Ll" },
    { "Mark", "M" },
    { "Math_Symbol", "Sm" },
    { "Modifier_Letter", "Lm" },
    { "Modifier_Symbol", "Sk" },
    { "Nonspacing_Mark", "Mn" },
    { "Number", "N" },
    { "Open_Punctuation", "Ps" },
    { "Other", "C" },
    { "Other_Letter", "Lo" },
    { "Other_Number", "No" },
    { "Other_Punctuation", "Po" },
    { "Other_Symbol", "So" },
    { "Paragraph_Separator", "Zp" },
    { "Private_Use", "Co" },
    { "Punctuation", "P" },
    { "Separator", "Z" },
    { "Space_Separator", "Zs" },
    { "Spacing_Mark", "Mc" },
    { "Surrogate", "Cs" },
    { "Symbol", "S" },
    { "Titlecase_Letter", "Lt" },
    { "Unassigned", "Cn" },
    { "Uppercase_Letter", "Lu" },
    { "cntrl", "Cc" },
    { "digit", "Nd" },
    { "punct", "P" }
};


static size_t
mcp_property_prefix(const unsigned char *p, size_t len, const char *s)
{
    size_t  n;

    n = strlen(s);

    return (len >= n && memcmp(p, s, n) == 0) ? n : 0;
}


void
mcp_regex_property(mcp_buf_t *b, unsigned char letter,
    const unsigned char *p, size_t len)
{
    size_t         i, n;
    const char    *kind;
    unsigned char  head[3];

    kind = "";

    if ((n = mcp_property_prefix(p, len, "General_Category=")) != 0
        || (n = mcp_property_prefix(p, len, "gc=")) != 0)
    {
        /* as it is without */

    } else if ((n = mcp_property_prefix(p, len, "Script_Extensions=")) != 0
               || (n = mcp_property_prefix(p, len, "scx=")) != 0)
    {
        kind = "scx:";

    } else if ((n = mcp_property_prefix(p, len, "Script=")) != 0
               || (n = mcp_property_prefix(p, len, "sc=")) != 0)
    {
        kind = "sc:";
    }

    p += n;
    len -= n;

    if (len == 8 && memcmp(p, "Assigned", 8) == 0) {
        letter ^= 'p' ^ 'P';
        p = (const unsigned char *) "Cn";
        len = 2;
    }

    for (i = 0; *kind == '\0' && i < sizeof(mcp_categories)
                                     / sizeof(mcp_categories[0]); i++)
    {
        if (strlen(mcp_categories[i].name) == len
            && memcmp(mcp_categories[i].name, p, len) == 0)
        {
            p = (const unsigned char *) mcp_categories[i].category;
            len = strlen(mcp_categories[i].category);
            break;
        }
    }

    head[0] = '\\';
    head[1] = letter;
    head[2] = '{';

    mcp_buf_append(b, head, 3);
    mcp_buf_append(b, kind, strlen(kind));
    mcp_buf_append(b, p, len);
    mcp_buf_literal(b, "}");
}
