// SPDX-License-Identifier: BSD-3-Clause
//
// model_guest: who is behind a name: users speak of guests where the switch has ports. Main thread.

#pragma once

#include "controller/model.h"

const char *model_guest_hostname(const struct intent *guest);

// The guest's port in the net, or its first one when net is NULL; NULL when it has none.
const struct intent *model_guest_port(const struct model *model, const char *guest,
                                      const char *net);

// The guest's next port by name, behind this one.
const struct intent *model_guest_port_after(const struct model *model, const char *guest,
                                            const struct intent *port);

// By the name of a guest or of a port.
const struct intent *model_find_port(const struct model *model, const char *name, const char *net);
