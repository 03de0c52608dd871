// SPDX-License-Identifier: BSD-3-Clause
//
// Two implementations of one ring, the driver's and the device's, written apart from each other, are each
// other's twin: numbered buffers of any cut go over, and each comes back once, in order, with the bytes and the
// length that the other side meant. Either side sleeps when it is told that it may, and both asleep with
// work left is a lost notification.

#include "base/bytes.h"
#include "tests/model/guest_device.h"
#include "tests/model/model.h"

#include <poll.h>
#include <sys/eventfd.h>

enum {
	REGIONS = 4,
	MEMORY = 24 << 20,
	AREA = 4096,
	PIECES = 12,
	SIZE_MAX_HERE = 1024,
	TURNS = 2000
};

struct layout {
	uint16_t size;
	bool packed, event_idx, indirect, in_order;
	uint32_t base; // Where the ring begins, as SET_VRING_BASE has it.
};

// A buffer that is on its way, by its number modulo the ring's size.
struct buffer {
	uint8_t *area;
	struct vguest_piece pieces[PIECES];
	unsigned count;
	uint32_t len, written;
};

struct twins {
	const struct layout *layout;
	bool writable;
	struct vguest_memory memory;
	struct vguest_ring driver;
	struct vhost_memory *seen;
	struct virtq *device;
	struct buffer buffers[SIZE_MAX_HERE];
	uint64_t added, served, published, back;
	bool driver_sleeps, device_sleeps;
};

static uint8_t pattern(uint64_t number, uint32_t at)
{
	return (uint8_t)(number * 131 + at * 7 + (at >> 8));
}

static struct buffer *buffer_of(struct twins *twins, uint64_t number)
{
	return &twins->buffers[number % twins->layout->size];
}

static uint64_t features_of(const struct layout *layout)
{
	return VGUEST_BIT(VIRTIO_F_VERSION_1) | (uint64_t)layout->packed << VIRTIO_F_RING_PACKED |
	       (uint64_t)layout->event_idx << VIRTIO_RING_F_EVENT_IDX |
	       (uint64_t)layout->indirect << VIRTIO_RING_F_INDIRECT_DESC |
	       (uint64_t)layout->in_order << VGUEST_F_IN_ORDER;
}

static void open_device(struct twins *twins, uint32_t position)
{
	twins->device = guest_device_open(&twins->driver, twins->seen, features_of(twins->layout),
	                                  position, NULL);
	twins->device_sleeps = false;
}

// The first buffer lies across the border of the two regions that touch; the others anywhere.
static void place_buffers(struct twins *twins)
{
	uint64_t border = twins->memory.regions[1].guest;

	twins->buffers[0].area = vguest_memory_at(&twins->memory, border - AREA / 2);
	for (unsigned i = 1; i < twins->layout->size; i++) {
		unsigned region = rand_below(2) ? 0 : 2 + rand_below(2);

		twins->buffers[i].area = vguest_memory_alloc(&twins->memory, region, AREA, 1);
		assert_non_null(twins->buffers[i].area);
	}
}

static void open_twins(struct twins *twins, const struct layout *layout, bool writable)
{
	struct vguest_region regions[REGIONS];
	const struct vguest_ring_setup setup = {
		.index = !writable,
		.size = layout->size,
		.features = features_of(layout),
		.region = 3,
	};
	struct fail fail = {0};

	*twins = (struct twins){.layout = layout, .writable = writable};
	vguest_memory_plan(regions, REGIONS, MEMORY);
	assert_int_equal(vguest_memory_init(&twins->memory, regions, REGIONS, &fail), 0);
	assert_int_equal(vguest_ring_init(&twins->driver, &twins->memory, &setup), 0);
	vguest_ring_restart(&twins->driver, layout->base);
	place_buffers(twins);
	twins->seen = guest_device_map(&twins->memory);
	open_device(twins, layout->base);
}

static void close_twins(struct twins *twins)
{
	uint64_t guest;

	assert_int_equal(vguest_ring_check(&twins->driver), 0);
	assert_int_equal(vguest_memory_check(&twins->memory, &guest), 0);
	virtq_close(twins->device);
	vhost_memory_free(twins->seen);
	vguest_ring_fini(&twins->driver);
	vguest_memory_fini(&twins->memory);
}

// Cuts an area into pieces with holes, mostly few, forwards or backwards.
static void cut(struct twins *twins, struct buffer *buffer, unsigned most)
{
	unsigned count = 1 + rand_below(MIN(rand_below(3) ? 2u : PIECES, most));
	bool backwards = rand_below(2);
	uint32_t at = rand_below(64);

	buffer->count = count;
	buffer->len = 0;
	for (unsigned i = 0; i < count; i++) {
		struct vguest_piece *piece = &buffer->pieces[backwards ? count - 1 - i : i];
		uint32_t room = AREA / count - 64;

		piece->len = 1 + rand_below(model_chance(4) ? room : MIN(room, 80u));
		piece->guest = vguest_memory_address(&twins->memory, buffer->area + at);
		at += piece->len + rand_below(64);
		buffer->len += piece->len;
	}
}

static void write_pieces(struct twins *twins, const struct buffer *buffer, uint64_t number)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < buffer->count; i++) {
		uint8_t *bytes = vguest_memory_at(&twins->memory, buffer->pieces[i].guest);

		for (uint32_t k = 0; k < buffer->pieces[i].len; k++)
			bytes[k] = pattern(number, at++);
	}
}

static void check_pieces(struct twins *twins, const struct buffer *buffer, uint64_t number)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < buffer->count; i++) {
		const uint8_t *bytes = vguest_memory_at(&twins->memory, buffer->pieces[i].guest);

		for (uint32_t k = 0; k < buffer->pieces[i].len && at < buffer->written; k++)
			assert_int_equal(bytes[k], pattern(number, at++));
	}
	assert_int_equal(at, buffer->written);
}

static enum vguest_how any_way(const struct layout *layout)
{
	if (!layout->indirect || model_chance(3))
		return VGUEST_DIRECT;
	return layout->packed || rand_below(2) ? VGUEST_INDIRECT : VGUEST_MIXED;
}

static bool add_buffer(struct twins *twins)
{
	const struct layout *layout = twins->layout;
	struct buffer *buffer = buffer_of(twins, twins->added);
	enum vguest_how how = any_way(layout);
	// A mixed chain of a ring of one has no room for its table.
	enum vguest_how fits = how == VGUEST_MIXED && layout->size < 2 ? VGUEST_INDIRECT : how;

	if (twins->added - twins->back == layout->size)
		return false;
	cut(twins, buffer, fits == VGUEST_DIRECT ? layout->size : PIECES);
	if (!twins->writable)
		write_pieces(twins, buffer, twins->added);
	if (vguest_ring_add(&twins->driver, buffer->pieces, twins->writable ? 0 : buffer->count,
	                    twins->writable ? buffer->count : 0,
	                    (uint32_t)(twins->added % layout->size), fits) < 0)
		return false;
	twins->added++;
	return true;
}

static void take_back(struct twins *twins)
{
	struct vguest_used used;
	int got;

	while ((got = vguest_ring_take(&twins->driver, &used)) > 0) {
		const struct buffer *buffer = buffer_of(twins, twins->back);

		assert_true(twins->back < twins->published);
		assert_int_equal(used.token, twins->back % twins->layout->size);
		assert_int_equal(used.len, buffer->written);
		if (twins->writable)
			check_pieces(twins, buffer, twins->back);
		twins->back++;
	}
	if (got < 0)
		fail_msg("%s", twins->driver.fault);
	assert_int_equal(twins->back, twins->published);
}

static void run_driver(struct twins *twins)
{
	if (twins->driver_sleeps && !vguest_ring_count_calls(&twins->driver))
		return;
	if (twins->driver_sleeps)
		vguest_ring_disarm(&twins->driver);
	twins->driver_sleeps = false;
	if (rand_below(3))
		take_back(twins);
	for (unsigned i = rand_below(40); i > 0 && add_buffer(twins); i--)
		if (model_chance(8))
			vguest_ring_publish(&twins->driver);
	vguest_ring_publish(&twins->driver);
	twins->driver_sleeps = model_chance(4) && !vguest_ring_arm(&twins->driver);
	if (!twins->driver_sleeps)
		vguest_ring_disarm(&twins->driver);
}

static void serve(struct twins *twins, const struct virtq_chain *chain)
{
	uint64_t number = twins->served++;
	struct buffer *buffer = buffer_of(twins, number);
	uint32_t at = 0;

	assert_true(number < twins->added);
	assert_int_equal(chain->len, buffer->len);
	buffer->written = twins->writable ? rand_below(buffer->len + 1) : 0;
	for (unsigned i = 0; i < chain->range_count; i++)
		for (uint32_t k = 0; k < chain->ranges[i].len; k++, at++)
			if (!twins->writable)
				assert_int_equal(chain->ranges[i].base[k], pattern(number, at));
			else if (at < buffer->written)
				chain->ranges[i].base[k] = pattern(number, at);
	virtq_give(twins->device, chain, buffer->written);
}

static bool is_kicked(const struct twins *twins)
{
	eventfd_t kicks;

	return eventfd_read(twins->driver.kick_fd, &kicks) == 0;
}

static void run_device(struct twins *twins)
{
	struct virtq_chain chains[VIRTQ_TAKE_MAX];

	if (twins->device_sleeps && !is_kicked(twins))
		return;
	if (twins->device_sleeps)
		virtq_disarm(twins->device);
	twins->device_sleeps = false;

	unsigned count = virtq_take(twins->device, chains, 1 + rand_below(VIRTQ_TAKE_MAX));
	unsigned keep = rand_below(3) ? count : rand_below(count + 1);

	virtq_untake(twins->device, chains + keep, count - keep);
	for (unsigned i = 0; i < keep; i++)
		serve(twins, &chains[i]);
	if (virtq_fault(twins->device))
		fail_msg("%s", virtq_fault_name(virtq_fault(twins->device)));
	if (model_chance(4))
		return;
	virtq_publish(twins->device);
	twins->published = twins->served;
	twins->device_sleeps = model_chance(4) && !virtq_arm(twins->device);
	if (!twins->device_sleeps)
		virtq_disarm(twins->device);
}

static bool is_rung(int fd)
{
	struct pollfd bell = {.fd = fd, .events = POLLIN};

	return poll(&bell, 1, 0) > 0;
}

// Both may sleep, with no bell rung, only when there is nothing for either. Then the driver has an idea.
static void wake_driver(struct twins *twins)
{
	if (!twins->driver_sleeps || !twins->device_sleeps || is_rung(twins->driver.call_fd) ||
	    is_rung(twins->driver.kick_fd))
		return;
	if (eventfd_write(twins->driver.call_fd, 1) < 0)
		fail_msg("no call");
	assert_int_equal(twins->served, twins->added);
	assert_int_equal(twins->back, twins->published);
}

// The device is stopped and started where both say that it stood.
static void stop_and_go(struct twins *twins)
{
	virtq_publish(twins->device);
	twins->published = twins->served;

	uint32_t position = virtq_position(twins->device);

	assert_int_equal(position, vguest_ring_base(&twins->driver));
	virtq_close(twins->device);
	open_device(twins, position);
}

// The driver is reset, and what was out is forgotten.
static void reset(struct twins *twins)
{
	uint32_t base = twins->layout->base;

	virtq_close(twins->device);
	vguest_ring_restart(&twins->driver, base);
	twins->back = twins->published = twins->served = twins->added;
	twins->driver_sleeps = false;
	open_device(twins, base);
}

static void run_twins(const struct layout *layout, bool writable)
{
	struct twins *twins = malloc(sizeof(*twins));

	assert_non_null(twins);
	open_twins(twins, layout, writable);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		run_driver(twins);
		run_device(twins);
		wake_driver(twins);
		if (model_chance(200))
			stop_and_go(twins);
		if (model_chance(1000))
			reset(twins);
	}
	assert_true(twins->back > 2u * layout->size);
	close_twins(twins);
	free(twins);
}

static const struct layout layouts[] = {
	{.size = 256},
	{.size = 256, .event_idx = true, .indirect = true, .base = 65000},
	{.size = 1, .indirect = true, .base = 65535},
	{.size = 2, .event_idx = true},
	{.size = 1024, .in_order = true, .base = 64000},
	{.size = 64, .in_order = true, .indirect = true, .event_idx = true},
	{.size = 256, .packed = true, .base = 0x80008000},
	{.size = 256, .packed = true, .event_idx = true, .indirect = true, .base = 0x00ff00ff},
	{.size = 1, .packed = true, .indirect = true, .base = 0x80008000},
	{.size = 7, .packed = true, .event_idx = true, .base = 0x80068006},
	{.size = 1000, .packed = true, .in_order = true, .base = 0x83e783e7},
	{.size = 61, .packed = true, .in_order = true, .indirect = true, .event_idx = true},
};

static void run_all(bool writable)
{
	model_seed();
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		run_twins(&layouts[i], writable);
}

static void what_the_driver_sends_arrives(void **state)
{
	run_all(false);
}

static void what_the_device_writes_arrives(void **state)
{
	run_all(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_driver_sends_arrives),
		cmocka_unit_test(what_the_device_writes_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
