// SPDX-License-Identifier: BSD-3-Clause
//
// gate: accept, shake hands, hand over.
//
// Whoever can reach the port may connect, as often as they like. So the connections that have not yet said who
// they are are few: PENDING_OF_ONE of an address, PENDING in all, and the oldest makes room. A host on a
// fast network needs its place for two round trips. What is told of refusals is bounded by
// NOTES, and the same one again only after QUIET_SECONDS.

#include "controller/gate.h"

#include "base/clock.h"
#include "base/handshake.h"
#include "base/log.h"
#include "base/tls.h"
#include "controller/authority.h"
#include "controller/table.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LIMIT_MS = 10000,
	PENDING = 256,
	PLACE_KEY = TCP_TEXT + 4,
	PENDING_OF_ONE = 16,
	ACCEPT_AT_ONCE = 32, // Then other events have their turn.
	NOTES = 64,
	QUIET_SECONDS = 600,
	REFUSALS = 1024, // Names that are remembered as turned away.
};

struct pending {
	struct gate *gate;
	struct handshake *handshake;
	char from[TCP_TEXT];
	char host[CERT_NAME]; // Which it claims to be; known when it is done.
	struct pending *next; // Which is older.
};

// Who was turned away and why, in short, and when it was told.
struct note {
	char key[TCP_TEXT + CERT_NAME + 16];
	uint64_t told_ns;
};

struct refused_host {
	int64_t when;
	char text[512];
};

struct gate {
	struct gate_env env;
	char *plain;
	int fd;
	struct event *listener;
	struct pending *pending; // The newest first.
	struct note notes[NOTES];
	unsigned next_note;
	struct table refusals; // host -> struct refused_host
};

static void remove_pending(struct pending *pending)
{
	struct pending **link = &pending->gate->pending;

	while (*link != pending)
		link = &(*link)->next;
	*link = pending->next;
	handshake_free(pending->handshake);
	free(pending);
}

// The address without its port.
static size_t host_part(const char *from)
{
	const char *colon = strrchr(from, ':');

	return colon ? (size_t)(colon - from) : strlen(from);
}

static bool is_same_host(const char *one, const char *other)
{
	size_t len = host_part(one);

	return len == host_part(other) && memcmp(one, other, len) == 0;
}

// Lets go of the oldest if there are too many, of this address or in all.
static void make_room(struct gate *gate, const char *from)
{
	struct pending *oldest = NULL, *oldest_of_one = NULL;
	unsigned count = 0, of_one = 0;

	for (struct pending *pending = gate->pending; pending; pending = pending->next) {
		oldest = pending;
		count++;
		if (is_same_host(pending->from, from)) {
			oldest_of_one = pending;
			of_one++;
		}
	}
	if (of_one >= PENDING_OF_ONE)
		remove_pending(oldest_of_one);
	else if (count >= PENDING)
		remove_pending(oldest);
}

// Whether it is news.
static bool note_down(struct gate *gate, const char *from, const char *host, int code)
{
	uint64_t now = clock_now();
	char key[sizeof(gate->notes[0].key)];
	struct note *note = NULL;

	snprintf(key, sizeof(key), "%.*s %s %d", (int)host_part(from), from, host, code);
	for (unsigned i = 0; i < NOTES && !note; i++)
		if (strcmp(gate->notes[i].key, key) == 0)
			note = &gate->notes[i];
	if (note && now - note->told_ns < QUIET_SECONDS * NSEC_PER_SEC)
		return false;
	if (!note)
		note = &gate->notes[gate->next_note++ % NOTES];
	snprintf(note->key, sizeof(note->key), "%s", key);
	note->told_ns = now;
	return true;
}

static void remember(struct gate *gate, const char *host, const char *text)
{
	struct refused_host *refused = table_get_text(&gate->refusals, host);

	if (!refused && gate->refusals.count < REFUSALS) {
		refused = calloc(1, sizeof(*refused));
		if (refused && table_put_text(&gate->refusals, host, refused) < 0) {
			free(refused);
			refused = NULL;
		}
	}
	if (!refused)
		return;
	refused->when = (int64_t)(clock_wall() / NSEC_PER_SEC);
	snprintf(refused->text, sizeof(refused->text), "%s", text);
}

// Under which a refusal is remembered of one who did not say who it is. No host has such a name.
static const char *place_key(const char *from, char buf[static PLACE_KEY])
{
	size_t len = host_part(from);
	bool bracket = from[0] == '[';

	snprintf(buf, PLACE_KEY, "at %.*s", (int)(len - 2 * bracket), from + bracket);
	return buf;
}

static void turn_away(struct gate *gate, const struct pending *pending, const struct fail *fail)
{
	char text[FAIL_TEXT], key[PLACE_KEY];

	if (pending->host[0])
		remember(gate, pending->host, fail->what);
	else if (fail->code == -EKEYREJECTED)
		remember(gate, place_key(pending->from, key), fail->what);
	if (!note_down(gate, pending->from, pending->host, fail->code))
		return;
	// Who goes by himself, as one that only looks whether we listen, is no news.
	if (fail->code == -ECONNRESET) {
		log_info("%s left again: %s", pending->from, fail->what);
		return;
	}
	log_warn("%s was turned away: %s", pending->from, fail_text(fail, text));
	gate->env.refused(gate->env.user, pending->host, pending->from, fail->what);
}

static int on_judge(void *user, const struct cert_facts *facts, struct fail *fail)
{
	const struct gate *gate = ((struct pending *)user)->gate;

	return gate->env.judge(gate->env.user, facts, fail);
}

static void on_done(void *user, int fd, struct tls *tls, const struct fail *fail)
{
	struct pending *pending = user;
	const struct cert_facts *peer = handshake_peer(pending->handshake);
	struct gate *gate = pending->gate;
	struct pending copy = *pending;
	char key[PLACE_KEY];

	// What it claims is known even if it is turned away.
	if (gate->plain)
		snprintf(copy.host, sizeof(copy.host), "%s", gate->plain);
	else if (peer->role == CERT_HOST)
		snprintf(copy.host, sizeof(copy.host), "%s", peer->name);
	remove_pending(pending);
	if (fail) {
		turn_away(gate, &copy, fail);
		return;
	}
	free(table_remove_text(&gate->refusals, copy.host));
	free(table_remove_text(&gate->refusals, place_key(copy.from, key)));
	gate->env.arrived(gate->env.user, copy.host, fd, tls, copy.from);
}

static int begin(struct gate *gate, int fd, const struct tcp_address *peer, struct fail *fail)
{
	struct pending *pending = calloc(1, sizeof(*pending));
	struct tls_end *end = gate->plain ? NULL : authority_end(gate->env.authority, fail);
	struct tls *tls = NULL;

	if (pending && end)
		tls = tls_new(end, fd, on_judge, pending);
	if (!pending || (!gate->plain && !tls)) {
		free(pending);
		return fail->code ? fail->code : fail_set(fail, -ENOMEM, "out of memory");
	}
	tcp_format(peer, pending->from);
	make_room(gate, pending->from);
	pending->gate = gate;
	pending->handshake = handshake_new(gate->env.base, fd, tls, LIMIT_MS, on_done, pending);
	if (!pending->handshake) {
		tls_free(tls);
		free(pending);
		return fail_set(fail, -ENOMEM, "out of memory");
	}
	pending->next = gate->pending;
	gate->pending = pending;
	return 0;
}

static void on_connect(evutil_socket_t listener, short what, void *user)
{
	struct gate *gate = user;
	struct tcp_address peer;
	int fd = -EAGAIN;

	for (unsigned i = 0; i < ACCEPT_AT_ONCE; i++) {
		struct fail fail = {0};

		fd = tcp_accept(listener, &peer);
		if (fd < 0)
			break;
		if (begin(gate, fd, &peer, &fail) < 0) {
			log_warn("a host could not be let in: %s", fail.what);
			close(fd);
		}
	}
	if (fd < 0 && fd != -EAGAIN)
		log_warn("a host could not be let in: %s", strerror(-fd));
}

static int listen_there(struct gate *gate, struct tcp_address *address, struct fail *fail)
{
	char text[TCP_TEXT];

	if (gate->plain && !tcp_is_loopback(address)) {
		fail_set(fail, -EACCES,
		         "plain TCP at %s: without TLS anybody on the way could pose as host '%s', "
		         "and read and change all that is said",
		         tcp_format(address, text), gate->plain);
		fail_hint(fail, "use --listen, or an address of this machine alone, as 127.0.0.1");
		return -EACCES;
	}
	// What is wrong with the authority is said now, and not to the first who comes.
	if (!gate->plain && !authority_end(gate->env.authority, fail))
		return fail->code;
	gate->fd = tcp_listen(address, fail);
	if (gate->fd < 0)
		return gate->fd;
	gate->listener =
		event_new(gate->env.base, gate->fd, EV_READ | EV_PERSIST, on_connect, gate);
	if (!gate->listener || event_add(gate->listener, NULL) < 0)
		return fail_set(fail, -ENOMEM, "out of memory");
	return 0;
}

int gate_open(const struct gate_env *env, struct tcp_address *address, const char *plain,
              struct gate **ret, struct fail *fail)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int code = gate ? 0 : fail_set(fail, -ENOMEM, "out of memory");

	if (gate) {
		gate->env = *env;
		gate->fd = -1;
		gate->plain = plain ? strdup(plain) : NULL;
		code = plain && !gate->plain ? fail_set(fail, -ENOMEM, "out of memory")
		                             : listen_there(gate, address, fail);
	}
	if (code < 0) {
		gate_close(gate);
		return code;
	}
	*ret = gate;
	return 0;
}

void gate_close(struct gate *gate)
{
	struct refused_host *refused;
	size_t cursor = 0;

	if (!gate)
		return;
	while (gate->pending)
		remove_pending(gate->pending);
	while ((refused = table_next(&gate->refusals, &cursor, NULL, NULL)))
		free(refused);
	table_fini(&gate->refusals);
	if (gate->listener)
		event_free(gate->listener);
	if (gate->fd >= 0)
		close(gate->fd);
	free(gate->plain);
	free(gate);
}

const char *gate_refusal(const struct gate *gate, const char *host, int64_t *ret_when)
{
	const struct refused_host *refused = gate ? table_get_text(&gate->refusals, host) : NULL;

	if (refused)
		*ret_when = refused->when;
	return refused ? refused->text : NULL;
}

const char *gate_refusal_at(const struct gate *gate, const char *ip, int64_t *ret_when)
{
	char key[PLACE_KEY];

	snprintf(key, sizeof(key), "at %s", ip);
	return gate_refusal(gate, key, ret_when);
}
