// SPDX-License-Identifier: BSD-3-Clause
//
// What a guest sends arrives as it was, in whatever pieces; what is bad is refused and goes back with the rest.

#include "base/bytes.h"
#include "tests/unit/unit.h"
#include "tests/unit/vnic/frames.h"
#include "tests/unit/vnic/guest_ring.h"
#include "vnic/offload.h"
#include "vnic/parse.h"
#include "vnic/vhost/vhost_rx.h"

#include <netinet/in.h>
#include <stdlib.h>

enum { HEADER = 12 };

static struct guest_device guest;
static struct vhost_rx rx;
static struct port port = {.slot = 7};
static struct packet_pool *pool;
static struct batch batch;
static uint8_t bytes[HEADER + FRAME_SIZE];

static int open_all(void **state)
{
	guest_device_open(&guest, PORT_TX_CSUM, true, false);
	memset(&rx, 0, sizeof(rx));
	vhost_rx_init(&rx, (struct vhost_device *)(void *)&guest, 0);
	pool = packet_pool_new(256, 4096);
	memset(port.door_drops, 0, sizeof(port.door_drops));
	batch.count = 0;
	return 0;
}

static int close_all(void **state)
{
	assert_int_equal(packet_pool_available(pool), 256);
	packet_pool_free(pool);
	guest_device_close(&guest);
	return 0;
}

static unsigned take(void)
{
	return vhost_rx_take(&rx, &port, 3, pool, &batch);
}

static void end_batch(void)
{
	for (unsigned i = 0; i < batch.count; i++)
		packet_give(pool, batch.packets[i]);
	batch.count = 0;
	packet_arena_reset(pool);
	vhost_rx_finish(&rx);
}

// A frame of that length whose bytes tell their place; no IP in it.
static void make_bytes(uint32_t len)
{
	memset(bytes, 0, HEADER);
	for (uint32_t i = 0; i < len; i++)
		bytes[HEADER + i] = (uint8_t)(i * 7 + i / 256);
	bytes[HEADER + 12] = 0x88;
	bytes[HEADER + 13] = 0xb5;
}

// Cuts `len` bytes into pieces of `piece`, the first of `first`.
static unsigned cut(uint32_t *lens, uint32_t len, uint32_t first, uint32_t piece)
{
	unsigned count = 0;

	for (uint32_t done = 0; done < len; count++) {
		lens[count] = MIN(len - done, done ? piece : first);
		done += lens[count];
	}
	return count;
}

static void check_packet(const struct packet *packet, uint32_t len)
{
	static uint8_t got[FRAME_SIZE];

	assert_int_equal(packet->len, len);
	assert_int_equal(packet->head_len, MIN(len, PACKET_HEAD));
	assert_int_equal(packet_copy(packet, 0, len, got), len);
	assert_memory_equal(got, bytes + HEADER, len);
	assert_int_equal(packet->in_port, 7);
	assert_int_equal(packet->queue, 3);
}

static void frames_arrive_in_any_layout(void **state)
{
	static const uint32_t frame_lens[] = {14, 60, 256, 257, 1514, 9014, 65549};
	static const struct {
		uint32_t first, piece;
	} layouts[] = {
		{1 << 20, 1},      // all in one
		{HEADER, 1 << 20}, // the header apart
		{10, 4096},        {1, 333}, {HEADER + PACKET_HEAD, 4096}, {HEADER + 14, 1500},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(frame_lens); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(layouts); j++) {
			uint32_t len = frame_lens[i], lens[GUEST_PIECES], head, written;
			unsigned pieces;

			make_bytes(len);
			pieces = cut(lens, HEADER + len, layouts[j].first, layouts[j].piece);
			head = guest_ring_put(&guest.sends, lens, pieces, bytes, HEADER + len);
			assert_int_equal(take(), 1);
			check_packet(batch.packets[0], len);

			// It is the guest's again when the batch has ended, and no sooner.
			uint32_t got;

			assert_false(guest_ring_take(&guest.sends, &got, &written));
			end_batch();
			assert_true(guest_ring_take(&guest.sends, &got, &written));
			assert_int_equal(got, head);
			assert_int_equal(written, 0);
		}
	}
	assert_int_equal(take(), 0);
}

static void payload_is_lent_and_not_copied(void **state)
{
	uint32_t lens[GUEST_PIECES];
	unsigned pieces = cut(lens, HEADER + 65000, HEADER, 4096);
	const struct packet *packet;
	uint32_t lent = 0;

	make_bytes(65000);
	guest_ring_put(&guest.sends, lens, pieces, bytes, HEADER + 65000);
	assert_int_equal(take(), 1);
	packet = batch.packets[0];
	// Sixteen pieces of 4096 bytes, of which the first gave its beginning to the head.
	assert_int_equal(packet->segment_count, 16);
	for (unsigned i = 0; i < packet->segment_count; i++)
		lent += packet->segments[i].len;
	assert_int_equal(lent, 65000 - PACKET_HEAD);

	// The head is a copy, the payload is not: what the guest writes now shows in one of them only.
	memset(guest.sends.base + GUEST_RING_BYTES, 0xee, 70000);
	assert_int_equal(packet->data[0], bytes[HEADER]);
	assert_int_equal(packet->data[PACKET_HEAD - 1], bytes[HEADER + PACKET_HEAD - 1]);
	assert_int_equal(packet->segments[1].base[5], 0xee);
	end_batch();
}

static void batches_are_bounded_and_in_order(void **state)
{
	enum { FRAMES = 150 };
	uint32_t heads[FRAMES], lens[] = {HEADER, 60}, head, written, next = 0;

	make_bytes(60);
	for (unsigned i = 0; i < FRAMES; i++) {
		bytes[HEADER + 20] = (uint8_t)i;
		heads[i] = guest_ring_put(&guest.sends, lens, 2, bytes, HEADER + 60);
	}
	guest_ring_calls(&guest.sends);
	for (unsigned batches = 0; take(); batches++) {
		assert_in_range(batch.count, 1, BATCH_SIZE);
		for (unsigned i = 0; i < batch.count; i++)
			assert_int_equal(batch.packets[i]->data[20], next + i);
		end_batch();
		// One call for each batch, however many chains it had.
		assert_int_equal(guest_ring_calls(&guest.sends), 1);
		while (guest_ring_take(&guest.sends, &head, &written))
			assert_int_equal(head, heads[next++]);
	}
	assert_int_equal(next, FRAMES);
}

// A batch that has no room for all segments takes the rest of the chains later.
static void what_does_not_fit_comes_with_the_next_batch(void **state)
{
	enum { FRAMES = 20 };
	uint32_t lens[GUEST_PIECES], head, written;
	unsigned pieces, done = 0, batches = 0, back = 0;

	make_bytes(9000);
	pieces = cut(lens, HEADER + 9000, HEADER, 100);
	for (unsigned i = 0; i < FRAMES; i++) {
		// As many as fit the ring.
		if (i % 10 == 0)
			for (; take(); batches++) {
				done += batch.count;
				for (unsigned j = 0; j < batch.count; j++)
					check_packet(batch.packets[j], 9000);
				end_batch();
			}
		guest_ring_put(&guest.sends, lens, pieces, bytes, HEADER + 9000);
	}
	for (; take(); batches++) {
		done += batch.count;
		end_batch();
	}
	assert_int_equal(done, FRAMES);
	assert_true(batches >= 2);
	while (guest_ring_take(&guest.sends, &head, &written))
		back++;
	assert_int_equal(back, FRAMES);
}

static void refuse(uint32_t len, enum drop_reason reason)
{
	uint32_t lens[] = {len}, head, written;
	uint64_t before = port.door_drops[reason];

	guest_ring_put(&guest.sends, lens, 1, bytes, len);
	assert_int_equal(take(), 0);
	assert_int_equal(port.door_drops[reason], before + 1);
	// It went back without anybody ending a batch.
	assert_true(guest_ring_take(&guest.sends, &head, &written));
}

static void bad_frames_are_counted_and_go_back(void **state)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM};
	uint32_t lens[] = {HEADER + 60};

	make_bytes(66000);
	refuse(1, DROP_FRAME_SHORT);
	refuse(HEADER, DROP_FRAME_SHORT);
	refuse(HEADER + ETH_HEADER - 1, DROP_FRAME_SHORT);
	refuse(HEADER + PACKET_MAX_LEN + VLAN_TAG + 1, DROP_FRAME_LONG);

	// A checksum beyond the frame, one in front of it, and a super-packet of nothing.
	header.csum_start = 58;
	header.csum_offset = 6;
	memcpy(bytes, &header, sizeof(header));
	refuse(HEADER + 60, DROP_OFFLOAD_INVALID);
	header.csum_start = 2;
	memcpy(bytes, &header, sizeof(header));
	refuse(HEADER + 60, DROP_OFFLOAD_INVALID);
	header = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0};
	memcpy(bytes, &header, sizeof(header));
	refuse(HEADER + 60, DROP_OFFLOAD_INVALID);

	// A good one between bad ones.
	guest_ring_put(&guest.sends, lens, 1, bytes, HEADER + 60);
	memset(bytes, 0, HEADER);
	guest_ring_put(&guest.sends, lens, 1, bytes, HEADER + 60);
	lens[0] = 3;
	guest_ring_put(&guest.sends, lens, 1, bytes, 3);
	assert_int_equal(take(), 1);
	check_packet(batch.packets[0], 60);
	end_batch();

	uint32_t head, written, back = 0;

	while (guest_ring_take(&guest.sends, &head, &written))
		back++;
	assert_int_equal(back, 3);
	assert_int_equal(guest.lost, 0);
}

// What hdr_len says is nobody's business, and a GSO frame is one when the frame bears it out.
static void offloads_come_from_the_copy(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {
		.ip_version = 4, .proto = IPPROTO_TCP, .payload = 20000, .tcp_flags = TCP_ACK};
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 65535,
		.gso_size = 1448,
		.csum_offset = 16,
	};
	uint32_t lens[GUEST_PIECES];

	frame_build(&spec, &frame);
	frame_make_partial(&frame, IPPROTO_TCP);
	header.csum_start = (uint16_t)frame.l4;
	memset(bytes, 0xff, HEADER);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + HEADER, frame.bytes, frame.len);
	guest_ring_put(&guest.sends, lens, cut(lens, HEADER + (uint32_t)frame.len, HEADER, 4096),
	               bytes, HEADER + frame.len);
	assert_int_equal(take(), 1);
	assert_int_equal(batch.packets[0]->gso, GSO_TCP4);
	assert_int_equal(batch.packets[0]->gso_size, 1448);
	assert_true(batch.packets[0]->flags & PACKET_CSUM_PARTIAL);
	assert_int_equal(batch.packets[0]->csum_start, frame.l4);
	end_batch();
}

static void a_disabled_queue_is_drained(void **state)
{
	uint32_t lens[] = {HEADER + 60}, head, written;

	make_bytes(60);
	atomic_store(&guest.sends.ring.drain, true);
	for (unsigned i = 0; i < 100; i++)
		guest_ring_put(&guest.sends, lens, 1, bytes, HEADER + 60);
	assert_int_equal(take(), 0);
	assert_int_equal(take(), 0);
	assert_int_equal(port.door_drops[DROP_PORT_DOWN], 100);
	for (unsigned i = 0; i < 100; i++)
		assert_true(guest_ring_take(&guest.sends, &head, &written));
}

static void a_broken_ring_is_told_once_and_gives_nothing(void **state)
{
	uint32_t lens[] = {HEADER + 60};

	make_bytes(60);
	guest_ring_put(&guest.sends, lens, 1, bytes, HEADER + 60);
	// A descriptor that points nowhere.
	store_le64(guest.sends.base, UINT64_MAX - 10);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(take(), 0);
	assert_int_equal(guest.lost, 1);
	assert_false(vhost_rx_arm(&rx));
}

// A front end that comes after it, and has its ring at the same place in our memory, is another.
static void the_next_guest_that_breaks_its_ring_is_told_of_too(void **state)
{
	uint32_t lens[] = {HEADER + 60};

	make_bytes(60);
	for (unsigned i = 0; i < 20; i++) {
		guest_ring_put(&guest.sends, lens, 1, bytes, HEADER + 60);
		store_le64(guest.sends.base, UINT64_MAX - 10);
		assert_int_equal(take(), 0);
		assert_int_equal(guest.lost, 1);
		guest_device_close(&guest);
		guest_device_open(&guest, PORT_TX_CSUM, true, false);
	}
}

static void a_ring_that_is_withdrawn_gives_nothing(void **state)
{
	struct virtq *queue = atomic_load(&guest.sends.ring.queue);

	atomic_store(&guest.sends.ring.queue, NULL);
	assert_int_equal(take(), 0);
	assert_false(vhost_rx_arm(&rx));
	vhost_rx_disarm(&rx);
	vhost_rx_finish(&rx);
	atomic_store(&guest.sends.ring.queue, queue);
}

static void arming_finds_what_is_there(void **state)
{
	uint32_t lens[] = {HEADER + 60};

	assert_false(vhost_rx_arm(&rx));
	vhost_rx_disarm(&rx);
	make_bytes(60);
	guest_ring_put(&guest.sends, lens, 1, bytes, HEADER + 60);
	assert_true(vhost_rx_arm(&rx));
	vhost_rx_disarm(&rx);
	assert_int_equal(take(), 1);
	end_batch();
	assert_false(vhost_rx_arm(&rx));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	static const struct CMUnitTest tests[] = {
		TEST(frames_arrive_in_any_layout),
		TEST(payload_is_lent_and_not_copied),
		TEST(batches_are_bounded_and_in_order),
		TEST(what_does_not_fit_comes_with_the_next_batch),
		TEST(bad_frames_are_counted_and_go_back),
		TEST(offloads_come_from_the_copy),
		TEST(a_disabled_queue_is_drained),
		TEST(a_broken_ring_is_told_once_and_gives_nothing),
		TEST(the_next_guest_that_breaks_its_ring_is_told_of_too),
		TEST(a_ring_that_is_withdrawn_gives_nothing),
		TEST(arming_finds_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
