// SPDX-License-Identifier: BSD-3-Clause
//
// tls: OpenSSL on a socket of ours.
//
// OpenSSL reads and writes through a BIO of our own, since its socket BIO writes without MSG_NOSIGNAL, and
// so that bytes are counted and the socket's errors are known by name. Certificates are checked
// by OpenSSL (chain, dates, key usage) and then by us, in the callback of the last certificate: whose it is,
// and whether it is welcome. The first reason found is the one that is told (tls_words.c).

#include "base/tls.h"

#include "base/credential.h"
#include "base/fail.h"
#include "base/tls_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CHAIN_MAX = 16 << 10 }; // Bytes of certificates that a peer may show.

static int on_write(BIO *bio, const char *bytes, int len)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t sent;

	BIO_clear_retry_flags(bio);
	do
		sent = send(tls->fd, bytes, (size_t)len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return (int)sent;
	if (errno == EAGAIN)
		BIO_set_retry_write(bio);
	else
		tls->error = -errno;
	return -1;
}

static int on_read(BIO *bio, char *buf, int size)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recv(tls->fd, buf, (size_t)size, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		tls->bytes_in += (uint64_t)got;
		return (int)got;
	}
	if (got == 0)
		tls->ended = true;
	else if (errno == EAGAIN)
		BIO_set_retry_read(bio);
	else
		tls->error = -errno;
	return (int)got;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
	const struct tls *tls = BIO_get_data(bio);

	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return tls->ended;
	default:
		return 0;
	}
}

static BIO_METHOD *socket_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft");

	if (method && BIO_meth_set_write(method, on_write) == 1 &&
	    BIO_meth_set_read(method, on_read) == 1 && BIO_meth_set_ctrl(method, on_control) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

// 0, or why the holder of a valid certificate is not welcome, as OpenSSL's number for it.
static int judge(struct tls *tls, bool named)
{
	char until[CERT_TIME];
	int code;

	cert_time(tls->peer.not_after, until);
	if (!named || tls->peer.role != tls->end->peer) {
		fail_set(&tls->refused, -EKEYREJECTED,
		         "the certificate %s, valid until %s, is of %s'%s', not of a %s",
		         tls->peer.serial, until,
		         tls->peer.role == CERT_HOST && named ? "host " : "",
		         named ? tls->peer.name : "nobody we know",
		         tls->end->peer == CERT_HOST ? "host" : "controller");
		return X509_V_ERR_HOSTNAME_MISMATCH;
	}
	code = tls->judge ? tls->judge(tls->user, &tls->peer, &tls->refused) : 0;
	if (code == 0)
		return 0;
	return code == -EKEYREVOKED ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_APPLICATION_VERIFICATION;
}

static int on_verify(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	bool named = leaf && cert_read(leaf, &tls->peer) == 0;
	int error;

	if (!named)
		snprintf(tls->peer.name, sizeof(tls->peer.name), "?");
	if (!good) {
		tls_say_untrusted(tls, X509_STORE_CTX_get_error(store));
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(store) > 0)
		return 1;
	error = judge(tls, named);
	if (error)
		X509_STORE_CTX_set_error(store, error);
	return error == 0;
}

static bool set_versions(SSL_CTX *context)
{
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_max_cert_list(context, CHAIN_MAX);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1;
}

static bool set_credential(SSL_CTX *context, const struct credential *credential)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);

	return SSL_CTX_use_certificate(context, credential->own.certificate) == 1 &&
	       SSL_CTX_use_PrivateKey(context, credential->own.key) == 1 &&
	       X509_STORE_add_cert(store, credential->authority) == 1 &&
	       X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT) == 1;
}

struct tls_end *tls_end_new(const struct credential *credential, enum cert_role peer,
                            struct fail *fail)
{
	struct tls_end *end = calloc(1, sizeof(*end));

	if (end) {
		end->users = 1;
		end->peer = peer;
		end->own = credential->facts;
		cert_common_name(X509_get_subject_name(credential->authority), end->authority);
		end->context = SSL_CTX_new(TLS_method());
		end->socket = socket_method();
	}
	if (end && end->context && end->socket && set_versions(end->context) &&
	    set_credential(end->context, credential))
		return end;
	fail_set(fail, -EIO, "cannot prepare TLS: %s", ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	tls_end_free(end);
	return NULL;
}

void tls_end_free(struct tls_end *end)
{
	if (!end || --end->users > 0)
		return;
	SSL_CTX_free(end->context);
	BIO_meth_free(end->socket);
	free(end);
}

struct tls *tls_new(struct tls_end *end, int fd, tls_judge_fn judge_fn, void *user)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	BIO *bio = BIO_new(end->socket);

	if (tls)
		*tls = (struct tls){.end = end, .fd = fd, .judge = judge_fn, .user = user};
	if (tls && bio)
		tls->ssl = SSL_new(end->context);
	if (!tls || !bio || !tls->ssl) {
		BIO_free(bio);
		free(tls);
		ERR_clear_error();
		errno = ENOMEM;
		return NULL;
	}
	end->users++;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_app_data(tls->ssl, tls);
	if (end->peer == CERT_HOST)
		SSL_set_accept_state(tls->ssl);
	else
		SSL_set_connect_state(tls->ssl);
	return tls;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	tls_finish(tls);
	SSL_free(tls->ssl);
	tls_end_free(tls->end);
	free(tls);
}

// What a call that did not succeed came to. Anything but -EAGAIN and the orderly end is for good.
static int outcome(struct tls *tls, int result, struct fail *fail)
{
	int error = SSL_get_error(tls->ssl, result);
	struct fail why = {0};

	tls->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return -ENODATA;
	if (error == SSL_ERROR_SYSCALL && tls->error)
		fail_errno(&why, tls->error, "the connection was lost");
	else if (error == SSL_ERROR_SYSCALL)
		fail_set(&why, -ECONNRESET, "the connection was cut");
	else
		tls_say_error(tls, &why);
	ERR_clear_error();
	tls->broken = why;
	if (fail)
		*fail = why;
	return why.code;
}

int tls_handshake(struct tls *tls, struct fail *fail)
{
	int result, code;

	if (tls->done)
		return 0;
	ERR_clear_error();
	tls->error = 0;
	result = SSL_do_handshake(tls->ssl);
	if (result != 1) {
		code = outcome(tls, result, fail);
		return code == -ENODATA ? fail_set(fail, -ECONNRESET, "the connection was cut")
		                        : code;
	}
	tls->done = true;
	tls->more = true; // The first words may have come along.
	return 0;
}

ssize_t tls_read(struct tls *tls, void *buf, size_t size, struct fail *fail)
{
	size_t total = 0, got = 0;
	int code = 0;

	if (tls->broken.code) {
		if (fail)
			*fail = tls->broken;
		return tls->broken.code;
	}
	ERR_clear_error();
	tls->error = 0;
	while (total < size && code == 0) {
		int result = SSL_read_ex(tls->ssl, (char *)buf + total, size - total, &got);

		if (result == 1)
			total += got;
		else
			code = outcome(tls, result, fail);
	}
	tls->more = code == 0 || (code != -EAGAIN && total > 0);
	if (total > 0)
		return (ssize_t)total;
	return code == -ENODATA ? 0 : code;
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t len, struct fail *fail)
{
	size_t sent = 0;
	int result, code;

	if (tls->broken.code)
		return -EPIPE;
	ERR_clear_error();
	tls->error = 0;
	result = SSL_write_ex(tls->ssl, bytes, len, &sent);
	if (result == 1)
		return (ssize_t)sent;
	code = outcome(tls, result, fail);
	if (code != -EPIPE && code != -ECONNRESET)
		return code;

	// What the other end said before it left is still to be read.
	tls->broken = (struct fail){0};
	return -EPIPE;
}

int tls_finish(struct tls *tls)
{
	int result, error;

	if (!tls->done || tls->broken.code)
		return 0;
	ERR_clear_error();
	result = SSL_shutdown(tls->ssl);
	if (result >= 0)
		return 0;
	error = SSL_get_error(tls->ssl, result);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_WRITE ? -EAGAIN : 0;
}

bool tls_wants_write(const struct tls *tls)
{
	return tls->wants_write;
}

bool tls_has_more(const struct tls *tls)
{
	return tls->more || tls->broken.code;
}

const struct cert_facts *tls_peer(const struct tls *tls)
{
	return &tls->peer;
}

uint64_t tls_bytes_in(const struct tls *tls)
{
	return tls->bytes_in;
}
