// SPDX-License-Identifier: BSD-3-Clause
//
// derive_address: who has which address in a net that spans hosts. Main thread.

#pragma once

#include "controller/derive_mesh.h"

enum { HOST_ADDRESSES_MOST = PORT_ADDRESSES_MOST + 5 };

enum address_source {
	ADDRESS_STATIC, // the user fixed it
	ADDRESS_LEASE,
	ADDRESS_AUTOCONF, // a namespace's kernel makes it of MAC and prefix (RFC 4862)
};

// What the guest at a port has, each once.
struct address_list {
	struct {
		struct ip_addr ip;
		enum address_source source;
	} items[HOST_ADDRESSES_MOST];
	unsigned count;
};

// What is certain, whether or not anybody is told. => The plan is the net's; the MAC the port's.
void derive_address_list(const struct model *model, const struct intent *port,
                         const struct intent *net, const struct net_plan *plan, struct mac mac,
                         struct address_list *ret);
// Tells every host of the net which addresses the guest at the port has. => The unit is the port's.
void derive_address_port(const struct model *model, struct layout *layout,
                         const struct intent *port, const struct intent *net,
                         const struct net_plan *plan);
// Tells one host which addresses the router's leg has that is behind the peer. => The unit is "mesh/HOST".
void derive_address_leg(struct unit *unit, const struct intent *net, const struct net_plan *plan,
                        const struct mac *mac, uint64_t peer);
