// SPDX-License-Identifier: BSD-3-Clause
//
// pmap: 64-way radix nodes, as many levels as the highest key ever set needed.
//
// A node that carries the token of the running edit was made by it and is changed in place; any
// other node may be read by workers and is copied first. Every step of a change leaves a map that
// holds the same entries as before it, so that a step that finds no memory can simply stop. A
// removal drops the nodes it empties, but not levels.

#include "datapath/pmap.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { WAY_BITS = 6, WAYS = 1 << WAY_BITS };

struct pmap_node {
	uint64_t token; // Of the edit that made the node.
	uint64_t used;  // One bit a slot that is not NULL.
	void *slots[WAYS];
};

static unsigned way_of(uint32_t key, uint32_t level)
{
	return key >> (level - 1) * WAY_BITS & (WAYS - 1);
}

static bool fits(uint32_t key, uint32_t levels)
{
	return levels == PMAP_LEVELS || key >> levels * WAY_BITS == 0;
}

void *pmap_get(const struct pmap *map, uint32_t key)
{
	void *at = map->root;

	if (!fits(key, map->levels))
		return NULL;
	for (uint32_t level = map->levels; level > 0 && at; level--)
		at = ((struct pmap_node *)at)->slots[way_of(key, level)];
	return at;
}

static void set_slot(struct pmap_node *node, unsigned way, void *value)
{
	uint64_t bit = UINT64_C(1) << way;

	node->slots[way] = value;
	node->used = value ? node->used | bit : node->used & ~bit;
}

// A node of the edit's own with the contents of `from`, which it replaces. NULL: no memory.
static struct pmap_node *node_new(struct edit *edit, struct pmap_node *from)
{
	struct pmap_node *node = calloc(1, sizeof(*node));

	if (!node || edit_reserve(edit, 1, from ? 1 : 0) < 0) {
		free(node);
		return NULL;
	}
	if (from) {
		*node = *from;
		edit_replaced(edit, from, free);
	}
	node->token = edit_token(edit);
	edit_created(edit, node, free);
	return node;
}

static struct pmap_node *node_own(struct edit *edit, struct pmap_node *node)
{
	return node && node->token == edit_token(edit) ? node : node_new(edit, node);
}

// Adds levels on top until the key fits.
static int grow(struct pmap *map, struct edit *edit, uint32_t key)
{
	while (map->levels == 0 || !fits(key, map->levels)) {
		struct pmap_node *root = node_new(edit, NULL);

		if (!root)
			return -ENOMEM;
		if (map->root)
			set_slot(root, 0, map->root);
		map->root = root;
		map->levels++;
	}
	return 0;
}

// Makes the nodes from the root to the key's the edit's own. path[level] is the node of a level.
static int own_path(struct pmap *map, struct edit *edit, uint32_t key,
                    struct pmap_node *path[static PMAP_LEVELS + 1])
{
	for (uint32_t level = map->levels; level > 0; level--) {
		bool is_root = level == map->levels;
		struct pmap_node *above = is_root ? NULL : path[level + 1];
		unsigned way = is_root ? 0 : way_of(key, level + 1);
		struct pmap_node *node = node_own(edit, is_root ? map->root : above->slots[way]);

		if (!node)
			return -ENOMEM;
		if (is_root)
			map->root = node;
		else
			set_slot(above, way, node);
		path[level] = node;
	}
	return 0;
}

// Drops the nodes of the path that have become empty; the root may stay, empty.
static void prune(const struct pmap *map, struct edit *edit, uint32_t key,
                  struct pmap_node *path[static PMAP_LEVELS + 1])
{
	for (uint32_t level = 1; level < map->levels && !path[level]->used; level++) {
		if (edit_replaced(edit, path[level], free) < 0)
			return;
		set_slot(path[level + 1], way_of(key, level + 1), NULL);
	}
}

int pmap_set(struct pmap *map, struct edit *edit, uint32_t key, void *value)
{
	struct pmap_node *path[PMAP_LEVELS + 1] = {NULL};
	void *before = pmap_get(map, key);

	if (before == value)
		return 0;

	int result = grow(map, edit, key);

	if (result == 0)
		result = own_path(map, edit, key, path);
	if (result < 0)
		return result;

	set_slot(path[1], way_of(key, 1), value);
	if (!value)
		prune(map, edit, key, path);
	map->count += !!value;
	map->count -= !!before;
	return 0;
}

// The first entry of the subtree at or behind *key, of which only the bits of `level` and below
// count.
static void *next_in(const struct pmap_node *node, uint32_t level, uint32_t *key)
{
	uint32_t shift = (level - 1) * WAY_BITS;
	uint32_t below = (UINT32_C(1) << shift) - 1;
	unsigned way = way_of(*key, level);

	for (uint64_t left = node->used >> way << way; left; left &= left - 1) {
		unsigned at = (unsigned)__builtin_ctzll(left);

		if (at != way)
			*key = (*key & ~(below | (uint32_t)(WAYS - 1) << shift)) | at << shift;

		void *found =
			level == 1 ? node->slots[at] : next_in(node->slots[at], level - 1, key);

		if (found)
			return found;
	}
	return NULL;
}

void *pmap_next(const struct pmap *map, uint32_t *key)
{
	uint32_t found_key = *key;

	if (!map->root || !fits(*key, map->levels))
		return NULL;

	void *found = next_in(map->root, map->levels, &found_key);

	if (found)
		*key = found_key;
	return found;
}

struct diff {
	pmap_diff_fn differs;
	void *user;
};

// What a node of one level higher than the tree's own would hold in a slot.
static void *child(void *tree, uint32_t levels, uint32_t level, unsigned way)
{
	if (!tree)
		return NULL;
	if (levels < level)
		return way == 0 ? tree : NULL;
	return ((struct pmap_node *)tree)->slots[way];
}

// Compares two trees of at most `level` levels; at level 0 they are values. `key` has the bits above.
static void diff_at(const struct diff *diff, uint32_t level, uint32_t key, void *before,
                    uint32_t before_levels, void *after, uint32_t after_levels)
{
	if (before == after && before_levels == after_levels)
		return;
	if (level == 0) {
		diff->differs(diff->user, key, before, after);
		return;
	}
	for (unsigned way = 0; way < WAYS; way++) {
		void *old = child(before, before_levels, level, way);
		void *new = child(after, after_levels, level, way);

		if (old != new)
			diff_at(diff, level - 1, key | way << (level - 1) * WAY_BITS, old,
			        before_levels < level ? before_levels : level - 1, new,
			        after_levels < level ? after_levels : level - 1);
	}
}

void pmap_diff(const struct pmap *before, const struct pmap *after, pmap_diff_fn differs,
               void *user)
{
	struct diff diff = {.differs = differs, .user = user};
	uint32_t level = before->levels > after->levels ? before->levels : after->levels;

	diff_at(&diff, level, 0, before->root, before->levels, after->root, after->levels);
}

// Calls `each` for every node, children first.
static void walk(struct pmap_node *node, uint32_t level, void (*each)(void *user, void *node),
                 void *user)
{
	for (uint64_t left = level > 1 ? node->used : 0; left; left &= left - 1)
		walk(node->slots[__builtin_ctzll(left)], level - 1, each, user);
	each(user, node);
}

static void count_node(void *user, void *node)
{
	++*(uint32_t *)user;
}

static void replace_node(void *user, void *node)
{
	edit_replaced(user, node, free);
}

static void free_node(void *user, void *node)
{
	free(node);
}

int pmap_clear(struct pmap *map, struct edit *edit)
{
	uint32_t nodes = 0;

	if (map->root) {
		walk(map->root, map->levels, count_node, &nodes);
		if (edit_reserve(edit, 0, nodes) < 0)
			return -ENOMEM;
		walk(map->root, map->levels, replace_node, edit);
	}
	*map = (struct pmap){0};
	return 0;
}

void pmap_fini(struct pmap *map)
{
	if (map->root)
		walk(map->root, map->levels, free_node, NULL);
	*map = (struct pmap){0};
}
