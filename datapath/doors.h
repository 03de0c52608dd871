// SPDX-License-Identifier: BSD-3-Clause
//
// doors: the receive queues that are one worker's, and which of them have frames. Owning worker, but
// for new and free.
//
// A queue is cold while the kernel watches it for us, and hot from the time it was seen readable
// until it has been silent for a while: a hot one is simply read. Queues without a descriptor to
// watch are mute: they count as hot for ever. A queue whose other end must be asked to tell (arm, disarm of
// struct port_ops) is armed exactly while it is cold.

#pragma once

#include "datapath/pmap.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

enum { DOORS_MAX = 1 << 16, DOORS_EVENTS = 64, DOOR_FAULTS = 100 };
#define DOORS_NONE UINT32_MAX

struct door {
	struct port *port; // borrowed
	uint64_t object;   // id of the port
	uint32_t queue;
	uint32_t next;      // of the same port, an index; free: the next free one
	uint32_t hot_at;    // place among the hot ones, DOORS_NONE: cold
	int fd;             // -1: mute
	uint64_t since_ns;  // when it was taken on
	uint64_t worked_ns; // when it last had a packet, or turned hot
	uint32_t faults;    // events since then that told of an error
	bool gone;          // neither watched nor read
	bool missing;       // its interface has gone, and may come back
	bool is_bulky;      // its last frame was long
};

struct doors {
	unsigned worker;
	unsigned workers;
	int epoll_fd;
	struct pmap ports;  // what the table was made from; borrowed
	struct door *doors; // [DOORS_MAX]
	uint32_t *hot;      // [DOORS_MAX], indices
	uint32_t *first;    // [MAX_PORTS], index of a port's first door
	uint32_t hot_count;
	uint32_t mute_count;
	uint32_t used; // doors behind this one were never used
	uint32_t free; // index of the first free one before it
	uint64_t now_ns;
	unsigned event_count; // that doors_wait() found
	struct epoll_event events[DOORS_EVENTS];
};

// Watches `bell_fd` too, which ends a wait and does nothing else. 0 or -errno.
int doors_init(struct doors *doors, unsigned worker, unsigned workers, int bell_fd);
void doors_fini(struct doors *doors);

// Takes on and leaves doors until the table is that of `ports` (slot -> struct port_config).
void doors_update(struct doors *doors, const struct pmap *ports, uint64_t now_ns);

// Asks the kernel, for at most timeout_ns (UINT64_MAX: until something comes), which cold doors have
// become readable. No port is touched meanwhile, so that a thread that sleeps here delays nobody who waits for
// it to have let go of what was replaced.
void doors_wait(struct doors *doors, uint64_t timeout_ns);
// Makes those hot, for which what is behind a port may be used. Returns how many events there were.
unsigned doors_heat(struct doors *doors, uint64_t now_ns);
// Both, without waiting.
unsigned doors_look(struct doors *doors, uint64_t now_ns);

// Makes a hot door cold again; another takes its place among the hot ones. Mute ones stay, and those that
// have something the moment they are armed.
void doors_cool(struct doors *doors, struct door *door);
// Cools every hot door that tells only when it is armed. Returns whether all are cold now: the
// caller may sleep, or else it must read what the others have. => doors_look() after it, before sleeping.
bool doors_arm(struct doors *doors);

// The interface behind the door is no more, or an error that never ends: it is left in peace.
void doors_abandon(struct doors *doors, struct door *door);
