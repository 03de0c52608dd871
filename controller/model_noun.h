// SPDX-License-Identifier: BSD-3-Clause
//
// model_noun: what each noun must know about itself. Private to the model and the files model_<noun>.c.

#pragma once

#include "controller/model.h"

struct noun_ops {
	// Canonicalises and fills in what is to be kept; sees the model as it is so far.
	int (*complete)(const struct model *model, const char *key, Weft__Intent *msg,
	                struct refusal *refusal);
	void (*refs)(const struct model *model, const struct intent *intent, struct refs *refs);
	// With the whole batch in place, and all that the references need known to exist.
	int (*check)(const struct model *model, const struct intent *intent,
	             struct refusal *refusal);
};

extern const struct noun_ops model_host, model_router, model_tunnel, model_peer, model_net,
	model_guest, model_port, model_route, model_forward, model_lease, model_dns, model_flow,
	model_impair, model_link, model_lab;

// Replaces *text by the canonical form of the address in it.
int model_canon_ip(const char *key, const char *field, char **text, struct refusal *refusal);
int model_canon_mac(const char *key, const char *field, char **text, struct refusal *refusal);
int model_canon_prefix(const char *key, const char *field, char **text, struct refusal *refusal);
// A name that DNS can carry: letters, digits, hyphens, and dots between labels.
int model_check_domain(const char *key, const char *field, const char *text, bool dots,
                       struct refusal *refusal);
// The address must be one that a host in the net can have.
int model_check_host_ip(const struct model *model, const char *key, const char *field,
                        const char *net, const char *text, struct refusal *refusal);
