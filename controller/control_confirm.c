// SPDX-License-Identifier: BSD-3-Clause
//
// control_confirm: makes a revision stay that every host would undo by itself.
//
// Each of its hosts has a clock of its own, so one may be too late while another is in time. Then it is
// undone: who was too late says so unasked, and the digests bring the others back. One that goes away
// while it is asked follows what the rest say.

#include "controller/control_priv.h"

#include "base/stream.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct confirming {
	struct control *control;
	uint64_t number;
	confirm_done_fn done;
	void *user;
	size_t awaited, agreed;
	int code; // The first that is not 0.
	char what[256];
};

static void answer(const struct confirming *confirming, const struct change_result *result)
{
	if (confirming->done)
		confirming->done(confirming->user, result);
}

static void confirmed(struct confirming *confirming)
{
	struct control *control = confirming->control;
	struct change_result result = {.revision = control->open.number, .changed = true};
	struct refusal refusal = {0};
	struct fail fail = {0};

	control_drop_promises(control);
	control->open.why = OPEN_UNMARKED;
	guests_reconcile(&control->guests, &control->model);
	if (control_mark_open(control, &fail) < 0) {
		refuse(&refusal, fail.code, "intent", NULL, "%s", fail.what);
		result.refusal = &refusal;
	}
	answer(confirming, &result);
}

static void finish(struct confirming *confirming)
{
	const struct open_revision *open = &confirming->control->open;
	struct change_result result = {.revision = open->number};
	struct refusal refusal = {0};
	bool lost = confirming->code == -ECONNRESET && confirming->agreed > 0;

	confirming->control->confirming = NULL;
	if ((confirming->code == 0 || lost) && open->why == OPEN_UNCONFIRMED &&
	    open->number == confirming->number) {
		confirmed(confirming);
	} else {
		refuse(&refusal, confirming->code ? confirming->code : -ETIME, "intent", NULL, "%s",
		       confirming->what[0] ? confirming->what
		                           : "it was too late to confirm the revision");
		result.refusal = &refusal;
		answer(confirming, &result);
	}
	free(confirming);
}

static void on_confirmed(void *user, int err, const struct stream_frame *frame)
{
	struct confirming *confirming = user;
	Weft__TxResult *message = NULL;
	int code = err;

	if (frame && frame->type == WEFT__FRAME_TYPE__FRAME_TX_RESULT)
		message = decode_message(&weft__tx_result__descriptor, frame->len, frame->body);
	if (message)
		code = message->code;
	else if (frame)
		code = -EPROTO;
	confirming->agreed += code == 0;
	// Too late is worse than lost.
	if (code != 0 && (confirming->code == 0 || confirming->code == -ECONNRESET)) {
		confirming->code = code;
		snprintf(confirming->what, sizeof(confirming->what), "%s",
		         message && message->what ? message->what : "");
	}
	weft__tx_result__free_unpacked(message, NULL);
	if (--confirming->awaited == 0)
		finish(confirming);
}

static void refuse_now(struct control *control, int code, const char *what, const char *hint,
                       confirm_done_fn done, void *user)
{
	struct change_result result = {.revision = control->revision};
	struct refusal refusal = {0};

	result.refusal = &refusal;
	refuse(&refusal, code, "intent", NULL, "%s", what);
	if (hint)
		fail_hint(&refusal.fail, "%s", hint);
	done(user, &result);
}

// One of those that promised, and cannot be told that it is confirmed.
static const struct promise *find_missing(const struct control *control)
{
	for (size_t i = 0; i < control->open.promise_count; i++) {
		const struct host *host =
			hosts_get(&control->hosts, control->open.promises[i].host);

		if (!host || (host_state(host) != HOST_READY && host_state(host) != HOST_SYNCING))
			return &control->open.promises[i];
	}
	return NULL;
}

static void tell(struct confirming *confirming)
{
	struct control *control = confirming->control;
	size_t count = control->open.promise_count;

	// One more than there are, so that it does not end before all are asked.
	confirming->awaited = count + 1;
	for (size_t i = 0; i < count && i < control->open.promise_count; i++) {
		struct host *host = hosts_get(&control->hosts, control->open.promises[i].host);
		Weft__TxConfirm message = WEFT__TX_CONFIRM__INIT;

		message.tx = control->open.promises[i].tx;
		if (!host || host_ask(host, WEFT__STREAM_ID__STREAM_CONTROL,
		                      WEFT__FRAME_TYPE__FRAME_TX_CONFIRM, &message.base,
		                      on_confirmed, confirming) < 0)
			on_confirmed(confirming, -ECONNRESET, NULL);
	}
	if (--confirming->awaited == 0)
		finish(confirming);
}

void control_confirm(struct control *control, uint64_t revision, confirm_done_fn done, void *user)
{
	struct confirming *confirming;
	const struct promise *missing;
	char what[KEY_SIZE + 64];

	if (control->open.why != OPEN_UNCONFIRMED ||
	    (revision && revision != control->open.number)) {
		refuse_now(control, -ENOENT, "no revision waits to be confirmed",
		           "'weft history' shows what became of it", done, user);
		return;
	}
	if (control->confirming) {
		refuse_now(control, -EALREADY, "the revision is being confirmed already", NULL,
		           done, user);
		return;
	}
	missing = find_missing(control);
	if (missing) {
		const struct host *host = hosts_get(&control->hosts, missing->host);

		snprintf(what, sizeof(what), "%s is away, or does not answer; try again",
		         host ? host_label(host) : missing->host);
		refuse_now(control, -EAGAIN, what, NULL, done, user);
		return;
	}
	confirming = calloc(1, sizeof(*confirming));
	if (!confirming) {
		refuse_now(control, -ENOMEM, "out of memory", NULL, done, user);
		return;
	}
	confirming->control = control;
	confirming->number = control->open.number;
	confirming->done = done;
	confirming->user = user;
	control->confirming = confirming;
	tell(confirming);
}

void control_forget_confirming(struct control *control, const void *user)
{
	if (control->confirming && control->confirming->user == user)
		control->confirming->done = NULL;
}
