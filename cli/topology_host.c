// SPDX-License-Identifier: BSD-3-Clause
//
// topology_host: datapaths beside the local one.
//
// One in a namespace is three objects of one name: the host, the namespace, and the port by which that
// reaches the others; its address is the port's. With a second port it has a second address. One elsewhere is the
// host alone.

#include "cli/topology.h"

#include "base/fail.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct schema_object *host_schema(void)
{
	return schema_key(&schema_topology, "hosts")->object;
}

// The second port of its namespace, whose address is the host's second.
static int take_backup(struct topology *topology, const char *name, const struct yaml_place *place,
                       const struct yaml_node *node, struct fail *fail)
{
	const char *backup = yaml_text(node, "backup"), *mtu = yaml_text(node, "mtu");
	ProtobufCMessage *body;
	char port[128];

	snprintf(port, sizeof(port), "%s-backup", name);
	if (topology_add(topology, "port", port, place, &body, fail) < 0 ||
	    topology_set(body, "attach", "tap", fail) < 0 ||
	    topology_set(body, "guest", name, fail) < 0 ||
	    topology_set(body, "ifname", "eth1", fail) < 0 ||
	    topology_set(body, "net", yaml_text(node, "backup-net"), fail) < 0 ||
	    (mtu && topology_set(body, "mtu", mtu, fail) < 0))
		return fail->code;
	return topology_set(body, "ip", backup ? backup : "auto", fail);
}

static int take_namespace(struct topology *topology, const char *name,
                          const struct yaml_place *place, const struct yaml_node *node,
                          struct fail *fail)
{
	ProtobufCMessage *body;

	if (topology_set(
		    (ProtobufCMessage *)(void *)topology->objects[topology->object_count - 1]->host,
		    "kind", "ns", fail) < 0 ||
	    topology_add(topology, "guest", name, place, &body, fail) < 0 ||
	    topology_set(body, "kind", "host", fail) < 0 ||
	    topology_set(body, "static_ip", "true", fail) < 0 ||
	    topology_add(topology, "port", name, place, &body, fail) < 0 ||
	    topology_set(body, "attach", "tap", fail) < 0 ||
	    topology_set(body, "guest", name, fail) < 0 ||
	    topology_set(body, "ifname", "eth0", fail) < 0 ||
	    topology_fill(topology, host_schema(), node, body, fail) < 0)
		return fail->code;
	if (!yaml_get(node, "ip") && topology_set(body, "ip", "auto", fail) < 0)
		return fail->code;
	return yaml_get(node, "backup-net") ? take_backup(topology, name, place, node, fail) : 0;
}

static int take_host(struct topology *topology, const struct yaml_node *key,
                     const struct yaml_node *node, struct fail *fail)
{
	const char *remote = yaml_text(node, "remote"), *comment = yaml_text(node, "comment");
	const char *backup = yaml_text(node, "backup");
	bool far = remote && (strcmp(remote, "true") == 0 || strcmp(remote, "yes") == 0 ||
	                      strcmp(remote, "on") == 0);
	ProtobufCMessage *body;

	if (strcmp(key->text, "local") == 0) {
		yaml_refuse(&key->place, fail,
		            "host 'local' is there unwritten, and is that of all labs");
		fail_hint(
			fail,
			"leave it out; an address is given to it with weft host add local --ip ADDRESS");
		return -EINVAL;
	}
	if (far == (yaml_get(node, "net") != NULL)) {
		yaml_refuse(&key->place, fail, "host '%s' is %s", key->text,
		            far ? "remote, and in no net of ours" : "nowhere");
		fail_hint(fail, "say net for a namespace of this machine, or remote: true");
		return -EINVAL;
	}
	if (!far && backup && !yaml_get(node, "backup-net")) {
		yaml_refuse(&key->place, fail, "host '%s' has a backup in no net", key->text);
		fail_hint(fail, "say backup-net, or leave backup out");
		return -EINVAL;
	}
	if (topology_add(topology, "host", key->text, &key->place, &body, fail) < 0)
		return fail->code;
	if (far && backup && topology_set(body, "backup", backup, fail) < 0)
		return fail->code;
	if (!far)
		return comment && topology_set(body, "comment", comment, fail) < 0
		               ? fail->code
		               : take_namespace(topology, key->text, &key->place, node, fail);
	return topology_set(body, "kind", "remote", fail) < 0
	               ? fail->code
	               : topology_fill(topology, host_schema(), node, body, fail);
}

int topology_take_hosts(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
		if (!node->items[i]->broken &&
		    take_host(topology, node->keys[i], node->items[i], fail) < 0 &&
		    topology_go_on(topology, fail->code, fail) < 0)
			return fail->code;
	return 0;
}
