// SPDX-License-Identifier: BSD-3-Clause
//
// topology_guest: guests of the kinds there are, and their ports.
//
// A kind is a row of a table: which keys it takes, and what it makes. A namespace is a guest with a port
// for each network card; a virtual machine and an interface of somebody else's are a port alone. The first
// card's port bears the guest's name, so a guest that gets a second card keeps its first.

#include "cli/topology.h"

#include "base/fail.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kind {
	const char *word;
	const char *keys; // Those that only some kinds take, between spaces.
	int (*take)(struct topology *topology, const char *name, const struct yaml_place *place,
	            const struct yaml_node *node, struct fail *fail);
};

static const struct schema_object *guest_schema(void)
{
	return schema_key(&schema_topology, "guests")->object;
}

// The text of a key, or what a bare text stands for.
static const char *text_of(const struct yaml_node *node, const char *key)
{
	if (node->kind == YAML_TEXT)
		return strcmp(key, "net") == 0 && !yaml_is_empty(node) ? node->text : NULL;
	return yaml_text(node, key);
}

static bool is_placed(const struct yaml_node *node)
{
	return text_of(node, "net") || yaml_get(node, "trunk") || yaml_get(node, "native");
}

static int refuse_unplaced(const char *name, const struct yaml_place *place, struct fail *fail)
{
	yaml_refuse(place, fail, "guest '%s' is in no net", name);
	fail_hint(fail, "say net, trunk or native");
	return -EINVAL;
}

// One card. `own` is what the address is when nothing is said of it: "auto" or NULL.
static int take_nic(struct topology *topology, const char *port, const char *attach,
                    const struct yaml_place *place, const struct schema_object *schema,
                    const struct yaml_node *node, const char *own, struct fail *fail,
                    ProtobufCMessage **ret)
{
	const char *ip = text_of(node, "ip");
	Weft__PortIntent *intent;
	ProtobufCMessage *body;

	if (topology_add(topology, "port", port, place, &body, fail) < 0 ||
	    topology_set(body, "attach", attach, fail) < 0 ||
	    topology_fill(topology, schema, node, body, fail) < 0)
		return fail->code;
	intent = (Weft__PortIntent *)(void *)body;
	if (ip && (strcmp(ip, "dhcp") == 0 || strcmp(ip, "none") == 0)) {
		free(intent->ip);
		intent->ip = NULL;
	} else if (!ip && own && intent->net && topology_set(body, "ip", own, fail) < 0) {
		return fail->code;
	}
	*ret = body;
	return 0;
}

static int take_ns_nic(struct topology *topology, const char *guest, const char *ifname,
                       const char *host, const struct yaml_place *place,
                       const struct schema_object *schema, const struct yaml_node *node,
                       struct fail *fail)
{
	ProtobufCMessage *body;
	char port[160];

	if (!is_placed(node))
		return refuse_unplaced(guest, place, fail);
	if (strcmp(ifname, "eth0") == 0)
		snprintf(port, sizeof(port), "%s", guest);
	else
		snprintf(port, sizeof(port), "%s-%s", guest, ifname);
	if (take_nic(topology, port, "tap", place, schema, node, "auto", fail, &body) < 0 ||
	    topology_set(body, "guest", guest, fail) < 0 ||
	    topology_set(body, "ifname", ifname, fail) < 0)
		return fail->code;
	// All cards of a guest are where the guest is.
	if (host && !((Weft__PortIntent *)(void *)body)->host &&
	    topology_set(body, "host", host, fail) < 0)
		return fail->code;
	return topology_take_impairments(topology, port, node, fail);
}

static int take_ns(struct topology *topology, const char *name, const struct yaml_place *place,
                   const struct yaml_node *node, struct fail *fail)
{
	const struct yaml_node *nics = yaml_get(node, "nics");
	const char *ip = text_of(node, "ip");
	ProtobufCMessage *body;

	if (topology_add(topology, "guest", name, place, &body, fail) < 0 ||
	    topology_set(body, "kind", "ns", fail) < 0 ||
	    topology_fill(topology, guest_schema(), node, body, fail) < 0 ||
	    (!yaml_get(node, "static") &&
	     topology_set(body, "static_ip", ip && strcmp(ip, "dhcp") == 0 ? "false" : "true",
	                  fail) < 0))
		return fail->code;
	if (!nics)
		// A namespace without a card is a guest as well.
		return is_placed(node) ? take_ns_nic(topology, name, "eth0", NULL, place,
		                                     guest_schema(), node, fail)
		                       : 0;
	if (is_placed(node))
		return yaml_refuse(&nics->place, fail,
		                   "guest '%s' has nics, so what is said of its only card belongs "
		                   "to one of them",
		                   name);
	for (size_t i = 0; nics->kind == YAML_MAP && i < nics->count; i++)
		if (take_ns_nic(topology, name, nics->keys[i]->text, text_of(node, "host"),
		                &nics->keys[i]->place, schema_key(guest_schema(), "nics")->object,
		                nics->items[i], fail) < 0)
			return fail->code;
	return 0;
}

static int take_vm(struct topology *topology, const char *name, const struct yaml_place *place,
                   const struct yaml_node *node, struct fail *fail)
{
	ProtobufCMessage *body;
	char socket[160];

	if (take_nic(topology, name, "vhost", place, guest_schema(), node, NULL, fail, &body) < 0)
		return fail->code;
	snprintf(socket, sizeof(socket), "%s.%s.vu", topology->lab, name);
	if (!yaml_get(node, "socket") && topology_set(body, "vhost_path", socket, fail) < 0)
		return fail->code;
	return topology_take_impairments(topology, name, node, fail);
}

static int take_external(struct topology *topology, const char *name,
                         const struct yaml_place *place, const struct yaml_node *node,
                         struct fail *fail)
{
	bool pcap = yaml_get(node, "pcap-read") || yaml_get(node, "pcap-write");
	ProtobufCMessage *body;

	if (!pcap && !yaml_get(node, "interface")) {
		yaml_refuse(place, fail, "guest '%s' is external, and says no interface", name);
		fail_hint(fail, "say interface, pcap-read or pcap-write");
		return -EINVAL;
	}
	if (take_nic(topology, name, pcap ? "pcap" : "netdev", place, guest_schema(), node, NULL,
	             fail, &body) < 0)
		return fail->code;
	return topology_take_impairments(topology, name, node, fail);
}

static int take_tap(struct topology *topology, const char *name, const struct yaml_place *place,
                    const struct yaml_node *node, struct fail *fail)
{
	ProtobufCMessage *body;

	if (take_nic(topology, name, "tap", place, guest_schema(), node, NULL, fail, &body) < 0)
		return fail->code;
	if (!yaml_get(node, "interface") && topology_set(body, "ifname", name, fail) < 0)
		return fail->code;
	return topology_take_impairments(topology, name, node, fail);
}

static const struct kind kinds[] = {
	{"ns", "nics hostname run static", take_ns},
	{"vm", "socket server", take_vm},
	{"tap", "interface netns", take_tap},
	{"external", "interface netns pcap-read pcap-write", take_external},
};

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

// A key that another kind takes and this one does not.
static int check_keys(const struct kind *kind, const struct yaml_node *node, struct fail *fail)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
		const char *key = node->keys[i]->text;

		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
			if (!has_word(kind->keys, key) && has_word(kinds[k].keys, key))
				return yaml_refuse(&node->keys[i]->place, fail,
				                   "'%s' is for guests of kind %s; this one is %s",
				                   key, kinds[k].word, kind->word);
	}
	return 0;
}

int topology_take_guests(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
		const struct yaml_node *guest = node->items[i];
		const char *word = yaml_text(guest, "kind");
		const struct kind *kind = &kinds[0];

		if (guest->broken)
			continue;
		for (size_t k = 0; word && k < sizeof(kinds) / sizeof(*kinds); k++)
			if (strcmp(kinds[k].word, word) == 0)
				kind = &kinds[k];
		if (check_keys(kind, guest, fail) == 0 &&
		    kind->take(topology, node->keys[i]->text, &node->keys[i]->place, guest, fail) ==
		            0)
			continue;
		if (topology_go_on(topology, fail->code, fail) < 0)
			return fail->code;
		node->items[i]->broken = true;
	}
	return 0;
}
