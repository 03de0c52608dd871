// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_tunnel: datagrams as anybody may send them to a tunnel's port.
//
// Input: a byte for the kind and whether it has options of its own, one for the outer TOS, two for the size of parts, and what came. What must hold is
// that nothing is read beyond it (the sanitizers watch), that each packet is a frame within it, and that
// every part is handed out, be it as part of a packet that can be cut again, or counted as refused.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "tunnels/encap.h"
#include "tunnels/peer.h"
#include "tunnels/tunnel.h"
#include "tunnels/underlay_memory.h"
#include "vnic/packet_pool.h"
#include "vnic/parse.h"
#include "vnic/segment.h"

#include <stdlib.h>

enum { PREFIX = 4, SLOT = 7 };

static uint8_t room[PACKET_MAX_LEN];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t refused(const struct port *port)
{
	uint64_t sum = 0;

	for (int reason = 0; reason < DROP_REASONS; reason++)
		sum += port->door_drops[reason];
	return sum;
}

// How many frames the packet stands for.
static uint64_t frames_of(struct packet_pool *pool, const struct packet *packet)
{
	struct segment storage[BATCH_SIZE];
	struct segment_cutter cutter;
	uint64_t frames = 0;

	// Whatever is longer than a wire's frame and yet borrows one piece came as one.
	if (!packet->gso || (packet->segment_count == 1 && packet->len > 1514))
		return 1;
	segment_begin(&cutter, packet);
	while (!segment_is_done(&cutter)) {
		struct packet *cut = packet_take(pool);

		must(segment_next(&cutter, cut, storage, BATCH_SIZE) > 0);
		must(cut->len == packet_copy(cut, 0, cut->len, room));
		packet_give(pool, cut);
		frames++;
	}
	return frames;
}

static uint64_t drain(struct port *port, struct packet_pool *pool)
{
	struct batch batch = {0};
	uint64_t taken = 0;

	while (port_rx(port, 0, pool, &batch)) {
		for (unsigned i = 0; i < batch.count; i++) {
			const struct packet *packet = batch.packets[i];

			must(packet->in_port == SLOT && packet->len >= ETH_HEADER);
			must(packet->head_len <= packet->len && packet->vni <= VNI_MAX);
			must(packet->len == packet->head_len || packet->segment_count);
			taken += frames_of(pool, packet);
			packet_give(pool, batch.packets[i]);
		}
		packet_arena_reset(pool);
		batch.count = 0;
	}
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct encap *const kinds[] = {&encap_vxlan, &encap_geneve, &encap_gre};
	// Class 0x0102, type 0x83, 4 bytes.
	static const uint8_t known[] = {0x01, 0x02, 0x83, 0x01, 0, 0, 0, 0};
	static struct packet_pool *pool;
	struct tunnel_config config = {.name = "t", .queues = 1, .retire = free};
	struct peer_config peer_config = {.name = "p", .slot = SLOT, .way_count = 1};
	struct fail fail = {0};
	struct port *tunnel, *peer;
	uint16_t part;
	unsigned at;

	if (size <= PREFIX || size - PREFIX > 65535)
		return 0;
	if (!pool)
		pool = packet_pool_new(256, 4096);
	part = (uint16_t)(load_be16(data + 2) < size - PREFIX ? load_be16(data + 2) : 0);
	config.encap = kinds[data[0] % 3];
	if (data[0] % 6 >= 3)
		must(geneve_options_set(&config.options, known, sizeof(known), &at) == 0);
	ip_parse("192.0.2.1", &config.local);
	ip_parse("192.0.2.2", &peer_config.ways[0].remote);
	must(tunnel_open(&config, underlay_memory_open, NULL, &tunnel, &fail) == 0);
	peer_config.ways[0].tunnel = tunnel;
	must(peer_open(&peer_config, &peer, &fail) == 0);
	must(underlay_memory_put(tunnel_underlay(tunnel), peer_config.ways[0].remote, data[1], part,
	                         data + PREFIX, size - PREFIX) == 0);

	uint64_t taken = drain(tunnel, pool);
	uint64_t parts = part ? (size - PREFIX + part - 1) / part : 1;

	must(taken + refused(tunnel) == parts);
	// The tunnel may close before its peers.
	tunnel->ops->close(tunnel);
	peer->ops->close(peer);
	return 0;
}
