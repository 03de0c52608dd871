// SPDX-License-Identifier: BSD-3-Clause
//
// ends: all in one thread, so that a failure is where it shows and nothing runs on behind a test.

#include "ends.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "test.h"
#include "vnic/afpacket.h"
#include "vnic/link.h"
#include "vnic/parse.h"
#include "vnic/tap.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends ends;

void ends_open(void)
{
	ends = (struct ends){.pool = packet_pool_new(512, 256 << 10)};
	assert_non_null(ends.pool);
}

void ends_close(void)
{
	for (unsigned i = 0; i < 2; i++) {
		ends.end[i].port->ops->close(ends.end[i].port);
		// The kernel takes its time to clear a namespace; the next test wants the name now.
		link_remove(NULL, i ? "weft-v1" : "weft-v0", NULL);
		close(ends.end[i].namespace);
	}
	packet_pool_free(ends.pool);
}

// Addresses the guest's interface and sets it up.
static void settle(unsigned i)
{
	struct end *end = &ends.end[i];
	char text[] = "10.9.0.1/24";
	char text6[] = "fd00:9::1/64";
	struct ip_prefix address, address6;
	struct fail fail = {0};

	text[7] += (char)i;
	text6[8] += (char)i;
	assert_int_equal(prefix_parse(text, &address), 0);
	assert_int_equal(prefix_parse(text6, &address6), 0);
	end->address = address.addr;
	end->address6 = address6.addr;
	assert_int_equal(link_add_address(end->netns, "eth0", &address, &fail), 0);
	assert_int_equal(link_set_up(end->netns, "eth0", true, &fail), 0);
	assert_int_equal(link_add_address(end->netns, "eth0", &address6, &fail), 0);
}

struct interface {
	const char *netns, *name;
};

static bool is_running(void *user)
{
	const struct interface *interface = user;
	struct link_state link;

	return link_get(interface->netns, interface->name, &link, NULL) == 0 && link.running;
}

// Until the kernel's watcher of carriers has come round, what an interface that is up is given to send vanishes
// without a word.
static void await_carrier(const char *netns, const char *name)
{
	struct interface interface = {netns, name};

	assert_true(netns_eventually(is_running, &interface));
}

void ends_add_tap(unsigned i, bool offload_off)
{
	struct tap_config config = {.name = "h",
	                            .ifname = "eth0",
	                            .queues = 1,
	                            .mtu = 1500,
	                            .offload_off = offload_off};
	struct fail fail = {0};

	ends.end[i].namespace = netns_make(ends.end[i].netns);
	config.netns = ends.end[i].netns;
	if (tap_open(&config, &ends.end[i].port, &fail))
		fail_msg("%s", fail.what);
	ends.end[i].port->slot = i;
	settle(i);
}

void ends_add_veth(unsigned i)
{
	char ours[] = "weft-v0";
	char theirs[] = "weft-p0";
	struct afpacket_config config = {.name = "v", .ifname = ours};
	struct fail fail = {0};

	ours[6] += (char)i;
	theirs[6] += (char)i;
	ends.end[i].namespace = netns_make(ends.end[i].netns);
	assert_int_equal(link_add_veth(ours, theirs, &fail), 0);
	if (afpacket_open(&config, &ends.end[i].port, &fail))
		fail_msg("%s", fail.what);
	ends.end[i].port->slot = i;
	assert_int_equal(link_move(theirs, ends.end[i].netns, "eth0", &fail), 0);
	settle(i);
	await_carrier(NULL, ours);
	await_carrier(ends.end[i].netns, "eth0");
}

unsigned ends_forward(unsigned from)
{
	struct batch batch = {0};
	unsigned got = port_rx(ends.end[from].port, 0, ends.pool, &batch);

	for (unsigned i = 0; i < got; i++) {
		struct packet *packet = batch.packets[i];

		assert_int_equal(packet_parse(packet, PARSE_L4), DROP_NONE);
		assert_int_equal(packet->in_port, from);
		ends.largest = MAX(ends.largest, packet->len);
		ends.super_packets += packet->gso != GSO_NONE;
	}
	ends.refused += got - port_tx(ends.end[!from].port, 0, ends.pool, batch.packets, got);
	for (unsigned i = 0; i < got; i++)
		packet_give(ends.pool, batch.packets[i]);
	packet_arena_reset(ends.pool);
	return got;
}

static socklen_t server_name(int family, struct sockaddr_storage *ret)
{
	struct sockaddr_in name4 = {.sin_family = AF_INET, .sin_port = htons(5000)};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons(5000)};

	name4.sin_addr.s_addr = ip_to4(ends.end[1].address);
	memcpy(&name6.sin6_addr, ends.end[1].address6.b, 16);
	if (family == AF_INET)
		memcpy(ret, &name4, sizeof(name4));
	else
		memcpy(ret, &name6, sizeof(name6));
	return family == AF_INET ? sizeof(name4) : sizeof(name6);
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 11 + (i >> 8));
}

static size_t send_some(int client, size_t sent, size_t total)
{
	static uint8_t out[1 << 16];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = pattern(sent + i);

	ssize_t put = send(client, out, MIN(sizeof(out), total - sent), MSG_NOSIGNAL);

	return put > 0 ? (size_t)put : 0;
}

static size_t receive_some(int accepted, size_t received)
{
	static uint8_t in[1 << 16];
	ssize_t got = recv(accepted, in, sizeof(in), 0);

	for (ssize_t i = 0; i < got; i++)
		if (in[i] != pattern(received + (size_t)i))
			fail_msg("byte %zu is wrong", received + (size_t)i);
	return got > 0 ? (size_t)got : 0;
}

void ends_transfer(int family, size_t total)
{
	struct sockaddr_storage name;
	socklen_t name_len = server_name(family, &name);
	int server = netns_socket(ends.end[1].netns, family, SOCK_STREAM);
	int client = netns_socket(ends.end[0].netns, family, SOCK_STREAM);
	uint64_t deadline = clock_now() + 20 * NSEC_PER_SEC;
	size_t sent = 0, received = 0;
	int accepted = -1;

	assert_int_equal(bind(server, (struct sockaddr *)&name, name_len), 0);
	assert_int_equal(listen(server, 1), 0);
	connect(client, (struct sockaddr *)&name, name_len);
	while (received < total) {
		assert_true(clock_now() < deadline);
		ends_forward(0);
		ends_forward(1);
		sent += send_some(client, sent, total);
		if (accepted < 0)
			accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		else
			received += receive_some(accepted, received);
	}
	close(accepted);
	close(client);
	close(server);
}

void ends_drain(unsigned i)
{
	struct batch batch = {0};

	while (port_rx(ends.end[i].port, 0, ends.pool, &batch)) {
		while (batch.count)
			packet_give(ends.pool, batch.packets[--batch.count]);
		packet_arena_reset(ends.pool);
	}
}

int ends_sniffer(unsigned i, struct sockaddr_ll *name)
{
	int fd = netns_socket(ends.end[i].netns, AF_PACKET, SOCK_RAW);
	struct link_state link;
	int on = 1;

	assert_int_equal(link_get(ends.end[i].netns, "eth0", &link, NULL), 0);
	*name = (struct sockaddr_ll){.sll_family = AF_PACKET,
	                             .sll_protocol = htons(ETH_P_ALL),
	                             .sll_ifindex = (int)link.ifindex};
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)name, sizeof(*name)), 0);
	return fd;
}

bool ends_guest_saw(void *sniff)
{
	struct sniff *wanted = sniff;
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
