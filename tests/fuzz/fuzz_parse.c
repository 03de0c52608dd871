// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_parse: a frame as a guest may send it: vnet header, then bytes; parsed, and sent by a door that
// needs everything done.
//
// Input: a virtio_net_hdr, one byte of parse depth, a TCI, and the frame. What must hold is that nothing
// reads or writes beyond its bytes (the sanitizers watch), that offsets stay within the head, that a
// packet comes back from its door as it was, and that the cuts of a super-packet carry all of its payload.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "vnic/memport.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <stdlib.h>

enum { PREFIX = sizeof(struct virtio_net_hdr) + 3, FRAME_MOST = 4096, DEPTH = 2600 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct packet *make_packet(struct packet_pool *pool, const uint8_t *bytes, size_t len)
{
	struct packet *packet = packet_take(pool);
	size_t head = MIN(len, PACKET_HEAD);
	size_t rest = len - head;
	uint8_t *payload = packet_arena_reserve(pool, rest);

	memcpy(packet->data, bytes, head);
	packet->head_len = (uint16_t)head;
	packet->len = (uint32_t)len;
	if (rest) {
		struct segment *segment = packet_arena_segment(pool);

		memcpy(payload, bytes + head, rest);
		packet_arena_commit(pool, rest);
		*segment = (struct segment){payload, (uint32_t)rest};
		packet->segments = segment;
		packet->segment_count = 1;
	}
	return packet;
}

static void check_offsets(const struct packet *packet)
{
	must(packet->len >= packet->head_len && packet->head_len >= ETH_HEADER);
	must(packet->data >= packet->room);
	must(packet->data + packet->head_len <= packet->room + sizeof(packet->room));
	must(packet->l3 <= packet->head_len && packet->l4 <= packet->payload);
	if (packet->l4)
		must(packet->payload <= packet->head_len);
	if (packet->flags & PACKET_CSUM_PARTIAL)
		must(packet->csum_start + packet->csum_offset + 2 <= packet->head_len);
}

static void check_door(struct port *port, struct packet_pool *pool, struct packet *packet)
{
	unsigned available = packet_pool_available(pool);
	uint8_t flags = packet->flags & (PACKET_VLAN | PACKET_PARSED);
	uint8_t *data = packet->data;
	uint32_t len = packet->len;
	uint64_t payload = 0;
	unsigned headers = packet->gso ? offload_headers_len(packet) : 0;
	unsigned tag = packet->flags & PACKET_VLAN ? VLAN_TAG : 0;
	static uint8_t out[FRAME_MOST + VLAN_TAG];
	unsigned accepted = port_tx(port, 0, pool, &packet, 1);

	must(packet->data == data && packet->len == len);
	must((packet->flags & (PACKET_VLAN | PACKET_PARSED)) == flags);
	must(packet_pool_available(pool) == available);
	for (;;) {
		int got = memport_take(port, out, sizeof(out), NULL);

		if (got < 0)
			break;
		must((unsigned)got >= headers + tag);
		payload += (unsigned)got - headers - tag;
	}
	must(!accepted || payload == len - headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct packet_pool *pool;
	static struct port *port;
	struct memport_config config = {.name = "fuzz", .mtu = FRAME_MOST, .depth = DEPTH};
	struct virtio_net_hdr header;

	if (!pool) {
		pool = packet_pool_new(40, FRAME_MOST);
		port = memport_open(&config);
	}
	if (!pool || !port || size < PREFIX + ETH_HEADER || size > PREFIX + FRAME_MOST)
		return 0;
	memcpy(&header, bytes, sizeof(header));

	struct packet *packet = make_packet(pool, bytes + PREFIX, size - PREFIX);
	enum parse_depth depth = bytes[sizeof(header)] % 3;

	if (bytes[sizeof(header)] & 0x80) {
		packet->flags |= PACKET_VLAN;
		packet->vlan = load_be16(bytes + sizeof(header) + 1);
	}
	if (!offload_read(&header, packet) && !packet_parse(packet, depth)) {
		check_offsets(packet);
		check_door(port, pool, packet);
		must(packet_parse(packet, depth) == DROP_NONE || packet->flags & PACKET_CSUM_VALID);
	}
	packet_give(pool, packet);
	packet_arena_reset(pool);
	return 0;
}
