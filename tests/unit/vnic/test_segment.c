// SPDX-License-Identifier: BSD-3-Clause
//
// Cuts of super-packets against frames that the twin builds one by one.

#include "base/bytes.h"
#include "base/rand.h"
#include "frames.h"
#include "test.h"
#include "vnic/checksum.h"
#include "vnic/offload.h"
#include "vnic/parse.h"
#include "vnic/segment.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct frame super;
static struct frame wanted;
static uint8_t out[FRAME_SIZE];

// A super-packet as a door would hand it in.
static struct packet *build(struct packet_pool *pool, const struct frame_spec *spec,
                            uint16_t gso_size, unsigned pieces)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_size = gso_size};
	bool is_udp = spec->proto == IPPROTO_UDP;

	frame_build(spec, &super);
	frame_make_partial(&super, spec->proto);
	header.csum_start = (uint16_t)super.l4;
	header.csum_offset = is_udp ? 6 : 16;
	if (is_udp)
		header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else
		header.gso_type =
			spec->ip_version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;

	struct packet *packet = frame_packet(pool, super.bytes, super.len, PACKET_HEAD, pieces);

	assert_int_equal(offload_read(&header, packet), DROP_NONE);
	return packet;
}

// The frame that stands for the payload from `done` on, as a sender without offloads would have sent it.
static void build_wanted(const struct frame_spec *spec, size_t done, size_t len, unsigned index)
{
	struct frame_spec part = *spec;

	part.payload = len;
	part.tcp_seq += (uint32_t)done;
	part.ip_id = (uint16_t)(part.ip_id + index);
	part.has_vlan = false;
	if (index)
		part.tcp_flags &= (uint8_t)~TCP_CWR;
	if (done + len < spec->payload)
		part.tcp_flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	frame_build(&part, &wanted);

	// The pattern of the payload goes on where the last cut ended.
	struct frame_spec whole = *spec;

	whole.has_vlan = false;
	frame_build(&whole, &super);
	memcpy(wanted.bytes + wanted.payload, super.bytes + super.payload + done, len);

	uint8_t *field = wanted.bytes + wanted.l4 + (spec->proto == IPPROTO_UDP ? 6 : 16);
	size_t l4_len = wanted.len - wanted.l4;

	store_be16(field, 0);

	uint16_t checksum =
		twin_checksum(wanted.bytes + wanted.l4, l4_len,
	                      twin_pseudo(wanted.bytes + wanted.l3, spec->proto, l4_len));

	store_be16(field, checksum ? checksum : 0xffff);
}

// One frame that came out, or the frames of a super-packet that did, cut once more.
static size_t compare(struct packet_pool *pool, const struct frame_spec *spec, struct packet *cut,
                      size_t done, unsigned *index)
{
	struct segment storage[64];
	struct segment_cutter cutter;
	size_t before = done;

	if (cut->gso) {
		segment_begin(&cutter, cut);
		while (!segment_is_done(&cutter)) {
			struct packet *frame = packet_take(pool);

			assert_true(segment_next(&cutter, frame, storage, ARRAY_SIZE(storage)) > 0);
			assert_int_equal(frame->gso, GSO_NONE);
			done += compare(pool, spec, frame, done, index);
			packet_give(pool, frame);
		}
		return done - before;
	}
	assert_int_equal(cut->flags & PACKET_VLAN, spec->has_vlan ? PACKET_VLAN : 0);
	build_wanted(spec, done, cut->len - cut->head_len, (*index)++);
	assert_int_equal(cut->len, wanted.len);
	checksum_complete(cut);
	assert_int_equal(packet_copy(cut, 0, cut->len, out), wanted.len);
	assert_memory_equal(out, wanted.bytes, wanted.len);
	assert_true(frame_is_sound(out, cut->len));
	return wanted.len - wanted.payload;
}

static void cut_and_compare(struct packet_pool *pool, const struct frame_spec *spec,
                            uint16_t gso_size, unsigned pieces, unsigned frames)
{
	static struct frame kept;
	struct packet *packet = build(pool, spec, gso_size, pieces);
	struct segment_cutter cutter;
	struct segment storage[32];
	size_t done = 0;

	// The packet borrows from `super`, which build_wanted() uses as well.
	kept = super;
	for (unsigned i = 0; i < packet->segment_count; i++) {
		struct segment *piece = &((struct segment *)(uintptr_t)packet->segments)[i];

		piece->base = kept.bytes + (piece->base - super.bytes);
	}
	segment_begin(&cutter, packet);
	cutter.frames = frames;
	for (unsigned index = 0; !segment_is_done(&cutter);) {
		struct packet *cut = packet_take(pool);
		size_t len = MIN(spec->payload - done, (size_t)gso_size * frames);

		assert_true(segment_next(&cutter, cut, storage, ARRAY_SIZE(storage)) > 0);
		assert_int_equal(cut->gso, len > gso_size ? packet->gso : GSO_NONE);
		assert_int_equal(compare(pool, spec, cut, done, &index), len);
		done += len;
		packet_give(pool, cut);
	}
	assert_int_equal(done, spec->payload);
	packet_give(pool, packet);
	packet_arena_reset(pool);
}

static const struct frame_spec tcp4 = {.ip_version = 4,
                                       .proto = IPPROTO_TCP,
                                       .payload = 4000,
                                       .tcp_seq = 0xfffffc00,
                                       .ip_id = 0xfffe,
                                       .tcp_options = 12,
                                       .tcp_flags = TCP_ACK | TCP_FIN | TCP_PSH | TCP_CWR};

static void test_each_kind(void **state)
{
	struct packet_pool *pool = packet_pool_new(4, 0);

	for (unsigned i = 0; i < 16; i++) {
		struct frame_spec spec = tcp4;

		spec.ip_version = i % 2 ? 6 : 4;
		spec.proto = i / 2 % 2 ? IPPROTO_UDP : IPPROTO_TCP;
		spec.has_vlan = i / 4 % 2;
		spec.vlan = 0x2007;
		spec.options = i / 8 ? 24 : 0;
		cut_and_compare(pool, &spec, 1000, 1, 1);
		cut_and_compare(pool, &spec, 1000, 1, 3);
	}
	packet_pool_free(pool);
}

static void test_random(void **state)
{
	struct packet_pool *pool = packet_pool_new(4, 0);

	rand_seed_for_tests(3);
	for (int round = 0; round < 300; round++) {
		struct frame_spec spec = {
			.ip_version = rand_below(2) ? 4 : 6,
			.proto = rand_below(2) ? IPPROTO_TCP : IPPROTO_UDP,
			.options = 8 * rand_below(3),
			.tcp_options = 4 * rand_below(11),
			.tcp_flags = (uint8_t)(TCP_ACK | rand_below(256)),
			.tcp_seq = (uint32_t)rand_u64(),
			.ip_id = (uint16_t)rand_u64(),
			.payload = 100 + rand_below(round % 10 ? 5000 : 64000),
			.first = (uint8_t)rand_u64(),
		};
		uint16_t gso_size = (uint16_t)(40 + rand_below(1400));

		if (spec.payload > gso_size)
			cut_and_compare(pool, &spec, gso_size, 1 + rand_below(17),
			                1 + rand_below(9));
	}
	packet_pool_free(pool);
}

static void test_room_for_segments(void **state)
{
	struct packet_pool *pool = packet_pool_new(2, 0);
	struct packet *packet = build(pool, &tcp4, 1400, 8);
	struct packet *cut = packet_take(pool);
	struct segment_cutter cutter;
	struct segment storage[16];

	segment_begin(&cutter, packet);
	assert_int_equal(segment_next(&cutter, cut, storage, 2), -ENOSPC);
	assert_int_equal(cutter.done, 0);
	assert_true(segment_next(&cutter, cut, storage, 1U + packet->segment_count) > 2);
	assert_int_equal(cutter.done, 1400);
	packet_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_room_for_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
