// SPDX-License-Identifier: BSD-3-Clause
//
// schema: holds a tree to the table.
//
// After the check, whoever builds from the tree may take the shape of what is not broken for granted: keys are
// known, lists are lists or the one item that stands for one, texts can be read as their kind.

#include "cli/schema.h"

#include "base/fail.h"
#include "base/suggest.h"
#include "cli/faults.h"
#include "cli/yaml_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MOST = 63 };

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
                      struct faults *faults)
{
	struct suggest suggest;
	char hint[100];

	suggest_init(&suggest, node->text);
	for (const struct schema_key *key = object->keys; key->name; key++)
		suggest_consider(&suggest, key->name);
	snprintf(hint, sizeof(hint), "did you mean '%.60s'?", suggest.best ? suggest.best : "");
	return faults_refuse(faults, &node->place,
	                     suggest.best      ? hint
	                     : object->strange ? object->strange
	                                       : "'weft schema --table' lists all keys",
	                     "%s %s has no '%.60s'", strchr("aeiou", object->name[0]) ? "an" : "a",
	                     object->name, node->text);
}

static int check_one(const struct schema_key *key, const struct yaml_node *node,
                     struct faults *faults)
{
	struct fail why = {0};
	struct scalar scalar;
	char hint[160];

	if (key->kind == SCHEMA_OBJECT)
		return schema_check(key->object, node, faults);
	if (node->kind != YAML_TEXT || yaml_is_empty(node)) {
		snprintf(hint, sizeof(hint), "write %s", scalar_words(key->kind));
		return faults_refuse(faults, &node->place, hint,
		                     "%s: %s stands where a value is wanted", key->name,
		                     what_stands(node));
	}
	if (scalar_read(key, node->text, &scalar, &why) == 0)
		return 0;
	return faults_refuse(faults, &node->place, why.hint[0] ? why.hint : NULL, "%s", why.what);
}

static int check_name(const struct schema_key *key, const struct yaml_node *name,
                      struct faults *faults)
{
	static const struct schema_key plain = {.name = "name", .kind = SCHEMA_NAME};
	struct scalar scalar;
	struct fail why = {0};

	// The names of routes are prefixes; a slash in front is for what is outside of the lab.
	if (strcmp(key->name, "routes") == 0 ||
	    (name->text[0] != '/' && scalar_read(&plain, name->text, &scalar, &why) == 0))
		return 0;
	if (strlen(name->text) > NAME_MOST)
		return faults_refuse(faults, &name->place, "choose a shorter one",
		                     "%s: the name '%.70s' has %zu letters, and %d fit", key->name,
		                     name->text, strlen(name->text), NAME_MOST);
	return faults_refuse(faults, &name->place,
	                     "a name has 1 to 63 letters, digits, '.', '_' or '-', and begins "
	                     "with a letter or digit",
	                     "%s: '%.60s' is not a name", key->name, name->text);
}

static int check_names(const struct schema_key *key, const struct yaml_node *node,
                       struct faults *faults)
{
	int err = 0;

	if (yaml_is_empty(node))
		return 0;
	if (node->kind != YAML_MAP)
		return faults_refuse(faults, &node->place, NULL,
		                     "%s: %s stands where names with values are wanted", key->name,
		                     what_stands(node));
	for (size_t i = 0; i < node->count; i++) {
		int wrong = check_name(key, node->keys[i], faults);

		if ((key->kind != SCHEMA_OBJECT || !yaml_is_empty(node->items[i])) &&
		    check_one(key, node->items[i], faults) < 0)
			wrong = -EINVAL;
		if (wrong < 0)
			node->items[i]->broken = true;
		err = wrong < 0 ? wrong : err;
	}
	return err;
}

static int check_key(const struct schema_key *key, struct yaml_node *node, struct faults *faults)
{
	int err = 0;

	if (key->shape == SCHEMA_NAMED) {
		err = check_names(key, node, faults);
		node->broken = node->broken || (err < 0 && node->kind != YAML_MAP);
		return err;
	}
	if (key->shape == SCHEMA_LIST && yaml_is_empty(node))
		return 0;
	if (key->shape == SCHEMA_ONE || node->kind != YAML_LIST) {
		err = check_one(key, node, faults);
		node->broken = node->broken || err < 0;
		return err;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (check_one(key, node->items[i], faults) == 0)
			continue;
		node->items[i]->broken = true;
		err = -EINVAL;
	}
	return err;
}

int schema_check(const struct schema_object *object, const struct yaml_node *node,
                 struct faults *faults)
{
	int err = 0;

	if (object->bare && node->kind == YAML_TEXT && !yaml_is_empty(node))
		return check_one(schema_key(object, object->bare), node, faults);
	if (node->kind != YAML_MAP)
		return faults_refuse(faults, &node->place, NULL,
		                     "%s: %s stands where its keys are wanted", object->name,
		                     what_stands(node));
	for (size_t i = 0; i < node->count; i++) {
		const struct schema_key *key = schema_key(object, node->keys[i]->text);

		if (!key)
			err = refuse_key(object, node->keys[i], faults);
		else if (check_key(key, node->items[i], faults) < 0)
			err = -EINVAL;
	}
	if (object->single && node->count != 1)
		err = faults_refuse(faults, &node->place, NULL,
		                    "a %s is one key with its value, not %zu", object->name,
		                    node->count);
	for (const struct schema_key *key = object->keys; key->name; key++)
		if (key->required && !yaml_get(node, key->name))
			err = faults_refuse(faults, &node->place, NULL, "%s: '%s' is missing",
			                    object->name, key->name);
	return err;
}
