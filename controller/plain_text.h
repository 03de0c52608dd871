// SPDX-License-Identifier: BSD-3-Clause
//
// plain_text: sentences of the datapath in the user's own words. Main thread.

#pragma once

#include "controller/desired.h"
#include "controller/model.h"

#include <stddef.h>

// The user's own word of an object's name, "lan" of "net/lan"; the text around it says of which kind.
const char *plain_name(const struct object *object);

// "{ID}" becomes the object's name, "port port/h1" becomes "port h1", and a VLAN of the shared bridge
// the net that owns it.
void plain_text(const struct model *model, const struct desired *desired, const char *text,
                char *buf, size_t size);
