// SPDX-License-Identifier: BSD-3-Clause
//
// resync: finds by digest what a datapath has differently, and sends only that.
//
// Table by table, then bucket by bucket, then object by object; equal tables cost one number each. If the
// datapath refuses an object now, its unit is held back and the rest goes on without it: at this point
// nobody waits who could be told, and a network that misses one port beats none.

#include "controller/host_priv.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

// What is missing at first is mostly an address that another host of the machine is about to bring.
enum { HELD_RETRY_FIRST_MSEC = 50, HELD_RETRY_MOST_MSEC = 3000 };

static void send_difference(struct host *host);
static void compare(struct host *host);

void resync_stop(struct host *host)
{
	ops_fini(&host->resync.ops);
	host->resync.running = false;
}

// Soon at first, and then ever more rarely.
static void arm_retry(struct host *host)
{
	struct timeval wait;

	if (host->desired->held_back == 0) {
		host->retry_ms = 0;
		return;
	}
	host->retry_ms = host->retry_ms ? MIN(host->retry_ms * 2, (unsigned)HELD_RETRY_MOST_MSEC)
	                                : (unsigned)HELD_RETRY_FIRST_MSEC;
	wait = (struct timeval){.tv_sec = host->retry_ms / 1000,
	                        .tv_usec = (suseconds_t)(host->retry_ms % 1000) * 1000};
	event_add(host->retry, &wait);
}

static void finish(struct host *host)
{
	bool returned = host->gone_since != 0;

	resync_stop(host);
	host->state = HOST_READY;
	if (returned)
		host->gap_ns = clock_now() - host->gone_since;
	host->gone_since = 0;
	arm_retry(host);
	host->env.ready(host->env.user, host, returned);
}

static void forget_held(struct host *host)
{
	struct refusal *refusal;
	const void *unit;
	size_t cursor = 0, len;

	// Those that are not held back any more.
	while ((refusal = table_next(&host->held, &cursor, &unit, &len))) {
		const struct unit *now = table_get(&host->desired->units, unit, len);

		if (now && now->count > 0 && now->objects[0]->held_back)
			continue;
		table_remove(&host->held, unit, len);
		free(refusal);
	}
}

// A datapath names by its number what it misses. If that was left out itself, the reason is the other's.
static void say_whence(const struct host *host, struct refusal *refusal)
{
	const char *number = strrchr(refusal->fail.what, ' ');
	uint64_t id = refusal->fail.code == -ENOENT && number ? strtoull(number, NULL, 10) : 0;
	const struct object *missing = id ? desired_get(host->desired, id) : NULL;
	const struct refusal *reason =
		missing && missing->held_back ? table_get_text(&host->held, missing->unit) : NULL;
	struct fail fail = {0};

	if (!reason)
		return;
	fail_set(&fail, -ENOENT, "it needs %s, which is left out: %s", missing->unit,
	         reason->fail.what);
	refusal->fail = fail;
}

// Takes the unit of the refused operation out of the batch. False when that cannot help.
static bool hold_back(struct host *host, const struct tx_result *result)
{
	struct ops *ops = &host->resync.ops;
	struct refusal *kept;
	char unit[UNIT_SIZE];
	size_t left = 0;

	if (result->op_index >= ops->count ||
	    ops->items[result->op_index].verb != WEFT__OP_VERB__OP_UPSERT)
		return false;
	memcpy(unit, ops->items[result->op_index].unit, sizeof(unit));
	if (!table_get_text(&host->held, unit)) {
		kept = malloc(sizeof(*kept));
		if (!kept || table_put_text(&host->held, unit, kept) < 0) {
			free(kept);
			return false;
		}
		*kept = result->refusal;
		snprintf(kept->object, sizeof(kept->object), "%.*s", (int)sizeof(kept->object) - 1,
		         unit);
		say_whence(host, kept);
		log_warn("%s is left out: %s", unit, kept->fail.what);
	}
	if (desired_hold_back(host->desired, unit) == 0)
		return false;
	host->resync.held = true;
	for (size_t i = 0; i < ops->count; i++) {
		struct op *op = &ops->items[i];

		if (op->verb == WEFT__OP_VERB__OP_UPSERT && strcmp(op->unit, unit) == 0)
			free(op->packed);
		else
			ops->items[left++] = *op;
	}
	ops->count = left;
	return true;
}

// The datapath may have an earlier state of what was held back, or a part of it: as nobody would ever
// remove that, it goes, unless something else needs it.
static void settle(struct host *host)
{
	if (host->resync.held && !host->env.recovers(host->env.user, host)) {
		resync_stop(host);
		host->resync.held = false;
		host->resync.clearing = true;
		compare(host);
		return;
	}
	forget_held(host);
	finish(host);
}

static void on_result(void *user, const struct tx_result *result)
{
	struct host *host = user;

	if (result->code == -ECONNRESET || !host->stream)
		return;
	if (result->code == 0) {
		log_info("%s: resynced with %zu operations in %llu us", host->label,
		         host->resync.ops.count,
		         (unsigned long long)((clock_now() - host->resync.started) / 1000));
		settle(host);
	} else if (hold_back(host, result)) {
		send_difference(host);
	} else if (host->resync.clearing) {
		log_warn("%s: what it has of objects left out stays: %s", host->label,
		         result->refusal.fail.what);
		forget_held(host);
		finish(host);
	} else {
		log_err("%s refused to be resynced: %s", host->label, result->refusal.fail.what);
		host_break(host, "it refused to be resynced");
	}
}

static void send_difference(struct host *host)
{
	// One that starts anew waits for a transaction before it lets go of what nobody wants.
	if (host->resync.ops.count == 0 && !host->fresh) {
		settle(host);
		return;
	}
	for (size_t i = 0; i < host->resync.ops.count; i++) {
		struct op *op = &host->resync.ops.items[i];

		// Its interface is another's.
		if (op->kind == WEFT__KIND__KIND_PORT && op->verb == WEFT__OP_VERB__OP_DELETE)
			op->handed_over = host->env.elsewhere(host->env.user, host, op->id);
	}
	ops_sort(&host->resync.ops);
	host_commit(host, &host->resync.ops, false, 0, on_result, host);
}

static void answered(struct host *host)
{
	if (--host->resync.waiting == 0)
		send_difference(host);
}

static bool usable(struct host *host, int err, const struct stream_frame *frame, uint16_t type)
{
	if (err < 0 || !host->resync.running)
		return false;
	if (frame->type == type)
		return true;
	host_break(host, "it does not answer for what it holds");
	return false;
}

static void on_bucket(void *user, int err, const struct stream_frame *frame)
{
	struct host *host = user;
	Weft__Bucket *bucket;

	if (!usable(host, err, frame, WEFT__FRAME_TYPE__FRAME_BUCKET))
		return;
	bucket = decode_message(&weft__bucket__descriptor, frame->len, frame->body);
	if (!bucket || bucket->n_ids != bucket->n_hashes ||
	    (unsigned)bucket->kind >= DESIRED_KINDS ||
	    desired_bucket_ops(host->desired, bucket->kind, bucket->bucket, bucket->ids,
	                       bucket->hashes, bucket->n_ids, &host->resync.ops) < 0) {
		weft__bucket__free_unpacked(bucket, NULL);
		host_break(host, "its bucket could not be compared");
		return;
	}
	weft__bucket__free_unpacked(bucket, NULL);
	answered(host);
}

static int ask_bucket(struct host *host, Weft__Kind kind, unsigned bucket)
{
	Weft__BucketRequest request = WEFT__BUCKET_REQUEST__INIT;

	request.kind = kind;
	request.bucket = bucket;
	host->resync.waiting++;
	return host_ask(host, WEFT__STREAM_ID__STREAM_CONTROL,
	                WEFT__FRAME_TYPE__FRAME_BUCKET_REQUEST, &request.base, on_bucket, host);
}

static void on_buckets(void *user, int err, const struct stream_frame *frame)
{
	struct host *host = user;
	uint64_t ours[256];
	Weft__Buckets *theirs;

	if (!usable(host, err, frame, WEFT__FRAME_TYPE__FRAME_BUCKETS))
		return;
	theirs = decode_message(&weft__buckets__descriptor, frame->len, frame->body);
	if (!theirs || theirs->n_hashes != 256 || (unsigned)theirs->kind >= DESIRED_KINDS) {
		weft__buckets__free_unpacked(theirs, NULL);
		host_break(host, "its buckets could not be compared");
		return;
	}
	desired_bucket_hashes(host->desired, theirs->kind, ours);
	err = 0;
	for (unsigned i = 0; i < 256 && err == 0; i++)
		if (ours[i] != theirs->hashes[i])
			err = ask_bucket(host, theirs->kind, i);
	weft__buckets__free_unpacked(theirs, NULL);
	if (err < 0)
		host_break(host, "it could not be asked for what it holds");
	else
		answered(host);
}

static int ask_buckets(struct host *host, Weft__Kind kind)
{
	Weft__BucketsRequest request = WEFT__BUCKETS_REQUEST__INIT;

	request.kind = kind;
	host->resync.waiting++;
	return host_ask(host, WEFT__STREAM_ID__STREAM_CONTROL,
	                WEFT__FRAME_TYPE__FRAME_BUCKETS_REQUEST, &request.base, on_buckets, host);
}

// It has nothing of this kind: everything of ours is the difference.
static int add_all(struct host *host, Weft__Kind kind)
{
	const struct object *object;
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && (object = table_next(&host->desired->objects, &cursor, NULL, NULL)))
		if (object->kind == kind && !object->held_back)
			err = ops_upsert(&host->resync.ops, object);
	return err;
}

static void on_digest(void *user, int err, const struct stream_frame *frame)
{
	struct host *host = user;
	const struct desired *desired = host->desired;
	uint64_t count[DESIRED_KINDS] = {0}, hash[DESIRED_KINDS] = {0};
	Weft__Digest *digest;

	if (!usable(host, err, frame, WEFT__FRAME_TYPE__FRAME_DIGEST))
		return;
	digest = decode_message(&weft__digest__descriptor, frame->len, frame->body);
	if (!digest) {
		host_break(host, "its digest could not be read");
		return;
	}
	for (size_t i = 0; i < digest->n_tables; i++) {
		const Weft__TableDigest *table = digest->tables[i];

		if ((unsigned)table->kind < DESIRED_KINDS) {
			count[table->kind] = table->count;
			hash[table->kind] = table->hash;
		}
	}
	host->generation = digest->generation;
	weft__digest__free_unpacked(digest, NULL);
	err = 0;
	for (unsigned kind = 1; kind < DESIRED_KINDS && err == 0; kind++) {
		if (count[kind] == desired->count[kind] && hash[kind] == desired->hash[kind])
			continue;
		err = count[kind] == 0 ? add_all(host, kind) : ask_buckets(host, kind);
	}
	if (err < 0)
		host_break(host, "it could not be asked for what it holds");
	else
		answered(host);
}

static void compare(struct host *host)
{
	host->resync.running = true;
	host->resync.started = clock_now();
	host->resync.waiting = 1;
	if (host_ask(host, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_DIGEST_REQUEST,
	             NULL, on_digest, host) < 0)
		host_break(host, "it could not be asked for what it holds");
}

void resync_start(struct host *host)
{
	struct ops released = {0};

	host->state = HOST_SYNCING;
	resync_stop(host);
	host->resync.held = host->resync.clearing = false;
	// What was held back gets another chance; the digests will show that it is missing.
	desired_release(host->desired, &released);
	ops_fini(&released);
	compare(host);
}

void host_resync(struct host *host)
{
	resync_start(host);
}
