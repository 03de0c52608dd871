// SPDX-License-Identifier: BSD-3-Clause
//
// containerlab: a containerlab file as a topology file of ours. One thread.

#pragma once

#include <stdio.h>

struct fail;

// Reads the file and writes ours: nodes of kind linux become namespaces, bridges nets, links links. What has
// nothing to become is named, one comment a thing, at the head of the result. *ret_unmapped counts them.
// -EINVAL with the place in the fail.
int containerlab_import(const char *path, FILE *out, unsigned *ret_unmapped, struct fail *fail);
