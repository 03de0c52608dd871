// SPDX-License-Identifier: BSD-3-Clause
//
// agent_piece: what is compiled belongs to the change's edit from birth, so that it goes with a change that fails.

#include "datapath/agent_compile.h"

#include <errno.h>
#include <stdlib.h>

int agent_piece_new(struct agent_change *change, void *piece)
{
	if (!piece || edit_created(change->edit, piece, free) < 0)
		return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	return 0;
}

int agent_piece_put(struct agent_change *change, struct pmap *map, uint32_t slot, void *piece)
{
	void *old = pmap_get(map, slot);

	if (old == piece)
		return 0;
	if (pmap_set(map, change->edit, slot, piece) < 0 ||
	    (old && edit_replaced(change->edit, old, free) < 0))
		return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	return 0;
}
