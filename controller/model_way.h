// SPDX-License-Identifier: BSD-3-Clause
//
// model_way: what the way between the hosts of a net carries, in bytes of the net's L3. Main thread.

#pragma once

#include "controller/model.h"

// As the intent has it; 0: the net is on one host.
uint32_t model_way_mtu(const struct model *model, const struct intent *net);

// What packets of the net are to be long at most.
struct net_mtu {
	uint32_t mtu; // 0: as usual
	// Where less goes than the intent would have it: at this host, to this object ("host/b", "peer/x"), or, when that is
	// empty, to any. Else both are empty.
	char host[KEY_SIZE], peer[KEY_SIZE];
};

// By what the intent and the hosts say (ways.h). What a user set is never exceeded, and guests are not told less than
// every way of IPv4, or IPv6, must carry.
struct net_mtu model_way_net(const struct model *model, const struct intent *net);

// Finds a host of a net that spans several which the others cannot reach, since it has no address for them.
bool model_way_unjoined(const struct model *model, const struct intent *net,
                        char ret[static KEY_SIZE]);
// Refuses an MTU that the way cannot carry.
int model_way_check_mtu(const struct model *model, const struct intent *net,
                        struct refusal *refusal);
