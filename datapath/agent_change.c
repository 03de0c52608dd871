// SPDX-License-Identifier: BSD-3-Clause
//
// agent_change: the bookkeeping that the stages of a transaction share.

#include "datapath/agent_change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM_FIRST = 8 };

int agent_change_room(void **array, size_t count, size_t *room, size_t item)
{
	if (count < *room)
		return 0;

	size_t wanted = *room ? 2 * *room : ROOM_FIRST;
	void *grown = realloc(*array, wanted * item);

	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = wanted;
	return 0;
}

int agent_change_fail(struct agent_change *change, int code, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	change->result->code = fail_set(&change->result->fail, code, "%s", text);
	return change->result->code;
}

void agent_change_work(struct agent_change *change, struct agent_node *node, unsigned work)
{
	if (!(node->work & WORK_LISTED)) {
		node->work_next = change->work;
		change->work = node;
	}
	node->work |= (uint8_t)(WORK_LISTED | work);
}

struct agent_node *agent_change_domain(struct agent_change *change, uint64_t bridge, uint32_t vid)
{
	struct agent_key key = agent_key_sub(INDEX_DOMAIN, bridge, vid);

	return agent_store_find(&change->apply->store, &key);
}

struct agent_node *agent_change_node(struct agent_change *change, uint32_t kind, uint64_t id)
{
	return agent_store_at(&change->apply->store, kind, id);
}

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
