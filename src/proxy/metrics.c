/* SPDX-License-Identifier: MIT */
#include "proxy/metrics.h"

void metric_write(struct buf *out, const char *name, const char *kind, const char *help, double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, kind, name, value);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
#define X(field, name, kind, unit, help)                                                           \
    metric_write(out, name, #kind, help,                                                           \
                 (double)atomic_load_explicit(&m->field, memory_order_relaxed) * (unit));
    METRICS(X)
#undef X
}
