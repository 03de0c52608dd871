// SPDX-License-Identifier: BSD-3-Clause
//
// agent_run: brings the datapath to life: segments that a predecessor left or new ones, workers, services,
// and the events of the main thread that join them.
//
// The main thread wakes for the channel, for what workers hand over, and for timers that services ask for
// and that age the FDB while there is something to age.

#include "base/clock.h"
#include "base/log.h"
#include "datapath/agent_change.h"
#include "datapath/agent_priv.h"
#include "datapath/agent_step.h"
#include "datapath/pipeline.h"
#include "datapath/upstream.h"
#include "vnic/link.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
	PUNTS_AT_ONCE = 256,
	MEASURE_SECONDS = 1,
	MEASURES_OF_ALL = 60,
	MEASURE_IDLE_SECONDS = 5,
};

static uint64_t wall_seconds(void)
{
	return clock_wall() / NSEC_PER_SEC;
}

static uint32_t now_seconds(void)
{
	return (uint32_t)(clock_now() / NSEC_PER_SEC);
}

// Lets the services do what is due and sets the alarm for what is next.
static void tick_services(struct agent *agent)
{
	uint64_t next = service_tick(agent->service, clock_now(), wall_seconds());
	struct timeval delay;

	if (next == UINT64_MAX) {
		event_del(agent->service_timer);
		return;
	}
	delay.tv_sec = (time_t)(next / NSEC_PER_SEC);
	delay.tv_usec = (suseconds_t)(next % NSEC_PER_SEC / NSEC_PER_USEC);
	event_add(agent->service_timer, &delay);
}

static void on_service_timer(evutil_socket_t unused, short what, void *user)
{
	tick_services(user);
}

static void on_punt(void *user, const struct service_frame *frame)
{
	struct agent *agent = user;
	enum drop_reason reason =
		service_frame_in(agent->service, frame, clock_now(), wall_seconds());

	// The main thread has the area behind those of the workers.
	if (reason != DROP_NONE && frame->port > 0 && frame->port < MAX_PORTS)
		stats_add(&stats_drop_words(agent->stats, agent->config.sizes.workers,
		                            frame->port)[reason],
		          1);
}

static void on_notice(void *user, const struct notice *notice)
{
	if (notice->type == NOTICE_DOOR_GONE)
		agent_event(user, WEFT__EVENT_TYPE__EVENT_PORT_ERROR, notice->object,
		            "its interface is gone");
	else
		agent_event(user, (Weft__EventType)notice->type, notice->object, notice->text);
}

static void on_punts(evutil_socket_t unused, short what, void *user)
{
	struct agent *agent = user;

	if (workers_punt_drain(agent->workers, PUNTS_AT_ONCE, on_punt, agent) > 0)
		tick_services(agent);
	workers_notice_drain(agent->workers, on_notice, agent);
}

// The way to a peer may carry less than before, or more: an interface of ours changed, or a router on the way told the
// kernel, whom we ask.
static void measure_ways(struct agent *agent, bool all)
{
	agent_ports_measure(agent->ports, apply_generation(agent->apply), agent->state->fdb, all);
	agent_ways_tell(agent);
}

static void on_measure(evutil_socket_t unused, short what, void *user)
{
	struct agent *agent = user;
	bool idle = fdb_count(agent->state->fdb) == 0;
	struct timeval delay = {.tv_sec = idle ? MEASURE_IDLE_SECONDS : MEASURE_SECONDS};

	// All of them seldom, for nobody says that a route grew wider.
	measure_ways(agent, ++agent->measures % MEASURES_OF_ALL == 0);
	event_add(agent->measure_timer, &delay);
}

static const struct generation *env_generation(void *user)
{
	return apply_generation(((struct agent *)user)->apply);
}

static void env_send(void *user, const struct service_out *out)
{
	// A frame that finds no room is lost like one on a busy wire; its client asks again.
	workers_inject(((struct agent *)user)->workers, out);
}

static int env_upstream(void *user, const char *server, const uint8_t *query, size_t len,
                        uint64_t token)
{
	return upstream_ask(((struct agent *)user)->upstream, server, query, len, token);
}

static void on_upstream(void *user, uint64_t token, const uint8_t *answer, size_t len)
{
	struct agent *agent = user;

	service_upstream_answer(agent->service, token, answer, len, clock_now());
	tick_services(agent);
}

// An address of the router itself: no resolver to ask.
static bool is_own(void *user, struct ip_addr ip)
{
	const struct generation *generation = env_generation(user);
	const struct interface *interface;

	for (uint32_t slot = 0; (interface = pmap_next(&generation->interfaces, &slot)); slot++)
		for (uint32_t i = 0; i < interface->address_count; i++)
			if (ip_equal(interface->addresses[i].addr, ip))
				return true;
	return false;
}

static void env_lease(void *user, const struct lease *lease, uint64_t expires)
{
	agent_event_lease(user, lease, expires);
}

static int env_open(void *user, uint64_t id, const char *name, const Weft__Port *port,
                    uint32_t slot, struct port **ret, struct fail *fail)
{
	return agent_port_open(((struct agent *)user)->ports, id, name, port, slot, ret, fail);
}

static int env_arrive(void *user, uint64_t id, const Weft__Port *port, struct port *door,
                      struct fail *fail)
{
	return agent_port_arrive(((struct agent *)user)->ports, id, port, door, fail);
}

static void env_adjust(void *user, uint64_t id, const Weft__Port *from, const Weft__Port *to,
                       struct port *door)
{
	agent_port_adjust(((struct agent *)user)->ports, id, from, to, door);
}

static void env_close(void *user, uint64_t id, struct port *door, enum door_end end)
{
	agent_port_close(((struct agent *)user)->ports, id, door, end);
}

static void env_publish(void *user, const struct generation *generation)
{
	struct agent *agent = user;

	workers_publish(agent->workers, generation);
	// What the services advertise may have changed with it.
	if (agent->service_timer)
		event_active(agent->service_timer, EV_TIMEOUT, 0);
}

static uint64_t env_settle(void *user)
{
	return workers_settle(((struct agent *)user)->workers);
}

static void on_port_event(void *user, Weft__EventType type, uint64_t id, const char *text)
{
	if (type == WEFT__EVENT_TYPE__EVENT_PORT_ERROR)
		log_warn("%s", text);
	agent_event(user, type, id, text);
}

static void forget_learnt(void *user, uint32_t slot)
{
	fdb_flush_port(((struct agent *)user)->state->fdb, slot);
}

static void ports_settle(void *user)
{
	workers_settle(((struct agent *)user)->workers);
}

static int claim(struct agent *agent, const char *name)
{
	int fd = agent_keep_claim(agent->keep, name);

	return fd < 0 ? -1 : fd;
}

static int open_segments(struct agent *agent, struct fail *fail)
{
	const struct state_sizes *sizes = &agent->config.sizes;

	agent->state = state_open(sizes, claim(agent, "state"), now_seconds());
	if (!agent->state)
		return fail_errno(fail, -errno, "cannot make the segment of state");
	agent->stats = stats_open(claim(agent, "stats"), sizes->workers + 1);
	if (!agent->stats)
		return fail_errno(fail, -errno, "cannot make the segment of statistics");
	if (agent->state->recovered)
		log_info("took over %u connections and %u MAC addresses of the process before",
		         conn_count(agent->state->conns), fdb_count(agent->state->fdb));
	agent_lease_take(agent);
	if (agent_keep_lend(agent->keep, "state", "state", 0, agent->state->fd, NULL, 0) < 0 ||
	    agent_keep_lend(agent->keep, "stats", "stats", 0, stats_fd(agent->stats), NULL, 0) < 0)
		return fail_set(fail, -ENOMEM, "out of memory");
	return 0;
}

static int make_parts(struct agent *agent, struct fail *fail)
{
	const struct service_env service_env = {
		.user = agent,
		.generation = env_generation,
		.send = env_send,
		.upstream = env_upstream,
		.lease_event = env_lease,
	};
	const struct workers_config workers_config = {
		.count = agent->config.sizes.workers,
		.state = agent->state,
		.stats = agent->stats,
		.flow_entries = agent->config.flow_entries,
		.miss_per_second = agent->config.miss_per_second,
		.spin_ns = agent->config.spin_ns,
	};
	const struct agent_ports_config ports_config = {
		.keep = agent->keep,
		.base = agent->config.base,
		.workers = agent->config.sizes.workers,
		.vm_group = agent->config.vm_group,
		.settle = ports_settle,
		.event = on_port_event,
		.forget = forget_learnt,
		.user = agent,
	};
	struct apply_env apply_env = {
		.user = agent,
		.state = agent->state,
		.stats = agent->stats,
		.open_port = env_open,
		.arrive_port = env_arrive,
		.adjust_port = env_adjust,
		.close_port = env_close,
		.publish = env_publish,
		.settle = env_settle,
	};

	agent->ports = agent_ports_new(&ports_config);
	agent->upstream = upstream_new(agent->config.base, on_upstream, agent);
	agent->workers = workers_new(&workers_config);
	if (!agent->ports || !agent->upstream || !agent->workers)
		return fail_errno(fail, -errno, "cannot make the workers");
	upstream_set_own(agent->upstream, is_own);
	agent->service = service_new(agent->state, &service_env);
	if (!agent->service)
		return fail_errno(fail, -errno, "cannot make the services");
	apply_env.service = agent->service;
	agent->apply = apply_new(&apply_env);
	if (!agent->apply)
		return fail_errno(fail, -errno, "cannot make the tables");
	return 0;
}

static void on_links(evutil_socket_t unused, short what, void *user)
{
	struct agent *agent = user;

	link_watch_read(agent->links);
	measure_ways(agent, true);
}

static void forget_behind(struct agent *agent, uint32_t slot)
{
	const struct domain *domain = pmap_get(&apply_generation(agent->apply)->domains, slot);

	if (domain && domain->interface)
		neighbour_flush(agent->state->neighbours, domain->interface->slot);
}

// Behind a new interface of an old name others may live, under addresses of the ones before.
static void forget_neighbours(struct agent *agent, const struct port_config *config)
{
	fdb_flush_port(agent->state->fdb, config->slot);
	forget_behind(agent, config->untagged_domain);
	for (uint32_t i = 0; i < config->tagged_count; i++)
		forget_behind(agent, config->tagged[i].domain);
}

// A door whose interface was taken away waits until there is one of that name again. The kernel tells the
// socket in two steps, of which a worker may see only the first; so it is us who say that it has gone.
static void follow_link(struct agent *agent, uint64_t id, bool removed)
{
	uint32_t slot = slot_find(agent->state, SLOT_PORT, id, 0);
	const struct port_config *config =
		slot ? pmap_get(&apply_generation(agent->apply)->ports, slot) : NULL;
	struct port *door = config ? config->door : NULL;
	struct fail fail = {0};

	if (!door || !door->ops->rejoin)
		return;
	if (removed) {
		atomic_store_explicit(&door->gone, true, memory_order_relaxed);
		forget_neighbours(agent, config);
	} else if (atomic_load_explicit(&door->gone, memory_order_relaxed) &&
	           door->ops->rejoin(door, &fail) < 0) {
		agent_event(agent, WEFT__EVENT_TYPE__EVENT_PORT_ERROR, id, fail.what);
	}
}

static void on_link(void *user, const char *ifname, const struct link_state *state, bool removed)
{
	struct agent *agent = user;
	const struct apply *apply = agent->apply;
	const struct agent_node *node;
	struct agent_key key = agent_link_key(ifname, NULL);

	node = agent_store_find(&apply->store, &key);
	if (!node || !node->links)
		return;
	follow_link(agent, node->links->from->id, removed);
	agent_event(agent, WEFT__EVENT_TYPE__EVENT_PORT_LINK, node->links->from->id,
	            removed          ? "gone"
	            : state->running ? "up"
	                             : "down");
}

static int make_events(struct agent *agent, struct fail *fail)
{
	struct event_base *base = agent->config.base;
	struct timeval measure = {.tv_sec = MEASURE_IDLE_SECONDS};

	agent->punts = event_new(base, workers_punt_fd(agent->workers), EV_READ | EV_PERSIST,
	                         on_punts, agent);
	agent->service_timer = evtimer_new(base, on_service_timer, agent);
	agent->measure_timer = evtimer_new(base, on_measure, agent);
	agent->steps = agent_step_new(agent);
	if (!agent->punts || !agent->steps || !agent->service_timer || !agent->measure_timer ||
	    event_add(agent->punts, NULL) < 0 || event_add(agent->measure_timer, &measure) < 0)
		return fail_set(fail, -ENOMEM, "out of memory");

	// Without news of links the switch works as well; only the events are missing.
	agent->links = link_watch_new(on_link, agent);
	if (agent->links)
		agent->links_event = event_new(base, link_watch_fd(agent->links),
		                               EV_READ | EV_PERSIST, on_links, agent);
	if (agent->links_event)
		event_add(agent->links_event, NULL);
	return 0;
}

int agent_run_start(struct agent *agent, struct fail *fail)
{
	int code = 0;

	if (agent->apply)
		return 0;
	agent->started_ns = clock_now();
	code = open_segments(agent, fail);
	if (code == 0)
		code = make_parts(agent, fail);
	if (code == 0)
		code = make_events(agent, fail);
	if (code == 0) {
		code = workers_start(agent->workers);
		if (code < 0)
			fail_errno(fail, code, "cannot start the workers");
	}
	if (code < 0)
		agent_run_stop(agent);
	else
		tick_services(agent);
	return code;
}

void agent_run_complete(struct agent *agent)
{
	unsigned removed;

	if (agent->swept)
		return;
	agent->swept = true;
	apply_complete(agent->apply);
	agent_step_changed(agent->steps);
	removed = agent_ports_sweep(agent->ports);
	if (removed > 0)
		log_info("let go of %u interfaces that nobody wants any more", removed);
}

static void free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

void agent_run_stop(struct agent *agent)
{
	free_event(&agent->punts);
	free_event(&agent->service_timer);
	free_event(&agent->measure_timer);
	agent_step_free(agent->steps);
	agent->steps = NULL;
	free_event(&agent->links_event);
	if (agent->links)
		link_watch_free(agent->links);
	agent->links = NULL;
	agent_capture_drop(agent);
	if (agent->workers)
		workers_stop(agent->workers);
	if (agent->tracer)
		pipeline_free(agent->tracer);
	agent->tracer = NULL;
	apply_free(agent->apply);
	agent->apply = NULL;
	if (agent->service)
		service_free(agent->service);
	agent->service = NULL;
	workers_free(agent->workers);
	agent->workers = NULL;
	upstream_free(agent->upstream);
	agent->upstream = NULL;
	agent_ports_free(agent->ports);
	agent->ports = NULL;
	stats_close(agent->stats);
	agent->stats = NULL;
	state_close(agent->state);
	agent->state = NULL;
}
