// SPDX-License-Identifier: BSD-3-Clause
//
// nat: endpoint-dependent translation on top of the connection table.
//
// A binding is nothing of its own: a connection's reply key says what answers look like, so the same outside
// port may serve many destinations at once, and a port is taken exactly when its reply key is. The source
// port is kept if it is free, else drawn at random; after NAT_TRIES draws the address counts as
// exhausted. From outside only what belongs to a connection or a forward passes to addresses that NAT
// hides.

#include "datapath/nat.h"

#include "base/rand.h"
#include "datapath/conn.h"
#include "datapath/conn_tcp.h"
#include "datapath/interface.h"
#include "datapath/nat_count.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"

#include <errno.h>

enum { NAT_TRIES = 64, FIRST_PORT = 1024 };

static const struct vrf *vrf_of(const struct miss *miss)
{
	return pmap_get(&miss->generation->vrfs, miss->interface->vrf);
}

// The place of the first forward not below (protocol, port).
static uint32_t first_forward(const struct vrf *vrf, uint8_t proto, uint16_t port)
{
	uint32_t low = 0;
	uint32_t high = vrf->forward_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct forward *forward = &vrf->forwards[middle];

		if (forward->protocol < proto ||
		    (forward->protocol == proto && forward->outside_port < port))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// Whether the address is an outside leg's own.
static bool is_outside_address(const struct miss *miss, const struct vrf *vrf, struct ip_addr ip)
{
	const struct route *route = lpm_lookup(ip_is4(ip) ? &vrf->routes4 : &vrf->routes6, &ip);
	const struct interface *leg =
		route ? pmap_get(&miss->generation->interfaces, route->interface) : NULL;

	return leg && leg->nat == NAT_ROLE_OUTSIDE && interface_owns(leg, ip);
}

static const struct forward *find_forward(const struct miss *miss, uint8_t proto, struct ip_addr ip,
                                          uint16_t port)
{
	const struct vrf *vrf = vrf_of(miss);

	for (uint32_t i = vrf ? first_forward(vrf, proto, port) : 0; vrf && i < vrf->forward_count;
	     i++) {
		const struct forward *forward = &vrf->forwards[i];

		if (forward->protocol != proto || forward->outside_port != port)
			break;
		if (ip_is4(forward->inside) != ip_is4(ip))
			continue;
		if (forward->any_outside ? is_outside_address(miss, vrf, ip)
		                         : ip_equal(forward->outside, ip))
			return forward;
	}
	return NULL;
}

static void trace_end(struct miss *miss, const char *what, const struct conn_key *key, bool source)
{
	char ip[IP_TEXT];

	if (miss->trace)
		trace_step(miss->trace, "nat", "%s %s:%u", what,
		           ip_format(source ? key->src : key->dst, ip),
		           source ? key->src_port : key->dst_port);
}

static void trace_existing(struct miss *miss, const struct conn *conn,
                           enum conn_direction direction)
{
	if (direction == CONN_REPLY)
		trace_end(miss, "existing connection, back to", &miss->leaves, false);
	else if (conn->flags & CONN_DNAT)
		trace_end(miss, "existing connection, forwarded to", &miss->leaves, false);
	else
		trace_end(miss, "existing connection, NAT to", &miss->leaves, true);
}

// Finds the connection that the packet belongs to; fills miss->leaves and the program only then.
static bool take_connection(struct miss *miss)
{
	const struct conn_table *conns = miss->pipeline->state->conns;
	enum conn_direction direction = CONN_ORIGINAL;
	struct conn_ref ref = conn_lookup(conns, &miss->came, &direction);
	const struct conn *conn = ref.index == CONN_NONE ? NULL : conn_get(conns, ref);

	if (!conn)
		return false;

	struct conn_key leaves = conn_key_reverse(&conn->key[!direction]);

	// Another worker may have ended it while we read.
	if (!conn_is_live(conns, ref))
		return false;
	miss->leaves = leaves;
	miss->program->flags |= PROGRAM_CONN;
	miss->program->conn = ref;
	miss->program->direction = direction;
	if (miss->trace)
		trace_existing(miss, conn, direction);
	return true;
}

// An ICMP error about a packet of a connection goes to who sent that packet.
static void take_error(struct miss *miss)
{
	const struct conn_table *conns = miss->pipeline->state->conns;
	enum conn_direction direction = CONN_ORIGINAL;
	struct conn_key quoted;

	miss->program->flags |= PROGRAM_NO_CACHE;
	if (!conn_icmp_quoted(miss->packet, &quoted))
		return;
	quoted.zone = miss->came.zone;

	struct conn_key answer = conn_key_reverse(&quoted);
	struct conn_ref ref = conn_lookup(conns, &answer, &direction);
	const struct conn *conn = ref.index == CONN_NONE ? NULL : conn_get(conns, ref);

	if (!conn)
		return;
	miss->quote.present = true;
	miss->quote.key = conn->key[!direction];
	miss->leaves.dst = miss->quote.key.src;
	if (ip_equal(miss->came.src, answer.src))
		miss->leaves.src = miss->quote.key.dst;
	trace_end(miss, "an error about the connection of", &miss->quote.key, true);
}

bool nat_inbound(struct miss *miss)
{
	if (miss->interface->nat == NAT_ROLE_NONE)
		return false;
	if (miss->ports == MISS_PORTS_ERROR)
		take_error(miss);
	if (miss->ports != MISS_PORTS_KNOWN || take_connection(miss))
		return false;

	miss->forward = find_forward(miss, miss->came.proto, miss->came.dst, miss->came.dst_port);
	if (miss->forward) {
		miss->leaves.dst = miss->forward->inside;
		miss->leaves.dst_port = miss->forward->inside_port;
		trace_end(miss, "forwarded to", &miss->leaves, false);
	}
	return false;
}

// Tells the program what changes.
static bool fill_program(struct miss *miss)
{
	const struct conn_key *came = &miss->came;
	const struct conn_key *leaves = &miss->leaves;
	struct program *program = miss->program;

	program->src = leaves->src;
	program->dst = leaves->dst;
	program->src_port = leaves->src_port;
	program->dst_port = leaves->dst_port;
	if (!ip_equal(came->src, leaves->src) || came->src_port != leaves->src_port)
		program->flags |= PROGRAM_NAT_SRC;
	if (!ip_equal(came->dst, leaves->dst) || came->dst_port != leaves->dst_port)
		program->flags |= PROGRAM_NAT_DST;
	return false;
}

// Whether a packet may begin a connection: of TCP, one that opens it; from inside also one in the middle, of
// a connection that is older than we are.
static bool may_begin(const struct miss *miss)
{
	const struct packet *packet = miss->packet;
	uint8_t flags;

	if (packet->ip_proto != PROTO_TCP || !packet->l4)
		return true;
	flags = packet_l4(packet)[TCP_FLAGS];
	if (flags & TCP_RST)
		return false;
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ||
	       (miss->interface->nat == NAT_ROLE_INSIDE && !(flags & TCP_SYN));
}

static uint16_t draw_port(const struct miss *miss, unsigned attempt)
{
	if (attempt == 0)
		return miss->came.src_port;
	if (miss->came.proto == PROTO_TCP || miss->came.proto == PROTO_UDP)
		return (uint16_t)(FIRST_PORT + rand_below(65536 - FIRST_PORT));
	return (uint16_t)rand_below(65536);
}

// What a connection begins by.
struct cause {
	uint32_t flags;          // enum conn_flag
	uint64_t rule;           // id of the NAT rule or forward
	struct nat_count *begun; // its count
};

static int insert(struct miss *miss, const struct cause *cause, enum conn_direction *clash)
{
	struct pipeline *pipeline = miss->pipeline;
	const struct conn_key keys[2] = {miss->came, conn_key_reverse(&miss->leaves)};
	int code = conn_insert(pipeline->state->conns, pipeline->config.worker, keys, cause->flags,
	                       conn_first_timeout(miss->came.proto), cause->rule, pipeline->now_s,
	                       &miss->program->conn, clash);

	if (code == 0) {
		pipeline->words[STATS_CONNS_NEW]++;
		nat_count_add(cause->begun);
		miss->program->flags |= PROGRAM_CONN;
		miss->program->direction = CONN_ORIGINAL;
	}
	return code;
}

static bool refuse(struct miss *miss, enum drop_reason reason, const char *why)
{
	trace_step(miss->trace, "nat", "%s", why);
	return miss_drop(miss, reason);
}

// Begins a connection; `source` is what the packet's source becomes, or NULL: it keeps its own.
static bool begin(struct miss *miss, const struct cause *cause, const struct ip_addr *source)
{
	enum conn_direction clash = CONN_REPLY;
	bool is_echo = miss->came.proto != PROTO_TCP && miss->came.proto != PROTO_UDP;

	if (!may_begin(miss))
		return refuse(miss, DROP_CONN_INVALID, "a TCP segment of no connection");
	for (unsigned i = 0; i < (source ? NAT_TRIES : 1); i++) {
		if (source) {
			miss->leaves.src = *source;
			miss->leaves.src_port = draw_port(miss, i);
			if (is_echo)
				miss->leaves.dst_port = miss->leaves.src_port;
			// A forwarded port belongs to its forward.
			if (find_forward(miss, miss->came.proto, *source, miss->leaves.src_port))
				continue;
		}
		if (!miss_acts(miss)) {
			trace_end(miss, source ? "new connection, NAT to" : "new connection from",
			          &miss->leaves, true);
			return fill_program(miss);
		}

		int code = insert(miss, cause, &clash);

		if (code == -ENOSPC)
			return refuse(miss, DROP_CONN_TABLE_FULL, "the connection table is full");
		// Another worker was quicker with a packet of the same flow.
		if (code == -EEXIST && clash == CONN_ORIGINAL)
			return take_connection(miss) ? fill_program(miss)
			                             : miss_drop(miss, DROP_CONN_INVALID);
		if (code == 0)
			return fill_program(miss);
	}
	return refuse(miss, DROP_NAT_EXHAUSTED, "no free port is left");
}

static const struct nat_rule *match_rule(const struct interface *egress, struct ip_addr source)
{
	for (uint32_t i = 0; i < egress->nat_rule_count; i++)
		if (prefix_contains(egress->nat_rules[i].source, source))
			return &egress->nat_rules[i];
	return NULL;
}

// From a forward: the client's address stays, unless he is inside too: then answers must come back here.
static bool begin_forward(struct miss *miss, const struct interface *egress)
{
	struct cause cause = {CONN_DNAT, miss->forward->id, miss->forward->begun};
	struct ip_addr source;

	if (miss->interface->nat != NAT_ROLE_INSIDE)
		return begin(miss, &cause, NULL);
	if (!interface_source(egress, miss->leaves.dst, &source))
		return refuse(miss, DROP_NAT_EXHAUSTED, "the router has no address there");
	cause.flags |= CONN_SNAT;
	return begin(miss, &cause, &source);
}

static bool begin_source(struct miss *miss, const struct interface *egress,
                         const struct nat_rule *rule)
{
	const struct cause cause = {CONN_SNAT, rule->id, rule->begun};
	struct ip_addr source;

	if (miss->ports == MISS_PORTS_UNKNOWN)
		return refuse(miss, DROP_FRAGMENT_UNKNOWN, "its first fragment was not seen");
	if (miss->ports == MISS_PORTS_ERROR)
		return refuse(miss, DROP_NAT_NO_BINDING, "an error about no connection");
	if (miss->ports != MISS_PORTS_KNOWN)
		return refuse(miss, DROP_NAT_PROTOCOL, "a protocol without ports");
	// All connections of a host leave from one address (RFC 4787, REQ-2: paired).
	if (rule->to_count)
		source = rule->to[miss->came.src.b[15] % rule->to_count];
	else if (!interface_source(egress, miss->leaves.dst, &source))
		return refuse(miss, DROP_NAT_EXHAUSTED, "the outside leg has no address");
	return begin(miss, &cause, &source);
}

// Whether connections may leave here from the address: the leg's own, or one that a rule gives out.
static bool has_source(const struct interface *egress, struct ip_addr source)
{
	if (interface_owns(egress, source))
		return true;
	for (uint32_t i = 0; i < egress->nat_rule_count; i++)
		for (uint32_t j = 0; j < egress->nat_rules[i].to_count; j++)
			if (ip_equal(egress->nat_rules[i].to[j], source))
				return true;
	return false;
}

// Whether the connection speaks to the outside from an address that the way out has no longer: it can only
// begin anew. A restart or a new lease of the uplink brings this about.
static bool is_stranded(const struct miss *miss, const struct interface *egress)
{
	return miss->program->direction == CONN_ORIGINAL && egress->nat == NAT_ROLE_OUTSIDE &&
	       !ip_equal(miss->leaves.src, miss->came.src) && !has_source(egress, miss->leaves.src);
}

static void give_up(struct miss *miss)
{
	trace_step(miss->trace, "nat", "its outside address is gone");
	if (miss_acts(miss))
		conn_remove(miss->pipeline->state->conns, miss->program->conn);
	miss->program->flags &= (uint16_t)~PROGRAM_CONN;
	miss->leaves = miss->came;
}

bool nat_outbound(struct miss *miss, const struct interface *egress)
{
	const struct interface *ingress = miss->interface;

	if (miss->program->flags & PROGRAM_CONN) {
		if (!is_stranded(miss, egress))
			return fill_program(miss);
		give_up(miss);
	}
	if (miss->quote.present) {
		// What is behind the gateway shows the gateway's face.
		if (ingress->nat == NAT_ROLE_INSIDE && egress->nat == NAT_ROLE_OUTSIDE)
			miss->leaves.src = miss->quote.key.dst;
		return fill_program(miss);
	}
	if (miss->forward)
		return begin_forward(miss, egress);
	if (ingress->nat == NAT_ROLE_OUTSIDE && match_rule(ingress, miss->leaves.dst))
		return refuse(miss, DROP_NAT_NO_BINDING, "from outside, to no connection");
	if (ingress->nat != NAT_ROLE_INSIDE || egress->nat != NAT_ROLE_OUTSIDE)
		return false;

	const struct nat_rule *rule = match_rule(egress, miss->came.src);

	return rule ? begin_source(miss, egress, rule) : false;
}
