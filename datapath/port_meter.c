// SPDX-License-Identifier: BSD-3-Clause
//
// port_meter: a token bucket for every port slot, kept as one instant.
//
// The instant says when the account will be full again; an event moves it by the time one token
// takes to come. That is exact, needs no timer and no sum, and a port never heard of costs nothing.

#include "datapath/port_meter.h"

#include "base/bytes.h"
#include "datapath/generation.h"

#include <stdlib.h>

struct port_meter {
	uint64_t token_ns; // time in which one token comes
	uint64_t depth_ns; // time in which an empty account fills
	uint64_t full_at[MAX_PORTS];
};

struct port_meter *port_meter_new(uint32_t per_minute, uint32_t burst)
{
	struct port_meter *meter = calloc(1, sizeof(*meter));

	if (meter) {
		meter->token_ns = UINT64_C(60000000000) / per_minute;
		meter->depth_ns = meter->token_ns * burst;
	}
	return meter;
}

void port_meter_free(struct port_meter *meter)
{
	free(meter);
}

bool port_meter_take(struct port_meter *meter, uint32_t port, uint64_t now_ns)
{
	uint64_t *full_at = &meter->full_at[port % MAX_PORTS];
	uint64_t from = MAX(*full_at, now_ns);

	if (from + meter->token_ns > now_ns + meter->depth_ns)
		return false;
	*full_at = from + meter->token_ns;
	return true;
}
