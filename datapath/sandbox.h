// SPDX-License-Identifier: BSD-3-Clause
//
// sandbox: what the datapath gives up once it has started: capabilities, new privileges, and the
// system calls it never needs.
//
// Kept are what doors need for as long as they come and go: CAP_NET_ADMIN and CAP_NET_RAW (TAP,
// packet sockets, rtnetlink) and CAP_SYS_ADMIN (setns into guests' namespaces). Files are opened by
// ownership alone: the paths under /run/netns and the run directory belong to the user we run as.
// No process is ever started, traced or looked into.

#pragma once

#include "base/fail.h"

enum sandbox_flag {
	SANDBOX_KILL = 1 << 0, // a forbidden call ends the process, instead of failing with EPERM
	SANDBOX_NO_CALLS = 1 << 1 // capabilities only, every system call stays: for debuggers
};

// For the whole process and for good. => Before any other thread runs, as capabilities belong to a
// thread. 0 or -errno.
int sandbox_enter(unsigned flags, struct fail *fail);
