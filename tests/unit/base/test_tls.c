// SPDX-License-Identifier: BSD-3-Clause
//
// test_tls: two ends in one thread, driven until both have said what they think of each other.

#include "base/tls.h"
#include "tests/unit/base/certs.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

enum { MIB = 1 << 20, ROUNDS = 200 };

static struct cert_pair authority, other;
static struct credential controller, host;
static unsigned fds_before;

struct side {
	struct tls_end *end;
	struct tls *tls;
	int fd, code;
	struct fail fail;
};

static struct side server, client; // The controller, and the host that connects to it.
static int judged;                 // What the judge is to say.

static int set_up_group(void **state)
{
	authority = certs_authority("ours");
	other = certs_authority("theirs");
	controller = certs_controller(&authority);
	host = certs_host(&authority, "b");
	return 0;
}

static int tear_down_group(void **state)
{
	credential_fini(&controller);
	credential_fini(&host);
	cert_pair_fini(&authority);
	cert_pair_fini(&other);
	return 0;
}

static int set_up(void **state)
{
	int pair[2];

	fds_before = unit_open_fds();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	server = (struct side){.fd = pair[0]};
	client = (struct side){.fd = pair[1]};
	judged = 0;
	return 0;
}

static void drop(struct side *side)
{
	tls_free(side->tls);
	tls_end_free(side->end);
	if (side->fd >= 0)
		close(side->fd);
	*side = (struct side){.fd = -1};
}

static int tear_down(void **state)
{
	drop(&client);
	drop(&server);
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(unit_open_fds(), fds_before);
	return 0;
}

static int judge(void *user, const struct cert_facts *peer, struct fail *fail)
{
	assert_ptr_equal(user, &judged);
	assert_string_equal(peer->serial, host.facts.serial);
	return judged ? fail_set(fail, judged, "'%s' is not welcome", peer->name) : 0;
}

static void begin(const struct credential *ours, const struct credential *theirs)
{
	server.end = tls_end_new(ours, CERT_HOST, &server.fail);
	client.end = tls_end_new(theirs, CERT_CONTROLLER, &client.fail);
	assert_true(server.end && client.end);
	server.tls = tls_new(server.end, server.fd, judged ? judge : NULL, &judged);
	client.tls = tls_new(client.end, client.fd, NULL, NULL);
	assert_true(server.tls && client.tls);
}

// Both shake hands until neither can go on.
static void meet(void)
{
	server.code = client.code = -EAGAIN;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (client.code == -EAGAIN)
			client.code = tls_handshake(client.tls, &client.fail);
		if (server.code == -EAGAIN)
			server.code = tls_handshake(server.tls, &server.fail);
	}
}

// What the end that connected reads first: nothing yet, or why it is refused.
static int first_read(struct side *side)
{
	char byte;

	return (int)tls_read(side->tls, &byte, 1, &side->fail);
}

static void good_ends_meet(void **state)
{
	char buf[16] = "";

	begin(&controller, &host);
	meet();
	assert_int_equal(server.code, 0);
	assert_int_equal(client.code, 0);
	assert_string_equal(tls_peer(server.tls)->name, "b");
	assert_string_equal(tls_peer(server.tls)->serial, host.facts.serial);
	assert_int_equal(tls_peer(client.tls)->role, CERT_CONTROLLER);
	assert_int_equal(first_read(&client), -EAGAIN);
	assert_int_equal(tls_write(client.tls, "hello", 5, &client.fail), 5);
	assert_int_equal(tls_read(server.tls, buf, sizeof(buf), &server.fail), 5);
	assert_string_equal(buf, "hello");
	assert_true(tls_bytes_in(server.tls) > 500);
}

static void end_is_told(void **state)
{
	begin(&controller, &host);
	meet();
	assert_int_equal(tls_write(client.tls, "x", 1, NULL), 1);
	assert_int_equal(tls_finish(client.tls), 0);
	assert_int_equal(first_read(&server), 1);
	assert_int_equal(first_read(&server), 0);
}

static void cut_is_no_end(void **state)
{
	begin(&controller, &host);
	meet();
	shutdown(client.fd, SHUT_WR);
	assert_int_equal(first_read(&server), -ECONNRESET);
	assert_string_equal(server.fail.what, "the connection was cut");
	// It stays so, without the socket.
	assert_true(tls_has_more(server.tls));
	assert_int_equal(first_read(&server), -ECONNRESET);
}

// What is larger than the socket takes goes in pieces, and arrives whole.
static void large_data_goes_in_pieces(void **state)
{
	static uint8_t out[MIB], in[MIB];
	size_t sent = 0, received = 0;
	bool waited = false;

	for (size_t i = 0; i < MIB; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	begin(&controller, &host);
	meet();
	while (received < MIB) {
		ssize_t code = sent < MIB ? tls_write(client.tls, out + sent, MIB - sent, NULL) : 0;

		assert_true(code >= 0 || code == -EAGAIN);
		sent += code > 0 ? (size_t)code : 0;
		if (code > 0)
			continue;
		waited = waited || tls_wants_write(client.tls);
		code = tls_read(server.tls, in + received, MIB - received, NULL);
		assert_true(code > 0 || code == -EAGAIN);
		received += code > 0 ? (size_t)code : 0;
	}
	assert_true(waited);
	assert_memory_equal(in, out, MIB);
}

// A read that was cut short by its buffer says that there is more.
static void small_buffers_see_all(void **state)
{
	char buf[3];

	begin(&controller, &host);
	meet();
	assert_int_equal(tls_write(client.tls, "hello", 5, NULL), 5);
	assert_int_equal(tls_read(server.tls, buf, 3, NULL), 3);
	assert_true(tls_has_more(server.tls));
	assert_int_equal(tls_read(server.tls, buf, 3, NULL), 2);
	assert_false(tls_has_more(server.tls));
}

// The server refuses the host, and both say why: it from the certificate, the host from its own.
static void expect_refused(const struct credential *theirs, const char *why, const char *told)
{
	begin(&controller, theirs);
	meet();
	assert_true(server.code < 0 && server.code != -EAGAIN);
	assert_non_null(strstr(server.fail.what, why));
	assert_int_equal(client.code, 0);
	assert_int_equal(first_read(&client), -EKEYREJECTED);
	assert_non_null(strstr(client.fail.what, theirs->facts.serial));
	assert_non_null(strstr(client.fail.what, told));
}

static void expired_host_is_refused(void **state)
{
	struct credential old = certs_issue(&authority, CERT_HOST, "b", -100, -10);
	char until[CERT_TIME];

	expect_refused(&old, "was valid until", "it has expired");
	assert_int_equal(server.code, -EKEYEXPIRED);
	assert_non_null(strstr(server.fail.what, cert_time(old.facts.not_after, until)));
	assert_non_null(strstr(server.fail.what, old.facts.serial));
	assert_non_null(strstr(client.fail.what, until));
	credential_fini(&old);
}

static void host_of_tomorrow_is_refused(void **state)
{
	struct credential early = certs_issue(&authority, CERT_HOST, "b", 1000, 2000);

	expect_refused(&early, "is valid only from", "bad certificate");
	assert_non_null(strstr(server.fail.hint, "clocks"));
	credential_fini(&early);
}

static void host_of_another_authority_is_refused(void **state)
{
	struct credential stranger = certs_host(&other, "b");

	// It believes in our authority, and shows a certificate of its own.
	X509_free(stranger.authority);
	X509_up_ref(authority.certificate);
	stranger.authority = authority.certificate;
	expect_refused(&stranger, "is of another authority: of 'theirs', not of our 'ours'",
	               "it is of another authority");
	credential_fini(&stranger);
}

// The same name does not make it the same authority.
static void namesake_of_the_authority_is_refused(void **state)
{
	struct cert_pair namesake = certs_authority("ours");
	struct credential stranger = certs_host(&namesake, "b");

	X509_free(stranger.authority);
	X509_up_ref(authority.certificate);
	stranger.authority = authority.certificate;
	expect_refused(&stranger, "another authority", "another authority");
	credential_fini(&stranger);
	cert_pair_fini(&namesake);
}

static void controllers_certificate_is_no_hosts(void **state)
{
	expect_refused(&controller, "is not one of a host", "unsupported certificate");
}

static void revoked_host_is_refused(void **state)
{
	judged = -EKEYREVOKED;
	expect_refused(&host, "'b' is not welcome", "it was revoked");
	assert_int_equal(server.code, -EKEYREVOKED);
}

static void unwelcome_host_is_refused(void **state)
{
	judged = -EACCES;
	expect_refused(&host, "'b' is not welcome", "handshake failure");
}

// A host that plays the controller gets nowhere, whatever it is called.
static void host_is_no_controller(void **state)
{
	struct credential liar = certs_host(&authority, "controller");

	begin(&liar, &host);
	meet();
	assert_int_equal(client.code, -EKEYREJECTED);
	assert_non_null(strstr(client.fail.what, "is not one of a controller"));
	assert_true(server.code < 0);
	credential_fini(&liar);
}

static void expired_controller_is_refused(void **state)
{
	struct credential old = certs_issue(&authority, CERT_CONTROLLER, NULL, -100, -10);

	begin(&old, &host);
	meet();
	assert_int_equal(client.code, -EKEYEXPIRED);
	assert_non_null(strstr(client.fail.what, "of 'controller' was valid until"));
	assert_int_equal(server.code, -EKEYREJECTED);
	assert_non_null(strstr(server.fail.what, "refused our certificate"));
	credential_fini(&old);
}

// A client of OpenSSL's own, without our rules.
static void meet_plain(int version, bool shows_certificate)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);

	SSL_set_max_proto_version(ssl, version);
	if (shows_certificate) {
		SSL_use_certificate(ssl, host.own.certificate);
		SSL_use_PrivateKey(ssl, host.own.key);
	}
	SSL_set_fd(ssl, client.fd);
	server.end = tls_end_new(&controller, CERT_HOST, &server.fail);
	server.tls = tls_new(server.end, server.fd, NULL, NULL);
	server.code = -EAGAIN;
	for (unsigned i = 0; i < ROUNDS && server.code == -EAGAIN; i++) {
		SSL_connect(ssl);
		server.code = tls_handshake(server.tls, &server.fail);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	ERR_clear_error();
}

static void client_without_certificate_is_refused(void **state)
{
	meet_plain(TLS1_3_VERSION, false);
	assert_int_equal(server.code, -EKEYREJECTED);
	assert_non_null(strstr(server.fail.what, "shows no certificate"));
}

static void older_tls_is_refused(void **state)
{
	meet_plain(TLS1_2_VERSION, true);
	assert_int_equal(server.code, -EPROTONOSUPPORT);
	assert_non_null(strstr(server.fail.what, "no TLS 1.3"));
}

static void plain_client_of_tls_13_is_taken(void **state)
{
	meet_plain(TLS1_3_VERSION, true);
	assert_int_equal(server.code, 0);
}

static void expect_garbage(const char *bytes, size_t len)
{
	server.end = tls_end_new(&controller, CERT_HOST, &server.fail);
	server.tls = tls_new(server.end, server.fd, NULL, NULL);
	assert_int_equal(write(client.fd, bytes, len), len);
	server.code = tls_handshake(server.tls, &server.fail);
	assert_int_equal(server.code, -EPROTO);
	assert_non_null(strstr(server.fail.what, "does not speak TLS"));
	// A second try changes nothing.
	assert_true(tls_handshake(server.tls, &server.fail) < 0);
}

static void garbage_is_refused(void **state)
{
	static const char frame[24] = {0, 0, 0, 4, 0, 16};

	expect_garbage(frame, sizeof(frame));
}

static void web_browser_is_refused(void **state)
{
	expect_garbage("GET / HTTP/1.1\r\nHost: weft\r\n\r\n", 30);
}

static void half_a_handshake_waits(void **state)
{
	char bytes[4096];
	ssize_t got;

	begin(&controller, &host);
	assert_int_equal(tls_handshake(client.tls, &client.fail), -EAGAIN);
	got = recv(server.fd, bytes, sizeof(bytes), MSG_PEEK);
	assert_true(got > 100);
	got = recv(server.fd, bytes, (size_t)got / 2, 0);
	assert_true(got > 0);

	// The second half alone is garbage; what a client says in halves is not.
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	struct tls *tls = tls_new(server.end, pair[0], NULL, NULL);

	for (ssize_t i = 0; i < got; i++) {
		assert_int_equal(write(pair[1], bytes + i, 1), 1);
		assert_int_equal(tls_handshake(tls, &server.fail), -EAGAIN);
		assert_false(tls_wants_write(tls));
	}
	close(pair[1]);
	assert_int_equal(tls_handshake(tls, &server.fail), -ECONNRESET);
	tls_free(tls);
	close(pair[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_ends_meet),
		TEST(end_is_told),
		TEST(cut_is_no_end),
		TEST(large_data_goes_in_pieces),
		TEST(small_buffers_see_all),
		TEST(expired_host_is_refused),
		TEST(host_of_tomorrow_is_refused),
		TEST(host_of_another_authority_is_refused),
		TEST(namesake_of_the_authority_is_refused),
		TEST(controllers_certificate_is_no_hosts),
		TEST(revoked_host_is_refused),
		TEST(unwelcome_host_is_refused),
		TEST(host_is_no_controller),
		TEST(expired_controller_is_refused),
		TEST(client_without_certificate_is_refused),
		TEST(older_tls_is_refused),
		TEST(plain_client_of_tls_13_is_taken),
		TEST(garbage_is_refused),
		TEST(web_browser_is_refused),
		TEST(half_a_handshake_waits),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
