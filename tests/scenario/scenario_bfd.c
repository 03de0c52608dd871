// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_bfd: the other ends run the same state machine, by the same clock.

#include "tests/scenario/scenario_bfd.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/scenario/scenario_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE_NS = 1000000 };

static int open_way(void *user, const struct bfd_path *path, void **ret, struct fail *fail)
{
	struct scenario *scenario = user;
	const struct bfd_config config = {.interval_us = 50000, .multiplier = 3};

	for (unsigned i = 0; i < SCENARIO_BFD_ENDS; i++) {
		struct scenario_end *end = &scenario->ends[i];

		if (end->open)
			continue;
		*end = (struct scenario_end){.open = true, .path = *path};
		bfd_init(&end->bfd, &config, 0xe0000001 + i, scenario->now);
		*ret = end;
		return 0;
	}
	fail_msg("too many sessions");
	return -1;
}

static void put(struct scenario *scenario, struct scenario_end *end, bool inward,
                const uint8_t *bytes)
{
	struct scenario_wire *wire = &scenario->wire[scenario->wire_count];

	if (end->cut)
		return;
	assert_true(scenario->wire_count < SCENARIO_WIRE);
	*wire = (struct scenario_wire){.end = end, .inward = inward, .at = scenario->now + WIRE_NS};
	memcpy(wire->bytes, bytes, sizeof(wire->bytes));
	scenario->wire_count++;
}

static void send_by(void *user, void *way, const uint8_t *bytes, size_t len)
{
	assert_int_equal(len, BFD_BYTES);
	put(user, way, false, bytes);
}

static void close_way(void *user, void *way)
{
	struct scenario *scenario = user;
	unsigned kept = 0;

	((struct scenario_end *)way)->open = false;
	for (unsigned i = 0; i < scenario->wire_count; i++)
		if (scenario->wire[i].end != way)
			scenario->wire[kept++] = scenario->wire[i];
	scenario->wire_count = kept;
}

static uint64_t now(void *user)
{
	return ((struct scenario *)user)->now;
}

static void wake(void *user)
{
}

static void event(void *user, Weft__EventType type, uint64_t id, const char *text)
{
	struct scenario *scenario = user;
	struct scenario_event *event = &scenario->events[scenario->event_count];

	assert_true(scenario->event_count < SCENARIO_EVENTS);
	event->type = type;
	event->port = id;
	snprintf(event->text, sizeof(event->text), "%s", text);
	scenario->event_count++;
}

static void forget(void *user, uint32_t slot)
{
	fdb_flush_port(((struct scenario *)user)->state->fdb, slot);
}

struct agent_liveness_config scenario_bfd_config(struct scenario *scenario)
{
	return (struct agent_liveness_config){
		.carrier =
			{
				.user = scenario,
				.open = open_way,
				.send = send_by,
				.close = close_way,
			},
		.now = now,
		.wake = wake,
		.event = event,
		.forget = forget,
		.user = scenario,
	};
}

static void deliver(struct scenario *scenario)
{
	while (scenario->wire_count && scenario->wire[0].at <= scenario->now) {
		struct scenario_wire wire = scenario->wire[0];
		struct bfd_packet packet;

		scenario->wire_count--;
		memmove(scenario->wire, scenario->wire + 1,
		        scenario->wire_count * sizeof(scenario->wire[0]));
		if (wire.inward) {
			agent_tunnels_packet(scenario->tunnels, &wire.end->path, BFD_TTL,
			                     wire.bytes, BFD_BYTES);
			continue;
		}
		assert_int_equal(bfd_packet_read(wire.bytes, BFD_BYTES, &packet), DROP_NONE);
		bfd_receive(&wire.end->bfd, &packet, scenario->now);
	}
}

uint64_t scenario_bfd_run(struct scenario *scenario)
{
	uint64_t due;

	deliver(scenario);
	due = agent_liveness_run(agent_tunnels_liveness(scenario->tunnels));
	for (unsigned i = 0; i < SCENARIO_BFD_ENDS; i++) {
		struct scenario_end *end = &scenario->ends[i];
		uint8_t bytes[BFD_BYTES];

		if (!end->open)
			continue;
		while (bfd_due(&end->bfd) <= scenario->now)
			if (bfd_run(&end->bfd, scenario->now, bytes))
				put(scenario, end, true, bytes);
		due = MIN(due, bfd_due(&end->bfd));
	}
	// The oldest is the first to arrive.
	return scenario->wire_count ? MIN(due, scenario->wire[0].at) : due;
}

static struct scenario_end *find_end(struct scenario *scenario, const char *remote)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(remote, &addr), 0);
	for (unsigned i = 0; i < SCENARIO_BFD_ENDS; i++)
		if (scenario->ends[i].open && ip_equal(scenario->ends[i].path.remote, addr))
			return &scenario->ends[i];
	fail_msg("no session with %s", remote);
	return NULL;
}

void scenario_cut(struct scenario *scenario, const char *remote, bool cut)
{
	find_end(scenario, remote)->cut = cut;
}

void scenario_far_restart(struct scenario *scenario, const char *remote)
{
	struct scenario_end *end = find_end(scenario, remote);
	struct bfd_config config = end->bfd.config;

	bfd_init(&end->bfd, &config, end->bfd.discriminator + 0x100, scenario->now);
}

void scenario_bfd_packet(struct scenario *scenario, const char *local, const char *remote,
                         unsigned ttl, const uint8_t *bytes, size_t len)
{
	struct bfd_path path = {0};

	assert_int_equal(ip_parse(local, &path.local), 0);
	assert_int_equal(ip_parse(remote, &path.remote), 0);
	agent_tunnels_packet(scenario->tunnels, &path, ttl, bytes, len);
}

void scenario_expect_event(struct scenario *scenario, Weft__EventType type, uint64_t port,
                           const char *part)
{
	struct scenario_event *event = &scenario->events[0];

	if (!scenario->event_count)
		fail_msg("no event; wanted: %s", part);
	if (event->type != type || event->port != port || !strstr(event->text, part))
		fail_msg("event %d of %lu: %s; wanted: %d of %lu: %s", (int)event->type,
		         (unsigned long)event->port, event->text, (int)type, (unsigned long)port,
		         part);
	scenario->event_count--;
	memmove(event, event + 1, scenario->event_count * sizeof(*event));
}

void scenario_expect_no_event(struct scenario *scenario)
{
	if (scenario->event_count)
		fail_msg("an event that nobody expected: %s", scenario->events[0].text);
}
