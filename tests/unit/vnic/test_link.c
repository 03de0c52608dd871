// SPDX-License-Identifier: BSD-3-Clause
//
// Links are made, moved, named and watched in namespaces of the test's own.

#include "netns.h"
#include "test.h"
#include "vnic/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static ino_t namespace_of_thread(void)
{
	struct stat status;

	assert_int_equal(stat("/proc/thread-self/ns/net", &status), 0);
	return status.st_ino;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(prefix_parse(text, &parsed), 0);
	return parsed;
}

static void test_veth_and_state(void **state)
{
	struct fail fail = {0};
	struct link_state link;
	struct mac mac = {{2, 0, 0, 0, 0, 0x77}};

	netns_required();
	assert_int_equal(link_add_veth("va", "vb", &fail), 0);
	assert_int_equal(link_add_veth("va", "vc", &fail), -EEXIST);
	assert_non_null(strstr(fail.what, "va"));
	assert_int_equal(link_get(NULL, "va", &link, &fail), 0);
	assert_false(link.up);
	assert_int_equal(link_set_mac(NULL, "va", &mac, &fail), 0);
	assert_int_equal(link_set_mtu(NULL, "va", 1400, &fail), 0);
	assert_int_equal(link_set_up(NULL, "va", true, &fail), 0);
	assert_int_equal(link_set_up(NULL, "vb", true, &fail), 0);
	assert_int_equal(link_get(NULL, "va", &link, &fail), 0);
	assert_true(link.up);
	assert_true(link.running);
	assert_int_equal(link.mtu, 1400);
	assert_true(mac_equal(link.mac, mac));
	assert_int_equal(link_set_up(NULL, "vb", false, &fail), 0);
	assert_int_equal(link_get(NULL, "va", &link, &fail), 0);
	assert_false(link.running);
	assert_int_equal(link_rename(NULL, "vb", "vz", &fail), 0);
	assert_int_equal(link_get(NULL, "vb", &link, &fail), -ENODEV);
	assert_int_equal(link_get(NULL, "vz", &link, &fail), 0);
	assert_int_equal(link_remove(NULL, "va", &fail), 0);
	assert_int_equal(link_get(NULL, "vz", &link, &fail), -ENODEV);
}

static void test_move_with_name(void **state)
{
	struct fail fail = {0};
	struct link_state link;
	char there[NETNS_PATH];

	netns_required();

	int fd = netns_make(there);
	ino_t home = namespace_of_thread();

	assert_int_equal(link_add_veth("va", "vb", &fail), 0);
	assert_int_equal(link_move("vb", there, "eth0", &fail), 0);
	assert_int_equal(link_get(NULL, "vb", &link, &fail), -ENODEV);
	assert_int_equal(link_get(there, "eth0", &link, &fail), 0);
	assert_false(link.up);

	// The name is taken there: nothing moves.
	assert_int_equal(link_move("va", there, "eth0", &fail), -EEXIST);
	assert_int_equal(link_get(NULL, "va", &link, &fail), 0);
	assert_int_equal(link_remove(there, "eth0", &fail), 0);
	assert_int_equal(namespace_of_thread(), home);
	close(fd);
}

// Binds without delay only if the address is there and is no longer tentative.
static void test_addresses_are_usable_at_once(void **state)
{
	struct fail fail = {0};
	char there[NETNS_PATH];
	struct ip_prefix four = prefix("10.9.0.1/24");
	struct ip_prefix six = prefix("fd00:9::1/64");

	netns_required();

	int namespace = netns_make(there);

	assert_int_equal(link_add_veth("va", "vb", &fail), 0);
	assert_int_equal(link_move("vb", there, "eth0", &fail), 0);
	assert_int_equal(link_set_up(NULL, "va", true, &fail), 0);
	assert_int_equal(link_set_up(there, "eth0", true, &fail), 0);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(link_add_address(there, "eth0", &four, &fail), 0);
		assert_int_equal(link_add_address(there, "eth0", &six, &fail), 0);
	}

	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6};
	struct sockaddr_in name4 = {.sin_family = AF_INET};

	memcpy(&name6.sin6_addr, six.addr.b, 16);
	name4.sin_addr.s_addr = ip_to4(four.addr);

	int socket6 = netns_socket(there, AF_INET6, SOCK_DGRAM);
	int socket4 = netns_socket(there, AF_INET, SOCK_DGRAM);

	assert_int_equal(bind(socket6, (struct sockaddr *)&name6, sizeof(name6)), 0);
	assert_int_equal(bind(socket4, (struct sockaddr *)&name4, sizeof(name4)), 0);

	// Without a default route there is no way out; with one there is.
	name4.sin_addr.s_addr = inet_addr("192.0.2.1");
	name4.sin_port = htons(9);
	assert_int_equal(connect(socket4, (struct sockaddr *)&name4, sizeof(name4)), -1);
	assert_int_equal(errno, ENETUNREACH);

	struct ip_addr via4 = prefix("10.9.0.254").addr;
	struct ip_addr via6 = prefix("fd00:9::fe").addr;

	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(link_add_default_route(there, "eth0", &via4, &fail), 0);
		assert_int_equal(link_add_default_route(there, "eth0", &via6, &fail), 0);
	}
	assert_int_equal(connect(socket4, (struct sockaddr *)&name4, sizeof(name4)), 0);
	inet_pton(AF_INET6, "2001:db8::1", &name6.sin6_addr);
	name6.sin6_port = htons(9);
	assert_int_equal(connect(socket6, (struct sockaddr *)&name6, sizeof(name6)), 0);
	close(socket4);
	close(socket6);
	assert_int_equal(link_remove(NULL, "va", &fail), 0);
	close(namespace);
}

static int return_seven(void *user)
{
	*(ino_t *)user = namespace_of_thread();
	return 7;
}

static void test_errors_name_what_is_wrong(void **state)
{
	struct fail fail = {0};
	struct link_state link;
	struct ip_addr via = prefix("10.77.0.1").addr;
	char there[NETNS_PATH];
	ino_t visited = 0;

	netns_required();

	ino_t home = namespace_of_thread();
	int fd = netns_make(there);

	assert_int_equal(link_get(NULL, "nowhere0", &link, &fail), -ENODEV);
	assert_non_null(strstr(fail.what, "nowhere0"));
	assert_int_equal(link_get("/run/netns/there-is-none", "lo", &link, &fail), -ENOENT);
	assert_non_null(strstr(fail.what, "there-is-none"));
	assert_int_equal(link_get("/dev/null", "lo", &link, &fail), -EINVAL);
	assert_int_equal(link_move("nowhere0", there, "x", &fail), -ENODEV);
	assert_true(link_add_default_route(NULL, "lo", &via, &fail) < 0);
	assert_true(link_set_mtu(NULL, "nowhere0", 1500, NULL) < 0);
	assert_int_equal(link_in_netns(there, return_seven, &visited, &fail), 7);
	assert_int_not_equal(visited, home);
	assert_int_equal(namespace_of_thread(), home);
	close(fd);
}

struct seen {
	unsigned added, up, removed;
};

static void on_changed(void *user, const char *ifname, const struct link_state *link, bool removed)
{
	struct seen *seen = user;

	if (strcmp(ifname, "va") != 0)
		return;
	seen->added += !removed;
	seen->up += !removed && link->up && link->running && link->ifindex;
	seen->removed += removed;
}

static void test_watch(void **state)
{
	struct seen seen = {0};

	netns_required();

	struct link_watch *watch = link_watch_new(on_changed, &seen);

	assert_non_null(watch);
	link_watch_read(watch);
	assert_int_equal(seen.added, 0);
	assert_int_equal(link_add_veth("va", "vb", NULL), 0);

	struct pollfd poller = {.fd = link_watch_fd(watch), .events = POLLIN};

	assert_int_equal(poll(&poller, 1, 1000), 1);
	link_watch_read(watch);
	assert_true(seen.added > 0);
	assert_int_equal(seen.up, 0);
	link_set_up(NULL, "vb", true, NULL);
	link_set_up(NULL, "va", true, NULL);
	link_watch_read(watch);
	assert_true(seen.up > 0);
	link_remove(NULL, "va", NULL);
	link_watch_read(watch);
	assert_int_equal(seen.removed, 1);
	link_watch_free(watch);
}

// More news than the buffer holds: the state at the end is told all the same.
static void test_watch_survives_a_flood(void **state)
{
	struct seen seen = {0};

	netns_required();
	assert_int_equal(link_add_veth("va", "vb", NULL), 0);
	link_set_up(NULL, "vb", true, NULL);

	struct link_watch *watch = link_watch_new(on_changed, &seen);
	int small = 1;

	assert_int_equal(
		setsockopt(link_watch_fd(watch), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (int i = 0; i < 21; i++)
		link_set_up(NULL, "va", i % 2 == 0, NULL);
	seen.up = 0;
	link_watch_read(watch);
	assert_true(seen.up > 0);
	link_watch_free(watch);
	link_remove(NULL, "va", NULL);
}

static int receive_announcement(int fd, struct ip_addr *ret_ip, struct mac *ret_mac)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	uint8_t frame[128];

	while (poll(&one, 1, 2000) == 1) {
		ssize_t len = recv(fd, frame, sizeof(frame), 0);

		// A request, for the sender's own address (RFC 826's layout behind 14 bytes of Ethernet).
		if (len < 42 || frame[12] != 0x08 || frame[13] != 0x06 || frame[21] != 1 ||
		    memcmp(frame + 28, frame + 38, 4) != 0)
			continue;

		uint32_t ip;

		memcpy(&ip, frame + 28, 4);
		memcpy(ret_mac->b, frame + 22, 6);
		*ret_ip = ip_from4(ip);
		return 0;
	}
	return -ETIMEDOUT;
}

// An interface in use gets another MAC and other addresses; whoever is on the same wire hears of it.
static void test_identity_changes_under_way(void **state)
{
	struct ip_prefix four = prefix("10.9.0.1/24"), other = prefix("10.9.0.2/24");
	struct mac mac = {{2, 0, 0, 0, 0, 0x42}}, heard;
	struct ip_prefix before, after;
	struct fail fail = {0};
	char there[NETNS_PATH], text[PREFIX_TEXT];
	struct link_state link;
	struct ip_addr via, ip;

	netns_required();

	int namespace = netns_make(there);

	assert_int_equal(link_add_veth("va", "vb", &fail), 0);
	assert_int_equal(link_move("vb", there, "eth0", &fail), 0);
	assert_int_equal(link_set_up(NULL, "va", true, &fail), 0);
	assert_int_equal(link_set_up(there, "eth0", true, &fail), 0);
	assert_int_equal(link_add_address(there, "eth0", &four, &fail), 0);
	assert_int_equal(ip_parse("10.9.0.254", &via), 0);
	assert_int_equal(link_add_default_route(there, "eth0", &via, &fail), 0);
	assert_int_equal(link_remove_default_route(there, "eth0", &via, &fail), 0);
	assert_int_not_equal(link_remove_default_route(there, "eth0", &via, &fail), 0);
	assert_int_equal(link_get(there, "eth0", &link, &fail), 0);

	// The link-local address goes with the MAC: that of the old one can be put there and taken away, by nobody else.
	snprintf(text, sizeof(text), "fe80::%02x%02x:%02xff:fe%02x:%02x%02x/64", link.mac.b[0] ^ 2,
	         link.mac.b[1], link.mac.b[2], link.mac.b[3], link.mac.b[4], link.mac.b[5]);
	before = prefix(text);
	after = prefix("fe80::ff:fe00:42/64");
	assert_int_equal(link_set_mac(there, "eth0", &mac, &fail), 0);
	assert_int_equal(link_follow_mac(there, "eth0", &link.mac, &fail), 0);
	assert_int_not_equal(link_remove_address(there, "eth0", &before, &fail), 0);
	assert_int_equal(link_remove_address(there, "eth0", &after, &fail), 0);

	int listener = netns_socket("/proc/self/ns/net", AF_PACKET, SOCK_RAW);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};

	assert_int_equal(link_get(NULL, "va", &link, &fail), 0);
	at.sll_ifindex = (int)link.ifindex;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(link_remove_address(there, "eth0", &four, &fail), 0);
	assert_int_equal(link_add_address(there, "eth0", &other, &fail), 0);
	assert_int_equal(link_announce(there, "eth0", &fail), 0);
	assert_int_equal(receive_announcement(listener, &ip, &heard), 0);
	assert_true(ip_equal(ip, other.addr));
	assert_true(mac_equal(heard, mac));
	assert_int_equal(link_announce(there, "nosuch", &fail), -ENODEV);
	close(listener);
	close(namespace);
	link_remove(NULL, "va", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_veth_and_state),
		cmocka_unit_test(test_move_with_name),
		cmocka_unit_test(test_addresses_are_usable_at_once),
		cmocka_unit_test(test_identity_changes_under_way),
		cmocka_unit_test(test_errors_name_what_is_wrong),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_watch_survives_a_flood),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
