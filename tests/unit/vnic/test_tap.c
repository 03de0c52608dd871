// SPDX-License-Identifier: BSD-3-Clause
//
// Two namespaces talk through two TAPs and a forwarder made of nothing but port_rx and port_tx.

#include "base/bytes.h"
#include "base/clock.h"
#include "frames.h"
#include "netns.h"
#include "test.h"
#include "vnic/link.h"
#include "vnic/parse.h"
#include "vnic/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// One end: a TAP, and the namespace that its interface was moved to.
struct end {
	struct port *port;
	char netns[NETNS_PATH];
	int namespace;
	struct ip_addr address;
};

static struct end ends[2];
static struct packet_pool *pool;
static uint32_t largest;
static unsigned super_packets;

static void open_end(unsigned i, unsigned queues, bool offload_off)
{
	char ifname[] = "weft-t0";
	char text[] = "10.9.0.1/24";
	char text6[] = "fd00:9::1/64";
	struct ip_prefix address, address6;
	struct fail fail = {0};

	ifname[6] += (char)i;
	text[7] += (char)i;
	text6[8] += (char)i;
	assert_int_equal(prefix_parse(text, &address), 0);
	assert_int_equal(prefix_parse(text6, &address6), 0);

	struct tap_config config = {.name = "h",
	                            .ifname = ifname,
	                            .queues = queues,
	                            .mtu = 1500,
	                            .offload_off = offload_off};

	ends[i].namespace = netns_make(ends[i].netns);
	if (tap_open(&config, &ends[i].port, &fail))
		fail_msg("%s", fail.what);
	ends[i].port->slot = i;
	ends[i].address = address.addr;
	assert_int_equal(link_move(ifname, ends[i].netns, "eth0", &fail), 0);
	assert_int_equal(link_add_address(ends[i].netns, "eth0", &address, &fail), 0);
	assert_int_equal(link_add_address(ends[i].netns, "eth0", &address6, &fail), 0);
	assert_int_equal(link_set_up(ends[i].netns, "eth0", true, &fail), 0);
}

static void open_ends(bool offload_off)
{
	netns_required();
	pool = packet_pool_new(512, 256 << 10);
	largest = 0;
	super_packets = 0;
	open_end(0, 1, offload_off);
	open_end(1, 1, false);
}

static void close_ends(void)
{
	for (unsigned i = 0; i < 2; i++) {
		ends[i].port->ops->close(ends[i].port);
		close(ends[i].namespace);
	}
	packet_pool_free(pool);
}

// Takes what one end has and gives it to the other.
static unsigned forward(unsigned from)
{
	struct batch batch = {0};
	unsigned got = port_rx(ends[from].port, 0, pool, &batch);

	for (unsigned i = 0; i < got; i++) {
		struct packet *packet = batch.packets[i];

		assert_int_equal(packet_parse(packet, PARSE_L4), DROP_NONE);
		assert_int_equal(packet->in_port, from);
		largest = MAX(largest, packet->len);
		super_packets += packet->gso != GSO_NONE;
	}
	assert_int_equal(port_tx(ends[!from].port, 0, pool, batch.packets, got), got);
	for (unsigned i = 0; i < got; i++)
		packet_give(pool, batch.packets[i]);
	packet_arena_reset(pool);
	return got;
}

static bool run_once(void *user)
{
	unsigned count = forward(0);

	return count + forward(1) > 0;
}

static struct sockaddr_in name_of(unsigned end)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	                            .sin_port = htons(5000),
	                            .sin_addr.s_addr = ip_to4(ends[end].address)};
}

// Sends `total` bytes of a known pattern from end 0 to end 1 over TCP and compares them.
static void transfer(size_t total)
{
	struct sockaddr_in server_name = name_of(1);
	int server = netns_socket(ends[1].netns, AF_INET, SOCK_STREAM);
	int client = netns_socket(ends[0].netns, AF_INET, SOCK_STREAM);
	uint64_t deadline = clock_now() + 20 * NSEC_PER_SEC;
	static uint8_t out[1 << 16], in[1 << 16];
	size_t sent = 0, received = 0;
	int accepted = -1;

	assert_int_equal(bind(server, (struct sockaddr *)&server_name, sizeof(server_name)), 0);
	assert_int_equal(listen(server, 1), 0);
	connect(client, (struct sockaddr *)&server_name, sizeof(server_name));
	while (received < total) {
		assert_true(clock_now() < deadline);
		run_once(NULL);
		if (accepted < 0)
			accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK);
		for (size_t i = 0; i < sizeof(out); i++)
			out[i] = (uint8_t)((sent + i) * 11 + ((sent + i) >> 8));

		ssize_t put = send(client, out, MIN(sizeof(out), total - sent), MSG_NOSIGNAL);

		sent += put > 0 ? (size_t)put : 0;
		if (accepted < 0)
			continue;

		ssize_t got = recv(accepted, in, sizeof(in), 0);

		for (ssize_t i = 0; i < got; i++, received++)
			if (in[i] != (uint8_t)(received * 11 + (received >> 8)))
				fail_msg("byte %zu is wrong", received);
	}
	close(accepted);
	close(client);
	close(server);
}

static void test_tcp_in_super_packets(void **state)
{
	open_ends(false);
	assert_int_equal(ends[0].port->offloads & (PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6),
	                 PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6);
	transfer(4 << 20);
	assert_true(super_packets > 10);
	assert_true(largest > 30000);
	close_ends();
}

// One end without offloads: it sends finished frames, and gets finished frames.
static void test_tcp_without_offloads(void **state)
{
	open_ends(true);
	assert_int_equal(ends[0].port->offloads, 0);
	transfer(1 << 20);
	assert_int_equal(super_packets, 0);
	assert_int_equal(largest, 1514);
	close_ends();
}

// A packet socket on the interface that the guest sees.
static int open_sniffer(unsigned end, struct sockaddr_ll *name)
{
	int fd = netns_socket(ends[end].netns, AF_PACKET, SOCK_RAW);
	struct link_state link;
	int on = 1;

	assert_int_equal(link_get(ends[end].netns, "eth0", &link, NULL), 0);
	*name = (struct sockaddr_ll){.sll_family = AF_PACKET,
	                             .sll_protocol = htons(ETH_P_ALL),
	                             .sll_ifindex = (int)link.ifindex};
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)name, sizeof(*name)), 0);
	return fd;
}

struct sniff {
	int fd;
	size_t len;
	uint16_t vlan;
};

// Whether a frame of that length and tag has arrived.
static bool has_seen_tag(void *user)
{
	struct sniff *wanted = user;
	char control[256];
	uint8_t bytes[2000];
	struct iovec part = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};

	for (;;) {
		message.msg_controllen = sizeof(control);

		ssize_t got = recvmsg(wanted->fd, &message, 0);
		struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
		struct tpacket_auxdata aux;

		if (!header)
			return false;
		memcpy(&aux, CMSG_DATA(header), sizeof(aux));
		if ((size_t)got == wanted->len && aux.tp_status & TP_STATUS_VLAN_VALID &&
		    aux.tp_vlan_tci == wanted->vlan)
			return true;
	}
}

static void test_tagged_frame_to_the_guest(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 300};
	struct sockaddr_ll name;

	open_ends(false);
	frame_build(&spec, &frame);

	struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 2);
	struct sniff wanted = {open_sniffer(0, &name), frame.len, 0x2014};

	packet->flags = PACKET_VLAN;
	packet->vlan = 0x2014;
	assert_int_equal(port_tx(ends[0].port, 0, pool, &packet, 1), 1);
	assert_int_equal(packet->flags, PACKET_VLAN);
	assert_int_equal(packet->len, frame.len);
	assert_true(netns_eventually(has_seen_tag, &wanted));
	close(wanted.fd);
	packet_give(pool, packet);
	close_ends();
}

static bool has_got_tag(void *user)
{
	const struct sniff *wanted = user;
	struct batch batch = {0};
	bool is_found = false;

	port_rx(ends[0].port, 0, pool, &batch);
	for (unsigned i = 0; i < batch.count; i++) {
		struct packet *packet = batch.packets[i];

		packet_parse(packet, PARSE_L4);
		is_found |= packet->flags & PACKET_VLAN && packet->vlan == wanted->vlan &&
		            packet->len == wanted->len;
		packet_give(pool, packet);
	}
	packet_arena_reset(pool);
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

	int fd = open_sniffer(0, &name);
	struct sniff wanted = {fd, frame.len - VLAN_TAG, 0x6014};

	assert_int_equal(
		sendto(fd, frame.bytes, frame.len, 0, (struct sockaddr *)&name, sizeof(name)),
		frame.len);
	assert_true(netns_eventually(has_got_tag, &wanted));
	close(fd);
	close_ends();
}

// The descriptors outlive their port: another one takes them over and nothing is lost in between.
static void test_adopt(void **state)
{
	struct tap_config config = {.name = "h1", .ifname = "weft-t0", .queues = 1, .mtu = 1500};
	struct fail fail = {0};
	struct port *adopted;

	open_ends(false);

	int kept = fcntl(tap_queue_fd(ends[0].port, 0), F_DUPFD_CLOEXEC, 3);

	ends[0].port->ops->close(ends[0].port);
	assert_int_equal(tap_adopt(&config, &kept, 1, &adopted, &fail), 0);
	assert_int_equal(adopted->queue_count, 1);
	assert_int_equal(tap_queue_fd(adopted, 0), kept);
	ends[0].port = adopted;
	transfer(1 << 20);
	assert_true(super_packets > 0);

	int other = open("/dev/null", O_RDWR);

	assert_true(tap_adopt(&config, &other, 1, &adopted, &fail) < 0);
	assert_int_equal(fcntl(other, F_GETFD), 0);
	close(other);
	close_ends();
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

// What the guest sent earlier still comes; then there is nothing.
static void drain(void)
{
	struct batch batch = {0};

	while (port_rx(ends[0].port, 0, pool, &batch)) {
		while (batch.count)
			packet_give(pool, batch.packets[--batch.count]);
		packet_arena_reset(pool);
	}
}

static void test_guest_down_and_gone(void **state)
{
	static struct frame frame;
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 10};

	open_ends(false);
	frame_build(&spec, &frame);

	struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	link_set_up(ends[0].netns, "eth0", false, NULL);
	assert_int_equal(port_tx(ends[0].port, 0, pool, &packet, 1), 0);
	assert_int_equal(packet->drop, DROP_PORT_DOWN);
	drain();
	assert_false(ends[0].port->gone);

	link_remove(ends[0].netns, "eth0", NULL);
	assert_int_equal(port_tx(ends[0].port, 0, pool, &packet, 1), 0);
	drain();
	assert_true(ends[0].port->gone);
	packet_give(pool, packet);
	close_ends();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_in_super_packets),
		cmocka_unit_test(test_tcp_without_offloads),
		cmocka_unit_test(test_tagged_frame_to_the_guest),
		cmocka_unit_test(test_tagged_frame_from_the_guest),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_failed_open_leaves_nothing),
		cmocka_unit_test(test_guest_down_and_gone),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
