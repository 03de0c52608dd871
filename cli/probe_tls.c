// SPDX-License-Identifier: BSD-3-Clause
//
// probe_tls: OpenSSL with a deadline. Whether a certificate will do is OpenSSL's judgement, against the given file or
// the system's authorities; base/tls.h is for our own daemons, who accept nothing but our own authority.

#include "cli/probe_tls.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe_tls {
	SSL_CTX *context;
	SSL *session;
	int fd;
};

void probe_tls_free(struct probe_tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->session);
	SSL_CTX_free(tls->context);
	free(tls);
}

// Waits for what the last call said it waits for. Whether it is worth calling again.
static bool wait_for(const struct probe_tls *tls, int result, uint64_t ends_ns)
{
	int why = SSL_get_error(tls->session, result);
	struct pollfd ready = {.fd = tls->fd,
	                       .events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};
	uint64_t now = clock_now();

	if ((why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) || now >= ends_ns)
		return false;
	return poll(&ready, 1, (int)((ends_ns - now) / NSEC_PER_MSEC) + 1) == 1;
}

// The reason without OpenSSL's own file, line and numbers.
static const char *last_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "the server ended it";
}

static bool is_address(const char *host)
{
	struct ip_addr ip;

	return ip_parse(host, &ip) == 0;
}

// 0, or -errno with the sentence.
static int trust(struct probe_tls *tls, const struct probe_tls_peer *peer, char *trouble,
                 size_t size)
{
	X509_VERIFY_PARAM *wanted = SSL_get0_param(tls->session);

	if (peer->insecure)
		return 0;
	SSL_set_verify(tls->session, SSL_VERIFY_PEER, NULL);
	if (peer->ca && *peer->ca) {
		if (SSL_CTX_load_verify_file(tls->context, peer->ca) != 1) {
			snprintf(trouble, size, "the authorities in %.200s cannot be read: %s",
			         peer->ca, last_reason());
			return -EINVAL;
		}
	} else {
		SSL_CTX_set_default_verify_paths(tls->context);
	}
	if (is_address(peer->host) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, peer->host)
	                           : X509_VERIFY_PARAM_set1_host(wanted, peer->host, 0))
		return 0;
	snprintf(trouble, size, "'%.200s' is no name that a certificate can have", peer->host);
	return -EINVAL;
}

static int shake_hands(struct probe_tls *tls, const struct probe_tls_peer *peer, char *trouble,
                       size_t size)
{
	long judged;
	int result;

	// A server with several sites is told which (RFC 6066, 3), but not by an address.
	if (!is_address(peer->host))
		SSL_set_tlsext_host_name(tls->session, peer->host);
	ERR_clear_error();
	while ((result = SSL_connect(tls->session)) != 1 && wait_for(tls, result, peer->ends_ns))
		ERR_clear_error();
	if (result == 1)
		return 0;
	judged = SSL_get_verify_result(tls->session);
	if (judged != X509_V_OK && !peer->insecure)
		snprintf(trouble, size, "the certificate of %.120s will not do: %s", peer->host,
		         X509_verify_cert_error_string(judged));
	else if (clock_now() >= peer->ends_ns)
		snprintf(trouble, size, "no TLS: no answer in time");
	else
		snprintf(trouble, size, "no TLS: %s", last_reason());
	return -EPROTO;
}

struct probe_tls *probe_tls_open(int fd, const struct probe_tls_peer *peer, char *trouble,
                                 size_t size)
{
	struct probe_tls *tls = calloc(1, sizeof(*tls));

	if (tls) {
		tls->fd = fd;
		tls->context = SSL_CTX_new(TLS_client_method());
		tls->session = tls->context ? SSL_new(tls->context) : NULL;
	}
	if (!tls || !tls->session || SSL_set_fd(tls->session, fd) != 1 ||
	    SSL_set_min_proto_version(tls->session, TLS1_2_VERSION) != 1) {
		snprintf(trouble, size, "no TLS: out of memory");
	} else if (trust(tls, peer, trouble, size) == 0 &&
	           shake_hands(tls, peer, trouble, size) == 0) {
		return tls;
	}
	probe_tls_free(tls);
	return NULL;
}

int probe_tls_send(struct probe_tls *tls, const void *bytes, size_t len, uint64_t ends_ns)
{
	size_t written;
	int result;

	// Without SSL_MODE_ENABLE_PARTIAL_WRITE it is all or not yet.
	ERR_clear_error();
	while ((result = SSL_write_ex(tls->session, bytes, len, &written)) != 1)
		if (!wait_for(tls, result, ends_ns))
			return -EPIPE;
	return 0;
}

size_t probe_tls_receive(struct probe_tls *tls, void *buf, size_t size, uint64_t ends_ns)
{
	size_t len;
	int result;

	ERR_clear_error();
	while ((result = SSL_read_ex(tls->session, buf, size, &len)) != 1)
		if (!wait_for(tls, result, ends_ns))
			return 0;
	return len;
}
