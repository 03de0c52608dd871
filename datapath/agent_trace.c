// SPDX-License-Identifier: BSD-3-Clause
//
// agent_trace: makes the frame that is asked about, runs it through a pipeline of the main thread's own
// without any effect, and tells the steps.

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/agent_change.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_priv.h"
#include "datapath/pipeline.h"
#include "datapath/trace.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRACE_LIMIT = 1 << 20,
	TRACE_FLOWS = 1024, // of the tracer's own cache, which it never fills
	TRACE_FRAME_MAX = 9216,
	HOPS = 64,
	PORT_DEFAULT = 40000,
};

struct probe {
	uint8_t bytes[TRACE_FRAME_MAX];
	size_t len;
	struct packet packet;
	struct segment rest;
};

// What the guest would do: ask the leg of its network for the MAC when the address is beyond it.
static struct mac next_hop(struct agent *agent, const struct port_config *port,
                           const Weft__Trace *query, struct ip_addr dst)
{
	const struct generation *generation = apply_generation(agent->apply);
	uint32_t slot = port->untagged_domain;
	const struct domain *domain;
	struct mac mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	uint32_t now = (uint32_t)(clock_now() / NSEC_PER_MSEC);

	for (uint32_t i = 0; query->vid && i < port->tagged_count; i++)
		if (port->tagged[i].vid == query->vid)
			slot = port->tagged[i].domain;
	domain = pmap_get(&generation->domains, slot);
	if (!domain || !domain->interface)
		return mac;
	for (uint32_t i = 0; i < domain->interface->address_count; i++) {
		struct ip_prefix subnet = domain->interface->addresses[i];

		if (!prefix_contains(subnet, dst) || ip_equal(subnet.addr, dst))
			continue;
		neighbour_lookup(agent->state->neighbours, domain->interface->slot, &dst, now,
		                 &mac);
		return mac;
	}
	return domain->interface->mac;
}

static struct mac source_mac(struct agent *agent, const struct port_config *port)
{
	const struct agent_object *object =
		agent_store_object(&agent->apply->store, WEFT__KIND__KIND_PORT, port->id);
	struct mac mac = {{0x02, 0, 0, 0, 0, 0x01}};

	if (object && object->message->port->has_mac)
		agent_mac(&object->message->port->mac, &mac);
	return mac;
}

static size_t put_l4(uint8_t *l4, const Weft__Trace *query, uint8_t protocol)
{
	uint16_t src = (uint16_t)(query->has_l4_src ? query->l4_src : PORT_DEFAULT);

	if (protocol == PROTO_TCP) {
		store_be16(l4, src);
		store_be16(l4 + 2, (uint16_t)query->l4_dst);
		l4[12] = TCP_HEADER / 4 << 4;
		l4[13] = TCP_SYN;
		store_be16(l4 + 14, UINT16_MAX);
		return TCP_HEADER;
	}
	if (protocol == PROTO_UDP) {
		store_be16(l4, src);
		store_be16(l4 + 2, (uint16_t)query->l4_dst);
		store_be16(l4 + 4, UDP_HEADER);
		return UDP_HEADER;
	}
	// An echo request; the port asked for is its identifier.
	l4[0] = protocol == PROTO_ICMP6 ? 128 : 8;
	store_be16(l4 + 4, src);
	return ICMP_HEADER;
}

static size_t l4_checksum_at(uint8_t protocol)
{
	return protocol == PROTO_TCP ? 16 : protocol == PROTO_UDP ? 6 : 2;
}

static void put_ip4(struct probe *probe, const Weft__Trace *query, uint8_t protocol)
{
	uint8_t *ip = probe->bytes + ETH_HEADER, *l4 = ip + IP4_HEADER;
	size_t len = put_l4(l4, query, protocol);
	uint64_t sum = 0;

	ip[0] = 0x45;
	store_be16(ip + IP4_TOTAL, (uint16_t)(IP4_HEADER + len));
	ip[IP4_TTL] = HOPS;
	ip[IP4_PROTO] = protocol;
	memcpy(ip + IP4_SRC, query->ip_src.data, 4);
	memcpy(ip + IP4_DST, query->ip_dst.data, 4);
	store_be16(ip + IP4_CHECK, checksum_finish(checksum_sum(ip, IP4_HEADER)));
	// ICMP for IPv4 alone is summed without a pseudo header.
	if (protocol != PROTO_ICMP4)
		sum = checksum_pseudo4(ip, protocol, (uint32_t)len);
	sum += checksum_sum(l4, len);
	store_be16(l4 + l4_checksum_at(protocol), checksum_finish(sum));
	probe->len = ETH_HEADER + IP4_HEADER + len;
}

static void put_ip6(struct probe *probe, const Weft__Trace *query, uint8_t protocol)
{
	uint8_t *ip = probe->bytes + ETH_HEADER, *l4 = ip + IP6_HEADER;
	size_t len = put_l4(l4, query, protocol);
	uint64_t sum;

	ip[0] = 0x60;
	store_be16(ip + IP6_PAYLOAD, (uint16_t)len);
	ip[IP6_NEXT] = protocol;
	ip[IP6_HOPS] = HOPS;
	memcpy(ip + IP6_SRC, query->ip_src.data, 16);
	memcpy(ip + IP6_DST, query->ip_dst.data, 16);
	sum = checksum_pseudo6(ip, protocol, (uint32_t)len) + checksum_sum(l4, len);
	store_be16(l4 + l4_checksum_at(protocol), checksum_finish(sum));
	probe->len = ETH_HEADER + IP6_HEADER + len;
}

static const char *make_frame(struct agent *agent, const struct port_config *port,
                              const Weft__Trace *query, struct probe *probe)
{
	struct ip_addr src, dst;
	struct mac eth_dst, eth_src = source_mac(agent, port);
	uint8_t protocol;

	if (!query->has_ip_src || !query->has_ip_dst || agent_ip(&query->ip_src, &src) < 0 ||
	    agent_ip(&query->ip_dst, &dst) < 0 || ip_is4(src) != ip_is4(dst))
		return "a trace needs a whole frame, or two addresses of one family";
	protocol = ip_is4(src) ? PROTO_ICMP4 : PROTO_ICMP6;
	if (query->has_ip_proto && (query->ip_proto == PROTO_TCP || query->ip_proto == PROTO_UDP))
		protocol = (uint8_t)query->ip_proto;
	else if (query->has_ip_proto && query->ip_proto != PROTO_ICMP4 &&
	         query->ip_proto != PROTO_ICMP6)
		return "a trace is of TCP, UDP or an echo request, or of a whole frame";
	eth_dst = next_hop(agent, port, query, dst);
	if (query->has_eth_src)
		agent_mac(&query->eth_src, &eth_src);
	if (query->has_eth_dst)
		agent_mac(&query->eth_dst, &eth_dst);
	memcpy(probe->bytes + ETH_DST, eth_dst.b, sizeof(eth_dst.b));
	memcpy(probe->bytes + ETH_SRC, eth_src.b, sizeof(eth_src.b));
	store_be16(probe->bytes + ETH_TYPE, ip_is4(src) ? 0x0800 : 0x86dd);
	if (ip_is4(src))
		put_ip4(probe, query, protocol);
	else
		put_ip6(probe, query, protocol);
	return NULL;
}

static const char *fill_probe(struct agent *agent, const struct port_config *port,
                              const Weft__Trace *query, struct probe *probe)
{
	struct packet *packet = &probe->packet;
	const char *wrong = NULL;
	size_t head;

	if (!query->has_frame)
		wrong = make_frame(agent, port, query, probe);
	else if (query->frame.len < ETH_HEADER || query->frame.len > sizeof(probe->bytes))
		wrong = "a frame has 14 bytes at least, and 9216 at most";
	else
		memcpy(probe->bytes, query->frame.data, probe->len = query->frame.len);
	if (wrong)
		return wrong;
	packet_reset(packet);
	head = probe->len < PACKET_HEAD ? probe->len : (size_t)PACKET_HEAD;
	memcpy(packet->data, probe->bytes, head);
	packet->head_len = (uint16_t)head;
	packet->len = (uint32_t)probe->len;
	if (probe->len > head) {
		probe->rest = (struct segment){.base = probe->bytes + head,
		                               .len = (uint32_t)(probe->len - head)};
		packet->segments = &probe->rest;
		packet->segment_count = 1;
	}
	packet->in_port = port->slot;
	packet->vni = query->vni;
	if (query->vid) {
		packet->vlan = (uint16_t)query->vid & VLAN_VID;
		packet->flags |= PACKET_VLAN;
	}
	return NULL;
}

// What the pipeline does not ask: whether somebody is at the doors by which it would send.
static bool is_open(struct trace *trace, const struct port_config *port)
{
	struct port_link link = {0};

	if (port->door && port->door->ops->link)
		port->door->ops->link(port->door, &link);
	if (link.waiting[0])
		trace_add(trace, "door", "port %s: %s", port->name, link.waiting);
	return !link.waiting[0];
}

static void look_at_doors(struct agent *agent, struct trace *trace)
{
	const struct generation *generation = apply_generation(agent->apply);
	unsigned open = 0, count = trace->out_count;

	for (unsigned i = 0; i < count; i++) {
		const struct port_config *port = pmap_get(&generation->ports, trace->out_ports[i]);

		if (port && is_open(trace, port))
			trace->out_ports[open++] = trace->out_ports[i];
	}
	trace->out_count = open;
	if (open || !count)
		return;
	trace->forwarded = false;
	trace->drop = DROP_PORT_DOWN;
	snprintf(trace->hint, sizeof(trace->hint), "%s", drop_explain(DROP_PORT_DOWN));
}

static void send_trace(struct agent *agent, uint64_t request, struct trace *trace,
                       struct packet *packet)
{
	const struct generation *generation = apply_generation(agent->apply);
	Weft__TraceResult message = WEFT__TRACE_RESULT__INIT;
	Weft__TraceStep steps[TRACE_STEPS], *pointers[TRACE_STEPS];
	uint64_t out[ARRAY_SIZE(trace->out_ports)];

	message.steps = pointers;
	// cppcheck-suppress nullPointerRedundantCheck; without a trace there is something wrong.
	for (unsigned i = 0; i < trace->count && i < TRACE_STEPS; i++) {
		weft__trace_step__init(&steps[i]);
		steps[i].stage = trace->steps[i].stage;
		steps[i].text = trace->steps[i].text;
		pointers[message.n_steps++] = &steps[i];
	}
	message.out_ports = out;
	for (unsigned i = 0; i < trace->out_count && i < ARRAY_SIZE(out); i++) {
		const struct port_config *port = pmap_get(&generation->ports, trace->out_ports[i]);

		if (port)
			out[message.n_out_ports++] = port->id;
	}
	message.forwarded = trace->forwarded;
	if (trace->forwarded && trace->vni && packet->len == packet->head_len) {
		message.has_vni = message.has_frame = true;
		message.vni = trace->vni;
		message.frame = (ProtobufCBinaryData){.data = packet->data, .len = packet->len};
	}
	if (trace->drop)
		message.drop_reason = (char *)drop_name((enum drop_reason)trace->drop);
	if (trace->hint[0])
		message.hint = trace->hint;
	agent_send(agent, WEFT__STREAM_ID__STREAM_QUERIES, WEFT__FRAME_TYPE__FRAME_TRACE_RESULT,
	           request, &message.base);
}

static struct pipeline *tracer_of(struct agent *agent)
{
	const struct pipeline_config config = {
		.worker = agent->config.sizes.workers,
		.flow_entries = TRACE_FLOWS,
		.state = agent->state,
		.stats = agent->stats,
	};

	if (!agent->tracer)
		agent->tracer = pipeline_new(&config);
	return agent->tracer;
}

static void run(struct agent *agent, uint64_t request, const Weft__Trace *query)
{
	const struct agent_node *node =
		agent_store_at(&agent->apply->store, WEFT__KIND__KIND_PORT, query->port);
	const struct port_config *port =
		node ? pmap_get(&apply_generation(agent->apply)->ports, node->slot) : NULL;
	struct probe *probe = aligned_alloc(64, ALIGN_UP(sizeof(*probe), (size_t)64));
	struct trace *trace = calloc(1, sizeof(*trace));
	const char *wrong = NULL;

	if (!port) {
		wrong = "there is no such port to enter by";
	} else if (!probe || !trace || !tracer_of(agent)) {
		wrong = "out of memory for a trace";
	} else {
		memset(probe, 0, sizeof(*probe));
		wrong = fill_probe(agent, port, query, probe);
		if (!wrong) {
			pipeline_trace(agent->tracer, apply_generation(agent->apply),
			               &probe->packet, clock_now(), trace);
			look_at_doors(agent, trace);
			send_trace(agent, request, trace, &probe->packet);
		}
	}
	if (wrong)
		agent_refuse(agent, request, port ? -EINVAL : -ENOENT, wrong, NULL);
	free(probe);
	free(trace);
}

void agent_trace_frame(struct agent *agent, struct stream_frame *frame)
{
	struct agent_arena arena;
	const Weft__Trace *query;

	agent_arena_init(&arena, TRACE_LIMIT);
	query = agent_frame_decode(&arena, frame, &weft__trace__descriptor);
	if (query)
		run(agent, frame->request, query);
	else
		agent_refuse(agent, frame->request, -EBADMSG, "the question cannot be read", NULL);
	agent_arena_fini(&arena);
}
