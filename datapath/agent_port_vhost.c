// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port_vhost: ties vhost-user doors to the keeper and to the channel's events.
//
// Everything a device must not lose with this process (connection, memory, rings' descriptors, its own state) is
// lent under "vhost/ID.SERIAL/WHAT", with the packed Port as a note. A successor that is asked for the very same port
// claims it piece by piece while the device is made; for another port of that id, and for an id that
// nobody asks for any more, the pieces are closed, and the front end sees its connection end. The serial tells the
// doors of one port apart, of which there are two while it is changed: neither drops what the other lent.

#include "datapath/agent_port_vhost.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "datapath/agent_change.h"
#include "datapath/agent_keep.h"
#include "vnic/vhost/vhost_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEEP_NAME = 64, PLACE_HEADS = 1024 };

static const char keep_type[] = "vhost";

struct vhost_place {
	struct vhost_place *next;
	struct agent_vhosts *vhosts;
	struct port *door;
	uint64_t id;
	uint64_t serial; // that of the predecessor whose pieces it claims, or one of its own
	size_t note_len;
	uint8_t note[]; // the packed Port
};

struct agent_vhosts {
	struct agent_vhosts_config config;
	struct vhost_place *places[PLACE_HEADS];
};

struct agent_vhosts *agent_vhosts_new(const struct agent_vhosts_config *config)
{
	struct agent_vhosts *vhosts = calloc(1, sizeof(*vhosts));

	if (vhosts)
		vhosts->config = *config;
	return vhosts;
}

void agent_vhosts_free(struct agent_vhosts *vhosts)
{
	free(vhosts);
}

static struct vhost_place **place_of(struct agent_vhosts *vhosts, const struct port *door)
{
	struct vhost_place **at = &vhosts->places[(uintptr_t)door / 64 % PLACE_HEADS];

	while (*at && (*at)->door != door)
		at = &(*at)->next;
	return at;
}

static const char *keep_name(const struct vhost_place *place, const char *what,
                             char buf[static KEEP_NAME])
{
	snprintf(buf, KEEP_NAME, "vhost/%llu.%llx/%s", (unsigned long long)place->id,
	         (unsigned long long)place->serial, what);
	return buf;
}

// 0: the name is none of keep_name().
static uint64_t serial_of(const char *name)
{
	unsigned long long id, serial;

	return sscanf(name, "vhost/%llu.%llx/", &id, &serial) == 2 ? serial : 0;
}

static int lend(void *user, const char *what, int fd)
{
	const struct vhost_place *place = user;
	char name[KEEP_NAME];

	return agent_keep_lend(place->vhosts->config.keep, keep_name(place, what, name), keep_type,
	                       place->id, fd, place->note, place->note_len);
}

static void drop(void *user, const char *what)
{
	const struct vhost_place *place = user;
	char name[KEEP_NAME];

	agent_keep_drop(place->vhosts->config.keep, keep_name(place, what, name));
}

static int claim(void *user, const char *what)
{
	const struct vhost_place *place = user;
	char name[KEEP_NAME];
	int fd = agent_keep_claim(place->vhosts->config.keep, keep_name(place, what, name));

	return fd < 0 ? -1 : fd;
}

static void settle(void *user)
{
	const struct agent_vhosts_config *config = &((struct vhost_place *)user)->vhosts->config;

	config->settle(config->user);
}

static void on_event(void *user, enum vhost_port_event event, const char *what)
{
	const struct vhost_place *place = user;
	const struct agent_vhosts_config *config = &place->vhosts->config;
	char text[FAIL_TEXT + 32];

	log_info("%s: %s", place->door ? place->door->name : "vhost-user port", what);
	switch (event) {
	case VHOST_PORT_CONNECTED:
		config->event(config->user, WEFT__EVENT_TYPE__EVENT_PORT_LINK, place->id,
		              "connected");
		break;
	case VHOST_PORT_DISCONNECTED:
		snprintf(text, sizeof(text), "disconnected: %s", what);
		config->event(config->user, WEFT__EVENT_TYPE__EVENT_PORT_LINK, place->id, text);
		break;
	case VHOST_PORT_COMPLAINT:
		snprintf(text, sizeof(text), "connected, but: %s", what);
		config->event(config->user, WEFT__EVENT_TYPE__EVENT_PORT_LINK, place->id, text);
		break;
	case VHOST_PORT_WAITING:
		snprintf(text, sizeof(text), "waiting: %s", what);
		config->event(config->user, WEFT__EVENT_TYPE__EVENT_PORT_LINK, place->id, text);
		break;
	case VHOST_PORT_QUEUE_LOST:
		config->event(config->user, WEFT__EVENT_TYPE__EVENT_QUEUE_LOST, place->id, what);
		break;
	}
}

static bool is_of(const struct agent_kept *kept, uint64_t id)
{
	return kept->object == id && strcmp(kept->type, keep_type) == 0;
}

static void remove_one(struct agent_keep *keep, const struct agent_kept *kept)
{
	auto_free char *name = strdup(kept->name);
	int fd = name ? agent_keep_claim(keep, name) : -1;

	if (fd >= 0)
		close(fd);
	if (name)
		agent_keep_drop(keep, name);
}

static bool is_for(const struct agent_kept *kept, const Weft__Port *config)
{
	Weft__Port *note = weft__port__unpack(NULL, kept->note_len, kept->note);
	bool same = note && !agent_door_differs(note, config);

	if (note)
		weft__port__free_unpacked(note, NULL);
	return same;
}

// Closes what a predecessor lent for this port, unless it was for the very same door, whose serial is returned; 0:
// there is none.
static uint64_t sort_out(struct agent_keep *keep, uint64_t id, const Weft__Port *config)
{
	const struct agent_kept *next, *kept = agent_keep_next(keep, NULL);
	uint64_t found = 0;

	for (; kept; kept = next) {
		next = agent_keep_next(keep, kept);
		if (!is_of(kept, id))
			continue;

		uint64_t serial = is_for(kept, config) ? serial_of(kept->name) : 0;

		if (!found)
			found = serial;
		if (!serial || serial != found)
			remove_one(keep, kept);
	}
	return found;
}

static struct vhost_place *place_new(struct agent_vhosts *vhosts, uint64_t id,
                                     const Weft__Port *config)
{
	size_t len = weft__port__get_packed_size(config);
	struct vhost_place *place = calloc(1, sizeof(*place) + len);

	if (!place)
		return NULL;
	place->vhosts = vhosts;
	place->id = id;
	place->note_len = weft__port__pack(config, place->note);
	return place;
}

int agent_vhost_open(struct agent_vhosts *vhosts, uint64_t id, const char *name,
                     const Weft__Port *config, struct port **ret, struct fail *fail)
{
	struct vhost_place *place = place_new(vhosts, id, config);
	const struct vhost_keeper keeper = {
		.lend = lend, .drop = drop, .claim = claim, .user = place};
	struct vhost_port_config port = {
		.name = name,
		.path = config->vhost_path,
		.server = config->vhost_server,
		.group = vhosts->config.vm_group,
		.pairs = config->queues,
		.mtu = config->mtu,
		.offload_off = config->offload_off,
		.base = vhosts->config.base,
		.settle = settle,
		.event = on_event,
		.user = place,
		.keeper = &keeper,
	};
	struct vhost_place **at;
	int code;

	if (!place)
		return fail_set(fail, -ENOMEM, "%s: out of memory", name);
	if (config->has_mac)
		agent_mac(&config->mac, &port.mac);
	place->serial = sort_out(vhosts->config.keep, id, config);
	if (!place->serial)
		place->serial = clock_wall();
	code = vhost_port_open(&port, ret, fail);
	if (code < 0) {
		free(place);
		return code;
	}
	at = place_of(vhosts, *ret);
	place->door = *ret;
	*at = place;
	return 0;
}

int agent_vhost_arrive(struct port *door, struct fail *fail)
{
	return vhost_port_arrive(door, fail);
}

bool agent_vhost_close(struct agent_vhosts *vhosts, struct port *door, bool forget)
{
	struct vhost_place **at = place_of(vhosts, door), *place = *at;

	if (!place)
		return false;
	*at = place->next;
	if (forget)
		door->ops->close(door);
	else
		vhost_port_leave(door);
	free(place);
	return true;
}

unsigned agent_vhosts_sweep(struct agent_vhosts *vhosts)
{
	struct agent_keep *keep = vhosts->config.keep;
	const struct agent_kept *next, *kept = agent_keep_next(keep, NULL);
	const char *what;
	unsigned ports = 0;

	for (; kept; kept = next) {
		next = agent_keep_next(keep, kept);
		if (strcmp(kept->type, keep_type) != 0)
			continue;
		// The pieces of a port need not follow each other; ports are counted by their state.
		what = strrchr(kept->name, '/');
		ports += what && strcmp(what, "/state") == 0;
		remove_one(keep, kept);
	}
	return ports;
}
