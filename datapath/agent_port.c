// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port: what a Port object means in terms of doors and links.
//
// A TAP is made in its guest's namespace under a name of its own, and gets the guest's name as the last
// step. Each of its queues is lent to the keeper with the packed Port as a note; a successor
// that is asked for the very same port finds the queues by name, adopts them, and leaves the link alone:
// the guest notices nothing.

#include "datapath/agent_port.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "datapath/agent_bfd.h"
#include "datapath/agent_change.h"
#include "datapath/agent_interface.h"
#include "datapath/agent_keep.h"
#include "datapath/agent_port_tunnel.h"
#include "datapath/agent_port_vhost.h"
#include "datapath/quiesce.h"
#include "tunnels/underlay_socket.h"
#include "vnic/afpacket.h"
#include "vnic/link.h"
#include "vnic/memport.h"
#include "vnic/pcapport.h"
#include "vnic/tap.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEEP_NAME = 48, QUEUES_MAX = 16, MEMORY_DEPTH = 1024, NOTE_LIMIT = 64 << 10 };

// A TAP that is open, found by its door.
struct tap_place {
	struct tap_place *next;
	struct port *door;
	bool arrived;
	bool handed;            // Another datapath's until it has arrived.
	char made_as[IFNAMSIZ]; // its name before it arrived
	char *netns;            // NULL: ours
	char ifname[IFNAMSIZ];
};

enum { PLACE_HEADS = 4096 };

struct agent_ports {
	struct agent_ports_config config;
	struct agent_keep *keep;
	struct agent_vhosts *vhosts;
	struct agent_tunnels *tunnels;
	struct agent_bfd *bfd;
	struct tap_place *places[PLACE_HEADS];
};

static void retire(void *block)
{
	quiesce_free(block, free);
}

static void on_bfd_packet(void *user, const struct bfd_path *path, unsigned ttl,
                          const uint8_t *bytes, size_t len)
{
	agent_tunnels_packet(((struct agent_ports *)user)->tunnels, path, ttl, bytes, len);
}

static uint64_t on_bfd_due(void *user)
{
	return agent_liveness_run(agent_tunnels_liveness(((struct agent_ports *)user)->tunnels));
}

static uint64_t liveness_now(void *user)
{
	return clock_now();
}

static void liveness_wake(void *user)
{
	agent_bfd_wake(((struct agent_ports *)user)->bfd);
}

static void liveness_event(void *user, Weft__EventType type, uint64_t id, const char *text)
{
	const struct agent_ports_config *config = &((struct agent_ports *)user)->config;

	config->event(config->user, type, id, text);
}

static void liveness_forget(void *user, uint32_t slot)
{
	const struct agent_ports_config *config = &((struct agent_ports *)user)->config;

	config->forget(config->user, slot);
}

static struct agent_bfd *new_bfd(struct agent_ports *ports)
{
	return agent_bfd_new(&(struct agent_bfd_config){
		.base = ports->config.base,
		.packet = on_bfd_packet,
		.run = on_bfd_due,
		.user = ports,
	});
}

static struct agent_tunnels *new_tunnels(struct agent_ports *ports)
{
	return agent_tunnels_new(&(struct agent_tunnels_config){
		.open = underlay_socket_open,
		.retire = retire,
		.queues = ports->config.workers,
		.liveness =
			{
				.carrier = agent_bfd_carrier(ports->bfd),
				.now = liveness_now,
				.wake = liveness_wake,
				.event = liveness_event,
				.forget = liveness_forget,
				.user = ports,
			},
	});
}

const struct agent_liveness *agent_ports_liveness(const struct agent_ports *ports)
{
	return agent_tunnels_liveness(ports->tunnels);
}

size_t agent_ports_ways(const struct agent_ports *ports, struct tunnel_way *ret, size_t room)
{
	return agent_tunnels_ways(ports->tunnels, ret, room);
}

void agent_ports_measure(struct agent_ports *ports, const struct generation *generation,
                         struct fdb *fdb, bool all)
{
	agent_tunnels_measure(ports->tunnels, generation, fdb, all);
}

struct agent_ports *agent_ports_new(const struct agent_ports_config *config)
{
	const struct agent_vhosts_config vhosts = {
		.keep = config->keep,
		.base = config->base,
		.vm_group = config->vm_group,
		.settle = config->settle,
		.event = config->event,
		.user = config->user,
	};
	struct agent_ports *ports = calloc(1, sizeof(*ports));

	if (!ports)
		return NULL;
	ports->config = *config;
	ports->keep = config->keep;
	ports->vhosts = agent_vhosts_new(&vhosts);
	ports->bfd = new_bfd(ports);
	ports->tunnels = ports->bfd ? new_tunnels(ports) : NULL;
	if (!ports->vhosts || !ports->tunnels) {
		agent_ports_free(ports);
		errno = ENOMEM;
		return NULL;
	}
	return ports;
}

void agent_ports_free(struct agent_ports *ports)
{
	if (!ports)
		return;
	agent_tunnels_free(ports->tunnels);
	agent_bfd_free(ports->bfd);
	agent_vhosts_free(ports->vhosts);
	free(ports);
}

static struct tap_place **place_of(struct agent_ports *ports, const struct port *door)
{
	struct tap_place **at = &ports->places[(uintptr_t)door / 64 % PLACE_HEADS];

	while (*at && (*at)->door != door)
		at = &(*at)->next;
	return at;
}

static const char *kept_name(const char *kind, uint64_t id, unsigned queue,
                             char buf[static KEEP_NAME])
{
	snprintf(buf, KEEP_NAME, "%s/%llu/%u", kind, (unsigned long long)id, queue);
	return buf;
}

static const char *queue_name(uint64_t id, unsigned queue, char buf[static KEEP_NAME])
{
	return kept_name("tap", id, queue, buf);
}

static const char *netns_of(const Weft__Port *config)
{
	return config->netns && config->netns[0] ? config->netns : NULL;
}

static struct tap_place *place_new(struct agent_ports *ports, const Weft__Port *config)
{
	struct tap_place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	if (netns_of(config)) {
		place->netns = strdup(netns_of(config));
		if (!place->netns) {
			free(place);
			return NULL;
		}
	}
	snprintf(place->ifname, sizeof(place->ifname), "%s", config->ifname);
	// Several datapaths may work side by side.
	snprintf(place->made_as, sizeof(place->made_as), "weft%08x", (uint32_t)rand_u64());
	return place;
}

static void place_free(struct tap_place *place)
{
	free(place->netns);
	free(place);
}

static void place_put(struct agent_ports *ports, struct tap_place *place, struct port *door)
{
	struct tap_place **at = place_of(ports, door);

	assert(!*at);
	place->door = door;
	*at = place;
}

// Lends every queue, so that the guest's interface outlives this process.
static int lend_queues(struct agent_ports *ports, uint64_t id, const Weft__Port *config,
                       const struct port *door)
{
	auto_free uint8_t *note = malloc(weft__port__get_packed_size(config) + 1);
	size_t len;
	int code = 0;

	if (!note)
		return -ENOMEM;
	len = weft__port__pack(config, note);
	for (unsigned i = 0; code == 0 && i < door->queue_count; i++) {
		char name[KEEP_NAME];

		code = agent_keep_lend(ports->keep, queue_name(id, i, name), "tap-queue", id,
		                       tap_queue_fd(door, i), note, len);
	}
	return code;
}

// The Port that a predecessor noted; NULL when it is none, or larger than any honest one.
static const Weft__Port *read_note(struct agent_arena *arena, const struct agent_kept *kept)
{
	agent_arena_init(arena, NOTE_LIMIT);
	return (const Weft__Port *)protobuf_c_message_unpack(
		&weft__port__descriptor, &arena->allocator, kept->note_len, kept->note);
}

// Whether a predecessor ("tap"), or who hands it over ("handed"), had exactly this port, with all its queues.
static bool is_kept(struct agent_ports *ports, const char *kind, uint64_t id,
                    const Weft__Port *config)
{
	for (unsigned i = 0; i < config->queues; i++) {
		char name[KEEP_NAME];
		const struct agent_kept *kept =
			agent_keep_find(ports->keep, kept_name(kind, id, i, name));
		const Weft__Port *note;
		struct agent_arena arena;
		bool same;

		if (!kept || kept->fd < 0)
			return false;
		note = read_note(&arena, kept);
		same = note && !agent_door_differs(note, config);
		agent_arena_fini(&arena);
		if (!same)
			return false;
	}
	return true;
}

// Takes away what a predecessor left of a port that is another now, or is wanted no more.
static void remove_kept(struct agent_ports *ports, uint64_t id)
{
	char name[KEEP_NAME];
	const struct agent_kept *kept = agent_keep_find(ports->keep, queue_name(id, 0, name));
	const Weft__Port *note;
	struct agent_arena arena;
	struct fail fail = {0};

	// The keeper holds the queues a moment longer than we do; the link goes now.
	if (kept) {
		note = read_note(&arena, kept);
		if (note && note->ifname)
			link_remove(netns_of(note), note->ifname, &fail);
		agent_arena_fini(&arena);
	}
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		int fd;

		if (!agent_keep_find(ports->keep, queue_name(id, i, name)))
			continue;
		fd = agent_keep_claim(ports->keep, name);
		if (fd >= 0)
			close(fd);
		agent_keep_drop(ports->keep, name);
	}
}

// The interface may have been meant to be another when the predecessor went.
static void catch_up(const struct tap_place *place, const Weft__Port *note,
                     const Weft__Port *config)
{
	struct fail ignored = {0};

	if (agent_door_link_differs(note, config))
		agent_interface_adjust(place->netns, place->ifname, note, config, &ignored);
}

static int adopt(struct agent_ports *ports, const char *kind, uint64_t id,
                 const struct tap_place *place, const struct tap_config *tap,
                 const Weft__Port *config, struct port **ret, struct fail *fail)
{
	int fds[QUEUES_MAX];
	char name[KEEP_NAME];
	struct agent_arena arena;
	// The note goes with the first queue.
	const Weft__Port *note =
		read_note(&arena, agent_keep_find(ports->keep, kept_name(kind, id, 0, name)));
	int code;

	for (unsigned i = 0; i < tap->queues; i++)
		fds[i] = agent_keep_claim(ports->keep, kept_name(kind, id, i, name));
	code = tap_adopt(tap, fds, tap->queues, ret, fail);
	for (unsigned i = 0; code < 0 && i < tap->queues; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (code == 0 && note && !place->handed)
		catch_up(place, note, config);
	agent_arena_fini(&arena);
	return code;
}

static int open_tap(struct agent_ports *ports, uint64_t id, const char *name,
                    const Weft__Port *config, struct port **ret, struct fail *fail)
{
	struct tap_place *place = place_new(ports, config);
	struct tap_config tap = {
		.name = name,
		.ifname = config->ifname,
		.netns = netns_of(config),
		.queues = config->queues,
		.mtu = config->mtu,
		.offload_off = config->offload_off,
	};
	int code = -ENOENT;

	if (!place)
		return fail_set(fail, -ENOMEM, "%s: out of memory", name);
	place->handed = is_kept(ports, "handed", id, config);
	if (place->handed) {
		code = adopt(ports, "handed", id, place, &tap, config, ret, fail);
	} else if (is_kept(ports, "tap", id, config)) {
		code = adopt(ports, "tap", id, place, &tap, config, ret, fail);
		place->arrived = code == 0;
	}
	if (code < 0 && !place->handed) {
		remove_kept(ports, id);
		tap.ifname = place->made_as;
		code = tap_open(&tap, ret, fail);
	}
	if (code < 0)
		place_free(place);
	else
		place_put(ports, place, *ret);
	return code;
}

int agent_port_open(struct agent_ports *ports, uint64_t id, const char *name,
                    const Weft__Port *config, uint32_t slot, struct port **ret, struct fail *fail)
{
	if (agent_tunnels_have(config))
		return agent_tunnels_open(ports->tunnels, id, name, config, slot, ret, fail);
	switch (config->type) {
	case WEFT__PORT_TYPE__PORT_TAP:
		return open_tap(ports, id, name, config, ret, fail);
	case WEFT__PORT_TYPE__PORT_NETDEV:
		return afpacket_open(&(struct afpacket_config){.name = name,
		                                               .ifname = config->ifname,
		                                               .netns = netns_of(config),
		                                               .mtu = config->mtu},
		                     ret, fail);
	case WEFT__PORT_TYPE__PORT_PCAP:
		return pcapport_open(&(struct pcapport_config){.name = name,
		                                               .read_path = config->pcap_read,
		                                               .write_path = config->pcap_write,
		                                               .full_speed = true,
		                                               .mtu = config->mtu},
		                     ret, fail);
	case WEFT__PORT_TYPE__PORT_VHOST:
		return agent_vhost_open(ports->vhosts, id, name, config, ret, fail);
	default:
		*ret = memport_open(&(struct memport_config){
			.name = name, .mtu = config->mtu, .depth = MEMORY_DEPTH});
		return *ret ? 0 : fail_errno(fail, -errno, "%s: cannot make a memory port", name);
	}
}

// The link is down until all is set: its guest sees the right MAC address from the first moment.
static int settle(const struct tap_place *place, const Weft__Port *config, struct fail *fail)
{
	struct mac mac;
	int code = 0;

	if (config->has_mac && agent_mac(&config->mac, &mac) == 0)
		code = link_set_mac(place->netns, place->made_as, &mac, fail);
	return code < 0 ? code : link_rename(place->netns, place->made_as, place->ifname, fail);
}

static int arrive_tap(struct agent_ports *ports, uint64_t id, const Weft__Port *config,
                      struct tap_place *place, struct fail *fail)
{
	struct fail ignored = {0};
	int code = 0;

	if (place->handed && !place->arrived) {
		code = link_set_mtu(place->netns, place->ifname, config->mtu, fail);
		place->arrived = true;
		// It is elsewhere now for whoever sends to it.
		link_announce(place->netns, place->ifname, &ignored);
	} else if (!place->arrived) {
		code = settle(place, config, fail);
		place->arrived = code == 0;
		if (code == 0)
			code = agent_interface_configure(place->netns, place->ifname, config, fail);
		if (code < 0) {
			fail_prefix(fail, "%s", place->door->name);
			return code;
		}
	}
	code = lend_queues(ports, id, config, place->door);
	if (code < 0)
		return fail_set(fail, code, "%s: no memory to lend its queues to the keeper",
		                place->door->name);
	return 0;
}

int agent_port_arrive(struct agent_ports *ports, uint64_t id, const Weft__Port *config,
                      struct port *door, struct fail *fail)
{
	struct tap_place *place = *place_of(ports, door);
	int code = 0;

	if (config->type == WEFT__PORT_TYPE__PORT_VHOST)
		code = agent_vhost_arrive(door, fail);
	else if (place)
		code = arrive_tap(ports, id, config, place, fail);
	if (code < 0)
		ports->config.event(ports->config.user, WEFT__EVENT_TYPE__EVENT_PORT_ERROR, id,
		                    fail->what);
	return code;
}

void agent_port_adjust(struct agent_ports *ports, uint64_t id, const Weft__Port *from,
                       const Weft__Port *to, struct port *door)
{
	const struct tap_place *place = *place_of(ports, door);
	struct fail fail = {0};
	int code = 0;

	door->mtu = to->mtu;
	if (!place)
		return;
	code = agent_interface_adjust(place->netns, place->ifname, from, to, &fail);
	// A successor goes by the note of what it is now.
	if (lend_queues(ports, id, to, door) < 0 && code == 0)
		code = fail_set(&fail, -ENOMEM, "%s: no memory to lend its queues to the keeper",
		                door->name);
	if (code < 0)
		ports->config.event(ports->config.user, WEFT__EVENT_TYPE__EVENT_PORT_ERROR, id,
		                    fail.what);
}

void agent_port_close(struct agent_ports *ports, uint64_t id, struct port *door, enum door_end end)
{
	struct tap_place **at = place_of(ports, door), *place = *at;
	unsigned queues = door->queue_count;
	bool forget = end != DOOR_LENT;
	struct fail fail = {0};

	if (agent_vhost_close(ports->vhosts, door, forget) ||
	    agent_tunnels_close(ports->tunnels, door))
		return;
	// Whoever closes the last queue would wait for the interface to go, with the whole machine's links
	// locked meanwhile; one that is to stay goes with its namespace, and all of them at once.
	bool left = place && place->netns && end == DOOR_LEFT && tap_persist(door) == 0;

	door->ops->close(door);
	if (!place)
		return;
	*at = place->next;
	for (unsigned i = 0; forget && i < queues; i++) {
		char name[KEEP_NAME];

		agent_keep_drop(ports->keep, queue_name(id, i, name));
	}
	// While the keeper still has the queues, closing ours does not end the link.
	if (forget && place->arrived && !left && end != DOOR_HANDED)
		link_remove(place->netns, place->ifname, &fail);
	place_free(place);
}

// An entry that belongs to no first queue is no TAP; it goes by its own name.
static void remove_stray(struct agent_ports *ports, const struct agent_kept *kept)
{
	auto_free char *name = strdup(kept->name);
	int fd;

	if (!name)
		return;
	fd = agent_keep_claim(ports->keep, name);
	if (fd >= 0)
		close(fd);
	agent_keep_drop(ports->keep, name);
}

static const struct agent_kept *next_tap(struct agent_ports *ports)
{
	const struct agent_kept *kept = agent_keep_next(ports->keep, NULL);

	while (kept && strcmp(kept->type, "tap-queue") != 0)
		kept = agent_keep_next(ports->keep, kept);
	return kept;
}

unsigned agent_ports_sweep(struct agent_ports *ports)
{
	const struct agent_kept *kept;
	unsigned removed = agent_vhosts_sweep(ports->vhosts);

	for (; (kept = next_tap(ports)); removed++) {
		char first[KEEP_NAME];

		if (agent_keep_find(ports->keep, queue_name(kept->object, 0, first)))
			remove_kept(ports, kept->object);
		else
			remove_stray(ports, kept);
	}
	return removed;
}
