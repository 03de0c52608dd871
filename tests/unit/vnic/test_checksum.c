// SPDX-License-Identifier: BSD-3-Clause
//
// Checksums against the twin, over random bytes, lengths, alignments and splits.

#include "base/bytes.h"
#include "base/rand.h"
#include "frames.h"
#include "test.h"
#include "vnic/checksum.h"

#include <netinet/in.h>

static uint8_t bytes[70000];

static void fill_random(void)
{
	rand_seed_for_tests(7);
	rand_bytes(bytes, sizeof(bytes));
}

static void test_sum_equals_twin(void **state)
{
	fill_random();
	for (int round = 0; round < 3000; round++) {
		size_t at = rand_below(64);
		size_t len = rand_below(round % 10 ? 300 : 65536);

		assert_int_equal(checksum_finish(checksum_sum(bytes + at, len)),
		                 twin_checksum(bytes + at, len, 0));
		assert_int_equal(checksum_finish(checksum_sum_plain(bytes + at, len)),
		                 twin_checksum(bytes + at, len, 0));
	}
}

static void test_extremes(void **state)
{
	static uint8_t ones[65536];

	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(checksum_finish(checksum_sum(ones, sizeof(ones))), 0);
	assert_int_equal(checksum_finish(checksum_sum_plain(ones, sizeof(ones))), 0);
	assert_int_equal(checksum_finish(0), 0xffff);
	assert_int_equal(checksum_finish(UINT64_MAX), 0);
}

static void test_parts_at_odd_places(void **state)
{
	fill_random();
	for (int round = 0; round < 2000; round++) {
		size_t len = 1 + rand_below(2000);
		size_t cut = rand_below((uint32_t)len + 1);
		uint64_t sum = checksum_sum_at(bytes, cut, 0) +
		               checksum_sum_at(bytes + cut, len - cut, cut);

		assert_int_equal(checksum_finish(sum), twin_checksum(bytes, len, 0));
	}
}

static void test_pseudo_headers(void **state)
{
	fill_random();
	bytes[0] = 0x45;
	assert_int_equal(checksum_finish(checksum_pseudo4(bytes, 6, 1480)),
	                 (uint16_t)~checksum_partial(checksum_pseudo4(bytes, 6, 1480)));
	assert_int_equal(checksum_finish(checksum_pseudo4(bytes, 6, 1480)),
	                 twin_checksum(NULL, 0, twin_pseudo(bytes, 6, 1480)));
	bytes[0] = 0x60;
	assert_int_equal(checksum_finish(checksum_pseudo6(bytes, 17, 65535)),
	                 twin_checksum(NULL, 0, twin_pseudo(bytes, 17, 65535)));
}

// An updated checksum must verify: summed with its data, it gives zero.
static void test_updates_verify(void **state)
{
	fill_random();
	for (int round = 0; round < 5000; round++) {
		size_t len = 60 + 2 * rand_below(100);
		size_t at = 2 * rand_below(18);
		uint8_t after[16];
		uint16_t checksum = twin_checksum(bytes, len, 0);
		uint16_t updated;

		rand_bytes(after, sizeof(after));
		switch (round % 3) {
		case 0:
			updated = checksum_update16(checksum, load_be16(bytes + at),
			                            load_be16(after));
			memcpy(bytes + at, after, 2);
			break;
		case 1:
			updated = checksum_update32(checksum, load_be32(bytes + at),
			                            load_be32(after));
			memcpy(bytes + at, after, 4);
			break;
		default:
			updated = checksum_update(checksum, bytes + at, after, 16);
			memcpy(bytes + at, after, 16);
		}
		assert_int_equal(twin_checksum(bytes, len, updated), 0);
	}
}

static void test_partial_update(void **state)
{
	uint16_t partial = checksum_partial(0x1234);
	uint16_t updated = (uint16_t)~checksum_update16((uint16_t)~partial, 0x1000, 0x1001);

	assert_int_equal(updated, (uint16_t)(partial + 1));
}

static void test_packet_over_segments(void **state)
{
	struct packet_pool *pool = packet_pool_new(4, 0);

	fill_random();
	for (int round = 0; round < 500; round++) {
		size_t len = 300 + rand_below(5000);
		struct packet *packet = frame_packet(pool, bytes, len, 1 + rand_below(256), 5);
		size_t offset = rand_below((uint32_t)len);

		assert_int_equal(checksum_finish(checksum_packet(packet, offset)),
		                 twin_checksum(bytes + offset, len - offset, 0));
		packet_give(pool, packet);
		packet_arena_reset(pool);
	}
	packet_pool_free(pool);
}

static void test_complete(void **state)
{
	static struct frame frame;
	struct packet_pool *pool = packet_pool_new(4, 0);
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (int version = 4; version <= 6; version += 2) {
		for (unsigned i = 0; i < ARRAY_SIZE(protos); i++) {
			struct frame_spec spec = {
				.ip_version = version, .proto = protos[i], .payload = 1001};

			frame_build(&spec, &frame);
			frame_make_partial(&frame, spec.proto);

			struct packet *packet = frame_packet(pool, frame.bytes, frame.len, 100, 3);

			packet->flags = PACKET_CSUM_PARTIAL;
			packet->csum_start = (uint16_t)frame.l4;
			packet->csum_offset = spec.proto == IPPROTO_TCP ? 16 : 6;
			checksum_complete(packet);
			assert_int_equal(packet->flags, PACKET_CSUM_VALID);
			packet_copy(packet, 0, packet->len, bytes);
			assert_true(frame_is_sound(bytes, packet->len));
			packet_give(pool, packet);
		}
	}
	packet_pool_free(pool);
}

// A UDP checksum that comes out as zero is sent as 0xffff, for zero says that there is none.
static void test_complete_never_gives_zero(void **state)
{
	struct packet_pool *pool = packet_pool_new(1, 0);
	uint8_t frame[42] = {[34] = 0xff, 0xff};
	struct packet *packet = frame_packet(pool, frame, sizeof(frame), 256, 0);

	packet->flags = PACKET_CSUM_PARTIAL;
	packet->csum_start = 34;
	packet->csum_offset = 6;
	checksum_complete(packet);
	assert_int_equal(load_be16(packet->data + 40), 0xffff);
	packet_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum_equals_twin),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_parts_at_odd_places),
		cmocka_unit_test(test_pseudo_headers),
		cmocka_unit_test(test_updates_verify),
		cmocka_unit_test(test_partial_update),
		cmocka_unit_test(test_packet_over_segments),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_complete_never_gives_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
