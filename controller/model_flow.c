// SPDX-License-Identifier: BSD-3-Clause
//
// model_flow: rules that users program into the switch themselves.

#include "controller/flow_text.h"
#include "controller/model_guest.h"
#include "controller/model_noun.h"

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
	if (text.net[0] && !text.port[0])
		refs_add(refs, REF_COUNTS, "match", "spread/net/%s", text.net);
	else if (!text.port[0])
		refs_add(refs, REF_COUNTS, "match", "hosts");
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	struct flow_text text;

	return flow_text_parse(intent->key, intent->msg->flow, &text, refusal);
}

const struct noun_ops model_flow = {.complete = complete, .refs = refs, .check = check};
