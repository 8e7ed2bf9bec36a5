/* SPDX-License-Identifier: MIT */
#ifndef METER_PRICE_TABLE_H
#define METER_PRICE_TABLE_H

#include "base/arena.h"
#include "meter/price.h"

/*
 * What a price table is made of. Private to the price rooms (src/meter/price*.c): everybody else
 * goes through meter/price.h. All memory belongs to the table's arena; nothing changes after
 * price_load().
 */

#define RATE_UNSET    ((pico_t)-1)
#define RATE_MAX      INT64_C(1000000000000)    /* a million dollars per million tokens */
#define CALL_MAX      INT64_C(1000000000000000) /* a thousand dollars a call */
#define MULTIPLIER    1000                      /* multipliers are in thousandths */
#define STEPS_MAX     4
#define PEAKS_MAX     4
#define SCHEDULES_MAX 8

/* Picodollars a token, by kind. Once a table is loaded none is unset. */
struct rates {
    pico_t of[TOK_KINDS];
};

/* A cliff: the rates of a whole request with more input tokens than `above`. */
struct step {
    int64_t above;
    struct rates rates;
};

/* The prices that apply from a moment on. Where a plan meets a step or off-peak hours, their ratios
 * to the standard rates multiply. */
struct schedule {
    int64_t from_ms;              /* INT64_MIN: always did */
    const char *from;             /* its date, NULL likewise */
    struct rates plan[TIERS];     /* TIER_STANDARD is the base */
    struct step steps[STEPS_MAX]; /* rising */
    int nsteps;
    bool has_off_peak;
    struct rates off_peak;
    const char *version;
};

/* When the standard rates apply, in a table that has off-peak ones. */
struct peak {
    unsigned days; /* 1 << weekday, Sunday is 0 */
    struct {
        int from, to; /* minutes of the UTC day */
    } hours[PEAKS_MAX];
    int nhours;
};

struct string_list {
    const char **at;
    int n;
};

struct region {
    const char *prefix;
    int64_t multiplier;
};

struct price_provider {
    const char *name;
    struct string_list prefixes, hosts, suffixes;
    struct region *regions;
    int nregions;
    int64_t missing_kind[TOK_KINDS]; /* × the input rate; 0: no rule */
    int64_t missing_plan[TIERS];     /* × the standard rates; 0: no rule */
    pico_t web_search;               /* of a row that names none */
    struct price_provider *next;
};

/* One name of a row, as the index holds it. */
struct price_name {
    const char *full; /* lower case */
    const char *bare; /* without provider prefixes: a tail of full */
    const struct price_row *row;
    enum price_rule rule;
};

struct price_row {
    const struct price_provider *provider;
    const char *id, *encoding, *source, *as_of, *shutdown;
    struct string_list aliases;
    const char *alias_of; /* the row is only another name for that one */
    int64_t context, max_input, max_output;
    bool reasoning, allow_cheaper;
    int64_t us_only;   /* multiplier; 0: none */
    pico_t web_search; /* a call; RATE_UNSET until the table is complete */
    struct peak peak;
    struct schedule *schedules; /* rising; the first always applied */
    int nschedules;

    /* of a fallback made from others: a range of the index, and the floor */
    const struct price_name *members;
    size_t nmembers;
    const struct price_row *floor;
    const char *version;

    /* while loading */
    const char *file;
    int layer;
    struct price_row *replaced_by;
    struct price_row *next;
};

/* A stem of known names ("gpt-5.") and the fallback that its unknown members get. */
struct stem {
    struct span text;
    const struct price_row *row;
};

struct price_table {
    struct arena arena;
    struct price_provider *providers;
    struct price_row *rows; /* in the order they were read */
    struct price_row **tail;
    struct price_name *names; /* sorted by bare name */
    size_t nnames;
    struct stem *stems; /* sorted */
    size_t nstems;
    const struct price_row *unknown; /* the fallback of a name without a stem */
};

/* price_file.c: adds one file's rows and settings to the table; or a text's, named path in errors.
 */
int price_text_load(struct price_table *t, const char *path, struct span text, int layer,
                    struct err *e) MUST_CHECK;
int price_file_load(struct price_table *t, const char *path, int layer, struct err *e) MUST_CHECK;

/* The provider of that name, made when it is new; NULL: no memory. */
struct price_provider *price_provider_get(struct price_table *t, const char *name);

/* price_rates.c: makes a row's rates whole. */
int price_complete(struct price_table *t, struct price_row *row, struct err *e) MUST_CHECK;

/* v × num ÷ den, rounded up; the larger of v and num where den is 0. At most RATE_MAX. */
pico_t price_scale(pico_t v, pico_t num, pico_t den);

/* r × (over ÷ base), kind by kind: where one change of price meets another. A cache read, whose
 * price one of them may not list, never costs more than reading anew. */
void price_combine(struct rates *r, const struct rates *over, const struct rates *base);

/* price_index.c: completes the rates, resolves overriding and aliases, builds names and stems. */
int price_index(struct price_table *t, struct err *e) MUST_CHECK;

/* price_find.c: text without the provider prefixes at its front. named may be NULL; *named, when it
 * was NULL, becomes the provider that the first of them names. */
const char *price_bare(const struct price_table *t, const char *text,
                       const struct price_provider **named);

#endif
