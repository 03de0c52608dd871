// SPDX-License-Identifier: BSD-3-Clause
//
// layout: units spread over hosts.
//
// A unit that leaves a host is replaced there by nothing. So whoever derives a unit names only the hosts
// where it is to be; where it was is remembered here, and costs nothing where it never was.

#include "controller/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct places {
	size_t count;
	struct desired *at[];
};

static void free_values(struct table *table)
{
	size_t cursor = 0;
	void *value;

	while ((value = table_next(table, &cursor, NULL, NULL)))
		free(value);
	table_fini(table);
}

void layout_fini(struct layout *layout)
{
	struct desired *desired;
	size_t cursor = 0;

	while ((desired = layout_next(layout, &cursor)))
		desired_fini(desired);
	free(layout->collected);
	free(layout->at);
	unit_fini(&layout->lost);
	free_values(&layout->hosts);
	free_values(&layout->places);
	free_values(&layout->homes);
}

struct desired *layout_at(struct layout *layout, const char *host)
{
	struct desired *desired = table_get_text(&layout->hosts, host);

	if (desired)
		return desired;
	desired = calloc(1, sizeof(*desired));
	if (!desired)
		return NULL;
	snprintf(desired->host, sizeof(desired->host), "%s", host);
	if (table_put_text(&layout->hosts, host, desired) < 0) {
		free(desired);
		return NULL;
	}
	return desired;
}

struct desired *layout_next(const struct layout *layout, size_t *cursor)
{
	return table_next(&layout->hosts, cursor, NULL, NULL);
}

void layout_forget(struct layout *layout, const char *host)
{
	struct desired *desired = table_get_text(&layout->hosts, host);

	// What is still there would be lost from sight.
	if (!desired || desired->objects.count > 0)
		return;
	table_remove_text(&layout->hosts, host);
	desired_fini(desired);
	free(desired);
}

size_t layout_objects(const struct layout *layout)
{
	const struct desired *desired;
	size_t cursor = 0, count = 0;

	while ((desired = layout_next(layout, &cursor)))
		count += desired->objects.count;
	return count;
}

void layout_begin(struct layout *layout, const char *key)
{
	snprintf(layout->key, sizeof(layout->key), "%s", key);
	layout->count = 0;
	layout->round++;
	unit_fini(&layout->lost);
	unit_init(&layout->lost, key);
}

static int join(struct layout *layout, struct desired *desired)
{
	if (layout->count == layout->room) {
		size_t room = layout->room ? layout->room * 2 : 16;
		struct desired **more = realloc(layout->at, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		layout->at = more;
		layout->room = room;
	}
	layout->at[layout->count++] = desired;
	desired->round = layout->round;
	unit_init(&desired->part, layout->key);
	return 0;
}

struct unit *layout_unit(struct layout *layout, const char *host)
{
	struct desired *desired = layout_at(layout, host);

	if (!desired || (desired->round != layout->round && join(layout, desired) < 0)) {
		layout->lost.error = -ENOMEM;
		return &layout->lost;
	}
	return &desired->part;
}

static int note_collected(struct layout *layout, struct desired *desired)
{
	if (layout->collected_count == layout->collected_room) {
		size_t room = layout->collected_room ? layout->collected_room * 2 : 16;
		struct desired **more = realloc(layout->collected, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		layout->collected = more;
		layout->collected_room = room;
	}
	layout->collected[layout->collected_count++] = desired;
	return 0;
}

static int replace_at(struct layout *layout, struct desired *desired, struct unit *unit,
                      bool collect)
{
	bool first = desired->ops.count == 0;
	int err = desired_replace(desired, unit, collect ? &desired->ops : NULL);

	return err == 0 && first && desired->ops.count > 0 ? note_collected(layout, desired) : err;
}

struct desired *layout_collected(const struct layout *layout, size_t index)
{
	return index < layout->collected_count ? layout->collected[index] : NULL;
}

void layout_forget_collected(struct layout *layout)
{
	for (size_t i = 0; i < layout->collected_count; i++)
		ops_fini(&layout->collected[i]->ops);
	layout->collected_count = 0;
}

// Takes the unit from the hosts that are not to have it any more.
static int leave(struct layout *layout, bool collect)
{
	const struct places *places = table_get_text(&layout->places, layout->key);
	int err = 0;

	for (size_t i = 0; places && i < places->count && err == 0; i++) {
		struct unit none;

		if (places->at[i]->round == layout->round)
			continue;
		unit_init(&none, layout->key);
		err = replace_at(layout, places->at[i], &none, collect);
	}
	return err;
}

static int note_places(struct layout *layout)
{
	struct places *places;
	void *old = NULL;
	int err;

	if (layout->count == 0) {
		free(table_remove_text(&layout->places, layout->key));
		return 0;
	}
	places = malloc(sizeof(*places) + layout->count * sizeof(places->at[0]));
	if (!places)
		return -ENOMEM;
	places->count = layout->count;
	memcpy(places->at, layout->at, layout->count * sizeof(places->at[0]));
	err = table_put(&layout->places, layout->key, strlen(layout->key), places, &old);
	free(err < 0 ? places : old);
	return err;
}

int layout_end(struct layout *layout, bool collect)
{
	int err = layout->lost.error;
	size_t kept = 0;

	if (err == 0)
		err = leave(layout, collect);
	for (size_t i = 0; i < layout->count; i++) {
		struct desired *desired = layout->at[i];
		bool any = desired->part.count > 0;

		if (err == 0)
			err = replace_at(layout, desired, &desired->part, collect);
		unit_fini(&desired->part);
		if (any)
			layout->at[kept++] = desired;
	}
	layout->count = kept;
	return err == 0 ? note_places(layout) : err;
}

const char *layout_home(const struct layout *layout, const char *group)
{
	return table_get_text(&layout->homes, group);
}

int layout_set_home(struct layout *layout, const char *group, const char *home)
{
	char *copy = strdup(home);
	void *old = NULL;

	if (!copy || table_put(&layout->homes, group, strlen(group), copy, &old) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(old);
	return 0;
}
