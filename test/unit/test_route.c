/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/route.h"

struct found {
    struct arena arena;
    struct headers headers;
    struct target target;
    struct refusal refusal;
    int failed;
};

static struct provider list[] = {
    {.name = (char *)"openai", .base_url = (char *)"https://api.openai.com/v1"},
    {.name = (char *)"anthropic", .base_url = (char *)"https://api.anthropic.com", .anthropic = true},
    {.name = (char *)"groq", .base_url = (char *)"https://api.groq.com/openai/v1"},
};
static const struct providers providers = {list, 3};

static void find(struct found *f, enum method method, const char *raw, const char *name, const char *value)
{
    *f = (struct found){.failed = 0};
    arena_init(&f->arena, 1 << 20);
    headers_add(&f->headers, &f->arena, SPAN("Host"), SPAN("localhost:3456"));
    if (name)
        headers_add(&f->headers, &f->arena, span_of(name), span_of(value));
    f->failed = route_find(method, span_of(raw), &f->headers, &providers, &f->arena, &f->target,
                           &f->refusal);
}

#define assert_span(s, text)                                                                       \
    do {                                                                                           \
        assert_int_equal((s).n, strlen(text));                                                     \
        assert_memory_equal((s).p, text, strlen(text));                                            \
    } while (0)

static const struct {
    const char *raw, *path, *query, *project;
    enum route_kind kind;
} right[] = {
    {"/v1/chat/completions", "/v1/chat/completions", "", NULL, ROUTE_PRICED},
    {"/chat/completions", "/v1/chat/completions", "", NULL, ROUTE_PRICED},
    {"/v1/v1/messages?beta=true", "/v1/messages", "beta=true", NULL, ROUTE_PRICED},
    {"/v1/v1/v1/messages", "/v1/messages", "", NULL, ROUTE_PRICED},
    {"/messages", "/v1/messages", "", NULL, ROUTE_PRICED},
    {"/p/team-a/v1/messages", "/v1/messages", "", "team-a", ROUTE_PRICED},
    {"/p/team-a/v1/v1/messages", "/v1/messages", "", "team-a", ROUTE_PRICED},
    {"/v1/responses?project_id=a%2Db&x=1", "/v1/responses", "x=1", "a-b", ROUTE_PRICED},
    {"/v1/responses?x=1&project_id=a", "/v1/responses", "x=1", "a", ROUTE_PRICED},
    {"/v1/responses?project_id=a", "/v1/responses", "", "a", ROUTE_PRICED},
    {"/v1/responses?&a=%2f+&&b&", "/v1/responses", "&a=%2f+&&b&", NULL, ROUTE_PRICED},
    {"/v1/messages/count_tokens", "/v1/messages/count_tokens", "", NULL, ROUTE_FORWARD},
    {"/v1/estimate/chat/completions", "/v1/chat/completions", "", NULL, ROUTE_ESTIMATE},
    {"/v1/estimate/messages", "/v1/messages", "", NULL, ROUTE_ESTIMATE},
    {"http://localhost:3456/v1/messages", "/v1/messages", "", NULL, ROUTE_PRICED},
    {"https://localhost:3456/v1/messages?beta=true", "/v1/messages", "beta=true", NULL, ROUTE_PRICED},
    {"HTTP://LOCALHOST:3456/p/a/v1/messages", "/v1/messages", "", "a", ROUTE_PRICED},
};

static void test_paths_as_clients_send_them(void **state)
{
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        find(&f, METHOD_POST, right[i].raw, NULL, NULL);
        assert_int_equal(f.failed, 0);
        assert_int_equal(f.target.route->kind, right[i].kind);
        assert_span(f.target.path, right[i].path);
        assert_span(f.target.query, right[i].query);
        if (right[i].project)
            assert_span(f.target.project, right[i].project);
        else
            assert_null(f.target.project.p);
        arena_finish(&f.arena);
    }
}

static void test_a_provider_by_its_prefix(void **state)
{
    struct found f;

    (void)state;
    find(&f, METHOD_POST, "/groq/v1/chat/completions", NULL, NULL);
    assert_int_equal(f.failed, 0);
    assert_ptr_equal(f.target.provider, &list[2]);
    assert_span(f.target.path, "/v1/chat/completions");
    assert_null(f.target.project.p);
    arena_finish(&f.arena);
    find(&f, METHOD_POST, "/groq/v1/messages", NULL, NULL);
    assert_int_equal(f.failed, -1); /* not its dialect */
    arena_finish(&f.arena);
    find(&f, METHOD_GET, "/groq/v1/usage", NULL, NULL);
    assert_int_equal(f.failed, -1);
    arena_finish(&f.arena);
}

static const struct {
    const char *raw, *project;
    const struct provider *provider;
    enum route_kind kind;
} both[] = {
    {"/p/alice/groq/v1/chat/completions", "alice", &list[2], ROUTE_PRICED},
    {"/p/alice/groq/v1/v1/chat/completions", "alice", &list[2], ROUTE_PRICED},
    {"/p/alice/groq/v1/estimate/chat/completions", "alice", &list[2], ROUTE_ESTIMATE},
    {"/p/alice/openai/v1/chat/completions", "alice", &list[0], ROUTE_PRICED},
    {"/p/groq/groq/v1/chat/completions", "groq", &list[2], ROUTE_PRICED},
    {"/p/groq/v1/chat/completions", "groq", NULL, ROUTE_PRICED},
    {"/p/v1/v1/chat/completions", "v1", NULL, ROUTE_PRICED},
};

static void test_a_project_and_a_provider_by_their_prefixes(void **state)
{
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        find(&f, METHOD_POST, both[i].raw, NULL, NULL);
        assert_int_equal(f.failed, 0);
        assert_ptr_equal(f.target.provider, both[i].provider);
        assert_span(f.target.project, both[i].project);
        assert_span(f.target.path, "/v1/chat/completions");
        assert_int_equal(f.target.route->kind, both[i].kind);
        arena_finish(&f.arena);
    }
}

static const struct {
    enum method method;
    const char *raw;
    enum refusal_kind kind;
} wrong[] = {
    {METHOD_POST, "/v1/unknown", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/../v1/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/%6dessages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/messages%2f", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/messages%00", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/messages/", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "http://other.example/v1/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "https://other.example/v1/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "https://me@localhost:3456/v1/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "ftp://localhost:3456/v1/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "http:/v1/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/p/team/messages", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/p/team/groq/chat/completions", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/p/team/nobody/v1/chat/completions", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/groq/p/team/v1/chat/completions", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/p/team/groq/v1/messages", REFUSE_UNKNOWN_URL}, /* not its dialect */
    {METHOD_GET, "/p/team/groq/v1/usage", REFUSE_UNKNOWN_URL},
    {METHOD_GET, "/v1/v1/usage", REFUSE_UNKNOWN_URL},
    {METHOD_GET, "/usage", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/estimate", REFUSE_UNKNOWN_URL},
    {METHOD_POST, "/v1/estimate/models", REFUSE_UNKNOWN_URL},
    {METHOD_GET, "/v1/messages", REFUSE_WRONG_METHOD},
    {METHOD_OTHER, "/v1/messages", REFUSE_WRONG_METHOD},
    {METHOD_POST, "/health", REFUSE_WRONG_METHOD},
};

static void test_what_is_not_ours(void **state)
{
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        find(&f, wrong[i].method, wrong[i].raw, NULL, NULL);
        assert_int_equal(f.failed, -1);
        assert_int_equal(f.refusal.kind, wrong[i].kind);
        arena_finish(&f.arena);
    }
}

static void test_dialect(void **state)
{
    struct found f;

    (void)state;
    find(&f, METHOD_GET, "/v1/models", NULL, NULL);
    assert_int_equal(f.target.dialect, DIALECT_OPENAI);
    arena_finish(&f.arena);
    find(&f, METHOD_GET, "/v1/models/claude-opus-5?limit=3", "anthropic-version", "2023-06-01");
    assert_int_equal(f.failed, 0);
    assert_int_equal(f.target.dialect, DIALECT_ANTHROPIC);
    assert_span(f.target.segment, "claude-opus-5");
    arena_finish(&f.arena);
    find(&f, METHOD_POST, "/v1/messages", "authorization", "Bearer sk-ant");
    assert_int_equal(f.target.dialect, DIALECT_ANTHROPIC);
    arena_finish(&f.arena);
    find(&f, METHOD_GET, "/v1/usage", NULL, NULL);
    assert_int_equal(f.target.dialect, DIALECT_MANAGEMENT);
    arena_finish(&f.arena);
}

static void test_websocket_is_told_to_post(void **state)
{
    struct found f;

    (void)state;
    find(&f, METHOD_GET, "/v1/responses", "Upgrade", "websocket");
    assert_int_equal(f.failed, -1);
    assert_int_equal(f.refusal.kind, REFUSE_UPGRADE_REQUIRED);
    arena_finish(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_as_clients_send_them),
        cmocka_unit_test(test_a_provider_by_its_prefix),
        cmocka_unit_test(test_a_project_and_a_provider_by_their_prefixes),
        cmocka_unit_test(test_what_is_not_ours),
        cmocka_unit_test(test_dialect),
        cmocka_unit_test(test_websocket_is_told_to_post),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
