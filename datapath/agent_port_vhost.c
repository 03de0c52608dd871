// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port_vhost: ties vhost-user doors to the keeper and to the channel's events.
//
// Everything a device must not lose with this process (connection, memory, rings' descriptors, its own state) is
// lent under "vhost/ID/WHAT", with the packed Port as a note. A successor that is asked for the very same port
// claims it piece by piece while the device is made; for another port of that id, and for an id that
// nobody asks for any more, the pieces are closed, and the front end sees its connection end.

#include "datapath/agent_port_vhost.h"

#include "base/cleanup.h"
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

static const char *keep_name(uint64_t id, const char *what, char buf[static KEEP_NAME])
{
	snprintf(buf, KEEP_NAME, "vhost/%llu/%s", (unsigned long long)id, what);
	return buf;
}

static int lend(void *user, const char *what, int fd)
{
	const struct vhost_place *place = user;
	char name[KEEP_NAME];

	return agent_keep_lend(place->vhosts->config.keep, keep_name(place->id, what, name),
	                       keep_type, place->id, fd, place->note, place->note_len);
}

static void drop(void *user, const char *what)
{
	const struct vhost_place *place = user;
	char name[KEEP_NAME];

	agent_keep_drop(place->vhosts->config.keep, keep_name(place->id, what, name));
}

static int claim(void *user, const char *what)
{
	const struct vhost_place *place = user;
	char name[KEEP_NAME];
	int fd = agent_keep_claim(place->vhosts->config.keep, keep_name(place->id, what, name));

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

// Closes what a predecessor lent for this port.
static void remove_kept(struct agent_vhosts *vhosts, uint64_t id)
{
	struct agent_keep *keep = vhosts->config.keep;
	const struct agent_kept *kept = agent_keep_next(keep, NULL);

	while (kept) {
		const struct agent_kept *next = agent_keep_next(keep, kept);
		auto_free char *name = is_of(kept, id) ? strdup(kept->name) : NULL;

		if (name) {
			int fd = agent_keep_claim(keep, name);

			if (fd >= 0)
				close(fd);
			agent_keep_drop(keep, name);
		}
		kept = next;
	}
}

// What was lent is of use to the very same port only.
static void remove_other(struct agent_vhosts *vhosts, uint64_t id, const Weft__Port *config)
{
	const struct agent_kept *kept = agent_keep_next(vhosts->config.keep, NULL);
	Weft__Port *note;
	bool same;

	while (kept && !is_of(kept, id))
		kept = agent_keep_next(vhosts->config.keep, kept);
	if (!kept)
		return;
	note = weft__port__unpack(NULL, kept->note_len, kept->note);
	same = note && !agent_door_differs(note, config);
	if (note)
		weft__port__free_unpacked(note, NULL);
	if (!same)
		remove_kept(vhosts, id);
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
	remove_other(vhosts, id, config);
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
	const struct agent_kept *kept = agent_keep_next(keep, NULL);
	unsigned ports = 0;

	while (kept) {
		if (strcmp(kept->type, keep_type) == 0) {
			remove_kept(vhosts, kept->object);
			kept = agent_keep_next(keep, NULL);
			ports++;
		} else {
			kept = agent_keep_next(keep, kept);
		}
	}
	return ports;
}
