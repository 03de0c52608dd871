// SPDX-License-Identifier: BSD-3-Clause
//
// agent_apply: a transaction into the tables: validate all, stage all, publish by one pointer store, settle.
//
// Holds the datapath's copy of every object (packed bytes, decoded body, references) and compiles what a
// change touches, object by object, into a new generation. Knows nothing of channels: the agent feeds
// it from frames, a scenario from memory. Main thread only.

#pragma once

#include "base/fail.h"
#include "datapath/generation.h"
#include "datapath/service.h"
#include "datapath/state.h"
#include "datapath/stats.h"
#include "proto/channel.pb-c.h"
#include "proto/objects.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What becomes of what a door stood in for: it is lent to a successor, it goes, or it is left to its
// namespace, which ends right after, or to another process that has it already.
enum door_end { DOOR_LENT, DOOR_GONE, DOOR_LEFT, DOOR_HANDED };

// The world around, injected: a scenario opens memory ports, publishes by assignment, settles at once.
struct apply_env {
	void *user;
	struct state *state;
	struct stats *stats;
	struct service *service; // may be NULL
	// Opens the door of a port at stage time, or finds the one that a predecessor left. *ret may be NULL
	// with 0: the port is known but has no door yet.
	int (*open_port)(void *user, uint64_t id, const char *name, const Weft__Port *port,
	                 uint32_t slot, struct port **ret, struct fail *fail);
	// Gives an open door the name and place its guest knows. Comes at stage time, or, when a door that
	// the transaction closes has that name still, after that one has gone; then nobody reads *fail. May
	// be NULL.
	int (*arrive_port)(void *user, uint64_t id, const Weft__Port *port, struct port *door,
	                   struct fail *fail);
	// An open door whose port changed in nothing but MTU, MAC, addresses or gateways takes these over. Once
	// the generation is published; may be NULL.
	void (*adjust_port)(void *user, uint64_t id, const Weft__Port *from, const Weft__Port *to,
	                    struct port *door);
	// Closes a door that no worker uses any more.
	void (*close_port)(void *user, uint64_t id, struct port *port, enum door_end end);
	// Makes the generation the one that workers read.
	void (*publish)(void *user, const struct generation *generation);
	// Returns once every worker has passed the publish. ns it took.
	uint64_t (*settle)(void *user);
};

struct apply_op {
	Weft__OpVerb verb;
	Weft__Kind kind;
	uint64_t id;
	const uint8_t *object; // packed Object; borrowed
	size_t len;
	bool netns_ends, handed_over; // see Op
};

struct apply_result {
	int code; // 0 or -errno
	uint32_t op_index;
	char field[64];
	struct fail fail;
	uint64_t generation;
	uint64_t settle_ns;
};

struct apply;

// Starts empty: generation 0 is published at once.
struct apply *apply_new(const struct apply_env *env); // NULL with errno
// Closes all doors (not to be forgotten) and frees everything. => No worker reads a generation any more.
void apply_free(struct apply *apply);
const struct generation *apply_generation(const struct apply *apply);

// One whole transaction. dry_run: everything but doors, shared tables and publish. Returns result->code.
int apply_transaction(struct apply *apply, const struct apply_op *ops, size_t count, bool dry_run,
                      struct apply_result *result);
// The same, kept undoable: after it, exactly one of apply_confirm and apply_revert must follow; until then
// other transactions are refused with -EBUSY.
int apply_tentative(struct apply *apply, const struct apply_op *ops, size_t count,
                    struct apply_result *result);
// All of one of these but its effect on packets: staged, and nobody can refuse it any more. Exactly one of
// apply_commit and apply_abandon must follow; until then other transactions are refused with -EBUSY.
// tentative: after the commit, apply_confirm or apply_revert as well.
int apply_prepare(struct apply *apply, const struct apply_op *ops, size_t count, bool tentative,
                  struct apply_result *result);
void apply_commit(struct apply *apply, struct apply_result *result);
void apply_abandon(struct apply *apply);
bool apply_is_prepared(const struct apply *apply);
void apply_confirm(struct apply *apply);
void apply_revert(struct apply *apply);
bool apply_is_tentative(const struct apply *apply);

// The controller has told everything: slots of a predecessor that no object claimed are given up.
void apply_complete(struct apply *apply);

// Digests (channel.proto): per kind count and sum; 256 buckets; the ids and hashes of one bucket.
void apply_digest(const struct apply *apply, Weft__Kind kind, uint64_t *count, uint64_t *hash);
void apply_buckets(const struct apply *apply, Weft__Kind kind, uint64_t hashes[256]);
size_t apply_bucket(const struct apply *apply, Weft__Kind kind, unsigned bucket, uint64_t *ids,
                    uint64_t *hashes, size_t limit);
// The packed object; NULL when there is none.
const uint8_t *apply_object(const struct apply *apply, Weft__Kind kind, uint64_t id, size_t *len);
