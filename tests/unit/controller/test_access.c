// SPDX-License-Identifier: BSD-3-Clause
//
// test_access: hosts are enrolled, come in through a real gate, and are turned away, in one event loop.

#include "base/credential.h"
#include "base/handshake.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "controller/access.h"
#include "controller/authority.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { LONG_MS = 60000, YEAR = 365 * 24 * 3600 };

static char dir[UNIT_DIR];
static struct event_base *base;
static struct store *store;
static struct access *access_;
static unsigned fds_before;

// What the controller was told.
static unsigned arrivals, cuts, tales, endings;
static char arrived[64], cut[64], tale[700], tale_object[96], ending[700];
static bool unknown; // Hosts are not known.
static int arrived_fd;
static struct tls *arrived_tls;

static bool knows(void *user, const char *host)
{
	return !unknown && strcmp(host, "stranger") != 0;
}

static void forget_arrival(void)
{
	tls_free(arrived_tls);
	if (arrived_fd >= 0)
		close(arrived_fd);
	arrived_tls = NULL;
	arrived_fd = -1;
}

static void on_arrived(void *user, const char *host, int fd, struct tls *tls, const char *from)
{
	forget_arrival();
	arrivals++;
	arrived_fd = fd;
	arrived_tls = tls;
	snprintf(arrived, sizeof(arrived), "%s", host);
	assert_memory_equal(from, "127.0.0.1:", 10);
}

static void on_cut(void *user, const char *host, const char *why)
{
	cuts++;
	snprintf(cut, sizeof(cut), "%s", host);
}

static void on_told(void *user, const char *type, const char *object, const char *text)
{
	if (strcmp(type, "host_certificate") == 0) {
		endings++;
		snprintf(ending, sizeof(ending), "%s: %s", object, text);
		return;
	}
	tales++;
	assert_string_equal(type, "host_refused");
	snprintf(tale, sizeof(tale), "%s", text);
	snprintf(tale_object, sizeof(tale_object), "%s", object);
}

static int open_access(const char *listen, const char *plain, struct fail *fail)
{
	const struct access_env env = {
		.base = base,
		.store = store,
		.state_dir = dir,
		.listen = listen,
		.plain = plain,
		.knows = knows,
		.arrived = on_arrived,
		.cut = on_cut,
		.told = on_told,
	};

	return access_open(&env, &access_, fail);
}

static int set_up(void **state)
{
	struct fail fail = {0};

	fds_before = unit_open_fds();
	unit_make_dir(dir);
	base = event_base_new();
	arrivals = cuts = tales = endings = 0;
	unknown = false;
	arrived_fd = -1;
	arrived_tls = NULL;
	access_ = NULL;
	tale[0] = '\0';
	assert_int_equal(store_open(dir, false, &store, &fail), 0);
	assert_int_equal(open_access("127.0.0.1:0", NULL, &fail), 0);
	return 0;
}

static int tear_down(void **state)
{
	forget_arrival();
	access_close(access_);
	store_close(store);
	event_base_free(base);
	unit_remove_dir(dir);
	assert_int_equal(unit_open_fds(), fds_before);
	return 0;
}

// => credential_fini()
static struct credential enrol(const char *host, int64_t seconds)
{
	struct refusal refusal = {0};
	struct certificate_row row;
	struct credential credential;
	struct fail fail = {0};
	char *bundle = access_enrol(access_, host, seconds, NULL, &row, &refusal);

	assert_non_null(bundle);
	assert_int_equal(credential_parse(bundle, strlen(bundle), &credential, &fail), 0);
	assert_string_equal(row.serial, credential.facts.serial);
	assert_string_equal(row.host, host);
	free(bundle);
	return credential;
}

// A host that comes to the gate.
struct guest {
	struct handshake *handshake;
	struct stream *stream;
	unsigned done, closed;
	char why[512];
};

static void on_frame(void *user, struct stream_frame *frame)
{
}

static void on_closed(void *user, int error, const char *reason)
{
	struct guest *guest = user;

	guest->closed++;
	snprintf(guest->why, sizeof(guest->why), "%s", reason);
}

static void on_done(void *user, int fd, struct tls *tls, const struct fail *fail)
{
	static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};
	struct guest *guest = user;

	guest->done++;
	if (fail) {
		guest->closed++;
		snprintf(guest->why, sizeof(guest->why), "%s", fail->what);
		return;
	}
	guest->stream = stream_new_tls(base, fd, tls, &ops, guest);
	assert_non_null(guest->stream);
}

// Runs until the controller has let it in, or the host knows that it did not.
static void come(const struct credential *credential, struct guest *guest)
{
	struct tcp_address address;
	struct fail fail = {0};
	struct tls_end *end = tls_end_new(credential, CERT_CONTROLLER, &fail);
	unsigned before = arrivals;
	int fd;

	*guest = (struct guest){0};
	assert_int_equal(tcp_parse(credential->address, &address, &fail), 0);
	fd = tcp_connect(&address, &fail);
	guest->handshake =
		handshake_new(base, fd, tls_new(end, fd, NULL, NULL), LONG_MS, on_done, guest);
	tls_end_free(end);
	for (unsigned i = 0; i < 20000 && arrivals == before && !guest->closed; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(500);
	}
}

static void go(struct guest *guest)
{
	handshake_free(guest->handshake);
	stream_free(guest->stream);
	*guest = (struct guest){0};
}

static void come_and_go(const struct credential *credential)
{
	struct guest guest;

	come(credential, &guest);
	go(&guest);
}

static void enrolled_host_comes_in(void **state)
{
	struct credential b = enrol("b", YEAR);

	come_and_go(&b);
	assert_int_equal(arrivals, 1);
	assert_string_equal(arrived, "b");
	assert_int_equal(tales, 0);
	credential_fini(&b);
}

static void renewal_leaves_the_old_until_its_end(void **state)
{
	struct credential old = enrol("b", YEAR), renewed = enrol("b", YEAR);

	come_and_go(&old);
	come_and_go(&renewed);
	assert_int_equal(arrivals, 2);
	credential_fini(&old);
	credential_fini(&renewed);
}

static void revoked_host_stays_outside(void **state)
{
	struct credential b = enrol("b", YEAR), c = enrol("c", YEAR);
	struct guest guest;
	struct fail fail = {0};
	unsigned count = 0;

	assert_int_equal(access_revoke(access_, "b", &count, &fail), 0);
	assert_int_equal(count, 1);
	assert_int_equal(cuts, 1);
	assert_string_equal(cut, "b");
	come(&b, &guest);
	assert_int_equal(arrivals, 0);
	assert_non_null(strstr(guest.why, "it was revoked"));
	assert_non_null(strstr(guest.why, b.facts.serial));
	go(&guest);
	assert_string_equal(tale_object, "host/b");
	assert_non_null(strstr(tale, "was revoked at"));

	// The others are not concerned, and a new certificate opens the gate.
	come_and_go(&c);
	assert_string_equal(arrived, "c");
	credential_fini(&b);
	b = enrol("b", YEAR);
	come_and_go(&b);
	assert_string_equal(arrived, "b");
	credential_fini(&b);
	credential_fini(&c);
}

static void host_that_is_no_more_stays_outside(void **state)
{
	struct credential b = enrol("b", YEAR);

	unknown = true;
	come_and_go(&b);
	assert_int_equal(arrivals, 0);
	assert_non_null(strstr(tale, "is of 'b', and there is no such host"));
	credential_fini(&b);
}

// Whoever was removed while we were away is revoked before a namesake can be added.
static void strangers_are_forgotten_at_the_start(void **state)
{
	struct credential b = enrol("b", YEAR);
	struct fail fail = {0};

	access_close(access_);
	access_ = NULL;
	unknown = true;
	assert_int_equal(open_access(b.address, NULL, &fail), 0);
	unknown = false;
	come_and_go(&b);
	assert_int_equal(arrivals, 0);
	assert_non_null(strstr(tale, "was revoked at"));
	credential_fini(&b);
}

static void expired_host_stays_outside(void **state)
{
	struct credential b = enrol("b", -1);
	Weft__Record *record = record_new();
	struct guest guest;

	come(&b, &guest);
	assert_int_equal(arrivals, 0);
	assert_non_null(strstr(guest.why, "it has expired"));
	assert_non_null(strstr(tale, "'b' was valid until"));
	go(&guest);
	access_describe(access_, "b", record);
	assert_string_equal(record_find(record, "certificate")->text, "expired");
	assert_string_equal(record_find(record, "certificate_serial")->text, b.facts.serial);
	assert_non_null(strstr(record_find(record, "refused")->text, "was valid until"));
	record_free(record);
	credential_fini(&b);
}

static void end_of_a_certificate_is_told_before(void **state)
{
	struct credential b = enrol("b", 300), c = enrol("c", YEAR), d = enrol("d", 300);
	struct credential renewed = enrol("d", YEAR);
	struct fail fail = {0};

	access_close(access_);
	access_ = NULL;
	assert_int_equal(open_access(b.address, NULL, &fail), 0);
	for (unsigned i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	// Not of c, which has a year; nor of d, which was renewed.
	assert_int_equal(endings, 1);
	assert_memory_equal(ending, "host/b: ", 8);
	assert_non_null(strstr(ending, b.facts.serial));
	credential_fini(&b);
	credential_fini(&c);
	credential_fini(&d);
	credential_fini(&renewed);
}

// It is told once, and shown until the host comes in.
static void refusals_are_told_once(void **state)
{
	struct credential old = enrol("b", -1), b = enrol("b", YEAR);
	Weft__Record *record;

	for (unsigned i = 0; i < 5; i++)
		come_and_go(&old);
	assert_int_equal(tales, 1);
	come_and_go(&b);
	assert_int_equal(arrivals, 1);
	record = record_new();
	access_describe(access_, "b", record);
	assert_null(record_find(record, "refused"));
	assert_string_equal(record_find(record, "certificate")->text, "valid");
	record_free(record);
	credential_fini(&old);
	credential_fini(&b);
}

// An authority of the same name, elsewhere.
static void host_of_another_authority_stays_outside(void **state)
{
	char elsewhere[UNIT_DIR];
	struct authority *other;
	struct credential ours = enrol("b", YEAR), theirs;
	struct guest guest;
	struct fail fail = {0};

	unit_make_dir(elsewhere);
	assert_int_equal(authority_open(elsewhere, "x", &other, &fail), 0);
	assert_int_equal(authority_enrol(other, "b", YEAR, &theirs, &fail), 0);
	snprintf(theirs.address, sizeof(theirs.address), "%s", ours.address);

	// It does not believe us either, and says so.
	come(&theirs, &guest);
	assert_non_null(strstr(guest.why, "of 'controller'"));
	assert_non_null(strstr(guest.why, "is of another authority"));
	go(&guest);
	assert_int_equal(arrivals, 0);
	credential_fini(&ours);
	credential_fini(&theirs);
	authority_close(other);
	unit_remove_dir(elsewhere);
}

static void certificate_without_record_is_not_taken(void **state)
{
	struct authority *same;
	struct credential recorded = enrol("b", YEAR), other;
	struct fail fail = {0};

	assert_int_equal(authority_open(dir, "x", &same, &fail), 0);
	assert_int_equal(authority_enrol(same, "b", YEAR, &other, &fail), 0);
	snprintf(other.address, sizeof(other.address), "%s", recorded.address);
	come_and_go(&other);
	assert_int_equal(arrivals, 0);
	assert_non_null(strstr(tale, "is in no record of ours"));
	credential_fini(&recorded);
	credential_fini(&other);
	authority_close(same);
}

static void certificates_outlive_the_controller(void **state)
{
	struct credential b = enrol("b", YEAR);
	struct fail fail = {0};

	access_close(access_);
	access_ = NULL;
	store_close(store);
	store = NULL;
	assert_int_equal(store_open(dir, false, &store, &fail), 0);
	assert_int_equal(open_access(b.address, NULL, &fail), 0);
	come_and_go(&b);
	assert_int_equal(arrivals, 1);
	credential_fini(&b);
}

static void expect_no_good(int code, const char *why)
{
	char path[UNIT_DIR + 32];
	struct authority *again;
	struct credential credential;
	struct fail fail = {0};

	snprintf(path, sizeof(path), "%s/pki/authority.pem", dir);
	assert_int_equal(authority_open(dir, "x", &again, &fail), 0);
	assert_int_equal(authority_enrol(again, "b", YEAR, &credential, &fail), code);
	assert_non_null(strstr(fail.what, path));
	assert_non_null(strstr(fail.what, why));
	assert_null(authority_end(again, &fail));
	authority_close(again);

	// Who listens hears of it; who does not, has his network.
	access_close(access_);
	access_ = NULL;
	assert_int_equal(open_access("127.0.0.1:0", NULL, &fail), code);
	assert_int_equal(open_access(NULL, NULL, &fail), 0);
}

static void key_is_for_the_owner_alone(void **state)
{
	char path[UNIT_DIR + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/pki/authority.pem", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(path, 0640), 0);
	expect_no_good(-EACCES, "others may read");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 500), 0);
	expect_no_good(-EBADMSG, "holds no authority");
}

static void impossible_enrolments_are_refused(void **state)
{
	static const struct {
		const char *host, *address, *why;
	} bad[] = {
		{"stranger", NULL, "there is no host 'stranger'"},
		{"b", "somewhere", "is not an address with a port"},
		{"b", "0.0.0.0:7411", "nobody can connect to"},
		{"b", "192.0.2.1:0", "nobody can connect to"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct refusal refusal = {0};
		struct certificate_row row;

		assert_null(
			access_enrol(access_, bad[i].host, YEAR, bad[i].address, &row, &refusal));
		assert_non_null(strstr(refusal.fail.what, bad[i].why));
		assert_true(refusal.fail.code < 0);
	}
}

static void address_must_be_known(void **state)
{
	struct refusal refusal = {0};
	struct certificate_row row;
	struct fail fail = {0};
	char *bundle;

	access_close(access_);
	assert_int_equal(open_access(NULL, NULL, &fail), 0);
	assert_null(access_enrol(access_, "b", YEAR, NULL, &row, &refusal));
	assert_non_null(strstr(refusal.fail.what, "listens for no hosts"));
	bundle = access_enrol(access_, "b", YEAR, "192.0.2.1:7411", &row, &refusal);
	assert_non_null(strstr(bundle, "\nController: 192.0.2.1:7411\n"));
	free(bundle);

	access_close(access_);
	assert_int_equal(open_access("0.0.0.0:0", NULL, &fail), 0);
	assert_null(access_enrol(access_, "b", YEAR, NULL, &row, &refusal));
	assert_non_null(strstr(refusal.fail.what, "does not say how the host finds it"));
}

static void plain_is_for_this_machine_alone(void **state)
{
	struct fail fail = {0};

	access_close(access_);
	access_ = NULL;
	assert_int_equal(open_access(NULL, "b@0.0.0.0:0", &fail), -EACCES);
	assert_non_null(strstr(fail.what, "without TLS anybody"));
	assert_int_equal(open_access(NULL, "b@192.0.2.1:7411", &fail), -EACCES);
	assert_int_equal(open_access(NULL, "127.0.0.1:7411", &fail), -EINVAL);
	assert_int_equal(open_access(NULL, "b@127.0.0.1:0", &fail), 0);
}

// Many that say nothing do not keep one out that does.
static void silent_crowd_keeps_nobody_out(void **state)
{
	enum { CROWD = 100 };
	struct credential b = enrol("b", YEAR);
	struct tcp_address address;
	struct fail fail = {0};
	int crowd[CROWD];

	assert_int_equal(tcp_parse(b.address, &address, &fail), 0);
	for (unsigned i = 0; i < CROWD; i++) {
		crowd[i] = tcp_connect(&address, &fail);
		assert_true(crowd[i] >= 0);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	come_and_go(&b);
	assert_int_equal(arrivals, 1);
	forget_arrival();
	for (unsigned i = CROWD - 5; i < CROWD; i++)
		shutdown(crowd[i], SHUT_RDWR);
	for (unsigned i = 0; i < 20; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	assert_int_equal(tales, 0);
	// Both ends of those that may wait, and no more.
	assert_true(unit_open_fds() < fds_before + CROWD + 40);
	for (unsigned i = 0; i < CROWD; i++)
		close(crowd[i]);
	credential_fini(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(enrolled_host_comes_in),
		TEST(renewal_leaves_the_old_until_its_end),
		TEST(revoked_host_stays_outside),
		TEST(host_that_is_no_more_stays_outside),
		TEST(strangers_are_forgotten_at_the_start),
		TEST(expired_host_stays_outside),
		TEST(end_of_a_certificate_is_told_before),
		TEST(refusals_are_told_once),
		TEST(host_of_another_authority_stays_outside),
		TEST(certificate_without_record_is_not_taken),
		TEST(certificates_outlive_the_controller),
		TEST(key_is_for_the_owner_alone),
		TEST(impossible_enrolments_are_refused),
		TEST(address_must_be_known),
		TEST(plain_is_for_this_machine_alone),
		TEST(silent_crowd_keeps_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
