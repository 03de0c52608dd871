// SPDX-License-Identifier: BSD-3-Clause
//
// tx: begin, operations in frames of bounded size, commit.
//
// All frames carry the transaction's id as request id. A refused operation comes back as its index, which
// is turned into the user's object that it was derived from.

#include "controller/tx.h"

#include "base/stream.h"
#include "proto/channel.pb-c.h"

#include <errno.h>
#include <stdlib.h>

enum { BATCH_BYTES = 128 << 10, BATCH_OPS = 512, OP_OVERHEAD = 32 };

static int send_message(struct tx *tx, struct stream *stream, uint16_t type,
                        const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *body = malloc(len ? len : 1);
	int err;

	if (!body)
		return -ENOMEM;
	protobuf_c_message_pack(message, body);
	err = stream_send(stream, WEFT__STREAM_ID__STREAM_CONTROL, type, tx->id, body, len, NULL,
	                  0);
	free(body);
	return err;
}

static int send_begin(struct tx *tx, struct stream *stream)
{
	Weft__TxBegin begin = WEFT__TX_BEGIN__INIT;

	begin.tx = tx->id;
	begin.has_dry_run = begin.dry_run = tx->dry_run;
	begin.has_confirm_timeout_ms = tx->confirm_ms > 0;
	begin.confirm_timeout_ms = tx->confirm_ms;
	return send_message(tx, stream, WEFT__FRAME_TYPE__FRAME_TX_BEGIN, &begin.base);
}

static int send_batch(struct tx *tx, struct stream *stream)
{
	Weft__Op ops[BATCH_OPS], *list[BATCH_OPS];
	Weft__TxOps message = WEFT__TX_OPS__INIT;
	size_t bytes = 0;
	int err;

	message.tx = tx->id;
	message.ops = list;
	while (tx->sent + message.n_ops < tx->ops->count && message.n_ops < BATCH_OPS) {
		const struct op *op = &tx->ops->items[tx->sent + message.n_ops];
		Weft__Op *packed = &ops[message.n_ops];

		bytes += op->len + OP_OVERHEAD;
		if (message.n_ops > 0 && bytes > BATCH_BYTES)
			break;
		weft__op__init(packed);
		packed->verb = op->verb;
		packed->kind = op->kind;
		packed->id = op->id;
		packed->has_object = op->packed != NULL;
		packed->object = (ProtobufCBinaryData){.len = op->len, .data = op->packed};
		packed->has_handed_over = packed->handed_over = op->handed_over;
		packed->has_netns_ends = packed->netns_ends = op->netns_ends;
		list[message.n_ops++] = packed;
	}
	err = send_message(tx, stream, WEFT__FRAME_TYPE__FRAME_TX_OPS, &message.base);
	if (err == 0)
		tx->sent += message.n_ops;
	return err;
}

static int send_commit(struct tx *tx, struct stream *stream)
{
	Weft__TxCommit commit = WEFT__TX_COMMIT__INIT;

	commit.tx = tx->id;
	commit.has_op_count = tx->stage == TX_COMMIT;
	commit.op_count = (uint32_t)tx->ops->count;
	return send_message(tx, stream,
	                    tx->prepare && tx->stage == TX_COMMIT
	                            ? WEFT__FRAME_TYPE__FRAME_TX_PREPARE
	                            : WEFT__FRAME_TYPE__FRAME_TX_COMMIT,
	                    &commit.base);
}

static int send_abort(struct tx *tx, struct stream *stream)
{
	Weft__TxAbort abort = WEFT__TX_ABORT__INIT;

	abort.tx = tx->id;
	return send_message(tx, stream, WEFT__FRAME_TYPE__FRAME_TX_ABORT, &abort.base);
}

int tx_send(struct tx *tx, struct stream *stream)
{
	int err = 0;

	while (err == 0 && tx->stage != TX_SENT) {
		if (tx->stage == TX_BEGIN) {
			err = send_begin(tx, stream);
			if (err == 0)
				tx->stage = TX_OPS;
		} else if (tx->stage == TX_OPS && tx->sent < tx->ops->count) {
			err = send_batch(tx, stream);
		} else if (tx->stage == TX_OPS) {
			tx->stage = TX_COMMIT;
		} else {
			err = tx->stage == TX_ABORT ? send_abort(tx, stream)
			                            : send_commit(tx, stream);
			if (err == 0)
				tx->stage = TX_SENT;
		}
	}
	return err == -EAGAIN ? 0 : err;
}

void tx_read_result(const struct tx *tx, const Weft__TxResult *message, struct tx_result *ret)
{
	const struct op *op = NULL;

	*ret = (struct tx_result){
		.code = message->code > 0 ? -message->code : message->code,
		.op_index = tx->ops->count,
		.generation = message->generation,
		.settle_ns = message->settle_ns,
	};
	if (ret->code == 0)
		return;
	if (message->has_op_index && message->op_index < tx->ops->count) {
		ret->op_index = message->op_index;
		op = &tx->ops->items[message->op_index];
	}
	refuse(&ret->refusal, ret->code, op ? op->name : "datapath", message->field, "%s",
	       message->what ? message->what : "the datapath refused it and did not say why");
	if (message->hint)
		fail_hint(&ret->refusal.fail, "%s", message->hint);
}
