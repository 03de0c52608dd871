// SPDX-License-Identifier: BSD-3-Clause
//
// pipeline: a batch through the flow cache; what misses goes through the stages, in the order of miss_run.
//
// A batch is walked twice: once to find headers, keys and hashes and to fetch the cache lines that
// will be asked, once to look up and run. Programs run one by one, as a miss may evict an entry that a later
// packet of the batch would have found. Nothing is sent before the end of the walk, unless a door's group
// is full. Cost of a hit: one probe, the rewrites of its program, three counters.

#include "datapath/pipeline.h"

#include "base/bytes.h"
#include "datapath/bridge.h"
#include "datapath/capture.h"
#include "datapath/conn.h"
#include "datapath/cut.h"
#include "datapath/flow_count.h"
#include "datapath/flow_rule.h"
#include "datapath/fragment.h"
#include "datapath/hold.h"
#include "datapath/pipeline_priv.h"
#include "datapath/router.h"
#include "datapath/snoop.h"
#include "datapath/suppress.h"
#include "datapath/trace.h"
#include "datapath/upkeep.h"
#include "datapath/vlan.h"
#include "datapath/wire.h"
#include "vnic/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What a batch is looked up by. A run of packets with the same key is looked up once.
struct lookup {
	unsigned count, runs;
	struct packet *packets[BATCH_SIZE];
	uint8_t run[BATCH_SIZE]; // of each packet
	struct flow_key keys[BATCH_SIZE];
	uint32_t hashes[BATCH_SIZE];
	bool deep[BATCH_SIZE];
	bool is_shallow; // The last packet was understood by its Ethernet header alone.
	// The entry of the run that is under way, NULL where there is none that could serve its next packet.
	struct flow_entry *entry;
	unsigned entry_run;
};

struct pipeline *pipeline_new(const struct pipeline_config *config)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return NULL;
	pipeline->config = *config;
	pipeline->state = config->state;
	pipeline->words = stats_worker_words(config->stats, config->worker);
	pipeline->cache = flow_cache_new(config->flow_entries, NULL, NULL);
	pipeline->hold = hold_new();
	pipeline->fragments = fragment_table_new();
	pipeline->misses = calloc(MAX_PORTS, sizeof(*pipeline->misses));
	if (pipeline->cache && pipeline->hold && pipeline->fragments && pipeline->misses &&
	    impaired_init(&pipeline->impaired) == 0)
		return pipeline;
	pipeline_free(pipeline);
	errno = ENOMEM;
	return NULL;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	flow_cache_free(pipeline->cache);
	hold_free(pipeline->hold);
	fragment_table_free(pipeline->fragments);
	free(pipeline->misses);
	impaired_fini(&pipeline->impaired);
	free(pipeline);
}

void pipeline_set_tx_queue(struct pipeline *pipeline, unsigned queue)
{
	pipeline->tx_queue = queue;
}

void pipeline_turn(struct pipeline *pipeline, const struct generation *generation,
                   struct packet_pool *pool, uint64_t now_ns)
{
	pipeline->generation = generation;
	pipeline->pool = pool;
	pipeline->captures =
		pipeline->config.captures ? atomic_load(pipeline->config.captures) : NULL;
	pipeline->now_ns = now_ns;
	pipeline->now_s = (uint32_t)(now_ns / NSEC_PER_SEC);
	pipeline->now_ms = (uint32_t)(now_ns / NSEC_PER_MSEC);
}

// The packet ends here, for whoever looks at the port it came by.
static void show_drop(struct pipeline *pipeline, struct packet *packet, enum drop_reason reason)
{
	const struct port_config *in = pmap_get(&pipeline->generation->ports, packet->in_port);

	packet->drop = (uint16_t)reason;
	if (in)
		capture_take(pipeline->captures, pipeline->config.worker, in, CAPTURE_ENDED,
		             &packet, 1);
}

void pipeline_drop(struct pipeline *pipeline, struct packet *packet, enum drop_reason reason)
{
	const struct pipeline_config *config = &pipeline->config;
	uint16_t vlan = packet->flags & PACKET_VLAN ? packet->vlan : 0;

	stats_drop_words(config->stats, config->worker, packet->in_port)[reason]++;
	stats_record_drop(config->stats, config->worker, pipeline->now_ns, packet->in_port, reason,
	                  vlan, packet->len, packet->data, packet->head_len);
	if (pipeline->captures)
		show_drop(pipeline, packet, reason);
	packet_give(pipeline->pool, packet);
}

// Whether every packet of the flow would end the same way as long as the program is current. What depends
// on more than the flow's key and the tables with epochs (a TTL, TCP flags, connections, room in a table) or is
// answered, is decided anew each time.
static bool lasts(enum drop_reason reason)
{
	switch (reason) {
	case DROP_PORT_DOWN:
	case DROP_PORT_UNKNOWN:
	case DROP_VLAN_NOT_ALLOWED:
	case DROP_UNTAGGED_NOT_ALLOWED:
	case DROP_SOURCE_MAC_INVALID:
	case DROP_RESERVED_MULTICAST:
	case DROP_VNI_UNKNOWN:
	case DROP_SAME_PORT:
	case DROP_SPLIT_HORIZON:
	case DROP_MAC_MOVE_STATIC:
	case DROP_MARTIAN_SOURCE:
	case DROP_MARTIAN_DESTINATION:
	case DROP_BLACKHOLE:
	case DROP_FLOW_RULE:
		return true;
	default:
		return false;
	}
}

bool miss_drop(struct miss *miss, enum drop_reason reason)
{
	if (!lasts(reason))
		miss->program->flags |= PROGRAM_NO_CACHE;
	miss->program->flags |= PROGRAM_DROP;
	miss->program->drop = (uint16_t)reason;
	return true;
}

bool miss_done(struct miss *miss)
{
	miss->program->flags |= PROGRAM_DONE | PROGRAM_NO_CACHE;
	return true;
}

void miss_answer(struct miss *miss, const uint8_t *frame, size_t len)
{
	struct packet *packet = miss_acts(miss) ? egress_frame(miss->pipeline, frame, len) : NULL;

	if (!packet)
		return;
	if (miss->packet->flags & PACKET_VLAN) {
		packet->flags |= PACKET_VLAN;
		packet->vlan = miss->packet->vlan;
	}
	packet->vni = miss->packet->vni;
	egress_put(miss->pipeline, miss->in->slot, packet);
}

// How deep a frame has to be understood: frames to the router and to groups, of which the router may be a
// member, wholly; others by their MACs, unless there are rules that may ask for more.
static bool needs_depth(const struct generation *generation, const struct packet *packet)
{
	struct mac dst;

	if (generation->flow_rules || packet->head_len < ETH_HEADER)
		return true;
	memcpy(dst.b, packet->data, sizeof(dst.b));
	return mac_is_multicast(dst) || mac_to_u64(dst) == generation->router_mac;
}

void miss_run(struct miss *miss, bool deep)
{
	memcpy(miss->dst.b, miss->packet->data + ETH_DST, sizeof(miss->dst.b));
	memcpy(miss->src.b, miss->packet->data + ETH_SRC, sizeof(miss->src.b));
	miss->program->generation = miss->generation->number;

	if (miss->in->admin_down) {
		trace_step(miss->trace, "in", "port %s is down", miss->in->name);
		miss_drop(miss, DROP_PORT_DOWN);
		return;
	}
	if (vlan_stage(miss) || flow_rule_stage(miss) || bridge_learn(miss) ||
	    bridge_reserved(miss))
		return;

	const struct interface *interface = miss->interface;

	if (interface && mac_equal(miss->dst, interface->mac)) {
		// A leg with another MAC than the rest is reached all the same, only slower.
		if (!deep) {
			enum drop_reason reason = packet_parse(miss->packet, PARSE_L4);

			miss->program->flags |= PROGRAM_NO_CACHE;
			if (reason) {
				miss_drop(miss, reason);
				return;
			}
		}
		router_stage(miss);
		return;
	}
	if (interface && mac_is_multicast(miss->dst) && router_listen(miss))
		return;
	if (mac_is_multicast(miss->dst) && (snoop_stage(miss) || suppress_stage(miss)))
		return;
	bridge_forward(miss);
}

static enum egress_reach reach_of(const struct program *program)
{
	return program->flags & PROGRAM_HERE      ? EGRESS_HERE
	       : program->flags & PROGRAM_ROUTERS ? EGRESS_ROUTERS
	                                          : EGRESS_EVERYWHERE;
}

// Does what the program says about a packet that is rewritten already.
static void deliver(struct pipeline *pipeline, const struct program *program, struct packet *packet)
{
	if (program->flags & PROGRAM_DONE) {
		packet_give(pipeline->pool, packet);
		return;
	}
	if (program->flags & PROGRAM_DROP) {
		pipeline_drop(pipeline, packet, program->drop);
		return;
	}
	if (!(program->flags & PROGRAM_FLOOD)) {
		egress_put(pipeline, program->out_port, packet);
		return;
	}

	const struct domain *domain = pmap_get(&pipeline->generation->domains, program->out_domain);
	uint32_t except = program->in_domain == program->out_domain ? packet->in_port : 0;
	enum drop_reason reason = DROP_NO_MEMBER;

	// A routed frame may leave by the port it came by.
	if (program->flags & PROGRAM_TTL)
		except = 0;
	if (domain)
		reason = egress_flood(pipeline, domain, except, reach_of(program), packet);
	if (reason)
		pipeline_drop(pipeline, packet, reason);
}

static void count_rule(struct pipeline *pipeline, const struct program *program,
                       const struct packet *packet)
{
	if (program->flags & PROGRAM_COUNTED)
		flow_counts_add(program->counts, pipeline->config.worker, packet->len);
}

static void execute(struct pipeline *pipeline, const struct program *program, struct packet *packet)
{
	if (!(program->flags & (PROGRAM_DROP | PROGRAM_DONE))) {
		if (program->flags & PROGRAM_CONN)
			conn_count_packet(pipeline, program, packet);
		program_rewrite(program, packet);
	}
}

// Sends the packet in pieces. What there is no room for is lost, as on any way.
static void deliver_pieces(struct pipeline *pipeline, const struct program *program,
                           struct packet *packet)
{
	struct packet *piece;
	uint32_t at = 0;

	while ((piece = cut_next(pipeline, packet, program->mtu, &at)))
		deliver(pipeline, program, piece);
	packet_give(pipeline->pool, packet);
}

static void fill_miss(struct miss *miss, struct pipeline *pipeline, struct packet *packet,
                      struct program *program, struct trace *trace)
{
	*miss = (struct miss){
		.pipeline = pipeline,
		.generation = pipeline->generation,
		.packet = packet,
		.in = pmap_get(&pipeline->generation->ports, packet->in_port),
		.program = program,
		.trace = trace,
	};
	memset(program, 0, sizeof(*program));
}

static void run_miss(struct pipeline *pipeline, struct packet *packet, bool deep,
                     const struct flow_key *key, uint32_t hash)
{
	struct program program;
	struct miss miss;

	pipeline->words[STATS_CACHE_MISSES]++;
	fill_miss(&miss, pipeline, packet, &program, NULL);
	miss_run(&miss, deep);
	// A packet that waited comes again, without a key.
	if (key)
		count_rule(pipeline, &program, packet);

	if (hash && !(program.flags & PROGRAM_NO_CACHE)) {
		struct flow_entry *entry = flow_cache_insert(pipeline->cache, key, hash);

		entry->program = program;
		entry->packets++;
		entry->bytes += packet->len;
	}
	if (miss.quote.present && !(program.flags & (PROGRAM_DROP | PROGRAM_DONE)))
		conn_icmp_rewrite(packet, &miss.quote);
	execute(pipeline, &program, packet);
	// Only the miss path sees packets that are too long: program_accepts() sends them here.
	if (!(program.flags & (PROGRAM_DROP | PROGRAM_DONE)) && cut_is_due(packet, program.mtu))
		deliver_pieces(pipeline, &program, packet);
	else
		deliver(pipeline, &program, packet);
}

void pipeline_again(struct pipeline *pipeline, struct packet *packet)
{
	if (pmap_get(&pipeline->generation->ports, packet->in_port))
		run_miss(pipeline, packet, true, NULL, 0);
	else
		pipeline_drop(pipeline, packet, DROP_PORT_UNKNOWN);
}

// Whether the packet belongs to the run of the one before it for the most common reason.
static bool goes_on(const struct lookup *lookup, const struct packet *packet)
{
	return lookup->is_shallow && lookup->count && packet->head_len >= ETH_HEADER &&
	       packet->len <= PACKET_MAX_LEN &&
	       packet_is_like(packet, lookup->packets[lookup->count - 1]);
}

static void lookup_add(struct pipeline *pipeline, struct lookup *lookup, struct packet *packet)
{
	struct flow_key *key = &lookup->keys[lookup->runs];
	bool deep;
	enum drop_reason reason;

	if (goes_on(lookup, packet)) {
		packet_parse_like(packet, lookup->packets[lookup->count - 1]);
		lookup->run[lookup->count] = (uint8_t)(lookup->runs - 1);
		lookup->packets[lookup->count++] = packet;
		return;
	}
	deep = needs_depth(pipeline->generation, packet);
	reason = packet_parse(packet, deep ? PARSE_L4 : PARSE_L2);

	if (reason) {
		pipeline_drop(pipeline, packet, reason);
		return;
	}
	if (!deep)
		flow_key_l2(packet, key);
	else if (!(packet->flags & PACKET_FRAGMENT))
		flow_key_l4(packet, key);
	else
		memset(key, 0, sizeof(*key));
	if (!lookup->runs || !flow_key_equal(key, key - 1))
		lookup->deep[lookup->runs++] = deep;
	lookup->is_shallow = !deep;
	lookup->run[lookup->count] = (uint8_t)(lookup->runs - 1);
	lookup->packets[lookup->count++] = packet;
}

// The entry whose program may be followed, or NULL. A batch is one moment: what served a packet serves those of its
// run, until one of them takes the long way.
static struct flow_entry *find_entry(const struct pipeline *pipeline, struct lookup *lookup,
                                     unsigned run)
{
	struct flow_entry *entry;

	if (lookup->entry && lookup->entry_run == run)
		return lookup->entry;
	entry = flow_cache_find(pipeline->cache, &lookup->keys[run], lookup->hashes[run]);
	if (entry && !program_is_current(&entry->program, pipeline->state, pipeline->generation))
		entry = NULL;
	lookup->entry = entry;
	lookup->entry_run = run;
	return entry;
}

static void run_one(struct pipeline *pipeline, const struct port_config *in, struct lookup *lookup,
                    unsigned i)
{
	struct packet *packet = lookup->packets[i];
	unsigned run = lookup->run[i];
	// Fragments are never cached under ports that only their first one shows.
	bool keyed = !(lookup->deep[run] && packet->flags & PACKET_FRAGMENT);
	uint32_t hash = keyed ? lookup->hashes[run] : 0;
	struct flow_entry *entry = keyed ? find_entry(pipeline, lookup, run) : NULL;

	if (entry) {
		struct program *program = &entry->program;

		entry->packets++;
		entry->bytes += packet->len;
		if (program->flags & PROGRAM_LEARNT && program->refreshed != pipeline->now_s)
			bridge_refresh(pipeline, in, program, packet);
		if (program_accepts(program, packet)) {
			pipeline->words[STATS_CACHE_HITS]++;
			count_rule(pipeline, program, packet);
			execute(pipeline, program, packet);
			deliver(pipeline, program, packet);
			return;
		}
		// One packet's exception: the flow's program stays.
		hash = 0;
	} else if (pipeline->config.miss_per_second &&
	           !meter_take(&pipeline->misses[packet->in_port], pipeline->now_ns,
	                       pipeline->config.miss_per_second)) {
		pipeline_drop(pipeline, packet, DROP_MISS_LIMIT);
		return;
	}
	lookup->entry = NULL;
	run_miss(pipeline, packet, lookup->deep[run], &lookup->keys[run], hash);
}

// Sends the rest of a run, from `at` on, of which a packet was served by a program that leaves nothing to do but
// to send. Returns where it ends.
static unsigned follow(struct pipeline *pipeline, const struct lookup *lookup, unsigned at)
{
	struct flow_entry *entry = lookup->entry;
	unsigned end = at;
	uint64_t bytes = 0;

	if (!entry || entry->program.flags & ~PROGRAM_LEARNT)
		return at;
	for (; end < lookup->count && lookup->run[end] == lookup->entry_run; end++) {
		lookup->packets[end]->flags &= (uint8_t)~PACKET_VLAN;
		bytes += lookup->packets[end]->len;
	}
	if (end == at)
		return at;
	entry->packets += end - at;
	entry->bytes += bytes;
	pipeline->words[STATS_CACHE_HITS] += end - at;
	egress_put_all(pipeline, entry->program.out_port, lookup->packets + at, end - at);
	return end;
}

static void count_rx(struct pipeline *pipeline, const struct batch *batch)
{
	const struct pipeline_config *config = &pipeline->config;
	uint64_t *words =
		stats_port_words(config->stats, config->worker, batch->packets[0]->in_port);

	for (unsigned i = 0; i < batch->count; i++)
		words[STATS_RX_BYTES] += batch->packets[i]->len;
	words[STATS_RX_PACKETS] += batch->count;
	pipeline->words[STATS_BATCHES]++;
	pipeline->words[STATS_PACKETS] += batch->count;
}

static void end_turn(struct pipeline *pipeline)
{
	if (pipeline->resolved && !hold_is_empty(pipeline->hold))
		hold_tend(pipeline);
	pipeline->resolved = false;
	egress_flush(pipeline);
	packet_arena_reset(pipeline->pool);
}

// The port at the other end of a wire; 0: there is none.
static uint32_t other_end(const struct generation *generation, const struct port_config *in)
{
	const struct domain *wire = pmap_get(&generation->domains, in->wire);

	for (uint32_t i = 0; wire && i < wire->member_count; i++)
		if (wire->members[i].port != in->slot)
			return wire->members[i].port;
	return 0;
}

// What comes by a wire's port leaves by the other, unseen.
static void cross_wire(struct pipeline *pipeline, const struct port_config *in,
                       struct packet **packets, unsigned count)
{
	uint32_t out = other_end(pipeline->generation, in);

	if (out && !in->admin_down) {
		egress_put_all(pipeline, out, packets, count);
	} else {
		for (unsigned i = 0; i < count; i++)
			pipeline_drop(pipeline, packets[i], out ? DROP_PORT_DOWN : DROP_NO_MEMBER);
	}
	end_turn(pipeline);
}

// Packets that came by one port, to their end.
static void run_packets(struct pipeline *pipeline, const struct port_config *in,
                        struct packet **packets, unsigned count)
{
	struct lookup lookup;

	if (in && in->wire) {
		cross_wire(pipeline, in, packets, count);
		return;
	}
	lookup.count = lookup.runs = 0;
	lookup.is_shallow = false;
	lookup.entry = NULL;
	for (unsigned i = 0; i < count; i++) {
		if (in)
			lookup_add(pipeline, &lookup, packets[i]);
		else
			pipeline_drop(pipeline, packets[i], DROP_PORT_UNKNOWN);
	}
	flow_cache_hash_batch(lookup.keys, lookup.runs, lookup.hashes);
	flow_cache_prefetch(pipeline->cache, lookup.hashes, lookup.runs);
	flow_cache_prefetch_entries(pipeline->cache, lookup.hashes, lookup.runs);
	for (unsigned i = 0; i < lookup.count; i = follow(pipeline, &lookup, i + 1))
		run_one(pipeline, in, &lookup, i);

	end_turn(pipeline);
}

void pipeline_run(struct pipeline *pipeline, const struct generation *generation,
                  struct batch *batch, struct packet_pool *pool, uint64_t now_ns)
{
	if (batch->count == 0)
		return;
	pipeline_turn(pipeline, generation, pool, now_ns);

	// All packets of a batch came by one port.
	uint32_t slot = batch->packets[0]->in_port;
	const struct port_config *in = pmap_get(&generation->ports, slot);

	count_rx(pipeline, batch);
	if (pipeline->captures && in)
		capture_take(pipeline->captures, pipeline->config.worker, in, 0, batch->packets,
		             batch->count);
	if (in && in->impair[IMPAIR_OUT])
		batch->count = impaired_filter(pipeline, slot, in->impair[IMPAIR_OUT]->impair,
		                               batch->packets, batch->count);
	run_packets(pipeline, in, batch->packets, batch->count);
	batch->count = 0;
}

void pipeline_resume(struct pipeline *pipeline, struct packet **packets, unsigned count)
{
	run_packets(pipeline, pmap_get(&pipeline->generation->ports, packets[0]->in_port), packets,
	            count);
}

void pipeline_send(struct pipeline *pipeline, const struct generation *generation,
                   const struct service_out *out, struct packet_pool *pool, uint64_t now_ns)
{
	pipeline_turn(pipeline, generation, pool, now_ns);
	egress_emit(pipeline, out->domain, out->port, out->frame, out->len);
	end_turn(pipeline);
}

uint64_t pipeline_tick(struct pipeline *pipeline, const struct generation *generation,
                       struct packet_pool *pool, uint64_t now_ns)
{
	uint64_t wait;

	pipeline_turn(pipeline, generation, pool, now_ns);
	wait = upkeep_run(pipeline);
	end_turn(pipeline);
	return wait;
}

// As egress judges, which a trace does not come to.
// Why nothing leaves by the port, or DROP_NONE.
static enum drop_reason why_down(const struct generation *generation, uint32_t slot)
{
	const struct port_config *port = pmap_get(&generation->ports, slot);

	if (!port || port->admin_down)
		return DROP_PORT_DOWN;
	return port->door && port->door->deaf ? DROP_TUNNEL_PEER_DOWN : DROP_NONE;
}

// To whom a flood goes, as egress_flood does it.
static void trace_flood(struct trace *trace, const struct pipeline *pipeline,
                        const struct program *program, const struct packet *packet)
{
	const struct generation *generation = pipeline->generation;
	const struct domain *domain = pmap_get(&generation->domains, program->out_domain);
	enum drop_reason nobody =
		domain ? egress_why_nobody(domain, packet->in_port, packet) : DROP_NO_MEMBER;

	for (uint32_t i = 0; domain && i < domain->member_count; i++) {
		const struct domain_member *member = &domain->members[i];
		enum drop_reason down = why_down(generation, member->port);

		if (!egress_floods_to(pipeline, member, packet->in_port, reach_of(program),
		                      packet) ||
		    trace->out_count == ARRAY_SIZE(trace->out_ports))
			continue;
		if (down) {
			nobody = down == DROP_TUNNEL_PEER_DOWN ? down : nobody;
			continue;
		}
		trace->out_ports[trace->out_count++] = member->port;
		trace->vni = member->vni;
	}
	if (trace->out_count > 1)
		trace->vni = 0;
	trace->forwarded = trace->out_count > 0;
	if (trace->forwarded)
		return;
	trace->drop = (uint16_t)nobody;
	snprintf(trace->hint, sizeof(trace->hint), "%s", drop_explain(nobody));
}

static void trace_end(struct trace *trace, const struct pipeline *pipeline,
                      const struct program *program, const struct packet *packet)
{
	if (program->flags & PROGRAM_DROP) {
		trace->drop = program->drop;
		snprintf(trace->hint, sizeof(trace->hint), "%s", drop_explain(program->drop));
		return;
	}
	if (program->flags & PROGRAM_DONE)
		return;
	if (!(program->flags & PROGRAM_FLOOD)) {
		trace->drop = why_down(pipeline->generation, program->out_port);
		if (trace->drop) {
			snprintf(trace->hint, sizeof(trace->hint), "%s",
			         drop_explain((enum drop_reason)trace->drop));
			return;
		}
		trace->forwarded = true;
		trace->out_ports[trace->out_count++] = program->out_port;
		trace->vni = program->flags & PROGRAM_VNI ? program->vni : 0;
		return;
	}
	trace_flood(trace, pipeline, program, packet);
}

// That what passes here may be late or lost, which a trace does not draw.
static void trace_impair(struct trace *trace, const struct port_config *port,
                         enum impair_direction direction)
{
	const struct impair_setting *setting = port ? port->impair[direction] : NULL;
	const struct impair_effects *effects = setting ? &setting->plan.steps[0].effects : NULL;

	if (!effects)
		return;
	if (setting->plan.step_count > 1)
		trace_add(trace, "impair", "what {%lu} %s is impaired by a timeline of %u steps",
		          (unsigned long)port->id, direction == IMPAIR_OUT ? "sends" : "gets",
		          setting->plan.step_count);
	else
		trace_add(trace, "impair",
		          "what {%lu} %s is impaired: %sdelay %.3g ms, loss %.3g %%%s",
		          (unsigned long)port->id, direction == IMPAIR_OUT ? "sends" : "gets",
		          effects->down ? "down, " : "", (double)effects->delay_ns / 1e6,
		          (double)effects->loss / 1e7, effects->rate_bps ? ", a rate" : "");
}

static void trace_wire(struct trace *trace, const struct generation *generation,
                       const struct port_config *in)
{
	uint32_t out = other_end(generation, in);

	trace_add(trace, "wire", "everything crosses to the other end");
	trace->drop = in->admin_down ? DROP_PORT_DOWN : out ? DROP_NONE : DROP_NO_MEMBER;
	if (trace->drop) {
		snprintf(trace->hint, sizeof(trace->hint), "%s", drop_explain(trace->drop));
		return;
	}
	trace->forwarded = true;
	trace->out_ports[trace->out_count++] = out;
}

void pipeline_trace(struct pipeline *pipeline, const struct generation *generation,
                    struct packet *packet, uint64_t now_ns, struct trace *trace)
{
	struct program program;
	struct miss miss;
	enum drop_reason reason = packet_parse(packet, PARSE_L4);

	pipeline_turn(pipeline, generation, pipeline->pool, now_ns);
	trace->count = 0;
	trace->out_count = 0;
	trace->forwarded = false;
	trace->drop = (uint16_t)reason;
	trace->hint[0] = '\0';
	trace->vni = 0;
	fill_miss(&miss, pipeline, packet, &program, trace);
	if (!reason && !miss.in)
		trace->drop = reason = DROP_PORT_UNKNOWN;
	if (reason) {
		snprintf(trace->hint, sizeof(trace->hint), "%s", drop_explain(reason));
		return;
	}
	trace_step(trace, "in", "port %s", miss.in->name);
	trace_impair(trace, miss.in, IMPAIR_OUT);
	if (miss.in->wire) {
		trace_wire(trace, generation, miss.in);
	} else {
		miss_run(&miss, true);
		trace_end(trace, pipeline, &program, packet);
		// What is asked on has to be what goes there.
		if (trace->vni)
			program_rewrite(&program, packet);
	}
	for (unsigned i = 0; i < trace->out_count; i++)
		trace_impair(trace, pmap_get(&generation->ports, trace->out_ports[i]), IMPAIR_IN);
}
