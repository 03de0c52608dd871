// SPDX-License-Identifier: BSD-3-Clause
//
// host_tx: transactions of one host, one at a time.
//
// An answer is known by the transaction's own id, which is never used twice: the epoch, counted by the store
// at each start, above a counter. A datapath that leaves a transaction unanswered for a few seconds, and
// longer if it is large, is cut off; when it returns, digests tell what it has. The same holds of one whose
// transaction was let go meanwhile, so that others need not wait for it: whatever it makes of it.

#include "controller/host_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

enum { OPERATIONS_PER_SECOND = 50 };

void host_tx_answer(struct host *host, const struct tx_result *result)
{
	host_tx_fn done = host->done;

	if (!done)
		return;
	host->done = NULL;
	host->lag_ns = clock_now() - host->sent_at;
	event_del(host->patience);
	done(host->done_user, result);
}

void host_tx_result(struct host *host, const struct stream_frame *frame)
{
	Weft__TxResult *message =
		decode_message(&weft__tx_result__descriptor, frame->len, frame->body);
	struct tx_result result;

	if (!message) {
		host_break(host, "its answer to a transaction could not be understood");
		return;
	}
	if (message->has_reverted && message->reverted) {
		host->generation = message->generation;
		host->env.reverted(host->env.user, host, message->tx);
	} else if (host->done && message->tx == host->tx.id) {
		tx_read_result(&host->tx, message, &result);
		host->prepared = result.code == 0 && message->has_prepared && message->prepared;
		if (result.code == 0 && message->has_generation && !host->prepared)
			host->generation = message->generation;
		host_tx_answer(host, &result);
	}
	weft__tx_result__free_unpacked(message, NULL);
}

void host_tx_refused(struct host *host, const struct stream_frame *frame)
{
	Weft__Refused *message =
		decode_message(&weft__refused__descriptor, frame->len, frame->body);
	struct tx_result result = {.code = -EPROTO, .op_index = SIZE_MAX};

	if (message && host->done && frame->request == host->tx.id) {
		result.code = message->code < 0 ? message->code : -EPROTO;
		refuse(&result.refusal, result.code, "datapath", NULL, "%s", message->what);
		if (message->hint)
			fail_hint(&result.refusal.fail, "%s", message->hint);
		host_tx_answer(host, &result);
	} else if (message && host->state == HOST_GREETING) {
		// Another controller drives it: said once, however often it comes back.
		if (strcmp(host->trouble, message->what) != 0)
			log_err("%s refuses us: %s", host->label, message->what);
		snprintf(host->trouble, sizeof(host->trouble), "%s", message->what);
	} else if (message && frame->request == 0) {
		log_err("%s: %s", host->label, message->what);
	}
	weft__refused__free_unpacked(message, NULL);
}

void host_tx_continue(struct host *host)
{
	if (host->done && tx_send(&host->tx, host->stream) < 0)
		host_break(host, "a transaction could not be sent");
}

static void begin(struct host *host, host_tx_fn done, void *user)
{
	// A large one may take its time, also on a slow machine.
	struct timeval wait = {.tv_sec = host->env.silence_seconds +
	                                 (time_t)(host->tx.ops->count / OPERATIONS_PER_SECOND)};

	host->done = done;
	host->done_user = user;
	host->sent_at = clock_now();
	event_add(host->patience, &wait);
	host_tx_continue(host);
}

void host_commit(struct host *host, const struct ops *ops, bool dry_run, uint32_t confirm_ms,
                 host_tx_fn done, void *user)
{
	if (!dry_run && !host->fresh)
		host->env.hand_leases(host->env.user, host, ops);
	host->fresh = false;
	host->tx = (struct tx){
		.id = host->next_tx++, .ops = ops, .dry_run = dry_run, .confirm_ms = confirm_ms};
	begin(host, done, user);
}

void host_prepare(struct host *host, const struct ops *ops, uint32_t confirm_ms, host_tx_fn done,
                  void *user)
{
	host->env.hand_leases(host->env.user, host, ops);
	host->tx = (struct tx){
		.id = host->next_tx++, .ops = ops, .confirm_ms = confirm_ms, .prepare = true};
	begin(host, done, user);
}

uint64_t host_tx_id(const struct host *host)
{
	return host->tx.id;
}

bool host_is_prepared(const struct host *host)
{
	return host->prepared;
}

static void on_late(void *user, const struct tx_result *result)
{
	struct host *host = user;

	if (result->code == -ECONNRESET)
		return;
	if (host->prepared)
		host_finish(host, false, NULL, NULL);
	// What it was to do may be done there, and nobody counts on it.
	resync_start(host);
}

void host_let_go(struct host *host, struct ops *ops)
{
	if (!host->done)
		return;
	host->done = on_late;
	host->done_user = host;
	// A part of it may be still to be sent.
	ops_fini(&host->let_go);
	if (ops && host->tx.ops == ops) {
		host->let_go = *ops;
		*ops = (struct ops){0};
		host->tx.ops = &host->let_go;
	}
	host_lag(host);
}

static void ignore(void *user, const struct tx_result *result)
{
}

void host_finish(struct host *host, bool commit, host_tx_fn done, void *user)
{
	static const struct ops none;

	host->prepared = false;
	// The operations have arrived, and their owner need not wait for the end of what is taken back.
	host->tx.ops = &none;
	host->tx.stage = commit ? TX_FINISH : TX_ABORT;
	begin(host, done ? done : ignore, user);
}
