/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Time. Deadlines use the monotonic clock, records the wall clock. Any thread. */

int64_t clock_mono_ns(void); /* monotonic, nanoseconds from an arbitrary start */
int64_t clock_wall_ms(void); /* milliseconds since 1970-01-01T00:00:00Z */

#define CLOCK_ISO_LEN 25 /* "2026-11-24T08:47:14.123Z" and its NUL */

/* ms as ISO 8601 in UTC with milliseconds. */
void clock_iso(int64_t ms, char out[CLOCK_ISO_LEN]);

/* An ISO date or date-time in UTC ("2026-11-24", "2026-11-24T08:47:14Z", with or without fractions)
 * to milliseconds; -1 when it is not one. */
int64_t clock_parse_iso(const char *s);

#endif
