// SPDX-License-Identifier: BSD-3-Clause
//
// bench_vhost: cycles that the switch spends on a frame from guest to guest, rings and copies included.
//
// Two guests of tests/guest in this very process, two vhost ports, and one datapath of the scenario kit that bridges
// them: one thread plays the sender, then the switch, then the receiver, a batch at a time, and only the switch is
// measured (rx, pipeline with the tx in it, finish). The lines of the rings are warm in this core's
// cache, so that what a real guest on another core adds is left out: tests/bench/vhost-compare has that. Good for
// comparing two versions of the code, by cycles, or by instructions under callgrind (--packets 64000).
//
// Usage: bench_vhost [--json] [--runs N] [--packets N] [--len N] [--packed] [--regions N] [--flows N]...

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/guest/vguest_frame.h"
#include "tests/guest/vguest_load.h"
#include "tests/guest/vguest_nic.h"
#include "tests/scenario/scenario.h"
#include "vnic/vhost/vhost_port.h"

#include <event2/event.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <x86intrin.h>

enum {
	LAN = 1,
	GUESTS = 2,
	PORT_ID = 11, // and the next
	MAX_RUNS = 64,
	RING = 256,
};

struct bench {
	struct scenario *scenario;
	struct pipeline *pipeline;
	struct packet_pool *pool;
	struct event_base *base;
	struct port *doors[GUESTS];
	struct port *replaced[GUESTS];
	struct vguest_nic nics[GUESTS];
	char folder[64], paths[GUESTS][96];
	uint64_t now;
	uint64_t received;
	uint32_t flows, next;
	uint32_t len;
	unsigned regions;
	bool packed;
	_Atomic bool plugged;
};

static void die(const char *what, const struct fail *fail)
{
	fprintf(stderr, "bench_vhost: %s: %s\n", what, fail ? fail->what : "failed");
	exit(1);
}

static void settle(void *user)
{
}

static void on_event(void *user, enum vhost_port_event event, const char *what)
{
}

static struct port_config *config_of(struct bench *bench, unsigned which)
{
	const struct generation *generation = scenario_generation(bench->scenario);
	uint32_t slot = slot_find(scenario_state(bench->scenario), SLOT_PORT, PORT_ID + which, 0);

	// The one place where the kit's own memory doors are put aside.
	return (struct port_config *)pmap_get(&generation->ports, slot);
}

static void open_door(struct bench *bench, unsigned which)
{
	const struct vhost_port_config config = {
		.name = which ? "b" : "a",
		.path = bench->paths[which],
		.server = true,
		.pairs = 1,
		.mtu = 1500,
		.base = bench->base,
		.settle = settle,
		.event = on_event,
		.user = bench,
	};
	struct port_config *port = config_of(bench, which);
	struct fail fail = {0};

	snprintf(bench->paths[which], sizeof(bench->paths[which]), "%s/%u", bench->folder, which);
	if (vhost_port_open(&config, &bench->doors[which], &fail) ||
	    vhost_port_arrive(bench->doors[which], &fail))
		die("a port", &fail);
	bench->doors[which]->slot = port->slot;
	bench->replaced[which] = port->door;
	port->door = bench->doors[which];
}

// The front ends wait for answers, which the main thread gives meanwhile.
static void *plug_in(void *user)
{
	struct bench *bench = user;

	for (unsigned i = 0; i < GUESTS; i++) {
		struct vguest_nic_setup setup = {
			.options =
				{
					.path = bench->paths[i],
					.features = VGUEST_FEATURES,
					.protocol = VGUEST_PROTOCOL,
					.pairs = 1,
					.size = RING,
					.regions = bench->regions,
				},
			.rx_layout = VGUEST_JOINED,
			.tx_layout = VGUEST_JOINED,
		};
		struct fail fail = {0};

		if (bench->packed)
			setup.options.features |= VGUEST_BIT(34); // VIRTIO_F_RING_PACKED
		if (vguest_nic_open(&bench->nics[i], &setup, &fail))
			die("a guest", &fail);
	}
	atomic_store(&bench->plugged, true);
	return NULL;
}

static void build(struct bench *bench)
{
	pthread_t thread;

	scenario_configure(0, PORT_TX_CSUM, 1024);
	bench->scenario = scenario_new();
	scenario_bridge(bench->scenario, LAN);
	for (unsigned i = 0; i < GUESTS; i++) {
		scenario_port(bench->scenario, PORT_ID + i, i ? "b" : "a");
		scenario_member(bench->scenario, 21 + i, PORT_ID + i, LAN, 0, false);
		scenario_fdb_entry(bench->scenario, 31 + i, LAN, 0,
		                   i ? "02:76:67:00:00:02" : "02:76:67:00:00:01", PORT_ID + i);
	}
	scenario_commit(bench->scenario);

	const struct pipeline_config config = {
		.flow_entries = 1 << 16,
		.state = scenario_state(bench->scenario),
		.stats = scenario_stats(bench->scenario),
	};

	bench->pipeline = pipeline_new(&config);
	bench->pool = packet_pool_new(256, 1 << 16);
	bench->now = scenario_now(bench->scenario);
	bench->base = event_base_new();
	snprintf(bench->folder, sizeof(bench->folder), "/tmp/bench_vhost.XXXXXX");
	if (!bench->pipeline || !bench->pool || !bench->base || !mkdtemp(bench->folder))
		die("the datapath", NULL);
	for (unsigned i = 0; i < GUESTS; i++)
		open_door(bench, i);
	if (pthread_create(&thread, NULL, plug_in, bench))
		die("a thread", NULL);
	while (!atomic_load(&bench->plugged))
		event_base_loop(bench->base, EVLOOP_NONBLOCK);
	pthread_join(thread, NULL);
}

static void tear_down(struct bench *bench)
{
	for (unsigned i = 0; i < GUESTS; i++) {
		vguest_nic_close(&bench->nics[i]);
		config_of(bench, i)->door = bench->replaced[i];
		bench->doors[i]->ops->close(bench->doors[i]);
	}
	rmdir(bench->folder);
	event_base_free(bench->base);
	pipeline_free(bench->pipeline);
	packet_pool_free(bench->pool);
	scenario_free(bench->scenario);
}

static void send_batch(struct bench *bench)
{
	struct vguest_net *net = vguest_nic_tx(&bench->nics[0], 0);

	if (vguest_net_reclaim(net) < 0)
		die("the sender's ring", NULL);
	for (unsigned i = 0; i < BATCH_SIZE; i++) {
		struct vguest_flow flow = {
			.address_to = 0x0a000100 + bench->next,
			.address_from = 0x0a000001,
			.port_to = 9,
			.port_from = 1000,
			.no_checksum = true,
		};
		struct virtio_net_hdr_v1 header;
		uint32_t buffer;
		uint8_t *at = vguest_net_claim(net, &buffer);

		vguest_load_mac(0, flow.source);
		vguest_load_mac(1, flow.destination);
		if (!at)
			die("the sender's ring is full", NULL);
		vguest_frame_build(&flow, bench->next, 0, bench->len, &header,
		                   at + net->header_len);
		memcpy(at, &header, net->header_len);
		if (vguest_net_push(net, buffer, bench->len))
			die("the sender's ring", NULL);
		bench->next = (bench->next + 1) % bench->flows;
	}
	vguest_net_flush(net);
}

static void saw(void *context, const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                uint32_t len)
{
	struct bench *bench = context;

	bench->received++;
}

// What is measured; by its name callgrind finds it too (--toggle-collect=run_switch).
static __attribute__((noinline)) unsigned run_switch(struct bench *bench,
                                                     const struct generation *generation)
{
	struct port *door = bench->doors[0];
	struct batch batch = {0};
	unsigned count = port_rx(door, 0, bench->pool, &batch);

	pipeline_run(bench->pipeline, generation, &batch, bench->pool, bench->now);
	door->ops->finish(door, 0);
	return count;
}

static double run(struct bench *bench, uint64_t packets)
{
	const struct generation *generation = scenario_generation(bench->scenario);
	struct vguest_net *sink = vguest_nic_rx(&bench->nics[1], 0);
	uint64_t cycles = 0, done = 0;

	bench->received = 0;
	while (done < packets) {
		send_batch(bench);

		uint64_t before = __rdtsc();

		done += run_switch(bench, generation);
		cycles += __rdtsc() - before;
		bench->now += BATCH_SIZE * NSEC_PER_USEC;
		if (vguest_net_receive(sink, RING, saw, bench) < 0)
			die("the receiver's ring", NULL);
	}
	if (bench->received != done)
		die("frames were lost", NULL);
	return (double)cycles / (double)done;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	                                        {"runs", required_argument, NULL, 'r'},
	                                        {"packets", required_argument, NULL, 'p'},
	                                        {"len", required_argument, NULL, 'l'},
	                                        {"packed", no_argument, NULL, 'k'},
	                                        {"regions", required_argument, NULL, 'm'},
	                                        {"flows", required_argument, NULL, 'f'},
	                                        {0}};
	uint32_t flows[8] = {1, 10000, 1000000};
	unsigned flow_count = 0, runs = 7;
	uint64_t packets = 1000000;
	struct bench bench = {.len = 64, .flows = 1, .regions = 1};
	double values[MAX_RUNS];
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "jr:p:l:km:f:", options, NULL)) != -1) {
		if (option == 'j')
			json = true;
		else if (option == 'r')
			runs = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'p')
			packets = strtoull(optarg, NULL, 10);
		else if (option == 'l')
			bench.len = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'k')
			bench.packed = true;
		else if (option == 'm')
			bench.regions = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'f' && flow_count < ARRAY_SIZE(flows))
			flows[flow_count++] = (uint32_t)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (flow_count == 0)
		flow_count = 3;
	if (runs == 0 || runs > MAX_RUNS || bench.len < VGUEST_FRAME_MIN || bench.len > 1514)
		return 2;
	build(&bench);
	if (!json)
		printf("%-7s %6s %9s %8s %8s\n", "ring", "bytes", "flows", "least", "median");
	for (unsigned i = 0; i < flow_count; i++) {
		if (flows[i] == 0)
			return 2;
		bench.flows = flows[i];
		bench.next = 0;
		run(&bench, 1000);
		for (unsigned j = 0; j < runs; j++)
			values[j] = run(&bench, packets);
		qsort(values, runs, sizeof(values[0]), by_value);
		printf(json ? "{\"ring\": \"%s\", \"len\": %u, \"flows\": %u, \"least_cycles\": %.1f, "
		              "\"median_cycles\": %.1f}\n"
		            : "%-7s %6u %9u %8.1f %8.1f\n",
		       bench.packed ? "packed" : "split", bench.len, flows[i], values[0],
		       values[runs / 2]);
	}
	tear_down(&bench);
	return 0;
}
