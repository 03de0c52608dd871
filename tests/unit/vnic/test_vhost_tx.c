// SPDX-License-Identifier: BSD-3-Clause
//
// What is sent to a guest lies in its buffers as it was, however small they are; payload between two
// guests is copied once; a guest without buffers loses its frames at once.

#include "base/bytes.h"
#include "base/rand.h"
#include "tests/unit/unit.h"
#include "tests/unit/vnic/frames.h"
#include "tests/unit/vnic/guest_ring.h"
#include "vnic/vhost/vhost_rx.h"
#include "vnic/vhost/vhost_tx.h"

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { HEADER = 12, ALL = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_USO };

static struct guest_device guest;
static struct vhost_tx tx;
static struct packet_pool *pool;
static uint8_t bytes[FRAME_SIZE];

static void open_guest(uint32_t offloads, bool mergeable, bool logged)
{
	guest_device_open(&guest, offloads, mergeable, logged);
	memset(&tx, 0, sizeof(tx));
	vhost_tx_init(&tx, (struct vhost_device *)(void *)&guest, 0);
	pool = packet_pool_new(256, 256 << 10);
	assert_non_null(pool);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 11 + i / 256);
}

static void close_guest(void)
{
	assert_int_equal(packet_pool_available(pool), 256);
	packet_pool_free(pool);
	guest_device_close(&guest);
}

static struct packet *make_packet(uint32_t len)
{
	struct packet *packet = frame_packet(pool, bytes, len, MIN(len, PACKET_HEAD), 5);

	assert_non_null(packet);
	return packet;
}

static void offer(uint32_t len, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		guest_ring_put(&guest.receives, &len, 1, NULL, 0);
}

// Sends one frame; the reason for which it was refused, or DROP_NONE.
static enum drop_reason send_one(uint32_t len)
{
	struct packet *packet = make_packet(len);
	enum drop_reason reason = DROP_NONE;
	unsigned sent = vhost_tx_send(&tx, &packet, 1, &reason);

	packet_give(pool, packet);
	packet_arena_reset(pool);
	assert_true(sent == (reason == DROP_NONE));
	return reason;
}

// Reads the next frame that the guest got, over as many chains as its header says.
static uint32_t receive(uint8_t *frame)
{
	static uint8_t chain[1 << 17];
	struct virtio_net_hdr_mrg_rxbuf header;
	uint32_t head, written, len = 0;

	if (!guest_ring_take(&guest.receives, &head, &written))
		return 0;
	assert_true(written >= HEADER);
	guest_ring_read(&guest.receives, head, chain, written);
	memcpy(&header, chain, HEADER);
	memcpy(frame, chain + HEADER, written - HEADER);
	len = written - HEADER;
	assert_true(header.num_buffers >= 1);
	for (unsigned i = 1; i < header.num_buffers; i++) {
		assert_true(guest_ring_take(&guest.receives, &head, &written));
		guest_ring_read(&guest.receives, head, frame + len, written);
		len += written;
	}
	return len;
}

static void expect(uint32_t len)
{
	static uint8_t frame[1 << 17];

	assert_int_equal(receive(frame), len);
	assert_memory_equal(frame, bytes, len);
}

static void merged_buffers_hold_a_frame_together(void **state)
{
	static const uint32_t lens[] = {14, 60, 1500, 1514, 4084, 4085, 9014, 65549};
	static const uint32_t buffers[] = {1526, 2048, 4096, 65562};

	open_guest(ALL, true, false);
	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(buffers); j++) {
			unsigned wanted = (HEADER + lens[i] - 1) / buffers[j] + 1;

			offer(buffers[j], wanted);
			assert_int_equal(send_one(lens[i]), DROP_NONE);
			expect(lens[i]);
			assert_int_equal(guest_ring_calls(&guest.receives) > 0, true);
			// Exactly that many, as the next one finds none.
			assert_int_equal(send_one(60), DROP_TX_QUEUE_FULL);
		}
	}
	close_guest();
}

static void unmerged_buffers_hold_a_frame_each(void **state)
{
	static const uint32_t layout[] = {HEADER, 700, 1, 813};

	open_guest(ALL, false, false);
	guest_ring_put(&guest.receives, layout, ARRAY_SIZE(layout), NULL, 0);
	// What is too big for the buffer leaves it to the next.
	assert_int_equal(send_one(1515), DROP_TX_TOO_BIG);
	assert_int_equal(send_one(1514), DROP_NONE);
	expect(1514);
	assert_int_equal(send_one(60), DROP_TX_QUEUE_FULL);
	close_guest();
}

static void a_frame_takes_a_bounded_number_of_buffers(void **state)
{
	open_guest(ALL, true, false);
	offer(100, 200);
	assert_int_equal(send_one(9000), DROP_TX_TOO_BIG);
	assert_int_equal(send_one(100 * VIRTQ_TAKE_MAX - HEADER), DROP_NONE);
	expect(100 * VIRTQ_TAKE_MAX - HEADER);
	assert_int_equal(send_one(60), DROP_NONE);
	expect(60);
	close_guest();
}

static void a_full_ring_refuses_the_rest_at_once(void **state)
{
	struct packet *packets[BATCH_SIZE];
	enum drop_reason reason = DROP_NONE;

	open_guest(ALL, true, false);
	offer(2048, 40);
	for (unsigned i = 0; i < BATCH_SIZE; i++)
		packets[i] = make_packet(60 + i);
	guest_ring_calls(&guest.receives);
	assert_int_equal(vhost_tx_send(&tx, packets, BATCH_SIZE, &reason), 40);
	assert_int_equal(reason, DROP_TX_QUEUE_FULL);
	assert_int_equal(guest_ring_calls(&guest.receives), 1);
	for (unsigned i = 0; i < 40; i++)
		expect(60 + i);
	for (unsigned i = 0; i < BATCH_SIZE; i++)
		packet_give(pool, packets[i]);
	packet_arena_reset(pool);
	assert_int_equal(guest.lost, 0);
	close_guest();
}

// More chains than may be out at a time, in one call.
static void a_batch_of_large_frames_goes_in_one_call(void **state)
{
	struct packet *packets[16];
	enum drop_reason reason = DROP_NONE;

	open_guest(ALL, true, false);
	offer(1526, 16 * 43);
	for (unsigned i = 0; i < ARRAY_SIZE(packets); i++)
		packets[i] = make_packet(65000);
	assert_int_equal(vhost_tx_send(&tx, packets, ARRAY_SIZE(packets), &reason),
	                 ARRAY_SIZE(packets));
	for (unsigned i = 0; i < ARRAY_SIZE(packets); i++) {
		expect(65000);
		packet_give(pool, packets[i]);
	}
	packet_arena_reset(pool);
	close_guest();
}

static void offloads_are_passed_on_or_refused(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {
		.ip_version = 4, .proto = IPPROTO_TCP, .payload = 3000, .tcp_flags = TCP_ACK};
	static const uint32_t lens[] = {4096};
	struct virtio_net_hdr_mrg_rxbuf header;
	struct packet *packet;
	enum drop_reason reason;
	uint32_t head, written;

	frame_build(&spec, &frame);
	frame_make_partial(&frame, IPPROTO_TCP);
	for (unsigned i = 0; i < 2; i++) {
		open_guest(i ? PORT_TX_CSUM : ALL, true, false);
		guest_ring_put(&guest.receives, lens, 1, NULL, 0);
		packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);
		packet->flags = PACKET_CSUM_PARTIAL;
		packet->csum_start = (uint16_t)frame.l4;
		packet->csum_offset = 16;
		packet->gso = GSO_TCP4;
		packet->gso_size = 1448;
		reason = DROP_NONE;
		assert_int_equal(vhost_tx_send(&tx, &packet, 1, &reason), !i);
		assert_int_equal(reason, i ? DROP_OFFLOAD_INVALID : DROP_NONE);
		packet_give(pool, packet);
		packet_arena_reset(pool);
		if (i == 0) {
			assert_true(guest_ring_take(&guest.receives, &head, &written));
			guest_ring_read(&guest.receives, head, &header, HEADER);
			assert_int_equal(header.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(header.hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
			assert_int_equal(header.hdr.gso_size, 1448);
			assert_int_equal(header.hdr.csum_start, frame.l4);
			assert_int_equal(header.num_buffers, 1);
		}
		close_guest();
	}
}

static void a_checksum_known_to_be_good_is_told_who_asked(void **state)
{
	static const uint32_t lens[] = {2048};

	for (unsigned i = 0; i < 2; i++) {
		open_guest(i ? PORT_TX_CSUM : 0, true, false);
		guest_ring_put(&guest.receives, lens, 1, NULL, 0);

		static struct frame frame;
		const struct frame_spec spec = {
			.ip_version = 4, .proto = IPPROTO_UDP, .payload = 100};
		struct virtio_net_hdr_mrg_rxbuf header;
		enum drop_reason reason = DROP_NONE;
		uint32_t head, written;

		frame_build(&spec, &frame);
		struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

		packet->flags = PACKET_CSUM_VALID;
		assert_int_equal(vhost_tx_send(&tx, &packet, 1, &reason), 1);
		assert_true(guest_ring_take(&guest.receives, &head, &written));
		guest_ring_read(&guest.receives, head, &header, HEADER);
		assert_int_equal(header.hdr.flags, i ? VIRTIO_NET_HDR_F_DATA_VALID : 0);
		packet_give(pool, packet);
		packet_arena_reset(pool);
		close_guest();
	}
}

static void a_guest_that_is_not_there_gets_nothing(void **state)
{
	struct virtq *queue;

	open_guest(ALL, true, false);
	offer(2048, 4);
	queue = atomic_exchange(&guest.receives.ring.queue, NULL);
	assert_int_equal(send_one(60), DROP_PORT_DOWN);
	atomic_store(&guest.receives.ring.queue, queue);
	atomic_store(&guest.receives.ring.drain, true);
	assert_int_equal(send_one(60), DROP_PORT_DOWN);
	atomic_store(&guest.receives.ring.drain, false);
	assert_int_equal(send_one(60), DROP_NONE);
	close_guest();
}

static void a_broken_ring_is_told_once(void **state)
{
	open_guest(ALL, true, false);
	offer(2048, 1);
	store_le64(guest.receives.base, UINT64_MAX - 10);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_one(60), DROP_TX_QUEUE_FULL);
	assert_int_equal(guest.lost, 1);
	close_guest();
}

// Reads a frame into the parts, as the door would do by which it comes; a packet of it.
static struct packet *read_into(struct segment *parts, unsigned count, uint32_t len)
{
	struct packet *packet = packet_take(pool);
	uint32_t at = PACKET_HEAD;
	unsigned used = 0;

	assert_non_null(packet);
	memcpy(packet->data, bytes, PACKET_HEAD);
	packet->len = len;
	packet->head_len = PACKET_HEAD;
	for (; at < len; used++) {
		assert_true(used < count);
		parts[used].len = MIN(parts[used].len, len - at);
		memcpy((void *)(uintptr_t)parts[used].base, bytes + at, parts[used].len);
		at += parts[used].len;
	}
	packet->segments = parts;
	packet->segment_count = (uint16_t)used;
	return packet;
}

static void what_was_read_into_the_guest_is_not_copied(void **state)
{
	static const uint32_t lens[] = {257, 1500, 9014, 65549},
			      buffers[] = {200, 268, 1526, 4096, 70000};

	for (unsigned i = 0; i < ARRAY_SIZE(lens) * ARRAY_SIZE(buffers); i++) {
		uint32_t len = lens[i % ARRAY_SIZE(lens)], buffer = buffers[i / ARRAY_SIZE(lens)];
		struct packet *packet;
		struct segment *parts;
		enum drop_reason reason;
		unsigned count;

		open_guest(ALL, true, false);
		offer(buffer, 400);
		count = vhost_tx_lend(&tx, &parts);
		// No more chains than can be taken at once.
		if (buffer <= 268) {
			assert_int_equal(count, 0);
			assert_int_equal(send_one(len), buffer * VIRTQ_TAKE_MAX < len + HEADER
			                                        ? DROP_TX_TOO_BIG
			                                        : DROP_NONE);
			close_guest();
			continue;
		}
		assert_true(count > 0);
		packet = read_into(parts, count, len);
		assert_int_equal(vhost_tx_send(&tx, &packet, 1, &reason), 1);
		vhost_tx_unlend(&tx);
		packet_give(pool, packet);
		expect(len);
		assert_int_equal(tx.delivered, len);
		assert_int_equal(tx.copied, 2 * PACKET_HEAD);
		// The ring goes on behind it.
		assert_int_equal(send_one(1000), DROP_NONE);
		expect(1000);
		close_guest();
	}
}

static void room_that_is_not_used_goes_back(void **state)
{
	struct packet *packet;
	struct segment *parts;
	enum drop_reason reason;

	open_guest(ALL, true, false);
	offer(1526, 45);
	for (unsigned i = 0; i < 10; i++) {
		assert_true(vhost_tx_lend(&tx, &parts) > 0);
		vhost_tx_unlend(&tx);
	}
	// Another packet comes first, and uses the very buffers.
	assert_true(vhost_tx_lend(&tx, &parts) > 0);
	assert_int_equal(send_one(9000), DROP_NONE);
	expect(9000);
	vhost_tx_unlend(&tx);
	// Now there is not enough for the longest frame, and one of 40 buffers goes all the same.
	assert_int_equal(vhost_tx_lend(&tx, &parts), 0);
	assert_int_equal(send_one(1526 * 38), DROP_NONE);
	expect(1526 * 38);
	// A head that has grown would push the rest along.
	offer(1526, 50);
	assert_true(vhost_tx_lend(&tx, &parts) > 0);
	packet = read_into(parts, PORT_LOAN_PARTS, 5000);
	packet->head_len += 4;
	assert_int_equal(vhost_tx_send(&tx, &packet, 1, &reason), 0);
	assert_int_equal(reason, DROP_OFFLOAD_INVALID);
	vhost_tx_unlend(&tx);
	packet_give(pool, packet);
	assert_int_equal(send_one(1000), DROP_NONE);
	expect(1000);
	close_guest();
}

static void nothing_is_lent_of_a_ring_that_is_not_whole(void **state)
{
	struct segment *parts;

	open_guest(ALL, false, false);
	offer(1526, 64);
	assert_int_equal(vhost_tx_lend(&tx, &parts), 0);
	close_guest();
	// Each byte would have to be logged.
	open_guest(ALL, true, true);
	offer(4096, 64);
	assert_int_equal(vhost_tx_lend(&tx, &parts), 0);
	close_guest();
	open_guest(ALL, true, false);
	offer(4096, 64);
	atomic_store(&guest.receives.ring.drain, true);
	assert_int_equal(vhost_tx_lend(&tx, &parts), 0);
	atomic_store(&guest.receives.ring.drain, false);
	store_le64(guest.receives.base, UINT64_MAX - 10);
	assert_int_equal(vhost_tx_lend(&tx, &parts), 0);
	assert_int_equal(guest.lost, 1);
	close_guest();
}

static void what_was_written_is_logged_and_nothing_else(void **state)
{
	static const uint32_t lens[] = {20000, 20000};
	uint32_t head, written;

	open_guest(ALL, true, true);
	guest_ring_put(&guest.receives, lens, 2, NULL, 0);
	assert_int_equal(send_one(9000), DROP_NONE);
	assert_true(guest_ring_take(&guest.receives, &head, &written));
	for (uint32_t at = 0; at < HEADER + 9000; at += 500)
		assert_true(guest_device_is_logged(&guest, head, at));
	for (uint32_t at = HEADER + 9000 + 4096; at < 40000; at += 500)
		assert_false(guest_device_is_logged(&guest, head, at));
	close_guest();
}

// From one ring to the other in one batch: what arrives, and how often its bytes were copied.
static void between_guests_each_byte_is_copied_once(void **state)
{
	enum { FRAMES = 50, LEN = 65000 };
	static struct vhost_rx rx;
	struct port port = {.slot = 1};
	uint32_t lens[GUEST_PIECES];
	unsigned count = 0;
	static uint8_t sent[HEADER + LEN];

	open_guest(ALL, true, false);
	memset(&rx, 0, sizeof(rx));
	vhost_rx_init(&rx, (struct vhost_device *)(void *)&guest, 0);
	memcpy(sent + HEADER, bytes, LEN);
	for (uint32_t left = HEADER + LEN; left; left -= lens[count++])
		lens[count] = MIN(left, 4096);
	for (unsigned i = 0; i < FRAMES; i++) {
		struct batch batch = {.count = 0};
		enum drop_reason reason = DROP_NONE;

		guest_ring_put(&guest.sends, lens, count, sent, sizeof(sent));
		offer(4096, 16);
		assert_int_equal(vhost_rx_take(&rx, &port, 0, pool, &batch), 1);
		assert_int_equal(vhost_tx_send(&tx, batch.packets, 1, &reason), 1);
		packet_give(pool, batch.packets[0]);
		packet_arena_reset(pool);
		vhost_rx_finish(&rx);
		expect(LEN);
	}

	double copies = (double)tx.copied / (double)tx.delivered;

	print_message("%.4f copies of each byte\n", copies);
	assert_int_equal(tx.delivered, FRAMES * LEN);
	assert_true(copies >= 1 && copies < 1.005);
	close_guest();
}

// Any frame through any layout of both rings.
static void random_frames_and_layouts(void **state)
{
	enum { ROUNDS = 20000 };
	static struct vhost_rx rx;
	static uint8_t sent[HEADER + FRAME_SIZE];
	struct port port = {.slot = 1};

	open_guest(ALL, true, false);
	memset(&rx, 0, sizeof(rx));
	vhost_rx_init(&rx, (struct vhost_device *)(void *)&guest, 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t len = 14 + rand_below(round % 16 ? 3000 : 60000), left, head, written;
		uint32_t lens[GUEST_PIECES];
		unsigned count = 0;
		struct batch batch = {.count = 0};
		enum drop_reason reason = DROP_NONE;

		memcpy(sent + HEADER, bytes, len);
		for (left = HEADER + len; left && count < 40; left -= lens[count++]) {
			uint32_t piece = 1 + rand_below(5000);

			lens[count] = MIN(left, piece);
		}
		if (left)
			lens[count - 1] += left;
		guest_ring_put(&guest.sends, lens, count, sent, HEADER + len);
		assert_int_equal(vhost_rx_take(&rx, &port, 0, pool, &batch), 1);
		// Refused until the guest has offered just enough.
		while (vhost_tx_send(&tx, batch.packets, 1, &reason) == 0) {
			uint32_t pieces[3];
			unsigned n = 1 + rand_below(3);

			assert_int_equal(reason, DROP_TX_QUEUE_FULL);
			for (unsigned i = 0; i < n; i++)
				pieces[i] = 1 + (i ? 0 : HEADER + 1200) + rand_below(3000);
			guest_ring_put(&guest.receives, pieces, n, NULL, 0);
		}
		packet_give(pool, batch.packets[0]);
		packet_arena_reset(pool);
		vhost_rx_finish(&rx);
		assert_true(guest_ring_take(&guest.sends, &head, &written));
		expect(len);
	}
	close_guest();
}

// Routed back out of its own port, it goes from memory that the guest shares to the same memory.
static void a_buffer_may_be_the_payload(void **state)
{
	enum { LEN = 1000, BUFFER = 2048, AHEAD = 64 };
	struct packet *packet;
	struct segment segment;
	enum drop_reason reason;
	uint8_t back[HEADER + LEN];
	uint32_t head, written;

	open_guest(0, true, false);
	offer(BUFFER, 1);
	uint32_t at = guest.receives.next_byte - BUFFER + HEADER + PACKET_HEAD + AHEAD;

	memcpy(guest.receives.base + at, bytes, LEN - PACKET_HEAD);
	packet = frame_packet(pool, bytes, PACKET_HEAD, PACKET_HEAD, 0);
	segment = (struct segment){vhost_memory_at_user(guest.receives.memory, 0x1000 + at, LEN),
	                           LEN - PACKET_HEAD};
	packet->segments = &segment;
	packet->segment_count = 1;
	packet->len = LEN;
	assert_int_equal(vhost_tx_send(&tx, &packet, 1, &reason), 1);
	packet_give(pool, packet);
	assert_true(guest_ring_take(&guest.receives, &head, &written));
	assert_int_equal(written, HEADER + LEN);
	guest_ring_read(&guest.receives, head, back, written);
	assert_memory_equal(back + HEADER, bytes, PACKET_HEAD);
	assert_memory_equal(back + HEADER + PACKET_HEAD, bytes, LEN - PACKET_HEAD);
	close_guest();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged_buffers_hold_a_frame_together),
		cmocka_unit_test(unmerged_buffers_hold_a_frame_each),
		cmocka_unit_test(a_frame_takes_a_bounded_number_of_buffers),
		cmocka_unit_test(a_full_ring_refuses_the_rest_at_once),
		cmocka_unit_test(a_batch_of_large_frames_goes_in_one_call),
		cmocka_unit_test(offloads_are_passed_on_or_refused),
		cmocka_unit_test(a_checksum_known_to_be_good_is_told_who_asked),
		cmocka_unit_test(a_guest_that_is_not_there_gets_nothing),
		cmocka_unit_test(a_broken_ring_is_told_once),
		cmocka_unit_test(what_was_read_into_the_guest_is_not_copied),
		cmocka_unit_test(room_that_is_not_used_goes_back),
		cmocka_unit_test(nothing_is_lent_of_a_ring_that_is_not_whole),
		cmocka_unit_test(what_was_written_is_logged_and_nothing_else),
		cmocka_unit_test(between_guests_each_byte_is_copied_once),
		cmocka_unit_test(random_frames_and_layouts),
		cmocka_unit_test(a_buffer_may_be_the_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
