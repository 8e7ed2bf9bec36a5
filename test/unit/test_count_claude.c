/* SPDX-License-Identifier: MIT */
#include "count_fixture.h"

#define CLAUDE_TOOL                                                                                \
    "\"tools\":[{\"name\":\"get_weather\",\"description\":\"\",\"input_schema\":{\"type\":"        \
    "\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}]"

/* Claude's counts are estimates: within a tenth, and two tokens, of what the frames and the ratios
 * say. */
static void claude(void **state)
{
    static const struct {
        const char *model, *rest;
        int64_t tokens;
    } rows[] = {
        {"claude-haiku-4-5-20251001", HELLO, 8}, /* billed */
        {"claude-sonnet-4-5", "\"messages\":[{\"role\":\"user\",\"content\":\"What is 2 + 2?\"}]",
         16}, /* count_tokens */
        {"claude-opus-4-6", "\"messages\":[{\"role\":\"user\",\"content\":\"What is 2+2?\"}]", 14},
        {"us.anthropic.claude-opus-4-6-v1",
         "\"messages\":[{\"role\":\"user\",\"content\":\"What is 2+2?\"}]", 14},
        {"claude-sonnet-4-5", HELLO ",\"thinking\":{\"type\":\"enabled\"}", 8 + 29},
        {"claude-sonnet-4-5",
         "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"},{\"role\":\"assistant\","
         "\"content\":[{\"type\":\"thinking\",\"thinking\":\"A very long thought about greetings, "
         "and all the ways in which one may answer "
         "them.\"},{\"type\":\"text\",\"text\":\"hello\"}]},"
         "{\"role\":\"user\",\"content\":\"hello\"}]",
         7 + 3 + 6},
        {"claude-sonnet-4-5", HELLO "," CLAUDE_TOOL, 8 + 496 + 2 + 45},
        {"claude-sonnet-4-5", HELLO "," CLAUDE_TOOL ",\"tool_choice\":{\"type\":\"any\"}",
         8 + 592 + 2 + 45},
        {"claude-sonnet-4-5",
         HELLO "," CLAUDE_TOOL ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"get_weather\"}",
         8 + 592 + 2 + 9 + 45},
        {"claude-sonnet-4-20250514", HELLO "," CLAUDE_TOOL, 8 + 313 + 2 + 45},
        {"claude-opus-4-7", HELLO "," CLAUDE_TOOL, 13 + 675 + 2 + 57},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct count c;
        int64_t off;

        buf_init(&b, 0);
        buf_printf(&b, "{\"model\":\"%s\",%s}", rows[i].model, rows[i].rest);
        c = count_body(API_MESSAGES, buf_all(&b));
        off = c.tokens > rows[i].tokens ? c.tokens - rows[i].tokens : rows[i].tokens - c.tokens;
        if (off > 2 + rows[i].tokens / 10 || c.method != COUNT_APPROXIMATE)
            fail_msg("%s: %lld instead of about %lld", b.p, (long long)c.tokens,
                     (long long)rows[i].tokens);
        buf_finish(&b);
    }
}

static int64_t claude_text(const char *model, const char *text)
{
    struct buf b;
    struct count c;

    buf_init(&b, 0);
    buf_printf(&b, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
               model, text);
    c = count_body(API_MESSAGES, buf_all(&b));
    buf_finish(&b);
    return c.text;
}

/* A text's tokens by its language and the family, as a ratio to o200k's, in hundredths. */
static void claude_ratios(void **state)
{
    static const struct {
        const char *text;
        int v3, v47;
    } rows[] = {
        {"All human beings are born free and equal in dignity and rights. They are endowed with "
         "reason and conscience and should act towards one another in a spirit of brotherhood.",
         107, 156},
        {"Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit "
         "Vernunft und Gewissen begabt und sollen einander im Geist der Solidarität "
         "begegnen, und das ist nicht zu viel.",
         158, 224},
        {"Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como "
         "están de razón y conciencia, deben comportarse fraternalmente los unos con "
         "los otros.",
         135, 184},
        {"Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены "
         "разумом "
         "и совестью и должны поступать в отношении друг друга в духе братства.",
         150, 150},
        {"人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
         137, 137},
        {"すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
         105, 105},
        {"for (i = 0; i < n; i++) { a[i] = b[i] * (c + d[i]); }", 118, 144},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double base = (double)n(rows[i].text);
        double v3 = (double)claude_text("claude-sonnet-4-5", rows[i].text) / base;
        double v47 = (double)claude_text("claude-opus-4-7", rows[i].text) / base;

        if (v3 < rows[i].v3 * 0.0092 || v3 > rows[i].v3 * 0.0108 || v47 < rows[i].v47 * 0.0092 ||
            v47 > rows[i].v47 * 0.0108)
            fail_msg("%s: %.2f and %.2f instead of 0.01 times %d and %d", rows[i].text, v3, v47,
                     rows[i].v3, rows[i].v47);
    }
}

/* A language without a rule of its own: dearer than English, by how the older vocabulary takes it.
 */
static void unknown_language(void **state)
{
    const char *welsh =
        "Genir pawb yn rhydd ac yn gydradd a'i gilydd mewn urddas a hawliau. Fe'u "
        "cynysgaeddir a rheswm a chydwybod, a dylai pawb ymddwyn y naill at y llall "
        "mewn ysbryd cymodlon.";
    double ratio = (double)claude_text("claude-sonnet-4-5", welsh) / (double)n(welsh);

    (void)state;
    assert_true(ratio > 1.1 && ratio < 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claude),
        cmocka_unit_test(claude_ratios),
        cmocka_unit_test(unknown_language),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
