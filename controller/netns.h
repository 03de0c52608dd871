// SPDX-License-Identifier: BSD-3-Clause
//
// netns: network namespaces with a name, kept alive by a mount as `ip netns` does it. Main thread.
//
// The folder is /run/netns, so that `ip netns exec` finds them. => Needs CAP_SYS_ADMIN.

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stdint.h>

// Makes it, with its loopback up. *ret_inode tells this namespace from another of the same name.
// -EEXIST when the name is taken.
int netns_create(const char *name, uint64_t *ret_inode, struct fail *fail);

// Ends what runs in it but the pid spared, then removes the name. Leaves alone a namespace with another
// inode (-EPERM) unless the inode is 0. A name that is gone already is success.
int netns_remove(const char *name, uint64_t inode, int spared, struct fail *fail);

// The inode behind the name; 0 when there is no such namespace (a leftover file does not count).
uint64_t netns_inode(const char *name);
bool netns_name_taken(const char *name);

// Ends every process in the namespace but ourselves and the pid spared (0: nobody), which may be passing
// through. Returns how many there were.
unsigned netns_kill(uint64_t inode, int spared);
