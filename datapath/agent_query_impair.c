// SPDX-License-Identifier: BSD-3-Clause
//
// agent_query_impair: rows of what impairments did, with their times as a few numbers and as text.

#include "datapath/agent_object.h"
#include "datapath/agent_query.h"
#include "datapath/impair.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { HISTOGRAM_TEXT = 1200, DOUBLING = 4, PROMISED_NS = 100000 };

static const struct {
	const char *name;
	enum impair_count count;
} counts[] = {
	{"frames", IMPAIR_FRAMES},
	{"bytes", IMPAIR_BYTES},
	{"sent", IMPAIR_SENT},
	{"sent_bytes", IMPAIR_SENT_BYTES},
	{"lost", IMPAIR_COUNT_LOST},
	{"lost_in_burst", IMPAIR_COUNT_LOST_IN_BURST},
	{"lost_down", IMPAIR_COUNT_DOWN},
	{"duplicated", IMPAIR_DUPLICATED},
	{"corrupted", IMPAIR_CORRUPTED},
	{"reordered", IMPAIR_REORDERED},
	{"queue_full", IMPAIR_QUEUE_FULL},
	{"no_room", IMPAIR_NO_ROOM},
	{"held", IMPAIR_HELD},
	{"queued", IMPAIR_QUEUED},
};

static const struct {
	const char *name;
	unsigned thousandths; // 0: the most
} quantiles[] = {{"p50", 500}, {"p99", 990}, {"p999", 999}, {"max", 0}};

// "up to 16.8ms: 17, up to 33.6ms: 3" of the doublings of time in which there is any.
static void histogram_text(const struct histogram *histogram, char text[static HISTOGRAM_TEXT])
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && len < HISTOGRAM_TEXT; i += DOUBLING) {
		double end = (double)histogram_end(i + DOUBLING - 1) + 1;
		bool small = end < NSEC_PER_MSEC;
		uint64_t count = 0;

		for (unsigned k = i; k < i + DOUBLING; k++)
			count += atomic_load_explicit(&histogram->buckets[k], memory_order_relaxed);
		if (count)
			len += (size_t)snprintf(text + len, HISTOGRAM_TEXT - len,
			                        "%sup to %.3g%s: %" PRIu64, len ? ", " : "",
			                        end / (small ? NSEC_PER_USEC : NSEC_PER_MSEC),
			                        small ? "us" : "ms", count);
	}
}

static void add_times(struct agent_rows *rows, const struct histogram *histogram)
{
	char text[HISTOGRAM_TEXT];
	uint64_t most = atomic_load_explicit(&histogram->most_ns, memory_order_relaxed);

	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
		unsigned thousandths = quantiles[i].thousandths;
		uint64_t ns = thousandths ? histogram_quantile(histogram, thousandths) : most;

		// The end of a bucket may lie beyond all that is in it.
		agent_rows_number(rows, MIN(ns, most));
	}
	histogram_text(histogram, text);
	agent_rows_text(rows, text);
}

static uint64_t idle_ns(const struct impair *impair, uint64_t now)
{
	uint64_t since = impair_count(impair, IMPAIR_IDLE_SINCE);

	return impair_count(impair, IMPAIR_IDLE_NS) + (since && since < now ? now - since : 0);
}

// Workers follow a timeline when frames come; this is where it is.
static uint64_t step_of(const struct impair_setting *setting, uint64_t now)
{
	uint64_t origin = impair_count(setting->impair, IMPAIR_ORIGIN), left;

	if (!origin || now < origin)
		return 0;
	return impair_plan_at(&setting->plan, now - origin, &left) % setting->plan.step_count;
}

static void add_row(struct agent_rows *rows, const struct agent_object *object)
{
	const struct impair *impair = object->impair->impair;
	uint64_t now = clock_now();

	agent_rows_object(rows, object->id);
	agent_rows_number(rows, now);
	agent_rows_number(rows, idle_ns(impair, now));
	agent_rows_number(rows, step_of(object->impair, now));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		agent_rows_number(rows, impair_count(impair, counts[i].count));
	add_times(rows, impair_held(impair));
	add_times(rows, impair_late(impair));
	agent_rows_number(rows, histogram_within(impair_late(impair), PROMISED_NS));
}

void agent_query_impairments(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	static const char *const columns[] = {
		"held_p50_ns", "held_p99_ns", "held_p999_ns",  "held_max_ns",
		"held_times",  "late_p50_ns", "late_p99_ns",   "late_p999_ns",
		"late_max_ns", "late_times",  "late_in_100us",
	};

	agent_rows_column(rows, "name");
	agent_rows_column(rows, "at_ns");
	agent_rows_column(rows, "idle_ns");
	agent_rows_column(rows, "step");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		agent_rows_column(rows, counts[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		agent_rows_column(rows, columns[i]);
	agent_query_objects(agent, query, WEFT__KIND__KIND_IMPAIRMENT, rows, add_row);
}
