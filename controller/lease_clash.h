// SPDX-License-Identifier: BSD-3-Clause
//
// lease_clash: no address is promised to one while another holds it by DHCP. Main thread.

#pragma once

#include "controller/leases.h"
#include "controller/model.h"

// Judges the open batch: an address that it newly gives to a port or a reservation must not be that of
// another client's running lease. `now` in seconds since 1970. 0 or -errno with its refusal, which names
// the holder and an address to take instead.
int lease_clash_check(const struct leases *leases, const struct model *model, uint64_t now,
                      struct refusal *refusal);
