// SPDX-License-Identifier: BSD-3-Clause
//
// scope: names within a lab. What a topology file calls h1 is stored as LAB.h1, so that two labs may both
// have one; commands may leave the lab out where only one is meant. Main thread.

#pragma once

#include "controller/noun.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCOPE_NAME = 160 };

// The stored name of what the lab calls so. A name after a slash, "/gw", is one outside of all labs.
const char *scope_name(const char *lab, const char *name, char ret[static SCOPE_NAME]);

// The key of the bridge on which VLANs of the object are: that of the instance, "shared", or for what came from a
// topology file that of its lab, "shared/LAB". And of one VLAN on it: "vlan/10", "vlan/10@LAB".
struct intent;
const char *scope_shared(const struct intent *intent, char ret[static KEY_SIZE]);
const char *scope_vlan(const struct intent *intent, uint32_t vlan, char ret[static KEY_SIZE]);

// Puts the object and all that it refers to under the lab's names, and sets its lab; and the way back. -ENOMEM
// leaves it half done.
int scope_intent(const char *lab, Weft__Intent *intent);
int unscope_intent(const char *lab, Weft__Intent *intent);

// The stored name that is meant: the name itself if there is such an object; else that of the only lab that
// has one. Borrowed from the model, or the name as it was.
struct model;
const char *scope_resolve(const struct model *model, enum noun noun, const char *name);

// The stored names that a short one may mean, "a.h1 or b.h1", when they are several; else false.
bool scope_several(const struct model *model, enum noun noun, const char *name, char *buf,
                   size_t size);

// What the lab itself calls the stored name; the name itself if it is not of the lab.
const char *scope_short(const char *lab, const char *name);
