// SPDX-License-Identifier: BSD-3-Clause
//
// bench_rate: how exact a rate is where nothing but the switch itself can hold it back.
//
// A real worker with its loop, pipeline, queue, timing wheel and clock, between two doors of this program: one always
// has a batch of frames to give, without a ring or a system call, the other notes what left, and when: from the end of
// the first batch to that of the last. Bytes are those of Ethernet frames without their FCS. "idle" is how long the
// rate had nothing to send, which is where the worker carries no more frames.
//
// Usage: bench_rate [--seconds S] [--check] [RATE_MBIT:LEN]...   --check: 1 unless all are within 2 % or were idle

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/impair.h"
#include "tests/unit/datapath/panel.h"
#include "tests/unit/unit.h"

#include <getopt.h>
#include <math.h>
#include <unistd.h>

enum { GIVER = 1, TAKER = 2, QUEUE_FRAMES = 4000, HOLD = 16384, LEN_MOST = 1514 };

static const unsigned default_rates[] = {1, 10, 100, 1000, 2500, 5000, 10000};
static const unsigned default_lens[] = {64, 512, 1514};

struct giver {
	struct port port;
	unsigned len;
};

struct taker {
	struct port port;
	// Of the worker; read when it has ended.
	uint64_t first_ns, last_ns, bytes, frames;
};

static uint8_t payload[LEN_MOST];

static unsigned give(struct port *port, unsigned queue, struct packet_pool *pool,
                     struct batch *batch)
{
	static const uint8_t header[] = {2, 0, 0, 0, 0, TAKER, 2, 0, 0, 0, 0, GIVER, 0x88, 0xb5};
	const struct giver *giver = (const struct giver *)port;
	unsigned before = batch->count;

	while (batch->count < BATCH_SIZE) {
		struct segment *segment =
			giver->len > PACKET_HEAD ? packet_arena_segment(pool) : NULL;
		struct packet *packet = packet_take(pool);

		if (!packet || (giver->len > PACKET_HEAD && !segment))
			break;
		memcpy(packet->data, header, sizeof(header));
		packet->len = giver->len;
		packet->head_len = (uint16_t)MIN(giver->len, (unsigned)PACKET_HEAD);
		if (segment) {
			*segment = (struct segment){payload, giver->len - PACKET_HEAD};
			packet->segments = segment;
			packet->segment_count = 1;
		}
		packet->in_port = port->slot;
		batch->packets[batch->count++] = packet;
	}
	return batch->count - before;
}

static unsigned take(struct port *port, unsigned queue, struct packet *const *packets,
                     unsigned count, enum drop_reason *reason)
{
	struct taker *taker = (struct taker *)port;
	uint64_t now = clock_now();

	// Those that come with the first one left when it did or before: time begins with them.
	if (!taker->first_ns) {
		taker->first_ns = taker->last_ns = now;
		return count;
	}
	for (unsigned i = 0; i < count; i++)
		taker->bytes += packets[i]->len;
	taker->frames += count;
	taker->last_ns = now;
	return count;
}

static unsigned take_nothing(struct port *port, unsigned queue, struct packet_pool *pool,
                             struct batch *batch)
{
	return 0;
}

static int no_fd(const struct port *port, unsigned queue)
{
	return -1;
}

static unsigned forget(struct port *port, unsigned queue, struct packet *const *packets,
                       unsigned count, enum drop_reason *reason)
{
	return count;
}

// Whether the rate was held, or the worker had no more to give to it.
static bool measure(unsigned mbit, unsigned len, double seconds)
{
	static const struct port_ops giver_ops = {
		.kind = "giver", .rx = give, .tx = forget, .rx_fd = no_fd};
	static const struct port_ops taker_ops = {
		.kind = "taker", .rx = take_nothing, .tx = take, .rx_fd = no_fd};
	struct giver giver = {
		.port = {.ops = &giver_ops, .slot = GIVER, .queue_count = 1},
		.len = len,
	};
	struct taker taker = {
		.port = {.ops = &taker_ops, .slot = TAKER, .queue_count = 1, .mtu = LEN_MOST},
	};
	struct port *doors[] = {&giver.port, &taker.port};
	struct impair_setting setting = {.impair = impair_new(HOLD), .plan.step_count = 1};
	double wanted = mbit * 1e6, rate, idle, held;
	struct panel panel;

	assert_non_null(setting.impair);
	setting.plan.steps[0].effects.rate_bps = mbit * UINT64_C(1000000);
	setting.plan.steps[0].effects.queue_frames = QUEUE_FRAMES;
	panel_open(&panel, 1, 0);
	panel.in[TAKER - 1] = &setting;
	panel_connect(&panel, doors, ARRAY_SIZE(doors));
	usleep((unsigned)(seconds * 1e6));
	workers_stop(panel.workers);

	uint64_t late_p99 = histogram_quantile(impair_late(setting.impair), 990);
	double ns = (double)(taker.last_ns - taker.first_ns);

	rate = ns > 0 ? (double)taker.bytes * 8e9 / ns : 0;
	idle = 100 * (double)impair_count(setting.impair, IMPAIR_IDLE_NS) / (seconds * 1e9);
	held = 100 * (rate - wanted) / wanted;
	printf("%6u Mbit/s %5u B %12.6g bit/s %+8.3f %% %9.3f Mpps   idle %6.3f %%   late p99 %.1f us\n",
	       mbit, len, rate, held, (double)taker.frames / ns * 1e3, idle,
	       (double)late_p99 / 1e3);
	fflush(stdout);
	panel_close(&panel);
	impair_give(setting.impair);
	return fabs(held) <= 2 || (held < 0 && idle > -held - 2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'}, {"check", no_argument, NULL, 'c'}, {0}};
	double seconds = 1;
	bool check = false, held = true;
	int option;

	while ((option = getopt_long(argc, argv, "s:c", options, NULL)) != -1) {
		if (option == 's')
			seconds = atof(optarg);
		else if (option == 'c')
			check = true;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++) {
		unsigned mbit, len;

		if (sscanf(argv[i], "%u:%u", &mbit, &len) != 2 || !mbit || len < 60 ||
		    len > LEN_MOST)
			return 2;
		held &= measure(mbit, len, seconds);
	}
	for (size_t r = 0; optind == argc && r < ARRAY_SIZE(default_rates); r++)
		for (size_t l = 0; l < ARRAY_SIZE(default_lens); l++)
			held &= measure(default_rates[r], default_lens[l], seconds);
	return check && !held;
}
