// SPDX-License-Identifier: BSD-3-Clause
//
// agent_store: a chained hash table of nodes that grows by doubling, and the links among them.
//
// Growing is the only thing that may lack memory without harm: chains are longer then. A node once made
// stays until agent_store_trim(), so a transaction that is undone puts everything back into nodes that
// exist.

#include "datapath/agent_store.h"

#include "datapath/agent_object.h"
#include "proto/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum { HEADS_FIRST = 1024 };

_Static_assert(sizeof(struct agent_key) == 32, "hashed whole, so there is no padding");

static size_t head_of(const struct agent_store *store, const struct agent_key *key)
{
	return XXH3_64bits(key, sizeof(*key)) & (store->head_count - 1);
}

int agent_store_init(struct agent_store *store)
{
	*store = (struct agent_store){.head_count = HEADS_FIRST};
	store->heads = calloc(store->head_count, sizeof(struct agent_node *));
	return store->heads ? 0 : -ENOMEM;
}

void agent_store_fini(struct agent_store *store)
{
	for (size_t i = 0; store->heads && i < store->head_count; i++) {
		while (store->heads[i]) {
			struct agent_node *node = store->heads[i];

			store->heads[i] = node->hash_next;
			agent_object_free(node->object);
			free(node);
		}
	}
	free(store->heads);
	store->heads = NULL;
}

static void grow(struct agent_store *store)
{
	size_t old_count = store->head_count;
	struct agent_node **old = store->heads;
	struct agent_node **heads = calloc(2 * old_count, sizeof(struct agent_node *));

	if (!heads)
		return;
	store->heads = heads;
	store->head_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct agent_node *node = old[i];
			size_t head = head_of(store, &node->key);

			old[i] = node->hash_next;
			node->hash_next = heads[head];
			heads[head] = node;
		}
	}
	free(old);
}

struct agent_node *agent_store_find(const struct agent_store *store, const struct agent_key *key)
{
	struct agent_node *node = store->heads[head_of(store, key)];

	while (node && memcmp(&node->key, key, sizeof(*key)) != 0)
		node = node->hash_next;
	return node;
}

struct agent_node *agent_store_node(struct agent_store *store, const struct agent_key *key)
{
	struct agent_node *node = agent_store_find(store, key);

	if (node)
		return node;
	if (store->node_count >= store->head_count)
		grow(store);
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;

	size_t head = head_of(store, key);

	node->key = *key;
	node->hash_next = store->heads[head];
	store->heads[head] = node;
	store->node_count++;
	return node;
}

void agent_store_trim(struct agent_store *store, struct agent_node *node)
{
	if (node->object || node->links || node->holders || node->touch || node->slot || node->work)
		return;

	struct agent_node **at = &store->heads[head_of(store, &node->key)];

	while (*at != node)
		at = &(*at)->hash_next;
	*at = node->hash_next;
	store->node_count--;
	free(node);
}

static void count_in(struct agent_store *store, struct agent_object *object)
{
	struct agent_table *table = &store->tables[object->kind];
	unsigned bucket = digest_bucket(object->id);

	table->count++;
	table->hash += object->hash;
	table->buckets[bucket] += object->hash;
	object->bucket_next = table->members[bucket];
	object->bucket_back = &table->members[bucket];
	if (object->bucket_next)
		object->bucket_next->bucket_back = &object->bucket_next;
	table->members[bucket] = object;
}

static void count_out(struct agent_store *store, struct agent_object *object)
{
	struct agent_table *table = &store->tables[object->kind];

	assert(table->count > 0);
	table->count--;
	table->hash -= object->hash;
	table->buckets[digest_bucket(object->id)] -= object->hash;
	*object->bucket_back = object->bucket_next;
	if (object->bucket_next)
		object->bucket_next->bucket_back = object->bucket_back;
}

// A claim stays first: whether a key is claimed is asked for each of thousands that refer to it.
static void link_on(struct agent_link *link)
{
	struct agent_link **at = &link->to->links;

	if (*at && (*at)->role == ROLE_CLAIM && link->role != ROLE_CLAIM)
		at = &(*at)->next;
	link->next = *at;
	link->back = at;
	if (link->next)
		link->next->back = &link->next;
	*at = link;
}

static void link_off(struct agent_link *link)
{
	*link->back = link->next;
	if (link->next)
		link->next->back = link->back;
	link->next = NULL;
	link->back = NULL;
}

void agent_store_put(struct agent_store *store, struct agent_node *node,
                     struct agent_object *object)
{
	if (node->object) {
		for (unsigned i = 0; i < node->object->link_count; i++)
			link_off(&node->object->links[i]);
		count_out(store, node->object);
	}
	node->object = object;
	if (object) {
		for (unsigned i = 0; i < object->link_count; i++)
			link_on(&object->links[i]);
		count_in(store, object);
	}
}
