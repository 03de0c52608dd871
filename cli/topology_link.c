// SPDX-License-Identifier: BSD-3-Clause
//
// topology_link: wires between guests, and what is wrong with wires and ports.
//
// A link is joined to its guests when all files are read: a guest that is a namespace gets an interface
// more, with the next name that is free; one that is a machine or an interface already is the port itself.

#include "cli/topology.h"

#include "base/fail.h"
#include "base/suggest.h"
#include "cli/schema.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERFACES_MOST = 1024 };

static const struct schema_object *impairment_schema(void)
{
	const struct schema_object *link = schema_key(&schema_topology, "links")->object;

	return schema_key(link, "impair")->object;
}

// Effects, or a timeline of them; a mere text is the effects.
static bool says_something(const struct yaml_node *node)
{
	const char *effects = node->kind == YAML_TEXT ? node->text : yaml_text(node, "effects");
	const char *timeline = yaml_text(node, "timeline");

	return (effects && effects[strspn(effects, " \t\n")]) || timeline;
}

// One direction; "web:out", "l1:a-to-b".
static int take_direction(struct topology *topology, const char *field, const char *name,
                          const char *direction, const struct yaml_node *node, struct fail *fail)
{
	ProtobufCMessage *body;
	char own[200];

	if (!says_something(node)) {
		yaml_refuse(&node->place, fail, "it does not say what shall be wrong");
		fail_hint(fail,
		          "write effects, as delay 20ms loss 1%%, or a timeline; or leave it out");
		return -EINVAL;
	}
	snprintf(own, sizeof(own), "%s:%s", name, direction);
	if (topology_add(topology, "impair", own, &node->place, &body, fail) < 0 ||
	    topology_set(body, field, name, fail) < 0 ||
	    topology_set(body, "direction", direction, fail) < 0)
		return fail->code;
	return topology_fill(topology, impairment_schema(), node, body, fail);
}

// What is said of both directions, and what of one, which goes before.
static int take_directions(struct topology *topology, const char *field, const char *name,
                           const struct yaml_node *both, const char *const words[2],
                           const struct yaml_node *const nodes[2], struct fail *fail)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct yaml_node *node = nodes[i] ? nodes[i] : both;

		if (node && take_direction(topology, field, name, words[i], node, fail) < 0)
			return fail->code;
	}
	return 0;
}

int topology_take_impairments(struct topology *topology, const char *port,
                              const struct yaml_node *node, struct fail *fail)
{
	static const char *const words[] = {"in", "out"};

	return take_directions(topology, "port", port, yaml_get(node, "impair"), words,
	                       (const struct yaml_node *const[]){yaml_get(node, "impair-in"),
	                                                         yaml_get(node, "impair-out")},
	                       fail);
}

// The guests of a link called A--B.
static int own_end(struct topology_end *end, const struct yaml_node *key, struct fail *fail)
{
	const char *middle = strstr(key->text, "--");

	if (middle && end->end[0] == 'a')
		snprintf(end->own, sizeof(end->own), "%.*s", (int)(middle - key->text), key->text);
	else if (middle)
		snprintf(end->own, sizeof(end->own), "%s", middle + 2);
	if (end->own[0])
		return 0;
	yaml_refuse(&key->place, fail, "link '%s' does not say whose its end %s is", key->text,
	            end->end);
	fail_hint(fail, "say %s: GUEST, or call the link GUEST--GUEST", end->end);
	return -EINVAL;
}

static int add_end(struct topology *topology, const struct yaml_node *key,
                   const struct yaml_node *node, const char *word, struct fail *fail)
{
	const struct yaml_node *guest = yaml_get(node, word);
	struct topology_end *more =
		realloc(topology->ends, (topology->end_count + 1) * sizeof(*more));
	struct topology_end *end;

	if (!more)
		return fail_set(fail, -ENOMEM, "out of memory");
	topology->ends = more;
	end = &more[topology->end_count++];
	*end = (struct topology_end){.link = key->text,
	                             .end = word,
	                             .guest = guest ? guest->text : NULL,
	                             .node = node,
	                             .place = guest ? guest->place : key->place};
	if (guest || own_end(end, key, fail) == 0)
		return 0;
	topology->end_count--;
	return fail->code;
}

static const char *owner_of(const struct topology_end *end)
{
	return end->guest ? end->guest : end->own;
}

// A wire has two ends that differ, in whose they are and in their addresses.
static int check_ends(const struct topology_end *a, const struct topology_end *b, struct fail *fail)
{
	const char *one = yaml_text(a->node, "a-address"), *other = yaml_text(b->node, "b-address");
	size_t len = strcspn(owner_of(a), ":");

	if (len == strcspn(owner_of(b), ":") && strncmp(owner_of(a), owner_of(b), len) == 0) {
		yaml_refuse(&b->place, fail, "link '%s' leads from guest '%.*s' to itself", a->link,
		            (int)len, owner_of(a));
		fail_hint(fail, "a wire joins two guests");
		return -EINVAL;
	}
	len = one ? strcspn(one, "/") : 0;
	if (one && other && len == strcspn(other, "/") && strncmp(one, other, len) == 0)
		return yaml_refuse(&yaml_get(b->node, "b-address")->place, fail,
		                   "link '%s' has the address %.*s at both ends", a->link, (int)len,
		                   one);
	return 0;
}

static int take_link(struct topology *topology, const struct yaml_node *key,
                     const struct yaml_node *node, struct fail *fail)
{
	static const char *const words[] = {"a-to-b", "b-to-a"};
	const struct schema_object *schema = schema_key(&schema_topology, "links")->object;
	ProtobufCMessage *body;

	if (topology_add(topology, "link", key->text, &key->place, &body, fail) < 0 ||
	    topology_fill(topology, schema, node, body, fail) < 0 ||
	    add_end(topology, key, node, "a", fail) < 0 ||
	    add_end(topology, key, node, "b", fail) < 0)
		return fail->code;
	if (check_ends(&topology->ends[topology->end_count - 2],
	               &topology->ends[topology->end_count - 1], fail) < 0) {
		topology->end_count -= 2;
		return -EINVAL;
	}
	return take_directions(topology, "link", key->text, yaml_get(node, "impair"), words,
	                       (const struct yaml_node *const[]){yaml_get(node, words[0]),
	                                                         yaml_get(node, words[1])},
	                       fail);
}

int topology_take_links(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
		if (!node->items[i]->broken &&
		    take_link(topology, node->keys[i], node->items[i], fail) < 0 &&
		    topology_go_on(topology, fail->code, fail) < 0)
			return fail->code;
	return 0;
}

static int by_interface(const void *left, const void *right)
{
	const Weft__PortIntent *one = left, *other = right;
	int order = strcmp(one->guest, other->guest);

	return order ? order : strcmp(one->ifname, other->ifname);
}

static bool has_interface(void *const *interfaces, char *guest, char *ifname)
{
	Weft__PortIntent wanted = {.guest = guest, .ifname = ifname};

	return tfind(&wanted, interfaces, by_interface) != NULL;
}

static int add_interface(void **interfaces, const Weft__PortIntent *port, struct fail *fail)
{
	if (port->guest && port->ifname && !tsearch(port, interfaces, by_interface))
		return fail_set(fail, -ENOMEM, "out of memory");
	return 0;
}

// The ports that have a guest and an interface's name, to find them by both.
static int list_interfaces(const struct topology *topology, void **interfaces, struct fail *fail)
{
	for (size_t i = 0; i < topology->object_count; i++)
		if (topology->objects[i]->body_case == WEFT__INTENT__BODY_PORT &&
		    add_interface(interfaces, topology->objects[i]->port, fail) < 0)
			return fail->code;
	return 0;
}

// As wanted, or by the next name that is free.
static int name_interface(void **interfaces, const char *wanted, Weft__PortIntent *port,
                          struct fail *fail)
{
	ProtobufCMessage *body = (ProtobufCMessage *)(void *)port;
	char name[32];
	int err;

	for (unsigned n = 0; !wanted && n < INTERFACES_MOST; n++) {
		snprintf(name, sizeof(name), "eth%u", n);
		if (!has_interface(interfaces, port->guest, name))
			break;
	}
	err = topology_set(body, "ifname", wanted ? wanted : name, fail);
	return err < 0 ? err : add_interface(interfaces, port, fail);
}

// What the link says of this end's interface.
static int set_end(const struct topology_end *end, ProtobufCMessage *body, struct fail *fail)
{
	const char *mtu = yaml_text(end->node, "mtu");
	const struct yaml_node *addresses =
		yaml_get(end->node, end->end[0] == 'a' ? "a-address" : "b-address");
	size_t count = !addresses ? 0 : addresses->kind == YAML_LIST ? addresses->count : 1;

	for (size_t i = 0; i < count; i++)
		if (topology_set(body, "addresses",
		                 addresses->kind == YAML_LIST ? addresses->items[i]->text
		                                              : addresses->text,
		                 fail) < 0)
			return fail->code;
	if (mtu && topology_set(body, "mtu", mtu, fail) < 0)
		return fail->code;
	return topology_set(body, "link", end->link, fail) < 0
	               ? fail->code
	               : topology_set(body, "end", end->end, fail);
}

static int refuse_guest(const struct topology *topology, const struct topology_end *end,
                        const char *guest, struct fail *fail)
{
	struct suggest suggest;

	suggest_init(&suggest, guest);
	for (size_t i = 0; i < topology->object_count; i++)
		if (topology->objects[i]->body_case == WEFT__INTENT__BODY_GUEST)
			suggest_consider(&suggest, topology->objects[i]->name);
	yaml_refuse(&end->place, fail, "link '%s' leads to '%s', and there is no such guest",
	            end->link, guest);
	if (suggest.best)
		fail_hint(fail, "did you mean '%s'?", suggest.best);
	return -EINVAL;
}

static int join(struct topology *topology, void **interfaces, const struct topology_end *end,
                struct fail *fail)
{
	char guest[128], name[200], *ifname;
	const Weft__Intent *alone;
	ProtobufCMessage *body;

	snprintf(guest, sizeof(guest), "%s", end->guest ? end->guest : end->own);
	ifname = strchr(guest, ':');
	if (ifname)
		*ifname++ = '\0';
	alone = topology_find(topology, WEFT__INTENT__BODY_PORT, guest);
	if (topology_find(topology, WEFT__INTENT__BODY_GUEST, guest)) {
		snprintf(name, sizeof(name), "%s.%s", guest, end->link);
		if (topology_add(topology, "port", name, &end->place, &body, fail) < 0 ||
		    topology_set(body, "attach", "tap", fail) < 0 ||
		    topology_set(body, "guest", guest, fail) < 0 ||
		    name_interface(interfaces, ifname, (Weft__PortIntent *)(void *)body, fail) < 0)
			return fail->code;
		return set_end(end, body, fail);
	}
	if (!alone && topology_is_broken(topology, guest))
		return 0;
	if (!alone)
		return refuse_guest(topology, end, guest, fail);
	if (alone->port->link || alone->port->net)
		return yaml_refuse(&end->place, fail,
		                   "link '%s' leads to '%s', which is in %s already", end->link,
		                   guest, alone->port->link ? "another link" : "a net");
	return set_end(end, (ProtobufCMessage *)(void *)alone->port, fail);
}

// The ports are the topology's.
static void keep(void *port)
{
}

static int join_all(struct topology *topology, struct fail *fail)
{
	void *interfaces = NULL;
	int err = topology->end_count ? list_interfaces(topology, &interfaces, fail) : 0;

	for (size_t i = 0; i < topology->end_count && err == 0; i++) {
		err = join(topology, &interfaces, &topology->ends[i], fail);
		if (err < 0)
			err = topology_go_on(topology, err, fail);
	}
	tdestroy(interfaces, keep);
	return err;
}

int topology_join_links(struct topology *topology, struct fail *fail)
{
	if (join_all(topology, fail) < 0)
		return fail->code;
	for (size_t i = 0; i < topology->object_count; i++) {
		const Weft__Intent *object = topology->objects[i];
		char key[200];

		if (object->body_case != WEFT__INTENT__BODY_PORT || object->port->net ||
		    object->port->link || object->port->n_trunk > 0 || object->port->has_native)
			continue;
		snprintf(key, sizeof(key), "port/%s", object->name);
		fail_set(fail, -EINVAL, "guest '%s' is in no net", object->name);
		fail_hint(fail, "say net, trunk or native, or give it a link");
		topology_locate(topology, key, NULL, fail);
		topology_go_on(topology, -EINVAL, fail);
	}
	return 0;
}
