// SPDX-License-Identifier: BSD-3-Clause
//
// test_coalesce: whatever is joined is cut into the very same frames again, in the same order; and what a plain
// sender had in one piece is in one piece again.
//
// Random streams of a few flows, in which any byte of a header may be another one. The frames are built and their
// checksums judged by code that shares nothing with what is tested.

#include "base/bytes.h"
#include "model.h"
#include "tests/unit/vnic/frames.h"
#include "vnic/checksum.h"
#include "vnic/coalesce.h"
#include "vnic/segment.h"

#include <netinet/in.h>

enum { ROUNDS = 3000, FRAMES = 100, FLOWS = 3, ROOM = 2048, TCP_CHECK = 16 };

struct flow {
	struct frame_spec spec;
	size_t size;
};

// What was offered. A partial checksum is remembered, for the frame may come out with a whole one.
struct offered {
	size_t len, l4;
	bool partial;
	uint8_t bytes[ROOM];
};

static struct offered offered[FRAMES];
static unsigned count, compared, joined, soundless;
static struct frame built;

static void fill_checksum(uint8_t *bytes, size_t l3, size_t l4, size_t len)
{
	store_be16(bytes + l4 + TCP_CHECK, 0);
	store_be16(bytes + l4 + TCP_CHECK,
	           twin_checksum(bytes + l4, len - l4,
	                         twin_pseudo(bytes + l3, IPPROTO_TCP, len - l4)));
}

static void fill_ip4_checksum(uint8_t *bytes)
{
	if (load_be16(bytes + 12) != 0x0800)
		return;
	store_be16(bytes + 24, 0);
	store_be16(bytes + 24, twin_checksum(bytes + 14, 20, 0));
}

// Changes a byte of the headers, and makes the checksums right again or not.
static void spoil(struct offered *frame)
{
	size_t at = rand_below((uint32_t)MIN(frame->len, frame->l4 + 40));

	frame->bytes[at] ^= (uint8_t)(model_chance(2) ? 1U << rand_below(8) : rand_u64());
	if (model_chance(4))
		return;
	fill_ip4_checksum(frame->bytes);
	fill_checksum(frame->bytes, 14, frame->l4, frame->len);
}

// The next frame of a flow. Most are full and follow the one before.
static void offer(struct flow *flow)
{
	struct offered *frame = &offered[count++];
	struct frame_spec *spec = &flow->spec;

	spec->payload = model_chance(12) ? rand_below((uint32_t)flow->size + 100) : flow->size;
	spec->first = (uint8_t)rand_u64();
	spec->tcp_flags = TCP_ACK;
	if (model_chance(10))
		spec->tcp_flags |= (uint8_t)(1U << rand_below(8));
	if (model_chance(40))
		spec->tcp_seq += rand_below(3) - 1;
	if (model_chance(40))
		spec->ip_id++;
	frame_build(spec, &built);
	frame->len = built.len;
	frame->l4 = built.l4;
	frame->partial = model_chance(6);
	memcpy(frame->bytes, built.bytes, built.len);
	// The flows differ by their ports.
	frame->bytes[frame->l4 + 1] = (uint8_t)(spec->vlan + 1);
	fill_checksum(frame->bytes, 14, frame->l4, frame->len);
	if (model_chance(15)) {
		spoil(frame);
		frame->partial = false;
	}
	spec->tcp_seq += (uint32_t)spec->payload;
	spec->ip_id++;
}

// One frame that came out, beside the next that was put in.
static void compare(struct packet *packet)
{
	static uint8_t out[ROOM];
	struct offered *wanted = &offered[compared++];

	assert_true(compared <= count);
	checksum_complete(packet);
	assert_int_equal(packet->len, wanted->len);
	assert_int_equal(packet_copy(packet, 0, packet->len, out), wanted->len);
	// Two ways to write the same number.
	if (load_be16(wanted->bytes + wanted->l4 + TCP_CHECK) == 0 &&
	    load_be16(out + wanted->l4 + TCP_CHECK) == 0xffff)
		store_be16(out + wanted->l4 + TCP_CHECK, 0);
	assert_memory_equal(out, wanted->bytes, wanted->len);
}

static void take_apart(struct packet_pool *pool, struct packet *packet)
{
	struct segment storage[COALESCE_PIECES + 2];
	struct segment_cutter cutter;
	unsigned before = compared;

	if (!packet->gso) {
		compare(packet);
		return;
	}
	assert_in_range(packet->segment_count, 1, COALESCE_PIECES);
	segment_begin(&cutter, packet);
	while (!segment_is_done(&cutter)) {
		struct packet *cut = packet_take(pool);

		assert_true(segment_next(&cutter, cut, storage, ARRAY_SIZE(storage)) > 0);
		compare(cut);
		soundless += !frame_is_sound(offered[compared - 1].bytes, cut->len);
		packet_give(pool, cut);
	}
	joined += compared - before - 1;
}

static void run(struct packet_pool *pool)
{
	struct coalescer coalescer = {0};
	struct packet *packets[FRAMES];
	unsigned kept = 0;

	compared = 0;
	for (unsigned i = 0; i < count; i++) {
		struct offered *from = &offered[i];
		struct packet *packet;

		if (from->partial) {
			memcpy(built.bytes, from->bytes, from->len);
			built.len = from->len;
			built.l3 = 14;
			built.l4 = from->l4;
			frame_make_partial(&built, IPPROTO_TCP);
			memcpy(from->bytes, built.bytes, from->len);
		}
		packet = frame_packet(pool, from->bytes, from->len, PACKET_HEAD, 1);
		if (from->partial) {
			packet->flags |= PACKET_CSUM_PARTIAL;
			packet->csum_start = (uint16_t)from->l4;
			packet->csum_offset = TCP_CHECK;
		}
		if (coalesce_join(&coalescer, pool, packet, from->bytes))
			packet_give(pool, packet);
		else
			packets[kept++] = packet;
	}
	coalesce_finish(&coalescer);
	// From now on they are compared with frames whose checksums are whole.
	for (unsigned i = 0; i < count; i++)
		if (offered[i].partial)
			fill_checksum(offered[i].bytes, 14, offered[i].l4, offered[i].len);
	for (unsigned i = 0; i < kept; i++) {
		take_apart(pool, packets[i]);
		packet_give(pool, packets[i]);
	}
	assert_int_equal(compared, count);
	packet_arena_reset(pool);
	assert_int_equal(packet_pool_available(pool), 2 * FRAMES);
}

static void begin_flow(struct flow *flow, uint16_t number)
{
	*flow = (struct flow){
		.spec = {.ip_version = model_chance(2) ? 4 : 6,
	                 .proto = IPPROTO_TCP,
	                 .tcp_options = 4 * rand_below(4),
	                 .tcp_seq = (uint32_t)rand_u64(),
	                 .ip_id = (uint16_t)rand_u64(),
	                 .vlan = number},
		.size = 1 + rand_below(model_chance(3) ? 100 : 1448),
	};
}

static void what_is_joined_is_cut_the_same(void **state)
{
	struct packet_pool *pool = packet_pool_new(2 * FRAMES, 0);

	model_seed();
	joined = soundless = 0;
	for (int round = 0; round < ROUNDS; round++) {
		struct flow flows[FLOWS];
		unsigned at = 0;

		for (uint16_t i = 0; i < FLOWS; i++)
			begin_flow(&flows[i], i);
		for (count = 0; count < FRAMES;) {
			if (model_chance(20))
				at = rand_below(FLOWS);
			offer(&flows[at]);
		}
		run(pool);
	}
	assert_int_equal(soundless, 0);
	// Most of a round are frames that follow each other; otherwise nothing was compared.
	assert_true(joined > ROUNDS * FRAMES / 3);
	packet_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_joined_is_cut_the_same)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
