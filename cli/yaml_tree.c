// SPDX-License-Identifier: BSD-3-Clause
//
// yaml_tree: libyaml's document, copied into nodes of our own.
//
// libyaml resolves aliases by letting several places name one node, so a document of some hundred bytes
// can unfold into billions of nodes (and one that holds itself has no end). The copy follows them and
// counts: past YAML_NODES_MOST nodes or YAML_DEPTH_MOST levels it stops. A key said twice is found by
// sorting, so a map costs n log n however it was written.
//
// libyaml's own work grows with the square of the depth (40 000 opening brackets take it 11 s), so a first
// pass over its events, which come as they are read, stops where the file goes too deep.

#include "cli/yaml_tree.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct copy {
	struct yaml_tree *tree;
	yaml_document_t *document;
	const char *bytes;
	size_t len;
	struct fail *fail;
};

int yaml_refuse(const struct yaml_place *place, struct fail *fail, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fail_set(fail, -EINVAL, "%s:%u:%u: %s", place->file, place->line, place->column,
	                text);
}

static void free_node(struct yaml_node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++) {
		if (node->keys)
			free_node(node->keys[i]);
		if (node->items)
			free_node(node->items[i]);
	}
	free(node->keys);
	free(node->items);
	free(node->text);
	free(node);
}

void yaml_tree_free(struct yaml_tree *tree)
{
	if (!tree)
		return;
	free_node(tree->root);
	free(tree->file);
	free(tree);
}

static struct yaml_place place_of(const struct copy *copy, yaml_mark_t mark)
{
	return (struct yaml_place){.file = copy->tree->file,
	                           .line = (unsigned)mark.line + 1,
	                           .column = (unsigned)mark.column + 1};
}

static int take_text(struct copy *copy, struct yaml_node *node, const yaml_node_t *from)
{
	const char *bytes = (const char *)from->data.scalar.value;
	size_t len = from->data.scalar.length;

	if (memchr(bytes, '\0', len))
		return yaml_refuse(&node->place, copy->fail, "the text holds a zero byte");
	node->plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = strndup(bytes, len);
	return node->text ? 0 : fail_set(copy->fail, -ENOMEM, "out of memory");
}

static int copy_node(struct copy *copy, int index, unsigned depth, struct yaml_node **ret);

static int copy_list(struct copy *copy, struct yaml_node *node, const yaml_node_t *from,
                     unsigned depth)
{
	const yaml_node_item_t *first = from->data.sequence.items.start;
	size_t count = (size_t)(from->data.sequence.items.top - first);

	node->items = calloc(count + 1, sizeof(*node->items));
	if (!node->items)
		return fail_set(copy->fail, -ENOMEM, "out of memory");
	for (; node->count < count; node->count++)
		if (copy_node(copy, first[node->count], depth + 1, &node->items[node->count]) < 0)
			return copy->fail->code;
	return 0;
}

static int by_text(const void *left, const void *right)
{
	const struct yaml_node *const *a = left, *const *b = right;
	int order = strcmp((*a)->text, (*b)->text);

	if (order != 0)
		return order;
	// The later one is the one to complain of.
	return (*a)->place.line != (*b)->place.line ? ((*a)->place.line < (*b)->place.line ? -1 : 1)
	       : (*a)->place.column < (*b)->place.column ? -1
	                                                 : 1;
}

static int refuse_doubled(struct copy *copy, const struct yaml_node *node)
{
	auto_free struct yaml_node **sorted = calloc(node->count + 1, sizeof(*sorted));

	if (!sorted)
		return fail_set(copy->fail, -ENOMEM, "out of memory");
	memcpy(sorted, node->keys, node->count * sizeof(*sorted));
	qsort(sorted, node->count, sizeof(*sorted), by_text);
	for (size_t i = 1; i < node->count; i++)
		if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
			return yaml_refuse(&sorted[i]->place, copy->fail,
			                   "'%s' stands here for the second time; the first is in "
			                   "line %u",
			                   sorted[i]->text, sorted[i - 1]->place.line);
	return 0;
}

static int copy_map(struct copy *copy, struct yaml_node *node, const yaml_node_t *from,
                    unsigned depth)
{
	const yaml_node_pair_t *first = from->data.mapping.pairs.start;
	size_t count = (size_t)(from->data.mapping.pairs.top - first);

	node->keys = calloc(count + 1, sizeof(*node->keys));
	node->items = calloc(count + 1, sizeof(*node->items));
	if (!node->keys || !node->items)
		return fail_set(copy->fail, -ENOMEM, "out of memory");
	for (; node->count < count; node->count++) {
		struct yaml_node **key = &node->keys[node->count];
		const yaml_node_pair_t *pair = &first[node->count];

		// Counted only when whole, so that a half one is freed here.
		if (copy_node(copy, pair->key, depth + 1, key) < 0)
			return copy->fail->code;
		int err = 0;

		if ((*key)->kind != YAML_TEXT)
			err = yaml_refuse(&(*key)->place, copy->fail, "a key must be a word");
		else if (strcmp((*key)->text, "<<") == 0)
			err = yaml_refuse(&(*key)->place, copy->fail,
			                  "merging with << is not supported; write the keys out");
		else
			err = copy_node(copy, pair->value, depth + 1, &node->items[node->count]);
		if (err < 0) {
			free_node(*key);
			*key = NULL;
			return err;
		}
	}
	return refuse_doubled(copy, node);
}

static bool is_default_tag(const yaml_node_t *from)
{
	const char *tag = (const char *)from->tag;

	return !tag || strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, YAML_SEQ_TAG) == 0 ||
	       strcmp(tag, YAML_MAP_TAG) == 0;
}

// *ret is set only on success.
static int copy_node(struct copy *copy, int index, unsigned depth, struct yaml_node **ret)
{
	yaml_node_t *from = yaml_document_get_node(copy->document, index);
	struct yaml_place place = place_of(copy, from->start_mark);
	struct yaml_node *node;
	int err;

	if (depth > YAML_DEPTH_MOST)
		return yaml_refuse(&place, copy->fail, "more than %d levels, or one within itself",
		                   YAML_DEPTH_MOST);
	if (++copy->tree->nodes > YAML_NODES_MOST)
		return yaml_refuse(&place, copy->fail,
		                   "more than %d values when its aliases are followed",
		                   YAML_NODES_MOST);
	if (!is_default_tag(from))
		return yaml_refuse(&place, copy->fail, "the tag '%.60s' means nothing here",
		                   (const char *)from->tag);
	node = calloc(1, sizeof(*node));
	if (!node)
		return fail_set(copy->fail, -ENOMEM, "out of memory");
	node->place = place;
	node->kind = from->type == YAML_SCALAR_NODE     ? YAML_TEXT
	             : from->type == YAML_SEQUENCE_NODE ? YAML_LIST
	                                                : YAML_MAP;
	err = node->kind == YAML_TEXT   ? take_text(copy, node, from)
	      : node->kind == YAML_LIST ? copy_list(copy, node, from, depth)
	                                : copy_map(copy, node, from, depth);
	if (err < 0) {
		free_node(node);
		return err;
	}
	*ret = node;
	return 0;
}

// The place of a byte; a column is a character, as libyaml counts them.
static struct yaml_place place_of_byte(const struct copy *copy, size_t offset)
{
	struct yaml_place place = {.file = copy->tree->file, .line = 1, .column = 1};

	for (size_t i = 0; i < offset && i < copy->len; i++) {
		if (copy->bytes[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if ((copy->bytes[i] & 0xc0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

// What libyaml did not understand, and where.
static int refuse_syntax(const struct copy *copy, const yaml_parser_t *parser)
{
	struct yaml_place place = place_of(copy, parser->problem_mark);
	const char *problem = parser->problem ? parser->problem : "it cannot be read";

	if (parser->error == YAML_MEMORY_ERROR)
		return fail_set(copy->fail, -ENOMEM, "out of memory");
	if (parser->error == YAML_READER_ERROR) {
		place = place_of_byte(copy, parser->problem_offset);
		return yaml_refuse(&place, copy->fail, "%s", problem);
	}
	yaml_refuse(&place, copy->fail, "%s", problem);
	if (parser->problem_mark.index < copy->len &&
	    copy->bytes[parser->problem_mark.index] == '\t')
		fail_hint(copy->fail, "this is a tab; indent with spaces");
	else if (parser->context)
		fail_hint(copy->fail, "%s that begins in line %zu", parser->context,
		          parser->context_mark.line + 1);
	return -EINVAL;
}

static int refuse_second(struct copy *copy, yaml_parser_t *parser)
{
	yaml_document_t second;
	yaml_node_t *root;
	int err = 0;

	if (!yaml_parser_load(parser, &second))
		return refuse_syntax(copy, parser);
	root = yaml_document_get_root_node(&second);
	if (root) {
		struct yaml_place place = place_of(copy, root->start_mark);

		err = yaml_refuse(&place, copy->fail, "a second document begins here; one is read");
	}
	yaml_document_delete(&second);
	return err;
}

// 1 when the stream has ended.
static int check_event(const struct copy *copy, yaml_parser_t *parser, unsigned *depth)
{
	struct yaml_place place;
	yaml_event_t event;
	yaml_event_type_t type;

	if (!yaml_parser_parse(parser, &event))
		return refuse_syntax(copy, parser);
	type = event.type;
	place = place_of(copy, event.start_mark);
	yaml_event_delete(&event);
	if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
		++*depth;
	if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT)
		--*depth;
	if (*depth > YAML_DEPTH_MOST)
		return yaml_refuse(&place, copy->fail, "more than %d levels", YAML_DEPTH_MOST);
	return type == YAML_STREAM_END_EVENT;
}

static int check_depth(const struct copy *copy, const void *bytes, size_t len)
{
	yaml_parser_t parser;
	unsigned depth = 0;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return fail_set(copy->fail, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, bytes, len);
	while (err == 0)
		err = check_event(copy, &parser, &depth);
	yaml_parser_delete(&parser);
	return err < 0 ? err : 0;
}

static int load(struct yaml_tree *tree, yaml_parser_t *parser, const void *bytes, size_t len,
                struct fail *fail)
{
	yaml_document_t document;
	struct copy copy = {
		.tree = tree, .document = &document, .bytes = bytes, .len = len, .fail = fail};
	int err = check_depth(&copy, bytes, len);

	if (err < 0)
		return err;
	yaml_parser_set_input_string(parser, bytes, len);
	if (!yaml_parser_load(parser, &document))
		return refuse_syntax(&copy, parser);
	if (yaml_document_get_root_node(&document))
		err = copy_node(&copy, 1, 0, &tree->root);
	yaml_document_delete(&document);
	return err == 0 && tree->root ? refuse_second(&copy, parser) : err;
}

int yaml_tree_parse(const char *name, const void *bytes, size_t len, struct yaml_tree **ret,
                    struct fail *fail)
{
	struct yaml_tree *tree = calloc(1, sizeof(*tree));
	struct fail unheard = {0};
	yaml_parser_t parser;
	int err;

	if (tree)
		tree->file = strdup(name);
	if (!tree || !tree->file || !yaml_parser_initialize(&parser)) {
		yaml_tree_free(tree);
		return fail_set(fail, -ENOMEM, "out of memory");
	}
	err = load(tree, &parser, bytes, len, fail ? fail : &unheard);
	yaml_parser_delete(&parser);
	if (err < 0) {
		yaml_tree_free(tree);
		return err;
	}
	*ret = tree;
	return 0;
}

int yaml_tree_open(const char *path, struct yaml_tree **ret, struct fail *fail)
{
	auto_free char *bytes = malloc(YAML_BYTES_MOST + 1);
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t len;
	int err = 0;

	if (!file)
		// cppcheck-suppress memleak; auto_free
		return fail_errno(fail, -errno, "%s cannot be read", path);
	errno = 0;
	len = bytes ? fread(bytes, 1, YAML_BYTES_MOST + 1, file) : 0;
	if (!bytes)
		err = fail_set(fail, -ENOMEM, "out of memory");
	else if (ferror(file))
		err = fail_errno(fail, errno ? -errno : -EIO, "%s cannot be read", path);
	else if (len > YAML_BYTES_MOST)
		err = fail_set(fail, -EFBIG, "%s is longer than %d MiB", path,
		               YAML_BYTES_MOST >> 20);
	if (file != stdin)
		fclose(file);
	return err < 0 ? err : yaml_tree_parse(path, bytes, len, ret, fail);
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
	for (size_t i = 0; node && node->kind == YAML_MAP && i < node->count; i++)
		if (strcmp(node->keys[i]->text, key) == 0)
			return node->items[i];
	return NULL;
}

const char *yaml_text(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *value = yaml_get(node, key);

	return value && value->kind == YAML_TEXT ? value->text : NULL;
}

bool yaml_is_empty(const struct yaml_node *node)
{
	return node->kind == YAML_TEXT && node->plain && !node->text[0];
}
