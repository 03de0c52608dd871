// SPDX-License-Identifier: BSD-3-Clause
//
// upstream: a bounded number of sockets, each open until its answer or its time has come.

#include "datapath/upstream.h"

#include "base/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUESTIONS_MAX = 256, WAIT_SECONDS = 5, ANSWER_MAX = 4096, SERVER_TEXT = 64, DNS_PORT = 53 };

struct question {
	struct question *next, **back;
	struct upstream *upstream;
	struct event *event;
	uint64_t token;
	int fd;
};

struct upstream {
	struct event_base *base;
	upstream_answer_fn answer;
	void *user;
	struct question *questions;
	unsigned count;
};

struct upstream *upstream_new(struct event_base *base, upstream_answer_fn answer, void *user)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (upstream) {
		upstream->base = base;
		upstream->answer = answer;
		upstream->user = user;
	}
	return upstream;
}

static void question_free(struct question *question)
{
	*question->back = question->next;
	if (question->next)
		question->next->back = question->back;
	question->upstream->count--;
	event_free(question->event);
	close(question->fd);
	free(question);
}

void upstream_free(struct upstream *upstream)
{
	if (!upstream)
		return;
	while (upstream->questions)
		question_free(upstream->questions);
	free(upstream);
}

static void on_answer(evutil_socket_t fd, short what, void *user)
{
	struct question *question = user;
	struct upstream *upstream = question->upstream;
	uint64_t token = question->token;
	uint8_t answer[ANSWER_MAX];
	ssize_t len = what & EV_READ ? recv(fd, answer, sizeof(answer), 0) : -1;

	// Whatever it was, an answer, a refusal or the end of patience, this socket is done.
	question_free(question);
	if (len > 0)
		upstream->answer(upstream->user, token, answer, (size_t)len);
}

// The first "nameserver" of the file that everybody on the host follows.
static bool host_server(char server[static SERVER_TEXT])
{
	FILE *file = fopen("/etc/resolv.conf", "re");
	char line[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "nameserver %63s", server) == 1;
	if (file)
		fclose(file);
	return found;
}

static int parse_server(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	char addr[SERVER_TEXT];
	const char *hash = strchr(text, '#');
	size_t len = hash ? (size_t)(hash - text) : strlen(text);
	struct ip_addr ip;
	uint16_t port = htons(DNS_PORT);

	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (ip_parse(addr, &ip) < 0)
		return -EINVAL;
	if (hash)
		port = htons((uint16_t)atoi(hash + 1));
	memset(ret, 0, sizeof(*ret));
	if (ip_is4(ip)) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};

		in.sin_addr.s_addr = ip_to4(ip);
		memcpy(ret, &in, sizeof(in));
		*ret_len = sizeof(in);
	} else {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

		memcpy(&in6.sin6_addr, ip.b, sizeof(ip.b));
		memcpy(ret, &in6, sizeof(in6));
		*ret_len = sizeof(in6);
	}
	return 0;
}

static int question_new(struct upstream *upstream, int fd, uint64_t token)
{
	struct question *question = calloc(1, sizeof(*question));
	struct timeval wait = {.tv_sec = WAIT_SECONDS};

	if (!question)
		return -ENOMEM;
	question->event = event_new(upstream->base, fd, EV_READ, on_answer, question);
	if (!question->event || event_add(question->event, &wait) < 0) {
		if (question->event)
			event_free(question->event);
		free(question);
		return -ENOMEM;
	}
	question->upstream = upstream;
	question->token = token;
	question->fd = fd;
	question->next = upstream->questions;
	question->back = &upstream->questions;
	if (question->next)
		question->next->back = &question->next;
	upstream->questions = question;
	upstream->count++;
	return 0;
}

int upstream_ask(struct upstream *upstream, const char *server, const uint8_t *query, size_t len,
                 uint64_t token)
{
	char host[SERVER_TEXT] = "127.0.0.1";
	struct sockaddr_storage addr;
	socklen_t addr_len;
	int fd, code;

	if (upstream->count >= QUESTIONS_MAX)
		return -EAGAIN;
	if (!server)
		host_server(host);
	code = parse_server(server ? server : host, &addr, &addr_len);
	if (code < 0)
		return code;
	fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, addr_len) < 0 ||
	    send(fd, query, len, MSG_NOSIGNAL) < 0)
		code = -errno;
	if (code == 0)
		code = question_new(upstream, fd, token);
	if (code < 0)
		close(fd);
	return code;
}
