// SPDX-License-Identifier: BSD-3-Clause
//
// virtq_world: four regions, of which two are neighbours in the guest's view only, and one ends just below the
// last address there is. The rings, and room for indirect tables, lie at the start of the first.

#include "tests/fuzz/virtq_world.h"

#include "base/bytes.h"
#include "tests/fuzz/fuzz_input.h"
#include "vnic/vhost/virtq.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	REGIONS = 4,
	REGION = 1 << 16,
	DESC = 0,
	AVAIL = 0x1000,
	USED = 0x2000,
	TABLES = 0x3000, // indirect
	BUFFERS = 0x8000,
	STEPS = 64,
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	DESC_AVAIL = 1 << 7,
	DESC_USED = 1 << 15,
};

static const struct vhost_region_claim claims[REGIONS] = {
	{.guest = 0x10000, .size = REGION, .user = 0x10000, .offset = 0},
	{.guest = 0x20000, .size = REGION, .user = 0x900000, .offset = 2 * REGION},
	{.guest = UINT64_C(0x7000000000), .size = REGION, .user = 0x30000, .offset = REGION},
	{.guest = UINT64_MAX - REGION, .size = REGION, .user = 0x50000, .offset = 3 * REGION},
};

static struct {
	struct vhost_memory *memory;
	uint8_t *rings; // the first region
	struct virtq_mark *mark;
	int call_fd;
	uint64_t looks, chains, losses;
} shared;

struct world {
	struct fuzz_input in;
	struct virtq_config config;
	struct virtq *queue;
	uint16_t avail; // where the guest is: index (split) or slot (packed)
	bool wrap;
	bool changed;
	// Chains that are out, oldest first.
	struct virtq_chain out[VIRTQ_OUT_MAX];
	unsigned out_count;
	unsigned untakable; // of the last take
};

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "virtq_world: %s\n", what);
	abort();
}

static void open_shared(void)
{
	int fds[REGIONS], fd = memfd_create("rings", MFD_CLOEXEC);

	must(fd >= 0 && ftruncate(fd, REGIONS * REGION) == 0, "no memory");
	for (unsigned i = 0; i < REGIONS; i++)
		fds[i] = fd;
	must(vhost_memory_new(claims, fds, REGIONS, NULL, &shared.memory, NULL) == 0, "no table");
	close(fd);
	shared.rings = vhost_memory_at_user(shared.memory, claims[0].user, REGION);
	shared.mark = calloc(1, sizeof(*shared.mark));
	shared.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(shared.mark && shared.call_fd >= 0, "no memory");
}

// Addresses at which something may go wrong.
static uint64_t take_address(struct world *world)
{
	uint8_t kind = take8(&world->in);
	uint64_t near = kind & 15;

	// Most are right.
	switch (kind < 16 ? kind : 8) {
	case 0: // the rings themselves
		return claims[0].guest + take16(&world->in) % BUFFERS;
	case 1: // across the border of two regions
		return claims[1].guest - near;
	case 2:
		return claims[1].guest + REGION - near;
	case 3:
		return claims[2].guest - near;
	case 4:
		return UINT64_MAX - near;
	case 5:
		return claims[3].guest + REGION - near;
	case 6:
		return take64(&world->in);
	case 7:
		return 0;
	default:
		return claims[near % REGIONS].guest + BUFFERS / 2 + take16(&world->in) % BUFFERS;
	}
}

static uint32_t take_len(struct world *world)
{
	static const uint32_t lens[] = {0,  1,      12,      13,         26,       60,   128,  1526,
	                                32, 0x8000, 0x10000, UINT32_MAX, 1U << 31, 4096, 2048, 16};
	uint8_t kind = take8(&world->in);

	return kind >= 16 ? 1 + take8(&world->in) * 16U : lens[kind & 15];
}

static uint8_t *desc_at(const struct world *world, uint32_t slot)
{
	return shared.rings + DESC + (size_t)16 * (slot % world->config.size);
}

static void write_desc(uint8_t *desc, uint64_t address, uint32_t len, uint16_t third,
                       uint16_t fourth)
{
	store_le64(desc, address);
	store_le32(desc + 8, len);
	store_le16(desc + 12, third);
	store_le16(desc + 14, fourth);
}

// Mostly right flags, as the others are refused at once.
static uint16_t take_flags(struct world *world)
{
	uint16_t right = world->config.writable ? DESC_WRITE : 0;
	uint8_t kind = take8(&world->in);

	if (kind < 4)
		return take16(&world->in);
	return (uint16_t)(right ^ (kind < 8 ? DESC_WRITE : 0)) | (kind & 16 ? DESC_NEXT : 0) |
	       (kind >= 248 ? DESC_INDIRECT : 0);
}

static void change_desc(struct world *world)
{
	uint8_t *desc = desc_at(world, take8(&world->in));
	uint64_t address = take_address(world);
	uint32_t len = take_len(world);
	uint16_t flags = take_flags(world), other = take8(&world->in);

	if (world->config.packed)
		write_desc(desc, address, len, other,
		           flags ^ (world->wrap ? DESC_AVAIL : DESC_USED));
	else
		write_desc(desc, address, len, flags, other % (world->config.size + 1));
}

static void write_table(struct world *world)
{
	uint8_t *table = shared.rings + TABLES + (size_t)16 * take8(&world->in);
	unsigned count = take8(&world->in) % 8;

	for (unsigned i = 0; i < count; i++) {
		uint64_t address = take_address(world);
		uint32_t len = take_len(world);
		uint16_t flags = take_flags(world);

		if (world->config.packed)
			write_desc(table + 16 * (size_t)i, address, len, 0, flags);
		else
			write_desc(table + 16 * (size_t)i, address, len, flags, (uint16_t)(i + 1));
	}
}

static void add_split(struct world *world, unsigned count, bool table)
{
	uint16_t right = world->config.writable ? DESC_WRITE : 0;
	uint32_t size = world->config.size;
	uint16_t head = (uint16_t)(world->avail % size);

	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = right | (i + 1 < count ? DESC_NEXT : 0);
		uint64_t address = take_address(world);

		if (table)
			flags = DESC_INDIRECT;
		write_desc(desc_at(world, head + i), address, take_len(world), flags,
		           (uint16_t)((head + i + 1) % size));
	}
	store_le16(shared.rings + AVAIL + 4 + 2 * (size_t)(world->avail % size), head);
	store_le16(shared.rings + AVAIL + 2, ++world->avail);
}

static void add_packed(struct world *world, unsigned count, bool table)
{
	uint16_t right = world->config.writable ? DESC_WRITE : 0;

	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = right | (i + 1 < count ? DESC_NEXT : 0);
		uint64_t address = take_address(world);

		if (table)
			flags = DESC_INDIRECT;
		write_desc(desc_at(world, world->avail), address, take_len(world), world->avail,
		           flags | (world->wrap ? DESC_AVAIL : DESC_USED));
		if (++world->avail >= world->config.size) {
			world->avail = 0;
			world->wrap = !world->wrap;
		}
	}
}

// Whether the guest has nothing to make available before it gets something back.
static bool is_full(const struct world *world)
{
	uint16_t used = load_le16(shared.rings + USED + 2);
	uint16_t flags = load_le16(desc_at(world, world->avail) + 14);

	if (!world->config.packed)
		return (uint16_t)(world->avail - used) >= world->config.size;
	return (flags & (DESC_AVAIL | DESC_USED)) == (world->wrap ? DESC_USED : DESC_AVAIL);
}

// What a driver would do, but for what it says.
static void add(struct world *world)
{
	uint8_t kind = take8(&world->in);
	unsigned count = kind % 8 ? 1 + kind % 2 : 1 + take8(&world->in) % 32;
	bool table = kind >= 240;

	if (kind >= 8 && is_full(world))
		return;
	if (world->config.packed)
		add_packed(world, table ? 1 : count, table);
	else
		add_split(world, table ? 1 : count, table);
}

static void change_word(struct world *world)
{
	uint32_t at = take16(&world->in) % TABLES & ~1U;

	store_le16(shared.rings + at, take16(&world->in));
}

static void change_index(struct world *world)
{
	world->avail = (uint16_t)(world->avail + take16(&world->in));
	if (world->config.packed)
		world->avail %= (uint16_t)world->config.size;
	else
		store_le16(shared.rings + AVAIL + 2, world->avail);
}

// A front end may write to the region in which marks are kept.
static void change_mark(struct world *world)
{
	uint8_t *bytes = (uint8_t *)shared.mark;
	size_t at = take16(&world->in) % sizeof(*shared.mark) & ~7U;

	store_le64(bytes + at, take8(&world->in) & 1 ? take64(&world->in) : take8(&world->in));
}

static void judge(const struct world *world, const struct virtq_chain *chain)
{
	uint64_t sum = 0;

	must(chain->range_count > 0 && chain->range_count <= VIRTQ_CHAIN_MAX, "count of ranges");
	must(chain->slots > 0 && chain->slots <= world->config.size, "count of slots");
	for (unsigned i = 0; i < chain->range_count; i++) {
		const struct virtq_range *range = &chain->ranges[i];
		bool inside = false;

		for (unsigned r = 0; r < REGIONS; r++) {
			uint64_t into = range->guest - claims[r].guest;

			if (into >= REGION || range->len > REGION - into)
				continue;
			inside = range->base ==
			         vhost_memory_at_user(shared.memory, claims[r].user, REGION) + into;
		}
		must(inside || range->len == 0, "a range outside the memory");
		sum += range->len;
		if (range->len && world->config.writable) {
			range->base[0] ^= 0x55;
			range->base[range->len - 1] ^= 0xaa;
		}
	}
	must(sum == chain->len && sum > 0, "a length that is no sum");
}

static void look(struct world *world)
{
	struct virtq_chain *at = world->out + world->out_count;
	unsigned max = 1 + take8(&world->in) % VIRTQ_TAKE_MAX;
	unsigned room = VIRTQ_OUT_MAX - world->out_count;
	bool was_sound = virtq_fault(world->queue) == VIRTQ_SOUND;
	// What it is given as room, a port has as array.
	struct virtq_chain chains[VIRTQ_TAKE_MAX];
	unsigned taken = virtq_take(world->queue, chains, max);

	must(taken <= max && taken <= room, "more chains than there is room for");
	must(was_sound || taken == 0, "chains of a ring that is lost");
	for (unsigned i = 0; i < taken; i++)
		judge(world, &chains[i]);
	memcpy(at, chains, taken * sizeof(chains[0]));
	world->out_count += taken;
	world->untakable = taken;
	shared.looks += world->changed;
	shared.chains += taken;
	shared.losses += was_sound && virtq_fault(world->queue) != VIRTQ_SOUND;
	world->changed = false;
}

static void put_back(struct world *world)
{
	unsigned count = world->untakable ? take8(&world->in) % (world->untakable + 1) : 0;

	world->out_count -= count;
	virtq_untake(world->queue, world->out + world->out_count, count);
	world->untakable = 0;
}

static void give(struct world *world, unsigned count)
{
	count = MIN(count, world->out_count);
	for (unsigned i = 0; i < count; i++) {
		const struct virtq_chain *chain = &world->out[i];

		virtq_give(world->queue, chain,
		           world->config.writable ? take16(&world->in) % (chain->len + 1) : 0);
	}
	virtq_publish(world->queue);
	memmove(world->out, world->out + count, (world->out_count - count) * sizeof(world->out[0]));
	world->out_count -= count;
	world->untakable = 0;
}

// Also after a crash, which leaves the mark alive.
static void open_queue(struct world *world)
{
	world->queue = virtq_open(&world->config, NULL);
	if (!world->queue) {
		// A position that is none.
		world->config.position = 0;
		world->queue = virtq_open(&world->config, NULL);
	}
	must(world->queue, "a ring cannot be opened");
	world->out_count = world->untakable = 0;
}

static void reopen(struct world *world)
{
	uint8_t how = take8(&world->in);

	world->config.position = virtq_position(world->queue);
	virtq_close(world->queue);
	if (how & 1)
		atomic_store(&shared.mark->live, 1);
	if (how & 2)
		world->config.position = take16(&world->in);
	if (how & 4)
		change_mark(world);
	open_queue(world);
}

static void step(struct world *world)
{
	uint8_t action = take8(&world->in);

	world->changed |= action % 16 < 10;
	switch (action % 16) {
	case 0:
		change_word(world);
		break;
	case 1:
		change_desc(world);
		break;
	case 2:
		if (!take8(&world->in))
			change_index(world);
		break;
	case 3:
		write_table(world);
		break;
	case 10:
		put_back(world);
		break;
	case 11:
		give(world, take8(&world->in));
		break;
	case 12:
		virtq_arm(world->queue);
		break;
	case 13:
		virtq_disarm(world->queue);
		break;
	case 14:
		reopen(world);
		break;
	case 15:
		virtq_has_work(world->queue);
		break;
	default:
		add(world);
		break;
	}
	look(world);
	if (action & 16)
		give(world, world->out_count);
	// Most rings that are lost are set up anew.
	if (virtq_fault(world->queue) != VIRTQ_SOUND && !(action & 32)) {
		virtq_close(world->queue);
		open_queue(world);
	}
}

static void begin(struct world *world)
{
	static const uint16_t split_sizes[] = {1, 2, 4, 8, 16, 64, 128, 256};
	static const uint16_t packed_sizes[] = {1, 2, 3, 5, 7, 31, 100, 256};
	uint8_t kind = take8(&world->in), size = take8(&world->in);

	if (!shared.memory)
		open_shared();
	memset(shared.mark, 0, sizeof(*shared.mark));
	memset(shared.rings, 0, BUFFERS);
	world->config = (struct virtq_config){
		.packed = kind & 1,
		.event_idx = kind & 2,
		.indirect = kind & 4,
		.in_order = kind & 8,
		.writable = kind & 16,
		.desc = shared.rings + DESC,
		.avail = shared.rings + AVAIL,
		.used = shared.rings + USED,
		.memory = shared.memory,
		.mark = kind & 32 ? NULL : shared.mark,
		.call_fd = kind & 64 ? -1 : shared.call_fd,
	};
	world->config.size = world->config.packed ? packed_sizes[size & 7] : split_sizes[size & 7];
	if (world->config.packed) {
		world->wrap = true;
		world->config.position = 0x8000;
	} else {
		world->avail = (uint16_t)(size >> 3 << 11); // near the wrap, too
		store_le16(shared.rings + AVAIL + 2, world->avail);
		store_le16(shared.rings + USED + 2, world->avail);
		world->config.position = world->avail;
	}
	open_queue(world);
}

void virtq_world_run(const uint8_t *input, size_t size)
{
	static struct world world;

	world = (struct world){.in = {input, input + size}};
	begin(&world);
	for (unsigned i = 0; i < STEPS && world.in.at < world.in.end; i++)
		step(&world);
	virtq_close(world.queue);
}

uint64_t virtq_world_looks(void)
{
	return shared.looks;
}

uint64_t virtq_world_chains(void)
{
	return shared.chains;
}

uint64_t virtq_world_losses(void)
{
	return shared.losses;
}

uint16_t *virtq_world_words(size_t *ret_count)
{
	if (!shared.memory)
		open_shared();
	*ret_count = BUFFERS / sizeof(uint16_t);
	return (uint16_t *)(void *)shared.rings;
}
