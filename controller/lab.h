// SPDX-License-Identifier: BSD-3-Clause
//
// lab: makes the objects of a lab those that its file says. Main thread.

#pragma once

#include "controller/model.h"
#include "proto/api.pb-c.h"

// Within an open batch of the model: puts what the request has, under the lab's names, and removes what the
// lab has beside it. What is as it was is not touched. `revision` is the one that the batch will be.
int lab_edit(struct model *model, const Weft__ApplyLab *request, uint64_t revision,
             struct refusal *refusal);

// Takes out of an object of lab_collect() what the model would choose again by itself: a MAC, a prefix.
void lab_forget_chosen(const struct model *model, const char *lab, Weft__Intent *intent);

// The objects of the lab with the names it has for them, in the order of nouns and names. => Free each with
// weft__intent__free_unpacked(), and the array. -ENOENT, -ENOMEM.
int lab_collect(const struct model *model, const char *lab, Weft__Intent ***ret, size_t *ret_count,
                struct refusal *refusal);

// Removes impairments whose port or link was removed: those that somebody put by hand on what goes. 0 or -errno.
int lab_remove_impairments(struct model *model, struct refusal *refusal);
