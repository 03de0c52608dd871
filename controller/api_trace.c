// SPDX-License-Identifier: BSD-3-Clause
//
// api_trace: turns names into a packet, has the datapath say what would become of it, and puts names
// back into what it says.

#include "controller/api_priv.h"

#include "base/stream.h"
#include "controller/derive_mesh.h"
#include "controller/derive_unit.h"
#include "controller/model_guest.h"
#include "controller/model_place.h"
#include "controller/neighbour_question.h"
#include "controller/plain_text.h"
#include "controller/scope.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TCP = 6,
	UDP = 17,
	ICMP = 1,
	ICMP6 = 58,
	NEIGHBOUR = 256, // no protocol of IP: who has an address?
	EPHEMERAL = 40000,
	HOPS_MOST = 4,
};

// Where an end of the traced packet is.
struct end {
	const struct intent *port; // NULL: outside.
	const struct intent *net;  // Of the port, or NULL.
	bool has_ip, has_mac;
	struct ip_addr ip;
	struct mac mac;
};

// The address the host behind the port has: fixed, or by its lease, or by its own making.
static void find_address(struct api *api, struct end *end, bool want6)
{
	const Weft__PortIntent *port = end->port->msg->port;
	const struct lease_row *lease = NULL;
	const char *text = want6 ? port->ip6 : port->ip;
	struct net_plan plan;

	end->has_mac = port->mac && mac_parse(port->mac, &end->mac) == 0;
	end->has_ip = text && ip_parse(text, &end->ip) == 0;
	if (end->has_ip || !end->net || !end->has_mac)
		return;
	if (!want6) {
		lease = leases_find(api->env.leases, derive_scope_id(end->net->name), end->mac);
		end->has_ip = lease != NULL;
		if (lease)
			end->ip = lease->ip;
	} else if (derive_plan(end->net, &plan) && plan.has6) {
		end->ip = ipam_autoconf(plan.subnet6, end->mac);
		end->has_ip = true;
	}
}

static void set_port(struct api *api, struct end *end, const struct intent *port, bool want6)
{
	const struct model *model = &api->env.control->model;

	end->port = port;
	end->net = port->msg->port->net ? model_get(model, NOUN_NET, port->msg->port->net) : NULL;
	find_address(api, end, want6);
}

// A name that a guest or a dns entry has in some net: "h2.lan.test" or what comes before the domain.
static bool by_dns_name(struct api *api, const char *name, bool want6, struct end *end)
{
	const struct model *model = &api->env.control->model;
	const struct intent *net, *dns;
	size_t cursor = 0;

	while ((net = model_next(model, NOUN_NET, &cursor))) {
		size_t len = strlen(name),
		       domain = net->msg->net->dns ? strlen(net->msg->net->dns) : 0;
		const struct intent *port;
		char host[256];

		if (!domain || len <= domain + 1 || len - domain > sizeof(host) ||
		    name[len - domain - 1] != '.' ||
		    strcmp(name + len - domain, net->msg->net->dns) != 0)
			continue;
		snprintf(host, sizeof(host), "%.*s", (int)(len - domain - 1), name);
		port = model_find_port(model, host, net->name);
		if (port) {
			set_port(api, end, port, want6);
			return true;
		}
	}
	cursor = 0;
	while ((dns = model_next(model, NOUN_DNS, &cursor))) {
		if (strcmp(dns->msg->dns->host, name) != 0 && strcmp(dns->name, name) != 0)
			continue;
		end->has_ip = ip_parse(dns->msg->dns->ip, &end->ip) == 0;
		return end->has_ip;
	}
	return false;
}

// The outside of an external net is what lies beyond its next hop.
static bool by_net(struct api *api, const char *name, bool want6, struct end *end)
{
	const struct intent *net = model_get(&api->env.control->model, NOUN_NET, name);
	struct net_plan plan;

	if (!net || !derive_plan(net, &plan))
		return false;
	end->ip = plan.mode == WEFT__NET_MODE__NET_EXTERNAL ? want6 ? plan.via6 : plan.via4
	          : want6                                   ? plan.gateway6
	                                                    : plan.gateway4;
	end->has_ip = !ip_is_none(end->ip);
	return true;
}

// The port whose host has the address, if it is one of ours: then its MAC is known.
static void find_owner(struct api *api, struct end *end)
{
	const struct model *model = &api->env.control->model;
	char claim[KEY_SIZE], text[IP_TEXT], user[KEY_SIZE];
	const struct intent *net;
	size_t cursor = 0;

	while ((net = model_next(model, NOUN_NET, &cursor))) {
		size_t inner = 0;
		const struct intent *port;

		snprintf(claim, sizeof(claim), "ip/%s/%s", net->name, ip_format(end->ip, text));
		if (!graph_next_user(&model->graph, claim, &inner, user))
			continue;
		port = model_get_key(model, user);
		if (!port || port->noun != NOUN_PORT)
			continue;
		end->port = port;
		end->net = net;
		end->has_mac =
			port->msg->port->mac && mac_parse(port->msg->port->mac, &end->mac) == 0;
		return;
	}
}

static int unknown(struct api *api, const char *field, const char *name, struct refusal *refusal)
{
	const struct model *model = &api->env.control->model;
	const enum noun nouns[] = {NOUN_GUEST, NOUN_PORT, NOUN_NET};
	const char *near = model_suggest(model, name, nouns, sizeof(nouns) / sizeof(nouns[0]));

	refuse(refusal, -ENOENT, "trace", field, "there is no guest, port, net or name '%s'", name);
	if (near)
		fail_hint(&refusal->fail, "did you mean '%s'?", near);
	else
		fail_hint(&refusal->fail, "an address works too");
	return -ENOENT;
}

static int find_to(struct api *api, const char *name, bool want6, struct end *end,
                   struct refusal *refusal)
{
	const struct intent *port;

	if (ip_parse(name, &end->ip) == 0) {
		if (ip_is4(end->ip) == want6)
			return refuse(refusal, -EINVAL, "trace", "to", "'%s' is no IPv%d address",
			              name, want6 ? 6 : 4);
		end->has_ip = true;
		find_owner(api, end);
		return 0;
	}
	port = model_find_port(&api->env.control->model, name, NULL);
	if (port)
		set_port(api, end, port, want6);
	else if (!by_net(api, name, want6, end) && !by_dns_name(api, name, want6, end))
		return unknown(api, "to", name, refusal);
	if (end->has_ip)
		return 0;
	refuse(refusal, -EADDRNOTAVAIL, "trace", "to", "'%s' has no IPv%d address yet", name,
	       want6 ? 6 : 4);
	fail_hint(&refusal->fail, "wait for its lease, or give the address itself");
	return -EADDRNOTAVAIL;
}

static int parse_protocol(const Weft__TraceQuery *query, bool v6, uint32_t *ret,
                          struct refusal *refusal)
{
	const char *word = query->protocol ? query->protocol : query->has_port ? "tcp" : "icmp";

	if (strcmp(word, "tcp") == 0)
		*ret = TCP;
	else if (strcmp(word, "udp") == 0)
		*ret = UDP;
	else if (strcmp(word, "icmp") == 0 || strcmp(word, "icmp6") == 0)
		*ret = v6 ? ICMP6 : ICMP;
	else if (strcmp(word, v6 ? "nd" : "arp") == 0)
		*ret = NEIGHBOUR;
	else if (strcmp(word, "arp") == 0 || strcmp(word, "nd") == 0)
		return refuse(refusal, -EINVAL, "trace", "protocol",
		              "%s asks for IPv%d addresses, and '%s' is none", word, v6 ? 4 : 6,
		              query->to);
	else
		return refuse(refusal, -EINVAL, "trace", "protocol",
		              "the protocol '%s' is none of tcp, udp, icmp, arp and nd", word);
	return 0;
}

// The VLAN the sender would tag with: none on an access port; on a trunk, the one of the target's net.
static uint32_t choose_vid(const struct end *from, const struct end *to)
{
	const Weft__PortIntent *port = from->port->msg->port;

	if (port->net || port->has_native || port->n_trunk == 0)
		return 0;
	for (size_t i = 0; i < port->n_trunk; i++)
		if (to->net && to->net->msg->net->has_vlan &&
		    to->net->msg->net->vlan == port->trunk[i])
			return port->trunk[i];
	return port->trunk[0];
}

// The net whose tag the sender would use, when its port is not simply in one.
static const struct intent *net_of_vid(const struct model *model, const struct intent *port,
                                       uint32_t vid)
{
	char claim[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	scope_vlan(port, vid, claim);
	return graph_next_user(&model->graph, claim, &cursor, user) ? model_get_key(model, user)
	                                                            : NULL;
}

// Nobody has told the sender's address: takes one that a host there could have. Beyond an external net
// it is the next hop's, from where everything comes.
static struct ip_addr assume_address(const struct model *model, const struct end *from,
                                     const struct end *to, bool want6)
{
	const struct intent *net =
		from->net ? from->net : net_of_vid(model, from->port, choose_vid(from, to));
	struct net_plan plan = {0};
	struct ip_addr addr;
	bool has_plan = net && derive_plan(net, &plan);

	if (has_plan && !ip_is_none(want6 ? plan.via6 : plan.via4))
		return want6 ? plan.via6 : plan.via4;
	if (has_plan && (want6 ? plan.has6 : plan.has4)) {
		addr = ip_add(want6 ? plan.subnet6.addr : plan.subnet4.addr, 2);
		return ip_equal(addr, want6 ? plan.gateway6 : plan.gateway4)
		               ? ip_add(want6 ? plan.subnet6.addr : plan.subnet4.addr, 1)
		               : addr;
	}
	// Documentation addresses: they stand for anybody.
	ip_parse(want6 ? "2001:db8::2" : "192.0.2.2", &addr);
	return addr;
}

// Says what was made up, before what follows from it.
static void add_assumption(Weft__Record *record, const char *assumed)
{
	Weft__Record *step;

	if (!assumed[0])
		return;
	step = record_new();
	record_text(step, "stage", "assumed");
	record_format(step, "text", "source address %s, since none is known", assumed);
	record_append_record(record, "steps", step);
}

static void add_steps(const struct question *question, const Weft__TraceResult *result,
                      Weft__Record *record)
{
	const struct desired *desired = host_desired(question->host);
	const struct model *model = &question->api->env.control->model;
	char text[512];

	for (size_t i = 0; i < result->n_steps; i++) {
		Weft__Record *step = record_new();

		plain_text(model, desired, result->steps[i]->text, text, sizeof(text));
		record_text(step, "stage", result->steps[i]->stage);
		record_text(step, "text", text);
		record_append_record(record, "steps", step);
	}
}

static void add_end(const struct question *question, const Weft__TraceResult *result,
                    Weft__Record *record)
{
	const struct desired *desired = host_desired(question->host);
	char text[512];

	const char *last = result->n_steps ? result->steps[result->n_steps - 1]->stage : "";

	record_flag(record, "forwarded", result->forwarded);
	// What neither goes on nor is dropped waits for its neighbour, or has come to whoever answers it.
	if (!result->forwarded && !result->drop_reason)
		record_flag(record, "answered", strcmp(last, "neighbour") != 0);
	for (size_t i = 0; i < result->n_out_ports; i++)
		record_append(record, "out",
		              plain_name(desired_get(desired, result->out_ports[i])));
	record_text(record, "drop", result->drop_reason);
	if (result->hint) {
		plain_text(&question->api->env.control->model, desired, result->hint, text,
		           sizeof(text));
		record_text(record, "hint", text);
	}
}

static void add_host(Weft__Record *record, const char *host)
{
	Weft__Record *step = record_new();

	record_text(step, "stage", "host");
	record_text(step, "text", host);
	record_append_record(record, "steps", step);
}

static void on_result(void *user, int err, const struct stream_frame *frame);

// Asks the host behind the tunnel, if the packet leaves by one, how it goes on there. False: here it ends.
static bool follow_tunnel(struct question *question, const Weft__TraceResult *result)
{
	Weft__Record *record = question->records[0];
	const struct object *out;
	struct host *from = question->host, *to;
	Weft__Trace trace = WEFT__TRACE__INIT;
	const char *name = NULL;

	if (!result->forwarded || !result->has_frame || result->n_out_ports != 1 ||
	    question->hops++ >= HOPS_MOST)
		return false;
	out = desired_get(host_desired(from), result->out_ports[0]);
	if (!out || noun_of_key(out->name, &name) != NOUN_HOST)
		return false;
	to = hosts_get(&question->api->env.control->hosts, name);
	trace.port = derive_mesh_peer_id(host_name(from));
	trace.has_vni = true;
	trace.vni = result->vni;
	trace.has_frame = true;
	trace.frame = result->frame;
	if (!to || host_ask(to, WEFT__STREAM_ID__STREAM_QUERIES, WEFT__FRAME_TYPE__FRAME_TRACE,
	                    &trace.base, on_result, question) < 0)
		return false;
	question->host = to;
	add_host(record, name);
	return true;
}

// The record is the question's first, and grows with every host that is asked.
static void take_result(struct question *question, const Weft__TraceResult *result)
{
	if (question->record_count == 0) {
		Weft__Record *record = record_new();

		record_list(record, "steps");
		add_assumption(record, question->assumed);
		question_add(question, record);
	}
	if (question->record_count > 0) {
		add_steps(question, result, question->records[0]);
		if (follow_tunnel(question, result))
			return;
		add_end(question, result, question->records[0]);
	}
	question_answer(question);
}

static void on_result(void *user, int err, const struct stream_frame *frame)
{
	struct question *question = user;
	Weft__TraceResult *result = NULL;
	Weft__Refused *refused = NULL;

	if (frame && frame->type == WEFT__FRAME_TYPE__FRAME_TRACE_RESULT)
		result = decode_message(&weft__trace_result__descriptor, frame->len, frame->body);
	else if (frame && frame->type == WEFT__FRAME_TYPE__FRAME_REFUSED)
		refused = decode_message(&weft__refused__descriptor, frame->len, frame->body);
	if (result)
		take_result(question, result);
	else
		question_fail(question, refused ? refused->code : -EAGAIN, "trace",
		              refused ? refused->what : "the datapath went away before it answered",
		              refused ? refused->hint : NULL);
	weft__trace_result__free_unpacked(result, NULL);
	weft__refused__free_unpacked(refused, NULL);
}

// One that nobody has told is as good as any.
static struct mac mac_of(const struct end *end)
{
	return end->has_mac ? end->mac : (struct mac){{0x02, 0, 0, 0, 0, 0x01}};
}

static int ask_for_neighbour(struct question *question, const struct end *from,
                             const struct end *to)
{
	Weft__Trace trace = WEFT__TRACE__INIT;
	uint8_t frame[NEIGHBOUR_QUESTION_ROOM];
	struct mac mac = mac_of(from);

	trace.port = derive_port_id(from->port->name);
	trace.vid = choose_vid(from, to);
	trace.has_vid = trace.vid != 0;
	trace.has_frame = true;
	trace.frame.data = frame;
	trace.frame.len = neighbour_question(&mac, from->ip, to->ip, frame);
	return host_ask(question->host, WEFT__STREAM_ID__STREAM_QUERIES,
	                WEFT__FRAME_TYPE__FRAME_TRACE, &trace.base, on_result, question);
}

static int ask(struct question *question, const struct end *from, const struct end *to,
               uint32_t protocol)
{
	const Weft__TraceQuery *query = question->request->trace;
	Weft__Trace trace = WEFT__TRACE__INIT;
	struct mac router = ipam_router_mac(&question->api->env.control->model.instance);
	bool direct = from->net && from->net == to->net && to->has_mac;

	trace.port = derive_port_id(from->port->name);
	trace.vid = choose_vid(from, to);
	trace.has_vid = trace.vid != 0;
	trace.has_ip_src = from->has_ip;
	trace.ip_src = derive_ip(&from->ip);
	trace.has_ip_dst = true;
	trace.ip_dst = derive_ip(&to->ip);
	trace.has_ip_proto = true;
	trace.ip_proto = protocol;
	if (protocol == TCP || protocol == UDP) {
		trace.has_l4_src = trace.has_l4_dst = true;
		trace.l4_src = query->has_source_port ? query->source_port : EPHEMERAL;
		trace.l4_dst = query->has_port ? query->port : 80;
	}
	trace.has_eth_src = from->has_mac;
	trace.eth_src = derive_mac(&from->mac);
	trace.has_eth_dst = true;
	trace.eth_dst = derive_mac(direct ? &to->mac : &router);
	return host_ask(question->host, WEFT__STREAM_ID__STREAM_QUERIES,
	                WEFT__FRAME_TYPE__FRAME_TRACE, &trace.base, on_result, question);
}

// Short names: that of the target is first one of the source's own lab.
static void resolve(const struct model *model, Weft__TraceQuery *query)
{
	const struct intent *from;
	char name[SCOPE_NAME];

	api_resolve(model, NOUN_PORT, &query->from);
	from = model_find_port(model, query->from, NULL);
	if (model_find_port(model, query->to, NULL) || !from)
		return;
	if (from->msg->lab &&
	    model_find_port(model, scope_name(from->msg->lab, query->to, name), NULL)) {
		free(query->to);
		query->to = strdup(name);
	} else {
		api_resolve(model, NOUN_PORT, &query->to);
	}
}

void api_trace(struct question *question)
{
	Weft__TraceQuery *query = question->request->trace;
	struct api *api = question->api;
	bool want6 = strchr(query->to, ':') != NULL ||
	             (query->protocol && (strcmp(query->protocol, "icmp6") == 0 ||
	                                  strcmp(query->protocol, "nd") == 0));
	const struct intent *port;
	struct end from = {0}, to = {0};
	struct refusal refusal = {0};
	uint32_t protocol = 0;
	int err;

	resolve(&api->env.control->model, query);
	port = model_find_port(&api->env.control->model, query->from, NULL);
	if (!port) {
		unknown(api, "from", query->from, &refusal);
		question_refuse(question, &refusal);
		return;
	}
	set_port(api, &from, port, want6);
	err = find_to(api, query->to, want6, &to, &refusal);
	if (err == 0)
		err = parse_protocol(query, want6, &protocol, &refusal);
	if (err < 0) {
		question_refuse(question, &refusal);
		return;
	}
	if (!from.has_ip) {
		from.ip = assume_address(&api->env.control->model, &from, &to, want6);
		from.has_ip = true;
		ip_format(from.ip, question->assumed);
	}
	question->host = hosts_get(&api->env.control->hosts, model_place_of(port->msg->port));
	if (question->host && (protocol == NEIGHBOUR ? ask_for_neighbour(question, &from, &to)
	                                             : ask(question, &from, &to, protocol)) == 0)
		return;
	refuse(&refusal, -EAGAIN, "datapath", NULL, "%s is away",
	       question->host ? host_label(question->host) : "its host");
	fail_hint(&refusal.fail, "'weft host ls' tells more");
	question_refuse(question, &refusal);
}
