// SPDX-License-Identifier: BSD-3-Clause
//
// vlan: which broadcast domain a frame belongs to, by its tag and the port it came by.

#pragma once

#include "datapath/miss.h"

// Slot of the domain that the port carries under the tag; 0: it does not.
uint32_t vlan_domain(const struct port_config *port, uint32_t vid);

// Finds miss->domain and the router's leg in it, or drops.
bool vlan_stage(struct miss *miss);
