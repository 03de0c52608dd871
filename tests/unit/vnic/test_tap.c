// SPDX-License-Identifier: BSD-3-Clause
//
// TAPs: super-packets whole, tags in the frame, descriptors that outlive their port.

#include "base/bytes.h"
#include "ends.h"
#include "frames.h"
#include "test.h"
#include "vnic/link.h"
#include "vnic/parse.h"
#include "vnic/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_ends(bool offload_off)
{
	netns_required();
	ends_open();
	ends_add_tap(0, offload_off);
	ends_add_tap(1, false);
}

static void test_tcp_in_super_packets(void **state)
{
	static const uint32_t wanted = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6;

	open_ends(false);
	assert_int_equal(ends.end[0].port->offloads & wanted, wanted);
	ends_transfer(AF_INET, 4 << 20);
	assert_true(ends.super_packets > 10);
	assert_true(ends.largest > 30000);
	ends.super_packets = 0;
	ends_transfer(AF_INET6, 4 << 20);
	assert_true(ends.super_packets > 10);
	assert_int_equal(ends.refused, 0);
	ends_close();
}

// One end without offloads: it sends finished frames, and gets finished frames.
static void test_tcp_without_offloads(void **state)
{
	open_ends(true);
	assert_int_equal(ends.end[0].port->offloads, 0);
	ends_transfer(AF_INET, 1 << 20);
	assert_int_equal(ends.super_packets, 0);
	assert_int_equal(ends.largest, 1514);
	ends_close();
}

// Super-packets towards a guest without offloads are cut and summed by us; its kernel checks the sums.
static void test_tcp_cut_for_the_receiver(void **state)
{
	netns_required();
	ends_open();
	ends_add_tap(0, false);
	ends_add_tap(1, true);
	ends_transfer(AF_INET, 1 << 20);
	ends_transfer(AF_INET6, 1 << 20);
	assert_true(ends.super_packets > 0);
	assert_int_equal(ends.refused, 0);
	ends_close();
}

static void test_tagged_frame_to_the_guest(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 300};
	struct sockaddr_ll name;

	open_ends(false);
	frame_build(&spec, &frame);

	struct packet *packet = frame_packet(ends.pool, frame.bytes, frame.len, PACKET_HEAD, 2);
	struct sniff wanted = {ends_sniffer(0, &name), frame.len, 0x2014};

	packet->flags = PACKET_VLAN;
	packet->vlan = 0x2014;
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, &packet, 1), 1);
	assert_int_equal(packet->flags, PACKET_VLAN);
	assert_int_equal(packet->len, frame.len);
	assert_true(netns_eventually(ends_guest_saw, &wanted));
	close(wanted.fd);
	packet_give(ends.pool, packet);
	ends_close();
}

static bool has_got_tag(void *user)
{
	const struct sniff *wanted = user;
	struct batch batch = {0};
	bool is_found = false;

	port_rx(ends.end[0].port, 0, ends.pool, &batch);
	for (unsigned i = 0; i < batch.count; i++) {
		struct packet *packet = batch.packets[i];

		packet_parse(packet, PARSE_L4);
		is_found |= packet->flags & PACKET_VLAN && packet->vlan == wanted->vlan &&
		            packet->len == wanted->len;
		packet_give(ends.pool, packet);
	}
	packet_arena_reset(ends.pool);
	return is_found;
}

static void test_tagged_frame_from_the_guest(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {.ip_version = 4,
	                          .proto = IPPROTO_UDP,
	                          .payload = 300,
	                          .has_vlan = true,
	                          .vlan = 0x6014};
	struct sockaddr_ll name;

	open_ends(false);
	frame_build(&spec, &frame);

	int fd = ends_sniffer(0, &name);
	struct sniff wanted = {fd, frame.len - VLAN_TAG, 0x6014};

	assert_int_equal(
		sendto(fd, frame.bytes, frame.len, 0, (struct sockaddr *)&name, sizeof(name)),
		frame.len);
	assert_true(netns_eventually(has_got_tag, &wanted));
	close(fd);
	ends_close();
}

// The descriptors outlive their port: another one takes them over and nothing is lost in between.
static void test_adopt(void **state)
{
	struct tap_config config = {.name = "h1", .ifname = "weft-t0", .queues = 1, .mtu = 1500};
	struct fail fail = {0};
	struct port *adopted;

	open_ends(false);

	int kept = fcntl(tap_queue_fd(ends.end[0].port, 0), F_DUPFD_CLOEXEC, 3);

	ends.end[0].port->ops->close(ends.end[0].port);
	assert_int_equal(tap_adopt(&config, &kept, 1, &adopted, &fail), 0);
	assert_int_equal(adopted->queue_count, 1);
	assert_int_equal(tap_queue_fd(adopted, 0), kept);
	ends.end[0].port = adopted;
	ends_transfer(AF_INET, 1 << 20);
	assert_true(ends.super_packets > 0);

	int other = open("/dev/null", O_RDWR);

	assert_true(tap_adopt(&config, &other, 1, &adopted, &fail) < 0);
	assert_int_equal(fcntl(other, F_GETFD), 0);
	close(other);
	ends_close();
}

static void test_queues(void **state)
{
	struct tap_config config = {.name = "h1", .ifname = "weft-t0", .queues = 4, .mtu = 9000};
	struct fail fail = {0};
	struct port *port, *second;
	struct link_state link;

	netns_required();
	assert_int_equal(tap_open(&config, &port, &fail), 0);
	assert_int_equal(port->queue_count, 4);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned other = 0; other < i; other++)
			assert_int_not_equal(port->ops->rx_fd(port, i),
			                     port->ops->rx_fd(port, other));
	assert_int_equal(link_get(NULL, "weft-t0", &link, &fail), 0);
	assert_int_equal(link.mtu, 9000);

	// The name is taken, be it by ourselves.
	assert_int_equal(tap_open(&config, &second, &fail), -EBUSY);
	assert_non_null(strstr(fail.what, "weft-t0"));
	config.netns = "/run/netns/there-is-none";
	assert_int_equal(tap_open(&config, &second, &fail), -ENOENT);
	assert_non_null(strstr(fail.what, "h1"));
	config.netns = NULL;
	config.ifname = "lo";
	assert_true(tap_open(&config, &second, &fail) < 0);
	config.queues = 0;
	assert_int_equal(tap_open(&config, &second, &fail), -EINVAL);
	port->ops->close(port);
	assert_int_equal(link_get(NULL, "weft-t0", &link, &fail), -ENODEV);
}

// An MTU that the kernel refuses leaves no interface behind.
static void test_failed_open_leaves_nothing(void **state)
{
	struct tap_config config = {.name = "h1", .ifname = "weft-t9", .queues = 2, .mtu = 1000000};
	struct fail fail = {0};
	struct link_state link;
	struct port *port;

	netns_required();
	assert_true(tap_open(&config, &port, &fail) < 0);
	assert_non_null(strstr(fail.what, "MTU"));
	assert_int_equal(link_get(NULL, "weft-t9", &link, &fail), -ENODEV);
}

// One that persists stays when its last queue is closed, until its namespace ends.
static void test_persists(void **state)
{
	struct tap_config config = {.name = "h1", .ifname = "weft-t8", .queues = 2, .mtu = 1500};
	struct fail fail = {0};
	struct link_state link;
	struct port *port;

	netns_required();
	assert_int_equal(tap_open(&config, &port, &fail), 0);
	assert_int_equal(tap_persist(port), 0);
	port->ops->close(port);
	assert_int_equal(link_get(NULL, "weft-t8", &link, &fail), 0);
	assert_int_equal(link_remove(NULL, "weft-t8", &fail), 0);
}

static void test_guest_down_and_gone(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 10};

	open_ends(false);
	frame_build(&spec, &frame);

	struct packet *packet = frame_packet(ends.pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	link_set_up(ends.end[0].netns, "eth0", false, NULL);
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, &packet, 1), 0);
	assert_int_equal(packet->drop, DROP_PORT_DOWN);
	ends_drain(0);
	assert_false(ends.end[0].port->gone);

	link_remove(ends.end[0].netns, "eth0", NULL);
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, &packet, 1), 0);
	ends_drain(0);
	assert_true(ends.end[0].port->gone);
	packet_give(ends.pool, packet);
	ends_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_in_super_packets),
		cmocka_unit_test(test_tcp_without_offloads),
		cmocka_unit_test(test_tcp_cut_for_the_receiver),
		cmocka_unit_test(test_tagged_frame_to_the_guest),
		cmocka_unit_test(test_tagged_frame_from_the_guest),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_failed_open_leaves_nothing),
		cmocka_unit_test(test_persists),
		cmocka_unit_test(test_guest_down_and_gone),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
