// SPDX-License-Identifier: BSD-3-Clause
//
// hosts_world: a controller with three hosts, each a fake datapath that can be told to refuse, or to go away at
// the worst moment.

#pragma once

#include "controller/control.h"
#include "controller/leases.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "tests/unit/controller/fake_datapath.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>
#include <event2/event.h>

enum { LOCAL, A, B, FAKES };

struct answer {
	bool came;
	struct refusal refusal;
	char note[160];
};

struct world {
	char dir[UNIT_DIR];
	struct event_base *base;
	struct control control;
	struct fake_datapath fakes[FAKES];
	char told[64], text[256];
	unsigned leases;
	struct leases running;
	struct lease_row row; // of the last that came
	bool ends;            // the next one
};

// Turns the loop until the condition holds, for at most ten seconds.
#define UNTIL(world, condition)                                    \
	do {                                                       \
		uint64_t until_ = clock_now() + 10 * NSEC_PER_SEC; \
		while (!(condition) && clock_now() < until_)       \
			world_turn(world);                         \
		assert_true(condition);                            \
	} while (0)

void world_turn(struct world *world);
struct host *world_host(struct world *world, unsigned which);
void world_connect(struct world *world, unsigned which);
void world_make_ready(struct world *world, unsigned which);

// Lines with a semicolon between them, as one batch; "-" before one removes it, "!" also what needs it.
// The answer outlives it.
void world_submit(struct world *world, const char *lines, uint32_t confirm_seconds,
                  struct answer *answer);
void world_submit_dry(struct world *world, const char *lines, struct answer *answer);
// For changes of one's own: the user is a struct answer.
void world_on_done(void *user, const struct change_result *result);
// The same, and waits for the answer; the second fails unless it is done.
struct answer world_put(struct world *world, const char *lines);
void world_put_well(struct world *world, const char *lines);
// Every host holds what is desired of it, and that is what a fresh start derives.
void world_check_equal(struct world *world);

// Ends as kill -9 does: nobody is told, nothing is undone; and begins again.
void world_open(struct world *world); // Without waiting for anybody.
void world_die(struct world *world);
void world_live_again(struct world *world);

// As cmocka wants them: all three are ready, a and b are on other machines, and there is the net lan.
int world_setup(void **state);
int world_teardown(void **state);

// A host says it of its own accord: of a lease of that scope, or (NULL) of none. world->ends tells whether it ends.
void world_send_event(struct world *world, unsigned which, Weft__EventType type,
                      const uint64_t *scope);
// The one DHCP scope that the host is to have.
uint64_t world_scope(struct world *world, unsigned which);
// How many addresses the host was told of.
uint64_t world_addresses(struct world *world, unsigned which);
