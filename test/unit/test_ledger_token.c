/* SPDX-License-Identifier: MIT */
/* Project tokens: made once, found by digest, gone at once when revoked. */
#include "ledger_fixture.h"

static struct token make(struct fixture *f, const char *project, int64_t expires,
                         char text[TOKEN_TEXT_MAX])
{
    struct token t = {.created_ms = T0, .expires_ms = expires}, out;

    snprintf(t.project, sizeof t.project, "%s", project);
    snprintf(t.models, sizeof t.models, "gpt-*,claude-*");
    snprintf(t.label, sizeof t.label, "ci of %s", project);
    must(f, ledger_token_create(f->l, &t, text, &out, &f->e));
    return out;
}

static int find(struct fixture *f, const char *text, int64_t now, struct token *out)
{
    return ledger_token_find(f->l, span_of(text), now, out, &f->e);
}

static void a_token_is_found_by_its_text(void **state)
{
    struct fixture *f = *state;
    char a[TOKEN_TEXT_MAX], b[TOKEN_TEXT_MAX], wrong[TOKEN_TEXT_MAX];
    struct token ta = make(f, "a", 0, a), tb = make(f, "b", 0, b), got;

    assert_int_equal(strlen(a), 48);
    assert_memory_equal(a, "tcap_", 5);
    assert_int_equal(
        strspn(a + 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_string_not_equal(a, b);
    for (int i = 0; i < 2; i++) {
        must(f, find(f, a, T0, &got));
        assert_int_equal(got.id, ta.id);
        assert_string_equal(got.project, "a");
        assert_string_equal(got.models, "gpt-*,claude-*");
        assert_string_equal(got.label, "ci of a");
        assert_int_equal(got.created_ms, T0);
        must(f, find(f, b, T0, &got));
        assert_int_equal(got.id, tb.id);
        fix_reopen(f);
    }
    for (int i = 0; i < 48; i++) {
        memcpy(wrong, a, sizeof wrong);
        wrong[i] ^= 1;
        assert_int_equal(find(f, wrong, T0, &got), -1);
        assert_int_equal(f->e.code, ERR_NOT_FOUND);
    }
    assert_int_equal(find(f, "", T0, &got), -1);
    assert_int_equal(find(f, "tcap_", T0, &got), -1);
}

static void the_text_is_not_in_the_database(void **state)
{
    struct fixture *f = *state;
    char text[TOKEN_TEXT_MAX], cmd[256];

    sqlite_only();
    make(f, "p", 0, text);
    fix_close(f);
    snprintf(cmd, sizeof cmd, "grep -q 'ci of p' '%s'", f->path);
    assert_int_equal(system(cmd), 0);
    snprintf(cmd, sizeof cmd, "grep -q -e '%.20s' '%s'", text + 5, f->path);
    assert_int_not_equal(system(cmd), 0);
}

static void a_revoked_one_is_gone_at_once(void **state)
{
    struct fixture *f = *state;
    char a[TOKEN_TEXT_MAX], b[TOKEN_TEXT_MAX];
    struct token ta = make(f, "p", 0, a), got;
    struct err unknown;

    make(f, "p", 0, b);
    must(f, ledger_token_revoke(f->l, ta.id, T0 + 1, &f->e));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(find(f, "tcap_unknown", T0, &got), -1);
        unknown = f->e;
        assert_int_equal(find(f, a, T0 + 2, &got), -1);
        assert_string_equal(f->e.msg, unknown.msg);
        assert_int_equal(f->e.code, unknown.code);
        must(f, find(f, b, T0, &got));
        must(f, ledger_token_revoke(f->l, ta.id, T0 + 3, &f->e)); /* again is no mistake */
        fix_reopen(f);
    }
    assert_int_equal(ledger_token_revoke(f->l, 999, T0, &f->e), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
}

static void an_expired_one_is_unknown(void **state)
{
    struct fixture *f = *state;
    char a[TOKEN_TEXT_MAX];
    struct token got;

    make(f, "p", T0 + 100, a);
    must(f, find(f, a, T0 + 99, &got));
    assert_int_equal(find(f, a, T0 + 100, &got), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
}

static void list(void *ctx, const struct token *t)
{
    char *text = ctx;

    snprintf(text + strlen(text), 64, "%lld:%.8s:%d ", (long long)t->id, t->project,
             (int)(t->revoked_ms ? t->revoked_ms - T0 : 0));
}

static void all_are_listed_revoked_ones_too(void **state)
{
    struct fixture *f = *state;
    char a[TOKEN_TEXT_MAX], text[256] = "";
    struct token t = make(f, "x", 0, a);

    make(f, "y", 0, a);
    must(f, ledger_token_revoke(f->l, t.id, T0 + 7, &f->e));
    must(f, ledger_token_each(f->l, list, text, &f->e));
    assert_string_equal(text, "1:x:7 2:y:0 ");
}

static void bad_ones_are_refused(void **state)
{
    struct fixture *f = *state;
    char text[TOKEN_TEXT_MAX];
    struct token t = {.created_ms = T0}, out;

    assert_int_equal(ledger_token_create(f->l, &t, text, &out, &f->e), -1);
    assert_int_equal(f->e.code, ERR_INVALID);
    snprintf(t.project, sizeof t.project, "p");
    t.expires_ms = -1;
    assert_int_equal(ledger_token_create(f->l, &t, text, &out, &f->e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_token_is_found_by_its_text),    LEDGER_TEST(the_text_is_not_in_the_database),
        LEDGER_TEST(a_revoked_one_is_gone_at_once),   LEDGER_TEST(an_expired_one_is_unknown),
        LEDGER_TEST(all_are_listed_revoked_ones_too), LEDGER_TEST(bad_ones_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
