// SPDX-License-Identifier: BSD-3-Clause
//
// vm_group: the group that a system's virtual machines run under.

#pragma once

#include <sys/types.h>

// Makes the process a member of the group, so that the machines' sockets are open to it and its own can be opened
// to them. Returns the group, 0: there is none here, or we may not join it. => Before threads, and before the
// sandbox.
gid_t vm_group_join(void);
