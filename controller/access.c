// SPDX-License-Identifier: BSD-3-Clause
//
// access: the rules. Whoever holds a certificate that our authority signed, that is within its dates and not
// revoked, and whose host is one of the intent, is that host. All of it is looked up at each connection.

#include "controller/access_priv.h"

#include "base/cert.h"
#include "base/clock.h"
#include "base/credential.h"
#include "base/log.h"
#include "base/tcp.h"
#include "controller/authority.h"
#include "controller/gate.h"
#include "controller/store.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400)

enum { WATCH_SECONDS = 12 * 3600, SOON_DAYS = 14 };

static int64_t now(void)
{
	return (int64_t)(clock_wall() / NSEC_PER_SEC);
}

static int refuse_revoked(const struct cert_facts *facts, const struct certificate_row *row,
                          struct fail *fail)
{
	char until[CERT_TIME], when[CERT_TIME];

	fail_set(fail, -EKEYREVOKED,
	         "the certificate %s of '%s', valid until %s, was revoked at %s", facts->serial,
	         facts->name, cert_time(facts->not_after, until), cert_time(row->revoked, when));
	fail_hint(fail, "'weft host enrol %s' makes a new one", facts->name);
	return -EKEYREVOKED;
}

static int on_judge(void *user, const struct cert_facts *facts, struct fail *fail)
{
	struct access *access = user;
	struct certificate_row row;
	char until[CERT_TIME];
	int code = store_certificate(access->env.store, facts->serial, &row, fail);

	cert_time(facts->not_after, until);
	if (code == 0 && row.revoked)
		return refuse_revoked(facts, &row, fail);
	if (code == -ENOENT || (code == 0 && strcmp(row.host, facts->name) != 0)) {
		fail_set(fail, -EKEYREVOKED,
		         "the certificate %s of '%s', valid until %s, is in no record of ours",
		         facts->serial, facts->name, until);
		fail_hint(fail, "'weft host enrol %s' makes a new one", facts->name);
		return -EKEYREVOKED;
	}
	if (code < 0)
		return code;
	if (access->env.knows(access->env.user, facts->name))
		return 0;
	fail_set(fail, -EKEYREVOKED,
	         "the certificate %s, valid until %s, is of '%s', and there is no such host",
	         facts->serial, until, facts->name);
	fail_hint(fail, "'weft host add %s --remote', then 'weft host enrol %s'", facts->name,
	          facts->name);
	return -EKEYREVOKED;
}

// Two weeks before, or a fifth of its time if that is less.
static bool ends_soon(const struct certificate_row *row)
{
	int64_t soon = (row->not_after - row->not_before) / 5;

	if (soon > SOON_DAYS * DAY)
		soon = SOON_DAYS * DAY;
	return !row->revoked && row->not_after > now() && row->not_after - now() < soon;
}

static void tell_end(const struct access *access, const struct certificate_row *row)
{
	char object[80], until[CERT_TIME], text[300];

	snprintf(object, sizeof(object), "host/%s", row->host);
	snprintf(text, sizeof(text),
	         "the certificate %s of '%s' ends at %s; 'weft host enrol %s' makes a new one",
	         row->serial, row->host, cert_time(row->not_after, until), row->host);
	log_warn("%s", text);
	access->env.told(access->env.user, "host_certificate", object, text);
}

static void on_watch(evutil_socket_t fd, short what, void *user)
{
	struct timeval again = {.tv_sec = WATCH_SECONDS};
	struct access *access = user;
	struct certificate_row row = {0};
	struct fail ignored = {0};

	event_add(access->watch, &again);
	while (store_next_enrolled(access->env.store, row.host, &row, &ignored) == 0)
		if (store_newest_certificate(access->env.store, row.host, &row, &ignored) == 0 &&
		    ends_soon(&row))
			tell_end(access, &row);
}

static void on_arrived(void *user, const char *host, int fd, struct tls *tls, const char *from)
{
	struct access *access = user;

	access->env.arrived(access->env.user, host, fd, tls, from);
}

static void on_refused(void *user, const char *host, const char *from, const char *text)
{
	struct access *access = user;
	char object[80], sentence[600];
	bool known = host[0] && access->env.knows(access->env.user, host);

	snprintf(object, sizeof(object), "%s%s", known ? "host/" : "", known ? host : from);
	snprintf(sentence, sizeof(sentence), "%s was turned away: %s", from, text);
	access->env.told(access->env.user, "host_refused", object, sentence);
}

static int open_gate(struct access *access, const char *where, const char *plain, struct gate **ret,
                     struct fail *fail)
{
	const struct gate_env env = {
		.user = access,
		.base = access->env.base,
		.authority = access->authority,
		.judge = on_judge,
		.arrived = on_arrived,
		.refused = on_refused,
	};
	struct tcp_address address;
	int code = tcp_parse(where, &address, fail);

	if (code < 0)
		return code;
	code = gate_open(&env, &address, plain, ret, fail);
	if (code < 0 || plain)
		return code;
	tcp_format(&address, access->address);
	access->anywhere = tcp_is_any(&address);
	log_info("hosts may come in at %s", access->address);
	return 0;
}

static int open_plain(struct access *access, struct fail *fail)
{
	const char *text = access->env.plain, *at = strchr(text, '@');
	char host[CERT_NAME];

	if (!at || at == text || at - text >= CERT_NAME)
		return fail_set(fail, -EINVAL, "'%s' is not HOST@ADDRESS:PORT", text);
	snprintf(host, sizeof(host), "%.*s", (int)(at - text), text);
	return open_gate(access, at + 1, host, &access->plain_gate, fail);
}

// A host may have been removed just before we died, and before its certificates were revoked.
static int forget_strangers(struct access *access, struct fail *fail)
{
	struct certificate_row row = {0};
	unsigned count;
	int code;

	while ((code = store_next_enrolled(access->env.store, row.host, &row, fail)) == 0) {
		if (access->env.knows(access->env.user, row.host))
			continue;
		code = store_revoke_certificates(access->env.store, row.host, now(), &count, fail);
		if (code < 0)
			return code;
	}
	return code == -ENOENT ? 0 : code;
}

int access_open(const struct access_env *env, struct access **ret, struct fail *fail)
{
	struct access *access = calloc(1, sizeof(*access));
	const struct instance *instance = store_instance(env->store);
	char label[9];
	int code;

	if (!access)
		return fail_set(fail, -ENOMEM, "out of memory");
	access->env = *env;
	for (unsigned i = 0; i < 4; i++)
		snprintf(label + 2 * i, 3, "%02x", instance->uuid[i]);
	code = forget_strangers(access, fail);
	if (code == 0)
		code = authority_open(env->state_dir, label, &access->authority, fail);
	if (code == 0 && env->listen)
		code = open_gate(access, env->listen, NULL, &access->gate, fail);
	if (code == 0 && env->plain)
		code = open_plain(access, fail);
	access->watch = evtimer_new(env->base, on_watch, access);
	if (code == 0 && !access->watch)
		code = fail_set(fail, -ENOMEM, "out of memory");
	if (code < 0) {
		access_close(access);
		return code;
	}
	event_add(access->watch, &(struct timeval){0});
	*ret = access;
	return 0;
}

const char *access_address(const struct access *access)
{
	return access->gate ? access->address : NULL;
}

void access_close(struct access *access)
{
	if (!access)
		return;
	if (access->watch)
		event_free(access->watch);
	gate_close(access->gate);
	gate_close(access->plain_gate);
	authority_close(access->authority);
	free(access);
}

// Where the host is to find us.
static int choose_address(const struct access *access, const char *host, const char *given,
                          char buf[static CREDENTIAL_ADDRESS], struct refusal *refusal)
{
	struct tcp_address address;
	char key[80];

	snprintf(key, sizeof(key), "host/%s", host);
	snprintf(refusal->object, sizeof(refusal->object), "%s", key);
	if (given) {
		if (tcp_parse(given, &address, &refusal->fail) < 0)
			return refusal->fail.code;
		if (tcp_is_any(&address) || tcp_port(&address) == 0)
			return refuse(refusal, -EINVAL, key, "address",
			              "%s: nobody can connect to %s", key, given);
		tcp_format(&address, buf);
		return 0;
	}
	if (!access->gate) {
		refuse(refusal, -EDESTADDRREQ, key, "address",
		       "%s: the controller listens for no hosts on other machines", key);
		fail_hint(&refusal->fail, "'weft down', then 'weft up --listen ADDRESS:PORT'; or "
		                          "say with --address where it will listen");
		return -EDESTADDRREQ;
	}
	if (access->anywhere) {
		refuse(refusal, -EDESTADDRREQ, key, "address",
		       "%s: the controller listens at %s, which does not say how the host finds it",
		       key, access->address);
		fail_hint(&refusal->fail, "give it --address ADDRESS:PORT, as seen from the host");
		return -EDESTADDRREQ;
	}
	snprintf(buf, CREDENTIAL_ADDRESS, "%s", access->address);
	return 0;
}

static void fill_row(const struct cert_facts *facts, struct certificate_row *row)
{
	*row = (struct certificate_row){.not_before = facts->not_before,
	                                .not_after = facts->not_after};
	snprintf(row->serial, sizeof(row->serial), "%s", facts->serial);
	snprintf(row->host, sizeof(row->host), "%s", facts->name);
}

char *access_enrol(struct access *access, const char *host, int64_t valid_seconds,
                   const char *address, struct certificate_row *ret, struct refusal *refusal)
{
	struct credential credential = {0};
	struct certificate_row row;
	char where[CREDENTIAL_ADDRESS];
	char *bundle = NULL;
	int code = 0;

	if (!access->env.knows(access->env.user, host)) {
		refuse(refusal, -ENOENT, "host", NULL,
		       "there is no host '%s' on another machine to be enrolled", host);
		fail_hint(&refusal->fail, "'weft host add %s --remote' adds it", host);
		return NULL;
	}
	if (choose_address(access, host, address, where, refusal) < 0)
		return NULL;
	code = authority_enrol(access->authority, host, valid_seconds, &credential, &refusal->fail);
	if (code < 0)
		return NULL;
	snprintf(credential.address, sizeof(credential.address), "%s", where);
	fill_row(&credential.facts, &row);
	bundle = credential_write(&credential);
	credential_fini(&credential);
	if (!bundle) {
		refuse(refusal, -ENOMEM, "host", NULL, "out of memory");
		return NULL;
	}
	// Written down before it is handed out: what is handed out holds.
	if (store_put_certificate(access->env.store, &row, now(), &refusal->fail) < 0) {
		explicit_bzero(bundle, strlen(bundle));
		free(bundle);
		return NULL;
	}
	*ret = row;
	return bundle;
}

int access_revoke(struct access *access, const char *host, unsigned *ret, struct fail *fail)
{
	int code = store_revoke_certificates(access->env.store, host, now(), ret, fail);

	if (code == 0)
		access->env.cut(access->env.user, host, "its certificate was revoked");
	return code;
}

void access_describe(const struct access *access, const char *host, Weft__Record *record)
{
	struct certificate_row row;
	struct fail ignored = {0};
	const char *refusal;
	int64_t when;

	if (store_newest_certificate(access->env.store, host, &row, &ignored) == 0) {
		record_text(record, "certificate",
		            row.revoked              ? "revoked"
		            : row.not_after <= now() ? "expired"
		                                     : "valid");
		record_text(record, "certificate_serial", row.serial);
		record_number(record, "certificate_until", (uint64_t)row.not_after);
	}
	refusal = gate_refusal(access->gate, host, &when);
	if (refusal) {
		record_text(record, "refused", refusal);
		record_number(record, "refused_at", (uint64_t)when);
	}
}
