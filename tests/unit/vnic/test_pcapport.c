// SPDX-License-Identifier: BSD-3-Clause
//
// What was recorded is replayed, whole and in its own time.

#include "base/bytes.h"
#include "base/clock.h"
#include "frames.h"
#include "test.h"
#include "vnic/offload.h"
#include "vnic/parse.h"
#include "vnic/pcapport.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct frame frame;
static struct packet_pool *pool;
static char path[] = "/tmp/weft-test-pcap-XXXXXX";

static int open_pool(void **state)
{
	int fd = mkstemp(path);

	close(fd);
	pool = packet_pool_new(80, 128 << 10);
	return fd < 0 || !pool ? -1 : 0;
}

static int close_pool(void **state)
{
	unlink(path);
	packet_pool_free(pool);
	return 0;
}

static struct port *open_port(const char *read_path, const char *write_path, bool full_speed)
{
	struct pcapport_config config = {.name = "p",
	                                 .read_path = read_path,
	                                 .write_path = write_path,
	                                 .full_speed = full_speed,
	                                 .mtu = 1500};
	struct fail fail = {0};
	struct port *port = NULL;

	if (pcapport_open(&config, &port, &fail))
		fail_msg("%s", fail.what);
	return port;
}

static void build(unsigned number, size_t payload)
{
	struct frame_spec spec = {.ip_version = 4,
	                          .proto = IPPROTO_UDP,
	                          .payload = payload,
	                          .ip_id = (uint16_t)number};

	frame_build(&spec, &frame);
}

static void record(unsigned count)
{
	struct port *port = open_port(NULL, path, false);

	for (unsigned i = 0; i < count; i++) {
		build(i, 20 + 10 * i);

		struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 2);

		pcapport_set_time(port, i * NSEC_PER_MSEC);
		assert_int_equal(port_tx(port, 0, pool, &packet, 1), 1);
		packet_give(pool, packet);
	}
	packet_arena_reset(pool);
	port->ops->close(port);
}

// Reads a batch and compares it with the frames from `number` on.
static unsigned replay(struct port *port, unsigned number)
{
	struct batch batch = {0};
	unsigned got = port_rx(port, 0, pool, &batch);
	uint8_t out[2000];

	assert_int_equal(got, batch.count);
	for (unsigned i = 0; i < got; i++) {
		build(number + i, 20 + 10 * (number + i));
		assert_int_equal(packet_copy(batch.packets[i], 0, sizeof(out), out), frame.len);
		assert_memory_equal(out, frame.bytes, frame.len);
		packet_give(pool, batch.packets[i]);
	}
	packet_arena_reset(pool);
	return got;
}

static void test_full_speed(void **state)
{
	record(100);

	struct port *port = open_port(path, NULL, true);

	assert_int_equal(replay(port, 0), BATCH_SIZE);
	assert_int_equal(replay(port, BATCH_SIZE), 100 - BATCH_SIZE);
	assert_int_equal(replay(port, 100), 0);
	port->ops->close(port);
}

static void test_own_time(void **state)
{
	record(10);

	struct port *port = open_port(path, NULL, false);

	assert_int_equal(replay(port, 0), 1);
	pcapport_set_time(port, NSEC_PER_MSEC - 1);
	assert_int_equal(replay(port, 1), 0);
	pcapport_set_time(port, NSEC_PER_MSEC);
	assert_int_equal(replay(port, 1), 1);
	pcapport_set_time(port, 5 * NSEC_PER_MSEC);
	assert_int_equal(replay(port, 2), 4);
	pcapport_set_time(port, UINT64_MAX);
	assert_int_equal(replay(port, 6), 4);
	port->ops->close(port);
}

// A super-packet is recorded as the frames that a wire would have seen.
static void test_recorded_frames_are_whole(void **state)
{
	struct frame_spec spec = {
		.ip_version = 4, .proto = IPPROTO_TCP, .payload = 20000, .tcp_flags = TCP_ACK};
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	                                .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	                                .gso_size = 1460,
	                                .csum_start = 34,
	                                .csum_offset = 16};
	struct port *port = open_port(NULL, path, false);

	frame_build(&spec, &frame);
	frame_make_partial(&frame, IPPROTO_TCP);

	struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	assert_int_equal(offload_read(&header, packet), DROP_NONE);
	assert_int_equal(port_tx(port, 0, pool, &packet, 1), 1);
	packet_give(pool, packet);
	port->ops->close(port);

	struct batch batch = {0};
	uint8_t out[2000];

	port = open_port(path, NULL, true);
	assert_int_equal(port_rx(port, 0, pool, &batch), 14);
	while (batch.count) {
		packet = batch.packets[--batch.count];
		packet_copy(packet, 0, sizeof(out), out);
		assert_true(frame_is_sound(out, packet->len));
		packet_give(pool, packet);
	}
	packet_arena_reset(pool);
	port->ops->close(port);
}

// An arena that holds less than a batch only makes the batches smaller.
static void test_small_arena(void **state)
{
	struct packet_pool *small = packet_pool_new(80, 2000);
	unsigned total = 0;

	record(100);

	struct port *port = open_port(path, NULL, true);
	unsigned got;

	do {
		struct batch batch = {0};

		got = port_rx(port, 0, small, &batch);
		for (unsigned i = 0; i < got; i++) {
			assert_int_equal(load_be16(batch.packets[i]->data + 18), total++);
			packet_give(small, batch.packets[i]);
		}
		packet_arena_reset(small);
	} while (got);
	assert_int_equal(total, 100);
	port->ops->close(port);
	packet_pool_free(small);
}

static void write_file(const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void test_broken_captures(void **state)
{
	static const uint32_t other_type[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 101};
	static const uint32_t broken[] = {
		0xa1b2c3d4, 0x00040002, 0,    0,  65535, 1, 1,
		0,          16,         1000, 0,  0,     0, 0, // cut by its snap length
		2,          0,          60,   60, 0,     0,    // cut by the end of the file
	};
	struct pcapport_config config = {.name = "p", .read_path = path};
	struct fail fail = {0};
	struct port *port;
	struct batch batch = {0};

	write_file(other_type, sizeof(other_type));
	assert_int_equal(pcapport_open(&config, &port, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "not Ethernet"));
	write_file("nonsense", 8);
	assert_int_equal(pcapport_open(&config, &port, &fail), -EINVAL);
	config.read_path = "/nowhere/capture.pcap";
	assert_int_equal(pcapport_open(&config, &port, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "/nowhere/capture.pcap"));

	write_file(broken, sizeof(broken));
	port = open_port(path, NULL, true);
	assert_int_equal(port_rx(port, 0, pool, &batch), 0);
	assert_int_equal(port->door_drops[DROP_FRAME_SHORT], 1);
	assert_int_equal(port_rx(port, 0, pool, &batch), 0);
	port->ops->close(port);
}

static void test_full_disk(void **state)
{
	struct port *port = open_port(NULL, "/dev/full", false);

	build(0, 1000);

	struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	assert_int_equal(port_tx(port, 0, pool, &packet, 1), 0);
	assert_int_equal(packet->drop, DROP_TX_FAILED);
	packet_give(pool, packet);
	port->ops->close(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_speed),
		cmocka_unit_test(test_own_time),
		cmocka_unit_test(test_recorded_frames_are_whole),
		cmocka_unit_test(test_small_arena),
		cmocka_unit_test(test_broken_captures),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
