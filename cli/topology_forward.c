// SPDX-License-Identifier: BSD-3-Clause
//
// topology_forward: "8080:web:80" and its longer form.
//
// In which net the guest is need not be said: it is that of its first card, which may stand in a file that
// is read later, so that is found when all is read. A forward is called after its port, and another of the same
// port after its net as well, since another router, or another outside address, has ports of its own.

#include "cli/topology.h"

#include "base/addr.h"
#include "base/fail.h"
#include "base/suggest.h"
#include "cli/mapping.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// Before the number of a name that is not the last one; no name of the user's has it.
#define APART "#"

// A name that none has yet: another forward of this port has to wait until its net is known.
static const char *name_apart(const struct topology *topology, const char *plain, char *buf,
                              size_t size)
{
	snprintf(buf, size, "%s", plain);
	for (size_t n = topology->object_count;
	     topology_find(topology, WEFT__INTENT__BODY_FORWARD, buf); n++)
		snprintf(buf, size, "%s" APART "%zu", plain, n);
	return buf;
}

static int take_forward(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	const struct schema_object *schema = schema_key(&schema_topology, "forwards")->object;
	const struct yaml_node *map = node->kind == YAML_TEXT ? node : yaml_get(node, "map");
	const char *protocol = yaml_text(node, "protocol");
	struct mapping mapping;
	struct ip_addr address;
	struct fail why = {0};
	ProtobufCMessage *body;
	char plain[120], name[160];
	bool is_address;

	if (!map)
		return yaml_refuse(&node->place, fail, "forward: 'map' is missing");
	if (mapping_parse(map->text, &mapping, &why) < 0) {
		yaml_refuse(&map->place, fail, "%s", why.what);
		fail_hint(fail, "%s", why.hint);
		return -EINVAL;
	}
	is_address = ip_parse(mapping.inside, &address) == 0;
	snprintf(plain, sizeof(plain), "%s%s-%s", protocol ? protocol : "tcp",
	         is_address && !ip_is4(address) ? "6" : "", mapping.outside);
	if (topology_add(topology, "forward", name_apart(topology, plain, name, sizeof(name)),
	                 &map->place, &body, fail) < 0 ||
	    topology_fill(topology, schema, node, body, fail) < 0 ||
	    topology_set(body, "outside_port", mapping.outside, fail) < 0 ||
	    topology_set(body, is_address ? "inside" : "guest", mapping.inside, fail) < 0 ||
	    topology_set(body, "inside_port", mapping.inside_port, fail) < 0)
		return fail->code;
	return 0;
}

int topology_take_forwards(struct topology *topology, const struct yaml_node *node,
                           struct fail *fail)
{
	if (node->kind == YAML_MAP || (node->kind == YAML_TEXT && !yaml_is_empty(node)))
		return take_forward(topology, node, fail);
	for (size_t i = 0; i < node->count; i++)
		if (!node->items[i]->broken && take_forward(topology, node->items[i], fail) < 0 &&
		    topology_go_on(topology, fail->code, fail) < 0)
			return fail->code;
	return 0;
}

// The first port of the guest, or the port of the name, that is in a net.
static const char *net_of(const struct topology *topology, const char *guest)
{
	for (size_t i = 0; i < topology->object_count; i++) {
		const Weft__Intent *object = topology->objects[i];

		if (object->body_case == WEFT__INTENT__BODY_PORT && object->port->net &&
		    (strcmp(object->name, guest) == 0 ||
		     (object->port->guest && strcmp(object->port->guest, guest) == 0)))
			return object->port->net;
	}
	return NULL;
}

static const char *outside_of(const Weft__Intent *forward)
{
	return forward->forward->outside ? forward->forward->outside : "any";
}

// Whether both have the same port of the same address; what of nets is not of this lab, others know.
static bool is_same(const struct topology *topology, const Weft__Intent *a, const Weft__Intent *b)
{
	const char *one = a->forward->net, *other = b->forward->net;

	if (strcasecmp(outside_of(a), outside_of(b)) != 0)
		return false;
	if (!one || !other || strcmp(one, other) == 0)
		return true;

	const Weft__Intent *net = topology_find(topology, WEFT__INTENT__BODY_NET, one);
	const Weft__Intent *its = topology_find(topology, WEFT__INTENT__BODY_NET, other);

	return net && its &&
	       strcmp(net->net->router ? net->net->router : "gw",
	              its->net->router ? its->net->router : "gw") == 0;
}

// "tcp-80-NET", and if need be with the outside address; as that of the port alone when it is doubled, which is
// told of then.
static void choose_name(const struct topology *topology, const Weft__Intent *forward, char *name,
                        size_t size)
{
	int len = (int)(strstr(forward->name, APART) - forward->name);
	const char *net = forward->forward->net;

	for (size_t i = 0; topology->objects[i] != forward; i++) {
		const Weft__Intent *other = topology->objects[i];

		if (other->body_case != WEFT__INTENT__BODY_FORWARD ||
		    strncmp(other->name, forward->name, (size_t)len) != 0 ||
		    (other->name[len] && other->name[len] != '-') ||
		    !is_same(topology, forward, other))
			continue;
		snprintf(name, size, "%s", other->name);
		return;
	}
	// One that is not of this lab.
	net += net[0] == '/';
	snprintf(name, size, "%.*s-%s", len, forward->name, net);
	if (topology_find(topology, WEFT__INTENT__BODY_FORWARD, name))
		snprintf(name, size, "%.*s-%s-%s", len, forward->name, net, outside_of(forward));
}

static int name_forward(struct topology *topology, Weft__Intent *forward, struct fail *fail)
{
	char name[200];

	if (!strstr(forward->name, APART) || !forward->forward->net)
		return 0;
	choose_name(topology, forward, name, sizeof(name));
	return topology_rename(topology, "forward", forward, name, fail);
}

static int refuse_guest(const struct topology *topology, const Weft__Intent *forward,
                        struct fail *fail)
{
	struct suggest suggest;
	char object[160];

	suggest_init(&suggest, forward->forward->guest);
	for (size_t i = 0; i < topology->object_count; i++)
		if (topology->objects[i]->body_case == WEFT__INTENT__BODY_PORT)
			suggest_consider(&suggest, topology->objects[i]->name);
	fail_set(fail, -EINVAL, "forward: there is no guest '%s' in a net",
	         forward->forward->guest);
	if (suggest.best)
		fail_hint(fail, "did you mean '%s'?", suggest.best);
	snprintf(object, sizeof(object), "forward/%s", forward->name);
	topology_locate(topology, object, NULL, fail);
	return -EINVAL;
}

static int place_forward(struct topology *topology, Weft__Intent *object, struct fail *fail)
{
	const char *net;

	if (object->forward->net)
		return 0;
	if (!object->forward->guest) {
		char key[160];

		snprintf(key, sizeof(key), "forward/%s", object->name);
		fail_set(fail, -EINVAL, "forward: to an address, it must say its net");
		topology_locate(topology, key, NULL, fail);
		return -EINVAL;
	}
	net = net_of(topology, object->forward->guest);
	if (!net)
		return topology_is_broken(topology, object->forward->guest)
		               ? 0
		               : refuse_guest(topology, object, fail);
	object->forward->net = strdup(net);
	return object->forward->net ? 0 : fail_set(fail, -ENOMEM, "out of memory");
}

int topology_place_forwards(struct topology *topology, struct fail *fail)
{
	for (size_t i = 0; i < topology->object_count; i++) {
		Weft__Intent *object = topology->objects[i];

		if (object->body_case == WEFT__INTENT__BODY_FORWARD &&
		    place_forward(topology, object, fail) < 0 &&
		    topology_go_on(topology, fail->code, fail) < 0)
			return fail->code;
	}
	// What a net and its router are is known now; earlier lines have the shorter names.
	for (size_t i = 0; i < topology->object_count; i++)
		if (topology->objects[i]->body_case == WEFT__INTENT__BODY_FORWARD &&
		    name_forward(topology, topology->objects[i], fail) < 0 &&
		    topology_go_on(topology, fail->code, fail) < 0)
			return fail->code;
	return 0;
}
