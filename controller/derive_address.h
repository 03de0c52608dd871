// SPDX-License-Identifier: BSD-3-Clause
//
// derive_address: who has which address in a net that spans hosts. Main thread.

#pragma once

#include "controller/derive_mesh.h"

// Tells every host of the net which addresses the guest at the port has. => The unit is the port's.
void derive_address_port(const struct model *model, struct layout *layout,
                         const struct intent *port, const struct intent *net,
                         const struct net_plan *plan);
// Tells one host which addresses the router's leg has that is behind the peer. => The unit is "mesh/HOST".
void derive_address_leg(struct unit *unit, const struct intent *net, const struct net_plan *plan,
                        const struct mac *mac, uint64_t peer);
