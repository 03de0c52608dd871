// SPDX-License-Identifier: BSD-3-Clause
//
// control_home: homes that go from one host to another: of routers, DHCP and DNS.
//
// Like any change of several hosts it is prepared on all, and committed. But it is asked for when the old home is
// in trouble, too, and then it must not depend on it: where the batch itself gives a net or a router another home, a
// host that does not answer is not waited for if all it would hear is that it has less to serve, or what follows
// for others' things. Its digests bring it up to date when it is back. Until then it goes on serving whom it
// reaches, which nobody can prevent who does not reach it: docs/decisions/0014-who-moves-a-home.md.

#include "controller/control_priv.h"

#include "controller/model_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *host_of(const struct intent *intent)
{
	const char *host = NULL;

	if (intent->noun == NOUN_NET)
		host = intent->msg->net->host;
	else if (intent->noun == NOUN_ROUTER)
		host = intent->msg->router->host;
	return host ? host : "";
}

// Whether the batch says so itself, and not only that ports come and go.
static bool is_asked_for(const struct model *model)
{
	for (size_t i = 0; i < model->change_count; i++) {
		const struct model_change *change = &model->changes[i];
		const struct intent *now = change->after;

		if (now && (now->noun == NOUN_NET || now->noun == NOUN_ROUTER) &&
		    strcmp(host_of(now), change->before ? host_of(change->before) : "") != 0)
			return true;
	}
	return false;
}

bool control_home_spares(const struct control *control, const struct ops *ops)
{
	if (!is_asked_for(&control->model))
		return false;
	for (size_t i = 0; i < ops->count; i++) {
		const struct op *op = &ops->items[i];

		if (model_change_of(&control->model, op->unit) &&
		    (op->verb != WEFT__OP_VERB__OP_DELETE || op->kind == WEFT__KIND__KIND_PORT))
			return false;
	}
	return true;
}

static bool comes_with(const struct desired *desired, uint64_t interface)
{
	for (size_t i = 0; i < desired->ops.count; i++)
		if (desired->ops.items[i].id == interface &&
		    desired->ops.items[i].verb == WEFT__OP_VERB__OP_UPSERT)
			return true;
	return false;
}

static void note_move(struct change *change, const struct op *op, const char *from, const char *to)
{
	struct home_move *move = &change->homes[change->home_count];

	if (change->home_count++ >= HOME_MOVES)
		return;
	snprintf(move->net, sizeof(move->net), "%s", op->unit);
	snprintf(move->from, sizeof(move->from), "%s", from);
	snprintf(move->to, sizeof(move->to), "%s", to);
}

// A net's home is where its leg is.
static void note_moves_from(const struct control *control, struct change *change,
                            const struct desired *from)
{
	const struct desired *to;

	for (size_t i = 0; i < from->ops.count; i++) {
		const struct op *op = &from->ops.items[i];

		if (op->kind != WEFT__KIND__KIND_INTERFACE || op->verb != WEFT__OP_VERB__OP_DELETE)
			continue;
		for (size_t k = 0; (to = layout_collected(&control->layout, k)); k++)
			if (to != from && comes_with(to, op->id))
				note_move(change, op, from->host, to->host);
	}
}

void control_note_homes(const struct control *control, struct change *change)
{
	const struct desired *from;

	change->home_count = 0;
	for (size_t i = 0; (from = layout_collected(&control->layout, i)); i++)
		note_moves_from(control, change, from);
}

void control_add_homes(const struct host *host, char *buf, size_t size)
{
	const struct desired *desired = host_desired(host);
	const struct object *object, *first = NULL;
	size_t cursor = 0, more = 0, len = strlen(buf);

	while ((object = table_next(&desired->objects, &cursor, NULL, NULL)))
		if (object->kind == WEFT__KIND__KIND_INTERFACE) {
			more += first != NULL;
			if (!first || strcmp(object->unit, first->unit) < 0)
				first = object;
		}
	if (!first)
		return;
	len += (size_t)snprintf(buf + len, size - len, "; %.60s", first->unit);
	if (more > 0 && len < size)
		len += (size_t)snprintf(buf + len, size - len, " and %zu more", more);
	if (len < size)
		snprintf(buf + len, size - len, " %s served there", more > 0 ? "are" : "is");
}

void control_tell_homes(const struct control *control, const struct change *change)
{
	char text[200];

	for (size_t i = 0; i < change->home_count && i < HOME_MOVES; i++) {
		const struct home_move *move = &change->homes[i];
		const struct host *old = hosts_get(&control->hosts, move->from);
		size_t more = change->home_count - i - 1;
		int len = snprintf(
			text, sizeof(text), "host %.48s serves it now, and host %.48s %s", move->to,
			move->from,
			old && host_state(old) != HOST_READY && host_state(old) != HOST_SYNCING
				? "no longer when it is back"
				: "no longer");

		if (i == HOME_MOVES - 1 && more > 0)
			snprintf(text + len, sizeof(text) - (size_t)len,
			         "; the same of %zu nets more", more);
		control->told(control->listener, NULL, "home_moved", move->net, text);
	}
}
