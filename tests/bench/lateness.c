// SPDX-License-Identifier: BSD-3-Clause
//
// lateness: how late instants are noticed by a loop that does nothing but look at the clock: the machine's own part in
// what a switch on the same processor is late.
//
//   lateness RATE SECONDS        for each line that comes, looks for RATE instants a second, SECONDS long, and
//                                prints one; at the end, what impair-accuracy wants of the switch as well:
//                                {"late_p50_ns": ..., "late_times": "up to 1.02us: 17, ..."}

#include "base/clock.h"
#include "datapath/histogram.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOUBLING = 4, PROMISED_NS = 100000 };

static void look(struct histogram *late, uint64_t step_ns, uint64_t length_ns)
{
	uint64_t began = clock_now(), due = began + step_ns;

	while (due < began + length_ns) {
		uint64_t now = clock_now();

		for (; due <= now && due < began + length_ns; due += step_ns)
			histogram_add(late, now - due);
	}
}

// In the words of `weft impair show`.
static void print_times(const struct histogram *late)
{
	const char *comma = "";

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i += DOUBLING) {
		double end = (double)histogram_end(i + DOUBLING - 1) + 1;
		bool small = end < NSEC_PER_MSEC;
		uint64_t count = 0;

		for (unsigned k = i; k < i + DOUBLING; k++)
			count += late->buckets[k];
		if (!count)
			continue;
		printf("%sup to %.3g%s: %" PRIu64, comma,
		       end / (small ? NSEC_PER_USEC : NSEC_PER_MSEC), small ? "us" : "ms", count);
		comma = ", ";
	}
}

int main(int argc, char **argv)
{
	static struct histogram late;
	unsigned rate = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
	double seconds = rate ? atof(argv[2]) : 0;
	char line[16];

	if (!rate || seconds <= 0) {
		fprintf(stderr, "usage: lateness RATE SECONDS\n");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		look(&late, NSEC_PER_SEC / rate, (uint64_t)(seconds * (double)NSEC_PER_SEC));
		puts("done");
		fflush(stdout);
	}
	printf("{\"sent\": %" PRIu64 ", \"late_p50_ns\": %" PRIu64 ", \"late_p99_ns\": %" PRIu64
	       ", \"late_p999_ns\": %" PRIu64 ", \"late_max_ns\": %" PRIu64
	       ", \"late_in_100us\": %" PRIu64 ", \"late_times\": \"",
	       late.count, histogram_quantile(&late, 500), histogram_quantile(&late, 990),
	       histogram_quantile(&late, 999), late.most_ns, histogram_within(&late, PROMISED_NS));
	print_times(&late);
	puts("\"}");
	return 0;
}
