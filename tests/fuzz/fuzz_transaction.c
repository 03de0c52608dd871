// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_transaction: whatever a controller may send as operations, applied to tables with doors in memory.
//
// Input: steps of one byte that says what to do, two of length, and as many of a TxOps message. A refused
// transaction, a dry run and one that is undone must leave the digests as they were; after any other the
// generation must hold together. The decoding is bounded as in the agent.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "datapath/agent_arena.h"
#include "tests/fuzz/agent_world.h"

#include <stdlib.h>
#include <string.h>

enum {
	OPS_MAX = 256,
	DECODED_MAX = 1 << 20,

	// The byte of a step.
	STEP_WAY = 0x03,     // commit, dry run, confirmed, undone
	STEP_NO_DOOR = 0x04, // the first door does not open
	STEP_AGAIN = 0x08,   // and once more the same
};

enum way { WAY_COMMIT, WAY_DRY_RUN, WAY_CONFIRM, WAY_REVERT };

static size_t collect(const Weft__TxOps *message, struct apply_op *ops)
{
	size_t count = 0;

	for (size_t i = 0; i < message->n_ops && count < OPS_MAX; i++) {
		const Weft__Op *op = message->ops[i];

		ops[count++] = (struct apply_op){
			.verb = op->verb,
			.kind = op->kind,
			.id = op->id,
			.object = op->has_object ? op->object.data : NULL,
			.len = op->has_object ? op->object.len : 0,
		};
	}
	return count;
}

static int run(struct apply *apply, const struct apply_op *ops, size_t count, enum way way)
{
	struct apply_result result = {0};
	int code;

	if (way == WAY_COMMIT || way == WAY_DRY_RUN)
		code = apply_transaction(apply, ops, count, way == WAY_DRY_RUN, &result);
	else
		code = apply_tentative(apply, ops, count, &result);
	// Who is refused is told why, and by which operation.
	if (code != result.code || code > 0)
		abort();
	if (code < 0 && (!result.fail.what[0] || (count && result.op_index >= count)))
		abort();
	if (code < 0 || way < WAY_CONFIRM)
		return code;
	if (way == WAY_CONFIRM)
		apply_confirm(apply);
	else
		apply_revert(apply);
	return code;
}

static void step(struct agent_world *world, struct apply *apply, uint8_t what,
                 const Weft__TxOps *message)
{
	struct apply_op ops[OPS_MAX];
	struct agent_world_digest before, after;
	size_t count = collect(message, ops);
	enum way way = (enum way)(what & STEP_WAY);
	int code;

	agent_world_digest(apply, &before);
	world->refuse_doors = what & STEP_NO_DOOR;
	code = run(apply, ops, count, way);
	world->refuse_doors = false;
	agent_world_digest(apply, &after);
	if ((code < 0 || way == WAY_DRY_RUN || way == WAY_REVERT) &&
	    memcmp(&before, &after, sizeof(before)) != 0)
		abort();
	agent_world_check(world, apply);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct agent_world world;
	struct apply_env env;
	struct apply *apply;

	agent_world_open(&world, &env);
	apply = apply_new(&env);
	if (!apply)
		abort();
	while (size >= 3) {
		size_t len = MIN((size_t)load_be16(input + 1), size - 3);
		struct agent_arena arena;
		Weft__TxOps *message;

		agent_arena_init(&arena, DECODED_MAX);
		message = weft__tx_ops__unpack(&arena.allocator, len, input + 3);
		for (int i = 0; message && i < (input[0] & STEP_AGAIN ? 2 : 1); i++)
			step(&world, apply, input[0], message);
		agent_arena_fini(&arena);
		input += 3 + len;
		size -= 3 + len;
	}
	apply_free(apply);
	agent_world_close(&world);
	return 0;
}
