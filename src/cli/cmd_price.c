/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "meter/price.h"
#include "meter/price_import.h"

/* ---- tokencap price ---- */

enum { LIST, PROVIDER, JSON };

const struct flag price_flags[] = {
    [LIST] = {"list", NULL, "Every id and alias in the tables."},
    [PROVIDER] = {"provider", "NAME", "As sold by this one: openai, anthropic, groq, ..."},
    [JSON] = {"json", NULL, "Print JSON."},
    {NULL, NULL, NULL},
};

static const struct column price_columns[] = {
    {"MODEL", "model", COLUMN_TEXT},
    {"PROVIDER", "provider", COLUMN_TEXT},
    {"RULE", "rule", COLUMN_TEXT},
    {"ROW", "id", COLUMN_TEXT},
    {"INPUT $/M", "inputUsdPerMillion", COLUMN_USD},
    {"CACHED $/M", "cacheReadUsdPerMillion", COLUMN_USD},
    {"OUTPUT $/M", "outputUsdPerMillion", COLUMN_USD},
    {"CONTEXT", "contextWindow", COLUMN_NUMBER},
    {"MAX OUTPUT", "maxOutputTokens", COLUMN_NUMBER},
    {"AS OF", "asOf", COLUMN_TEXT},
    {NULL, "version", COLUMN_TEXT},
    {NULL, "encoding", COLUMN_TEXT},
    {NULL, "source", COLUMN_TEXT},
};

struct price_listing {
    struct table table;
    const char *provider;
    int64_t now;
};

static void add_text(struct table *t, const char *s)
{
    table_add(t, s && *s ? span_of(s) : (struct span){NULL, 0});
}

/* Picodollars a token are micro-dollars a million tokens. */
static void add_rate(struct table *t, pico_t rate)
{
    char text[MONEY_LEN];

    table_add(t, rate < 0 ? (struct span){NULL, 0} : span_of(money_json(rate * 1000, text)));
}

static void add_tokens(struct table *t, int64_t n)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)n);
    table_add(t, n ? span_of(text) : (struct span){NULL, 0});
}

static void add_price(void *ctx, const char *model, struct price p)
{
    struct price_listing *l = ctx;
    struct price_facts f = price_facts(p, l->now);

    if (l->provider && strcmp(l->provider, f.provider) != 0 && p.rule != PRICE_FALLBACK)
        return;
    add_text(&l->table, model);
    add_text(&l->table, f.provider);
    add_text(&l->table, price_rule_name(p.rule));
    add_text(&l->table, f.id);
    add_rate(&l->table, f.input);
    add_rate(&l->table, f.cache_read);
    add_rate(&l->table, f.output);
    add_tokens(&l->table, f.context_window);
    add_tokens(&l->table, f.max_output);
    add_text(&l->table, f.as_of);
    add_text(&l->table, f.version);
    add_text(&l->table, f.encoding);
    add_text(&l->table, f.source);
}

int cmd_price(const struct invocation *in, struct err *e)
{
    struct price_listing l = {.provider = in->values[PROVIDER], .now = clock_wall_ms()};
    struct price_table *prices;
    int r = 0;

    if (!given(in, LIST) && !in->noperands)
        return err_set(e, ERR_USAGE, "price needs MODEL..., or --list");
    if (open_prices(&prices, e) < 0)
        return -1;
    table_init(&l.table, price_columns, sizeof price_columns / sizeof *price_columns);
    if (given(in, LIST))
        price_each(prices, add_price, &l);
    for (int i = 0; i < in->noperands; i++)
        add_price(&l, in->operands[i], price_find(prices, l.provider, span_of(in->operands[i])));
    if (l.table.failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        table_print(&l.table, given(in, JSON) ? LAYOUT_JSON : LAYOUT_TABLE, stdout);
    table_finish(&l.table);
    price_free(prices);
    return r;
}

/* ---- tokencap price import ---- */

enum { AS_OF, SKIP_CHEAPER, OUTPUT };

const struct flag price_import_flags[] = {
    [AS_OF] = {"as-of", "DATE", "The date of the list; today when absent."},
    [SKIP_CHEAPER] = {"skip-cheaper", NULL,
                      "Leave out rows that make a known model ten times cheaper."},
    [OUTPUT] = {"output", "FILE",
                "Where to write; - is standard output. Else into the price folder."},
    {NULL, NULL, NULL},
};

int write_whole(const char *path, struct span text, struct err *e)
{
    struct buf beside;
    FILE *f;
    bool bad;

    buf_init(&beside, 4200);
    buf_printf(&beside, "%s.new", path);
    f = beside.failed ? NULL : fopen(beside.p, "we");
    if (!f) {
        buf_finish(&beside);
        return err_set(e, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    }
    bad = fwrite(text.p, 1, text.n, f) != text.n || fflush(f) != 0 || fsync(fileno(f)) != 0;
    bad = fclose(f) != 0 || bad;
    if (bad || rename(beside.p, path) != 0) {
        err_set(e, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
        unlink(beside.p);
        buf_finish(&beside);
        return -1;
    }
    buf_finish(&beside);
    return 0;
}

/* The operator's folder takes it only when the tables still load with it. */
static int install(struct span table, const char *format, struct err *e)
{
    struct price_dirs dirs;
    char name[64], *path = NULL;
    int r;

    if (find_price_dirs(&dirs, e) < 0)
        return -1;
    snprintf(name, sizeof name, "%s.json", format);
    r = price_try(dirs.list, 2, name, table, e);
    if (r == 0 && asprintf(&path, "%s/%s", dirs.list[1], name) < 0)
        r = err_set(e, ERR_MEMORY, "no memory");
    if (r == 0)
        r = write_whole(path, table, e);
    if (r == 0)
        fprintf(stderr, "tokencap: wrote %s; a running daemon takes it on SIGHUP\n", path);
    free(path);
    price_dirs_finish(&dirs);
    return r;
}

static int deliver(const struct invocation *in, const struct buf *table, const char *format,
                   struct err *e)
{
    const char *to = in->values[OUTPUT];

    if (!to)
        return install(buf_all(table), format, e);
    if (strcmp(to, "-") != 0)
        return write_whole(to, buf_all(table), e);
    fwrite(table->p, 1, table->n, stdout);
    return 0;
}

static int convert(const struct invocation *in, struct span list, struct err *e)
{
    struct price_import how = {.as_of = in->values[AS_OF], .skip_cheaper = given(in, SKIP_CHEAPER)};
    struct price_imported report;
    struct price_table *prices;
    char today[CLOCK_ISO_LEN];
    struct buf table;
    int r;

    clock_iso(clock_wall_ms(), today);
    today[strlen("2026-11-24")] = '\0';
    if (!how.as_of)
        how.as_of = today;
    if (clock_parse_iso(how.as_of) < 0 || strlen(how.as_of) != strlen(today))
        return err_set(e, ERR_USAGE, "--as-of: a date like %s is expected", today);
    if (open_prices(&prices, e) < 0)
        return -1;
    how.known = prices;
    buf_init(&table, 0);
    r = price_import(list, &how, &table, &report, e);
    if (r == 0)
        fprintf(
            stderr,
            "tokencap: %s, %d rows: %d new or changed, %d known, %d without a price for text, %d "
            "ten times cheaper and left out\n",
            report.format, report.read, report.written, report.same, report.skipped,
            report.cheaper);
    if (r == 0)
        r = deliver(in, &table, report.format, e);
    buf_finish(&table);
    price_free(prices);
    return r;
}

int cmd_price_import(const struct invocation *in, struct err *e)
{
    struct buf list;
    int r;

    buf_init(&list, 0);
    r = input_read(in->operands[0], &list, e);
    if (r == 0)
        r = convert(in, buf_all(&list), e);
    buf_finish(&list);
    return r;
}
