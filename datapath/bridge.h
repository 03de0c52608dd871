// SPDX-License-Identifier: BSD-3-Clause
//
// bridge: learns where MACs live and sends frames there within one domain.

#pragma once

#include "datapath/miss.h"

// Checks the source MAC and learns it.
bool bridge_learn(struct miss *miss);
// Tells the FDB that the source of a cached flow is still there.
void bridge_refresh(struct pipeline *pipeline, const struct port_config *in,
                    struct program *program, const struct packet *packet);
// Whether the destination is a link's own group (01:80:c2:00:00:0x), which a bridge never passes on.
bool bridge_reserved(struct miss *miss);
// Output, or flood, by the destination MAC. Always decides.
bool bridge_forward(struct miss *miss);
// Sends a frame with destination `mac` into `domain`: output where the FDB knows it, flood otherwise. For
// bridged and routed frames alike; the caller has stamped the program. Always decides.
bool bridge_output(struct miss *miss, const struct domain *domain, const struct mac *mac);
