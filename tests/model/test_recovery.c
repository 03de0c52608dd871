// SPDX-License-Identifier: BSD-3-Clause
//
// test_recovery: a writer is killed at a random moment; the next process finds all that was settled.
//
// The writer has two threads that work on keys of their own, and writes down how many calls of
// each have returned. After the kill the twin replays these calls, so every key must be as the twin
// says, but for the one of each thread's call that was running: that one may be as before or as
// after, or gone if it was a neighbour's change of MAC (those entries are written over, and asked
// for again). Then the tables must be whole: counts, free slots, both keys of each connection.

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/lease.h"
#include "datapath/state.h"
#include "model.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { ROUNDS = 240, THREADS = 2, KEYS = 150, CONNS = 512, MOST_CALLS = 3000, NOW = 1000 };

enum kind { KIND_FDB, KIND_CONN, KIND_NEIGHBOUR, KIND_LEASE, KINDS };

static const struct state_sizes sizes = {
	.fdb_entries = 1024,
	.neighbour_entries = 512,
	.connections = CONNS,
	.leases = KEYS,
	.workers = THREADS,
};

struct call {
	enum kind kind;
	uint32_t key;
	uint32_t value; // 0 removes.
};

// Shared with the writer.
struct progress {
	_Atomic uint32_t done[THREADS];
	struct call calls[THREADS][MOST_CALLS];
};

struct writer {
	struct state *state;
	struct progress *progress;
	unsigned thread;
};

// What each key's value must be, and what else it may be (or the same).
static uint32_t expected[THREADS][KINDS][KEYS], possible[THREADS][KINDS][KEYS];

static struct mac mac_of(uint32_t n)
{
	return mac_from_u64(UINT64_C(0x020000000000) + n);
}

static struct ip_addr ip_of(uint32_t n)
{
	return ip_from4(htobe32(0x0a000000 + n));
}

// The value is in the rule of the connection, so the keys alone name it.
static void conn_keys(unsigned thread, uint32_t key, struct conn_key keys[static 2])
{
	keys[0] = (struct conn_key){
		.src = ip_of(1),
		.dst = ip_of(2),
		.src_port = (uint16_t)key,
		.zone = (uint16_t)(1 + thread),
	};
	keys[1] = conn_key_reverse(&keys[0]);
}

static void call_fdb(struct state *state, unsigned thread, const struct call *call)
{
	struct mac mac = mac_of(call->key);

	if (call->value)
		fdb_learn(state->fdb, 1 + thread, &mac, call->value, NOW, 0, 0);
	else
		fdb_remove(state->fdb, 1 + thread, &mac);
}

static struct conn_ref find_conn(struct state *state, unsigned thread, uint32_t key)
{
	struct conn_key keys[2];
	enum conn_direction direction;

	conn_keys(thread, key, keys);
	return conn_lookup(state->conns, &keys[0], &direction);
}

// A connection keeps its value for life.
static void call_conn(struct state *state, unsigned thread, const struct call *call)
{
	struct conn_key keys[2];
	struct conn_ref ref;

	conn_keys(thread, call->key, keys);
	if (call->value)
		conn_insert(state->conns, thread, keys, 0, 600, call->value, NOW, &ref, NULL);
	else
		conn_remove(state->conns, find_conn(state, thread, call->key));
}

static void call_neighbour(struct state *state, unsigned thread, const struct call *call)
{
	struct mac mac = mac_of(call->value);
	struct ip_addr ip = ip_of(call->key);

	if (call->value)
		neighbour_confirm(state->neighbours, thread, &ip, &mac, true, true, 0);
	else
		neighbour_remove(state->neighbours, thread, &ip);
}

static void call_lease(struct state *state, const struct call *call)
{
	struct lease lease = {
		.scope = 1,
		.ip = ip_of(call->key),
		.mac = mac_of(call->value),
		.state = LEASE_BOUND,
	};
	struct lease *old = lease_by_ip(state->leases, 1, &lease.ip);

	if (call->value)
		lease_put(state->leases, &lease);
	else if (old)
		lease_remove(state->leases, old);
}

static void *write_calls(void *user)
{
	struct writer *writer = user;
	unsigned thread = writer->thread;

	for (uint32_t i = 0; i < MOST_CALLS; i++) {
		const struct call *call = &writer->progress->calls[thread][i];

		switch (call->kind) {
		case KIND_FDB:
			call_fdb(writer->state, thread, call);
			break;
		case KIND_CONN:
			call_conn(writer->state, thread, call);
			break;
		case KIND_NEIGHBOUR:
			call_neighbour(writer->state, thread, call);
			break;
		case KIND_LEASE:
		case KINDS:
			call_lease(writer->state, call);
			break;
		}
		atomic_store(&writer->progress->done[thread], i + 1);
	}
	return NULL;
}

static void run_writer(int fd, struct progress *progress)
{
	struct state *state = state_open(&sizes, fd, NOW);
	struct writer writers[THREADS];
	pthread_t threads[THREADS];

	if (!state || !state->recovered)
		_exit(1);
	for (unsigned i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){state, progress, i};
		if (pthread_create(&threads[i], NULL, write_calls, &writers[i]) != 0)
			_exit(1);
	}
	for (;;)
		pause();
}

// Leases are the first thread's only.
static void plan_calls(struct progress *progress)
{
	for (unsigned thread = 0; thread < THREADS; thread++) {
		progress->done[thread] = 0;
		for (uint32_t i = 0; i < MOST_CALLS; i++)
			progress->calls[thread][i] = (struct call){
				.kind = rand_below(thread == 0 ? KINDS : KIND_LEASE),
				.key = rand_below(KEYS),
				.value = model_chance(3) ? 0 : 1 + rand_below(50),
			};
	}
}

static void kill_writer(int fd, struct progress *progress)
{
	uint32_t enough = rand_below(MOST_CALLS / 2);
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		run_writer(fd, progress);
	close(fd);
	while (atomic_load(&progress->done[0]) < enough) {
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		for (uint32_t spin = rand_below(200); spin > 0; spin--)
			atomic_load(&progress->done[0]);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

// What a call makes of the value that was there.
static uint32_t after_call(const struct call *call, uint32_t before)
{
	if (call->kind == KIND_CONN && call->value && before)
		return before;
	return call->value;
}

static void replay(const struct progress *progress)
{
	for (unsigned thread = 0; thread < THREADS; thread++) {
		uint32_t done = progress->done[thread];

		for (uint32_t i = 0; i <= done && i < MOST_CALLS; i++) {
			const struct call *call = &progress->calls[thread][i];
			uint32_t *value = &expected[thread][call->kind][call->key];

			if (i == done)
				possible[thread][call->kind][call->key] = after_call(call, *value);
			else
				possible[thread][call->kind][call->key] = *value =
					after_call(call, *value);
		}
	}
}

static uint32_t read_conn(struct state *state, unsigned thread, uint32_t key)
{
	struct conn_ref ref = find_conn(state, thread, key);
	struct conn_key keys[2];
	enum conn_direction direction;

	conn_keys(thread, key, keys);
	assert_int_equal(conn_lookup(state->conns, &keys[1], &direction).index, ref.index);
	return ref.index == CONN_NONE ? 0 : (uint32_t)conn_get(state->conns, ref)->rule;
}

static uint32_t read_value(struct state *state, unsigned thread, enum kind kind, uint32_t key)
{
	struct mac mac = mac_of(key);
	struct ip_addr ip = ip_of(key);
	const struct lease *lease;
	uint32_t value = 0;

	switch (kind) {
	case KIND_FDB:
		fdb_lookup(state->fdb, 1 + thread, &mac, &value);
		return value;
	case KIND_CONN:
		return read_conn(state, thread, key);
	case KIND_NEIGHBOUR:
		if (neighbour_lookup(state->neighbours, thread, &ip, 0, &mac) == NEIGHBOUR_NONE)
			return 0;
		return (uint32_t)mac_to_u64(mac);
	case KIND_LEASE:
	case KINDS:
		break;
	}
	lease = thread == 0 ? lease_by_ip(state->leases, 1, &ip) : NULL;
	return lease ? (uint32_t)mac_to_u64(lease->mac) : 0;
}

static bool is_right(unsigned thread, enum kind kind, uint32_t key, uint32_t value)
{
	if (value == expected[thread][kind][key] || value == possible[thread][kind][key])
		return true;
	return kind == KIND_NEIGHBOUR && value == 0 &&
	       expected[thread][kind][key] != possible[thread][kind][key];
}

// Compares, and takes what is there as the truth from now on.
static void compare(struct state *state)
{
	uint32_t counts[KINDS] = {0};

	for (unsigned thread = 0; thread < THREADS; thread++) {
		for (enum kind kind = 0; kind < KINDS; kind++) {
			for (uint32_t key = 0; key < KEYS; key++) {
				uint32_t value = read_value(state, thread, kind, key);

				if (!is_right(thread, kind, key, value))
					fail_msg("thread %u kind %d key %u: %u, not %u or %u",
					         thread, (int)kind, key, value,
					         expected[thread][kind][key],
					         possible[thread][kind][key]);
				expected[thread][kind][key] = value;
				possible[thread][kind][key] = value;
				counts[kind] += value != 0;
			}
		}
	}
	assert_int_equal(fdb_count(state->fdb), counts[KIND_FDB]);
	assert_int_equal(conn_count(state->conns), counts[KIND_CONN]);
	assert_int_equal(neighbour_count(state->neighbours), counts[KIND_NEIGHBOUR]);
	assert_int_equal(lease_count(state->leases), counts[KIND_LEASE]);
}

// No slot was lost: the table fills to its size, and is emptied again.
static void check_free_slots(struct state *state)
{
	struct conn_ref refs[CONNS], extra;
	uint32_t before = conn_count(state->conns), added = 0;
	struct conn_key keys[2];

	for (; before + added < CONNS; added++) {
		conn_keys(9, added, keys);
		assert_int_equal(conn_insert(state->conns, added % THREADS, keys, 0, 60, 0, NOW,
		                             &refs[added], NULL),
		                 0);
	}
	conn_keys(10, 0, keys);
	assert_int_equal(conn_insert(state->conns, 0, keys, 0, 60, 0, NOW, &extra, NULL), -ENOSPC);
	while (added-- > 0)
		conn_remove(state->conns, refs[added]);
	assert_int_equal(conn_count(state->conns), before);
}

static void nothing_settled_is_lost(void **unused)
{
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
	                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct state *state = state_open(&sizes, -1, NOW);

	assert_true(progress != MAP_FAILED);
	assert_non_null(state);
	model_seed();
	for (unsigned round = 0; round < ROUNDS; round++) {
		int fd = dup(state->fd);
		int writers_fd = dup(state->fd);

		state_close(state);
		plan_calls(progress);
		kill_writer(writers_fd, progress);
		state = state_open(&sizes, fd, NOW);
		assert_non_null(state);
		assert_true(state->recovered);
		replay(progress);
		compare(state);
		check_free_slots(state);
	}
	state_close(state);
	munmap(progress, sizeof(*progress));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_settled_is_lost)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
