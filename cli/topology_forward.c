// SPDX-License-Identifier: BSD-3-Clause
//
// topology_forward: "8080:web:80" and its longer form.
//
// In which net the guest is need not be said: it is that of its first card, which may stand in a file that
// is read later, so that is found when all is read.

#include "cli/topology.h"

#include "base/addr.h"
#include "base/fail.h"
#include "base/suggest.h"
#include "cli/mapping.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int take_forward(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	const struct schema_object *schema = schema_key(&schema_topology, "forwards")->object;
	const struct yaml_node *map = node->kind == YAML_TEXT ? node : yaml_get(node, "map");
	const char *protocol = yaml_text(node, "protocol");
	struct mapping mapping;
	struct ip_addr address;
	struct fail why = {0};
	ProtobufCMessage *body;
	char name[160];
	bool is_address;

	if (!map)
		return yaml_refuse(&node->place, fail, "forward: 'map' is missing");
	if (mapping_parse(map->text, &mapping, &why) < 0) {
		yaml_refuse(&map->place, fail, "%s", why.what);
		fail_hint(fail, "%s", why.hint);
		return -EINVAL;
	}
	is_address = ip_parse(mapping.inside, &address) == 0;
	snprintf(name, sizeof(name), "%s%s-%s", protocol ? protocol : "tcp",
	         is_address && !ip_is4(address) ? "6" : "", mapping.outside);
	if (topology_add(topology, "forward", name, &map->place, &body, fail) < 0 ||
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

int topology_place_forwards(struct topology *topology, struct fail *fail)
{
	for (size_t i = 0; i < topology->object_count; i++) {
		Weft__Intent *object = topology->objects[i];
		const char *net;

		if (object->body_case != WEFT__INTENT__BODY_FORWARD || object->forward->net)
			continue;
		if (!object->forward->guest) {
			char key[160];

			snprintf(key, sizeof(key), "forward/%s", object->name);
			fail_set(fail, -EINVAL, "forward: to an address, it must say its net");
			topology_locate(topology, key, NULL, fail);
			topology_go_on(topology, -EINVAL, fail);
			continue;
		}
		net = net_of(topology, object->forward->guest);
		if (!net) {
			if (!topology_is_broken(topology, object->forward->guest))
				topology_go_on(topology, refuse_guest(topology, object, fail),
				               fail);
			continue;
		}
		object->forward->net = strdup(net);
	}
	return 0;
}
