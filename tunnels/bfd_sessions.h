// SPDX-License-Identifier: BSD-3-Clause
//
// bfd_sessions: the BFD sessions of a host: one for each path, however many watch it, found by what comes in.
//
// Bytes go out by callbacks, so that a test can carry them. Main thread. Times as in bfd.h.

#pragma once

#include "base/addr.h"
#include "base/fail.h"
#include "tunnels/bfd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bfd_sessions;
struct bfd_session;

// Between two addresses of one family; the first is ours.
struct bfd_path {
	struct ip_addr local, remote;
	bool multihop; // RFC 5883: port 4784, any TTL; else RFC 5881: port 3784, and TTL 255 only
};

struct bfd_carrier {
	void *user;
	// Makes what a session sends by, and receives at its address. 0 or -errno with *fail.
	int (*open)(void *user, const struct bfd_path *path, void **ret, struct fail *fail);
	void (*send)(void *user, void *way, const uint8_t *bytes, size_t len);
	void (*close)(void *user, void *way);
};

// Who wants to know of a path. Kept by its owner from watch to unwatch.
struct bfd_watch {
	struct bfd_config config;
	void (*changed)(struct bfd_watch *watch, uint64_t now); // the verdict did
	void *user;
	// Of the set.
	struct bfd_session *session;
	struct bfd_watch *next;
};

struct bfd_sessions *bfd_sessions_new(const struct bfd_carrier *carrier); // NULL: no memory
void bfd_sessions_free(struct bfd_sessions *sessions); // => Nobody watches. NULL is fine.

// The session of the path begins with its first watch and ends with its last. Of several the shortest interval
// counts, and the largest multiplier.
int bfd_watch(struct bfd_sessions *sessions, struct bfd_watch *watch, const struct bfd_path *path,
              uint64_t now, struct fail *fail);
void bfd_unwatch(struct bfd_sessions *sessions, struct bfd_watch *watch, uint64_t now);
const struct bfd *bfd_watched(const struct bfd_watch *watch);
const struct bfd_path *bfd_watched_path(const struct bfd_watch *watch);

// Takes a packet that came; path->multihop says by which port. Returns DROP_NONE, or why it is refused.
enum drop_reason bfd_sessions_receive(struct bfd_sessions *sessions, const struct bfd_path *path,
                                      unsigned ttl, const uint8_t *bytes, size_t len, uint64_t now);
// Does what is due. Returns when it wants to be called again.
uint64_t bfd_sessions_run(struct bfd_sessions *sessions, uint64_t now);
