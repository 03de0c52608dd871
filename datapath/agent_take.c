// SPDX-License-Identifier: BSD-3-Clause
//
// agent_take: takes the operations of a transaction into the store, one after the other.
//
// A node has one touch however many operations name it: what it held before, and what the last of them left there;
// versions in between are freed at once. An operation sees what those before it did. The store holds the new objects
// from here on, so everything after this stage finds them by the usual ways, and a transaction that fails puts the
// old ones back. The cost is that of the operations, whatever the store holds.

#include "datapath/agent_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Frees an object and the nodes that only it needed. => It is in no node.
static void discard(struct agent_store *store, struct agent_object *object)
{
	struct agent_node *nodes[OBJECT_LINKS_MAX];
	unsigned count = 0;

	if (!object)
		return;
	for (unsigned i = 0; i < object->link_count; i++) {
		struct agent_node *node = object->links[i].to;
		unsigned seen = 0;

		// Another object that goes in the same change may point there still.
		node->holders--;
		while (seen < count && nodes[seen] != node)
			seen++;
		if (seen == count)
			nodes[count++] = node;
	}
	agent_object_free(object);
	for (unsigned i = 0; i < count; i++)
		agent_store_trim(store, nodes[i]);
}

struct agent_touch *agent_take_touch(struct agent_change *change, struct agent_node *node,
                                     uint32_t op_index)
{
	struct agent_touch *touch = node->touch;

	if (!touch) {
		touch = calloc(1, sizeof(*touch));
		if (!touch)
			return NULL;
		touch->node = node;
		touch->before = node->object;
		touch->after = node->object;
		node->touch = touch;
		*change->touches_end = touch;
		change->touches_end = &touch->next;
		change->touch_count++;
	}
	touch->op_index = op_index;
	return touch;
}

// Replaces the object of a node, and frees the version that an earlier operation of this change put in.
static int replace(struct agent_change *change, struct agent_node *node,
                   struct agent_object *object)
{
	struct agent_store *store = &change->apply->store;
	struct agent_touch *touch = agent_take_touch(change, node, change->op_index);
	struct agent_object *between = NULL;

	if (!touch) {
		discard(store, object);
		return agent_change_fail(change, -ENOMEM, "out of memory");
	}
	if (touch->after != touch->before)
		between = touch->after;
	touch->after = object;
	agent_store_put(store, node, object);
	discard(store, between);
	return 0;
}

static bool is_same(const struct agent_object *held, const struct apply_op *op)
{
	return held && held->len == op->len && memcmp(held->packed, op->object, op->len) == 0;
}

static int fail_on(struct agent_change *change, const struct apply_op *op, int code,
                   const char *field, const char *why)
{
	struct agent_object nobody = {.kind = op->kind, .id = op->id};

	return agent_object_refuse(&nobody, change->result, code, field, "%s", why);
}

static int take_assert(struct agent_change *change, const struct apply_op *op,
                       const struct agent_object *held)
{
	if (!op->object && held)
		return fail_on(change, op, -EEXIST, "id",
		               "is held, though it was asserted not to be");
	if (op->object && !held)
		return fail_on(change, op, -ENOENT, "id",
		               "is not held, though it was asserted to be");
	if (op->object && !is_same(held, op))
		return fail_on(change, op, -ESTALE, "object",
		               "is held in another version than was asserted");
	return 0;
}

static int take_upsert(struct agent_change *change, const struct apply_op *op,
                       struct agent_node *node)
{
	struct agent_object *object = NULL;
	int code;

	if (!op->object)
		return fail_on(change, op, -EBADMSG, "object", "the operation brings no object");
	if (op->verb == WEFT__OP_VERB__OP_PATCH && !node->object)
		return fail_on(change, op, -ENOENT, "id", "there is no such object to patch");
	if (op->verb == WEFT__OP_VERB__OP_UPSERT && is_same(node->object, op))
		return 0;
	code = agent_object_new(&change->apply->store, op, node->object, &object, change->result);
	return code < 0 ? code : replace(change, node, object);
}

static int take_op(struct agent_change *change, const struct apply_op *op)
{
	struct agent_key key = agent_key((uint32_t)op->kind, op->id);
	struct agent_node *node;
	int code;

	if (!agent_kind_is_known((uint32_t)op->kind))
		return fail_on(change, op, -EOPNOTSUPP, "kind",
		               "is of a kind that this datapath does not know");
	if (op->id == 0)
		return fail_on(change, op, -EINVAL, "id", "0 is not the id of an object");
	node = agent_store_node(&change->apply->store, &key);
	if (!node)
		return agent_change_fail(change, -ENOMEM, "out of memory");
	switch (op->verb) {
	case WEFT__OP_VERB__OP_UPSERT:
	case WEFT__OP_VERB__OP_PATCH:
		code = take_upsert(change, op, node);
		if (code == 0 && node->touch)
			node->touch->handed_over = op->handed_over;
		break;
	case WEFT__OP_VERB__OP_DELETE:
		code = node->object ? replace(change, node, NULL)
		                    : fail_on(change, op, -ENOENT, "id", "there is no such object");
		if (code == 0) {
			node->touch->netns_ends = op->netns_ends;
			node->touch->handed_over = op->handed_over;
		}
		break;
	case WEFT__OP_VERB__OP_ASSERT:
		code = take_assert(change, op, node->object);
		break;
	default:
		code = fail_on(change, op, -EOPNOTSUPP, "verb", "is asked for something unknown");
	}
	agent_store_trim(&change->apply->store, node);
	return code;
}

int agent_take(struct agent_change *change, const struct apply_op *ops, size_t count)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < count; i++) {
		change->op_index = (uint32_t)i;
		code = take_op(change, &ops[i]);
	}
	return code;
}

void agent_take_back(struct agent_change *change)
{
	struct agent_store *store = &change->apply->store;

	for (struct agent_touch *touch = change->touches; touch; touch = touch->next)
		agent_store_put(store, touch->node, touch->before);
	for (struct agent_touch *touch = change->touches; touch; touch = touch->next)
		if (touch->after != touch->before)
			discard(store, touch->after);
}

void agent_take_finish(struct agent_change *change)
{
	for (struct agent_touch *touch = change->touches; touch; touch = touch->next)
		if (touch->before != touch->after)
			discard(&change->apply->store, touch->before);
}
