// SPDX-License-Identifier: BSD-3-Clause
//
// bench_pipeline: cycles that the pipeline spends on a 64-byte packet, without rings or system calls.
//
// One datapath of the scenario kit; frames are laid out beforehand and copied into packets outside the measured
// time, in an order that gives no flow twice within a round. The way out is a memory port that counts and
// forgets. What is measured is pipeline_run() alone, by the time-stamp counter: parse, key, probe,
// program, regroup, the call of the door. Prints the least and the median of several runs; the first round,
// which fills the cache, is reported as the cost of a miss.
//
// Usage: bench_pipeline [--json] [--runs N] [--packets N] [--flows N]...

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/scenario/scenario.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

enum {
	LAN = 1,
	WAN = 2,
	IN = 11,
	OUT = 12,
	VRF = 30,
	LEG_IN = 31,
	LEG_OUT = 32,
	FRAME = 60, // 64 with the sum that Ethernet adds
	MAX_RUNS = 64,
	FLOW_ENTRIES = 1 << 21,
	STEP = 7919, // a prime: walks the flows in an order that hides them from prefetchers
};

#define IN_MAC "02:00:00:00:00:0a"
#define OUT_MAC "02:00:00:00:00:0f"

struct bench {
	struct scenario *scenario;
	struct pipeline *pipeline;
	struct packet_pool *pool;
	uint32_t in_slot;
	uint64_t now;
	uint8_t *frames;
	uint32_t flows;
	uint32_t next;
};

struct result {
	const char *kind;
	uint32_t flows;
	double miss;
	double least;
	double median;
};

static void build(struct bench *bench)
{
	struct scenario *s;

	scenario_configure(0, PORT_TX_CSUM, FLOW_ENTRIES);
	s = bench->scenario = scenario_new();
	scenario_bridge(s, LAN);
	scenario_bridge(s, WAN);
	scenario_port(s, IN, "in");
	scenario_port(s, OUT, "out");
	scenario_member(s, 21, IN, LAN, 0, false);
	scenario_member(s, 22, OUT, WAN, 0, false);
	// The same two ports bridged, as VLAN 5.
	scenario_member(s, 23, IN, LAN, 5, true);
	scenario_member(s, 24, OUT, LAN, 5, true);
	scenario_vrf(s, VRF);
	scenario_interface(s, LEG_IN, VRF, LAN, 0, WEFT__NAT_ROLE__NAT_INSIDE, "10.0.0.1/8", NULL);
	scenario_interface(s, LEG_OUT, VRF, WAN, 0, WEFT__NAT_ROLE__NAT_OUTSIDE, "198.51.100.2/24",
	                   NULL);
	scenario_route(s, 34, VRF, "0.0.0.0/0", LEG_OUT, "198.51.100.1");
	scenario_nat_rule(s, 33, VRF, LEG_OUT, "10.0.0.0/8", NULL);
	scenario_neighbour(s, 36, LEG_OUT, "198.51.100.1", OUT_MAC);
	scenario_fdb_entry(s, 41, WAN, 0, OUT_MAC, OUT);
	scenario_commit(s);

	const struct pipeline_config config = {
		.worker = 0,
		.flow_entries = FLOW_ENTRIES,
		.state = scenario_state(s),
		.stats = scenario_stats(s),
	};

	bench->pipeline = pipeline_new(&config);
	bench->pool = packet_pool_new(256, 1 << 16);
	bench->in_slot = slot_find(scenario_state(s), SLOT_PORT, IN, 0);
	bench->now = scenario_now(s);
	if (!bench->pipeline || !bench->pool)
		abort();
}

static void keep(struct bench *bench, uint32_t flow, const struct frame *frame)
{
	memcpy(bench->frames + (size_t)flow * FRAME, frame->bytes, FRAME);
}

// Pairs of MACs in VLAN 5: as many senders as receivers.
static void lay_out_l2(struct bench *bench)
{
	uint32_t side = 1;
	char from_mac[18], to_mac[18];

	while (side * side < bench->flows)
		side++;
	for (uint32_t flow = 0; flow < bench->flows; flow++) {
		struct end from = {from_mac, "10.0.0.2", 1};
		struct end to = {to_mac, "10.0.0.3", 2};

		snprintf(from_mac, sizeof(from_mac), "02:01:00:00:%02x:%02x",
		         flow / side >> 8 & 255, flow / side & 255);
		snprintf(to_mac, sizeof(to_mac), "02:02:00:00:%02x:%02x", flow % side >> 8 & 255,
		         flow % side & 255);

		struct frame frame = frame_tagged(frame_udp(&from, &to, "0123456789abcd"), 5);

		keep(bench, flow, &frame);
		if (flow >= side)
			continue;
		// The receivers make themselves known.
		snprintf(to_mac, sizeof(to_mac), "02:02:00:00:%02x:%02x", flow >> 8 & 255,
		         flow & 255);
		frame = frame_tagged(frame_udp(&to, &from, "here"), 5);
		scenario_send(bench->scenario, OUT, frame);
		scenario_discard(bench->scenario);
	}
}

// One host speaks from a thousand ports to a thousand servers.
static void lay_out_nat(struct bench *bench)
{
	char ip[IP_TEXT];

	for (uint32_t flow = 0; flow < bench->flows; flow++) {
		struct end from = {IN_MAC, "10.0.0.2", (uint16_t)(10000 + flow % 1000)};
		struct end to = {ROUTER_MAC, ip, 443};

		snprintf(ip, sizeof(ip), "203.%u.%u.1", 1 + (flow / 1000 >> 8), flow / 1000 & 255);

		struct frame frame = frame_udp(&from, &to, "0123456789abcdef01");

		keep(bench, flow, &frame);
	}
}

static void fill(struct bench *bench, struct batch *batch)
{
	for (batch->count = 0; batch->count < BATCH_SIZE; batch->count++) {
		struct packet *packet = packet_take(bench->pool);

		memcpy(packet->data, bench->frames + (size_t)bench->next * FRAME, FRAME);
		packet->len = packet->head_len = FRAME;
		packet->in_port = bench->in_slot;
		packet->queue = 0;
		batch->packets[batch->count] = packet;
		bench->next = (bench->next + STEP) % bench->flows;
	}
}

// Cycles a packet, over `packets` of them.
static double run(struct bench *bench, uint64_t packets)
{
	const struct generation *generation = scenario_generation(bench->scenario);
	uint64_t cycles = 0;
	uint64_t done = 0;
	struct batch batch;

	while (done < packets) {
		fill(bench, &batch);
		done += batch.count;

		uint64_t before = __rdtsc();

		pipeline_run(bench->pipeline, generation, &batch, bench->pool, bench->now);
		cycles += __rdtsc() - before;
		// A million packets a second go by on the virtual clock.
		bench->now += BATCH_SIZE * NSEC_PER_USEC;
	}
	return (double)cycles / (double)done;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct result measure(struct bench *bench, const char *kind, uint32_t flows, unsigned runs,
                             uint64_t packets)
{
	struct result result = {.kind = kind, .flows = flows};
	double values[MAX_RUNS];

	bench->flows = flows;
	bench->next = 0;
	bench->frames = malloc((size_t)flows * FRAME);
	if (!bench->frames)
		abort();
	if (kind[0] == 'l')
		lay_out_l2(bench);
	else
		lay_out_nat(bench);

	memport_loop(scenario_door(bench->scenario, OUT), true);

	uint64_t sent = memport_sent(scenario_door(bench->scenario, OUT));

	result.miss = run(bench, flows);
	for (unsigned i = 0; i < runs; i++)
		values[i] = run(bench, packets > flows ? packets : flows);
	if (memport_sent(scenario_door(bench->scenario, OUT)) == sent)
		fprintf(stderr, "nothing was sent\n");
	qsort(values, runs, sizeof(values[0]), by_value);
	result.least = values[0];
	result.median = values[runs / 2];
	free(bench->frames);
	return result;
}

static double counter_hz(void)
{
	uint64_t before = clock_now();
	uint64_t cycles = __rdtsc();

	while (clock_now() - before < 100 * NSEC_PER_MSEC)
		continue;
	return (double)(__rdtsc() - cycles) * 1e9 / (double)(clock_now() - before);
}

static void print(const struct result *result, double hz, bool json, bool first)
{
	if (json) {
		printf("%s\n  {\"kind\": \"%s\", \"flows\": %u, \"first_cycles\": %.1f, "
		       "\"least_cycles\": %.1f, \"median_cycles\": %.1f, \"median_mpps\": %.2f}",
		       first ? "[" : ",", result->kind, result->flows, result->miss, result->least,
		       result->median, hz / result->median / 1e6);
		return;
	}
	if (first)
		printf("%-6s %9s %12s %12s %12s %8s\n", "", "flows", "first", "least", "median",
		       "Mpps");
	printf("%-6s %9u %12.1f %12.1f %12.1f %8.2f\n", result->kind, result->flows, result->miss,
	       result->least, result->median, hz / result->median / 1e6);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	                                        {"runs", required_argument, NULL, 'r'},
	                                        {"packets", required_argument, NULL, 'p'},
	                                        {"flows", required_argument, NULL, 'f'},
	                                        {0}};
	static const char *const kinds[] = {"l2", "nat"};
	uint32_t flows[8] = {1, 10000, 1000000};
	unsigned flow_count = 0;
	uint64_t packets = 2000000;
	unsigned runs = 7;
	bool json = false;
	bool first = true;
	int option;

	while ((option = getopt_long(argc, argv, "jr:p:f:", options, NULL)) != -1) {
		if (option == 'j')
			json = true;
		else if (option == 'r')
			runs = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'p')
			packets = strtoull(optarg, NULL, 10);
		else if (option == 'f' && flow_count < ARRAY_SIZE(flows))
			flows[flow_count++] = (uint32_t)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (flow_count == 0)
		flow_count = 3;
	if (runs == 0 || runs > MAX_RUNS)
		return 2;

	double hz = counter_hz();

	for (unsigned i = 0; i < flow_count; i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
			struct bench bench = {0};

			if (flows[i] == 0)
				return 2;
			build(&bench);

			struct result result = measure(&bench, kinds[k], flows[i], runs, packets);

			print(&result, hz, json, first);
			first = false;
			pipeline_free(bench.pipeline);
			packet_pool_free(bench.pool);
			scenario_free(bench.scenario);
		}
	}
	if (json)
		printf("\n]\n");
	return 0;
}
