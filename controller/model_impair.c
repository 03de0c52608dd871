// SPDX-License-Identifier: BSD-3-Clause
//
// model_impair: what is to be worse than it is: one direction of a port, with a seed that is kept.

#include "controller/model_impair.h"
#include "controller/impair_text.h"
#include "controller/model_guest.h"
#include "controller/model_link.h"
#include "controller/model_noun.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum { HOLD_LEAST = 64, HOLD_MOST = 1 << 20 };

uint32_t model_impair_seed(const char *key)
{
	return (uint32_t)XXH3_64bits(key, strlen(key));
}

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	Weft__Impair *impair = msg->impair;

	if (!impair->has_seed) {
		impair->has_seed = true;
		impair->seed = model_impair_seed(key);
	}
	return 0;
}

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

// What crosses a link from an end is what that end's guest sends.
const struct intent *model_impair_port(const struct model *model, const Weft__Impair *impair)
{
	if (impair->link)
		return model_link_end(model, impair->link,
		                      is(impair->direction, "b-to-a") ? "b" : "a");
	return impair->port ? model_find_port(model, impair->port, NULL) : NULL;
}

bool model_impair_is_out(const Weft__Impair *impair)
{
	return impair->link || is(impair->direction, "out");
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Impair *impair = intent->msg->impair;
	const struct intent *port = model_impair_port(model, impair);

	if (impair->link)
		refs_add(refs, REF_NEEDS, "link", "link/%s", impair->link);
	if (port)
		refs_add(refs, REF_NEEDS, "port", "%s", port->key);
	else if (impair->port)
		refs_add(refs, REF_NEEDS, "port", "port/%s", impair->port);
	if (port)
		refs_add(refs, REF_CLAIMS, "port", "impaired/%s/%s", port->name,
		         model_impair_is_out(impair) ? "out" : "in");
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const Weft__Impair *impair = intent->msg->impair;
	struct impair_text text;

	if (!impair->port == !impair->link)
		return refuse(refusal, -EINVAL, intent->key, "port",
		              "%s: it must say which port or which link it impairs, one of them",
		              intent->key);
	if (impair->link && !is(impair->direction, "a-to-b") && !is(impair->direction, "b-to-a"))
		return refuse(refusal, -EINVAL, intent->key, "direction",
		              "%s: the direction of a link is 'a-to-b' or 'b-to-a'", intent->key);
	if (impair->link && !model_impair_port(model, impair))
		return refuse(refusal, -ENOENT, intent->key, "link",
		              "%s: the end of link '%s' from which it would come has no port",
		              intent->key, impair->link);
	if (impair->port && !is(impair->direction, "in") && !is(impair->direction, "out"))
		return refuse(refusal, -EINVAL, intent->key, "direction",
		              "%s: the direction of a port is 'in' or 'out'", intent->key);
	if (impair->has_hold && (impair->hold < HOLD_LEAST || impair->hold > HOLD_MOST))
		return refuse(refusal, -ERANGE, intent->key, "hold",
		              "%s: room for %u frames is outside %d to %d", intent->key,
		              impair->hold, HOLD_LEAST, HOLD_MOST);
	return impair_text_parse(intent->key, impair->effects ? impair->effects : "",
	                         impair->timeline, impair->once, &text, refusal);
}

const struct noun_ops model_impair = {.complete = complete, .refs = refs, .check = check};
