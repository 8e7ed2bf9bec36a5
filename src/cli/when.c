/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "cli/cli.h"
#include "proxy/options.h"

int parse_when(const char *flag, const char *text, int direction, int64_t *out, struct err *e)
{
    static const struct option_row span = {
        .type = OPTION_DURATION, .least = 1000, .most = INT64_C(100) * 366 * 86400 * 1000};
    int64_t ms = clock_parse_iso(text);
    struct option_value v;

    if (ms >= 0) {
        *out = ms;
        return 0;
    }
    if (option_parse(&span, span_of(text), &v, e) < 0)
        return err_set(
            e, ERR_USAGE,
            "--%s: \"%.80s\" is neither a time from now (30d, 12h) nor a date (2026-11-24, "
            "2026-11-24T08:00:00Z)",
            flag, text);
    *out = clock_wall_ms() + direction * v.number;
    return 0;
}
