// SPDX-License-Identifier: BSD-3-Clause
//
// api_enrol: bundles for hosts on other machines, and an end to them.

#include "controller/access.h"
#include "controller/api_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400)

enum { DEFAULT_DAYS = 365, MOST_DAYS = 20 * 365 };

// 0 when nothing was said.
static int64_t validity(const Weft__Enrol *enrol)
{
	return enrol->has_valid_seconds ? (int64_t)enrol->valid_seconds : DEFAULT_DAYS * DAY;
}

// A lab's host may be called as its file calls it, if only one lab has such a one.
static const char *full_name(const struct question *question, const char *name)
{
	const struct model *model = &question->api->env.control->model;
	const struct intent *host, *found = NULL;
	size_t cursor = 0, len = strlen(name);

	if (model_get(model, NOUN_HOST, name))
		return name;
	while ((host = model_next(model, NOUN_HOST, &cursor))) {
		size_t whole = strlen(host->name);

		if (whole <= len + 1 || host->name[whole - len - 1] != '.' ||
		    strcmp(host->name + whole - len, name) != 0)
			continue;
		if (found)
			return name;
		found = host;
	}
	return found ? found->name : name;
}

void api_enrol(struct question *question)
{
	const Weft__Enrol *enrol = question->request->enrol;
	struct refusal refusal = {0};
	struct certificate_row row;
	Weft__Record *record;
	char *bundle;

	if (enrol->has_valid_seconds &&
	    (enrol->valid_seconds == 0 || enrol->valid_seconds > MOST_DAYS * DAY)) {
		question_fail(
			question, -ERANGE, "host",
			"a certificate is valid for a second at least, and for 20 years at most",
			"leave it away for a year");
		return;
	}
	bundle = access_enrol(question->api->env.access, full_name(question, enrol->host),
	                      validity(enrol), enrol->address, &row, &refusal);
	if (!bundle) {
		question_refuse(question, &refusal);
		return;
	}
	record = record_new();
	record_text(record, "host", row.host);
	record_text(record, "serial", row.serial);
	record_number(record, "until", (uint64_t)row.not_after);
	record_text(record, "bundle", bundle);
	explicit_bzero(bundle, strlen(bundle));
	free(bundle);
	question_add(question, record);
	question_answer(question);
}

void api_revoke(struct question *question)
{
	const char *host = full_name(question, question->request->revoke->host);
	struct fail fail = {0};
	Weft__Record *record;
	char what[160];
	unsigned count = 0;

	if (access_revoke(question->api->env.access, host, &count, &fail) < 0) {
		question_fail(question, fail.code, "host", fail.what, NULL);
		return;
	}
	if (count == 0) {
		snprintf(what, sizeof(what), "host '%.64s' has no certificate that holds", host);
		question_fail(question, -ENOENT, "host", what, NULL);
		return;
	}
	record = record_new();
	record_text(record, "host", host);
	record_number(record, "revoked", count);
	question_add(question, record);
	question_answer(question);
}
