// SPDX-License-Identifier: BSD-3-Clause
//
// agent_change: a change from its beginning to its end, and the bookkeeping that its stages share.

#include "datapath/agent_change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM_FIRST = 8 };

struct agent_change *agent_change_new(struct apply *apply, struct apply_result *result)
{
	struct agent_change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	*change = (struct agent_change){.apply = apply, .result = result, .old = apply->current};
	change->touches_end = &change->touches;
	change->edit = edit_new();
	change->next = malloc(sizeof(*change->next));
	if (!change->edit || !change->next) {
		if (change->edit)
			edit_undo(change->edit);
		free(change->next);
		free(change);
		return NULL;
	}
	*change->next = *apply->current;
	change->next->number = apply->number + 1;
	return change;
}

void agent_change_free(struct agent_change *change)
{
	struct agent_store *store = &change->apply->store;
	struct agent_node *node = change->work;

	while (node) {
		struct agent_node *next = node->work_next;

		node->work = 0;
		node->work_next = NULL;
		agent_store_trim(store, node);
		node = next;
	}
	while (change->touches) {
		struct agent_touch *touch = change->touches;

		change->touches = touch->next;
		touch->node->touch = NULL;
		agent_store_trim(store, touch->node);
		free(touch);
	}
	free(change->deltas);
	free(change->fresh);
	free(change->doors);
	free(change->effects);
	free(change);
}

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
