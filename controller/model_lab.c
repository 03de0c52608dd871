// SPDX-License-Identifier: BSD-3-Clause
//
// model_lab: what belongs to a lab as a whole: where it came from, and what is expected of it.
//
// It needs none of the guests that its tests name, so that a guest can still be removed by hand; but
// whoever sets the tests must name guests that are there.

#include "controller/model_guest.h"
#include "controller/model_noun.h"
#include "controller/scope.h"

#include <errno.h>

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	return 0;
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
}

static int check_ends(const struct model *model, const struct intent *intent,
                      const Weft__LabTest *test, struct refusal *refusal)
{
	char name[SCOPE_NAME];

	for (size_t i = 0; i < test->n_from; i++) {
		scope_name(intent->name, test->from[i], name);
		if (!model_find_port(model, name, NULL) && !model_get(model, NOUN_GUEST, name))
			return model_unknown(model, intent->key, "from", NOUN_GUEST, name, refusal);
	}
	// A name with a dot may be one of DNS; any other is a guest's.
	for (size_t i = 0; i < test->n_to; i++) {
		const char *to = test->to[i];

		scope_name(intent->name, to, name);
		if (strpbrk(to, ".:") || model_find_port(model, name, NULL) ||
		    model_get(model, NOUN_GUEST, name))
			continue;
		return model_unknown(model, intent->key, "to", NOUN_GUEST, name, refusal);
	}
	for (size_t i = 0; i < test->n_tests; i++)
		if (check_ends(model, intent, test->tests[i], refusal) < 0)
			return refusal->fail.code;
	return 0;
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const Weft__Lab *lab = intent->msg->lab_body;

	if (!intent->msg->lab || strcmp(intent->msg->lab, intent->name) != 0 ||
	    strpbrk(intent->name, "./:@+")) {
		refuse(refusal, -EINVAL, intent->key, "name", "'%s' cannot be the name of a lab",
		       intent->name);
		fail_hint(&refusal->fail,
		          "use letters, digits, '_' and '-'; a lab belongs to itself");
		return -EINVAL;
	}
	for (size_t i = 0; i < lab->n_tests; i++) {
		if (!lab->tests[i]->has_kind)
			return refuse(refusal, -EINVAL, intent->key, "tests",
			              "%s: test %zu does not say of what kind it is", intent->key,
			              i + 1);
		if (check_ends(model, intent, lab->tests[i], refusal) < 0)
			return refusal->fail.code;
	}
	return 0;
}

const struct noun_ops model_lab = {.complete = complete, .refs = refs, .check = check};
