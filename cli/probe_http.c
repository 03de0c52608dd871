// SPDX-License-Identifier: BSD-3-Clause
//
// probe_http: one GET as HTTP/1.0, so that the server ends the answer by closing (RFC 9112, 9.6), and no part of
// it is chunked.

#include "cli/probe_http.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/probe_name.h"
#include "cli/probe_socket.h"
#include "cli/probe_tls.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// A text of a URL that could end a line of the request is none.
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static int parse_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

int probe_http_parse(const char *url, struct probe_http_question *ret)
{
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *at = url + (tls ? 8 : 7), *slash, *port;
	char authority[sizeof(ret->host) + 16];
	size_t len;

	if ((!tls && strncmp(url, "http://", 7) != 0) || !is_plain(url))
		return -EINVAL;
	slash = strchrnul(at, '/');
	len = (size_t)(slash - at);
	if (len == 0 || len >= sizeof(authority) || strlen(slash) >= sizeof(ret->path))
		return -EINVAL;
	snprintf(authority, sizeof(authority), "%.*s", (int)len, at);
	*ret = (struct probe_http_question){.port = tls ? 443 : 80, .tls = tls};
	snprintf(ret->path, sizeof(ret->path), "%s", *slash ? slash : "/");
	at = authority;
	if (*at == '[') {
		port = strchr(++at, ']');
		if (!port)
			return -EINVAL;
		len = (size_t)(port++ - at);
	} else {
		len = strcspn(at, ":");
		port = at + len;
	}
	if (len == 0 || len >= sizeof(ret->host) || (*port && *port != ':'))
		return -EINVAL;
	memcpy(ret->host, at, len);
	return *port ? parse_port(port + 1, &ret->port) : 0;
}

unsigned probe_http_status(const char *bytes)
{
	unsigned status = 0;

	return sscanf(bytes, "HTTP/1.%*1[01] %3u", &status) == 1 ? status : 0;
}

const char *probe_http_body(const char *bytes)
{
	const char *end = strstr(bytes, "\r\n\r\n");

	return end ? end + 4 : NULL;
}

static void give_up(struct probe_http_answer *answer, const char *what, const char *why)
{
	snprintf(answer->trouble, sizeof(answer->trouble), "%.180s: %.100s", what, why);
}

static bool find_addresses(const struct probe_http_question *question,
                           struct probe_name_answer *ret, struct probe_http_answer *answer)
{
	struct probe_name_question name;

	ret->count = 1;
	ret->addresses[0] = question->ip;
	if (!ip_is_none(question->ip) || ip_parse(question->host, &ret->addresses[0]) == 0)
		return true;
	ret->count = 0;
	snprintf(name.name, sizeof(name.name), "%s", question->host);
	probe_name(&name, ret);
	if (ret->count)
		return true;
	give_up(answer, question->host, gai_strerror(ret->error));
	return false;
}

static int left_ms(uint64_t ends_ns)
{
	uint64_t now = clock_now();

	return now < ends_ns ? (int)((ends_ns - now) / NSEC_PER_MSEC) + 1 : 0;
}

static int connect_to(const struct probe_http_question *question, struct ip_addr ip,
                      uint64_t ends_ns, struct probe_http_answer *answer)
{
	struct sockaddr_storage to;
	socklen_t len = probe_sockaddr(&ip, question->port, &to), size = sizeof(int);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int error = 0;

	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS))
		error = errno;
	else if (poll(&ready, 1, left_ms(ends_ns)) != 1)
		error = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (!error)
		return fd;
	give_up(answer, "no connection", strerror(error));
	if (fd >= 0)
		close(fd);
	return -1;
}

// What came next; 0: nothing more.
static size_t receive(int fd, struct probe_tls *tls, void *buf, size_t size, uint64_t ends_ns)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	ssize_t len;

	if (tls)
		return probe_tls_receive(tls, buf, size, ends_ns);
	if (poll(&ready, 1, left_ms(ends_ns)) != 1)
		return 0;
	len = recv(fd, buf, size, 0);
	return len > 0 ? (size_t)len : 0;
}

static void read_answer(int fd, struct probe_tls *tls, uint64_t ends_ns,
                        struct probe_http_answer *answer)
{
	size_t len = 1;

	while (answer->len < PROBE_HTTP_BODY && len > 0) {
		len = receive(fd, tls, answer->bytes + answer->len, PROBE_HTTP_BODY - answer->len,
		              ends_ns);
		answer->len += len;
	}
	answer->bytes[answer->len] = '\0';
	answer->status = probe_http_status(answer->bytes);
	if (!answer->status)
		give_up(answer, "no answer",
		        answer->len ? "it is not HTTP" : "the server said nothing");
}

// One address after the other, as any client does: a server may listen by one family only.
static int connect_to_any(const struct probe_http_question *question,
                          struct probe_http_answer *answer)
{
	static struct probe_name_answer found;
	int fd = -1;

	if (!find_addresses(question, &found, answer))
		return -1;
	for (unsigned i = 0; i < found.count && fd < 0; i++) {
		answer->trouble[0] = '\0';
		fd = connect_to(question, found.addresses[i],
		                clock_now() + question->wait_ms * NSEC_PER_MSEC, answer);
	}
	return fd;
}

static int send_question(int fd, struct probe_tls *tls, const struct probe_http_question *question,
                         uint64_t ends_ns)
{
	char request[sizeof(question->path) + sizeof(question->host) + 96];
	int len = snprintf(request, sizeof(request),
	                   "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: weft\r\n\r\n",
	                   question->path, question->host);

	if (tls)
		return probe_tls_send(tls, request, (size_t)len, ends_ns);
	return send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -errno;
}

void probe_http(const void *user, void *result)
{
	const struct probe_http_question *question = user;
	struct probe_http_answer *answer = result;
	int fd = connect_to_any(question, answer), error;
	uint64_t ends_ns = clock_now() + question->wait_ms * NSEC_PER_MSEC;
	struct probe_tls_peer peer = {
		.host = question->host,
		.ca = question->ca,
		.insecure = question->insecure,
		.ends_ns = ends_ns,
	};
	struct probe_tls *tls = NULL;

	if (fd < 0)
		return;
	if (question->tls)
		tls = probe_tls_open(fd, &peer, answer->trouble, sizeof(answer->trouble));
	if (tls || !question->tls) {
		error = send_question(fd, tls, question, ends_ns);
		if (error < 0)
			give_up(answer, "the question could not be sent", strerror(-error));
		else
			read_answer(fd, tls, clock_now() + question->wait_ms * NSEC_PER_MSEC,
			            answer);
	}
	probe_tls_free(tls);
	close(fd);
}
