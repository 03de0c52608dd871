// SPDX-License-Identifier: BSD-3-Clause
//
// derive_impair: an impairment's text as steps with all their effects.

#include "controller/derive_unit.h"

#include "controller/impair_text.h"
#include "controller/model_impair.h"
#include "controller/model_place.h"

void derive_impair(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__Impair *impair = intent->msg->impair;
	const struct intent *port = model_impair_port(model, impair);
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Impairment message = WEFT__IMPAIRMENT__INIT;
	Weft__ImpairStep steps[IMPAIR_TEXT_STEPS], *list[IMPAIR_TEXT_STEPS];
	struct refusal ignored = {0};
	struct impair_text text;

	if (!port || impair_text_parse(intent->key, impair->effects ? impair->effects : "",
	                               impair->timeline, impair->once, &text, &ignored) < 0)
		return;
	message.port = derive_port_id(port->name);
	message.direction = model_impair_is_out(impair) ? WEFT__IMPAIR_DIRECTION__IMPAIR_OUT
	                                                : WEFT__IMPAIR_DIRECTION__IMPAIR_IN;
	message.seed = impair->seed;
	message.has_hold_frames = impair->has_hold;
	message.hold_frames = impair->hold;
	message.n_steps = text.count;
	message.steps = list;
	for (size_t i = 0; i < text.count; i++) {
		weft__impair_step__init(&steps[i]);
		steps[i].has_duration_ns = text.steps[i].duration_ns != 0;
		steps[i].duration_ns = text.steps[i].duration_ns;
		steps[i].effects = &text.steps[i].effects;
		list[i] = &steps[i];
	}
	object.id = ident(WEFT__KIND__KIND_IMPAIRMENT, intent->key);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_IMPAIRMENT;
	object.impairment = &message;
	unit_add(layout_unit(layout, model_place_of(port->msg->port)), WEFT__KIND__KIND_IMPAIRMENT,
	         &object);
}
