// SPDX-License-Identifier: BSD-3-Clause
//
// doors: an array of doors, chained by port, and an array of indices of the hot ones.
//
// Nothing is allocated after doors_init(): the arrays have room for the most queues there can be, in
// memory that is only touched as far as it is used. An update costs what changed, not how many ports there
// are, as maps of ports share what did not. The kernel watches every door level-triggered, the hot
// ones too: to tell it each time a door turns hot or cold would be two system calls a burst.
//
// No wake-up is lost at a door that must be armed, because of one order: it is armed, then looked at, and
// only when that finds nothing it turns cold; whatever comes later makes its descriptor readable,
// which doors_look() sees now, or doors_wait() later.

#include "datapath/doors.h"

#include "base/clock.h"
#include "base/mem.h"
#include "datapath/generation.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int watch(struct doors *doors, int fd, uint32_t index)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};

	return epoll_ctl(doors->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int doors_init(struct doors *doors, unsigned worker, unsigned workers, int bell_fd)
{
	*doors = (struct doors){
		.worker = worker,
		.workers = workers,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.free = DOORS_NONE,
	};
	if (doors->epoll_fd < 0)
		return -errno;

	int error = watch(doors, bell_fd, DOORS_NONE);

	doors->doors = mem_block_new("doors", DOORS_MAX * sizeof(*doors->doors), 0);
	doors->hot = mem_block_new("doors", DOORS_MAX * sizeof(*doors->hot), 0);
	doors->first = mem_block_new("doors", MAX_PORTS * sizeof(*doors->first), 0);
	if (!doors->doors || !doors->hot || !doors->first)
		error = -ENOMEM;
	if (error) {
		doors_fini(doors);
		return error;
	}
	memset(doors->first, 0xff, MAX_PORTS * sizeof(*doors->first));
	return 0;
}

void doors_fini(struct doors *doors)
{
	mem_block_free(doors->doors);
	mem_block_free(doors->hot);
	mem_block_free(doors->first);
	if (doors->epoll_fd >= 0)
		close(doors->epoll_fd);
	*doors = (struct doors){.epoll_fd = -1};
}

static uint32_t index_of(const struct doors *doors, const struct door *door)
{
	return (uint32_t)(door - doors->doors);
}

static void heat(struct doors *doors, uint32_t index)
{
	struct door *door = &doors->doors[index];

	if (door->hot_at != DOORS_NONE)
		return;
	door->hot_at = doors->hot_count;
	door->worked_ns = doors->now_ns;
	doors->hot[doors->hot_count++] = index;
	if (door->port->ops->disarm)
		door->port->ops->disarm(door->port, door->queue);
}

static void leave_hot(struct doors *doors, struct door *door)
{
	if (door->hot_at == DOORS_NONE)
		return;

	uint32_t last = doors->hot[--doors->hot_count];

	doors->hot[door->hot_at] = last;
	doors->doors[last].hot_at = door->hot_at;
	door->hot_at = DOORS_NONE;
}

void doors_cool(struct doors *doors, struct door *door)
{
	struct port *port = door->port;

	if (door->fd < 0)
		return;
	if (port->ops->arm && port->ops->arm(port, door->queue))
		port->ops->disarm(port, door->queue);
	else
		leave_hot(doors, door);
}

bool doors_arm(struct doors *doors)
{
	bool all = true;

	// Whoever leaves is replaced by the last one, which has been asked by then.
	for (uint32_t i = doors->hot_count; i-- > 0;) {
		struct door *door = &doors->doors[doors->hot[i]];

		if (door->fd < 0 || !door->port->ops->arm)
			continue;
		doors_cool(doors, door);
		all &= door->hot_at == DOORS_NONE;
	}
	return all;
}

static void become_mute(struct doors *doors, struct door *door)
{
	door->fd = -1;
	doors->mute_count++;
	heat(doors, index_of(doors, door));
}

static void take_on(struct doors *doors, const struct port_config *config, uint32_t queue)
{
	uint32_t index = doors->free;

	if (index != DOORS_NONE)
		doors->free = doors->doors[index].next;
	else if (doors->used < DOORS_MAX)
		index = doors->used++;
	else
		return;

	struct door *door = &doors->doors[index];

	*door = (struct door){
		.port = config->door,
		.object = config->id,
		.queue = queue,
		.since_ns = doors->now_ns,
		.next = doors->first[config->slot],
		.hot_at = DOORS_NONE,
		.fd = config->door->ops->rx_fd(config->door, queue),
	};
	doors->first[config->slot] = index;
	// A door that the kernel cannot watch still works.
	if (door->fd < 0 || watch(doors, door->fd, index) < 0)
		become_mute(doors, door);
	else if (config->door->ops->arm && config->door->ops->arm(config->door, queue))
		heat(doors, index);
}

void doors_abandon(struct doors *doors, struct door *door)
{
	if (door->fd >= 0)
		epoll_ctl(doors->epoll_fd, EPOLL_CTL_DEL, door->fd, NULL);
	else
		doors->mute_count--;
	leave_hot(doors, door);
	door->gone = true;
}

static void leave(struct doors *doors, uint32_t slot)
{
	uint32_t index = doors->first[slot];

	while (index != DOORS_NONE) {
		struct door *door = &doors->doors[index];
		uint32_t next = door->next;

		if (!door->gone)
			doors_abandon(doors, door);
		door->port = NULL;
		door->next = doors->free;
		doors->free = index;
		index = next;
	}
	doors->first[slot] = DOORS_NONE;
}

static void port_differs(void *user, uint32_t slot, void *before, void *after)
{
	const struct port_config *old = before;
	const struct port_config *new = after;
	struct doors *doors = user;

	if (old && new && old->door == new->door)
		return;
	if (old && old->door)
		leave(doors, slot);
	// By the door of a peer nothing comes in.
	if (!new || !new->door || new->door->ops->tx_only)
		return;
	for (uint32_t queue = 0; queue < new->door->queue_count; queue++)
		if ((slot + queue) % doors->workers == doors->worker)
			take_on(doors, new, queue);
}

void doors_update(struct doors *doors, const struct pmap *ports, uint64_t now_ns)
{
	doors->now_ns = now_ns;
	pmap_diff(&doors->ports, ports, port_differs, doors);
	doors->ports = *ports;
}

static void note_event(struct doors *doors, const struct epoll_event *event)
{
	if (event->data.u32 == DOORS_NONE)
		return;
	if (event->events & (EPOLLERR | EPOLLHUP))
		doors->doors[event->data.u32].faults++;
	heat(doors, event->data.u32);
}

void doors_wait(struct doors *doors, uint64_t timeout_ns)
{
	struct timespec timeout = {
		.tv_sec = (time_t)(timeout_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(timeout_ns % NSEC_PER_SEC),
	};
	int count = epoll_pwait2(doors->epoll_fd, doors->events, DOORS_EVENTS,
	                         timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);

	assert(count >= 0 || errno == EINTR);
	doors->event_count = count > 0 ? (unsigned)count : 0;
}

unsigned doors_heat(struct doors *doors, uint64_t now_ns)
{
	unsigned count = doors->event_count;

	doors->now_ns = now_ns;
	for (unsigned i = 0; i < count; i++)
		note_event(doors, &doors->events[i]);
	doors->event_count = 0;
	return count;
}

unsigned doors_look(struct doors *doors, uint64_t now_ns)
{
	doors_wait(doors, 0);
	return doors_heat(doors, now_ns);
}
