// SPDX-License-Identifier: BSD-3-Clause
//
// yaml_tree: a YAML document as a tree of texts, each with its place in the file. One thread.
//
// No scalar is given a type: what stands there is what is had ("no", "1e3", "02:00:00:00:00:01"). Anchors
// and aliases are followed, within bounds; tags, merge keys, doubled keys and second documents are refused.

#pragma once

#include <stdbool.h>
#include <stddef.h>

struct fail;

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_place {
	const char *file;      // Borrowed from the tree.
	unsigned line, column; // From 1.
};

struct yaml_node {
	enum yaml_kind kind;
	bool plain;  // A text without quotes.
	bool broken; // Noted to be wrong; nothing is made of it.
	struct yaml_place place;
	char *text;              // YAML_TEXT; "" where nothing stands.
	struct yaml_node **keys; // YAML_MAP: texts, in the order of the file.
	struct yaml_node **items;
	size_t count;
};

enum {
	YAML_BYTES_MOST = 4 << 20,
	YAML_NODES_MOST = 200000, // After aliases are followed.
	YAML_DEPTH_MOST = 32,
};

struct yaml_tree {
	char *file;
	struct yaml_node *root; // NULL: the file has nothing but comments.
	size_t nodes;
};

// Reads the file, or the bytes under the name. -ENOENT and the like, -EINVAL with the place in the fail.
int yaml_tree_open(const char *path, struct yaml_tree **ret, struct fail *fail);
int yaml_tree_parse(const char *name, const void *bytes, size_t len, struct yaml_tree **ret,
                    struct fail *fail);
void yaml_tree_free(struct yaml_tree *tree); // NULL is fine.

// The value of the key in a map; NULL if it has none or the node is none (NULL is fine).
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);
// Its text, or NULL.
const char *yaml_text(const struct yaml_node *node, const char *key);

// Nothing stands there.
bool yaml_is_empty(const struct yaml_node *node);

// "FILE:LINE:COLUMN: " and the sentence. Returns -EINVAL.
int yaml_refuse(const struct yaml_place *place, struct fail *fail, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
