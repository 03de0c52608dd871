// SPDX-License-Identifier: BSD-3-Clause
//
// Packets are lent and taken back, the arena bounds a batch, copies walk segments.

#include "frames.h"
#include "test.h"

#include <string.h>

static void test_take_until_empty(void **state)
{
	struct packet_pool *pool = packet_pool_new(8, 0);
	struct packet *packets[8];

	for (unsigned i = 0; i < 8; i++) {
		packets[i] = packet_take(pool);
		assert_non_null(packets[i]);
		assert_int_equal((uintptr_t)packets[i] % 64, 0);
		for (unsigned other = 0; other < i; other++)
			assert_ptr_not_equal(packets[i], packets[other]);
	}
	assert_null(packet_take(pool));
	assert_int_equal(packet_pool_available(pool), 0);
	packets[3]->flags = 0xff;
	packets[3]->data += 4;
	packet_give(pool, packets[3]);

	// The one that came back last is lent next, as good as new.
	struct packet *again = packet_take(pool);

	assert_ptr_equal(again, packets[3]);
	assert_int_equal(again->flags, 0);
	assert_ptr_equal(again->data, again->room + PACKET_HEADROOM);
	packet_pool_free(pool);
}

static void test_lines(void **state)
{
	assert_int_equal(sizeof(struct packet), 512);
	assert_int_equal(offsetof(struct packet, segments), 64);
	assert_int_equal(offsetof(struct packet, room) % 64, 0);
}

static void test_arena_is_bounded(void **state)
{
	struct packet_pool *pool = packet_pool_new(1, 1000);
	uint8_t *first = packet_arena_reserve(pool, 1000);

	assert_non_null(first);
	assert_null(packet_arena_reserve(pool, 1001));
	packet_arena_commit(pool, 600);
	assert_ptr_equal(packet_arena_reserve(pool, 400), first + 600);
	assert_null(packet_arena_reserve(pool, 401));
	packet_arena_reset(pool);
	assert_ptr_equal(packet_arena_reserve(pool, 1000), first);

	unsigned segments = 0;

	while (packet_arena_segment(pool))
		segments++;
	assert_true(segments >= 2 * BATCH_SIZE);
	packet_arena_reset(pool);
	assert_non_null(packet_arena_segment(pool));
	packet_pool_free(pool);
}

static void test_copy_walks_segments(void **state)
{
	struct packet_pool *pool = packet_pool_new(1, 0);
	uint8_t bytes[1000];
	uint8_t out[1000];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + i / 256);

	struct packet *packet = frame_packet(pool, bytes, sizeof(bytes), 100, 7);

	for (unsigned offset = 0; offset < 1000; offset += 13) {
		for (unsigned len = 0; len < 1100; len += 101) {
			size_t wanted = offset + len > 1000 ? 1000 - offset : len;

			memset(out, 0xee, sizeof(out));
			assert_int_equal(packet_copy(packet, offset, len > 1000 ? 1000 : len, out),
			                 wanted > 1000 ? 1000 : wanted);
			assert_memory_equal(out, bytes + offset, wanted);
		}
	}
	assert_int_equal(packet_copy(packet, 2000, 10, out), 0);
	packet_pool_free(pool);
}

static void test_clone_outlives_its_origin(void **state)
{
	struct packet_pool *pool = packet_pool_new(2, 0);
	uint8_t bytes[900];
	uint8_t storage[900];
	uint8_t out[900];
	struct segment segment;

	memset(bytes, 0x5a, sizeof(bytes));

	struct packet *packet = frame_packet(pool, bytes, sizeof(bytes), 100, 3);

	packet->flags = PACKET_VLAN | PACKET_CSUM_PARTIAL;
	packet->vlan = 20;
	packet->csum_start = 34;
	packet->data += 4;
	packet->head_len -= 4;
	packet->len -= 4;

	struct packet *copy = packet_clone(pool, packet, storage, &segment);

	memset(bytes, 0, sizeof(bytes));
	memset(packet->room, 0, sizeof(packet->room));
	assert_int_equal(copy->len, 896);
	assert_int_equal(copy->vlan, 20);
	assert_int_equal(copy->flags, PACKET_VLAN | PACKET_CSUM_PARTIAL);
	assert_int_equal(copy->csum_start, 34);
	assert_int_equal(packet_copy(copy, 0, 896, out), 896);
	for (unsigned i = 0; i < 896; i++)
		assert_int_equal(out[i], 0x5a);
	assert_null(packet_clone(pool, packet, storage, &segment));
	packet_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_until_empty),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_arena_is_bounded),
		cmocka_unit_test(test_copy_walks_segments),
		cmocka_unit_test(test_clone_outlives_its_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
