// SPDX-License-Identifier: BSD-3-Clause
//
// Which segments are joined, and what the packet that they make says of itself.

#include "base/bytes.h"
#include "frames.h"
#include "test.h"
#include "vnic/checksum.h"
#include "vnic/coalesce.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1000, MOST = 80 };

static struct frame frames[MOST];
static struct packet_pool *pool;

static const struct frame_spec tcp4 = {
	.ip_version = 4,
	.proto = IPPROTO_TCP,
	.payload = SIZE,
	.tcp_seq = 0xfffffc00,
	.ip_id = 0xffff,
	.tcp_options = 12,
	.tcp_flags = TCP_ACK,
};

// Frame n of a sender that cuts by itself.
static void build(const struct frame_spec *spec, unsigned n)
{
	struct frame_spec one = *spec;

	one.tcp_seq += (uint32_t)(n * spec->payload);
	one.ip_id = (uint16_t)(one.ip_id + n);
	frame_build(&one, &frames[n]);
}

// Makes checksums right after a byte was changed.
static void mend(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3, *tcp = frame->bytes + frame->l4;
	size_t len = frame->len - frame->l4;

	if (ip[0] >> 4 == 4) {
		store_be16(ip + 10, 0);
		store_be16(ip + 10, twin_checksum(ip, 20, 0));
	}
	store_be16(tcp + 16, 0);
	store_be16(tcp + 16, twin_checksum(tcp, len, twin_pseudo(ip, IPPROTO_TCP, len)));
}

// Offers `count` frames; returns how many packets there are, and the first.
static unsigned join(unsigned count, struct packet **first)
{
	struct coalescer coalescer = {0};
	struct packet *packets[MOST];
	unsigned kept = 0;

	packet_arena_reset(pool);
	for (unsigned i = 0; i < count; i++) {
		struct packet *packet =
			frame_packet(pool, frames[i].bytes, frames[i].len, PACKET_HEAD, 1);

		if (coalesce_join(&coalescer, pool, packet, frames[i].bytes))
			packet_give(pool, packet);
		else
			packets[kept++] = packet;
	}
	coalesce_finish(&coalescer);
	*first = packets[0];
	for (unsigned i = 1; i < kept; i++)
		packet_give(pool, packets[i]);
	return kept;
}

static void segments_become_a_super_packet(void **state)
{
	for (int version = 4; version <= 6; version += 2) {
		struct frame_spec spec = tcp4;
		struct packet *packet;
		uint8_t *ip;

		spec.ip_version = version;
		for (unsigned i = 0; i < 3; i++)
			build(&spec, i);
		spec.tcp_flags = TCP_ACK | TCP_PSH | TCP_FIN;
		build(&spec, 3);
		assert_int_equal(join(4, &packet), 1);
		assert_int_equal(packet->len, frames[0].payload + 4 * SIZE);
		assert_int_equal(packet->segment_count, 4);
		assert_int_equal(packet->gso, version == 4 ? GSO_TCP4 : GSO_TCP6);
		assert_int_equal(packet->gso_size, SIZE);
		assert_int_equal(packet->flags & PACKET_CSUM_PARTIAL, PACKET_CSUM_PARTIAL);
		assert_int_equal(packet->data[packet->csum_start + 13], spec.tcp_flags);
		assert_int_equal(packet_parse(packet, PARSE_L4), DROP_NONE);
		assert_int_equal(packet->csum_start, packet->l4);
		ip = packet_l3(packet);
		assert_int_equal(version == 4 ? load_be16(ip + 2) : load_be16(ip + 4) + 40,
		                 packet->len - 14);
		// A door that sums finds the whole packet sound.
		uint8_t *whole = malloc(packet->len);

		checksum_complete(packet);
		packet_copy(packet, 0, packet->len, whole);
		assert_true(frame_is_sound(whole, packet->len));
		free(whole);
		packet_give(pool, packet);
	}
}

static void a_sender_without_options_too(void **state)
{
	struct frame_spec spec = tcp4;
	struct packet *packet;

	// Frames that are wholly within the head have no entry of their own.
	spec.payload = 64;
	spec.tcp_options = 0;
	for (unsigned i = 0; i < 5; i++)
		build(&spec, i);
	assert_int_equal(join(5, &packet), 1);
	assert_int_equal(packet->segment_count, 4);
	assert_int_equal(packet->len, frames[0].payload + 5 * 64);
	packet_give(pool, packet);
}

static void a_short_one_is_the_last(void **state)
{
	struct frame_spec spec = tcp4;
	struct packet *packet;

	build(&spec, 0);
	build(&spec, 1);
	spec.tcp_seq += 2 * SIZE;
	spec.ip_id = (uint16_t)(spec.ip_id + 2);
	spec.payload = 10;
	for (unsigned i = 0; i < 3; i++) {
		struct frame_spec one = spec;

		one.tcp_seq += i * 10;
		one.ip_id = (uint16_t)(one.ip_id + i);
		frame_build(&one, &frames[2 + i]);
	}
	assert_int_equal(join(5, &packet), 2);
	assert_int_equal(packet->len, frames[0].payload + 2 * SIZE + 10);
	packet_give(pool, packet);
}

static void a_longer_one_begins_anew(void **state)
{
	struct frame_spec spec = tcp4;
	struct packet *packet;

	build(&spec, 0);
	spec.tcp_seq += SIZE;
	spec.ip_id++;
	spec.payload = SIZE + 1;
	frame_build(&spec, &frames[1]);
	assert_int_equal(join(2, &packet), 2);
	packet_give(pool, packet);
}

static void size_is_bounded(void **state)
{
	struct frame_spec spec = tcp4;
	struct packet *packet;

	for (unsigned i = 0; i < MOST; i++)
		build(&spec, i);
	// By pieces, and by what an IP packet holds.
	assert_int_equal(join(MOST, &packet), 2);
	assert_int_equal(packet->segment_count, COALESCE_PIECES);
	packet_give(pool, packet);
	spec.payload = 1400;
	for (unsigned i = 0; i < 60; i++)
		build(&spec, i);
	assert_int_equal(join(60, &packet), 2);
	assert_true(packet->len - 14 <= 65535 && packet->len - 14 > 65535 - 1400);
	packet_give(pool, packet);
}

struct change {
	const char *what;
	size_t at; // from the Ethernet header, of a frame without options
	uint8_t by;
};

static void differing_frames_stay_apart(void **state)
{
	static const struct change changes[] = {
		{"destination", 0, 4},
		{"source", 11, 1},
		{"DSCP", 15, 0x20},
		{"ECN", 15, 0x03},
		{"id", 19, 1},
		{"DF", 20, 0x40},
		{"a reserved bit", 20, 0x80},
		{"TTL", 22, 1},
		{"source address", 29, 1},
		{"destination address", 33, 1},
		{"source port", 35, 1},
		{"destination port", 37, 1},
		{"number", 41, 1},
		{"acknowledgment", 45, 1},
		{"reserved bits", 46, 1},
		{"URG", 47, 0x20},
		{"ECE", 47, 0x40},
		{"CWR", 47, 0x80},
		{"no ACK", 47, 0x10},
		{"RST", 47, 0x04},
		{"SYN", 47, 0x02},
		{"window", 49, 1},
		{"urgent pointer", 53, 1},
		{"timestamp", 60, 1},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(changes); i++) {
		struct packet *packet;

		for (unsigned n = 0; n < 2; n++)
			build(&tcp4, n);
		frames[1].bytes[changes[i].at] ^= changes[i].by;
		mend(&frames[1]);
		if (join(2, &packet) != 2)
			fail_msg("joined in spite of another %s", changes[i].what);
		assert_int_equal(packet->gso, GSO_NONE);
		assert_int_equal(packet->len, frames[0].len);
		assert_memory_equal(packet->data, frames[0].bytes, packet->head_len);
		packet_give(pool, packet);
	}
}

static void what_no_super_packet_may_be_stays_apart(void **state)
{
	static const uint8_t flags[] = {TCP_ACK | TCP_SYN, TCP_ACK | 4,      TCP_ACK | 0x20, 0,
	                                TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN};
	struct frame_spec spec = tcp4;
	struct packet *packet;

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		spec.tcp_flags = flags[i];
		build(&spec, 0);
		build(&spec, 1);
		assert_int_equal(join(2, &packet), 2);
		packet_give(pool, packet);
	}
	spec = tcp4;
	spec.options = 8;
	build(&spec, 0);
	build(&spec, 1);
	assert_int_equal(join(2, &packet), 2);
	packet_give(pool, packet);
	spec.ip_version = 6;
	build(&spec, 0);
	build(&spec, 1);
	assert_int_equal(join(2, &packet), 2);
	packet_give(pool, packet);
	// A fragment, and what has padding.
	for (unsigned n = 0; n < 2; n++) {
		build(&tcp4, n);
		frames[n].bytes[20] = 0x20;
		mend(&frames[n]);
	}
	assert_int_equal(join(2, &packet), 2);
	packet_give(pool, packet);
	for (unsigned n = 0; n < 2; n++) {
		build(&tcp4, n);
		frames[n].bytes[frames[n].len++] = 0;
	}
	assert_int_equal(join(2, &packet), 2);
	packet_give(pool, packet);
}

static void a_mark_that_the_window_was_reduced_is_the_first_ones(void **state)
{
	struct frame_spec spec = tcp4;
	struct packet *packet;

	spec.tcp_flags = TCP_ACK | TCP_CWR;
	build(&spec, 0);
	spec.tcp_flags = TCP_ACK;
	build(&spec, 1);
	assert_int_equal(join(2, &packet), 1);
	assert_int_equal(packet->data[47], TCP_ACK | TCP_CWR);
	packet_give(pool, packet);
}

static void damage_stays_what_it_is(void **state)
{
	struct packet *packet;

	for (unsigned damaged = 0; damaged < 3; damaged++) {
		for (unsigned n = 0; n < 3; n++)
			build(&tcp4, n);
		frames[damaged].bytes[frames[damaged].payload + 500] ^= 1;
		assert_int_equal(join(3, &packet), damaged == 1 ? 3 : 2);
		packet_give(pool, packet);
		for (unsigned n = 0; n < 3; n++)
			build(&tcp4, n);
		frames[damaged].bytes[24] ^= 1;
		assert_int_equal(join(3, &packet), damaged == 1 ? 3 : 2);
		packet_give(pool, packet);
	}
}

// Or else a packet would be summed anew with each frame that is joined to it.
static void each_byte_is_looked_at_once(void **state)
{
	struct coalescer coalescer = {0};
	struct packet *packets[3];

	packet_arena_reset(pool);
	for (unsigned n = 0; n < 3; n++) {
		build(&tcp4, n);
		packets[n] = frame_packet(pool, frames[n].bytes, frames[n].len, PACKET_HEAD, 1);
		assert_int_equal(coalesce_join(&coalescer, pool, packets[n], frames[n].bytes),
		                 n > 0);
		if (n == 1)
			frames[0].bytes[frames[0].payload + 500] ^= 1;
	}
	coalesce_finish(&coalescer);
	assert_int_equal(packets[0]->segment_count, 3);
	for (unsigned n = 0; n < 3; n++)
		packet_give(pool, packets[n]);
}

static void short_frames_are_no_trouble(void **state)
{
	build(&tcp4, 0);
	for (unsigned head = 0; head < frames[0].payload + 1; head++) {
		struct coalescer coalescer = {0};
		uint8_t *exact = malloc(head ? head : 1);

		memcpy(exact, frames[0].bytes, head);
		packet_arena_reset(pool);
		for (unsigned n = 0; n < 2; n++) {
			struct packet *packet = frame_packet(pool, exact, head, PACKET_HEAD, 1);

			assert_false(coalesce_join(&coalescer, pool, packet, exact));
			packet_give(pool, packet);
		}
		free(exact);
	}
}

static int make_pool(void **state)
{
	pool = packet_pool_new(MOST, 0);
	return !pool;
}

static int free_pool(void **state)
{
	packet_pool_free(pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_become_a_super_packet),
		cmocka_unit_test(a_sender_without_options_too),
		cmocka_unit_test(a_short_one_is_the_last),
		cmocka_unit_test(a_longer_one_begins_anew),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(differing_frames_stay_apart),
		cmocka_unit_test(what_no_super_packet_may_be_stays_apart),
		cmocka_unit_test(a_mark_that_the_window_was_reduced_is_the_first_ones),
		cmocka_unit_test(damage_stays_what_it_is),
		cmocka_unit_test(each_byte_is_looked_at_once),
		cmocka_unit_test(short_frames_are_no_trouble),
	};

	return cmocka_run_group_tests(tests, make_pool, free_pool);
}
