// SPDX-License-Identifier: BSD-3-Clause
//
// A switch of one wire: what one driver sends is taken by vhost_rx, and vhost_tx gives it to another driver. Ring
// features, layouts and frames of every length are drawn at random; what the wire carried arrives, byte for byte
// and in order, nothing beside a buffer is touched, and every buffer comes back. Some machines are being migrated:
// each page that the devices change is marked in the log, or a copy by it would differ.

#include "base/bytes.h"
#include "tests/guest/vguest_frame.h"
#include "tests/guest/vguest_net.h"
#include "tests/model/guest_device.h"
#include "tests/model/model.h"
#include "vnic/vhost/vhost_rx.h"
#include "vnic/vhost/vhost_tx.h"

#include <sys/mman.h>

enum { REGIONS = 3, WIRES = 60, FRAMES = 150, RING = 512, ARENA = 1 << 20, LONG = 65000 };
enum { PAGE = 4096, MIGRATES = 6, RING_PAGES = 4 };

// A driver, and the device that it sees: as vhost_rx and vhost_tx want it, without a front end.
struct side {
	struct vguest_memory memory;
	struct vguest_ring driver;
	struct vguest_net net;
	struct vhost_memory *seen;
	struct vhost_ring ring;
	struct vhost_terms terms;
	// Of a machine that migrates, else NULL: the log, and memory as it was before the devices' turn.
	uint8_t *log, *copy;
	int log_fd;
};

struct wire {
	struct side from, to;
	struct vhost_rx rx;
	struct vhost_tx tx;
	struct port port;
	struct packet_pool *pool;
	uint64_t sent, taken, arrived;
	uint64_t carried[RING]; // Numbers that were given to the receiver, oldest first.
	uint64_t first, last;   // Of these.
	bool migrates;
	uint64_t marked; // Pages, in all turns that were looked at.
	bool large;      // Checksums and segments are left to the receiver.
	char words[160];
};

struct vhost_ring *vhost_device_ring(struct vhost_device *device, unsigned index)
{
	return &((struct side *)(void *)device)->ring;
}

const struct vhost_terms *vhost_device_terms(const struct vhost_device *device)
{
	return &((const struct side *)(const void *)device)->terms;
}

void vhost_device_lost(struct vhost_device *device, unsigned ring)
{
	const struct virtq *queue = ((struct side *)(void *)device)->ring.queue;

	fail_msg("ring %u: %s", ring, virtq_fault_name(virtq_fault(queue)));
}

static uint64_t log_bytes(const struct side *side)
{
	return ALIGN_UP(side->memory.span / PAGE / 8 + 1, PAGE);
}

static void open_log(struct side *side)
{
	side->log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(side->log_fd, (off_t)log_bytes(side)), 0);
	side->log =
		mmap(NULL, log_bytes(side), PROT_READ | PROT_WRITE, MAP_SHARED, side->log_fd, 0);
	assert_ptr_not_equal(side->log, MAP_FAILED);
	assert_int_equal(dirty_log_open(side->log_fd, 0, log_bytes(side), &side->terms.log, NULL),
	                 0);
	// Sparse, as the guest's addresses are.
	side->copy = mmap(NULL, side->memory.span, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(side->copy, MAP_FAILED);
}

static void close_log(struct side *side)
{
	if (!side->log)
		return;
	dirty_log_close(side->terms.log);
	munmap(side->log, log_bytes(side));
	close(side->log_fd);
	munmap(side->copy, side->memory.span);
}

// Copies what is in use; the log of before is done with.
static void begin_log(struct side *side)
{
	memset(side->log, 0, log_bytes(side));
	for (unsigned i = 0; i < side->memory.region_count; i++) {
		const struct vguest_region *region = &side->memory.regions[i];

		memcpy(side->copy + region->guest, side->memory.base + region->guest,
		       region->taken);
	}
}

// Returns the pages that are marked. The copy becomes what memory is, or the log lacks one.
static unsigned check_log(const struct side *side, const char *words)
{
	unsigned marked = 0;

	for (unsigned i = 0; i < side->memory.region_count; i++) {
		const struct vguest_region *region = &side->memory.regions[i];

		for (uint64_t at = region->guest; at < region->guest + region->taken; at += PAGE) {
			bool is_marked = side->log[at / PAGE / 8] >> at / PAGE % 8 & 1;
			uint64_t end = MIN(at + PAGE, region->guest + region->taken);

			marked += is_marked;
			if (!is_marked &&
			    memcmp(side->copy + at, side->memory.base + at, end - at) != 0)
				fail_msg("%s: page 0x%llx has changed and is not in the log", words,
				         (unsigned long long)at);
		}
	}
	return marked;
}

static void open_side(struct side *side, uint64_t features, bool large, bool writable,
                      bool migrates)
{
	struct vguest_region regions[REGIONS];
	bool mergeable = features >> VIRTIO_NET_F_MRG_RXBUF & 1;
	uint32_t room = VGUEST_FRAME_MAX;
	const struct vguest_ring_setup ring = {
		.index = !writable, .size = RING, .features = features, .region = 2};

	if (writable && mergeable)
		room = 1526 + rand_below(4000);
	else if (!large)
		room = 1518;

	const struct vguest_net_setup net = {
		.features = features,
		.layout = (enum vguest_layout)rand_below(VGUEST_SHREDS + 1),
		.indirect = rand_below(2),
		.mixed = !(features >> VIRTIO_F_RING_PACKED & 1) && rand_below(2),
		.strict = true,
		.room = room,
		.buffers = 1 + rand_below(RING),
	};
	struct fail fail = {0};

	memset(side, 0, sizeof(*side));
	side->terms = (struct vhost_terms){
		.header_len = features >> VIRTIO_F_VERSION_1 & 1 || mergeable ? 12 : 10,
		.offloads = large ? PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_USO : 0,
		.mergeable = mergeable,
	};
	vguest_memory_plan(regions, REGIONS, (uint64_t)RING * (room + 8192) + (24 << 20));
	assert_int_equal(vguest_memory_init(&side->memory, regions, REGIONS, &fail), 0);
	assert_int_equal(vguest_ring_init(&side->driver, &side->memory, &ring), 0);
	assert_int_equal(vguest_net_init(&side->net, &side->driver, &net), 0);
	side->seen = guest_device_map(&side->memory);
	if (migrates)
		open_log(side);
	atomic_store(&side->ring.queue,
	             guest_device_open(&side->driver, side->seen, features,
	                               vguest_ring_base(&side->driver), side->terms.log));
}

static void close_side(struct side *side)
{
	uint64_t guest;

	assert_int_equal(vguest_ring_check(&side->driver), 0);
	assert_int_equal(vguest_memory_check(&side->memory, &guest), 0);
	virtq_close(atomic_load(&side->ring.queue));
	close_log(side);
	vhost_memory_free(side->seen);
	vguest_net_fini(&side->net);
	vguest_ring_fini(&side->driver);
	vguest_memory_fini(&side->memory);
}

static uint64_t some_of(uint64_t features)
{
	uint64_t some = rand_u64() & features;

	// Packed rings came with version 1, and mergeable buffers are nearly always there.
	if (some >> VIRTIO_F_RING_PACKED & 1)
		some |= VGUEST_BIT(VIRTIO_F_VERSION_1);
	return rand_below(3) ? some | VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF) : some;
}

static void open_wire(struct wire *wire)
{
	const uint64_t rings = VGUEST_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
	                       VGUEST_BIT(VIRTIO_RING_F_EVENT_IDX) |
	                       VGUEST_BIT(VIRTIO_F_VERSION_1) | VGUEST_BIT(VIRTIO_F_RING_PACKED) |
	                       VGUEST_BIT(VGUEST_F_IN_ORDER) | VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF);
	bool large = rand_below(3);
	uint64_t offloads = large ? VGUEST_FEATURES & ~rings : 0;
	uint64_t from = some_of(rings) | offloads, to = some_of(rings) | offloads;

	memset(wire, 0, sizeof(*wire));
	wire->large = large;
	wire->migrates = model_chance(MIGRATES);
	open_side(&wire->from, from, large, false, wire->migrates);
	open_side(&wire->to, to, large, true, wire->migrates);
	vhost_rx_init(&wire->rx, (struct vhost_device *)(void *)&wire->from, 0);
	vhost_tx_init(&wire->tx, (struct vhost_device *)(void *)&wire->to, 0);
	wire->pool = packet_pool_new(BATCH_SIZE, ARENA);
	assert_non_null(wire->pool);
	snprintf(wire->words, sizeof(wire->words),
	         "from %llx layout %u buffers %u, to %llx layout %u room %u buffers %u",
	         (unsigned long long)from, wire->from.net.setup.layout,
	         wire->from.net.setup.buffers, (unsigned long long)to, wire->to.net.setup.layout,
	         wire->to.net.setup.room, wire->to.net.setup.buffers);
	vguest_net_fill(&wire->to.net);
}

static void close_wire(struct wire *wire)
{
	assert_int_equal(packet_pool_available(wire->pool), BATCH_SIZE);
	packet_pool_free(wire->pool);
	close_side(&wire->from);
	close_side(&wire->to);
}

// The flow and the length follow from the number, and so must the frame.
static void describe(const struct wire *wire, uint64_t number, struct vguest_flow *flow,
                     uint32_t *len)
{
	uint32_t mix = (uint32_t)(number * 2654435761u) >> 8;

	*flow = (struct vguest_flow){
		.destination = {2, 0, 0, 0, 0, 2},
		.source = {2, 0, 0, 0, 0, 1},
		.address_to = 0x0a000002,
		.address_from = 0x0a000001,
		.port_to = 9,
		.port_from = 1024,
		.ip6 = mix >> 1 & 1,
		.tcp = mix >> 2 & 1,
		.partial = wire->large && mix >> 3 & 3,
	};
	*len = vguest_frame_min(flow) + mix % 1400;
	if (flow->partial && mix >> 5 & 1) {
		*len = vguest_frame_min(flow) + mix % LONG;
		flow->gso_size = 1400;
	}
}

static void send_some(struct wire *wire)
{
	uint8_t frame[VGUEST_FRAME_MAX];

	for (unsigned i = rand_below(20); i > 0 && wire->sent < FRAMES; i--) {
		struct virtio_net_hdr_v1 header;
		struct vguest_flow flow;
		uint32_t len;

		describe(wire, wire->sent, &flow, &len);
		vguest_frame_build(&flow, wire->sent, 0, len, &header, frame);
		if (vguest_net_send(&wire->from.net, &header, frame, len) < 0)
			break;
		wire->sent++;
	}
	vguest_net_flush(&wire->from.net);
}

// One batch; what the receiver had no buffers for is lost, and we know which it is.
static void carry(struct wire *wire)
{
	struct batch batch = {0};
	enum drop_reason reason = DROP_NONE;
	unsigned count = vhost_rx_take(&wire->rx, &wire->port, 0, wire->pool, &batch);
	unsigned went = vhost_tx_send(&wire->tx, batch.packets, batch.count, &reason);

	if (went < count && reason != DROP_TX_QUEUE_FULL)
		fail_msg("%s: dropped for %d", wire->words, reason);
	for (unsigned i = 0; i < went; i++)
		wire->carried[wire->last++ % RING] = wire->taken + i;
	wire->taken += count;
	for (unsigned i = 0; i < count; i++)
		packet_give(wire->pool, batch.packets[i]);
	packet_arena_reset(wire->pool);
	vhost_rx_finish(&wire->rx);
	for (unsigned i = 0; i < ARRAY_SIZE(wire->port.door_drops); i++)
		if (wire->port.door_drops[i])
			fail_msg("%s: refused for %u", wire->words, i);
}

static void carry_logged(struct wire *wire)
{
	uint64_t before = wire->taken;

	begin_log(&wire->from);
	begin_log(&wire->to);
	carry(wire);

	unsigned from = check_log(&wire->from, wire->words);
	unsigned to = check_log(&wire->to, wire->words);

	// What is only read is not marked: its ring is all that the device writes of a sender.
	assert_true(from <= RING_PAGES);
	assert_true(from > 0 || wire->taken == before);
	wire->marked += from + to;
}

static void see(void *context, const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                uint32_t len)
{
	struct wire *wire = context;
	const char *bad = vguest_frame_verify(header, frame, len);
	struct vguest_frame_seen seen;
	struct vguest_flow flow;
	uint32_t meant;

	if (bad)
		fail_msg("%s: %s", wire->words, bad);
	assert_true(vguest_frame_read(frame, len, &seen));
	assert_true(wire->first < wire->last);
	assert_int_equal(seen.number, wire->carried[wire->first++ % RING]);
	describe(wire, seen.number, &flow, &meant);
	assert_int_equal(len, meant);
	assert_int_equal(header->gso_size,
	                 flow.gso_size && len > vguest_frame_head(&flow) + flow.gso_size
	                         ? flow.gso_size
	                         : 0);
	wire->arrived++;
}

static void check_faults(const struct wire *wire)
{
	if (wire->from.driver.fault[0])
		fail_msg("%s: sender: %s", wire->words, wire->from.driver.fault);
	if (wire->to.driver.fault[0])
		fail_msg("%s: receiver: %s", wire->words, wire->to.driver.fault);
}

static void run_wire(struct wire *wire)
{
	while (wire->taken < FRAMES) {
		send_some(wire);
		if (wire->migrates && model_chance(3))
			carry_logged(wire);
		else if (rand_below(3))
			carry(wire);
		if (rand_below(3))
			vguest_net_receive(&wire->to.net, 1 + rand_below(40), see, wire);
		if (rand_below(3))
			vguest_net_reclaim(&wire->from.net);
		check_faults(wire);
	}
	vguest_net_receive(&wire->to.net, RING, see, wire);
	vguest_net_reclaim(&wire->from.net);
	check_faults(wire);
	assert_int_equal(wire->arrived, wire->last);
	assert_int_equal(wire->from.net.free_count, wire->from.net.setup.buffers);
}

static void what_is_carried_arrives(void **state)
{
	struct wire *wire = malloc(sizeof(*wire));
	uint64_t sent = 0, arrived = 0, marked = 0;

	model_seed();
	assert_non_null(wire);
	for (unsigned i = 0; i < WIRES; i++) {
		open_wire(wire);
		run_wire(wire);
		sent += wire->sent;
		arrived += wire->arrived;
		marked += wire->marked;
		close_wire(wire);
	}
	// Few buffers lose frames, but most wires have enough.
	assert_true(arrived > sent / 2);
	assert_true(marked > 0);
	free(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_carried_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
