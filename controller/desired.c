// SPDX-License-Identifier: BSD-3-Clause
//
// desired: the set of objects, its digests, and differences against it.
//
// A change costs the objects of the units it touches. Digests of whole kinds are kept up to date by
// adding and subtracting hashes; those of buckets are counted when a resync asks.

#include "controller/desired.h"

#include "proto/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void unit_init(struct unit *unit, const char *key)
{
	*unit = (struct unit){0};
	snprintf(unit->key, sizeof(unit->key), "%s", key);
}

void unit_fini(struct unit *unit)
{
	for (size_t i = 0; i < unit->count; i++)
		free(unit->objects[i]);
	free(unit->objects);
	unit->objects = NULL;
	unit->count = unit->room = 0;
}

// One block for all, since there are as many of them as a large network has ports.
static struct object *object_new(const char *unit, Weft__Kind kind, const Weft__Object *message)
{
	const char *name = message->name ? message->name : unit;
	size_t len = weft__object__get_packed_size(message), unit_size = strlen(unit) + 1;
	size_t name_size = strcmp(name, unit) == 0 ? 0 : strlen(name) + 1;
	struct object *object = malloc(sizeof(*object) + len + unit_size + name_size);

	if (!object)
		return NULL;
	weft__object__pack(message, object->bytes);
	memcpy(object->bytes + len, unit, unit_size);
	memcpy(object->bytes + len + unit_size, name, name_size);
	object->kind = kind;
	object->id = message->id;
	object->packed = object->bytes;
	object->len = len;
	object->hash = digest_object(kind, message->id, object->packed, len);
	object->unit = (const char *)object->bytes + len;
	object->name = name_size ? object->unit + unit_size : object->unit;
	object->held_back = false;
	return object;
}

void unit_add(struct unit *unit, Weft__Kind kind, const Weft__Object *message)
{
	struct object *object = object_new(unit->key, kind, message);

	if (object && unit->count == unit->room) {
		size_t room = unit->room ? unit->room * 2 : 8;
		struct object **more = realloc(unit->objects, room * sizeof(*more));

		if (!more) {
			free(object);
			object = NULL;
		} else {
			unit->objects = more;
			unit->room = room;
		}
	}
	if (!object) {
		unit->error = -ENOMEM;
		return;
	}
	unit->objects[unit->count++] = object;
}

void ops_fini(struct ops *ops)
{
	for (size_t i = 0; i < ops->count; i++)
		free(ops->items[i].packed);
	free(ops->items);
	*ops = (struct ops){0};
}

static struct op *append(struct ops *ops)
{
	if (ops->count == ops->room) {
		size_t room = ops->room ? ops->room * 2 : 16;
		struct op *more = realloc(ops->items, room * sizeof(*more));

		if (!more)
			return NULL;
		ops->items = more;
		ops->room = room;
	}
	ops->items[ops->count] = (struct op){0};
	return &ops->items[ops->count++];
}

int ops_upsert(struct ops *ops, const struct object *object)
{
	uint8_t *copy = malloc(object->len);
	struct op *op = copy ? append(ops) : NULL;

	if (!op) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, object->packed, object->len);
	*op = (struct op){.verb = WEFT__OP_VERB__OP_UPSERT,
	                  .kind = object->kind,
	                  .id = object->id,
	                  .packed = copy,
	                  .len = object->len};
	snprintf(op->unit, sizeof(op->unit), "%s", object->unit);
	snprintf(op->name, sizeof(op->name), "%s", object->name);
	return 0;
}

int ops_delete(struct ops *ops, Weft__Kind kind, uint64_t id, const char *unit)
{
	struct op *op = append(ops);

	if (!op)
		return -ENOMEM;
	op->verb = WEFT__OP_VERB__OP_DELETE;
	op->kind = kind;
	op->id = id;
	snprintf(op->unit, sizeof(op->unit), "%s", unit);
	snprintf(op->name, sizeof(op->name), "%s", unit);
	return 0;
}

// Referents before those that refer to them.
static unsigned rank(Weft__Kind kind)
{
	static const uint8_t ranks[DESIRED_KINDS] = {
		[WEFT__KIND__KIND_VRF] = 1,        [WEFT__KIND__KIND_BRIDGE] = 2,
		[WEFT__KIND__KIND_PORT] = 3,       [WEFT__KIND__KIND_VLAN_MEMBER] = 4,
		[WEFT__KIND__KIND_INTERFACE] = 5,  [WEFT__KIND__KIND_ROUTE] = 6,
		[WEFT__KIND__KIND_NAT_RULE] = 7,   [WEFT__KIND__KIND_PORT_FORWARD] = 8,
		[WEFT__KIND__KIND_DHCP_SCOPE] = 9, [WEFT__KIND__KIND_DHCP_RESERVATION] = 10,
		[WEFT__KIND__KIND_DNS_ZONE] = 11,  [WEFT__KIND__KIND_DNS_RECORD] = 12,
		[WEFT__KIND__KIND_FLOW_RULE] = 13, [WEFT__KIND__KIND_IMPAIRMENT] = 14,
		[WEFT__KIND__KIND_FDB_ENTRY] = 15, [WEFT__KIND__KIND_ADDRESS] = 16,
	};

	return (unsigned)kind < DESIRED_KINDS ? ranks[kind] : 0;
}

static int compare_ops(const void *left, const void *right)
{
	const struct op *a = left, *b = right;
	bool a_delete = a->verb == WEFT__OP_VERB__OP_DELETE;
	bool b_delete = b->verb == WEFT__OP_VERB__OP_DELETE;
	unsigned a_rank = rank(a->kind), b_rank = rank(b->kind);

	if (a_delete != b_delete)
		return a_delete ? -1 : 1;
	if (a_rank != b_rank)
		return (a_rank < b_rank) == a_delete ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

void ops_sort(struct ops *ops)
{
	if (ops->count > 1)
		qsort(ops->items, ops->count, sizeof(*ops->items), compare_ops);
}

void desired_fini(struct desired *desired)
{
	struct unit *unit;
	size_t cursor = 0;

	while ((unit = table_next(&desired->units, &cursor, NULL, NULL))) {
		unit_fini(unit);
		free(unit);
	}
	table_fini(&desired->units);
	table_fini(&desired->objects);
	ops_fini(&desired->ops);
	*desired = (struct desired){0};
}

const struct object *desired_get(const struct desired *desired, uint64_t id)
{
	return table_get_id(&desired->objects, id);
}

static void count_in(struct desired *desired, const struct object *object)
{
	desired->count[object->kind]++;
	desired->hash[object->kind] += object->hash;
}

static void count_out(struct desired *desired, const struct object *object)
{
	if (object->held_back) {
		desired->held_back--;
		return;
	}
	desired->count[object->kind]--;
	desired->hash[object->kind] -= object->hash;
}

// The ids of the new objects must be free or already this unit's.
static int check_ids(const struct desired *desired, const struct unit *unit)
{
	for (size_t i = 0; i < unit->count; i++) {
		const struct object *held = desired_get(desired, unit->objects[i]->id);

		if (held &&
		    (strcmp(held->unit, unit->key) != 0 || held->kind != unit->objects[i]->kind))
			return -EEXIST;
	}
	return unit->error;
}

static const struct object *within(const struct unit *unit, uint64_t id)
{
	for (size_t i = 0; i < unit->count; i++)
		if (unit->objects[i]->id == id)
			return unit->objects[i];
	return NULL;
}

static int collect_ops(const struct unit *old, const struct unit *new, struct ops *ops)
{
	int err = 0;

	for (size_t i = 0; old && i < old->count && err == 0; i++)
		if (!old->objects[i]->held_back && !within(new, old->objects[i]->id))
			err = ops_delete(ops, old->objects[i]->kind, old->objects[i]->id, old->key);
	for (size_t i = 0; i < new->count &&err == 0; i++) {
		const struct object *was = old ? within(old, new->objects[i]->id) : NULL;

		if (!was || was->held_back || was->hash != new->objects[i]->hash)
			err = ops_upsert(ops, new->objects[i]);
	}
	return err;
}

int desired_replace(struct desired *desired, struct unit *unit, struct ops *ops)
{
	struct unit *old = table_get_text(&desired->units, unit->key), *kept = NULL;
	int err = check_ids(desired, unit);

	if (err == 0 && ops)
		err = collect_ops(old, unit, ops);
	if (err == 0 && unit->count > 0) {
		kept = malloc(sizeof(*kept));
		err = kept ? 0 : -ENOMEM;
	}
	if (err < 0)
		return err;
	for (size_t i = 0; old && i < old->count; i++) {
		count_out(desired, old->objects[i]);
		table_remove(&desired->objects, &old->objects[i]->id, sizeof(uint64_t));
	}
	table_remove_text(&desired->units, unit->key);
	if (old)
		unit_fini(old);
	free(old);
	if (!kept)
		return 0;
	*kept = *unit;
	*unit = (struct unit){0};
	for (size_t i = 0; i < kept->count && err == 0; i++) {
		count_in(desired, kept->objects[i]);
		err = table_put(&desired->objects, &kept->objects[i]->id, sizeof(uint64_t),
		                kept->objects[i], NULL);
	}
	return err == 0 ? table_put_text(&desired->units, kept->key, kept) : err;
}

void desired_bucket_hashes(const struct desired *desired, Weft__Kind kind, uint64_t ret[256])
{
	const struct object *object;
	size_t cursor = 0;

	memset(ret, 0, 256 * sizeof(*ret));
	while ((object = table_next(&desired->objects, &cursor, NULL, NULL)))
		if (object->kind == kind && !object->held_back)
			ret[digest_bucket(object->id)] += object->hash;
}

int desired_bucket_ops(const struct desired *desired, Weft__Kind kind, unsigned bucket,
                       const uint64_t *ids, const uint64_t *hashes, size_t count, struct ops *ops)
{
	struct table theirs = {0};
	const struct object *object;
	size_t cursor = 0;
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		object = desired_get(desired, ids[i]);
		if (!object || object->held_back || object->kind != kind)
			err = ops_delete(ops, kind, ids[i], object ? object->unit : "");
		else
			err = table_put(&theirs, &ids[i], sizeof(ids[i]), (void *)&hashes[i], NULL);
	}
	while (err == 0 && (object = table_next(&desired->objects, &cursor, NULL, NULL))) {
		const uint64_t *hash;

		if (object->kind != kind || object->held_back ||
		    digest_bucket(object->id) != bucket)
			continue;
		hash = table_get_id(&theirs, object->id);
		if (!hash || *hash != object->hash)
			err = ops_upsert(ops, object);
	}
	table_fini(&theirs);
	return err;
}

size_t desired_hold_back(struct desired *desired, const char *key)
{
	struct unit *unit = table_get_text(&desired->units, key);
	size_t marked = 0;

	for (size_t i = 0; unit && i < unit->count; i++) {
		struct object *object = unit->objects[i];

		if (object->held_back)
			continue;
		count_out(desired, object);
		object->held_back = true;
		desired->held_back++;
		marked++;
	}
	return marked;
}

int desired_release(struct desired *desired, struct ops *ops)
{
	struct object *object;
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && (object = table_next(&desired->objects, &cursor, NULL, NULL))) {
		if (!object->held_back)
			continue;
		object->held_back = false;
		desired->held_back--;
		count_in(desired, object);
		err = ops_upsert(ops, object);
	}
	return err;
}
