// SPDX-License-Identifier: BSD-3-Clause
//
// state: lays the tables out one behind the other, each on pages of its own.
//
// The magic number is written last, so that a segment whose maker was killed is not believed. What
// the header promises is the layout only; whether an entry is whole is for its table to say.

#include "datapath/state.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/generation.h"
#include "datapath/lease.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

// Raised with every change of the layout of the segment or of a table inside it.
enum { STATE_VERSION = 2, PAGE = 4096 };

#define STATE_MAGIC UINT64_C(0x6574617473746677)

struct header {
	_Atomic uint64_t magic;
	uint32_t version;
	uint32_t fdb_entries;
	uint32_t neighbour_entries;
	uint32_t connections;
	uint32_t leases;
	uint32_t slot_max[SLOT_KINDS];
	uint32_t spare;
	uint64_t size;
	uint64_t hash_secret[2];
};

static const uint32_t slot_max[SLOT_KINDS] = {
	[SLOT_PORT] = MAX_PORTS,
	[SLOT_DOMAIN] = MAX_DOMAINS,
	[SLOT_INTERFACE] = MAX_INTERFACES,
	[SLOT_VRF] = MAX_VRFS,
};

// Where each part begins.
struct layout {
	size_t slots[SLOT_KINDS];
	size_t fdb, neighbours, conns, leases, routers;
	size_t size;
};

static size_t place(size_t *end, size_t size)
{
	size_t at = *end;

	*end = ALIGN_UP(at + size, (size_t)PAGE);
	return at;
}

static struct layout layout_of(const struct state_sizes *sizes)
{
	struct layout layout = {.size = PAGE};

	for (unsigned kind = 0; kind < SLOT_KINDS; kind++)
		layout.slots[kind] = place(&layout.size, slot_table_bytes(slot_max[kind]));
	layout.fdb = place(&layout.size, fdb_bytes(sizes->fdb_entries));
	layout.neighbours = place(&layout.size, neighbour_bytes(sizes->neighbour_entries));
	layout.leases = place(&layout.size, lease_bytes(sizes->leases));
	layout.routers = place(&layout.size, sizeof(struct router_ports));
	layout.conns = place(&layout.size, conn_table_bytes(sizes->connections));
	return layout;
}

static struct header header_of(const struct state_sizes *sizes, size_t size)
{
	struct header header = {
		.version = STATE_VERSION,
		.fdb_entries = sizes->fdb_entries,
		.neighbour_entries = sizes->neighbour_entries,
		.connections = sizes->connections,
		.leases = sizes->leases,
		.size = size,
	};

	memcpy(header.slot_max, slot_max, sizeof(slot_max));
	return header;
}

// Whether the header says what ours would say, secret apart.
static bool is_ours(const struct header *header, const struct header *wanted)
{
	return header->magic == STATE_MAGIC && header->version == wanted->version &&
	       header->fdb_entries == wanted->fdb_entries &&
	       header->neighbour_entries == wanted->neighbour_entries &&
	       header->connections == wanted->connections && header->leases == wanted->leases &&
	       header->size == wanted->size &&
	       memcmp(header->slot_max, wanted->slot_max, sizeof(slot_max)) == 0;
}

static bool take_over(struct state *state, int fd, const struct header *wanted)
{
	struct header *segment = mem_share_map(fd, state->size, true);

	if (segment && is_ours(segment, wanted)) {
		state->segment = segment;
		state->fd = fd;
		state->recovered = true;
		return true;
	}
	mem_share_unmap(segment, state->size);
	return false;
}

static int open_tables(struct state *state, const struct state_sizes *sizes,
                       const struct layout *layout, uint32_t now)
{
	uint8_t *base = state->segment;
	bool recover = state->recovered;

	for (unsigned kind = 0; kind < SLOT_KINDS; kind++) {
		state->slots[kind] =
			slot_table_open(base + layout->slots[kind], slot_max[kind], recover);
		if (!state->slots[kind])
			return -errno;
	}
	state->fdb = fdb_open(base + layout->fdb, sizes->fdb_entries, recover);
	if (!state->fdb)
		return -errno;
	state->neighbours =
		neighbour_open(base + layout->neighbours, sizes->neighbour_entries, recover);
	if (!state->neighbours)
		return -errno;
	state->leases = lease_open(base + layout->leases, sizes->leases, recover);
	if (!state->leases)
		return -errno;
	state->routers = (void *)(base + layout->routers);
	state->conns = conn_table_open(base + layout->conns, sizes->connections, sizes->workers,
	                               recover, now);
	return state->conns ? 0 : -errno;
}

struct state *state_open(const struct state_sizes *sizes, int fd, uint32_t now_seconds)
{
	struct layout layout = layout_of(sizes);
	struct header wanted = header_of(sizes, layout.size);
	struct state *state = calloc(1, sizeof(*state));
	int result = -ENOMEM;

	if (!state)
		goto no_state;
	state->fd = -1;
	state->size = layout.size;
	if (fd < 0 || !take_over(state, fd, &wanted)) {
		state->segment = mem_share_new("weft-state", state->size, &state->fd);
		result = -errno;
		if (!state->segment)
			goto no_state;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}

	struct header *header = state->segment;

	if (!state->recovered) {
		rand_bytes(wanted.hash_secret, sizeof(wanted.hash_secret));
		*header = wanted;
	}
	result = open_tables(state, sizes, &layout, now_seconds);
	if (result < 0) {
		state_close(state);
		errno = -result;
		return NULL;
	}
	memcpy(state->hash_secret, header->hash_secret, sizeof(state->hash_secret));
	atomic_store(&header->magic, STATE_MAGIC);
	return state;

no_state:
	if (fd >= 0)
		close(fd);
	free(state);
	errno = -result;
	return NULL;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	conn_table_close(state->conns);
	lease_close(state->leases);
	neighbour_close(state->neighbours);
	fdb_close(state->fdb);
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++)
		slot_table_close(state->slots[kind]);
	mem_share_unmap(state->segment, state->size);
	if (state->fd >= 0)
		close(state->fd);
	free(state);
}

uint32_t slot_lease(struct state *state, enum slot_kind kind, uint64_t id, uint32_t sub)
{
	return slot_table_lease(state->slots[kind], id, sub);
}

uint32_t slot_find(const struct state *state, enum slot_kind kind, uint64_t id, uint32_t sub)
{
	return slot_table_find(state->slots[kind], id, sub);
}

void slot_release(struct state *state, enum slot_kind kind, uint32_t slot)
{
	slot_table_release(state->slots[kind], slot);
}

void slot_sweep(struct state *state, enum slot_kind kind, slot_keep_fn keep, void *user)
{
	slot_table_sweep(state->slots[kind], keep, user);
}
