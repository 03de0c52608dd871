// SPDX-License-Identifier: BSD-3-Clause
//
// model_vhost: ports that virtual machines plug into by a vhost-user socket. Main thread.

#pragma once

#include "controller/model.h"

#include <stdbool.h>

// Of a port whose user has no opinion, and the most of one.
enum { VHOST_PAIRS = 8, VHOST_PAIRS_MOST = 16, VHOST_MTU_DEFAULT = 1500, VHOST_MTU_MOST = 9000 };
enum { VHOST_PATH_SIZE = 256 };

bool model_vhost_is(const struct intent *intent);

// Where the port's socket is: a name without a slash lies in the run directory. "" when it has none; what
// is longer than a socket's name can be is cut, but stays too long.
const char *model_vhost_socket(const struct model *model, const Weft__PortIntent *port,
                               char buf[static VHOST_PATH_SIZE]);

// The name by which DNS knows the guest of a port that no guest of ours owns: the port's, if names of hosts can
// be so. NULL: none.
const char *model_vhost_hostname(const struct intent *intent);

// What of a port's fields makes no sense, for a vhost-user port and for another. 0 or -errno.
int model_vhost_check(const struct model *model, const struct intent *intent,
                      struct refusal *refusal);
