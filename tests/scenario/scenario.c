// SPDX-License-Identifier: BSD-3-Clause
//
// scenario: runs the deterministic core by hand, in one thread.

#include "tests/scenario/scenario_priv.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include "tunnels/tunnel.h"
#include "tunnels/underlay_memory.h"
#include "vnic/memport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WALL_START = 1700000000 };

static struct {
	uint32_t miss_per_second;
	uint32_t offloads;
	uint32_t connections;
} next;

void scenario_configure(uint32_t miss_per_second, uint32_t door_offloads, uint32_t connections)
{
	next.miss_per_second = miss_per_second;
	next.offloads = door_offloads;
	next.connections = connections;
}

static int open_port(void *user, uint64_t id, const char *name, const Weft__Port *port,
                     uint32_t slot, struct port **ret, struct fail *fail)
{
	struct scenario *scenario = user;
	struct port *door;
	struct memport_config config = {
		.name = name, .mtu = port->mtu, .offloads = next.offloads, .depth = 128};

	if (agent_tunnels_have(port)) {
		int code = agent_tunnels_open(scenario->tunnels, id, name, port, slot, ret, fail);

		if (code < 0)
			return code;
		door = *ret;
	} else {
		door = memport_open(&config);
	}
	assert_non_null(door);
	assert_true(scenario->door_count < SCENARIO_PORTS);
	door->slot = slot;
	scenario->doors[scenario->door_count++] = (struct scenario_door){.id = id, .port = door};
	*ret = door;
	return 0;
}

static void close_port(void *user, uint64_t id, struct port *port, enum door_end end)
{
	struct scenario *scenario = user;

	for (unsigned i = 0; i < scenario->door_count; i++) {
		if (scenario->doors[i].port != port)
			continue;
		scenario->doors[i] = scenario->doors[--scenario->door_count];
		if (!agent_tunnels_close(scenario->tunnels, port))
			port->ops->close(port);
		return;
	}
}

static void publish(void *user, const struct generation *generation)
{
	struct scenario *scenario = user;

	scenario->generation = generation;
	if (scenario->pipeline)
		pipeline_follow(scenario->pipeline, generation, scenario->pool, scenario->now);
}

static uint64_t settle(void *user)
{
	return 0;
}

static bool punt(void *user, const struct service_frame *frame)
{
	struct scenario *scenario = user;

	if (scenario->punt_count == SCENARIO_PUNTS)
		return false;
	scenario->punts[scenario->punt_count++] = *frame;
	return true;
}

void scenario_capture(struct scenario *scenario, const struct capture_set *captures)
{
	atomic_store(&scenario->captures, captures);
}

static void open_pipeline(struct scenario *scenario)
{
	const struct pipeline_config config = {
		.worker = 0,
		.flow_entries = 1024,
		.state = scenario->state,
		.stats = scenario->stats,
		.punt = punt,
		.user = scenario,
		.captures = &scenario->captures,
		.miss_per_second = next.miss_per_second,
	};

	scenario->pipeline = pipeline_new(&config);
	assert_non_null(scenario->pipeline);
}

static const struct generation *current(void *user)
{
	const struct scenario *scenario = user;

	return scenario->generation;
}

static void inject(void *user, const struct service_out *out)
{
	struct scenario *scenario = user;

	pipeline_send(scenario->pipeline, scenario->generation, out, scenario->pool, scenario->now);
}

static int upstream(void *user, const char *server, const uint8_t *query, size_t len,
                    uint64_t token)
{
	struct scenario *scenario = user;

	assert_true(len <= sizeof(scenario->upstream_query));
	memcpy(scenario->upstream_query, query, len);
	scenario->upstream_len = len;
	scenario->upstream_token = token;
	scenario->upstream_count++;
	return 0;
}

static void lease_event(void *user, const struct lease *lease, uint64_t expires_wall)
{
}

struct scenario *scenario_new(void)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));
	struct state_sizes sizes = {
		.fdb_entries = 1024,
		.neighbour_entries = 1024,
		.connections = next.connections ? next.connections : 1024,
		.leases = 1024,
		.workers = 1,
	};

	assert_non_null(scenario);
	rand_seed_for_tests(1);
	scenario->now = 1000 * NSEC_PER_SEC;
	scenario->ops = calloc(SCENARIO_OPS, sizeof(*scenario->ops));
	scenario->punts = calloc(SCENARIO_PUNTS, sizeof(*scenario->punts));
	scenario->pool = packet_pool_new(512, 1 << 20);
	scenario->state = state_open(&sizes, -1, (uint32_t)(scenario->now / NSEC_PER_SEC));
	scenario->stats = stats_open(-1, 2);
	assert_non_null(scenario->state);
	assert_non_null(scenario->stats);

	const struct service_env services = {
		.user = scenario,
		.generation = current,
		.send = inject,
		.upstream = upstream,
		.lease_event = lease_event,
	};

	scenario->tunnels = agent_tunnels_new(&(struct agent_tunnels_config){
		.open = underlay_memory_open,
		.retire = free,
		.queues = 1,
		.liveness = scenario_bfd_config(scenario),
	});
	assert_non_null(scenario->tunnels);
	scenario->service = service_new(scenario->state, &services);
	assert_non_null(scenario->service);

	const struct apply_env env = {
		.user = scenario,
		.state = scenario->state,
		.stats = scenario->stats,
		.service = scenario->service,
		.open_port = open_port,
		.close_port = close_port,
		.publish = publish,
		.settle = settle,
	};

	scenario->apply = apply_new(&env);
	assert_non_null(scenario->apply);
	scenario->generation = apply_generation(scenario->apply);
	open_pipeline(scenario);
	return scenario;
}

void scenario_free(struct scenario *scenario)
{
	scenario_expect_silence(scenario);
	scenario_expect_no_event(scenario);
	pipeline_free(scenario->pipeline);
	apply_free(scenario->apply);
	service_free(scenario->service);
	while (scenario->door_count)
		close_port(scenario, 0, scenario->doors[0].port, DOOR_GONE);
	agent_tunnels_free(scenario->tunnels);
	stats_close(scenario->stats);
	state_close(scenario->state);
	packet_pool_free(scenario->pool);
	free(scenario->punts);
	free(scenario->ops);
	free(scenario);
	memset(&next, 0, sizeof(next));
}

void scenario_restart(struct scenario *scenario)
{
	pipeline_free(scenario->pipeline);
	open_pipeline(scenario);
	pipeline_follow(scenario->pipeline, scenario->generation, scenario->pool, scenario->now);
}

void scenario_restart_alone(struct scenario *scenario, double seconds)
{
	static const struct generation nothing;
	const struct generation *held = scenario->generation;

	scenario->generation = &nothing;
	scenario_restart(scenario);
	scenario_run_seconds(scenario, seconds);
	scenario->generation = held;
	pipeline_follow(scenario->pipeline, held, scenario->pool, scenario->now);
}

struct port *scenario_door(struct scenario *scenario, uint64_t port)
{
	for (unsigned i = 0; i < scenario->door_count; i++)
		if (scenario->doors[i].id == port)
			return scenario->doors[i].port;
	fail_msg("port %lu has no door", (unsigned long)port);
	return NULL;
}

static void serve(struct scenario *scenario)
{
	for (unsigned i = 0; i < scenario->punt_count; i++) {
		const struct service_frame *frame = &scenario->punts[i];
		enum drop_reason reason =
			service_frame_in(scenario->service, frame, scenario->now,
		                         WALL_START + scenario->now / NSEC_PER_SEC);

		if (reason)
			stats_drop_words(scenario->stats, 1, frame->port)[reason]++;
	}
	scenario->punt_count = 0;
}

// What impairments held and is due. Returns when there is more.
static uint64_t release(struct scenario *scenario)
{
	unsigned available = packet_pool_available(scenario->pool);
	bool worked = true;
	uint64_t due = UINT64_MAX;

	while (worked) {
		due = pipeline_release(scenario->pipeline, scenario->generation, scenario->pool,
		                       scenario->now, &worked);
		assert_int_equal(packet_pool_available(scenario->pool), available);
	}
	return due;
}

static void run_door(struct scenario *scenario, struct port *door)
{
	struct batch batch = {0};
	unsigned available = packet_pool_available(scenario->pool);

	while (port_rx(door, 0, scenario->pool, &batch)) {
		pipeline_run(scenario->pipeline, scenario->generation, &batch, scenario->pool,
		             scenario->now);
		// Whatever became of the packets, the pool has them back.
		assert_int_equal(packet_pool_available(scenario->pool), available);
		batch.count = 0;
	}
	release(scenario);
	serve(scenario);
}

void scenario_send_batch(struct scenario *scenario, uint64_t port, const struct frame *frames,
                         unsigned count)
{
	struct port *door = scenario_door(scenario, port);

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(memport_put(door, frames[i].bytes, frames[i].len, &frames[i].meta),
		                 0);
	run_door(scenario, door);
}

void scenario_send(struct scenario *scenario, uint64_t port, struct frame frame)
{
	scenario_send_batch(scenario, port, &frame, 1);
}

void scenario_arrive(struct scenario *scenario, uint64_t tunnel, const char *from, uint8_t tos,
                     const void *bytes, size_t len)
{
	struct port *door = scenario_door(scenario, tunnel);
	struct ip_addr addr;

	assert_int_equal(ip_parse(from, &addr), 0);
	assert_int_equal(underlay_memory_put(tunnel_underlay(door), addr, tos, 0, bytes, len), 0);
	run_door(scenario, door);
}

int scenario_datagram(struct scenario *scenario, uint64_t tunnel, struct datagram *ret, void *bytes,
                      size_t size)
{
	struct port *door = scenario_door(scenario, tunnel);

	return underlay_memory_take(tunnel_underlay(door), ret, bytes, size);
}

void scenario_measure(struct scenario *scenario, bool all)
{
	agent_tunnels_measure(scenario->tunnels, current(scenario), scenario->state->fdb, all);
}

void scenario_inject(struct scenario *scenario, const struct service_out *out)
{
	inject(scenario, out);
}

// Tunnels and peers have their underlay instead.
static bool is_memport(const struct port *door)
{
	return strcmp(door->ops->kind, "memory") == 0;
}

static bool take(struct port *door, struct frame *frame)
{
	static uint8_t bytes[PACKET_MAX_LEN + 64];

	memset(frame, 0, sizeof(*frame));

	int len = memport_take(door, bytes, sizeof(bytes), &frame->meta);

	if (len < 0)
		return false;
	assert_true(len <= FRAME_MAX);
	memcpy(frame->bytes, bytes, (size_t)len);
	frame->len = (size_t)len;
	return true;
}

struct frame scenario_take(struct scenario *scenario, uint64_t port)
{
	struct frame frame;

	if (!take(scenario_door(scenario, port), &frame))
		fail_msg("no frame at port %lu", (unsigned long)port);
	if (!frame_sums_are_right(&frame)) {
		frame_print("a checksum is wrong", &frame);
		fail_msg("a checksum is wrong");
	}
	return frame;
}

void scenario_expect(struct scenario *scenario, uint64_t port, struct frame frame)
{
	struct frame got;

	if (!take(scenario_door(scenario, port), &got)) {
		frame_print("expected, but nothing came", &frame);
		fail_msg("no frame at port %lu", (unsigned long)port);
	}
	if (!frame_equal(&frame, &got))
		fail_msg("another frame at port %lu", (unsigned long)port);
	assert_int_equal(frame.meta.flags & PACKET_CSUM_PARTIAL,
	                 got.meta.flags & PACKET_CSUM_PARTIAL);
}

void scenario_expect_silence(struct scenario *scenario)
{
	for (unsigned i = 0; i < scenario->door_count; i++) {
		struct frame frame;

		if (!is_memport(scenario->doors[i].port) || !take(scenario->doors[i].port, &frame))
			continue;
		frame_print("a frame that nobody expected", &frame);
		fail_msg("port %lu is not silent", (unsigned long)scenario->doors[i].id);
	}
}

void scenario_discard(struct scenario *scenario)
{
	struct frame frame;

	for (unsigned i = 0; i < scenario->door_count; i++)
		while (is_memport(scenario->doors[i].port) && take(scenario->doors[i].port, &frame))
			continue;
}

uint64_t scenario_now(const struct scenario *scenario)
{
	return scenario->now;
}

void scenario_run_until(struct scenario *scenario, uint64_t ns)
{
	assert_true(ns >= scenario->now);
	for (;;) {
		uint64_t wall = WALL_START + scenario->now / NSEC_PER_SEC;
		uint64_t held = release(scenario);
		uint64_t wait = pipeline_tick(scenario->pipeline, scenario->generation,
		                              scenario->pool, scenario->now);
		uint64_t other = service_tick(scenario->service, scenario->now, wall);

		wait = MIN(wait, other);
		other = scenario_bfd_run(scenario);
		if (other != UINT64_MAX)
			wait = MIN(wait, other > scenario->now ? other - scenario->now : 0);
		if (held != UINT64_MAX)
			wait = MIN(wait, held > scenario->now ? held - scenario->now : 0);
		if (wait > ns - scenario->now)
			break;
		// Who asks for no time at all shall not stop the clock.
		scenario->now += MAX(wait, NSEC_PER_USEC);
		if (scenario->now > ns)
			break;
	}
	scenario->now = ns;
}

void scenario_run_seconds(struct scenario *scenario, double seconds)
{
	scenario_run_until(scenario, scenario->now + (uint64_t)(seconds * 1e9));
}

static uint32_t slot_of(const struct scenario *scenario, uint64_t port)
{
	uint32_t slot = slot_find(scenario->state, SLOT_PORT, port, 0);

	assert_true(slot != 0);
	return slot;
}

uint64_t scenario_drops(const struct scenario *scenario, uint64_t port, enum drop_reason reason)
{
	return stats_drop_sum(scenario->stats, slot_of(scenario, port), reason);
}

uint64_t scenario_counter(const struct scenario *scenario, uint64_t port, enum stats_port word)
{
	return stats_port_sum(scenario->stats, slot_of(scenario, port), word);
}

uint64_t scenario_worker(const struct scenario *scenario, enum stats_worker word)
{
	return stats_worker_sum(scenario->stats, word);
}

const struct trace *scenario_trace(struct scenario *scenario, uint64_t port, struct frame frame)
{
	struct port *door = scenario_door(scenario, port);
	struct batch batch = {0};

	assert_int_equal(memport_put(door, frame.bytes, frame.len, &frame.meta), 0);
	assert_int_equal(port_rx(door, 0, scenario->pool, &batch), 1);
	pipeline_trace(scenario->pipeline, scenario->generation, batch.packets[0], scenario->now,
	               &scenario->trace);
	packet_give(scenario->pool, batch.packets[0]);
	packet_arena_reset(scenario->pool);
	return &scenario->trace;
}

const char *trace_text(const struct trace *trace)
{
	static char text[TRACE_STEPS * 280];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < trace->count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %s", i ? " -> " : "",
		                        trace->steps[i].stage, trace->steps[i].text);
	return text;
}

struct state *scenario_state(struct scenario *scenario)
{
	return scenario->state;
}

struct service *scenario_service(struct scenario *scenario)
{
	return scenario->service;
}

struct apply *scenario_apply(struct scenario *scenario)
{
	return scenario->apply;
}

const struct generation *scenario_generation(const struct scenario *scenario)
{
	return scenario->generation;
}

unsigned scenario_upstream(const struct scenario *scenario, const uint8_t **query, size_t *len,
                           uint64_t *token)
{
	if (query)
		*query = scenario->upstream_query;
	if (len)
		*len = scenario->upstream_len;
	if (token)
		*token = scenario->upstream_token;
	return scenario->upstream_count;
}

struct stats *scenario_stats(struct scenario *scenario)
{
	return scenario->stats;
}
