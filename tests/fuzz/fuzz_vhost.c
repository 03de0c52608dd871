// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_vhost: a front end that sends any message with any descriptor at any time, to a port that carries frames.
//
// Input: steps of one byte that says what to do, and its operands; zeros follow the end. Messages are mostly of
// the right length, so that what they mean is tried as well; memory, bells and cut files are among the
// descriptors. A worker takes and sends frames in between, and holds on to a batch while messages come: what
// it borrowed must stay readable until `settle` has let it pass. At the end no descriptor is left open.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sock.h"
#include "tests/fuzz/fuzz_input.h"
#include "vnic/offload.h"
#include "vnic/vhost/message.h"
#include "vnic/vhost/vhost_port.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STEPS = 96,
	PAIRS = 2,
	MTU = 1500,
	MEMORY = 1 << 20,
	SMALL = 1 << 14,
	RING = 16,
	RING_BYTES = 0x4000, // from one ring to the next: descriptors, avail, used
	AVAIL = 0x1000,
	USED = 0x2000,
	BUFFERS = 0x20000,
	PACKETS = 256,
	FDS_WATCHED = 256, // descriptors that must be open at the end if they were at the start
};

enum fd_kind { FD_MEMORY, FD_SMALL, FD_BELL, FD_OTHER, FD_SOCKET, FD_PIPE, FD_NULL, FD_MARKS, FDS };

#define USER UINT64_C(0x7f0000000000)
#define BIT(number) (UINT64_C(1) << (number))

static struct {
	struct event_base *base;
	struct packet_pool *pool;
	int fds[FDS];
	int pipe_end, socket_end;
	bool was_open[FDS_WATCHED];
	uint8_t payload[PACKET_MAX_LEN];
} shared;

struct world {
	struct fuzz_input in;
	struct port *port;
	int fd;                    // our end of the connection; -1: none
	struct batch batch;        // held by the worker
	unsigned rx_queue;         // by which it came
	uint16_t avail[2 * PAIRS]; // where the guest's rings are
	bool wrap[2 * PAIRS];
	bool packed;
	unsigned touched; // so that no read is optimised away
};

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_vhost: %s\n", what);
	abort();
}

static int make_memory(const char *name, off_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	must(fd >= 0 && ftruncate(fd, size) == 0, "no memory");
	return fd;
}

static void open_shared(void)
{
	int pipes[2], sockets[2];
	void *marks = mem_share_new("marks", 65536, &shared.fds[FD_MARKS]);

	must(marks, "no marks");
	mem_share_unmap(marks, 65536);
	must(pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0 &&
	             socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0,
	     "no descriptors");
	shared.fds[FD_MEMORY] = make_memory("memory", MEMORY);
	shared.fds[FD_SMALL] = make_memory("small", SMALL);
	shared.fds[FD_BELL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	shared.fds[FD_OTHER] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	shared.fds[FD_PIPE] = pipes[1];
	shared.pipe_end = pipes[0];
	shared.fds[FD_SOCKET] = sockets[0];
	shared.socket_end = sockets[1];
	shared.fds[FD_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	shared.base = event_base_new();
	shared.pool = packet_pool_new(PACKETS, 1 << 20);
	must(shared.base && shared.pool, "no memory");
	for (int fd = 0; fd < FDS_WATCHED; fd++)
		shared.was_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

// The worker passes: what it borrowed is read to the last byte, and goes back.
static void pass(struct world *world)
{
	for (unsigned i = 0; i < world->batch.count; i++) {
		struct packet *packet = world->batch.packets[i];
		uint32_t sum = packet->head_len;

		for (unsigned s = 0; s < packet->segment_count; s++) {
			const struct segment *segment = &packet->segments[s];

			world->touched += segment->base[0] + segment->base[segment->len - 1];
			sum += segment->len;
		}
		must(sum == packet->len, "a frame whose pieces are not its length");
		packet_give(shared.pool, packet);
	}
	if (world->batch.count)
		world->port->ops->finish(world->port, world->rx_queue);
	world->batch.count = 0;
	packet_arena_reset(shared.pool);
}

static void on_settle(void *user)
{
	pass(user);
}

// As the loop of the main thread would, and the front end reads what it is answered.
static void turn(struct world *world)
{
	uint8_t bytes[1024];
	const struct iovec part = {bytes, sizeof(bytes)};
	int fds[SOCK_FDS_MAX];
	unsigned count = 0;

	event_base_loop(shared.base, EVLOOP_NONBLOCK);
	while (world->fd >= 0 && sock_recv_fds(world->fd, &part, 1, fds, SOCK_FDS_MAX, &count) > 0)
		while (count)
			close(fds[--count]);
}

static void hang_up(struct world *world)
{
	if (world->fd < 0)
		return;
	close(world->fd);
	world->fd = -1;
	// Some messages a turn.
	for (unsigned i = 0; i < STEPS; i++)
		turn(world);
}

static void call_up(struct world *world)
{
	int ends[2];

	hang_up(world);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0,
	     "no socket");
	must(vhost_port_connect(world->port, ends[0], NULL) == 0, "no connection");
	world->fd = ends[1];
}

static void send_message(struct world *world, uint32_t request, uint32_t flags, const void *payload,
                         uint32_t size, int fd)
{
	uint32_t header[] = {request, flags, size};
	const struct iovec parts[] = {{header, sizeof(header)}, {(void *)(uintptr_t)payload, size}};

	sock_send_fds(world->fd, parts, 2, &fd, fd >= 0);
	turn(world);
}

static uint64_t pick_user(struct world *world)
{
	uint8_t kind = take8(&world->in);

	if (kind < 8)
		return take64(&world->in);
	return USER + (kind < 32 ? take16(&world->in) * UINT64_C(4) : RING_BYTES * (kind & 7U));
}

static struct vhost_region_claim pick_region(struct world *world)
{
	uint8_t kind = take8(&world->in);
	struct vhost_region_claim claim = {
		.guest = UINT64_C(0x10000) * (kind & 15),
		.size = kind & 16 ? SMALL : MEMORY,
		.user = USER + UINT64_C(0x10000) * (kind & 15),
	};

	switch (kind >> 5) {
	case 0:
		claim.size = take64(&world->in);
		break;
	case 1:
		claim.guest = take64(&world->in);
		break;
	case 2:
		claim.offset = take16(&world->in);
		claim.size = SMALL / 2;
		break;
	case 3:
		claim.user = take64(&world->in);
		break;
	}
	return claim;
}

static uint64_t pick_features(struct world *world)
{
	static const uint64_t good = BIT(0) | BIT(1) | BIT(7) | BIT(8) | BIT(11) | BIT(12) |
	                             BIT(15) | BIT(26) | BIT(28) | BIT(29) | BIT(35);
	uint8_t kind = take8(&world->in);
	uint64_t features = (kind & 1 ? good : take64(&world->in) & good) | BIT(30) | BIT(32);

	return features | (kind & 2 ? BIT(34) : 0) | (kind < 4 ? take64(&world->in) : 0);
}

union vhost_any {
	uint64_t u64;
	struct vhost_payload_state state;
	struct vhost_payload_address address;
	struct vhost_payload_table table;
	struct vhost_payload_slot slot;
	struct vhost_payload_area area;
	struct vhost_payload_config config;
	uint8_t bytes[512];
};

static uint32_t fill_table(struct world *world, struct vhost_payload_table *table)
{
	table->count = take8(&world->in) % 3;
	for (unsigned i = 0; i < table->count; i++)
		table->regions[i] = pick_region(world);
	return 8 + 32 * table->count;
}

static uint32_t fill_address(struct world *world, struct vhost_payload_address *address)
{
	*address = (struct vhost_payload_address){.index = take8(&world->in) % (2 * PAIRS + 1)};
	address->desc = pick_user(world);
	address->avail = pick_user(world) + AVAIL;
	address->used = pick_user(world) + USED;
	return sizeof(*address);
}

static uint32_t fill_state(struct world *world, uint32_t request, struct vhost_payload_state *state)
{
	static const uint16_t sizes[] = {RING, RING, 1, 3, 0, 7, 256, 32768};
	uint8_t kind = take8(&world->in);

	state->index = kind % (2 * PAIRS + 1);
	switch (request) {
	case VHOST_SET_VRING_NUM:
		state->num = sizes[kind >> 5];
		break;
	case VHOST_SET_VRING_ENABLE:
		state->num = kind >> 4 & 1;
		break;
	default:
		state->num = kind & 128 ? take16(&world->in) : take16(&world->in) * 65537U;
	}
	return sizeof(*state);
}

static uint32_t fill_area(struct world *world, struct vhost_payload_area *area)
{
	uint8_t kind = take8(&world->in);

	*area = (struct vhost_payload_area){.size = 65536, .queues = kind & 7, .queue_size = RING};
	if (kind & 8)
		area->size = take64(&world->in);
	if (kind & 16)
		area->offset = take16(&world->in);
	return kind & 32 ? 16 : 20;
}

// A payload as the request has it; returns its length.
static uint32_t fill(struct world *world, uint32_t request, union vhost_any *any)
{
	memset(any, 0, sizeof(*any));
	switch (request) {
	case VHOST_SET_FEATURES:
		any->u64 = pick_features(world);
		return 8;
	case VHOST_SET_PROTOCOL_FEATURES:
		any->u64 = take8(&world->in) & 1 ? 0x1b02f : take64(&world->in) & 0x1ffff;
		return 8;
	case VHOST_SET_MEM_TABLE:
		return fill_table(world, &any->table);
	case VHOST_ADD_MEM_REG:
	case VHOST_REM_MEM_REG:
		any->slot.region = pick_region(world);
		return sizeof(any->slot);
	case VHOST_SET_VRING_ADDR:
		return fill_address(world, &any->address);
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_BASE:
	case VHOST_GET_VRING_BASE:
	case VHOST_SET_VRING_ENABLE:
		return fill_state(world, request, &any->state);
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		any->u64 = take8(&world->in) % (2 * PAIRS + 1);
		return 8;
	case VHOST_SET_LOG_BASE:
	case VHOST_GET_INFLIGHT_FD:
	case VHOST_SET_INFLIGHT_FD:
		return fill_area(world, &any->area);
	case VHOST_GET_CONFIG:
	case VHOST_SET_CONFIG:
		any->config.size = take8(&world->in);
		any->config.offset = take8(&world->in) & 15 ? 0 : take16(&world->in);
		return 12 + any->config.size;
	case VHOST_SEND_RARP:
	case VHOST_NET_SET_MTU:
	case VHOST_SET_STATUS:
		any->u64 = take16(&world->in);
		return 8;
	default:
		return 0;
	}
}

// Which descriptor belongs to the request, mostly.
static int pick_fd(struct world *world, uint32_t request)
{
	uint8_t kind = take8(&world->in);

	if (kind < 8)
		return shared.fds[kind];
	if (kind < 12)
		return -1;
	switch (request) {
	case VHOST_SET_MEM_TABLE:
	case VHOST_ADD_MEM_REG:
	case VHOST_SET_LOG_BASE:
		return shared.fds[kind & 1 ? FD_MEMORY : FD_SMALL];
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return shared.fds[kind & 1 ? FD_BELL : FD_OTHER];
	case VHOST_SET_BACKEND_REQ_FD:
		return shared.fds[FD_SOCKET];
	case VHOST_SET_INFLIGHT_FD:
		return shared.fds[FD_MARKS];
	default:
		return -1;
	}
}

static void say(struct world *world)
{
	uint32_t request = take8(&world->in) % (VHOST_REQUESTS + 2);
	uint8_t how = take8(&world->in);
	union vhost_any any;
	uint32_t size = fill(world, request, &any);
	uint32_t flags = VHOST_FLAG_VERSION | (how & 1 ? VHOST_FLAG_NEED_REPLY : 0);

	if (how == 2)
		size = take16(&world->in) % sizeof(any);
	if (how == 4)
		flags = take8(&world->in);
	send_message(world, request, flags, &any, size, pick_fd(world, request));
}

// Bytes as they come, in as many pieces as it likes.
static void say_anything(struct world *world)
{
	uint8_t kind = take8(&world->in), wanted = take8(&world->in);
	size_t len = MIN((size_t)wanted, (size_t)(world->in.end - world->in.at));
	const struct iovec part = {(void *)(uintptr_t)world->in.at, len};

	if (len)
		sock_send_fds(world->fd, &part, 1, &shared.fds[kind % FDS], kind < 128);
	world->in.at += len;
	turn(world);
}

static void start_ring(struct world *world, uint32_t index)
{
	const struct vhost_payload_state size = {index, RING}, on = {index, 1};
	const struct vhost_payload_state base = {index, world->packed ? 0x80008000 : 0};
	uint64_t at = USER + RING_BYTES * (uint64_t)index, ring = index;
	const struct vhost_payload_address address = {
		.index = index, .desc = at, .avail = at + AVAIL, .used = at + USED};

	world->avail[index] = 0;
	world->wrap[index] = true;
	send_message(world, VHOST_SET_VRING_NUM, 1, &size, sizeof(size), -1);
	send_message(world, VHOST_SET_VRING_BASE, 1, &base, sizeof(base), -1);
	send_message(world, VHOST_SET_VRING_ADDR, 1, &address, sizeof(address), -1);
	send_message(world, VHOST_SET_VRING_KICK, 1, &ring, 8, shared.fds[FD_BELL]);
	send_message(world, VHOST_SET_VRING_CALL, 1, &ring, 8, shared.fds[FD_OTHER]);
	send_message(world, VHOST_SET_VRING_ENABLE, 1, &on, sizeof(on), -1);
}

static void write_memory(size_t at, const void *bytes, size_t len)
{
	must(pwrite(shared.fds[FD_MEMORY], bytes, len, (off_t)at) == (ssize_t)len, "no memory");
}

// All that a good front end says until its rings run.
static void be_good(struct world *world)
{
	const struct vhost_payload_table table = {
		.count = 1, .regions = {{.guest = 0, .size = MEMORY, .user = USER}}};
	static const uint8_t zeros[2 * PAIRS * RING_BYTES];
	uint64_t features = pick_features(world), protocol = 0x1b02f;

	call_up(world);
	must(ftruncate(shared.fds[FD_MEMORY], MEMORY) == 0, "no memory");
	write_memory(0, zeros, sizeof(zeros));
	world->packed = features & BIT(34);
	send_message(world, VHOST_GET_FEATURES, 1, NULL, 0, -1);
	send_message(world, VHOST_SET_PROTOCOL_FEATURES, 1, &protocol, 8, -1);
	send_message(world, VHOST_SET_FEATURES, 1, &features, 8, -1);
	send_message(world, VHOST_SET_MEM_TABLE, 1, &table, 40, shared.fds[FD_MEMORY]);
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		start_ring(world, i);
}

// Makes a chain of one buffer available, right but for what the input says.
static void add_chain(struct world *world)
{
	uint8_t kind = take8(&world->in);
	unsigned ring = kind % (2 * PAIRS);
	uint64_t address = BUFFERS + 64 * (uint64_t)take16(&world->in) % (MEMORY - BUFFERS);
	uint32_t len = kind & 64 ? take16(&world->in) : 1024;
	uint16_t flags = ring % 2 ? 0 : 2, slot = world->avail[ring] % RING;
	size_t base = RING_BYTES * (size_t)ring;
	uint8_t desc[16], word[2];

	if (kind & 128)
		address += take64(&world->in);
	store_le64(desc, address);
	store_le32(desc + 8, len);
	if (world->packed) {
		store_le16(desc + 12, slot);
		store_le16(desc + 14, flags | (world->wrap[ring] ? 1 << 7 : 1 << 15));
		write_memory(base + 16 * (size_t)slot, desc, 16);
		if (++world->avail[ring] == RING) {
			world->avail[ring] = 0;
			world->wrap[ring] = !world->wrap[ring];
		}
		return;
	}
	store_le16(desc + 12, flags);
	store_le16(desc + 14, 0);
	write_memory(base + 16 * (size_t)slot, desc, 16);
	store_le16(word, slot);
	write_memory(base + AVAIL + 4 + 2 * (size_t)slot, word, 2);
	store_le16(word, ++world->avail[ring]);
	write_memory(base + AVAIL + 2, word, 2);
}

static void change_memory(struct world *world)
{
	uint8_t word[2];
	size_t at = take16(&world->in) % (2 * PAIRS * RING_BYTES);

	store_le16(word, take16(&world->in));
	write_memory(at & ~(size_t)1, word, 2);
}

static void receive(struct world *world)
{
	uint8_t kind = take8(&world->in);

	pass(world);
	world->rx_queue = kind % PAIRS;
	if (kind & 64)
		world->port->ops->arm(world->port, world->rx_queue);
	if (kind & 128)
		world->port->ops->disarm(world->port, world->rx_queue);
	port_rx(world->port, world->rx_queue, shared.pool, &world->batch);
}

// A frame of TCP, whose checksum and cutting are left to whoever can.
static void make_frame(struct world *world, struct packet *packet, struct segment *segment)
{
	static const uint8_t head[54] = {
		[0] = 2,     [5] = 1,     [6] = 2,     [11] = 2,   [12] = 8,  [14] = 0x45,
		[22] = 64,   [23] = 6,    [26] = 10,   [29] = 1,   [30] = 10, [33] = 2,
		[34] = 0x10, [36] = 0x20, [46] = 0x50, [47] = 0x10};
	static const uint32_t sizes[] = {6, 100, 1460, 1460, 9000, 30000, 65000, 1446};
	uint32_t payload = sizes[take8(&world->in) % ARRAY_SIZE(sizes)];

	memcpy(packet->data, head, sizeof(head));
	store_be16(packet->data + 16, (uint16_t)(40 + payload));
	packet->head_len = sizeof(head);
	packet->len = sizeof(head) + payload;
	*segment = (struct segment){shared.payload, payload};
	packet->segments = segment;
	packet->segment_count = 1;
	packet->flags = PACKET_CSUM_PARTIAL;
	packet->csum_start = 34;
	packet->csum_offset = 16;
	packet->l3 = 14;
	packet->l4 = 34;
	packet->payload = 54;
	packet->ip_version = 4;
	packet->ip_proto = 6;
	packet->eth_type = 0x0800;
	if (payload > 1460) {
		packet->gso = GSO_TCP4;
		packet->gso_size = 1448;
	}
}

static void transmit(struct world *world)
{
	unsigned count = 1 + take8(&world->in) % 8;
	struct packet *packets[8];
	struct segment segments[8];

	for (unsigned i = 0; i < count; i++) {
		packets[i] = packet_take(shared.pool);
		must(packets[i], "no packet");
		make_frame(world, packets[i], &segments[i]);
	}
	port_tx(world->port, 0, shared.pool, packets, count);
	for (unsigned i = 0; i < count; i++)
		packet_give(shared.pool, packets[i]);
}

// What the guest sent goes back to it, out of its own memory into its own memory.
static void reflect(struct world *world)
{
	if (world->batch.count)
		world->port->ops->tx(world->port, 0, world->batch.packets, world->batch.count,
		                     &(enum drop_reason){0});
	pass(world);
}

// The file is cut while it is mapped, or grows again.
static void cut(struct world *world)
{
	must(ftruncate(shared.fds[FD_MEMORY], take8(&world->in) * (off_t)4096) == 0, "no memory");
}

static bool is_sent_away(const struct world *world)
{
	struct vhost_info info;

	vhost_port_info(world->port, &info);
	return !info.connected;
}

static void step(struct world *world)
{
	switch (take8(&world->in) % 16) {
	case 0:
		say_anything(world);
		break;
	case 1:
		call_up(world);
		break;
	case 2:
	case 3:
		be_good(world);
		break;
	case 4:
		if (take8(&world->in) < 64)
			cut(world);
		break;
	case 5:
	case 6:
		receive(world);
		break;
	case 7:
		pass(world);
		break;
	case 8:
		transmit(world);
		break;
	case 9:
		reflect(world);
		break;
	case 10:
		change_memory(world);
		break;
	case 11:
	case 12:
		add_chain(world);
		break;
	default:
		say(world);
		break;
	}
	if (is_sent_away(world))
		call_up(world);
}

static void open_port(struct world *world)
{
	const struct vhost_port_config config = {
		.name = "web",
		.pairs = PAIRS,
		.mtu = MTU,
		.base = shared.base,
		.settle = on_settle,
		.user = world,
	};

	must(ftruncate(shared.fds[FD_MEMORY], MEMORY) == 0, "no memory");
	must(vhost_port_open(&config, &world->port, NULL) == 0, "no port");
}

static void name_of(int fd, char target[static 128])
{
	char path[32];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, 127);
	target[MAX(len, 0)] = '\0';
}

// The fuzzer has pipes of its own, to the program that names functions.
static void expect_closed(int fd)
{
	char its[128], ours[128];

	if (shared.was_open[fd] || fcntl(fd, F_GETFD) < 0)
		return;
	name_of(fd, its);
	name_of(shared.fds[FD_PIPE], ours);
	fprintf(stderr, "%s", strncmp(its, "pipe:", 5) == 0 ? "" : its);
	must(strncmp(its, "pipe:", 5) == 0 && strcmp(its, ours) != 0, " was left open");
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct world world;

	world = (struct world){.in = {input, input + size}, .fd = -1};
	if (!shared.base)
		open_shared();
	open_port(&world);
	call_up(&world);
	for (unsigned i = 0; i < STEPS && world.in.at < world.in.end; i++)
		step(&world);
	if (world.touched & 1)
		pass(&world);
	hang_up(&world);
	pass(&world);
	world.port->ops->close(world.port);
	must(packet_pool_available(shared.pool) == PACKETS, "a packet is missing");
	for (int fd = 0; fd < FDS_WATCHED; fd++)
		expect_closed(fd);
	return 0;
}
