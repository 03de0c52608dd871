// SPDX-License-Identifier: BSD-3-Clause
//
// schema: holds a tree to the table.
//
// After the check, whoever builds from the tree may take its shape for granted: keys are known, lists are
// lists or the one item that stands for one, texts can be read as their kind.

#include "cli/schema.h"

#include "base/fail.h"
#include "base/suggest.h"
#include "cli/yaml_tree.h"

#include <errno.h>
#include <string.h>

const struct schema_key *schema_key(const struct schema_object *object, const char *name)
{
	for (const struct schema_key *key = object->keys; key->name; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static const char *what_stands(const struct yaml_node *node)
{
	return yaml_is_empty(node)       ? "nothing"
	       : node->kind == YAML_LIST ? "a list"
	       : node->kind == YAML_MAP  ? "keys with values"
	                                 : "a text";
}

static int refuse_key(const struct schema_object *object, const struct yaml_node *node,
                      struct fail *fail)
{
	struct suggest suggest;

	suggest_init(&suggest, node->text);
	for (const struct schema_key *key = object->keys; key->name; key++)
		suggest_consider(&suggest, key->name);
	yaml_refuse(&node->place, fail, "%s %s has no '%.60s'",
	            strchr("aeiou", object->name[0]) ? "an" : "a", object->name, node->text);
	if (suggest.best)
		fail_hint(fail, "did you mean '%s'?", suggest.best);
	else
		fail_hint(fail, "'weft schema --table' lists all keys");
	return -EINVAL;
}

static int check_one(const struct schema_key *key, const struct yaml_node *node, struct fail *fail)
{
	struct fail why = {0};
	struct scalar scalar;

	if (key->kind == SCHEMA_OBJECT)
		return schema_check(key->object, node, fail);
	if (node->kind != YAML_TEXT || yaml_is_empty(node)) {
		yaml_refuse(&node->place, fail, "%s: %s stands where a value is wanted", key->name,
		            what_stands(node));
		fail_hint(fail, "write %s", scalar_words(key->kind));
		return -EINVAL;
	}
	if (scalar_read(key, node->text, &scalar, &why) == 0)
		return 0;
	yaml_refuse(&node->place, fail, "%s", why.what);
	if (why.hint[0])
		fail_hint(fail, "%s", why.hint);
	return -EINVAL;
}

static int check_names(const struct schema_key *key, const struct yaml_node *node,
                       struct fail *fail)
{
	static const struct schema_key plain = {.name = "name", .kind = SCHEMA_NAME};

	if (yaml_is_empty(node))
		return 0;
	if (node->kind != YAML_MAP)
		return yaml_refuse(&node->place, fail,
		                   "%s: %s stands where names with values are wanted", key->name,
		                   what_stands(node));
	for (size_t i = 0; i < node->count; i++) {
		const struct yaml_node *name = node->keys[i];
		struct scalar scalar;
		struct fail why = {0};

		// The names of routes are prefixes; a slash in front is for what is outside of the lab.
		if (strcmp(key->name, "routes") != 0 &&
		    (name->text[0] == '/' || scalar_read(&plain, name->text, &scalar, &why) < 0)) {
			yaml_refuse(&name->place, fail, "%s: '%.60s' is not a name", key->name,
			            name->text);
			fail_hint(fail, "a name has 1 to 63 letters, digits, '.', '_' or '-', and "
			                "begins with a letter or digit");
			return -EINVAL;
		}
		if (key->kind == SCHEMA_OBJECT && yaml_is_empty(node->items[i]))
			continue;
		if (check_one(key, node->items[i], fail) < 0)
			return -EINVAL;
	}
	return 0;
}

static int check_key(const struct schema_key *key, const struct yaml_node *node, struct fail *fail)
{
	if (key->shape == SCHEMA_NAMED)
		return check_names(key, node, fail);
	if (key->shape == SCHEMA_LIST && yaml_is_empty(node))
		return 0;
	if (key->shape == SCHEMA_ONE || node->kind != YAML_LIST)
		return check_one(key, node, fail);
	for (size_t i = 0; i < node->count; i++)
		if (check_one(key, node->items[i], fail) < 0)
			return -EINVAL;
	return 0;
}

int schema_check(const struct schema_object *object, const struct yaml_node *node,
                 struct fail *fail)
{
	if (object->bare && node->kind == YAML_TEXT && !yaml_is_empty(node))
		return check_one(schema_key(object, object->bare), node, fail);
	if (node->kind != YAML_MAP)
		return yaml_refuse(&node->place, fail, "%s: %s stands where its keys are wanted",
		                   object->name, what_stands(node));
	for (size_t i = 0; i < node->count; i++) {
		const struct schema_key *key = schema_key(object, node->keys[i]->text);

		if (!key)
			return refuse_key(object, node->keys[i], fail);
		if (check_key(key, node->items[i], fail) < 0)
			return -EINVAL;
	}
	if (object->single && node->count != 1)
		return yaml_refuse(&node->place, fail, "a %s is one key with its value, not %zu",
		                   object->name, node->count);
	for (const struct schema_key *key = object->keys; key->name; key++)
		if (key->required && !yaml_get(node, key->name))
			return yaml_refuse(&node->place, fail, "%s: '%s' is missing", object->name,
			                   key->name);
	return 0;
}
