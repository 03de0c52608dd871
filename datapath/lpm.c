// SPDX-License-Identifier: BSD-3-Clause
//
// lpm: a binary trie whose nodes skip the bits that do not branch.
//
// A node stands for a prefix: either a value was set there, or the trie forks right behind it, in
// which case both children are there. So n prefixes need fewer than 2n nodes, and a path is no
// longer than the number of forks and values above an address. Addresses are compared as two words
// in their mapped form, in which IPv4 lengths count 96 more; a family of its own per lpm keeps ::/0
// from holding IPv4. Writers copy the path as pmap does, and each of their steps leaves an lpm with
// the same answers, so that one that finds no memory can stop.

#include "datapath/lpm.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { BITS = 128, MAPPED_BITS = 96 };

struct bits {
	uint64_t high, low;
};

struct lpm_node {
	struct bits bits; // Zero behind `len`.
	struct lpm_node *child[2];
	void *value;
	uint64_t token; // Of the edit that made the node.
	uint32_t len;
	bool is4;
};

static struct bits bits_of(const struct ip_addr *addr)
{
	return (struct bits){load_be64(addr->b), load_be64(addr->b + 8)};
}

static unsigned bit_at(struct bits bits, uint32_t at)
{
	return (at < 64 ? bits.high >> (63 - at) : bits.low >> (127 - at)) & 1;
}

// How many leading bits are the same.
static uint32_t same_bits(struct bits a, struct bits b)
{
	if (a.high != b.high)
		return (uint32_t)__builtin_clzll(a.high ^ b.high);
	if (a.low != b.low)
		return 64 + (uint32_t)__builtin_clzll(a.low ^ b.low);
	return BITS;
}

static struct bits first_bits(struct bits bits, uint32_t len)
{
	if (len <= 64)
		return (struct bits){len ? bits.high & UINT64_MAX << (64 - len) : 0, 0};
	return (struct bits){bits.high, bits.low & UINT64_MAX << (128 - len)};
}

static uint32_t len_of(const struct ip_prefix *prefix, bool is4)
{
	return prefix->len + (is4 ? (uint32_t)MAPPED_BITS : 0);
}

void *lpm_lookup(const struct lpm *lpm, const struct ip_addr *addr)
{
	const struct lpm_node *node = lpm->root;
	struct bits bits = bits_of(addr);
	void *best = NULL;

	if (!node || node->is4 != ip_is4(*addr))
		return NULL;

	while (node && same_bits(node->bits, bits) >= node->len) {
		if (node->value)
			best = node->value;
		if (node->len == BITS)
			break;
		node = node->child[bit_at(bits, node->len)];
	}
	return best;
}

void *lpm_exact(const struct lpm *lpm, const struct ip_prefix *prefix)
{
	const struct lpm_node *node = lpm->root;
	struct bits bits = bits_of(&prefix->addr);
	bool is4 = ip_is4(prefix->addr);
	uint32_t len = len_of(prefix, is4);

	if (!node || node->is4 != is4)
		return NULL;
	while (node && node->len < len && same_bits(node->bits, bits) >= node->len)
		node = node->child[bit_at(bits, node->len)];
	if (!node || node->len != len || same_bits(node->bits, bits) < len)
		return NULL;
	return node->value;
}

// Makes the node at *link the edit's own.
static int own(struct edit *edit, struct lpm_node **link)
{
	if ((*link)->token == edit_token(edit))
		return 0;

	struct lpm_node *node = malloc(sizeof(*node));

	if (!node || edit_reserve(edit, 1, 1) < 0) {
		free(node);
		return -ENOMEM;
	}
	*node = **link;
	node->token = edit_token(edit);
	edit_replaced(edit, *link, free);
	edit_created(edit, node, free);
	*link = node;
	return 0;
}

static struct lpm_node *node_new(struct edit *edit, struct bits bits, uint32_t len, bool is4)
{
	struct lpm_node *node = calloc(1, sizeof(*node));

	if (node)
		*node = (struct lpm_node){
			.bits = first_bits(bits, len),
			.token = edit_token(edit),
			.len = len,
			.is4 = is4,
		};
	return node;
}

// Puts a node for the prefix at *link, where there is nothing, or a node that neither is nor holds
// the prefix; that one is then put below the new node or, if they part earlier, below a fork.
static int put(struct edit *edit, struct lpm_node **link, struct lpm_node *leaf)
{
	struct lpm_node *other = *link;
	uint32_t same = other ? same_bits(other->bits, leaf->bits) : BITS;
	struct lpm_node *fork = NULL;

	if (other && same < leaf->len) {
		fork = node_new(edit, leaf->bits, same, leaf->is4);
		if (!fork)
			return -ENOMEM;
	}
	if (edit_reserve(edit, fork ? 2 : 1, 0) < 0) {
		free(fork);
		return -ENOMEM;
	}
	edit_created(edit, leaf, free);
	if (fork) {
		edit_created(edit, fork, free);
		fork->child[bit_at(leaf->bits, same)] = leaf;
		fork->child[bit_at(other->bits, same)] = other;
	} else if (other) {
		leaf->child[bit_at(other->bits, leaf->len)] = other;
	}
	*link = fork ? fork : leaf;
	return 0;
}

static int add(struct lpm *lpm, struct edit *edit, struct bits bits, uint32_t len, bool is4,
               void *value)
{
	struct lpm_node **link = &lpm->root;

	while (*link && (*link)->len <= len && same_bits((*link)->bits, bits) >= (*link)->len) {
		if (own(edit, link) < 0)
			return -ENOMEM;

		struct lpm_node *node = *link;

		if (node->len == len) {
			lpm->count += !node->value;
			node->value = value;
			return 0;
		}
		link = &node->child[bit_at(bits, node->len)];
	}

	struct lpm_node *leaf = node_new(edit, bits, len, is4);

	if (!leaf || put(edit, link, leaf) < 0) {
		free(leaf);
		return -ENOMEM;
	}
	leaf->value = value;
	lpm->count++;
	return 0;
}

// Takes out the node at *link if it has neither a value nor two children. => Room for its
// registration is reserved.
static void collapse(struct edit *edit, struct lpm_node **link)
{
	struct lpm_node *node = *link;

	if (node->value || (node->child[0] && node->child[1]))
		return;
	*link = node->child[0] ? node->child[0] : node->child[1];
	edit_replaced(edit, node, free);
}

// => The prefix is there.
static int drop(struct lpm *lpm, struct edit *edit, struct bits bits, uint32_t len)
{
	struct lpm_node **above = NULL, **link = &lpm->root;

	for (;;) {
		if (own(edit, link) < 0)
			return -ENOMEM;
		if ((*link)->len == len)
			break;
		above = link;
		link = &(*link)->child[bit_at(bits, (*link)->len)];
	}
	if (edit_reserve(edit, 0, 2) < 0)
		return -ENOMEM;

	(*link)->value = NULL;
	lpm->count--;
	collapse(edit, link);
	if (above)
		collapse(edit, above);
	return 0;
}

int lpm_set(struct lpm *lpm, struct edit *edit, const struct ip_prefix *prefix, void *value)
{
	bool is4 = ip_is4(prefix->addr);
	uint32_t len = len_of(prefix, is4);
	struct bits bits = first_bits(bits_of(&prefix->addr), len);

	if (!value)
		return lpm_exact(lpm, prefix) ? drop(lpm, edit, bits, len) : 0;
	if (lpm->root && lpm->root->is4 != is4)
		return -EAFNOSUPPORT;
	return add(lpm, edit, bits, len, is4, value);
}

static uint32_t count_nodes(const struct lpm_node *node)
{
	return node ? 1 + count_nodes(node->child[0]) + count_nodes(node->child[1]) : 0;
}

static void replace_nodes(struct edit *edit, struct lpm_node *node)
{
	if (!node)
		return;
	replace_nodes(edit, node->child[0]);
	replace_nodes(edit, node->child[1]);
	edit_replaced(edit, node, free);
}

static void free_nodes(struct lpm_node *node)
{
	if (!node)
		return;
	free_nodes(node->child[0]);
	free_nodes(node->child[1]);
	free(node);
}

int lpm_clear(struct lpm *lpm, struct edit *edit)
{
	if (edit_reserve(edit, 0, count_nodes(lpm->root)) < 0)
		return -ENOMEM;
	replace_nodes(edit, lpm->root);
	*lpm = (struct lpm){0};
	return 0;
}

void lpm_fini(struct lpm *lpm)
{
	free_nodes(lpm->root);
	*lpm = (struct lpm){0};
}
