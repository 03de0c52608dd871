// SPDX-License-Identifier: BSD-3-Clause
//
// vguest is there to find what a device does wrong, so here is a device that does everything wrong, once each.

#include "base/bytes.h"
#include "base/fail.h"
#include "tests/guest/vguest.h"
#include "tests/guest/vguest_frame.h"
#include "tests/guest/vguest_ledger.h"
#include "tests/guest/vguest_net.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/virtio_config.h>

enum { SIZE = 8, ROOM = 1600, MEMORY = 4 << 20, FRAME = 500 };

static const uint64_t SPLIT = VGUEST_BIT(VIRTIO_F_VERSION_1) | VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF),
		      PACKED = SPLIT | VGUEST_BIT(VIRTIO_F_RING_PACKED);

// A driver's ring with frames or buffers out, in pieces with gaps.
struct driver {
	struct vguest_memory memory;
	struct vguest_ring ring;
	struct vguest_net net;
};

static void open_driver(struct driver *driver, uint64_t features, bool receives)
{
	const struct vguest_ring_setup ring = {
		.index = !receives, .size = SIZE, .features = features};
	const struct vguest_net_setup net = {
		.features = features,
		.layout = VGUEST_APART,
		.strict = true,
		.room = ROOM,
		.buffers = SIZE,
	};
	struct virtio_net_hdr_v1 header = {0};
	struct vguest_region region;
	uint8_t frame[FRAME] = {0};
	struct fail fail;

	vguest_memory_plan(&region, 1, MEMORY);
	assert_int_equal(vguest_memory_init(&driver->memory, &region, 1, &fail), 0);
	assert_int_equal(vguest_ring_init(&driver->ring, &driver->memory, &ring), 0);
	assert_int_equal(vguest_net_init(&driver->net, &driver->ring, &net), 0);
	if (receives)
		assert_int_equal(vguest_net_fill(&driver->net), SIZE / 2);
	else
		assert_int_equal(vguest_net_send(&driver->net, &header, frame, FRAME), 0);
	vguest_net_flush(&driver->net);
}

static void close_driver(struct driver *driver)
{
	vguest_net_fini(&driver->net);
	vguest_ring_fini(&driver->ring);
	vguest_memory_fini(&driver->memory);
}

static struct vring_used *used_of(const struct driver *driver)
{
	return driver->ring.device;
}

static struct vring_desc *split_of(const struct driver *driver)
{
	return driver->ring.desc;
}

static struct vring_packed_desc *packed_of(const struct driver *driver)
{
	return driver->ring.desc;
}

// The device uses the nth buffer as the nth.
static void use(const struct driver *driver, uint16_t nth, uint32_t id, uint32_t len)
{
	if (driver->ring.ops == &vguest_packed_ops) {
		struct vring_packed_desc *desc = &packed_of(driver)[2 * nth];

		desc->id = (uint16_t)id;
		desc->len = len;
		desc->flags = (len ? VRING_DESC_F_WRITE : 0) | 1 << VRING_PACKED_DESC_F_AVAIL |
		              1 << VRING_PACKED_DESC_F_USED;
		return;
	}
	used_of(driver)->ring[nth] = (struct vring_used_elem){id, len};
	used_of(driver)->idx = (uint16_t)(nth + 1);
}

static uint8_t *byte_of(const struct driver *driver, uint32_t buffer, unsigned piece)
{
	return vguest_memory_at(&driver->memory, driver->net.buffers[buffer].pieces[piece].guest);
}

// A buffer has two pieces, and a split ring names it by its first descriptor.
static uint32_t id_of(const struct driver *driver, unsigned nth)
{
	bool packed = driver->ring.ops == &vguest_packed_ops;

	return packed ? nth : 2 * nth;
}

static void write_header(const struct driver *driver, unsigned nth, struct virtio_net_hdr_v1 header)
{
	memcpy(byte_of(driver, nth, 0), &header, sizeof(header));
}

static void not_seen(void *context, const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                     uint32_t len)
{
	fail_msg("a frame of %u bytes was taken", len);
}

// What the device does, and a word of what it is told.

static void nothing_out(struct driver *driver)
{
	use(driver, 0, SIZE - 1, 0);
}

static void beyond_ring(struct driver *driver)
{
	use(driver, 0, 60000, 0);
}

static void too_long(struct driver *driver)
{
	use(driver, 0, id_of(driver, 0), 12 + ROOM + 1);
}

static void runs_ahead(struct driver *driver)
{
	used_of(driver)->idx = SIZE;
}

static void short_header(struct driver *driver)
{
	use(driver, 0, id_of(driver, 0), 5);
}

static void no_buffers(struct driver *driver)
{
	write_header(driver, 0, (struct virtio_net_hdr_v1){.num_buffers = 0});
	use(driver, 0, id_of(driver, 0), 100);
}

static void second_missing(struct driver *driver)
{
	write_header(driver, 0, (struct virtio_net_hdr_v1){.num_buffers = 2});
	use(driver, 0, id_of(driver, 0), 12 + ROOM);
}

static void first_not_full(struct driver *driver)
{
	write_header(driver, 0, (struct virtio_net_hdr_v1){.num_buffers = 2});
	use(driver, 0, id_of(driver, 0), 100);
	use(driver, 1, id_of(driver, 1), 100);
}

static void gap_written(struct driver *driver)
{
	write_header(driver, 0, (struct virtio_net_hdr_v1){.num_buffers = 1});
	byte_of(driver, 0, 1)[ROOM] = 1;
	use(driver, 0, id_of(driver, 0), 100);
}

static void segments_not_agreed(struct driver *driver)
{
	write_header(driver, 0,
	             (struct virtio_net_hdr_v1){.num_buffers = 1,
	                                        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	                                        .gso_size = 100});
	use(driver, 0, id_of(driver, 0), 400);
}

static void sum_not_agreed(struct driver *driver)
{
	write_header(
		driver, 0,
		(struct virtio_net_hdr_v1){.num_buffers = 1, .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM});
	use(driver, 0, id_of(driver, 0), 400);
}

static void descriptor_written(struct driver *driver)
{
	split_of(driver)[1].len++;
}

static void packed_descriptor_written(struct driver *driver)
{
	packed_of(driver)[1].addr++;
}

static void available_written(struct driver *driver)
{
	((struct vring_avail *)driver->ring.driver)->idx++;
}

static void sent_frame_written(struct driver *driver)
{
	byte_of(driver, 0, 1)[7] ^= 1;
	use(driver, 0, id_of(driver, 0), 0);
}

static void used_twice(struct driver *driver)
{
	use(driver, 0, id_of(driver, 0), 0);
	assert_int_equal(vguest_net_reclaim(&driver->net), 1);
	used_of(driver)->ring[1] = used_of(driver)->ring[0];
	used_of(driver)->idx = 2;
}

enum { RECEIVES = 1, IN_SPLIT = 2, IN_PACKED = 4, IN_BOTH = IN_SPLIT | IN_PACKED };

static const struct breach {
	void (*commit)(struct driver *driver);
	const char *words;
	unsigned where;
} breaches[] = {
	{nothing_out, "not out", RECEIVES | IN_BOTH},
	{beyond_ring, "not out", RECEIVES | IN_BOTH},
	{too_long, "is used with", RECEIVES | IN_BOTH},
	{runs_ahead, "used index", RECEIVES | IN_SPLIT},
	{short_header, "the header has", RECEIVES | IN_BOTH},
	{no_buffers, "a frame of 0 buffers", RECEIVES | IN_BOTH},
	{second_missing, "1 of a frame's 2 buffers", RECEIVES | IN_BOTH},
	{first_not_full, "in between", RECEIVES | IN_BOTH},
	{gap_written, "beside a descriptor", RECEIVES | IN_BOTH},
	{segments_not_agreed, "TSO4 not agreed", RECEIVES | IN_BOTH},
	{sum_not_agreed, "checksum that the driver", RECEIVES | IN_BOTH},
	{descriptor_written, "table was written", RECEIVES | IN_SPLIT},
	{packed_descriptor_written, "not used was written", RECEIVES | IN_PACKED},
	{available_written, "available index was written", RECEIVES | IN_SPLIT},
	{sent_frame_written, "written while it was sent", IN_BOTH},
	{used_twice, "used index", IN_SPLIT},
};

static void commit(const struct breach *breach, uint64_t features)
{
	struct driver driver;

	open_driver(&driver, features, breach->where & RECEIVES);
	assert_int_equal(vguest_ring_check(&driver.ring), 0);
	breach->commit(&driver);
	if (breach->where & RECEIVES)
		vguest_net_receive(&driver.net, SIZE, not_seen, NULL);
	else
		vguest_net_reclaim(&driver.net);
	assert_int_equal(vguest_ring_check(&driver.ring), -EPROTO);
	if (!strstr(driver.ring.fault, breach->words))
		fail_msg("'%s' is not about '%s'", driver.ring.fault, breach->words);
	close_driver(&driver);
}

static void every_breach_is_named(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(breaches); i++) {
		if (breaches[i].where & IN_SPLIT)
			commit(&breaches[i], SPLIT);
		if (breaches[i].where & IN_PACKED)
			commit(&breaches[i], PACKED);
	}
}

static void writes_past_the_end_are_found(void **state)
{
	struct vguest_memory memory;
	struct vguest_region regions[2];
	uint64_t guest = 0;
	struct fail fail;

	vguest_memory_plan(regions, 2, 1 << 20);
	assert_int_equal(vguest_memory_init(&memory, regions, 2, &fail), 0);

	uint8_t *bytes = vguest_memory_alloc(&memory, 1, 100, 16);

	assert_non_null(bytes);
	memset(bytes, 1, 100);
	assert_int_equal(vguest_memory_check(&memory, &guest), 0);
	bytes[100] = 1;
	assert_int_equal(vguest_memory_check(&memory, &guest), -EFAULT);
	assert_int_equal(guest, vguest_memory_address(&memory, bytes + 100));
	vguest_memory_fini(&memory);
}

static void every_damaged_byte_is_found(void **state)
{
	struct vguest_flow flow = {.destination = {2},
	                           .source = {2},
	                           .address_to = 1,
	                           .address_from = 2,
	                           .port_to = 9};

	for (unsigned kind = 0; kind < 8; kind++) {
		struct virtio_net_hdr_v1 header;
		uint8_t frame[FRAME];

		flow.tcp = kind & 1;
		flow.ip6 = kind & 2;
		flow.partial = kind & 4;
		vguest_frame_build(&flow, 7, 0, FRAME, &header, frame);
		assert_null(vguest_frame_verify(&header, frame, FRAME));
		// A partial checksum does not cover the transport's header, but all of the payload is known.
		for (uint32_t at = flow.partial ? vguest_frame_head(&flow) + 20 : 14; at < FRAME;
		     at++) {
			frame[at] ^= 0x40;
			if (!vguest_frame_verify(&header, frame, FRAME) && !(flow.ip6 && at < 54))
				fail_msg("kind %u: byte %u", kind, at);
			frame[at] ^= 0x40;
		}
	}
}

static void numbers_are_accounted_for(void **state)
{
	struct vguest_ledger ledger;

	assert_int_equal(vguest_ledger_init(&ledger), 0);
	for (uint64_t number = 0; number < 100; number++)
		if (number != 50)
			vguest_ledger_enter(&ledger, number);
	vguest_ledger_enter(&ledger, 99);
	vguest_ledger_enter(&ledger, 3);
	vguest_ledger_enter(&ledger, 50);
	// One lap on, an old number's bit is a new one's.
	vguest_ledger_enter(&ledger, VGUEST_LEDGER + 3);
	vguest_ledger_enter(&ledger, VGUEST_LEDGER + 2);
	vguest_ledger_enter(&ledger, VGUEST_LEDGER + 2);
	assert_int_equal(ledger.unique, 102);
	assert_int_equal(ledger.doubled, 3);
	assert_int_equal(ledger.reordered, 2);
	vguest_ledger_fini(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_breach_is_named),
		cmocka_unit_test(writes_past_the_end_are_found),
		cmocka_unit_test(every_damaged_byte_is_found),
		cmocka_unit_test(numbers_are_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
