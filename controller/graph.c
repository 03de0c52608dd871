// SPDX-License-Identifier: BSD-3-Clause
//
// graph: references and their reverse.
//
// Each change costs what the object's own references cost, however many others refer to the same
// thing: the users of a key are a table, not a list.

#include "controller/graph.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct kept {
	unsigned count;
	struct ref items[];
};

void refs_add(struct refs *refs, enum ref_kind kind, const char *field, const char *fmt, ...)
{
	struct ref *ref = &refs->items[refs->count];
	va_list args;

	if (refs->count == REFS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(ref->key, sizeof(ref->key), fmt, args);
	va_end(args);
	ref->kind = kind;
	ref->field = field;
	refs->count++;
}

void graph_fini(struct graph *graph)
{
	struct table *members;
	size_t cursor = 0;
	void *kept;

	while ((kept = table_next(&graph->refs, &cursor, NULL, NULL)))
		free(kept);
	cursor = 0;
	while ((members = table_next(&graph->users, &cursor, NULL, NULL))) {
		table_fini(members);
		free(members);
	}
	table_fini(&graph->refs);
	table_fini(&graph->users);
}

static void forget_user(struct graph *graph, const char *user, const char *key)
{
	struct table *members = table_get_text(&graph->users, key);

	if (!members)
		return;
	table_remove_text(members, user);
	if (members->count > 0)
		return;
	table_remove_text(&graph->users, key);
	table_fini(members);
	free(members);
}

static int remember_user(struct graph *graph, const char *user, const struct ref *ref)
{
	struct table *members = table_get_text(&graph->users, ref->key);

	if (!members) {
		members = calloc(1, sizeof(*members));
		if (!members)
			return -ENOMEM;
		if (table_put_text(&graph->users, ref->key, members) < 0) {
			free(members);
			return -ENOMEM;
		}
	}
	// The value is the kind; the strongest reference of a user wins, and that is the lowest.
	if (table_get_text(members, user) && graph_uses(graph, user, ref->key) <= ref->kind)
		return 0;
	return table_put_text(members, user, (void *)(uintptr_t)ref->kind);
}

int graph_set(struct graph *graph, const char *key, const struct refs *refs)
{
	struct kept *kept = table_remove_text(&graph->refs, key);
	int err = 0;

	for (unsigned i = 0; kept && i < kept->count; i++)
		forget_user(graph, key, kept->items[i].key);
	free(kept);
	if (refs->count == 0)
		return 0;
	kept = malloc(sizeof(*kept) + refs->count * sizeof(refs->items[0]));
	if (!kept)
		return -ENOMEM;
	kept->count = refs->count;
	memcpy(kept->items, refs->items, refs->count * sizeof(refs->items[0]));
	for (unsigned i = 0; i < refs->count && err == 0; i++)
		err = remember_user(graph, key, &refs->items[i]);
	if (err == 0)
		err = table_put_text(&graph->refs, key, kept);
	if (err < 0)
		free(kept);
	return err;
}

const struct ref *graph_refs(const struct graph *graph, const char *key, unsigned *ret_count)
{
	const struct kept *kept = table_get_text(&graph->refs, key);

	*ret_count = kept ? kept->count : 0;
	return kept ? kept->items : NULL;
}

enum ref_kind graph_uses(const struct graph *graph, const char *user, const char *key)
{
	const struct table *members = table_get_text(&graph->users, key);

	return members ? (enum ref_kind)(uintptr_t)table_get_text(members, user) : 0;
}

size_t graph_user_count(const struct graph *graph, const char *key)
{
	const struct table *members = table_get_text(&graph->users, key);

	return members ? members->count : 0;
}

const char *graph_next_user(const struct graph *graph, const char *key, size_t *cursor,
                            char buf[static KEY_SIZE])
{
	const struct table *members = table_get_text(&graph->users, key);
	const void *user;
	size_t len;

	if (!members || !table_next(members, cursor, &user, &len))
		return NULL;
	if (len >= KEY_SIZE)
		len = KEY_SIZE - 1;
	memcpy(buf, user, len);
	buf[len] = '\0';
	return buf;
}
