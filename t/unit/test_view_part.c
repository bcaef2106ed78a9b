
/* Views: the part that a caller's roles may see. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "oom.h"
#include "reply.h"


#define SCHEMA  "\"inputSchema\":{\"type\":\"object\"}"


static mcp_arena_t        *arena;
static mcp_source_t        source[2];
static mcp_view_source_t   vs[2];
static mcp_view_t          view;
static mcp_policy_t       *policy;


static mcp_str_t
str(const char *s)
{
    mcp_str_t  out;

    out.data = (unsigned char *) s;
    out.len = strlen(s);

    return out;
}


static void
rule(uint32_t role, const char *a, const char *b, const char *c)
{
    mcp_str_t  word[7], why;

    word[0] = str(a);
    word[1] = str(b);
    word[2] = str(c);
    word[3] = str("where");
    word[4] = str("n");
    word[5] = str("<");
    word[6] = str("5");

    assert_int_equal(mcp_policy_directive(policy, role, word,
                     c[0] == 'b' ? 7 : 3, "f", 1, &why), MCP_OK);
}


static int
setup(void **state)
{
    uint32_t   role;
    mcp_str_t  name, why;

    arena = mcp_arena_create();
    assert_non_null(arena);

    memset(source, 0, sizeof(source));
    source[0].name = str("a");
    source[0].state = MCP_SOURCE_UP;
    source[0].ttl_ms = 1000;
    source[0].instructions = str("of a");
    source[0].capabilities = str("{\"completions\":{},\"prompts\":{}}");
    source[0].list[MCP_TOOLS] = str(
        "[{\"name\":\"one\"," SCHEMA "},{\"name\":\"two\"," SCHEMA "},"
        "{\"name\":\"three\"," SCHEMA "}]");
    source[0].list[MCP_PROMPTS] = str("[{\"name\":\"p\"}]");
    source[0].list[MCP_RESOURCES] = str(
        "[{\"name\":\"r\",\"uri\":\"x:1\"},{\"name\":\"s\",\"uri\":\"x:2\"}]");
    source[0].list[MCP_TEMPLATES] = str(
        "[{\"name\":\"t\",\"uriTemplate\":\"x:{y}\"}]");

    source[1] = source[0];
    source[1].name = str("b");
    source[1].ttl_ms = 9000;
    source[1].instructions = str("of b");
    source[1].capabilities = str("{}");
    source[1].list[MCP_RESOURCES].len = 0;
    source[1].list[MCP_TEMPLATES] = str(
        "[{\"name\":\"t\",\"uriTemplate\":\"x:{z}\"}]");

    vs[0].source = &source[0];
    vs[0].prefix = str("a_");
    vs[1].source = &source[1];
    vs[1].prefix = str("b_");

    assert_int_equal(mcp_view_build(&view, arena, arena, vs, 2, NULL, NULL),
                     MCP_OK);

    policy = mcp_policy_create(arena);
    assert_non_null(policy);

    name = str("tools");
    assert_int_equal(mcp_policy_add_role(policy, &name, "f", 1, &role, &why),
                     MCP_OK);
    rule(role, "allow", "tools", "a/t*");
    rule(role, "allow", "tools", "b/one");

    name = str("resources");
    assert_int_equal(mcp_policy_add_role(policy, &name, "f", 1, &role, &why),
                     MCP_OK);
    rule(role, "allow", "resources", "*/x:1*");
    rule(role, "allow", "resources", "*/x:2*");
    rule(role, "deny", "resources", "a/x:2*");

    name = str("all");
    assert_int_equal(mcp_policy_add_role(policy, &name, "f", 1, &role, &why),
                     MCP_OK);
    rule(role, "allow", "tools", "*/*");
    rule(role, "allow", "prompts", "*/*");
    rule(role, "allow", "resources", "*/*");

    assert_int_equal(mcp_policy_complete(policy, &why), MCP_OK);

    return 0;
}


static int
teardown(void **state)
{
    mcp_arena_destroy(arena);
    return 0;
}


static int
part_of(mcp_view_t *part, mcp_roles_t *roles, mcp_arena_t *a,
    const char *name)
{
    unsigned  n;
    uint32_t  role;

    n = (mcp_policy_find(policy, (unsigned char *) name, strlen(name), &role)
         == MCP_OK);

    if (mcp_policy_roles(policy, a, arena, &role, n, roles) != MCP_OK) {
        return MCP_NOMEM;
    }

    return mcp_view_restrict(part, &view, a, roles);
}


static const mcp_item_t *
find(const mcp_view_t *part, mcp_list_e list, const char *name)
{
    return mcp_view_find(part, list, (unsigned char *) name, strlen(name));
}


static int
resource(const mcp_view_t *part, const char *text)
{
    mcp_str_t  uri;

    uri = str(text);

    return mcp_view_resource(part, &uri);
}


static void
test_finds_what_is_seen(void **state)
{
    mcp_view_t         part;
    mcp_roles_t        roles;
    const mcp_item_t  *item;

    assert_int_equal(part_of(&part, &roles, arena, "tools"), MCP_OK);

    assert_null(find(&part, MCP_TOOLS, "a_one"));
    assert_non_null(find(&part, MCP_TOOLS, "a_two"));
    assert_non_null(find(&part, MCP_TOOLS, "a_three"));
    assert_null(find(&part, MCP_TOOLS, "b_two"));
    assert_null(find(&part, MCP_PROMPTS, "a_p"));
    assert_null(find(&part, MCP_RESOURCES, "x:1"));
    assert_int_equal(resource(&part, "x:1"), -1);
    assert_int_equal(resource(&part, "x:9"), -1);

    item = find(&part, MCP_TOOLS, "a_two");
    assert_false(mcp_view_conditional(&part, MCP_TOOLS, item));
    item = find(&part, MCP_TOOLS, "b_one");
    assert_true(mcp_view_conditional(&part, MCP_TOOLS, item));
    assert_false(mcp_view_conditional(&view, MCP_TOOLS, item));

    /* the whole is as it was */

    assert_ptr_equal(part.whole, &view);
    assert_non_null(find(&view, MCP_TOOLS, "a_one"));
    assert_int_equal(resource(&view, "x:9"), 0);
}


/* What one backend may not give, the next may. */

static void
test_routes_resources(void **state)
{
    mcp_view_t   part;
    mcp_roles_t  roles;

    assert_int_equal(part_of(&part, &roles, arena, "resources"), MCP_OK);

    assert_int_equal(resource(&part, "x:1"), 0);
    assert_int_equal(resource(&part, "x:11"), 0);
    assert_int_equal(resource(&part, "x:2"), 1);
    assert_int_equal(resource(&part, "x:22"), 1);
    assert_int_equal(resource(&part, "x:3"), -1);
    assert_int_equal(resource(&view, "x:2"), 0);
    assert_int_equal(resource(&view, "x:22"), 0);
}


static void
assert_list(const mcp_view_t *v, mcp_list_e list, unsigned max,
    const char *names)
{
    char        text[256];
    size_t      len;
    unsigned    from, i;
    mcp_buf_t   b;

    text[0] = '\0';
    from = 0;

    do {
        mcp_buf_init(&b, arena, 64);
        len = mcp_view_page_len(v, list, MCP_ERA_MODERN, from, max);
        from = mcp_view_page(v, list, MCP_ERA_MODERN, from, max, &b);

        assert_int_equal(len, b.len ? b.len + 1 : 0);

        /* the names of the page, by what is in its text */

        for (i = 0; i < v->list[list].n; i++) {
            const mcp_str_t  *json = &v->list[list].item[i].json[1];

            if (b.len != 0 && memmem(b.data, b.len, json->data, json->len)) {
                strcat(text, " ");
                strncat(text, (char *) v->list[list].item[i].exposed.data,
                        v->list[list].item[i].exposed.len);
            }
        }

        strcat(text, from ? " |" : "");

    } while (from != 0);

    assert_string_equal(text, names);
}


static void
test_pages(void **state)
{
    mcp_view_t   part;
    mcp_roles_t  roles;

    assert_list(&view, MCP_TOOLS, 2,
                " a_one a_two | a_three b_one | b_two b_three");

    assert_int_equal(part_of(&part, &roles, arena, "tools"), MCP_OK);
    assert_list(&part, MCP_TOOLS, 0, " a_two a_three b_one");
    assert_list(&part, MCP_TOOLS, 1, " a_two | a_three | b_one");
    assert_list(&part, MCP_TOOLS, 2, " a_two a_three | b_one");

    /* nothing follows, though the whole goes on */

    assert_list(&part, MCP_TOOLS, 3, " a_two a_three b_one");
    assert_list(&part, MCP_PROMPTS, 1, "");
}


static void
test_what_is_said(void **state)
{
    mcp_view_t   part;
    mcp_roles_t  roles;

    assert_true(view.completions);
    assert_int_equal(view.ttl_ms, 1000);

    assert_int_equal(part_of(&part, &roles, arena, "all"), MCP_OK);
    assert_int_equal(part.instructions.len, view.instructions.len);
    assert_int_equal(part.ttl_ms, 1000);
    assert_true(part.completions);
    assert_true(part.list[MCP_PROMPTS].offered);
    assert_true(part.list[MCP_RESOURCES].offered);
    assert_false(part.source[0].hidden || part.source[1].hidden);

    assert_int_equal(part_of(&part, &roles, arena, "resources"), MCP_OK);
    assert_false(part.source[0].hidden);
    assert_true(part.source[1].hidden);
    assert_non_null(memmem(part.instructions.data, part.instructions.len,
                           "of a", 4));
    assert_null(memmem(part.instructions.data, part.instructions.len,
                       "of b", 4));
    assert_false(part.list[MCP_TOOLS].offered);
    assert_false(part.list[MCP_PROMPTS].offered);
    assert_true(part.list[MCP_TEMPLATES].offered);

    assert_int_equal(part_of(&part, &roles, arena, "nobody"), MCP_OK);
    assert_int_equal(part.instructions.len, 0);
    assert_int_equal(part.ttl_ms, 0);
    assert_false(part.completions);
    assert_false(part.list[MCP_PROMPTS].offered);
    assert_false(part.list[MCP_RESOURCES].offered);
    assert_true(part.source[0].hidden && part.source[1].hidden);
    assert_false(view.source[0].hidden);
}


static void
test_no_memory(void **state)
{
    int          rc;
    unsigned     i;
    mcp_view_t   part;
    mcp_roles_t  roles;
    oom_arena_t  oom;

    for (i = 0; i < 100; i++) {
        oom_init(&oom, arena, i);
        rc = part_of(&part, &roles, &oom.arena, "all");

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_in_range(i, 5, 99);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_finds_what_is_seen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_routes_resources, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
