// SPDX-License-Identifier: BSD-3-Clause
//
// containerlab: maps what can be mapped, and names the rest.
//
// There, nodes are containers and every link is a pair of interfaces; a bridge of the host is a node as well.
// Here a node of kind linux becomes a namespace of this machine (its image is not there: its programs are those
// of the machine), and a bridge becomes a net. Network operating systems in containers have nothing to become.
// Files are read without knowing all of their keys: containerlab gains some with each release.

#include "cli/containerlab.h"

#include "base/fail.h"
#include "cli/export.h"
#include "cli/yaml_tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64 };

struct import {
	const struct yaml_node *nodes, *links, *topology;
	FILE *out, *notes; // Notes come first, and are known last.
	unsigned unmapped;
	struct fail *fail;
};

static void __attribute__((format(printf, 3, 4)))
note(struct import *import, const struct yaml_node *at, const char *fmt, ...)
{
	va_list args;

	fprintf(import->notes, "# not mapped, line %u: ", at->place.line);
	va_start(args, fmt);
	vfprintf(import->notes, fmt, args);
	va_end(args);
	fputc('\n', import->notes);
	import->unmapped++;
}

static const char *kind_of(const struct import *import, const struct yaml_node *node)
{
	const char *kind = yaml_text(node, "kind");

	if (!kind)
		kind = yaml_text(yaml_get(import->topology, "defaults"), "kind");
	return kind ? kind : "linux";
}

static bool is_bridge(const char *kind)
{
	return strcmp(kind, "bridge") == 0 || strcmp(kind, "ovs-bridge") == 0;
}

static bool is_linux(const char *kind)
{
	return strcmp(kind, "linux") == 0 || strcmp(kind, "ext-container") == 0;
}

// Names of ours have letters, digits, '.', '_' and '-'.
static const char *clean(const char *name, char buf[static NAME_SIZE])
{
	size_t len = strnlen(name, NAME_SIZE - 1);

	for (size_t i = 0; i < len; i++)
		buf[i] = isalnum((unsigned char)name[i]) || name[i] == '_' ? name[i] : '-';
	buf[len] = '\0';
	if (!isalnum((unsigned char)buf[0]))
		buf[0] = 'x';
	return buf;
}

struct end {
	char node[NAME_SIZE], interface[NAME_SIZE];
	const struct yaml_node *found; // The node; NULL: there is none.
	const char *kind;
};

// "n1:eth1", or {node: n1, interface: eth1}.
static bool read_end(const struct import *import, const struct yaml_node *node, struct end *ret)
{
	const char *text = node->kind == YAML_TEXT ? node->text : NULL;
	const char *colon = text ? strchr(text, ':') : NULL;

	*ret = (struct end){.kind = ""};
	if (colon) {
		snprintf(ret->node, sizeof(ret->node), "%.*s", (int)(colon - text), text);
		snprintf(ret->interface, sizeof(ret->interface), "%s", colon + 1);
	} else if (yaml_text(node, "node")) {
		snprintf(ret->node, sizeof(ret->node), "%s", yaml_text(node, "node"));
		snprintf(ret->interface, sizeof(ret->interface), "%s",
		         yaml_text(node, "interface") ? yaml_text(node, "interface") : "eth1");
	}
	ret->found = yaml_get(import->nodes, ret->node);
	if (ret->found)
		ret->kind = kind_of(import, ret->found);
	return ret->node[0] != '\0';
}

// The ends of a link; false when it is of a sort that has none, or not two.
static bool ends_of(const struct import *import, const struct yaml_node *link, struct end ends[2])
{
	const struct yaml_node *list = yaml_get(link, "endpoints");

	return list && list->kind == YAML_LIST && list->count == 2 &&
	       read_end(import, list->items[0], &ends[0]) &&
	       read_end(import, list->items[1], &ends[1]);
}

static void print_commands(const struct import *import, const struct yaml_node *commands)
{
	bool any = false;

	if (!commands || commands->kind != YAML_LIST)
		return;
	fprintf(import->out, "    run:\n");
	for (size_t i = 0; i < commands->count; i++) {
		if (commands->items[i]->kind != YAML_TEXT)
			continue;
		fprintf(import->out, "      - ");
		export_text(import->out, commands->items[i]->text);
		fprintf(import->out, "\n");
		any = true;
	}
	if (!any)
		fprintf(import->out, "      []\n");
}

// The cards that lead to bridges.
static void print_nics(const struct import *import, const char *node)
{
	bool any = false;

	for (size_t i = 0; import->links && i < import->links->count; i++) {
		struct end ends[2];
		char net[NAME_SIZE], name[NAME_SIZE];

		if (!ends_of(import, import->links->items[i], ends))
			continue;
		for (unsigned own = 0; own < 2; own++) {
			if (strcmp(ends[own].node, node) != 0 || !is_bridge(ends[!own].kind))
				continue;
			if (!any)
				fprintf(import->out, "    nics:\n");
			any = true;
			fprintf(import->out, "      %s: {net: %s, ip: none}\n",
			        clean(ends[own].interface, name), clean(ends[!own].node, net));
		}
	}
}

static void take_node(struct import *import, const struct yaml_node *key,
                      const struct yaml_node *node)
{
	static const char *const lost[] = {"image",     "binds",          "ports",   "env",
	                                   "cmd",       "startup-config", "license", "network-mode",
	                                   "mgmt-ipv4", "mgmt-ipv6",      "group",   NULL};
	const char *kind = kind_of(import, node);
	char name[NAME_SIZE];

	if (is_bridge(kind))
		return;
	if (!is_linux(kind)) {
		note(import, key, "node %s: its kind %s is a program of its own, or no guest",
		     key->text, kind);
		return;
	}
	for (unsigned i = 0; lost[i]; i++)
		if (yaml_get(node, lost[i]))
			note(import, yaml_get(node, lost[i]), "node %s: %s%s", key->text, lost[i],
			     i == 0 ? "; a guest sees the programs of this machine" : "");
	fprintf(import->out, "  %s:\n", clean(key->text, name));
	if (!yaml_get(node, "exec"))
		fprintf(import->out, "    kind: ns\n");
	print_nics(import, key->text);
	print_commands(import, yaml_get(node, "exec"));
}

static void take_nodes(struct import *import)
{
	bool nets = false;
	char name[NAME_SIZE];

	for (size_t i = 0; i < import->nodes->count; i++) {
		if (!is_bridge(kind_of(import, import->nodes->items[i])))
			continue;
		fprintf(import->out, "%s  %s: {}\n", nets ? "" : "nets:\n",
		        clean(import->nodes->keys[i]->text, name));
		nets = true;
	}
	fprintf(import->out, "guests:\n");
	for (size_t i = 0; i < import->nodes->count; i++)
		take_node(import, import->nodes->keys[i], import->nodes->items[i]);
}

static void take_link(struct import *import, const struct yaml_node *link, size_t number, bool *any)
{
	const char *type = yaml_text(link, "type"), *mtu = yaml_text(link, "mtu");
	char a[NAME_SIZE], b[NAME_SIZE], a_if[NAME_SIZE], b_if[NAME_SIZE];
	struct end ends[2];

	if ((type && strcmp(type, "veth") != 0) || !ends_of(import, link, ends)) {
		note(import, link, "link %zu: %s%s", number,
		     type ? "its type " : "it has not two ends", type ? type : "");
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (ends[i].found && (is_linux(ends[i].kind) || is_bridge(ends[i].kind)))
			continue;
		note(import, link, "link %zu: its end %s:%s", number, ends[i].node,
		     ends[i].interface);
		return;
	}
	// A card of a guest in a net, or two bridges that would have to be one.
	if (is_bridge(ends[0].kind) || is_bridge(ends[1].kind)) {
		if (is_bridge(ends[0].kind) && is_bridge(ends[1].kind))
			note(import, link, "link %zu: it joins the bridges %s and %s", number,
			     ends[0].node, ends[1].node);
		return;
	}
	fprintf(import->out, "%s  l%zu: {a: \"%s:%s\", b: \"%s:%s\"", *any ? "" : "links:\n",
	        number, clean(ends[0].node, a), clean(ends[0].interface, a_if),
	        clean(ends[1].node, b), clean(ends[1].interface, b_if));
	*any = true;
	if (mtu && mtu[strspn(mtu, "0123456789")] == '\0')
		fprintf(import->out, ", mtu: %s", mtu);
	fprintf(import->out, "}\n");
}

static void convert(struct import *import, const struct yaml_node *root)
{
	static const char *const shared[] = {"kinds", "groups"};
	const char *name = yaml_text(root, "name");
	char lab[NAME_SIZE];
	bool any = false;

	if (yaml_get(root, "mgmt"))
		note(import, yaml_get(root, "mgmt"),
		     "mgmt: guests have no network but what is said");
	for (unsigned i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (yaml_get(import->topology, shared[i]))
			note(import, yaml_get(import->topology, shared[i]),
			     "%s: what nodes have in common has to be said of each", shared[i]);
	fprintf(import->out, "lab: %s\n", clean(name ? name : "imported", lab));
	take_nodes(import);
	for (size_t i = 0; import->links && i < import->links->count; i++)
		take_link(import, import->links->items[i], i + 1, &any);
}

static int read_shape(struct import *import, const struct yaml_tree *tree)
{
	const struct yaml_node *root = tree->root;
	struct yaml_place top = {.file = tree->file, .line = 1, .column = 1};

	import->topology = yaml_get(root, "topology");
	import->nodes = yaml_get(import->topology, "nodes");
	import->links = yaml_get(import->topology, "links");
	if (!import->nodes || import->nodes->kind != YAML_MAP)
		return yaml_refuse(root ? &root->place : &top, import->fail,
		                   "this is no containerlab file: it has no topology with nodes");
	if (import->links && import->links->kind != YAML_LIST)
		return yaml_refuse(&import->links->place, import->fail, "links must be a list");
	return 0;
}

int containerlab_import(const char *path, FILE *out, unsigned *ret_unmapped, struct fail *fail)
{
	struct import import = {.fail = fail};
	char *text = NULL, *notes = NULL;
	size_t text_len, notes_len;
	struct yaml_tree *tree;
	int err = yaml_tree_open(path, &tree, fail);

	if (err < 0)
		return err;
	err = read_shape(&import, tree);
	if (err == 0) {
		import.out = open_memstream(&text, &text_len);
		import.notes = open_memstream(&notes, &notes_len);
		if (!import.out || !import.notes)
			err = fail_set(fail, -ENOMEM, "out of memory");
	}
	if (err == 0)
		convert(&import, tree->root);
	if (import.out)
		fclose(import.out);
	if (import.notes)
		fclose(import.notes);
	if (err == 0) {
		fprintf(out, "# Made of the containerlab file %s.\n%s%s", path, notes, text);
		*ret_unmapped = import.unmapped;
	}
	free(text);
	free(notes);
	yaml_tree_free(tree);
	return err;
}
