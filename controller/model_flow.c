// SPDX-License-Identifier: BSD-3-Clause
//
// model_flow: rules that users program into the switch themselves.

#include "controller/flow_text.h"
#include "controller/model_guest.h"
#include "controller/model_noun.h"
#include "controller/model_place.h"

#include <errno.h>

enum { DEFAULT_PRIORITY = 1000 };

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	if (!msg->flow->has_priority) {
		msg->flow->has_priority = true;
		msg->flow->priority = DEFAULT_PRIORITY;
	}
	return 0;
}

static void needs_port(const struct model *model, const char *field, const char *name,
                       struct refs *refs)
{
	const struct intent *port = name[0] ? model_find_port(model, name, NULL) : NULL;

	if (port)
		refs_add(refs, REF_NEEDS, field, "%s", port->key);
	else if (name[0])
		refs_add(refs, REF_NEEDS, field, "port/%s", name);
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	struct refusal ignored = {0};
	struct flow_text text;

	if (flow_text_parse(intent->key, intent->msg->flow, &text, &ignored) < 0)
		return;
	needs_port(model, "match", text.port, refs);
	needs_port(model, "actions", text.output, refs);
	if (text.net[0])
		refs_add(refs, REF_NEEDS, "match", "net/%s", text.net);
	// A rule that is of no port is wherever its net is, or everywhere.
	if (text.port[0] || text.output[0])
		return;
	if (text.net[0])
		refs_add(refs, REF_COUNTS, "match", "spread/net/%s", text.net);
	else
		refs_add(refs, REF_COUNTS, "match", "hosts");
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const struct intent *in, *out;
	struct flow_text text;
	int err = flow_text_parse(intent->key, intent->msg->flow, &text, refusal);

	if (err < 0)
		return err;
	in = text.port[0] ? model_find_port(model, text.port, NULL) : NULL;
	out = text.output[0] ? model_find_port(model, text.output, NULL) : NULL;
	if (!in || !out ||
	    strcmp(model_place_of(in->msg->port), model_place_of(out->msg->port)) == 0)
		return 0;
	return refuse(refusal, -EXDEV, intent->key, "actions",
	              "%s: port '%s' is on host '%s', and '%s' on host '%s'", intent->key,
	              text.port, model_place_of(in->msg->port), text.output,
	              model_place_of(out->msg->port));
}

const struct noun_ops model_flow = {.complete = complete, .refs = refs, .check = check};
