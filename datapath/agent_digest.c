// SPDX-License-Identifier: BSD-3-Clause
//
// agent_digest: answers what is held, from coarse to fine: tables, buckets of a table, objects of a bucket.

#include "base/cleanup.h"
#include "datapath/agent_change.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_priv.h"
#include "proto/digest.h"

#include <errno.h>
#include <stdlib.h>

// More would not fit a frame; a bucket that is larger is answered with what fits, and its hash differs.
enum { REQUEST_LIMIT = 4096, BUCKET_MAX = 60000 };

static void send_digest(struct agent *agent, uint64_t request)
{
	Weft__TableDigest tables[AGENT_KINDS], *pointers[AGENT_KINDS];
	Weft__Digest message = WEFT__DIGEST__INIT;

	message.generation = apply_generation(agent->apply)->number;
	message.tables = pointers;
	for (int kind = WEFT__KIND__KIND_BRIDGE; kind < AGENT_KINDS; kind++) {
		Weft__TableDigest *table = &tables[message.n_tables];

		weft__table_digest__init(table);
		table->kind = (Weft__Kind)kind;
		apply_digest(agent->apply, table->kind, &table->count, &table->hash);
		pointers[message.n_tables++] = table;
	}
	agent_send(agent, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_DIGEST, request,
	           &message.base);
}

static bool is_kind(Weft__Kind kind)
{
	return kind >= WEFT__KIND__KIND_BRIDGE && (unsigned)kind < AGENT_KINDS;
}

static void send_buckets(struct agent *agent, uint64_t request, Weft__Kind kind)
{
	Weft__Buckets message = WEFT__BUCKETS__INIT;
	uint64_t hashes[DIGEST_BUCKETS];

	apply_buckets(agent->apply, kind, hashes);
	message.kind = kind;
	message.n_hashes = DIGEST_BUCKETS;
	message.hashes = hashes;
	agent_send(agent, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_BUCKETS, request,
	           &message.base);
}

static void send_bucket(struct agent *agent, uint64_t request, Weft__Kind kind, unsigned bucket)
{
	auto_free uint64_t *ids = calloc(BUCKET_MAX, sizeof(*ids));
	auto_free uint64_t *hashes = calloc(BUCKET_MAX, sizeof(*hashes));
	Weft__Bucket message = WEFT__BUCKET__INIT;

	if (!ids || !hashes) {
		agent_refuse(agent, request, -ENOMEM, "out of memory", NULL);
		return;
	}
	message.kind = kind;
	message.bucket = bucket;
	message.n_ids = apply_bucket(agent->apply, kind, bucket, ids, hashes, BUCKET_MAX);
	message.n_hashes = message.n_ids;
	message.ids = ids;
	message.hashes = hashes;
	agent_send(agent, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_BUCKET, request,
	           &message.base);
}

static void on_buckets(struct agent *agent, const struct stream_frame *frame,
                       struct agent_arena *arena)
{
	const Weft__BucketsRequest *message =
		agent_frame_decode(arena, frame, &weft__buckets_request__descriptor);

	if (message && is_kind(message->kind))
		send_buckets(agent, frame->request, message->kind);
	else
		agent_refuse(agent, frame->request, -EINVAL, "no such table", NULL);
}

static void on_bucket(struct agent *agent, const struct stream_frame *frame,
                      struct agent_arena *arena)
{
	const Weft__BucketRequest *message =
		agent_frame_decode(arena, frame, &weft__bucket_request__descriptor);

	if (message && is_kind(message->kind) && message->bucket < DIGEST_BUCKETS)
		send_bucket(agent, frame->request, message->kind, message->bucket);
	else
		agent_refuse(agent, frame->request, -EINVAL, "no such table or bucket", NULL);
}

void agent_digest_frame(struct agent *agent, struct stream_frame *frame)
{
	struct agent_arena arena;

	agent_arena_init(&arena, REQUEST_LIMIT);
	if (frame->type == WEFT__FRAME_TYPE__FRAME_DIGEST_REQUEST)
		send_digest(agent, frame->request);
	else if (frame->type == WEFT__FRAME_TYPE__FRAME_BUCKETS_REQUEST)
		on_buckets(agent, frame, &arena);
	else
		on_bucket(agent, frame, &arena);
	agent_arena_fini(&arena);
}
