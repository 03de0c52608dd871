// SPDX-License-Identifier: BSD-3-Clause
//
// test_sandbox: in children that enter it: what must fail fails, and doors still open.

#include "base/bytes.h"
#include "datapath/sandbox.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

// Runs `check` in a child within the sandbox; returns how the child ended.
static int in_sandbox(unsigned flags, int (*check)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct fail fail = {0};

		if (sandbox_enter(flags, &fail) < 0) {
			print_message("%s\n", fail.what);
			_exit(100);
		}
		_exit(check());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_passes(int (*check)(void))
{
	int status = in_sandbox(0, check);

	// The exit code is the number of the check that did not hold.
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int check_forbidden(void)
{
	static char *const arguments[] = {"/bin/true", NULL};
	struct {
		long result;
		int error;
	} tries[] = {
		{execve(arguments[0], arguments, NULL), errno},
		{ptrace(PTRACE_TRACEME, 0, NULL, NULL), errno},
		{mount("none", "/tmp", "tmpfs", 0, NULL), errno},
		{umount2("/tmp", 0), errno},
		{chroot("/"), errno},
		{unshare(CLONE_NEWNS), errno},
		{setns(0, CLONE_NEWNS), errno},
		{fork(), errno},
		{socket(AF_ALG, SOCK_SEQPACKET, 0), errno},
		{syscall(SYS_bpf, 0, NULL, 0), errno},
		{syscall(SYS_init_module, NULL, 0, ""), errno},
		{syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), errno},
		{syscall(SYS_keyctl, 0, 0, 0, 0, 0), errno},
		{syscall(SYS_io_uring_setup, 1, NULL), errno},
		{kill(getppid(), 0), errno},
		{setuid(1), errno},
		{fchownat(AT_FDCWD, "/", (uid_t)-1, 54321, 0), errno},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(tries); i++)
		if (tries[i].result != -1 || tries[i].error != EPERM)
			return (int)i + 1;
	return 0;
}

static void forbidden_calls_fail(void **state)
{
	assert_passes(check_forbidden);
}

static void *set_flag(void *flag)
{
	*(bool *)flag = true;
	return NULL;
}

static int check_common(void)
{
	static const int wanted[] = {AF_UNIX, AF_INET, AF_INET6};
	pthread_t thread;
	bool ran = false;
	int segment = memfd_create("sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int event = eventfd(0, EFD_NONBLOCK);
	struct epoll_event one = {.events = EPOLLIN};
	struct timespec now = {0};

	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
		if (socket(wanted[i], SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0)
			return 10 + (int)i;
	if (segment < 0 || ftruncate(segment, 8192) < 0 ||
	    fcntl(segment, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return 1;
	if (mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, segment, 0) == MAP_FAILED)
		return 2;
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, event, &one) < 0 ||
	    epoll_pwait2(epoll, &one, 1, &now, NULL) != 0)
		return 3;
	if (pthread_create(&thread, NULL, set_flag, &ran) != 0 || pthread_join(thread, NULL) != 0 ||
	    !ran)
		return 4;
	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0 || raise(0) < 0)
		return 5;
	if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0)
		return 6;
	return 0;
}

static void common_calls_work(void **state)
{
	assert_passes(check_common);
}

static bool make_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0;
}

static int guest_netns = -1;

static int check_doors(void)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (!make_tap("sandbox0"))
		return 1;
	if (socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0)
		return 2;
	if (socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) < 0)
		return 3;
	if (setns(guest_netns, CLONE_NEWNET) < 0)
		return 4;
	// Nobody has the name here, as this is another namespace.
	if (!make_tap("sandbox0"))
		return 5;
	if (own < 0 || setns(own, CLONE_NEWNET) < 0)
		return 6;
	return if_nametoindex("sandbox0") ? 0 : 7;
}

static void doors_still_open(void **state)
{
	require_root();
	require(access("/dev/net/tun", R_OK | W_OK) == 0, "/dev/net/tun");
	// The interfaces go with the children and the namespaces.
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	guest_netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(guest_netns >= 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_passes(check_doors);
	close(guest_netns);
}

static int check_capabilities(void)
{
	char text[256] = "";
	FILE *status = fopen("/proc/thread-self/status", "re");
	unsigned long long effective = ~0ULL, bounding = ~0ULL;
	unsigned no_new_privs = 0;

	while (status && fgets(text, sizeof(text), status)) {
		sscanf(text, "CapEff: %llx", &effective);
		sscanf(text, "CapBnd: %llx", &bounding);
		sscanf(text, "NoNewPrivs: %u", &no_new_privs);
	}
	// net_admin, net_raw, sys_admin.
	if (effective & ~0x203000ULL)
		return 1;
	if (geteuid() == 0 && bounding & ~0x203000ULL)
		return 2;
	return no_new_privs ? 0 : 3;
}

static void few_capabilities_are_left(void **state)
{
	assert_passes(check_capabilities);
}

static int call_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static void kill_ends_the_process(void **state)
{
	int status = in_sandbox(SANDBOX_KILL, call_ptrace);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static int call_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child > 0 && waitpid(child, NULL, 0) == child ? 0 : 1;
}

static void calls_can_be_left_alone(void **state)
{
	int status = in_sandbox(SANDBOX_NO_CALLS, call_fork);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	status = in_sandbox(SANDBOX_NO_CALLS, check_capabilities);
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_calls_fail),
		cmocka_unit_test(common_calls_work),
		cmocka_unit_test(doors_still_open),
		cmocka_unit_test(few_capabilities_are_left),
		cmocka_unit_test(kill_ends_the_process),
		cmocka_unit_test(calls_can_be_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
