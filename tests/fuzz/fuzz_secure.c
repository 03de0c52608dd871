// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_secure: a peer that says anything to the gate, before and after it has proved who it is; and
// bundles and certificates that anybody may have made.
//
// The first byte says where the rest goes. At the end no descriptor may be open that was not at the
// beginning, and OpenSSL's queue of errors must be empty: what is left there would be taken for the next
// connection's.

#include "base/cert.h"
#include "base/credential.h"
#include "base/fail.h"
#include "base/handshake.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WHERE_BUNDLE,
	WHERE_CERTIFICATE,
	WHERE_ADDRESS,
	WHERE_HANDSHAKE, // Instead of a client's hello.
	WHERE_FRAMES,    // Over TLS, from a host that was let in.
	WHERE_RECORDS,   // Between its records.
	WHERE_COUNT,

	FOREVER = 1 << 30, // Seconds.
};

static struct event_base *base;
static struct tls_end *server_end, *client_end;

static struct tls_end *make_end(const struct cert_pair *authority, enum cert_role role)
{
	const struct cert_wish wish = {.role = role, .name = "b", .not_after = INT32_MAX};
	struct credential credential = {.authority = authority->certificate};
	struct fail fail = {0};
	struct tls_end *end;

	if (cert_issue(authority, &wish, &credential.own, &fail) < 0)
		abort();
	X509_up_ref(authority->certificate);
	cert_read(credential.own.certificate, &credential.facts);
	end = tls_end_new(&credential, role == CERT_HOST ? CERT_CONTROLLER : CERT_HOST, &fail);
	credential_fini(&credential);
	if (!end)
		abort();
	return end;
}

static void make_ends(void)
{
	struct cert_pair authority;
	struct fail fail = {0};

	base = event_base_new();
	if (cert_make_authority("ours", 0, INT32_MAX, &authority, &fail) < 0)
		abort();
	server_end = make_end(&authority, CERT_CONTROLLER);
	client_end = make_end(&authority, CERT_HOST);
	cert_pair_fini(&authority);
}

static void try_bundle(const uint8_t *input, size_t size)
{
	struct credential credential;
	struct fail fail = {0};

	if (credential_parse((const char *)input, size, &credential, &fail) < 0) {
		if (!fail.what[0])
			abort();
		return;
	}
	free(credential_write(&credential));
	credential_fini(&credential);
}

static void try_certificate(const uint8_t *input, size_t size)
{
	X509 *certificate = d2i_X509(NULL, &input, (long)size);
	struct cert_facts facts;

	ERR_clear_error();
	if (!certificate)
		return;
	if (cert_read(certificate, &facts) == 0 && strlen(facts.name) == 0)
		abort();
	for (const char *c = facts.issuer; *c; c++)
		if (*c > 0 && *c < ' ')
			abort();
	ERR_clear_error();
	X509_free(certificate);
}

static void try_address(const uint8_t *input, size_t size)
{
	struct tcp_address address;
	struct fail fail = {0};
	char *text = strndup((const char *)input, size), buf[TCP_TEXT];

	if (text && tcp_parse(text, &address, &fail) == 0) {
		tcp_format(&address, buf);
		if (tcp_parse(buf, &address, &fail) < 0)
			abort();
	}
	free(text);
}

struct side {
	struct handshake *handshake;
	struct stream *stream;
	struct tls *tls; // Of the client: what it says goes in here.
	int fd;
	bool done, closed, is_server;
};

static void on_frame(void *user, struct stream_frame *frame)
{
	struct side *side = user;

	stream_send(side->stream, frame->stream, frame->type, frame->request, frame->body,
	            frame->len, frame->fds, frame->nfds);
}

static void on_closed(void *user, int error, const char *reason)
{
	struct side *side = user;

	if (side->closed)
		abort();
	side->closed = true;
}

static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};

static void on_done(void *user, int fd, struct tls *tls, const struct fail *fail)
{
	struct side *side = user;

	if (side->done)
		abort();
	side->done = true;
	side->fd = fd;
	side->tls = tls;
	if (!fail && side->is_server) {
		side->stream = stream_new_tls(base, fd, tls, &ops, side);
		side->fd = -1;
		side->tls = NULL;
	}
}

static void begin(struct side *side, int fd)
{
	struct tls *tls = tls_new(side->is_server ? server_end : client_end, fd, NULL, NULL);

	side->handshake = tls ? handshake_new(base, fd, tls, FOREVER, on_done, side) : NULL;
	if (!side->handshake)
		abort();
}

static void end(struct side *side)
{
	handshake_free(side->handshake);
	stream_free(side->stream);
	tls_free(side->tls);
	if (side->fd >= 0)
		close(side->fd);
}

static void settle(void)
{
	for (unsigned i = 0; i < 6; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

// In pieces, whose sizes the bytes say, so that every place where reading stops is tried.
static void say_raw(int fd, const uint8_t *input, size_t size)
{
	while (size > 0) {
		size_t piece = 1 + (size_t)input[0] * 7 % size;

		if (send(fd, input, piece, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return;
		input += piece;
		size -= piece;
		settle();
	}
}

static void try_peer(int where, const uint8_t *input, size_t size)
{
	struct side server = {.fd = -1, .is_server = true}, client = {.fd = -1};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	begin(&server, pair[0]);
	if (where == WHERE_HANDSHAKE) {
		client.fd = pair[1];
		say_raw(pair[1], input, size);
		shutdown(pair[1], SHUT_WR);
	} else {
		begin(&client, pair[1]);
		for (unsigned i = 0; i < 100 && !(server.done && client.done); i++)
			settle();
		if (!server.stream || !client.tls)
			abort();
		if (where == WHERE_FRAMES)
			tls_write(client.tls, input, size, NULL);
		else
			say_raw(client.fd, input, size);
	}
	settle();
	end(&client);
	settle();
	end(&server);
}

static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	int before;

	if (!base)
		make_ends();
	if (size < 2)
		return 0;
	before = lowest_free();
	switch (input[0] % WHERE_COUNT) {
	case WHERE_BUNDLE:
		try_bundle(input + 1, size - 1);
		break;
	case WHERE_CERTIFICATE:
		try_certificate(input + 1, size - 1);
		break;
	case WHERE_ADDRESS:
		try_address(input + 1, size - 1);
		break;
	default:
		try_peer(input[0] % WHERE_COUNT, input + 1, size - 1);
	}
	if (lowest_free() != before || ERR_peek_error())
		abort();
	return 0;
}
