// SPDX-License-Identifier: BSD-3-Clause
//
// agent_apply: the order of a transaction: take in, relate, lease, open, compile, effects, publish, settle.
//
// Up to the publish every step can be taken back and none shows: workers read the old generation, objects
// that were put into the store are taken out again. The publish is one store of a pointer. After it
// nothing can fail; what the old generation alone used is freed once every worker has passed.

#include "datapath/agent_apply.h"

#include "datapath/agent_change.h"
#include "datapath/agent_compile.h"
#include "datapath/flow_rule.h"
#include "proto/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct apply *apply_new(const struct apply_env *env)
{
	struct apply *apply = calloc(1, sizeof(*apply));

	if (!apply)
		return NULL;
	apply->env = *env;
	apply->current = calloc(1, sizeof(*apply->current));
	if (!apply->current || agent_store_init(&apply->store) < 0) {
		free(apply->current);
		free(apply);
		errno = ENOMEM;
		return NULL;
	}
	env->publish(env->user, apply->current);
	return apply;
}

const struct generation *apply_generation(const struct apply *apply)
{
	return apply->current;
}

bool apply_is_tentative(const struct apply *apply)
{
	return apply->tentative != NULL;
}

// Ends a change that was never published.
static void abandon(struct agent_change *change)
{
	agent_effects_undo(change);
	agent_doors_undo(change);
	agent_slots_undo(change);
	agent_take_back(change);
	edit_undo(change->edit);
	free(change->next);
	agent_change_free(change);
}

static int stage(struct agent_change *change, const struct apply_op *ops, size_t count,
                 bool dry_run, bool tentative)
{
	int code = agent_take(change, ops, count);

	if (code == 0)
		code = agent_relate(change);
	if (code == 0)
		code = agent_compile_collect(change);
	if (code == 0 && !dry_run)
		code = agent_doors_open(change, tentative);
	if (code == 0)
		code = agent_compile(change);
	if (code == 0 && !dry_run)
		code = agent_effects_apply(change);
	return code;
}

static void publish(struct agent_change *change)
{
	struct apply *apply = change->apply;

	apply->number = change->next->number;
	apply->current = change->next;
	change->published = true;
	apply->env.publish(apply->env.user, apply->current);
	change->result->generation = apply->number;
	change->result->settle_ns = apply->env.settle(apply->env.user);
	agent_doors_adjust(change, false);
}

// Ends a change that stands: nothing reads the old generation any more.
static void keep(struct agent_change *change)
{
	agent_doors_finish(change);
	agent_slots_finish(change);
	edit_keep(change->edit);
	free((void *)change->old);
	agent_take_finish(change);
	agent_change_free(change);
}

static struct agent_change *begin(struct apply *apply, const struct apply_op *ops, size_t count,
                                  bool dry_run, bool tentative, struct apply_result *result)
{
	struct agent_change *change;

	*result = (struct apply_result){0};
	if (apply->tentative) {
		result->code = fail_set(&result->fail, -EBUSY,
		                        "the last transaction waits for its confirmation");
		fail_hint(&result->fail, "confirm it, or wait until it is undone");
		return NULL;
	}
	if (apply->prepared) {
		result->code = fail_set(&result->fail, -EBUSY,
		                        "the last transaction is prepared, and not decided yet");
		return NULL;
	}
	change = agent_change_new(apply, result);
	if (!change) {
		result->code = fail_set(&result->fail, -ENOMEM, "out of memory");
		return NULL;
	}
	if (stage(change, ops, count, dry_run, tentative) < 0) {
		assert(result->code < 0);
		result->op_index = change->op_index;
		abandon(change);
		return NULL;
	}
	return change;
}

int apply_transaction(struct apply *apply, const struct apply_op *ops, size_t count, bool dry_run,
                      struct apply_result *result)
{
	struct agent_change *change = begin(apply, ops, count, dry_run, false, result);

	if (!change)
		return result->code;
	if (dry_run || change->touch_count == 0) {
		// What changes nothing makes no generation either.
		abandon(change);
		result->generation = apply->number;
		return 0;
	}
	publish(change);
	keep(change);
	return 0;
}

int apply_tentative(struct apply *apply, const struct apply_op *ops, size_t count,
                    struct apply_result *result)
{
	struct agent_change *change = begin(apply, ops, count, false, true, result);

	if (!change)
		return result->code;
	publish(change);
	change->result = &apply->unheard;
	apply->tentative = change;
	return 0;
}

int apply_prepare(struct apply *apply, const struct apply_op *ops, size_t count, bool tentative,
                  struct apply_result *result)
{
	struct agent_change *change = begin(apply, ops, count, false, tentative, result);

	if (!change)
		return result->code;
	change->result = &apply->unheard;
	apply->prepared = change;
	apply->prepared_tentative = tentative;
	return 0;
}

void apply_commit(struct apply *apply, struct apply_result *result)
{
	struct agent_change *change = apply->prepared;

	assert(change);
	apply->prepared = NULL;
	*result = (struct apply_result){.generation = apply->number};
	change->result = result;
	if (!apply->prepared_tentative && change->touch_count == 0) {
		abandon(change);
		return;
	}
	publish(change);
	if (!apply->prepared_tentative) {
		keep(change);
		return;
	}
	change->result = &apply->unheard;
	apply->tentative = change;
}

void apply_abandon(struct apply *apply)
{
	assert(apply->prepared);
	abandon(apply->prepared);
	apply->prepared = NULL;
}

bool apply_is_prepared(const struct apply *apply)
{
	return apply->prepared != NULL;
}

void apply_confirm(struct apply *apply)
{
	assert(apply->tentative);
	keep(apply->tentative);
	apply->tentative = NULL;
}

// The old content comes back under a new number: numbers only rise, since flows remember them.
void apply_revert(struct apply *apply)
{
	struct agent_change *change = apply->tentative;
	struct generation *back = (struct generation *)change->old;

	assert(change);
	apply->tentative = NULL;
	agent_effects_undo(change);

	// Workers may be reading the number of the old generation nowhere: it is not published now.
	back->number = ++apply->number;
	apply->current = back;
	apply->env.publish(apply->env.user, back);
	apply->env.settle(apply->env.user);
	agent_doors_adjust(change, true);

	agent_doors_undo(change);
	agent_take_back(change);
	agent_slots_undo(change);
	edit_undo(change->edit);
	free(change->next);
	agent_change_free(change);
}

struct keeper {
	struct apply *apply;
	uint32_t kind;
};

static bool is_claimed(void *user, uint64_t id, uint32_t sub, uint32_t slot)
{
	const struct keeper *keeper = user;
	struct agent_key key = agent_key_sub(keeper->kind, id, sub);
	const struct agent_node *node = agent_store_find(&keeper->apply->store, &key);

	return node && node->slot == slot;
}

void apply_complete(struct apply *apply)
{
	static const uint32_t kinds[SLOT_KINDS] = {
		[SLOT_PORT] = WEFT__KIND__KIND_PORT,
		[SLOT_DOMAIN] = INDEX_DOMAIN,
		[SLOT_INTERFACE] = WEFT__KIND__KIND_INTERFACE,
		[SLOT_VRF] = WEFT__KIND__KIND_VRF,
	};

	for (int kind = 0; kind < SLOT_KINDS; kind++) {
		struct keeper keeper = {.apply = apply, .kind = kinds[kind]};

		slot_sweep(apply->env.state, (enum slot_kind)kind, is_claimed, &keeper);
	}
}

void apply_digest(const struct apply *apply, Weft__Kind kind, uint64_t *count, uint64_t *hash)
{
	assert((unsigned)kind < AGENT_KINDS);
	*count = apply->store.tables[kind].count;
	*hash = apply->store.tables[kind].hash;
}

void apply_buckets(const struct apply *apply, Weft__Kind kind, uint64_t hashes[256])
{
	assert((unsigned)kind < AGENT_KINDS);
	memcpy(hashes, apply->store.tables[kind].buckets, DIGEST_BUCKETS * sizeof(hashes[0]));
}

size_t apply_bucket(const struct apply *apply, Weft__Kind kind, unsigned bucket, uint64_t *ids,
                    uint64_t *hashes, size_t limit)
{
	size_t count = 0;

	assert((unsigned)kind < AGENT_KINDS && bucket < DIGEST_BUCKETS);
	for (const struct agent_object *object = apply->store.tables[kind].members[bucket];
	     object && count < limit; object = object->bucket_next) {
		ids[count] = object->id;
		hashes[count++] = object->hash;
	}
	return count;
}

const uint8_t *apply_object(const struct apply *apply, Weft__Kind kind, uint64_t id, size_t *len)
{
	const struct agent_object *object = agent_store_object(&apply->store, (uint32_t)kind, id);

	if (!object)
		return NULL;
	*len = object->len;
	return object->packed;
}

// Every object that has a place in a tree becomes part of one last change, which takes it out.
static void touch_planted(struct agent_change *change)
{
	struct agent_store *store = &change->apply->store;

	for (size_t i = 0; i < store->head_count; i++)
		for (struct agent_node *node = store->heads[i]; node; node = node->hash_next)
			if (node->object && (node->key.kind == WEFT__KIND__KIND_ROUTE ||
			                     node->key.kind == WEFT__KIND__KIND_INTERFACE ||
			                     node->key.kind == WEFT__KIND__KIND_ADDRESS))
				agent_take_touch(change, node, 0);
}

static void give_pieces(struct edit *edit, struct generation *last)
{
	struct domain *domain;
	struct vrf *vrf;
	void *piece;

	for (uint32_t key = 0; (piece = pmap_next(&last->ports, &key)); key++)
		edit_replaced(edit, piece, free);
	for (uint32_t key = 0; (piece = pmap_next(&last->interfaces, &key)); key++)
		edit_replaced(edit, piece, free);
	for (uint32_t key = 0; (domain = pmap_next(&last->domains, &key)); key++) {
		if (domain->members)
			edit_replaced(edit, (void *)domain->members, free);
		edit_replaced(edit, domain, free);
	}
	for (uint32_t key = 0; (vrf = pmap_next(&last->vrfs, &key)); key++) {
		if (vrf->forwards)
			edit_replaced(edit, (void *)vrf->forwards, free);
		edit_replaced(edit, vrf, free);
	}
	if (last->flow_rules)
		edit_replaced(edit, (void *)last->flow_rules, flow_rules_free);
	pmap_clear(&last->ports, edit);
	pmap_clear(&last->interfaces, edit);
	pmap_clear(&last->domains, edit);
	pmap_clear(&last->vrfs, edit);
}

// No worker reads any more, so what is published may be taken apart in place.
static void free_generation(struct apply *apply)
{
	struct apply_result result = {0};
	struct agent_change *change = agent_change_new(apply, &result);

	if (!change)
		return;
	touch_planted(change);
	agent_compile_routes_out(change);
	agent_compile_addresses_out(change);
	give_pieces(change->edit, change->next);
	edit_keep(change->edit);
	free(change->next);
	agent_change_free(change);
}

void apply_free(struct apply *apply)
{
	const struct port_config *config;

	if (!apply)
		return;
	if (apply->prepared)
		apply_abandon(apply);
	if (apply->tentative)
		apply_confirm(apply);
	for (uint32_t key = 0; (config = pmap_next(&apply->current->ports, &key)); key++)
		if (config->door)
			apply->env.close_port(apply->env.user, config->id, config->door, DOOR_LENT);
	free_generation(apply);
	agent_store_fini(&apply->store);
	free(apply->current);
	free(apply);
}
