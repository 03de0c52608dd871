// SPDX-License-Identifier: BSD-3-Clause
//
// state: one segment of plain numbers, and a table of descriptors.
//
// A descriptor's name ends in its serial number ("call/1.17"), which the state holds as well. The keeper is
// told asynchronously, so a process may die after it has stored a number and before the keeper has the
// descriptor: its successor then finds no such name, and gives the connection up rather than ring the
// wrong bell. The reverse, a name that the state knows nothing of, is cleared away.

#include "vnic/vhost/state.h"

#include "base/cleanup.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// "weftvhs" and the version of the layout, which a change of the structs raises.
#define MAGIC (UINT64_C(0x7765667476687300) | 1)

enum { NAME_TEXT = 32 };

static const char *slot_name(unsigned slot, uint32_t serial, char buf[static NAME_TEXT])
{
	static const struct {
		const char *noun;
		unsigned first;
	} kinds[] = {
		{"err", VHOST_SLOT_ERR},           {"call", VHOST_SLOT_CALL},
		{"kick", VHOST_SLOT_KICK},         {"region", VHOST_SLOT_REGION},
		{"inflight", VHOST_SLOT_INFLIGHT}, {"log", VHOST_SLOT_LOG},
		{"request", VHOST_SLOT_REQUEST},   {"connection", VHOST_SLOT_CONNECTION},
	};
	unsigned kind = 0;

	while (slot < kinds[kind].first)
		kind++;
	snprintf(buf, NAME_TEXT, "%s/%u.%u", kinds[kind].noun, slot - kinds[kind].first, serial);
	return buf;
}

static void lend(struct vhost_kept *kept, unsigned slot, int fd)
{
	char name[NAME_TEXT];

	// With nothing under the name, a successor gives up what it cannot go on with.
	if (kept->keeper)
		kept->keeper->lend(kept->keeper->user,
		                   slot_name(slot, kept->state->serials[slot], name), fd);
}

static void drop(struct vhost_kept *kept, unsigned slot, uint32_t serial)
{
	char name[NAME_TEXT];

	if (kept->keeper)
		kept->keeper->drop(kept->keeper->user, slot_name(slot, serial, name));
}

void vhost_kept_put(struct vhost_kept *kept, unsigned slot, int fd)
{
	uint32_t before = kept->state->serials[slot];

	if (kept->fds[slot] >= 0)
		close(kept->fds[slot]);
	kept->fds[slot] = fd;
	kept->state->serials[slot] = fd < 0 ? 0 : ++kept->state->serial;
	if (fd >= 0)
		lend(kept, slot, fd);
	if (before)
		drop(kept, slot, before);
}

void vhost_kept_reset(struct vhost_kept *kept)
{
	struct vhost_state *state = kept->state;
	uint32_t serial;

	for (unsigned slot = 0; slot < VHOST_SLOTS; slot++)
		vhost_kept_put(kept, slot, -1);
	serial = state->serial;
	memset(state, 0, sizeof(*state));
	state->magic = MAGIC;
	state->bytes = sizeof(*state);
	state->serial = serial;
}

static bool is_sound(const struct vhost_state *state)
{
	if (atomic_load(&state->busy) || !state->serials[VHOST_SLOT_CONNECTION])
		return false;
	for (unsigned i = 0; i < VHOST_REGIONS_MAX; i++)
		if (!state->regions[i].size != !state->serials[VHOST_SLOT_REGION + i])
			return false;
	for (unsigned i = 0; i < VHOST_RINGS_MAX; i++)
		if (state->rings[i].size > VIRTQ_SIZE_MAX)
			return false;
	return true;
}

// Takes what the keeper has of the slots. Whether all that the state speaks of was there.
static bool claim_slots(struct vhost_kept *kept)
{
	const struct vhost_keeper *keeper = kept->keeper;
	bool whole = true;

	for (unsigned slot = 0; slot < VHOST_SLOTS; slot++) {
		uint32_t serial = kept->state->serials[slot];
		char name[NAME_TEXT];

		if (!serial)
			continue;
		kept->fds[slot] = keeper->claim(keeper->user, slot_name(slot, serial, name));
		whole = whole && kept->fds[slot] >= 0;
	}
	return whole;
}

// The segment that a predecessor lent, if it is one of this version.
static struct vhost_state *map_claimed(int fd)
{
	struct vhost_state *state = mem_share_map(fd, sizeof(*state), true);

	if (state && (state->magic != MAGIC || state->bytes != sizeof(*state))) {
		mem_share_unmap(state, sizeof(*state));
		return NULL;
	}
	return state;
}

static bool take_up(struct vhost_kept *kept)
{
	auto_close int fd = kept->keeper->claim(kept->keeper->user, "state");

	if (fd < 0)
		return false;
	kept->state = map_claimed(fd);
	if (!kept->state)
		return false;
	kept->state_fd = TAKE_FD(fd);

	bool whole = claim_slots(kept);

	if (whole && is_sound(kept->state))
		return true;
	vhost_kept_reset(kept);
	return false;
}

int vhost_kept_open(struct vhost_kept *kept, const struct vhost_keeper *keeper, bool *ret_taken_up)
{
	*kept = (struct vhost_kept){.keeper = keeper, .state_fd = -1};
	for (unsigned slot = 0; slot < VHOST_SLOTS; slot++)
		kept->fds[slot] = -1;

	bool taken_up = keeper && take_up(kept);

	if (!kept->state) {
		if (keeper)
			kept->state =
				mem_share_new("weft-vhost", sizeof(*kept->state), &kept->state_fd);
		else
			kept->state = calloc(1, sizeof(*kept->state));
		if (!kept->state)
			return -errno;
		vhost_kept_reset(kept);
	}

	// Also what was claimed must be lent again: the keeper of this process knows nothing of it.
	if (keeper)
		keeper->lend(keeper->user, "state", kept->state_fd);
	for (unsigned slot = 0; slot < VHOST_SLOTS; slot++)
		if (kept->fds[slot] >= 0)
			lend(kept, slot, kept->fds[slot]);
	*ret_taken_up = taken_up;
	return 0;
}

void vhost_kept_close(struct vhost_kept *kept, bool forget)
{
	if (!kept->state)
		return;
	if (forget)
		vhost_kept_reset(kept);
	for (unsigned slot = 0; slot < VHOST_SLOTS; slot++)
		if (kept->fds[slot] >= 0)
			close(kept->fds[slot]);
	if (!kept->keeper) {
		free(kept->state);
	} else {
		if (forget)
			kept->keeper->drop(kept->keeper->user, "state");
		mem_share_unmap(kept->state, sizeof(*kept->state));
		close(kept->state_fd);
	}
	*kept = (struct vhost_kept){.state_fd = -1};
}
