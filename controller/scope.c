// SPDX-License-Identifier: BSD-3-Clause
//
// scope: the lab's name and a dot before each of its names.
//
// A name of a lab has no dot, so the first dot of a stored name ends the lab's. The namespace of a guest,
// its files and its lines in every list bear the stored name, so nothing of two labs can meet.

#include "controller/scope.h"

#include <stdio.h>
#include <string.h>

const char *scope_name(const char *lab, const char *name, char ret[static SCOPE_NAME])
{
	if (name[0] == '/')
		snprintf(ret, SCOPE_NAME, "%s", name + 1);
	else
		snprintf(ret, SCOPE_NAME, "%s.%s", lab, name);
	return ret;
}

const char *scope_short(const char *lab, const char *name)
{
	size_t len = lab ? strlen(lab) : 0;

	if (len == 0 || strncmp(name, lab, len) != 0 || name[len] != '.' || !name[len + 1])
		return name;
	return name + len + 1;
}
