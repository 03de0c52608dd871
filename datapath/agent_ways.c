// SPDX-License-Identifier: BSD-3-Clause
//
// agent_ways: tells the controller what the ways to peers carry, so that guests can be told.
//
// What is told is the whole, once, and then whenever it differs: nothing depends on an event that was lost. Most ways
// carry the same, so one number stands for them and only the narrower are listed.

#include "base/bytes.h"
#include "datapath/agent_port.h"
#include "datapath/agent_port_tunnel.h"
#include "datapath/agent_priv.h"

#include <stdlib.h>
#include <xxhash.h>

struct telling {
	struct tunnel_way *ways;
	Weft__Way *narrow;
	Weft__Way **list;
	size_t count;
};

static void tell(struct agent *agent, struct telling *telling, uint64_t digest)
{
	Weft__Ways message = WEFT__WAYS__INIT;

	for (size_t i = 0; i < telling->count; i++)
		message.mtu = MAX(message.mtu, telling->ways[i].mtu);
	message.narrower = telling->list;
	for (size_t i = 0; i < telling->count; i++) {
		Weft__Way *way = &telling->narrow[message.n_narrower];

		if (telling->ways[i].mtu == message.mtu)
			continue;
		weft__way__init(way);
		way->peer = telling->ways[i].peer;
		way->mtu = telling->ways[i].mtu;
		message.narrower[message.n_narrower++] = way;
	}
	if (agent_event_ways(agent, &message))
		agent->ways_told = digest;
}

void agent_ways_tell(struct agent *agent)
{
	struct telling telling = {0};
	uint64_t digest;

	if (agent->phase != AGENT_RUNNING || !agent->ports)
		return;
	telling.count = agent_ports_ways(agent->ports, NULL, 0);
	// Short of memory it is for the next time.
	telling.ways = calloc(telling.count + 1, sizeof(*telling.ways));
	telling.narrow = calloc(telling.count + 1, sizeof(*telling.narrow));
	telling.list = calloc(telling.count + 1, sizeof(*telling.list));
	if (telling.ways && telling.narrow && telling.list) {
		agent_ports_ways(agent->ports, telling.ways, telling.count);
		digest = XXH3_64bits(telling.ways, telling.count * sizeof(*telling.ways)) | 1;
		if (digest != agent->ways_told)
			tell(agent, &telling, digest);
	}
	free(telling.ways);
	free(telling.narrow);
	free(telling.list);
}
