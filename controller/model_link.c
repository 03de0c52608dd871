// SPDX-License-Identifier: BSD-3-Clause
//
// model_link: transparent wires. A link is but a name: its ports say which end of it they are.

#include "controller/model_link.h"

#include "controller/model_noun.h"

#include <stdio.h>

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	return 0;
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	return 0;
}

const struct noun_ops model_link = {.complete = complete, .refs = refs, .check = check};

const struct intent *model_link_end(const struct model *model, const char *link, const char *end)
{
	char claim[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	snprintf(claim, sizeof(claim), "end/%s/%s", link, end);
	return graph_next_user(&model->graph, claim, &cursor, user) ? model_get_key(model, user)
	                                                            : NULL;
}
