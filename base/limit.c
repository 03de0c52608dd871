// SPDX-License-Identifier: BSD-3-Clause
//
// limit: the soft limit goes up to the hard one. It is low for the sake of programs that use select().

#include "base/limit.h"

#include <sys/resource.h>

void limit_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
