// SPDX-License-Identifier: BSD-3-Clause
//
// agent_liveness: joins three things that know nothing of each other: sessions that judge paths (bfd_sessions), the
// choice among the ways of a peer (failover), and the door that frames leave by (peer).
//
// Peers are few beside packets, and found by a walk of a list; only those whose ways changed, or that hold, are looked
// at otherwise. Peers that share a path share its session.

#include "datapath/agent_liveness.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "tunnels/failover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENT_TEXT = 256 };

struct live_peer {
	struct live_peer *next;
	struct agent_liveness *liveness;
	struct port *door; // borrowed
	uint64_t id;
	struct failover failover;
	struct ip_addr remotes[PEER_WAYS];
	struct bfd_watch watches[PEER_WAYS];
	bool was_dead[PEER_WAYS];
	uint64_t due; // when the choice is to be made anew
	uint32_t failovers;
};

struct agent_liveness {
	struct agent_liveness_config config;
	struct bfd_sessions *sessions;
	struct live_peer *first;
	uint64_t due; // the least of all peers', or earlier
};

struct agent_liveness *agent_liveness_new(const struct agent_liveness_config *config)
{
	struct agent_liveness *liveness = calloc(1, sizeof(*liveness));

	if (!liveness)
		return NULL;
	liveness->config = *config;
	liveness->due = UINT64_MAX;
	liveness->sessions = bfd_sessions_new(&config->carrier);
	if (liveness->sessions)
		return liveness;
	free(liveness);
	return NULL;
}

void agent_liveness_free(struct agent_liveness *liveness)
{
	if (!liveness)
		return;
	bfd_sessions_free(liveness->sessions);
	free(liveness);
}

static void tell(const struct live_peer *peer, Weft__EventType type, const char *text)
{
	peer->liveness->config.event(peer->liveness->config.user, type, peer->id, text);
}

static const char *why_dead(const struct live_peer *peer, unsigned way,
                            char text[static EVENT_TEXT])
{
	const struct bfd *bfd = bfd_watched(&peer->watches[way]);

	if (bfd->diagnostic == BFD_DIAG_EXPIRED)
		snprintf(text, EVENT_TEXT, "nothing heard for %u ms",
		         (unsigned)(bfd_detection_ns(bfd) / NSEC_PER_MSEC));
	else if (bfd->diagnostic == BFD_DIAG_NEIGHBOUR_DOWN)
		snprintf(text, EVENT_TEXT, "it says that it does not hear us (%s)",
		         bfd_diagnostic_text(bfd->remote_diagnostic));
	else
		snprintf(text, EVENT_TEXT, "%s", bfd_diagnostic_text(bfd->diagnostic));
	return text;
}

static void tell_verdict(struct live_peer *peer, unsigned way, enum bfd_verdict verdict)
{
	char text[2 * EVENT_TEXT], why[EVENT_TEXT], addr[IP_TEXT];

	ip_format(peer->remotes[way], addr);
	if (verdict == BFD_DEAD) {
		snprintf(text, sizeof(text), "%s is down: %s%s", addr, why_dead(peer, way, why),
		         peer->failover.count > 1
		                 ? ""
		                 : "; what is for there is dropped (tunnel_peer_down)");
		tell(peer, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, text);
	} else if (verdict == BFD_ALIVE && peer->was_dead[way]) {
		snprintf(text, sizeof(text), "%s is up again", addr);
		tell(peer, WEFT__EVENT_TYPE__EVENT_PEER_UP, text);
	}
	if (verdict != BFD_UNJUDGED)
		peer->was_dead[way] = verdict == BFD_DEAD;
}

static void tell_choice(struct live_peer *peer, unsigned before)
{
	unsigned used = peer->failover.used;
	char text[EVENT_TEXT], addr[IP_TEXT], old[IP_TEXT];

	if (used == WAY_NONE) {
		snprintf(text, sizeof(text),
		         "no way is left to it: what is for there is dropped (tunnel_peer_down)");
	} else {
		ip_format(peer->remotes[used], addr);
		if (before == WAY_NONE)
			snprintf(text, sizeof(text), "reached at %s again", addr);
		else
			snprintf(text, sizeof(text), "reached at %s now, and no longer at %s", addr,
			         ip_format(peer->remotes[before], old));
	}
	tell(peer, WEFT__EVENT_TYPE__EVENT_FAILOVER, text);
}

// Looks at the ways of the peer and lets the door follow. Returns whether it had to.
static bool follow(struct live_peer *peer, uint64_t now)
{
	struct agent_liveness *liveness = peer->liveness;
	bool changed = failover_run(&peer->failover, now, &peer->due);

	liveness->due = MIN(liveness->due, peer->due);
	if (changed)
		peer_use(peer->door,
		         peer->failover.used == WAY_NONE ? PEER_WAYS : peer->failover.used);
	return changed;
}

static void choose(struct live_peer *peer, uint64_t now)
{
	struct agent_liveness *liveness = peer->liveness;
	unsigned before = peer->failover.used;

	if (!follow(peer, now))
		return;
	if (peer->failover.count > 1 && before != WAY_NONE && peer->failover.used != WAY_NONE)
		peer->failovers++;
	// What was learnt there may be reached by another peer: it is asked for anew.
	if (peer->failover.used == WAY_NONE)
		liveness->config.forget(liveness->config.user, peer->door->slot);
	if (peer->failover.count > 1)
		tell_choice(peer, before);
}

static void on_verdict(struct bfd_watch *watch, uint64_t now)
{
	struct live_peer *peer = watch->user;
	unsigned way = (unsigned)(watch - peer->watches);
	enum bfd_verdict verdict = bfd_watched(watch)->verdict;

	tell_verdict(peer, way, verdict);
	failover_judge(&peer->failover, way, verdict, now);
	choose(peer, now);
}

static void watch_way(struct live_peer *peer, unsigned way, const struct bfd_config *config,
                      const struct bfd_path *path, uint64_t now)
{
	struct agent_liveness *liveness = peer->liveness;
	struct bfd_watch *watch = &peer->watches[way];
	struct fail fail = {0};

	peer->remotes[way] = path->remote;
	*watch = (struct bfd_watch){.config = *config, .changed = on_verdict, .user = peer};
	if (bfd_watch(liveness->sessions, watch, path, now, &fail) < 0) {
		tell(peer, WEFT__EVENT_TYPE__EVENT_PORT_ERROR, fail.what);
		return;
	}
	// Another peer, or the door that this one replaces, may have watched it for long.
	failover_judge(&peer->failover, way, bfd_watched(watch)->verdict, now);
	peer->was_dead[way] = bfd_watched(watch)->verdict == BFD_DEAD;
}

int agent_liveness_add(struct agent_liveness *liveness, uint64_t id, struct port *door,
                       const Weft__TunnelPeer *message, const struct bfd_path paths[PEER_WAYS])
{
	const struct bfd_config config = {
		.interval_us = message->bfd->interval_ms * 1000,
		.multiplier = (uint8_t)message->bfd->multiplier,
	};
	uint64_t now = liveness->config.now(liveness->config.user);
	struct live_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return -ENOMEM;
	peer->liveness = liveness;
	peer->door = door;
	peer->id = id;
	failover_init(&peer->failover, message->has_backup ? 2 : 1,
	              message->bfd->hold_ms * NSEC_PER_MSEC, now);
	for (unsigned way = 0; way < peer->failover.count; way++)
		watch_way(peer, way, &config, &paths[way], now);
	peer->next = liveness->first;
	liveness->first = peer;
	// What is known already was told when it happened.
	follow(peer, now);
	liveness->config.wake(liveness->config.user);
	return 0;
}

void agent_liveness_remove(struct agent_liveness *liveness, const struct port *door)
{
	uint64_t now = liveness->config.now(liveness->config.user);

	for (struct live_peer **at = &liveness->first; *at; at = &(*at)->next) {
		struct live_peer *peer = *at;

		if (peer->door != door)
			continue;
		*at = peer->next;
		for (unsigned way = 0; way < peer->failover.count; way++)
			bfd_unwatch(liveness->sessions, &peer->watches[way], now);
		free(peer);
		return;
	}
}

enum drop_reason agent_liveness_receive(struct agent_liveness *liveness,
                                        const struct bfd_path *path, unsigned ttl,
                                        const uint8_t *bytes, size_t len)
{
	return bfd_sessions_receive(liveness->sessions, path, ttl, bytes, len,
	                            liveness->config.now(liveness->config.user));
}

static void run_holds(struct agent_liveness *liveness, uint64_t now)
{
	if (now < liveness->due)
		return;
	liveness->due = UINT64_MAX;
	for (struct live_peer *peer = liveness->first; peer; peer = peer->next) {
		if (peer->due <= now)
			choose(peer, now);
		liveness->due = MIN(liveness->due, peer->due);
	}
}

uint64_t agent_liveness_run(struct agent_liveness *liveness)
{
	uint64_t now = liveness->config.now(liveness->config.user);
	uint64_t due = bfd_sessions_run(liveness->sessions, now);

	run_holds(liveness, now);
	return MIN(due, liveness->due);
}

bool agent_liveness_view(const struct agent_liveness *liveness, const struct port *door,
                         struct liveness_view *ret)
{
	const struct live_peer *peer = liveness->first;
	unsigned used;

	while (peer && peer->door != door)
		peer = peer->next;
	if (!peer)
		return false;
	used = peer->failover.used;
	*ret = (struct liveness_view){
		.way_count = peer->failover.count,
		.reached = used != WAY_NONE,
		.failovers = peer->failovers,
	};
	if (used != WAY_NONE)
		ret->remote = peer->remotes[used];
	for (unsigned way = 0; way < ret->way_count; way++)
		ret->sessions[way] =
			peer->watches[way].session ? bfd_watched(&peer->watches[way]) : NULL;
	return true;
}
