// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_top: which ports are busy, looked at again and again.
//
// Rates are the differences of two looks at the counters over the time between them. A port whose counters
// went back is another one by now and begins anew. On a terminal each look takes the place of the last.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/graph.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/clock.h"
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BITS = 8, ROWS_LEAST = 8, ROWS_UNBOUNDED = 1000000, COUNTERS = 5 };

enum counter { RX_BYTES, RX_PACKETS, TX_BYTES, TX_PACKETS, DROPS };

static const char *const keys[COUNTERS] = {"rx_bytes", "rx_packets", "tx_bytes", "tx_packets",
                                           "drops"};

struct row {
	const char *name; // Borrowed from the reply.
	uint64_t rates[COUNTERS];
};

static const Weft__Record *find(const Weft__Reply *reply, const char *name)
{
	char text[160];

	for (size_t i = 0; reply && i < reply->n_records; i++)
		if (strcmp(record_text(reply->records[i], "name", text, sizeof(text)), name) == 0)
			return reply->records[i];
	return NULL;
}

static void fill_row(struct row *row, const Weft__Record *now, const Weft__Record *before,
                     uint64_t ns)
{
	for (unsigned i = 0; i < COUNTERS && before && ns; i++) {
		uint64_t new = record_number(now, keys[i]), old = record_number(before, keys[i]);

		row->rates[i] = new < old ? 0
		                          : (uint64_t)((double)(new - old) * (double)NSEC_PER_SEC /
		                                       (double)ns);
	}
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	uint64_t one = left->rates[RX_BYTES] + left->rates[TX_BYTES];
	uint64_t other = right->rates[RX_BYTES] + right->rates[TX_BYTES];

	return one > other ? -1 : one < other ? 1 : strverscmp(left->name, right->name);
}

static size_t rows_that_fit(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return ROWS_UNBOUNDED;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < ROWS_LEAST)
		return ROWS_LEAST;
	return size.ws_row - 2u;
}

static void show(const struct row *rows, size_t count)
{
	size_t fit = rows_that_fit();

	// Home, and nothing of what was there.
	if (isatty(STDOUT_FILENO))
		fputs("\x1b[H\x1b[J", stdout);
	printf("%-24s %10s %10s %10s %10s %8s\n", "PORT", "IN bit/s", "IN pkt/s", "OUT bit/s",
	       "OUT pkt/s", "DROPS/s");
	for (size_t i = 0; i < count && i < fit; i++) {
		const uint64_t *rates = rows[i].rates;
		char texts[COUNTERS][16];

		printf("%-24.24s %10s %10s %10s %10s %8s\n", rows[i].name,
		       graph_rate(rates[RX_BYTES] * BITS, texts[0]),
		       graph_rate(rates[RX_PACKETS], texts[1]),
		       graph_rate(rates[TX_BYTES] * BITS, texts[2]),
		       graph_rate(rates[TX_PACKETS], texts[3]), graph_rate(rates[DROPS], texts[4]));
	}
	fflush(stdout);
}

static int show_rates(const Weft__Reply *now, const Weft__Reply *before, uint64_t ns)
{
	struct row *rows = calloc(now->n_records + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < now->n_records; i++) {
		const Weft__Field *name = record_find(now->records[i], "name");

		rows[i].name =
			name && name->value_case == WEFT__FIELD__VALUE_TEXT ? name->text : "?";
		fill_row(&rows[i], now->records[i], find(before, rows[i].name), ns);
	}
	qsort(rows, now->n_records, sizeof(*rows), compare_rows);
	show(rows, now->n_records);
	free(rows);
	return 0;
}

int cmd_top(const struct invocation *call)
{
	struct ask_list list = {.what = "port"};
	uint64_t seconds = invocation_number(call, "interval", 1);
	uint64_t count = invocation_number(call, "count", 0), then = 0;
	Weft__Reply *before = NULL, *now = NULL;
	int code = EXIT_OK;

	for (uint64_t looks = 0; code == EXIT_OK && (!count || looks <= count); looks++) {
		uint64_t at;

		if (looks)
			nanosleep(&(struct timespec){.tv_sec = (time_t)(seconds ? seconds : 1)},
			          NULL);
		code = ask_list(call, &list, &now);
		if (code != EXIT_OK)
			break;
		at = clock_now();
		if (looks && show_rates(now, before, at - then) < 0)
			code = EXIT_ERROR;
		client_reply_free(before);
		before = now;
		then = at;
	}
	client_reply_free(before);
	return code;
}
