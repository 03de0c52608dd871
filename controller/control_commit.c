// SPDX-License-Identifier: BSD-3-Clause
//
// control_commit: a change on its hosts: all of them, or none.
//
// One host alone is asked to commit at once. Several first prepare: each stages its part, and answers that it
// cannot refuse it any more. One that refuses, or goes away, has all of them take it back. Once all have
// prepared, the change is decided: they commit, and one that goes away only then catches up by its
// digests when it returns. What becomes of it when we die is in docs/decisions/0008-many-hosts-one-change.md.

#include "controller/control_priv.h"

#include "base/log.h"
#include "controller/derive_unit.h"
#include "controller/model_host.h"
#include "controller/model_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void control_unshare(struct change *change)
{
	for (size_t i = 0; i < change->share_count; i++)
		ops_fini(&change->shares[i].ops);
	free(change->shares);
	change->shares = NULL;
	change->share_count = 0;
}

// Whether a host is only told of others: where their ports are, and how they are reached. One that is away
// hears of it when it is back, and has no reason to refuse it.
static bool is_hearsay(const struct ops *ops)
{
	for (size_t i = 0; i < ops->count; i++)
		if (ops->items[i].kind != WEFT__KIND__KIND_FDB_ENTRY &&
		    ops->items[i].kind != WEFT__KIND__KIND_ADDRESS &&
		    strncmp(ops->items[i].unit, "mesh/", strlen("mesh/")) != 0)
			return false;
	return true;
}

static bool is_away(const struct host *host)
{
	return host_state(host) != HOST_READY && host_state(host) != HOST_SYNCING;
}

// Interfaces of guests that go are left to end with the namespace: the kernel takes down all that ends
// together in one go, where one by one each costs it a grace period. On trial that is when it is confirmed.
static void mark_ends(const struct model *model, struct ops *ops)
{
	for (size_t i = 0; i < ops->count; i++) {
		struct op *op = &ops->items[i];
		const struct model_change *change;

		if (op->verb != WEFT__OP_VERB__OP_DELETE || op->kind != WEFT__KIND__KIND_PORT)
			continue;
		change = model_change_of(model, op->unit);
		op->netns_ends = change && change->before && !change->after &&
		                 change->before->noun == NOUN_PORT &&
		                 change->before->msg->port->guest &&
		                 !model_get(model, NOUN_GUEST, change->before->msg->port->guest);
	}
}

static struct op *find_op(const struct change *change, const char *host, uint64_t id,
                          struct share **ret)
{
	for (size_t i = 0; i < change->share_count; i++) {
		struct share *share = &change->shares[i];

		for (size_t k = 0;
		     strcmp(host_name(share->host), host) == 0 && k < share->ops.count; k++)
			if (share->ops.items[k].id == id) {
				*ret = share;
				return &share->ops.items[k];
			}
	}
	return NULL;
}

// Each interface of a guest that goes from one host to another, until `each` says no.
static int each_move(struct control *control, struct change *change,
                     int (*each)(struct share *from, struct op *leaves, struct share *to,
                                 struct op *comes))
{
	int err = 0;

	for (size_t i = 0; i < control->model.change_count && err == 0; i++) {
		const struct model_change *moved = &control->model.changes[i];
		struct op *leaves, *comes;
		struct share *from, *to;
		uint64_t id;

		if (!model_host_is_move(moved))
			continue;
		id = derive_port_id(moved->after->name);
		leaves = find_op(change, model_place_of(moved->before->msg->port), id, &from);
		comes = find_op(change, model_place_of(moved->after->msg->port), id, &to);
		if (leaves && comes)
			err = each(from, leaves, to, comes);
	}
	return err;
}

static int mark_move(struct share *from, struct op *leaves, struct share *to, struct op *comes)
{
	leaves->handed_over = comes->handed_over = true;
	return 0;
}

static int hand_over(struct share *from, struct op *leaves, struct share *to, struct op *comes)
{
	return host_hand_over(from->host, to->host, comes->id);
}

static int note_handed(struct share *from, struct op *leaves, struct share *to, struct op *comes)
{
	host_handed_over(from->host, leaves->id);
	return 0;
}

// One that is no home any more goes on as if it were until it hears of it.
static void note_follower(struct change *change, const struct host *host)
{
	if (is_away(host))
		snprintf(change->note, sizeof(change->note),
		         "%.60s %s, and serves on whom it reaches; it follows when it %s",
		         host_label(host), host_hangs(host) ? "does not answer" : "is away",
		         host_hangs(host) ? "does" : "is back");
}

int control_share(struct control *control, struct change *change, struct refusal *refusal)
{
	struct desired *desired;
	bool spared;

	control_unshare(change);
	control_note_homes(control, change);
	change->shares = calloc(control->layout.collected_count + 1, sizeof(*change->shares));
	for (size_t i = 0; change->shares && (desired = layout_collected(&control->layout, i));
	     i++) {
		struct host *host = hosts_get(&control->hosts, desired->host);
		struct share *share = &change->shares[change->share_count];

		// A host that begins with this change has nobody there to be told, and is told all at once.
		// One that ends with it and is away is not waited for: it may be lost for good.
		if (!host || (host_state(host) != HOST_READY &&
		              !model_host_exists(&control->model, desired->host)))
			continue;
		spared = is_hearsay(&desired->ops);
		if (!spared && control_home_spares(control, &desired->ops)) {
			spared = true;
			note_follower(change, host);
		}
		if (is_away(host) && spared)
			continue;
		*share = (struct share){
			.control = control, .host = host, .ops = desired->ops, .hearsay = spared};
		desired->ops = (struct ops){0};
		ops_sort(&share->ops);
		mark_ends(&control->model, &share->ops);
		change->share_count++;
	}
	layout_forget_collected(&control->layout);
	each_move(control, change, mark_move);
	return change->shares ? 0 : refuse(refusal, -ENOMEM, "intent", NULL, "out of memory");
}

struct host *control_missing(const struct change *change)
{
	for (size_t i = 0; i < change->share_count; i++)
		if (host_state(change->shares[i].host) != HOST_READY)
			return change->shares[i].host;
	return NULL;
}

static void note_refusal(struct change *change, struct share *share, const struct tx_result *result)
{
	// As if it had been away when we began.
	if (result->code == -ECONNRESET && share->hearsay) {
		share->left_out = true;
		return;
	}
	if (result->code == -ECONNRESET && host_is_silent(share->host)) {
		control_refuse_missing(share->control, host_name(share->host), &change->refusal);
		return;
	}
	if (change->refusal.fail.code == 0)
		change->refusal = result->refusal;
	if (result->code == -ECONNRESET)
		fail_hint(&change->refusal.fail, "nothing was changed; try again when %s is back",
		          host_label(share->host));
}

static void on_alone(void *user, const struct tx_result *result)
{
	struct share *share = user;
	struct change *change = share->control->queue;

	share->tx = host_tx_id(share->host);
	share->answered = true;
	if (result->code < 0)
		note_refusal(change, share, result);
	// One that hangs is not waited for. Should it have been done there, its digests will undo it.
	control_decided(share->control, change,
	                share->left_out ? DECISION_DONE
	                : result->code == -ECONNRESET && !host_is_silent(share->host)
	                        ? DECISION_UNKNOWN
	                : result->code < 0 ? DECISION_REFUSED
	                                   : DECISION_DONE);
}

static void on_committed(void *user, const struct tx_result *result)
{
	struct share *share = user;
	struct change *change = share->control->queue;

	share->answered = true;
	if (result->code < 0) {
		// It is decided, and what it has says what it misses.
		snprintf(change->note, sizeof(change->note),
		         "%.60s is away; it follows when it is back", host_label(share->host));
		if (result->code != -ECONNRESET)
			control_want_resync(share->control, share->host);
		log_warn("%s did not commit what it had prepared: %s", host_label(share->host),
		         result->refusal.fail.what);
	}
	if (--change->awaited == 0)
		control_decided(share->control, change, DECISION_DONE);
}

static void commit_all(struct control *control, struct change *change)
{
	// An answer may come from within, when a connection breaks.
	size_t count = change->share_count;

	change->state = CHANGE_DECIDED;
	each_move(control, change, note_handed);
	// One more than there are, so that it does not end before all are asked.
	change->awaited = 1;
	for (size_t i = 0; i < count; i++) {
		change->shares[i].answered = change->shares[i].left_out;
		change->awaited += !change->shares[i].answered;
	}
	for (size_t i = 0; i < count; i++)
		if (!change->shares[i].left_out)
			host_finish(change->shares[i].host, true, on_committed, &change->shares[i]);
	if (--change->awaited == 0)
		control_decided(control, change, DECISION_DONE);
}

void control_abort_all(struct change *change)
{
	for (size_t i = 0; i < change->share_count; i++)
		if (host_is_prepared(change->shares[i].host))
			host_finish(change->shares[i].host, false, NULL, NULL);
}

static void on_prepared(void *user, const struct tx_result *result)
{
	struct share *share = user;
	struct control *control = share->control;
	struct change *change = control->queue;

	share->tx = host_tx_id(share->host);
	share->answered = true;
	if (result->code < 0)
		note_refusal(change, share, result);
	if (--change->awaited == 0)
		control_prepared(control, change);
}

void control_prepared(struct control *control, struct change *change)
{
	// One that had prepared may have gone while another thought about it.
	for (size_t i = 0; i < change->share_count && change->refusal.fail.code == 0; i++)
		if (!change->shares[i].left_out && !host_is_prepared(change->shares[i].host))
			refuse(&change->refusal, -ECONNRESET, "intent", NULL,
			       "%s went away before it was decided; nothing was changed",
			       host_label(change->shares[i].host));
	if (change->refusal.fail.code == 0) {
		commit_all(control, change);
		return;
	}
	control_abort_all(change);
	control_decided(control, change, DECISION_REFUSED);
}

void control_send(struct control *control, struct change *change)
{
	uint32_t confirm_ms = change->confirm_seconds * 1000;
	size_t count = change->share_count;

	change->state = CHANGE_SENT;
	control_arm_overtaking(control, change);
	if (count == 1) {
		host_commit(change->shares[0].host, &change->shares[0].ops, false, confirm_ms,
		            on_alone, &change->shares[0]);
		return;
	}
	if (each_move(control, change, hand_over) < 0) {
		refuse(&change->refusal, -EAGAIN, "intent", NULL,
		       "the interface of a guest is not there to be handed over; nothing was "
		       "changed");
		fail_hint(&change->refusal.fail, "try again in a moment");
		control_decided(control, change, DECISION_REFUSED);
		return;
	}
	change->awaited = count;
	for (size_t i = 0; i < count; i++) {
		struct share *share = &change->shares[i];

		host_prepare(share->host, &share->ops, confirm_ms, on_prepared, share);
	}
}

static void on_asked(void *user, const struct tx_result *result)
{
	struct share *share = user;
	struct change *change = share->control->queue;

	share->answered = true;
	if (result->code == -ECONNRESET)
		snprintf(change->note, sizeof(change->note),
		         "%.60s went away before it could be asked", host_label(share->host));
	else if (result->code < 0)
		note_refusal(change, share, result);
	if (--change->awaited == 0)
		control_asked(share->control, change);
}

void control_ask(struct control *control, struct change *change)
{
	size_t count = change->share_count;

	change->state = CHANGE_SENT;
	control_arm_overtaking(control, change);
	change->awaited = count;
	for (size_t i = 0; i < count; i++)
		host_commit(change->shares[i].host, &change->shares[i].ops, true, 0, on_asked,
		            &change->shares[i]);
}
