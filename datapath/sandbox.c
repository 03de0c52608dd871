// SPDX-License-Identifier: BSD-3-Clause
//
// sandbox: capabilities by libcap-ng, system calls by libseccomp.
//
// The list below is of what is needed, by purpose; all else fails with EPERM and is logged by the
// kernel. Threads may be made, processes not; clone3 hides its flags from a filter and is therefore
// said to be unknown, upon which the C library falls back to clone. Of socket families, namespaces
// and prctl only what doors and the channel use is let through. Bytes from a guest that should ever
// come to run in here find no way to start anything, and no other process to reach into.

#include "datapath/sandbox.h"

#include "base/bytes.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static const char *const allowed[] = {
	// Frames, the channel, services.
	"read", "write", "readv", "writev", "pread64", "pwrite64", "recvmsg", "sendmsg", "recvmmsg",
	"sendmmsg", "recvfrom", "sendto", "bind", "connect", "listen", "accept", "accept4",
	"socketpair", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "ioctl",
	"pipe2",
	// Calls to guests, which must not wait.
	"io_setup", "io_submit", "io_getevents", "io_destroy",
	// Waiting.
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
	"select", "pselect6", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"signalfd4", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "nanosleep",
	"clock_nanosleep", "restart_syscall",
	// Files: device nodes, namespaces, captures, segments, the log.
	"open", "openat", "close", "close_range", "stat", "fstat", "lstat", "newfstatat", "statx",
	"access", "faccessat", "faccessat2", "lseek", "fcntl", "dup", "dup2", "dup3", "readlink",
	"readlinkat", "getdents64", "unlink", "unlinkat", "rename", "renameat", "renameat2",
	"mkdir", "mkdirat", "rmdir", "ftruncate", "fallocate", "fsync", "fdatasync", "flock",
	"chmod", "fchmod", "fchmodat", "fchownat", "umask", "memfd_create", "getcwd", "fstatfs",
	"statfs",
	// Memory.
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "msync", "mincore",
	// Threads, and waiting for each other.
	"futex", "set_robust_list", "rseq", "membarrier", "sched_yield", "sched_getaffinity",
	"sched_setaffinity", "sched_setattr", "getpriority", "sched_getscheduler", "sched_getparam",
	"gettid", "tgkill", "exit", "exit_group", "getcpu", "set_tid_address",
	// Signals.
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
	// What time it is, who we are, chance.
	"clock_gettime", "clock_getres", "gettimeofday", "time", "getrandom", "getpid", "getppid",
	"getuid", "geteuid", "getgid", "getegid", "getrusage", "uname", "sysinfo", "prlimit64",
	"getrlimit", "times"};

static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};
static const unsigned prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_TIMERSLACK};
static const unsigned kept[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN};

// Nothing is gained that was not there; the bounding set needs CAP_SETPCAP, which an unprivileged
// process does without: it has nothing to gain by executing anything either.
static int drop_capabilities(struct fail *fail)
{
	bool has[ARRAY_SIZE(kept)];
	bool can_bound;

	if (capng_get_caps_process() < 0)
		return fail_errno(fail, -EPERM, "cannot read the capabilities of the process");
	can_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);

	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		if (has[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	if (capng_apply(can_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0)
		return fail_errno(fail, -EPERM, "cannot give up capabilities");
	return 0;
}

static int allow(scmp_filter_ctx filter, const char *name)
{
	int call = seccomp_syscall_resolve_name(name);

	// Some calls are missing on newer architectures, some in older libraries.
	return call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

// One argument of a call, compared.
static int allow_if(scmp_filter_ctx filter, int call, unsigned arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp compare = {
		.arg = arg,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = mask,
		.datum_b = value,
	};

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &compare);
}

static int allow_some(scmp_filter_ctx filter)
{
	int error = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(families) && !error; i++)
		error = allow_if(filter, SCMP_SYS(socket), 0, UINT32_MAX, families[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(prctls) && !error; i++)
		error = allow_if(filter, SCMP_SYS(prctl), 0, UINT32_MAX, prctls[i]);
	if (!error)
		error = allow_if(filter, SCMP_SYS(setns), 1, UINT32_MAX, CLONE_NEWNET);
	if (!error)
		error = allow_if(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return error;
}

static int load_filter(scmp_filter_ctx filter)
{
	int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(allowed) && !error; i++)
		error = allow(filter, allowed[i]);
	if (!error)
		error = allow_some(filter);
	// Loading sets no_new_privs, too.
	return error ? error : seccomp_load(filter);
}

static int restrict_calls(unsigned flags, struct fail *fail)
{
	uint32_t refusal = flags & SANDBOX_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx filter = seccomp_init(refusal);
	int error = filter ? load_filter(filter) : -ENOMEM;

	if (filter)
		seccomp_release(filter);
	if (!error)
		return 0;
	fail_errno(fail, error, "cannot restrict the system calls of the process");
	fail_hint(fail, "the kernel may lack seccomp filters");
	return error;
}

int sandbox_enter(unsigned flags, struct fail *fail)
{
	int error = drop_capabilities(fail);

	if (error)
		return error;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(fail, -errno, "cannot rule out new privileges");
	return flags & SANDBOX_NO_CALLS ? 0 : restrict_calls(flags, fail);
}
