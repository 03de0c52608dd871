// SPDX-License-Identifier: BSD-3-Clause
//
// derive_link: a link is a bridge that is a wire; its ports make themselves members.

#include "controller/derive_unit.h"
#include "controller/model_host.h"
#include "controller/model_place.h"

uint64_t derive_link_id(const char *link)
{
	char key[KEY_SIZE];

	return ident(WEFT__KIND__KIND_BRIDGE, noun_key(key, NOUN_LINK, link));
}

static void add_wire(const struct intent *intent, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;

	bridge.has_wire = true;
	bridge.wire = true;
	// Both ends may be on one host.
	if (unit->count > 0)
		return;
	object.id = derive_link_id(intent->name);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_BRIDGE;
	object.bridge = &bridge;
	unit_add(unit, WEFT__KIND__KIND_BRIDGE, &object);
}

void derive_link(const struct model *model, const struct intent *intent, struct layout *layout)
{
	char user[KEY_SIZE];
	size_t cursor = 0;
	bool any = false;

	while (graph_next_user(&model->graph, intent->key, &cursor, user)) {
		const struct intent *port = model_get_key(model, user);

		if (!port || port->noun != NOUN_PORT)
			continue;
		add_wire(intent, layout_unit(layout, model_place_of(port->msg->port)));
		any = true;
	}
	if (!any)
		add_wire(intent, layout_unit(layout, HOST_LOCAL));
}
