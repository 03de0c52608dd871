// SPDX-License-Identifier: BSD-3-Clause
//
// fake_datapath: as simple as the contract in channel.proto allows, so that it is plainly right.

#include "tests/unit/controller/fake_datapath.h"

#include "base/stream.h"
#include "proto/digest.h"
#include "tests/unit/unit.h"

#include <errno.h>

struct fake_object {
	uint32_t kind;
	size_t len;
	uint8_t packed[];
};

struct fake_op {
	bool delete;
	uint64_t id;
	struct fake_object *object;
};

void fake_send(struct fake_datapath *fake, unsigned stream_id, uint16_t type, uint64_t request,
               const ProtobufCMessage *message, const int *fds, unsigned nfds)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *body = malloc(len + 1);

	protobuf_c_message_pack(message, body);
	if (fake->stream)
		stream_send(fake->stream, stream_id, type, request, body, len, fds, nfds);
	free(body);
}

static void answer(struct fake_datapath *fake, uint16_t type, uint64_t request,
                   const ProtobufCMessage *message)
{
	fake_send(fake, WEFT__STREAM_ID__STREAM_CONTROL, type, request, message, NULL, 0);
}

static void drop_ops(struct fake_datapath *fake)
{
	for (size_t i = 0; i < fake->op_count; i++)
		free(fake->ops[i].object);
	free(fake->ops);
	fake->ops = NULL;
	fake->op_count = 0;
}

// A controller that was replaced is told so, and hung up on.
static void on_hello(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__Hello *hello = weft__hello__unpack(NULL, frame->len, frame->body);
	Weft__Refused refused = WEFT__REFUSED__INIT;
	bool stale = hello->epoch < fake->epoch;

	weft__hello__free_unpacked(hello, NULL);
	if (!stale)
		return;
	refused.code = -ESTALE;
	refused.what = (char *)"a later controller has taken over this datapath";
	answer(fake, WEFT__FRAME_TYPE__FRAME_REFUSED, frame->request, &refused.base);
	stream_finish(fake->stream);
}

static void on_begin(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__TxBegin *begin = weft__tx_begin__unpack(NULL, frame->len, frame->body);

	drop_ops(fake);
	fake->tx = begin->tx;
	fake->dry_run = begin->dry_run;
	fake->confirm_ms = begin->confirm_timeout_ms;
	weft__tx_begin__free_unpacked(begin, NULL);
}

static void on_ops(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__TxOps *message = weft__tx_ops__unpack(NULL, frame->len, frame->body);

	fake->ops = realloc(fake->ops, (fake->op_count + message->n_ops) * sizeof(*fake->ops));
	for (size_t i = 0; i < message->n_ops; i++) {
		const Weft__Op *op = message->ops[i];
		struct fake_object *object = malloc(sizeof(*object) + op->object.len + 1);

		object->kind = (uint32_t)op->kind;
		object->len = op->object.len;
		if (op->object.len)
			memcpy(object->packed, op->object.data, op->object.len);
		fake->ops[fake->op_count++] = (struct fake_op){
			.delete = op->verb == WEFT__OP_VERB__OP_DELETE,
			.id = op->id,
			.object = object,
		};
	}
	weft__tx_ops__free_unpacked(message, NULL);
}

// The index of the first operation that puts an object whose name holds this; op_count when none does.
static size_t find_named(const struct fake_datapath *fake, const char *name)
{
	size_t at = 0;

	for (bool refused = false; at < fake->op_count; at++) {
		Weft__Object *object = NULL;

		if (!fake->ops[at].delete)
			object = weft__object__unpack(NULL, fake->ops[at].object->len,
			                              fake->ops[at].object->packed);
		refused = object && name && strstr(object->name, name);
		if (object)
			weft__object__free_unpacked(object, NULL);
		if (refused)
			break;
	}
	return at;
}

// The first that is not to be had.
static size_t find_refused(const struct fake_datapath *fake)
{
	size_t at = find_named(fake, fake->refuse);

	return at == fake->op_count && fake->refuse ? find_named(fake, fake->orphan) : at;
}

static void clear(struct table *objects)
{
	size_t cursor = 0;
	void *object;

	while ((object = table_next(objects, &cursor, NULL, NULL)))
		free(object);
	table_fini(objects);
}

static void copy(const struct table *from, struct table *to)
{
	const struct fake_object *object;
	const void *key;
	size_t cursor = 0, len;

	while ((object = table_next(from, &cursor, &key, &len))) {
		struct fake_object *same = malloc(sizeof(*same) + object->len + 1);

		memcpy(same, object, sizeof(*same) + object->len);
		table_put(to, key, len, same, NULL);
	}
}

void fake_revert(struct fake_datapath *fake)
{
	assert_true(fake->tentative);
	clear(&fake->objects);
	fake->objects = fake->before;
	fake->before = (struct table){0};
	fake->tentative = 0;
}

static void apply(struct fake_datapath *fake)
{
	clear(&fake->before);
	if (fake->confirm_ms)
		copy(&fake->objects, &fake->before);
	for (size_t i = 0; i < fake->op_count; i++) {
		struct fake_op *op = &fake->ops[i];
		void *old = NULL;

		if (op->delete) {
			old = table_remove(&fake->objects, &op->id, sizeof(op->id));
			assert_non_null(old);
		} else {
			table_put(&fake->objects, &op->id, sizeof(op->id), op->object, &old);
			op->object = NULL;
		}
		free(old);
	}
	fake->generation++;
	fake->transactions++;
	fake->operations = (unsigned)fake->op_count;
	fake->all_operations += fake->operations;
	fake->tentative = fake->confirm_ms ? fake->tx : 0;
}

static void on_prepare(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__TxResult result = WEFT__TX_RESULT__INIT;
	size_t refused = find_refused(fake);

	if (fake->deaf)
		return;
	if (fake->die_prepared) {
		fake->die_prepared = false;
		fake_hang_up(fake);
		return;
	}
	fake->prepares++;
	result.tx = fake->tx;
	if (refused < fake->op_count) {
		result.code = -ENODEV;
		result.has_op_index = true;
		result.op_index = (uint32_t)refused;
		result.what = (char *)"there is no such interface";
	}
	fake->prepared = result.code == 0;
	result.has_prepared = true;
	result.prepared = fake->prepared;
	answer(fake, WEFT__FRAME_TYPE__FRAME_TX_RESULT, frame->request, &result.base);
}

static void on_abort(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__TxAbort *abort = weft__tx_abort__unpack(NULL, frame->len, frame->body);
	Weft__TxResult result = WEFT__TX_RESULT__INIT;

	if (fake->tentative == abort->tx) {
		fake_revert(fake);
	} else {
		assert_true(fake->prepared && abort->tx == fake->tx);
		fake->prepared = false;
		drop_ops(fake);
	}
	fake->aborts++;
	result.tx = abort->tx;
	result.code = -ECANCELED;
	answer(fake, WEFT__FRAME_TYPE__FRAME_TX_RESULT, frame->request, &result.base);
	weft__tx_abort__free_unpacked(abort, NULL);
}

static void on_commit(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__TxResult result = WEFT__TX_RESULT__INIT;
	size_t refused = find_refused(fake);
	char text[64];

	if (fake->deaf)
		return;
	if (fake->prepared && fake->deaf_decided)
		return;
	if (fake->prepared && fake->die_decided) {
		fake->die_decided = false;
		fake_hang_up(fake);
		return;
	}
	fake->prepared = false;
	result.tx = fake->tx;
	result.has_generation = true;
	if (refused < fake->op_count) {
		result.code = -ENODEV;
		result.has_op_index = true;
		result.op_index = (uint32_t)refused;
		result.what = (char *)"there is no such interface";
		if (find_named(fake, fake->refuse) == fake->op_count) {
			snprintf(text, sizeof(text), "there is no port %llu",
			         (unsigned long long)fake->orphan_of);
			result.code = -ENOENT;
			result.what = text;
		}
	} else if (!fake->dry_run) {
		apply(fake);
		if (fake->lose_next) {
			fake->lose_next = false;
			fake_hang_up(fake);
			return;
		}
	}
	result.generation = fake->generation;
	answer(fake, WEFT__FRAME_TYPE__FRAME_TX_RESULT, frame->request, &result.base);
	drop_ops(fake);
}

static void on_leases(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__Leases *leases = weft__leases__unpack(NULL, frame->len, frame->body);

	fake->handed += (unsigned)leases->n_leases;
	if (leases->n_scopes > 0)
		fake->handed_scope = leases->scopes[0];
	weft__leases__free_unpacked(leases, NULL);
}

static void on_confirm(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__TxConfirm *confirm = weft__tx_confirm__unpack(NULL, frame->len, frame->body);
	Weft__TxResult result = WEFT__TX_RESULT__INIT;

	result.tx = confirm->tx;
	result.code = confirm->tx == fake->tentative ? 0 : -ENOENT;
	fake->tentative = 0;
	answer(fake, WEFT__FRAME_TYPE__FRAME_TX_RESULT, frame->request, &result.base);
	weft__tx_confirm__free_unpacked(confirm, NULL);
}

void fake_digest(const struct fake_datapath *fake, uint64_t count[DESIRED_KINDS],
                 uint64_t hash[DESIRED_KINDS])
{
	const struct fake_object *object;
	const void *key;
	size_t cursor = 0;

	memset(count, 0, DESIRED_KINDS * sizeof(*count));
	memset(hash, 0, DESIRED_KINDS * sizeof(*hash));
	while ((object = table_next(&fake->objects, &cursor, &key, NULL))) {
		uint64_t id;

		memcpy(&id, key, sizeof(id));
		count[object->kind]++;
		hash[object->kind] += digest_object(object->kind, id, object->packed, object->len);
	}
}

static void on_digest_request(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__Digest digest = WEFT__DIGEST__INIT;
	Weft__TableDigest tables[DESIRED_KINDS], *list[DESIRED_KINDS];
	uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];

	fake_digest(fake, count, hash);
	for (unsigned kind = 1; kind < DESIRED_KINDS; kind++) {
		weft__table_digest__init(&tables[kind]);
		tables[kind].kind = kind;
		tables[kind].count = count[kind];
		tables[kind].hash = hash[kind];
		list[digest.n_tables++] = &tables[kind];
	}
	digest.generation = fake->generation;
	digest.tables = list;
	answer(fake, WEFT__FRAME_TYPE__FRAME_DIGEST, frame->request, &digest.base);
}

// Ids and hashes of one bucket, or of all when bucket is 256; returns how many.
static size_t members(const struct fake_datapath *fake, uint32_t kind, unsigned bucket,
                      uint64_t *ids, uint64_t *hashes)
{
	const struct fake_object *object;
	const void *key;
	size_t cursor = 0, count = 0;

	while ((object = table_next(&fake->objects, &cursor, &key, NULL))) {
		uint64_t id;

		memcpy(&id, key, sizeof(id));
		if (object->kind != kind || (bucket < 256 && digest_bucket(id) != bucket))
			continue;
		ids[count] = id;
		hashes[count++] = digest_object(kind, id, object->packed, object->len);
	}
	return count;
}

static void on_buckets_request(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__BucketsRequest *request =
		weft__buckets_request__unpack(NULL, frame->len, frame->body);
	Weft__Buckets buckets = WEFT__BUCKETS__INIT;
	uint64_t *ids = calloc(2 * (fake->objects.count + 1), sizeof(*ids));
	uint64_t *hashes = ids + fake->objects.count + 1, sums[256] = {0};
	size_t count = members(fake, (uint32_t)request->kind, 256, ids, hashes);

	for (size_t i = 0; i < count; i++)
		sums[digest_bucket(ids[i])] += hashes[i];
	buckets.kind = request->kind;
	buckets.n_hashes = 256;
	buckets.hashes = sums;
	answer(fake, WEFT__FRAME_TYPE__FRAME_BUCKETS, frame->request, &buckets.base);
	free(ids);
	weft__buckets_request__free_unpacked(request, NULL);
}

static void on_bucket_request(struct fake_datapath *fake, const struct stream_frame *frame)
{
	Weft__BucketRequest *request = weft__bucket_request__unpack(NULL, frame->len, frame->body);
	Weft__Bucket bucket = WEFT__BUCKET__INIT;

	bucket.kind = request->kind;
	bucket.bucket = request->bucket;
	bucket.ids = calloc(fake->objects.count + 1, sizeof(uint64_t));
	bucket.hashes = calloc(fake->objects.count + 1, sizeof(uint64_t));
	bucket.n_ids =
		members(fake, (uint32_t)request->kind, request->bucket, bucket.ids, bucket.hashes);
	bucket.n_hashes = bucket.n_ids;
	answer(fake, WEFT__FRAME_TYPE__FRAME_BUCKET, frame->request, &bucket.base);
	free(bucket.ids);
	free(bucket.hashes);
	weft__bucket_request__free_unpacked(request, NULL);
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct fake_datapath *fake = user;

	switch (frame->type) {
	case WEFT__FRAME_TYPE__FRAME_TX_BEGIN:
		on_begin(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_OPS:
		on_ops(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_HELLO:
		on_hello(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_PREPARE:
		on_prepare(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_ABORT:
		on_abort(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_COMMIT:
		on_commit(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_CONFIRM:
		on_confirm(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_DIGEST_REQUEST:
		on_digest_request(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_BUCKETS_REQUEST:
		on_buckets_request(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_BUCKET_REQUEST:
		on_bucket_request(fake, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_KEPT:
		fake->kept++;
		break;
	case WEFT__FRAME_TYPE__FRAME_KEPT_END:
		fake->kept_end = true;
		break;
	case WEFT__FRAME_TYPE__FRAME_LEASES:
		on_leases(fake, frame);
		break;
	default:
		break;
	}
}

static void on_closed(void *user, int error, const char *reason)
{
	fake_hang_up(user);
}

static const struct stream_ops fake_ops = {.frame = on_frame, .closed = on_closed};

void fake_connect(struct fake_datapath *fake, int fd)
{
	Weft__Hello hello = WEFT__HELLO__INIT;
	char tap[] = "tap", handover[] = "lease-handover", *capabilities[] = {tap, handover};

	fake_hang_up(fake);
	fake->stream = stream_new(fake->base, fd, &fake_ops, fake);
	assert_non_null(fake->stream);
	hello.version = 1;
	hello.software = (char *)"fake-datapath";
	hello.n_capabilities = 2;
	hello.capabilities = capabilities;
	hello.has_generation = true;
	hello.generation = fake->generation;
	hello.has_fresh = true;
	hello.fresh = fake->fresh;
	// One who will refuse waits for the other's greeting, as the datapath does.
	if (fake->epoch == 0)
		answer(fake, WEFT__FRAME_TYPE__FRAME_HELLO, 0, &hello.base);
	fake->fresh = false;
}

void fake_hang_up(struct fake_datapath *fake)
{
	// What was prepared ends with the connection.
	fake->prepared = false;
	// What was received of a transaction dies with the connection.
	drop_ops(fake);
	stream_free(fake->stream);
	fake->stream = NULL;
}

void fake_fini(struct fake_datapath *fake)
{
	fake_hang_up(fake);
	clear(&fake->objects);
	clear(&fake->before);
}
