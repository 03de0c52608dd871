// SPDX-License-Identifier: BSD-3-Clause
//
// vm_group: joins the group of libvirt's QEMU.
//
// libvirt starts QEMU as a user of its own, and a unix socket is open to whoever may write to it. In the sandbox
// root may write to its own files and to those of its groups, no others. As a member of QEMU's group we
// reach the sockets that QEMU makes, and may give ours to that group. That opens the sockets to all of
// libvirt's machines alike, which are one user anyway.

#include "datapath/vm_group.h"

#include "base/bytes.h"
#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

enum { GROUPS_MAX = 256 };

// As Debian and its like name it, then Fedora, SUSE and theirs.
static const char *const names[] = {"libvirt-qemu", "qemu"};

gid_t vm_group_join(void)
{
	const struct group *group = NULL;
	gid_t groups[GROUPS_MAX + 1];
	int count;

	for (unsigned i = 0; i < ARRAY_SIZE(names) && !group; i++)
		group = getgrnam(names[i]);
	if (!group)
		return 0;
	count = getgroups(GROUPS_MAX, groups);
	for (int i = 0; i < count; i++)
		if (groups[i] == group->gr_gid)
			return group->gr_gid;
	if (count < 0)
		return 0;
	groups[count] = group->gr_gid;
	if (setgroups((size_t)count + 1, groups) < 0) {
		log_info("not in the group %s, so that libvirt's machines cannot plug in: %s",
		         group->gr_name, strerror(errno));
		return 0;
	}
	return group->gr_gid;
}
