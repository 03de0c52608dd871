// SPDX-License-Identifier: BSD-3-Clause
//
// bfd_sessions: an array by the number in a discriminator, and a heap by the time at which something is due.
//
// A discriminator is the place in the array and a random rest, so that what comes is found by one load, and an
// outsider who has not seen it can hardly guess it. Packets without one, which only come while a session begins, are found
// by a walk. A packet costs one step of the heap.
//
// => The callback of a watch does not unwatch.

#include "tunnels/bfd_sessions.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>

enum { PLACE_BITS = 14, SESSIONS_MAX = (1 << PLACE_BITS) - 1 };

struct bfd_session {
	struct bfd bfd;
	struct bfd_path path;
	void *way; // of the carrier
	struct bfd_watch *watches;
	enum bfd_verdict told; // to the watches
	uint32_t place;        // in `places`
	uint32_t heap_at;
	uint64_t due;
};

struct bfd_sessions {
	struct bfd_carrier carrier;
	uint32_t count, room;
	struct bfd_session **places; // [room], NULL: free
	struct bfd_session **heap;   // [count]
};

struct bfd_sessions *bfd_sessions_new(const struct bfd_carrier *carrier)
{
	struct bfd_sessions *sessions = calloc(1, sizeof(*sessions));

	if (sessions)
		sessions->carrier = *carrier;
	return sessions;
}

void bfd_sessions_free(struct bfd_sessions *sessions)
{
	if (!sessions)
		return;
	free(sessions->places);
	free(sessions->heap);
	free(sessions);
}

static void heap_set(struct bfd_sessions *sessions, uint32_t at, struct bfd_session *session)
{
	sessions->heap[at] = session;
	session->heap_at = at;
}

// Moves the session to where its due time belongs.
static void heap_settle(struct bfd_sessions *sessions, struct bfd_session *session)
{
	uint32_t at = session->heap_at;

	while (at && session->due < sessions->heap[(at - 1) / 2]->due) {
		heap_set(sessions, at, sessions->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < sessions->count &&
		    sessions->heap[child + 1]->due < sessions->heap[child]->due)
			child++;
		if (child >= sessions->count || session->due <= sessions->heap[child]->due)
			break;
		heap_set(sessions, at, sessions->heap[child]);
		at = child;
	}
	heap_set(sessions, at, session);
}

static void set_due(struct bfd_sessions *sessions, struct bfd_session *session)
{
	session->due = bfd_due(&session->bfd);
	heap_settle(sessions, session);
}

static struct bfd_session *find_path(const struct bfd_sessions *sessions,
                                     const struct bfd_path *path)
{
	for (uint32_t i = 0; i < sessions->count; i++) {
		struct bfd_session *session = sessions->heap[i];

		if (ip_equal(session->path.remote, path->remote) &&
		    ip_equal(session->path.local, path->local) &&
		    session->path.multihop == path->multihop)
			return session;
	}
	return NULL;
}

static struct bfd_session *find_discriminator(const struct bfd_sessions *sessions,
                                              uint32_t discriminator)
{
	uint32_t place = discriminator & SESSIONS_MAX;
	struct bfd_session *session = place < sessions->room ? sessions->places[place] : NULL;

	return session && session->bfd.discriminator == discriminator ? session : NULL;
}

// Place 0 stays free: a discriminator is never 0.
static int find_place(struct bfd_sessions *sessions, uint32_t *ret)
{
	uint32_t room = MIN(MAX(2 * sessions->room, 16), SESSIONS_MAX + 1);
	struct bfd_session **grown;

	for (uint32_t i = 1; i < sessions->room; i++) {
		if (sessions->places[i])
			continue;
		*ret = i;
		return 0;
	}
	if (sessions->room > SESSIONS_MAX)
		return -ENOSPC;
	grown = realloc(sessions->heap, room * sizeof(struct bfd_session *));
	if (!grown)
		return -ENOMEM;
	sessions->heap = grown;
	grown = realloc(sessions->places, room * sizeof(struct bfd_session *));
	if (!grown)
		return -ENOMEM;
	sessions->places = grown;
	*ret = MAX(sessions->room, 1);
	for (; sessions->room < room; sessions->room++)
		grown[sessions->room] = NULL;
	return 0;
}

static int open_session(struct bfd_sessions *sessions, const struct bfd_path *path,
                        const struct bfd_config *config, uint64_t now, struct bfd_session **ret,
                        struct fail *fail)
{
	struct bfd_session *session = calloc(1, sizeof(*session));
	uint32_t place;
	int error = session ? find_place(sessions, &place) : -ENOMEM;

	if (error < 0) {
		free(session);
		return fail_errno(fail, error, "no room for a BFD session");
	}
	error = sessions->carrier.open(sessions->carrier.user, path, &session->way, fail);
	if (error < 0) {
		free(session);
		return error;
	}
	session->path = *path;
	session->place = place;
	bfd_init(&session->bfd, config, (uint32_t)rand_u64() << PLACE_BITS | place, now);
	sessions->places[place] = session;
	session->heap_at = sessions->count++;
	set_due(sessions, session);
	*ret = session;
	return 0;
}

static void close_session(struct bfd_sessions *sessions, struct bfd_session *session)
{
	struct bfd_session *last = sessions->heap[--sessions->count];
	uint8_t bytes[BFD_BYTES];

	bfd_end(&session->bfd, bytes);
	sessions->carrier.send(sessions->carrier.user, session->way, bytes, sizeof(bytes));
	sessions->carrier.close(sessions->carrier.user, session->way);
	if (last != session) {
		heap_set(sessions, session->heap_at, last);
		heap_settle(sessions, last);
	}
	sessions->places[session->place] = NULL;
	free(session);
}

static void configure(struct bfd_sessions *sessions, struct bfd_session *session, uint64_t now)
{
	struct bfd_config config = session->watches->config;

	for (const struct bfd_watch *watch = session->watches; watch; watch = watch->next) {
		config.interval_us = MIN(config.interval_us, watch->config.interval_us);
		config.multiplier = MAX(config.multiplier, watch->config.multiplier);
	}
	bfd_configure(&session->bfd, &config, now);
	set_due(sessions, session);
}

int bfd_watch(struct bfd_sessions *sessions, struct bfd_watch *watch, const struct bfd_path *path,
              uint64_t now, struct fail *fail)
{
	struct bfd_session *session = find_path(sessions, path);
	int error = 0;

	if (!session)
		error = open_session(sessions, path, &watch->config, now, &session, fail);
	if (error < 0)
		return error;
	watch->session = session;
	watch->next = session->watches;
	session->watches = watch;
	configure(sessions, session, now);
	return 0;
}

void bfd_unwatch(struct bfd_sessions *sessions, struct bfd_watch *watch, uint64_t now)
{
	struct bfd_session *session = watch->session;
	struct bfd_watch **at;

	if (!session)
		return;
	for (at = &session->watches; *at != watch; at = &(*at)->next)
		continue;
	*at = watch->next;
	watch->session = NULL;
	if (session->watches)
		configure(sessions, session, now);
	else
		close_session(sessions, session);
}

const struct bfd *bfd_watched(const struct bfd_watch *watch)
{
	return &watch->session->bfd;
}

const struct bfd_path *bfd_watched_path(const struct bfd_watch *watch)
{
	return &watch->session->path;
}

static void tell(struct bfd_session *session, uint64_t now)
{
	if (session->told == session->bfd.verdict)
		return;
	session->told = session->bfd.verdict;
	for (struct bfd_watch *watch = session->watches; watch; watch = watch->next)
		watch->changed(watch, now);
}

enum drop_reason bfd_sessions_receive(struct bfd_sessions *sessions, const struct bfd_path *path,
                                      unsigned ttl, const uint8_t *bytes, size_t len, uint64_t now)
{
	struct bfd_session *session;
	struct bfd_packet packet;
	enum drop_reason refused;

	// Nobody further away than one hop can send that (RFC 5082).
	if (!path->multihop && ttl != BFD_TTL)
		return DROP_BFD_TTL;
	refused = bfd_packet_read(bytes, len, &packet);
	if (refused)
		return refused;
	session = packet.your_discriminator
	                  ? find_discriminator(sessions, packet.your_discriminator)
	                  : find_path(sessions, path);
	if (!session || session->path.multihop != path->multihop ||
	    !ip_equal(session->path.remote, path->remote) ||
	    !ip_equal(session->path.local, path->local))
		return DROP_BFD_UNKNOWN;
	bfd_receive(&session->bfd, &packet, now);
	set_due(sessions, session);
	tell(session, now);
	return DROP_NONE;
}

uint64_t bfd_sessions_run(struct bfd_sessions *sessions, uint64_t now)
{
	while (sessions->count && sessions->heap[0]->due <= now) {
		struct bfd_session *session = sessions->heap[0];
		uint8_t bytes[BFD_BYTES];

		if (bfd_run(&session->bfd, now, bytes))
			sessions->carrier.send(sessions->carrier.user, session->way, bytes,
			                       sizeof(bytes));
		set_due(sessions, session);
		tell(session, now);
	}
	return sessions->count ? sessions->heap[0]->due : UINT64_MAX;
}
