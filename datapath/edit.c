// SPDX-License-Identifier: BSD-3-Clause
//
// edit: two lists of pieces, of which one is freed in the end.
//
// Room for the registrations of one step of a change is reserved before the step, so that a table
// is never left between two states for want of memory: it changes wholly or reports -ENOMEM. The
// newest piece is freed first, as on a stack, because later pieces may point to earlier ones.

#include "datapath/edit.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct piece {
	void *at;
	edit_free_fn release;
};

struct pieces {
	struct piece *list; // Owned.
	uint32_t count;
	uint32_t room;
};

struct edit {
	uint64_t token;
	struct pieces created;
	struct pieces replaced;
};

struct edit *edit_new(void)
{
	static uint64_t last_token;
	struct edit *edit = calloc(1, sizeof(*edit));

	if (edit)
		edit->token = ++last_token;
	return edit;
}

static int make_room(struct pieces *pieces, uint32_t more)
{
	if (pieces->room - pieces->count >= more)
		return 0;

	uint32_t room = MAX(pieces->count + more, pieces->room * 2);
	struct piece *list = reallocarray(pieces->list, room, sizeof(*list));

	if (!list)
		return -ENOMEM;
	pieces->list = list;
	pieces->room = room;
	return 0;
}

static int add(struct pieces *pieces, void *piece, edit_free_fn release)
{
	assert(piece && release);

	int result = make_room(pieces, 1);

	if (result == 0)
		pieces->list[pieces->count++] = (struct piece){.at = piece, .release = release};
	return result;
}

int edit_created(struct edit *edit, void *piece, edit_free_fn release)
{
	int result = add(&edit->created, piece, release);

	if (result < 0)
		release(piece);
	return result;
}

int edit_replaced(struct edit *edit, void *piece, edit_free_fn release)
{
	return add(&edit->replaced, piece, release);
}

int edit_reserve(struct edit *edit, uint32_t created, uint32_t replaced)
{
	int result = make_room(&edit->created, created);

	return result < 0 ? result : make_room(&edit->replaced, replaced);
}

uint64_t edit_token(const struct edit *edit)
{
	return edit->token;
}

static void release_all(const struct pieces *pieces)
{
	for (uint32_t i = pieces->count; i-- > 0;)
		pieces->list[i].release(pieces->list[i].at);
}

static void edit_free(struct edit *edit)
{
	free(edit->created.list);
	free(edit->replaced.list);
	free(edit);
}

void edit_keep(struct edit *edit)
{
	release_all(&edit->replaced);
	edit_free(edit);
}

void edit_undo(struct edit *edit)
{
	release_all(&edit->created);
	edit_free(edit);
}
