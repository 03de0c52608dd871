// SPDX-License-Identifier: BSD-3-Clause
//
// Packets through the kernel of this machine, over the loopback interface, both families.

#include "tests/unit/unit.h"

#include "tunnels/bfd_socket.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <net/if.h>

// A network of the test's own: nobody else has its ports.
static void be_alone(void)
{
	auto_close int fd = -1;
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	require_root();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
}

static uint16_t port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} name;
	socklen_t len = sizeof(name);

	assert_int_equal(getsockname(fd, &name.any, &len), 0);
	return ntohs(name.any.sa_family == AF_INET ? name.in.sin_port : name.in6.sin6_port);
}

static void carry(const char *address, bool multihop)
{
	static const uint8_t bytes[BFD_BYTES] = {0x20, 0x40, 3, 24, 1};
	struct bfd_path path = {.multihop = multihop};
	struct bfd_arrival arrival;
	struct fail fail = {0};
	auto_close int receiver = -1;
	auto_close int sender = -1;

	ip_parse(address, &path.local);
	path.remote = path.local;
	receiver = bfd_socket_receiver(&path, &fail);
	sender = bfd_socket_sender(&path, &fail);
	assert_true(receiver >= 0 && sender >= 0);
	assert_int_equal(port_of(receiver), multihop ? 4784 : 3784);
	assert_in_range(port_of(sender), 49152, 65535);
	assert_int_equal(bfd_socket_receive(receiver, &arrival), -EAGAIN);
	bfd_socket_send(sender, &path, bytes, sizeof(bytes));
	poll(&(struct pollfd){.fd = receiver, .events = POLLIN}, 1, 5000);
	assert_int_equal(bfd_socket_receive(receiver, &arrival), 0);
	assert_true(ip_equal(arrival.from, path.local));
	assert_int_equal(arrival.ttl, 255);
	assert_int_equal(arrival.len, sizeof(bytes));
	assert_memory_equal(arrival.bytes, bytes, sizeof(bytes));
	assert_int_equal(bfd_socket_receive(receiver, &arrival), -EAGAIN);
}

static void packets_go_with_ttl_255_and_say_with_which_they_came(void **state)
{
	be_alone();
	carry("127.0.0.1", false);
	carry("127.0.0.1", true);
	carry("::1", false);
	carry("::1", true);
}

static void a_port_that_is_taken_is_named(void **state)
{
	struct bfd_path path = {.multihop = true};
	struct fail fail = {0};
	auto_close int receiver = -1;

	be_alone();
	ip_parse("127.0.0.1", &path.local);
	receiver = bfd_socket_receiver(&path, &fail);
	assert_int_equal(bfd_socket_receiver(&path, &fail), -EADDRINUSE);
	assert_non_null(strstr(fail.what, "UDP port 4784 of 127.0.0.1"));
	assert_non_null(strstr(fail.hint, "another program"));
	ip_parse("192.0.2.77", &path.local);
	assert_int_equal(bfd_socket_sender(&path, &fail), -EADDRNOTAVAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_go_with_ttl_255_and_say_with_which_they_came),
		cmocka_unit_test(a_port_that_is_taken_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
