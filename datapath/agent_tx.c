// SPDX-License-Identifier: BSD-3-Clause
//
// agent_tx: transactions as they come in frames: begin, operations, commit, which may come in two steps;
// confirmations; repeats.
//
// Memory is bounded before anything is decoded: a frame by the stream, the decoding of a frame by an arena,
// a transaction by the number and bytes of its operations. The results of the last transactions are
// remembered, so that a controller that lost an answer may send the whole again.

#include "base/log.h"
#include "datapath/agent_change.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_keep.h"
#include "datapath/agent_priv.h"
#include "datapath/agent_step.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONTROL_LIMIT = 4096, // of the small messages, decoded
	OPS_LIMIT = 24 << 20, // of one frame of operations, decoded
	TX_OPS_MAX = 4 << 20,
	TX_BYTES_MAX = 64 << 20,
	BLOCK_BYTES = 256 << 10,
	COMPLETE_SECONDS = 60,
};

// Objects of a transaction, copied out of the frames they came in.
struct agent_bytes {
	struct agent_bytes *next;
	size_t used, size;
	uint8_t bytes[];
};

static void clear(struct agent_tx *tx)
{
	while (tx->blocks) {
		struct agent_bytes *block = tx->blocks;

		tx->blocks = block->next;
		free(block);
	}
	free(tx->ops);
	*tx = (struct agent_tx){0};
}

// What was handed to us for it is let go of: what it took is a door's by now.
static void end(struct agent *agent)
{
	clear(&agent->tx);
	agent_keep_forget(agent->keep, "handed/");
}

void agent_tx_drop(struct agent *agent)
{
	// Nobody is left who could decide about it.
	if (agent->tx.prepared)
		apply_abandon(agent->apply);
	clear(&agent->tx);
}

static void refuse_early(struct agent_tx *tx, int code, const char *what)
{
	if (tx->early.code < 0)
		return;
	tx->early.op_index = (uint32_t)tx->count;
	tx->early.code = fail_set(&tx->early.fail, code, "%s", what);
}

static const uint8_t *copy_object(struct agent_tx *tx, const ProtobufCBinaryData *object)
{
	struct agent_bytes *block = tx->blocks;
	uint8_t *copy;

	if (!block || block->size - block->used < object->len) {
		size_t size = object->len > BLOCK_BYTES ? object->len : (size_t)BLOCK_BYTES;

		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		*block = (struct agent_bytes){.next = tx->blocks, .size = size};
		tx->blocks = block;
	}
	copy = block->bytes + block->used;
	if (object->len > 0)
		memcpy(copy, object->data, object->len);
	block->used += object->len;
	return copy;
}

static void add_op(struct agent_tx *tx, const Weft__Op *op)
{
	struct apply_op added = {
		.verb = op->verb,
		.kind = op->kind,
		.id = op->id,
		.netns_ends = op->netns_ends,
		.handed_over = op->handed_over,
	};

	if (tx->early.code < 0)
		return;
	if (tx->count >= TX_OPS_MAX || tx->bytes + op->object.len > TX_BYTES_MAX) {
		refuse_early(tx, -EMSGSIZE,
		             "the transaction has more operations than fit one; send it in parts");
		return;
	}
	if (op->has_object) {
		added.object = copy_object(tx, &op->object);
		added.len = op->object.len;
	}
	if ((op->has_object && !added.object) ||
	    agent_change_room((void **)&tx->ops, tx->count, &tx->room, sizeof(*tx->ops)) < 0) {
		refuse_early(tx, -ENOMEM, "out of memory");
		return;
	}
	tx->ops[tx->count++] = added;
	tx->bytes += op->object.len;
}

static const struct agent_result *find_done(const struct agent *agent, uint64_t tx)
{
	for (unsigned i = 0; i < AGENT_REMEMBERED; i++)
		if (tx && agent->done[i].tx == tx)
			return &agent->done[i];
	return NULL;
}

static void on_begin(struct agent *agent, const struct stream_frame *frame,
                     struct agent_arena *arena)
{
	const Weft__TxBegin *message =
		agent_frame_decode(arena, frame, &weft__tx_begin__descriptor);

	if (!message || message->tx == 0) {
		agent_refuse(agent, frame->request, -EBADMSG, "the transaction has no number",
		             NULL);
		return;
	}
	// A controller that begins anew has given up the one before.
	agent_tx_drop(agent);
	agent->tx = (struct agent_tx){
		.open = true,
		.id = message->tx,
		.base_generation = message->base_generation,
		.dry_run = message->dry_run,
		.confirm_ms = message->confirm_timeout_ms,
		.repeated = find_done(agent, message->tx) != NULL,
	};
}

static void on_ops(struct agent *agent, const struct stream_frame *frame, struct agent_arena *arena)
{
	struct agent_tx *tx = &agent->tx;
	const Weft__TxOps *message = agent_frame_decode(arena, frame, &weft__tx_ops__descriptor);

	if (!message || !tx->open || tx->prepared || message->tx != tx->id) {
		// What belongs to an open transaction spoils it; the commit will tell.
		if (tx->open && !tx->prepared)
			refuse_early(tx, -EBADMSG,
			             "operations came that cannot be read or belong elsewhere");
		else
			agent_refuse(agent, frame->request, -EBADMSG,
			             "operations came without a transaction", NULL);
		return;
	}
	for (size_t i = 0; !tx->repeated && i < message->n_ops; i++)
		add_op(tx, message->ops[i]);
	if (tx->repeated)
		tx->count += message->n_ops;
}

static void send_result(struct agent *agent, uint64_t request, Weft__TxResult *message)
{
	if (agent_send(agent, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_TX_RESULT,
	               request, &message->base) < 0 &&
	    agent->stream)
		log_warn("could not tell the controller how a transaction ended");
}

static void answer(struct agent *agent, uint64_t request, const struct agent_tx *tx,
                   struct apply_result *result)
{
	Weft__TxResult message = WEFT__TX_RESULT__INIT;

	message.tx = tx->id;
	message.code = result->code;
	message.has_prepared = message.prepared = tx->prepared;
	if (result->code == 0) {
		message.has_generation = true;
		message.generation = result->generation;
		message.has_settle_ns = true;
		message.settle_ns = result->settle_ns;
	} else {
		message.has_op_index = true;
		message.op_index = result->op_index;
		message.field = result->field[0] ? result->field : NULL;
		message.what = result->fail.what;
		message.hint = result->fail.hint[0] ? result->fail.hint : NULL;
	}
	send_result(agent, request, &message);
}

static void answer_repeat(struct agent *agent, uint64_t request, const struct agent_result *done)
{
	Weft__TxResult message = WEFT__TX_RESULT__INIT;

	message.tx = done->tx;
	message.has_generation = true;
	message.generation = done->generation;
	message.has_settle_ns = true;
	message.settle_ns = done->settle_ns;
	message.has_repeated_tx = true;
	message.repeated_tx = true;
	send_result(agent, request, &message);
}

static void remember(struct agent *agent, uint64_t tx, const struct apply_result *result)
{
	agent->done[agent->done_next] = (struct agent_result){
		.tx = tx, .generation = result->generation, .settle_ns = result->settle_ns};
	agent->done_next = (agent->done_next + 1) % AGENT_REMEMBERED;
}

static void forget(struct agent *agent, uint64_t tx)
{
	for (unsigned i = 0; i < AGENT_REMEMBERED; i++)
		if (agent->done[i].tx == tx)
			agent->done[i].tx = 0;
}

static void revert(struct agent *agent, uint64_t request, const char *why)
{
	Weft__TxResult message = WEFT__TX_RESULT__INIT;
	uint64_t tx = agent->tentative;

	agent->tentative = 0;
	event_del(agent->confirm);
	apply_revert(agent->apply);
	agent_step_changed(agent->steps);
	forget(agent, tx);
	log_info("transaction %llu is undone: %s", (unsigned long long)tx, why);
	message.tx = tx;
	message.code = -ECANCELED;
	message.has_generation = true;
	message.generation = apply_generation(agent->apply)->number;
	message.has_reverted = true;
	message.reverted = true;
	message.what = (char *)why;
	send_result(agent, request, &message);
	agent_event(agent, WEFT__EVENT_TYPE__EVENT_REVERTED, 0, why);
}

static void on_confirm_timeout(evutil_socket_t unused, short what, void *user)
{
	revert(user, 0, "no confirmation came in time");
}

static void on_complete_timeout(evutil_socket_t unused, short what, void *user)
{
	agent_run_complete(user);
}

static void wait_for_confirm(struct agent *agent, uint64_t tx, uint32_t ms)
{
	struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	agent->tentative = tx;
	if (!agent->confirm)
		agent->confirm = evtimer_new(agent->config.base, on_confirm_timeout, agent);
	// Without a timer nobody would undo it, so it is undone now.
	if (!agent->confirm || event_add(agent->confirm, &delay) < 0)
		revert(agent, 0, "out of memory");
}

static void wait_for_complete(struct agent *agent)
{
	struct timeval delay = {.tv_sec = COMPLETE_SECONDS};

	if (agent->swept)
		return;
	if (!agent->complete)
		agent->complete = evtimer_new(agent->config.base, on_complete_timeout, agent);
	if (agent->complete)
		event_add(agent->complete, &delay);
}

// Whether it may be tried at all; else the result says why not.
static bool is_sound(const struct agent *agent, const struct agent_tx *tx,
                     struct apply_result *result)
{
	uint64_t published = apply_generation(agent->apply)->number;

	if (tx->early.code < 0) {
		*result = tx->early;
	} else if (tx->base_generation && tx->base_generation != published) {
		result->code = fail_set(&result->fail, -ESTALE,
		                        "the transaction was made for generation %llu, but %llu is "
		                        "published",
		                        (unsigned long long)tx->base_generation,
		                        (unsigned long long)published);
		fail_hint(&result->fail,
		          "look again at what is held, and send the difference to it");
	}
	return result->code == 0;
}

static void execute(struct agent *agent, struct agent_tx *tx, struct apply_result *result)
{
	if (tx->prepared) {
		tx->prepared = false;
		apply_commit(agent->apply, result);
	} else if (!is_sound(agent, tx, result)) {
		return;
	} else if (tx->confirm_ms && !tx->dry_run) {
		apply_tentative(agent->apply, tx->ops, tx->count, result);
	} else {
		apply_transaction(agent->apply, tx->ops, tx->count, tx->dry_run, result);
	}
}

static void commit(struct agent *agent, uint64_t request, bool complete)
{
	struct agent_tx *tx = &agent->tx;
	struct apply_result result = {0};
	bool real = !tx->dry_run;

	execute(agent, tx, &result);
	if (result.code == 0 && real) {
		remember(agent, tx->id, &result);
		agent_step_changed(agent->steps);
		if (complete)
			agent_run_complete(agent);
		else
			wait_for_complete(agent);
	}
	answer(agent, request, tx, &result);
	if (result.code == 0 && real)
		agent_ways_tell(agent);
	if (result.code == 0 && real && tx->confirm_ms)
		wait_for_confirm(agent, tx->id, tx->confirm_ms);
	end(agent);
}

// The message that ends the operations; NULL: it is refused.
static const Weft__TxCommit *read_end(struct agent *agent, const struct stream_frame *frame,
                                      struct agent_arena *arena)
{
	struct agent_tx *tx = &agent->tx;
	const Weft__TxCommit *message =
		agent_frame_decode(arena, frame, &weft__tx_commit__descriptor);

	if (!message || !tx->open || message->tx != tx->id) {
		agent_refuse(agent, frame->request, -EBADMSG,
		             "there is no such transaction to commit", NULL);
		return NULL;
	}
	if (message->has_op_count && message->op_count != tx->count)
		refuse_early(tx, -EBADMSG, "some operations of the transaction did not arrive");
	return message;
}

static void on_prepare(struct agent *agent, const struct stream_frame *frame,
                       struct agent_arena *arena)
{
	struct agent_tx *tx = &agent->tx;
	struct apply_result result = {0};

	if (!read_end(agent, frame, arena))
		return;
	if (tx->dry_run || tx->prepared)
		refuse_early(tx, -EINVAL, "a dry run cannot be prepared, and nothing twice");
	// One that was committed before has nothing left to do; its commit will say so.
	if (!tx->repeated && is_sound(agent, tx, &result))
		apply_prepare(agent->apply, tx->ops, tx->count, tx->confirm_ms > 0, &result);
	if (result.code < 0 && tx->prepared)
		apply_abandon(agent->apply);
	tx->prepared = result.code == 0 && !tx->repeated;
	answer(agent, frame->request, tx, &result);
	if (result.code < 0)
		end(agent);
}

static void on_commit(struct agent *agent, const struct stream_frame *frame,
                      struct agent_arena *arena)
{
	struct agent_tx *tx = &agent->tx;
	const Weft__TxCommit *message = read_end(agent, frame, arena);

	if (!message)
		return;
	if (tx->repeated && find_done(agent, tx->id)) {
		answer_repeat(agent, frame->request, find_done(agent, tx->id));
		end(agent);
		return;
	}
	commit(agent, frame->request, message->complete);
}

static void on_confirm(struct agent *agent, const struct stream_frame *frame,
                       struct agent_arena *arena)
{
	const Weft__TxConfirm *message =
		agent_frame_decode(arena, frame, &weft__tx_confirm__descriptor);
	const struct agent_result *done = message ? find_done(agent, message->tx) : NULL;

	if (!done) {
		agent_refuse(agent, frame->request, -ENOENT,
		             "there is no such transaction to confirm; it may have been undone",
		             NULL);
		return;
	}
	// To confirm twice is harmless.
	if (agent->tentative == message->tx) {
		agent->tentative = 0;
		event_del(agent->confirm);
		apply_confirm(agent->apply);
	}
	answer_repeat(agent, frame->request, done);
}

static void on_abort(struct agent *agent, const struct stream_frame *frame,
                     struct agent_arena *arena)
{
	const Weft__TxAbort *message =
		agent_frame_decode(arena, frame, &weft__tx_abort__descriptor);
	Weft__TxResult result = WEFT__TX_RESULT__INIT;

	if (message && agent->tentative && agent->tentative == message->tx) {
		revert(agent, frame->request, "the controller took it back");
		return;
	}
	if (!message || !agent->tx.open || agent->tx.id != message->tx) {
		agent_refuse(agent, frame->request, -ENOENT,
		             "there is no such transaction to abort", NULL);
		return;
	}
	agent_tx_drop(agent);
	agent_keep_forget(agent->keep, "handed/");
	result.tx = message->tx;
	result.code = -ECANCELED;
	result.what = (char *)"the controller took it back before the commit";
	send_result(agent, frame->request, &result);
}

void agent_tx_frame(struct agent *agent, struct stream_frame *frame)
{
	struct agent_arena arena;
	bool ops = frame->type == WEFT__FRAME_TYPE__FRAME_TX_OPS;

	agent_arena_init(&arena, ops ? OPS_LIMIT : CONTROL_LIMIT);
	switch (frame->type) {
	case WEFT__FRAME_TYPE__FRAME_TX_BEGIN:
		on_begin(agent, frame, &arena);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_OPS:
		on_ops(agent, frame, &arena);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_PREPARE:
		on_prepare(agent, frame, &arena);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_COMMIT:
		on_commit(agent, frame, &arena);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_CONFIRM:
		on_confirm(agent, frame, &arena);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_ABORT:
		on_abort(agent, frame, &arena);
		break;
	default:
		agent_refuse(agent, frame->request, -EOPNOTSUPP, "a result is not for us", NULL);
	}
	agent_arena_fini(&arena);
}

void agent_tx_fini(struct agent *agent)
{
	clear(&agent->tx);
	if (agent->confirm)
		event_free(agent->confirm);
	if (agent->complete)
		event_free(agent->complete);
	agent->confirm = NULL;
	agent->complete = NULL;
}
