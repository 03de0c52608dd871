// SPDX-License-Identifier: BSD-3-Clause
//
// driver: both layouts side by side, by the letter of virtio 1.2, 2.7 and 2.8.

#include "driver.h"

#include "base/bytes.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7, USED = 1 << 15, DESC = 16 };

// Ring words are shared with the device's thread.
static uint16_t load16(const uint8_t *at)
{
	return atomic_load_explicit((const _Atomic uint16_t *)(const void *)at,
	                            memory_order_acquire);
}

static void store16(uint8_t *at, uint16_t value)
{
	atomic_store_explicit((_Atomic uint16_t *)(void *)at, value, memory_order_release);
}

uint8_t *driver_at(const struct driver *driver, uint64_t guest)
{
	if (guest >= DRIVER_GUEST_HIGH)
		return driver->bytes + DRIVER_REGION + (guest - DRIVER_GUEST_HIGH);
	return driver->bytes + (guest - DRIVER_GUEST_LOW);
}

const uint8_t *driver_device_at(const struct driver *driver, uint64_t guest)
{
	uint32_t hint = 0;

	return vhost_memory_at(driver->memory, guest, 1, &hint);
}

uint64_t driver_buffer(struct driver *driver, uint32_t len)
{
	// The rings lie in the first MB of the low region.
	const uint64_t low = DRIVER_REGION - (1 << 20);
	uint64_t at = driver->next_buffer;

	if (at < low && at + len > low)
		at = low;
	if (at + len > low + DRIVER_REGION)
		at = 0;
	driver->next_buffer = at + len;
	return at < low ? DRIVER_GUEST_LOW + (1 << 20) + at : DRIVER_GUEST_HIGH + (at - low);
}

static void map_memory(struct driver *driver)
{
	const struct vhost_region_claim claims[] = {
		{DRIVER_GUEST_HIGH, DRIVER_REGION, 0x500000000, DRIVER_REGION},
		{DRIVER_GUEST_LOW, DRIVER_REGION, 0x400000000, 0},
	};
	struct fail fail = {0};

	driver->memory_fd = memfd_create("driver", MFD_CLOEXEC);
	assert_int_equal(ftruncate(driver->memory_fd, DRIVER_MEMORY), 0);
	driver->bytes =
		mmap(NULL, DRIVER_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, driver->memory_fd, 0);
	assert_ptr_not_equal(driver->bytes, MAP_FAILED);
	assert_int_equal(vhost_memory_new(claims,
	                                  (const int[]){driver->memory_fd, driver->memory_fd}, 2,
	                                  NULL, &driver->memory, &fail),
	                 0);
}

struct driver *driver_new(const struct driver_options *options)
{
	struct driver *driver = calloc(1, sizeof(*driver));

	assert_non_null(driver);
	map_memory(driver);
	driver->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	driver->desc_at = DRIVER_GUEST_LOW;
	driver->avail_at = driver->desc_at + (uint64_t)DESC * options->size;
	driver->used_at = ALIGN_UP(driver->avail_at + 6 + 2 * (uint64_t)options->size, 4);
	driver->free_slots = driver->free_count = options->size;
	for (uint32_t i = 0; i < options->size; i++)
		driver->free_ids[i] = (uint16_t)i;
	driver->avail = driver->used = (uint16_t)options->start;
	driver->avail_wrap = driver->used_wrap = options->start_wrap;
	driver->kicked_at = driver->avail;
	driver->config = (struct virtq_config){
		.size = options->size,
		.packed = options->packed,
		.event_idx = options->event_idx,
		.indirect = options->indirect,
		.in_order = options->in_order,
		.writable = options->writable,
		.desc = (uint8_t *)(uintptr_t)driver_device_at(driver, driver->desc_at),
		.avail = (uint8_t *)(uintptr_t)driver_device_at(driver, driver->avail_at),
		.used = (uint8_t *)(uintptr_t)driver_device_at(driver, driver->used_at),
		.memory = driver->memory,
		.position = options->start,
		.call_fd = driver->call_fd,
	};
	if (options->packed) {
		uint32_t place = options->start | (options->start_wrap ? 1U << 15 : 0);

		driver->config.position = place | place << 16;
		// What the driver has not made available must not look so.
		for (uint32_t i = 0; i < options->size; i++) {
			bool wrap = options->start_wrap != (i < options->start);

			store_le16(driver_at(driver, driver->desc_at) + (size_t)DESC * i + 14,
			           wrap ? 0 : AVAIL | USED);
		}
	} else {
		store_le16(driver_at(driver, driver->avail_at) + 2, driver->avail);
		store_le16(driver_at(driver, driver->used_at) + 2, driver->used);
	}
	return driver;
}

void driver_free(struct driver *driver)
{
	vhost_memory_free(driver->memory);
	munmap(driver->bytes, DRIVER_MEMORY);
	close(driver->memory_fd);
	close(driver->call_fd);
	free(driver);
}

static uint8_t *desc(const struct driver *driver, uint32_t slot)
{
	return driver_at(driver, driver->desc_at) + (size_t)DESC * slot;
}

static void write_desc(uint8_t *at, const struct driver_piece *piece, uint16_t third,
                       uint16_t fourth)
{
	store_le64(at, piece->guest);
	store_le32(at + 8, piece->len);
	store_le16(at + 12, third);
	store_le16(at + 14, fourth);
}

// Writes an indirect table into a buffer, and says where it is.
static struct driver_piece write_table(struct driver *driver, const struct driver_piece *pieces,
                                       unsigned count)
{
	uint16_t write = driver->config.writable ? WRITE : 0;
	struct driver_piece table = {driver_buffer(driver, DESC * count), DESC * count};

	for (unsigned i = 0; i < count; i++) {
		uint8_t *at = driver_at(driver, table.guest) + (size_t)DESC * i;
		uint16_t next = i + 1 < count ? NEXT : 0;

		if (driver->config.packed)
			write_desc(at, &pieces[i], 0, write);
		else
			write_desc(at, &pieces[i], write | next, (uint16_t)(i + 1));
	}
	return table;
}

static uint16_t take_id(struct driver *driver)
{
	uint16_t id = driver->free_ids[driver->free_first];

	driver->free_first = (driver->free_first + 1) % DRIVER_CHAINS;
	driver->free_count--;
	return id;
}

static void give_id(struct driver *driver, uint16_t id)
{
	uint32_t at = (driver->free_first + driver->free_count) % DRIVER_CHAINS;

	driver->free_ids[at] = id;
	driver->free_count++;
}

static void add_split(struct driver *driver, const struct driver_piece *pieces, unsigned count,
                      uint16_t flags, struct driver_chain *chain)
{
	uint8_t *ring = driver_at(driver, driver->avail_at);
	uint16_t id = take_id(driver);

	chain->id = id;
	for (unsigned i = 0; i < count; i++) {
		bool last = i + 1 == count;
		uint16_t next = last ? 0 : take_id(driver);

		write_desc(desc(driver, id), &pieces[i], flags | (last ? 0 : NEXT), next);
		id = next;
	}
	store16(ring + 4 + 2 * (size_t)(driver->avail & (driver->config.size - 1)), chain->id);
	store16(ring + 2, ++driver->avail);
}

static void add_packed(struct driver *driver, const struct driver_piece *pieces, unsigned count,
                       uint16_t flags, struct driver_chain *chain)
{
	uint16_t first_flags = 0;
	uint32_t first = driver->avail;

	chain->id = take_id(driver);
	for (unsigned i = 0; i < count; i++) {
		uint16_t mine =
			flags | (i + 1 < count ? NEXT : 0) | (driver->avail_wrap ? AVAIL : USED);
		uint8_t *at = desc(driver, driver->avail);

		store_le64(at, pieces[i].guest);
		store_le32(at + 8, pieces[i].len);
		store_le16(at + 12, chain->id);
		if (i == 0)
			first_flags = mine;
		else
			store16(at + 14, mine);
		if (++driver->avail == driver->config.size) {
			driver->avail = 0;
			driver->avail_wrap = !driver->avail_wrap;
		}
	}
	driver->unkicked += count;
	store16(desc(driver, first) + 14, first_flags);
}

bool driver_add(struct driver *driver, const struct driver_piece *pieces, unsigned count,
                bool table)
{
	uint16_t flags = driver->config.writable ? WRITE : 0;
	struct driver_piece indirect;

	if ((table ? 1 : count) > driver->free_slots)
		return false;
	if (table) {
		indirect = write_table(driver, pieces, count);
		pieces = &indirect;
		count = 1;
		// The device ignores the direction of a table itself.
		flags = INDIRECT;
	}

	struct driver_chain *chain =
		&driver->sent[(driver->sent_first + driver->sent_count++) % DRIVER_CHAINS];

	*chain = (struct driver_chain){.slots = (uint16_t)count};
	driver->free_slots -= count;
	if (driver->config.packed)
		add_packed(driver, pieces, count, flags, chain);
	else
		add_split(driver, pieces, count, flags, chain);
	return true;
}

// How many of the oldest chains an element of this id stands for.
static uint32_t chains_up_to(const struct driver *driver, uint32_t id)
{
	for (uint32_t i = 0; i < driver->sent_count; i++)
		if (driver->sent[(driver->sent_first + i) % DRIVER_CHAINS].id == id)
			return i + 1;
	fail_msg("id %u came back, and is not out", id);
	return 0;
}

// Reads the next used element, if there is one.
static bool read_split(struct driver *driver, uint32_t *id, uint32_t *written)
{
	const uint8_t *ring = driver_at(driver, driver->used_at);

	if (load16(ring + 2) == driver->used)
		return false;
	ring += 4 + 8 * (size_t)(driver->used & (driver->config.size - 1));
	*id = load_le32(ring);
	*written = load_le32(ring + 4);
	return true;
}

static bool read_packed(struct driver *driver, uint32_t *id, uint32_t *written)
{
	const uint8_t *at = desc(driver, driver->used);
	uint16_t flags = load16(at + 14);

	if ((bool)(flags & AVAIL) != driver->used_wrap || (bool)(flags & USED) != driver->used_wrap)
		return false;
	*id = load_le16(at + 12);
	*written = load_le32(at + 8);
	return true;
}

// The descriptors of a split chain become free.
static void free_split(struct driver *driver, uint16_t id)
{
	for (;;) {
		uint16_t flags = load_le16(desc(driver, id) + 12);
		uint16_t next = load_le16(desc(driver, id) + 14);

		give_id(driver, id);
		if (!(flags & NEXT))
			return;
		id = next;
	}
}

static void step_over(struct driver *driver, const struct driver_chain *chain)
{
	driver->free_slots += chain->slots;
	if (!driver->config.packed) {
		free_split(driver, chain->id);
		driver->used++;
		return;
	}
	give_id(driver, chain->id);
	if (driver->used + (uint32_t)chain->slots >= driver->config.size)
		driver->used_wrap = !driver->used_wrap;
	driver->used = (uint16_t)((driver->used + chain->slots) % driver->config.size);
}

bool driver_get(struct driver *driver, struct driver_chain *ret)
{
	uint32_t id, written = 0;

	if (!driver->batch) {
		if (!(driver->config.packed ? read_packed(driver, &id, &written)
		                            : read_split(driver, &id, &written)))
			return false;
		driver->batch = chains_up_to(driver, id);
		if (!driver->config.in_order)
			assert_int_equal(driver->batch, 1);
	}
	driver->batch--;
	*ret = driver->sent[driver->sent_first];
	ret->written = driver->batch ? 0 : written;
	driver->sent_first = (driver->sent_first + 1) % DRIVER_CHAINS;
	driver->sent_count--;
	step_over(driver, ret);
	return true;
}

static bool must_kick_split(struct driver *driver)
{
	const uint8_t *used = driver_at(driver, driver->used_at);
	uint16_t before = driver->kicked_at;

	driver->kicked_at = driver->avail;
	if (before == driver->avail)
		return false;
	if (!driver->config.event_idx)
		return !(load16(used) & 1);

	uint16_t event = load16(used + 4 + 8 * (size_t)driver->config.size);

	return (uint16_t)(driver->avail - event - 1) < (uint16_t)(driver->avail - before);
}

// Walks every slot added since, for one that is the wanted one.
static bool must_kick_packed(struct driver *driver)
{
	const uint8_t *area = driver_at(driver, driver->used_at);
	uint16_t flags = load16(area + 2);
	uint32_t count = driver->unkicked;
	uint32_t slot = driver->avail;
	bool wrap = driver->avail_wrap;

	driver->unkicked = 0;
	if (count == 0 || flags == 1)
		return false;
	if (flags != 2)
		return true;

	uint16_t event = load16(area);

	while (count--) {
		if (slot == 0)
			wrap = !wrap;
		slot = slot ? slot - 1 : driver->config.size - 1;
		if ((event & 0x7fff) == slot && (bool)(event >> 15) == wrap)
			return true;
	}
	return false;
}

bool driver_must_kick(struct driver *driver)
{
	bool must;

	atomic_thread_fence(memory_order_seq_cst);
	must = driver->config.packed ? must_kick_packed(driver) : must_kick_split(driver);
	driver->kicks_wanted += must;
	return must;
}

bool driver_arm(struct driver *driver)
{
	uint8_t *avail = driver_at(driver, driver->avail_at);
	uint32_t id, written;

	if (driver->config.packed) {
		if (driver->config.event_idx)
			store16(avail, driver->used | (driver->used_wrap ? 1 << 15 : 0));
		store16(avail + 2, driver->config.event_idx ? 2 : 0);
	} else if (driver->config.event_idx) {
		store16(avail + 4 + 2 * (size_t)driver->config.size, driver->used);
	} else {
		store16(avail, 0);
	}
	atomic_thread_fence(memory_order_seq_cst);
	return driver->batch || (driver->config.packed ? read_packed(driver, &id, &written)
	                                               : read_split(driver, &id, &written));
}

void driver_disarm(struct driver *driver)
{
	uint8_t *avail = driver_at(driver, driver->avail_at);

	if (driver->config.packed)
		store16(avail + 2, 1);
	else if (driver->config.event_idx)
		store16(avail + 4 + 2 * (size_t)driver->config.size, (uint16_t)(driver->used - 1));
	else
		store16(avail, 1);
}

uint64_t driver_calls(struct driver *driver)
{
	uint64_t calls = 0;

	return read(driver->call_fd, &calls, sizeof(calls)) == sizeof(calls) ? calls : 0;
}
