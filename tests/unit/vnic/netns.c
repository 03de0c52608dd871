// SPDX-License-Identifier: BSD-3-Clause
//
// netns: namespaces live as long as a descriptor of them; nothing is left in /run/netns.

#include "netns.h"

#include "base/clock.h"
#include "test.h"
#include "vnic/link.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 10 };

static bool is_possible;

int netns_setup(void **state)
{
	struct fail fail = {0};

	is_possible = access("/dev/net/tun", R_OK | W_OK) == 0 && unshare(CLONE_NEWNET) == 0 &&
	              link_set_up(NULL, "lo", true, &fail) == 0;
	return 0;
}

void netns_required(void)
{
	const char *required = getenv("WEFT_REQUIRE");

	if (is_possible)
		return;
	if (required && strcmp(required, "all") == 0)
		fail_msg("this test needs root and /dev/net/tun");
	skip();
}

int netns_make(char path[static NETNS_PATH])
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_int_equal(unshare(CLONE_NEWNET), 0);

	int made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(made >= 0);
	assert_int_equal(link_set_up(NULL, "lo", true, NULL), 0);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	snprintf(path, NETNS_PATH, "/proc/self/fd/%d", made);
	return made;
}

struct wish {
	int family;
	int type;
};

static int open_socket(void *user)
{
	const struct wish *wish = user;

	return socket(wish->family, wish->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int netns_socket(const char *netns, int family, int type)
{
	struct wish wish = {family, type};
	int fd = link_in_netns(netns, open_socket, &wish, NULL);

	assert_true(fd >= 0);
	return fd;
}

bool netns_eventually(bool (*ready)(void *user), void *user)
{
	uint64_t deadline = clock_now() + (uint64_t)PATIENCE_SECONDS * NSEC_PER_SEC;

	do {
		if (ready(user))
			return true;
		usleep(1000);
	} while (clock_now() < deadline);
	return false;
}
