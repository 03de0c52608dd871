// SPDX-License-Identifier: BSD-3-Clause
//
// netns: network namespaces with a name, kept alive by a mount as `ip netns` does it. Main thread.
//
// The folder is /run/netns, so that `ip netns exec` finds them. => Needs CAP_SYS_ADMIN.

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Makes it, with its loopback up. *ret_inode tells this namespace from another of the same name.
// -EEXIST when the name is taken.
int netns_create(const char *name, uint64_t *ret_inode, struct fail *fail);

// Who passes through and is not to be ended; NULL: nobody does.
typedef bool (*netns_spare_fn)(void *user, int pid);

// Ends what runs in any of them but whom `spare` says, and waits a little until it has. One walk over the
// processes serves all of them. Sorts the inodes; those that are 0 are nobody's.
void netns_clear(uint64_t *inodes, size_t count, netns_spare_fn spare, void *user);

// The same for one, then removes the name. Leaves alone a namespace with another inode (-EPERM) unless the
// inode is 0. A name that is gone already is success.
int netns_remove(const char *name, uint64_t inode, netns_spare_fn spare, void *user,
                 struct fail *fail);

// The inode behind the name; 0 when there is no such namespace (a leftover file does not count).
uint64_t netns_inode(const char *name);
bool netns_name_taken(const char *name);

// Removes the name alone, as netns_remove() after it has cleared.
int netns_unname(const char *name, uint64_t inode, struct fail *fail);
