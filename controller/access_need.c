// SPDX-License-Identifier: BSD-3-Clause
//
// access_need: changes that need a host which cannot come in.
//
// A host that is away may be back in a moment, so what concerns it waits for it a while. One whose certificate has
// ended, was revoked or is of another authority will not: somebody has to give it another. So what needs it is
// refused at once, by the object that names it and with the reason, before anything is changed. A datapath of
// another authority refuses us and never says who it is; then the address tells, if the host has one.

#include "controller/access_priv.h"

#include "base/clock.h"
#include "controller/gate.h"
#include "controller/model_host.h"

#include <errno.h>
#include <stdio.h>

static const char *host_named_by(const struct intent *intent)
{
	switch (intent->noun) {
	case NOUN_PORT:
		return intent->msg->port->host;
	case NOUN_NET:
		return intent->msg->net->host;
	case NOUN_ROUTER:
		return intent->msg->router->host;
	case NOUN_TUNNEL:
		return intent->msg->tunnel->host;
	default:
		return NULL;
	}
}

// The certificate that it would come in with, by our records.
static bool is_out_of_date(const struct access *access, const char *host, char *buf, size_t size)
{
	struct certificate_row row;
	struct fail ignored = {0};
	char when[CERT_TIME];
	int64_t now = (int64_t)(clock_wall() / NSEC_PER_SEC);

	if (store_newest_certificate(access->env.store, host, &row, &ignored) < 0)
		return false;
	if (row.revoked)
		snprintf(buf, size, "its certificate %s was revoked at %s", row.serial,
		         cert_time(row.revoked, when));
	else if (row.not_after <= now)
		snprintf(buf, size, "its certificate %s was valid until %s", row.serial,
		         cert_time(row.not_after, when));
	return row.revoked || row.not_after <= now;
}

// What became of it when it tried last; the certificate itself may be good.
static bool was_turned_away(const struct access *access, const struct model *model,
                            const char *host, char *buf, size_t size)
{
	const char *text;
	struct ip_addr ip;
	char address[IP_TEXT];
	int64_t when;

	text = gate_refusal(access->gate, host, &when);
	for (int is4 = 1; is4 >= 0 && !text; is4--)
		if (model_host_address(model, host, is4, &ip))
			text = gate_refusal_at(access->gate, ip_format(ip, address), &when);
	if (text)
		snprintf(buf, size, "%s", text);
	return text != NULL;
}

int access_check_need(const struct access *access, const struct model *model,
                      bool (*is_in)(void *user, const char *host), void *user,
                      struct refusal *refusal)
{
	for (size_t i = 0; i < model->change_count; i++) {
		const struct intent *intent = model->changes[i].after;
		const char *host = intent ? host_named_by(intent) : NULL;
		char why[600];

		if (!host || model_host_kind(model, host) != WEFT__HOST_KIND__HOST_REMOTE ||
		    is_in(user, host) ||
		    (!is_out_of_date(access, host, why, sizeof(why)) &&
		     !was_turned_away(access, model, host, why, sizeof(why))))
			continue;
		refuse(refusal, -EKEYREJECTED, intent->key, "host",
		       "%s: host '%s' cannot come in: %s", intent->key, host, why);
		fail_hint(
			&refusal->fail,
			"'weft host enrol %s' makes a new bundle, which goes there in the place of "
			"the old one",
			host);
		return -EKEYREJECTED;
	}
	return 0;
}
