/* SPDX-License-Identifier: MIT */
#ifndef WIRE_READER_H
#define WIRE_READER_H

#include <stddef.h>

#include "wire/answer.h"
#include "wire/scan.h"

/* What the readers of answers share among themselves; not for others. */

/* The bytes of an event that do not go to the client, as offsets in its raw; from == to: none. */
struct cut {
    size_t from, to;
};

/* answer_trail.choices[] */
enum { CHOICE_UNSEEN, CHOICE_OPEN, CHOICE_FINISHED };

struct reader {
    void (*event)(struct answer *a, const struct sse_event *ev, struct cut *cut);
    void (*body)(struct answer *a, struct span body);
};

extern const struct reader reader_chat, reader_responses, reader_anthropic;

/* The next value's text, appended to a->text: a string's own, or that of the members of objects and
 * the elements of arrays that carry what a model wrote. */
void reader_collect(struct answer *a, struct scan *s);
void reader_text(struct answer *a, struct span inside);

/* A string value (the answer's model) into out[size]; left alone when it is none, too long or odd.
 */
void reader_note(struct span value, char *out, size_t size);

/* A string value as written, quotes included, into out[size]; left alone when it is none or too
 * long. */
void reader_keep(struct span value, char *out, size_t size);

/* A row of a table for scan_members(): the member of a struct that is called as in JSON. */
#define READER_FIELD(of, name) {SPAN(#name), offsetof(struct of, name)}
#define READER_FIELDS(table)   table, sizeof(table) / sizeof((table)[0])

/* An event's members. The first of the fields is its type: that gets its inside, or the event's name
 * where the data does not tell. False when the data is not one object. */
bool reader_event(const struct sse_event *ev, const struct scan_field *fields, size_t n, void *out);

/* A small whole number, as an index is one; -1 when it is none. */
int64_t reader_index(struct span value);

/* Seconds since 1970; left alone when it is no whole number. */
void reader_time(struct span value, int64_t *out);

/* A whole count: nothing or null leaves *out alone; false when it is negative, broken or absurd. */
bool reader_count(struct span value, int64_t *out);

/* "priority", "flex", …; what is not known is the standard tier. */
enum service_tier reader_tier(struct span value);

/* A usage object of OpenAI's kind, whoever sent it. Returns whether it says something, good or bad.
 */
bool reader_usage_openai(struct answer *a, struct span usage);

/* One of Anthropic's: cumulative, so that what it names replaces what was known. final: it counts
 * the output, too. */
void reader_usage_anthropic(struct answer *a, struct span usage, bool final);

/* The verdict on a report: what a->usage.parts holds is good, or it cannot be relied on. */
void reader_usage_good(struct answer *a, int nparts);
void reader_usage_bad(struct answer *a);

struct jsonw;

/* Appends the member usage, as OpenAI names its figures. */
void reader_write_usage(const struct usage *u, const char *input, const char *output,
                        struct jsonw *w);

/* The end of a Responses stream: answer_stop() and answer_error_event() for it. */
void reader_stop_responses(struct answer *a, struct buf *out);
void reader_fail_responses(struct answer *a, const struct refusal *r, struct buf *out);

#endif
