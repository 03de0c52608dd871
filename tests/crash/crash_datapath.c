// SPDX-License-Identifier: BSD-3-Clause
//
// crash_datapath: kills weft-datapath at random points of a stream of transactions, again and again.
//
// The stand-in knows the objects after each transaction it was told to be good (state g), and what the one
// under way would make of them (g+1). The next process must greet with the segments and slots of the dead one,
// take the whole of either state as one transaction, and then hold exactly that. To see what the dead one
// had published, connections to it are cut as well: a datapath that lives must hold g or g+1.

#include "base/clock.h"
#include "base/rand.h"
#include "datapath/agent_store.h"
#include "proto/digest.h"
#include "tests/channel/stand_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORTS = 40, KILLS_DEFAULT = 200, STREAM_MAX = 12 };

static const char *const arguments[] = {"--connections", "1024", "--macs", "1024", NULL};

// What a port is in a state: absent, or in a VLAN.
struct world {
	bool present[PORTS];
	uint32_t vid[PORTS];
};

static void fail(const char *what, const struct tx_answer *answer)
{
	fprintf(stderr, "crash_datapath: %s%s%s\n", what, answer ? ": " : "",
	        answer ? answer->what : "");
	exit(1);
}

static uint64_t port_id(unsigned i)
{
	return 100 + i;
}

static uint64_t member_id(unsigned i)
{
	return 1000 + i;
}

static void put(struct objects *list, const struct world *world, unsigned i)
{
	objects_port(list, port_id(i), "port/crash");
	objects_member(list, member_id(i), port_id(i), 1, world->vid[i], false);
}

// Changes some ports at once, so that half of a transaction would show.
static void change(struct world *world, struct objects *list)
{
	for (unsigned n = 0; n < 6; n++) {
		unsigned i = rand_below(PORTS);

		if (world->present[i] && rand_below(3) == 0) {
			world->present[i] = false;
			objects_delete(list, WEFT__KIND__KIND_VLAN_MEMBER, member_id(i));
			objects_delete(list, WEFT__KIND__KIND_PORT, port_id(i));
		} else {
			world->present[i] = true;
			world->vid[i] = 1 + rand_below(100);
			put(list, world, i);
		}
	}
}

static void whole(struct objects *list, const struct world *world)
{
	objects_bridge(list, 1);
	for (unsigned i = 0; i < PORTS; i++)
		if (world->present[i])
			put(list, world, i);
}

static void expect(const struct world *world, struct digest *ret)
{
	struct objects list = {0};

	memset(ret, 0, sizeof(*ret));
	whole(&list, world);
	for (size_t i = 0; i < list.count; i++) {
		const struct apply_op *op = &list.ops[i];

		ret->count[op->kind]++;
		ret->hash[op->kind] +=
			digest_object((uint32_t)op->kind, op->id, op->object, op->len);
	}
	objects_clear(&list);
}

static bool is_same(const struct digest *a, const struct digest *b)
{
	return memcmp(a->count, b->count, sizeof(a->count)) == 0 &&
	       memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

static void begin(struct stand_in *stand_in)
{
	if (stand_in_start(stand_in, arguments) < 0 || stand_in_greet(stand_in) < 0)
		fail("the datapath did not come up", NULL);
}

static void synchronise(struct stand_in *stand_in, const struct world *world)
{
	const struct tx_options options = {.complete = true};
	struct objects list = {0};
	struct digest expected, held;
	struct tx_answer answer = {0};

	whole(&list, world);
	if (stand_in_commit(stand_in, &list, &options, &answer) != 0)
		fail("the whole state was refused", &answer);
	objects_clear(&list);
	expect(world, &expected);
	if (stand_in_digest(stand_in, &held) < 0 || !is_same(&expected, &held))
		fail("the new process holds something else than it was told", NULL);
}

// Sends a few transactions without waiting; *last is the state after all of them.
static unsigned send_stream(struct stand_in *stand_in, const struct world *from,
                            struct world states[STREAM_MAX + 1])
{
	unsigned count = 1 + rand_below(STREAM_MAX);

	states[0] = *from;
	for (unsigned i = 0; i < count; i++) {
		// Some in two steps, so that kills fall between them.
		const struct tx_options options = {.prepare = rand_below(3) == 0};
		struct objects list = {0};
		uint64_t tx;

		states[i + 1] = states[i];
		change(&states[i + 1], &list);
		tx = stand_in_send(stand_in, &list, &options);
		if (options.prepare)
			stand_in_send_decision(stand_in, tx, true);
		objects_clear(&list);
	}
	return count;
}

// Takes the answers that came. Returns how many transactions are known to be good.
static unsigned take_answers(struct stand_in *stand_in, unsigned sent)
{
	struct tx_answer answer;
	unsigned good = 0;

	while (good < sent && stand_in_wait(stand_in, &answer) == 0) {
		if (answer.code != 0)
			fail("a good transaction was refused", &answer);
		if (answer.prepared)
			continue;
		good++;
	}
	return good;
}

// The connection is cut in the middle; the process lives and must hold one of the states in whole.
static unsigned find_state(struct stand_in *stand_in, const struct world states[], unsigned sent)
{
	struct digest held, expected;

	stand_in_hang_up(stand_in);
	if (stand_in_greet(stand_in) < 0 || stand_in_digest(stand_in, &held) < 0)
		fail("the datapath did not come back after its controller went", NULL);
	for (unsigned i = 0; i <= sent; i++) {
		expect(&states[i], &expected);
		if (is_same(&expected, &held))
			return i;
	}
	fail("the datapath holds a state that never was", NULL);
	return 0;
}

static void round_of_kill(struct stand_in *stand_in, struct world *world)
{
	struct world states[STREAM_MAX + 1];
	unsigned sent = send_stream(stand_in, world, states), known;

	// Somewhere between the first byte and a little after the last.
	stand_in_idle(stand_in, rand_below(3));
	usleep(rand_below(1500));
	stand_in_kill(stand_in);
	known = take_answers(stand_in, sent);

	// The controller cannot know more than it was told; it goes on from either.
	*world = states[known < sent ? known + rand_below(2) : known];
	begin(stand_in);
	if (!stand_in_was_fresh(stand_in) || !stand_in_holds(stand_in, "state"))
		fail("the segments were not handed over", NULL);
	synchronise(stand_in, world);
}

static void round_of_cut(struct stand_in *stand_in, struct world *world)
{
	struct world states[STREAM_MAX + 1];
	unsigned sent = send_stream(stand_in, world, states);

	stand_in_idle(stand_in, rand_below(2));
	*world = states[find_state(stand_in, states, sent)];
}

int main(int argc, char **argv)
{
	unsigned kills = argc > 2 ? (unsigned)atoi(argv[2]) : KILLS_DEFAULT, cuts = 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : clock_wall();
	struct world world = {0};
	struct stand_in *stand_in;

	if (argc < 2)
		return 2;
	printf("seed %llu\n", (unsigned long long)seed);
	rand_seed_for_tests(seed);
	stand_in = stand_in_new(argv[1]);
	if (!stand_in)
		fail("no run directory", NULL);
	begin(stand_in);
	synchronise(stand_in, &world);
	for (unsigned killed = 0; killed < kills;) {
		if (rand_below(3) == 0) {
			round_of_cut(stand_in, &world);
			cuts++;
		} else {
			round_of_kill(stand_in, &world);
			killed++;
		}
	}
	stand_in_free(stand_in);
	printf("killed %u times, cut off %u times: always a whole state\n", kills, cuts);
	return 0;
}
