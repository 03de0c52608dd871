// SPDX-License-Identifier: BSD-3-Clause
//
// derive_link: a link is a bridge that is a wire; its ports make themselves members.

#include "controller/derive_unit.h"

uint64_t derive_link_id(const char *link)
{
	char key[KEY_SIZE];

	return ident(WEFT__KIND__KIND_BRIDGE, noun_key(key, NOUN_LINK, link));
}

void derive_link(const struct intent *intent, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;

	bridge.has_wire = true;
	bridge.wire = true;
	object.id = derive_link_id(intent->name);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_BRIDGE;
	object.bridge = &bridge;
	unit_add(unit, WEFT__KIND__KIND_BRIDGE, &object);
}
