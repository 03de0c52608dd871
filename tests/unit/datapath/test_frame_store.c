// SPDX-License-Identifier: BSD-3-Clause

#include "datapath/frame_store.h"

#include "tests/unit/unit.h"

#include "base/bytes.h"

enum { CHUNKS = 40, LONGEST = 65000 };

struct bench {
	struct frame_store store;
	struct packet_pool *pool;
	struct packet *packet;
	uint8_t bytes[LONGEST];
	struct segment segments[3];
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	assert_int_equal(frame_store_init(&bench->store, CHUNKS), 0);
	bench->pool = packet_pool_new(4, 4096);
	bench->packet = packet_take(bench->pool);
	for (size_t i = 0; i < sizeof(bench->bytes); i++)
		bench->bytes[i] = (uint8_t)(i * 7 + i / 256);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	frame_store_fini(&bench->store);
	packet_pool_free(bench->pool);
	free(bench);
	return 0;
}

// A packet with a head and a payload in pieces of different sizes.
static void fill(struct bench *bench, uint32_t len)
{
	struct packet *packet = bench->packet;
	uint32_t head = MIN(len, 100U), rest = len - head;

	memcpy(packet->data, bench->bytes, head);
	packet->head_len = (uint16_t)head;
	packet->len = len;
	packet->vlan = 77;
	packet->flags = PACKET_VLAN;
	bench->segments[0] = (struct segment){bench->bytes + head, rest / 3};
	bench->segments[1] = (struct segment){bench->bytes + head + rest / 3, rest / 2 - rest / 3};
	bench->segments[2] = (struct segment){bench->bytes + head + rest / 2, rest - rest / 2};
	packet->segments = bench->segments;
	packet->segment_count = 3;
}

static void check(struct bench *bench, uint32_t frame, uint32_t len)
{
	static uint8_t got[LONGEST];
	struct packet *packet = frame_store_packet(&bench->store, frame, bench->pool);

	assert_non_null(packet);
	assert_int_equal(packet->len, len);
	assert_int_equal(packet->vlan, 77);
	assert_int_equal(packet->flags, PACKET_VLAN);
	assert_int_equal(packet_copy(packet, 0, len, got), len);
	assert_memory_equal(got, bench->bytes, len);
	packet_give(bench->pool, packet);
	packet_arena_reset(bench->pool);
}

static void frames_of_all_lengths_come_back_as_they_were(void **state)
{
	static const uint32_t lengths[] = {14,   60,   256,  257,  1514, 1919, 1920,
	                                   1921, 3952, 3953, 9014, 9018, 65000};
	struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint32_t frame, copy;

		fill(bench, lengths[i]);
		frame = frame_store_put(&bench->store, bench->packet);
		assert_int_not_equal(frame, FRAME_NONE);
		check(bench, frame, lengths[i]);
		copy = frame_store_copy(&bench->store, frame);
		frame_store_give(&bench->store, frame);
		if (copy != FRAME_NONE)
			check(bench, copy, lengths[i]);
		frame_store_give(&bench->store, copy);
		assert_int_equal(bench->store.available, CHUNKS);
	}
}

static void a_full_store_refuses_and_recovers(void **state)
{
	struct bench *bench = *state;
	uint32_t frames[CHUNKS];

	for (unsigned round = 0; round < 3; round++) {
		fill(bench, 1514);
		for (unsigned i = 0; i < CHUNKS; i++) {
			frames[i] = frame_store_put(&bench->store, bench->packet);
			assert_true(frames[i] < CHUNKS);
		}
		assert_int_equal(frame_store_put(&bench->store, bench->packet), FRAME_NONE);
		frame_store_give(&bench->store, frames[7]);
		// There is room for one chunk, not for two.
		fill(bench, 3000);
		assert_int_equal(frame_store_put(&bench->store, bench->packet), FRAME_NONE);
		fill(bench, 1514);
		frames[7] = frame_store_put(&bench->store, bench->packet);
		for (unsigned i = 0; i < CHUNKS; i++) {
			check(bench, frames[i], 1514);
			frame_store_give(&bench->store, frames[i]);
		}
	}
}

static void a_flip_changes_one_bit_wherever_it_is(void **state)
{
	static const uint64_t bits[] = {0, 7, 799, 1920 * 8 - 1, 1920 * 8, 3952 * 8, 8999 * 8 + 3};
	struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		uint32_t frame;

		fill(bench, 9000);
		frame = frame_store_put(&bench->store, bench->packet);
		frame_store_flip(&bench->store, frame, bits[i]);
		bench->bytes[bits[i] / 8] ^= (uint8_t)(1U << bits[i] % 8);
		check(bench, frame, 9000);
		frame_store_give(&bench->store, frame);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(frames_of_all_lengths_come_back_as_they_were),
		TEST(a_full_store_refuses_and_recovers),
		TEST(a_flip_changes_one_bit_wherever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
