// SPDX-License-Identifier: BSD-3-Clause
//
// upstream: a socket for every question.
//
// The kernel gives each socket a random port, and connects it, so that nothing but what comes from
// the server asked is ever received (RFC 5452, section 9). A socket is closed by its answer, by an
// error or when it is late; when too many are open, the oldest goes first. Of the host's own
// resolvers one is asked at a time: one that does not answer is left for the next, with which later
// questions then begin.

#include "datapath/upstream.h"

#include "base/bytes.h"
#include "datapath/resolv_conf.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, QUERY_MOST = 1232, ANSWER_MOST = 4096, QR = 0x80, SERVFAIL = 2 };

struct question {
	struct question *next, *previous; // by age, oldest first
	struct upstream *upstream;
	struct event *readable, *late;
	int fd;
	bool by_host;      // one of the host's resolvers was asked
	unsigned turn;     // which
	unsigned refusals; // of the host's resolvers so far
	uint64_t token;
	size_t len;
	uint8_t query[QUERY_MOST];
};

struct upstream {
	struct event_base *base;
	upstream_answer_fn answer;
	upstream_own_fn is_own; // or NULL
	void *user;
	struct resolv_conf conf;
	unsigned turn; // where questions to the host's resolvers begin
	unsigned open;
	struct question *oldest, *newest;
};

struct upstream *upstream_new(struct event_base *base, upstream_answer_fn answer, void *user)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (upstream) {
		upstream->base = base;
		upstream->answer = answer;
		upstream->user = user;
		upstream->conf.path = "/etc/resolv.conf";
	}
	return upstream;
}

static void close_socket(struct question *question)
{
	if (question->readable)
		event_free(question->readable);
	question->readable = NULL;
	if (question->fd >= 0)
		close(question->fd);
	question->fd = -1;
}

static void question_free(struct question *question)
{
	struct upstream *upstream = question->upstream;

	*(question->previous ? &question->previous->next : &upstream->oldest) = question->next;
	*(question->next ? &question->next->previous : &upstream->newest) = question->previous;
	upstream->open--;
	close_socket(question);
	if (question->late)
		event_free(question->late);
	free(question);
}

void upstream_free(struct upstream *upstream)
{
	if (!upstream)
		return;
	while (upstream->oldest)
		question_free(upstream->oldest);
	free(upstream);
}

void upstream_set_resolv_conf(struct upstream *upstream, const char *path)
{
	upstream->conf = (struct resolv_conf){.path = path};
}

void upstream_set_own(struct upstream *upstream, upstream_own_fn is_own)
{
	upstream->is_own = is_own;
}

unsigned upstream_open(const struct upstream *upstream)
{
	return upstream->open;
}

static bool is_own(const struct upstream *upstream, const union resolver *resolver)
{
	struct ip_addr ip = resolver->any.sa_family == AF_INET
	                            ? ip_from4(resolver->in.sin_addr.s_addr)
	                            : ip_from6(resolver->in6.sin6_addr.s6_addr);

	return upstream->is_own && upstream->is_own(upstream->user, ip);
}

// The resolver of the host whose turn it is; its number is a turn or later. NULL: all are ours.
static const union resolver *host_resolver(const struct upstream *upstream, unsigned *turn)
{
	const struct resolv_conf *conf = &upstream->conf;

	for (unsigned i = 0; i < conf->count; i++, ++*turn) {
		const union resolver *resolver = &conf->servers[*turn % conf->count];

		if (!is_own(upstream, resolver))
			return resolver;
	}
	return NULL;
}

static void on_readable(evutil_socket_t fd, short what, void *user);

// Sends the question to a server, from a fresh socket.
static int send_to(struct question *question, const union resolver *resolver)
{
	int error = 0;

	close_socket(question);
	question->fd =
		socket(resolver->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (question->fd < 0)
		return -errno;
	if (connect(question->fd, &resolver->any, resolver_len(resolver)) < 0 ||
	    send(question->fd, question->query, question->len, 0) < 0) {
		error = -errno;
	} else {
		question->readable = event_new(question->upstream->base, question->fd,
		                               EV_READ | EV_PERSIST, on_readable, question);
		if (!question->readable || event_add(question->readable, NULL) < 0)
			error = -ENOMEM;
	}
	if (error)
		close_socket(question);
	return error;
}

static int ask_host(struct question *question)
{
	int error = -ENOENT;

	while (question->refusals < question->upstream->conf.count) {
		const union resolver *resolver = host_resolver(question->upstream, &question->turn);

		if (!resolver)
			return error;
		error = send_to(question, resolver);
		if (error == 0)
			return 0;
		question->refusals++;
		question->turn++;
	}
	return error;
}

// Later questions begin behind the resolver that failed this one.
static void leave_resolver(struct question *question)
{
	if (question->by_host && question->upstream->turn <= question->turn)
		question->upstream->turn = question->turn + 1;
}

// Nobody listens there: the next resolver of the host, else an answer that says so.
static void on_refused(struct question *question)
{
	struct upstream *upstream = question->upstream;
	uint8_t answer[QUERY_MOST];
	uint64_t token = question->token;
	size_t len = question->len;

	close_socket(question);
	leave_resolver(question);
	question->refusals++;
	question->turn++;
	if (question->by_host && ask_host(question) == 0)
		return;
	memcpy(answer, question->query, len);
	answer[2] |= QR;
	answer[3] = (uint8_t)((answer[3] & 0xf0) | SERVFAIL);
	question_free(question);
	upstream->answer(upstream->user, token, answer, len);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct question *question = user;
	struct upstream *upstream = question->upstream;
	uint8_t answer[ANSWER_MOST];
	ssize_t len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	uint64_t token = question->token;

	if (len < 0 && errno != EAGAIN && errno != EINTR)
		on_refused(question);
	// Somebody who forges the server's address may not end the wait with a wrong guess.
	if (len < HEADER || !(answer[2] & QR) || memcmp(answer, question->query, 2) != 0)
		return;
	question_free(question);
	upstream->answer(upstream->user, token, answer, (size_t)len);
}

static void on_late(evutil_socket_t fd, short what, void *user)
{
	struct question *question = user;

	leave_resolver(question);
	question_free(question);
}

static struct question *question_new(struct upstream *upstream, const uint8_t *query, size_t len,
                                     uint64_t token)
{
	static const struct timeval patience = {UPSTREAM_PATIENCE_MS / 1000,
	                                        UPSTREAM_PATIENCE_MS % 1000 * 1000};
	struct question *question;

	if (upstream->open == UPSTREAM_OPEN)
		question_free(upstream->oldest);
	question = calloc(1, sizeof(*question));
	if (!question)
		return NULL;
	question->upstream = upstream;
	question->fd = -1;
	question->token = token;
	question->len = len;
	memcpy(question->query, query, len);
	question->previous = upstream->newest;
	*(upstream->newest ? &upstream->newest->next : &upstream->oldest) = question;
	upstream->newest = question;
	upstream->open++;
	question->late = evtimer_new(upstream->base, on_late, question);
	if (!question->late || evtimer_add(question->late, &patience) < 0) {
		question_free(question);
		return NULL;
	}
	return question;
}

int upstream_ask(struct upstream *upstream, const char *server, const uint8_t *query, size_t len,
                 uint64_t token)
{
	union resolver resolver;
	struct question *question;
	int result;

	if (len < HEADER || len > QUERY_MOST || (server && resolver_parse(server, &resolver) < 0))
		return -EINVAL;
	question = question_new(upstream, query, len, token);
	if (!question)
		return -ENOMEM;
	if (server) {
		result = send_to(question, &resolver);
	} else {
		resolv_conf_refresh(&upstream->conf);
		question->by_host = true;
		question->turn = upstream->turn;
		result = ask_host(question);
	}
	if (result < 0)
		question_free(question);
	return result;
}
