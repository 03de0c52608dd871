// SPDX-License-Identifier: BSD-3-Clause
//
// agent_dial: connecting, and knowing whom.
//
// At a unix socket the kernel says who listens: root or our own user, or we leave. By TCP the bundle says
// what the controller shows; it is read anew for each attempt, so that a renewed one is used without a
// restart. Without a bundle nobody can be told from anybody, so that is for addresses of this machine only.
// Every answer comes from the event loop, at once or later, so the caller need not know which.

#include "datapath/agent_dial.h"

#include "base/credential.h"
#include "base/handshake.h"
#include "base/sock.h"
#include "base/tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_MS = 10000 };

struct agent_dial {
	struct event_base *base;
	struct agent_place place;
	agent_dial_fn done;
	void *user;
	struct event *now; // For an answer that is known at once.
	struct handshake *handshake;
	int fd; // Of a unix socket, until it is handed over.
	struct fail fail;
	char name[192];
};

// Root and our own user may tell us what to do; nobody else gets our descriptors.
static bool is_trusted(int fd)
{
	struct sock_peer peer;

	return sock_peer(fd, &peer) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static int refuse_plain(const struct tcp_address *address, struct fail *fail)
{
	char text[TCP_TEXT];

	fail_set(
		fail, -EACCES,
		"plain TCP to %s: without a bundle nobody could tell the controller from another, and "
		"anybody on the way could read and change what is said",
		tcp_format(address, text));
	fail_hint(fail, "'weft host enrol' makes a bundle; give it by --bundle PATH");
	return -EACCES;
}

// Where to connect, and with what.
static int look_up(const struct agent_place *place, struct tcp_address *ret_address,
                   struct credential *ret_credential, struct fail *fail)
{
	struct credential credential = {0};
	const char *text = place->address;
	int code = place->bundle ? credential_load(place->bundle, &credential, fail) : 0;

	if (code < 0)
		return code;
	if (place->bundle && credential.facts.role != CERT_HOST)
		code = fail_set(fail, -EBADMSG, "bundle '%s': it is not one of a host",
		                place->bundle);
	if (!text)
		text = credential.address;
	if (code == 0 && text[0] == '\0')
		code = fail_set(fail, -EDESTADDRREQ, "bundle '%s': it names no controller",
		                place->bundle);
	if (code == 0)
		code = tcp_parse(text, ret_address, fail);
	if (code == 0 && !place->bundle && !tcp_is_loopback(ret_address))
		code = refuse_plain(ret_address, fail);
	if (code < 0)
		credential_fini(&credential);
	else
		*ret_credential = credential;
	return code;
}

int agent_place_check(const struct agent_place *place, struct fail *fail)
{
	struct tcp_address address;
	struct credential credential;
	int code;

	if (place->socket)
		return 0;
	code = look_up(place, &address, &credential, fail);
	if (code == 0)
		credential_fini(&credential);
	return code;
}

static int dial_unix(struct agent_dial *dial, struct fail *fail)
{
	int fd = sock_connect(dial->place.socket, fail);

	if (fd < 0)
		return fd;
	if (!is_trusted(fd)) {
		close(fd);
		return fail_set(fail, -EPERM,
		                "socket '%s': who listens there is neither root nor our own user",
		                dial->place.socket);
	}
	dial->fd = fd;
	event_active(dial->now, EV_TIMEOUT, 0);
	return 0;
}

static void on_shaken(void *user, int fd, struct tls *tls, const struct fail *fail)
{
	struct agent_dial *dial = user;
	struct fail why = {0};

	handshake_free(dial->handshake);
	dial->handshake = NULL;
	if (fail) {
		why = *fail;
		fail_prefix(&why, "%s", dial->name);
	}
	dial->done(dial->user, fd, tls, fail ? &why : NULL);
}

// Makes the end for this attempt; its connection keeps it.
static struct tls *new_tls(const struct credential *credential, int fd, struct fail *fail)
{
	struct tls_end *end = tls_end_new(credential, CERT_CONTROLLER, fail);
	struct tls *tls = end ? tls_new(end, fd, NULL, NULL) : NULL;

	if (end && !tls)
		fail_set(fail, -ENOMEM, "out of memory");
	tls_end_free(end);
	return tls;
}

static int dial_tcp(struct agent_dial *dial, struct fail *fail)
{
	struct tcp_address address;
	struct credential credential;
	struct tls *tls = NULL;
	char text[TCP_TEXT];
	int code = look_up(&dial->place, &address, &credential, fail);
	int fd;

	if (code < 0)
		return code;
	snprintf(dial->name, sizeof(dial->name), "the controller at %s",
	         tcp_format(&address, text));
	fd = tcp_connect(&address, fail);
	if (fd >= 0 && dial->place.bundle)
		tls = new_tls(&credential, fd, fail);
	credential_fini(&credential);
	if (fd < 0)
		return fd;
	if (tls || !dial->place.bundle)
		dial->handshake = handshake_new(dial->base, fd, tls, LIMIT_MS, on_shaken, dial);
	if (dial->handshake)
		return 0;
	tls_free(tls);
	close(fd);
	return fail->code ? fail->code : fail_set(fail, -ENOMEM, "out of memory");
}

void agent_dial_start(struct agent_dial *dial)
{
	int code;

	dial->fail = (struct fail){0};
	code = dial->place.socket ? dial_unix(dial, &dial->fail) : dial_tcp(dial, &dial->fail);
	if (code < 0)
		event_active(dial->now, EV_TIMEOUT, 0);
}

static void on_now(evutil_socket_t unused, short what, void *user)
{
	struct agent_dial *dial = user;
	int fd = dial->fd;

	dial->fd = -1;
	dial->done(dial->user, fd, NULL, fd < 0 ? &dial->fail : NULL);
}

struct agent_dial *agent_dial_new(struct event_base *base, const struct agent_place *place,
                                  agent_dial_fn done, void *user)
{
	struct agent_dial *dial = calloc(1, sizeof(*dial));

	if (!dial)
		return NULL;
	*dial = (struct agent_dial){
		.base = base, .place = *place, .done = done, .user = user, .fd = -1};
	snprintf(dial->name, sizeof(dial->name), "the controller");
	dial->now = evtimer_new(base, on_now, dial);
	if (!dial->now) {
		free(dial);
		errno = ENOMEM;
		return NULL;
	}
	return dial;
}

void agent_dial_free(struct agent_dial *dial)
{
	if (!dial)
		return;
	handshake_free(dial->handshake);
	event_free(dial->now);
	if (dial->fd >= 0)
		close(dial->fd);
	free(dial);
}

const char *agent_dial_name(const struct agent_dial *dial)
{
	return dial->name;
}
