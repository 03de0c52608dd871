// SPDX-License-Identifier: BSD-3-Clause
//
// stand_in: a controller for tests and benches: listens, starts weft-datapath, keeps what it is lent and hands
// it back, sends transactions and asks for digests. Waits by running its event loop; whatever does not come
// in time is -ETIMEDOUT.

#pragma once

#include "datapath/agent_store.h"
#include "proto/channel.pb-c.h"
#include "tests/channel/objects.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stand_in;

// Makes a run directory of its own. NULL with errno.
struct stand_in *stand_in_new(const char *program);
// Kills the datapath, removes the directory.
void stand_in_free(struct stand_in *stand_in);

// Starts the program; `arguments` (NULL-terminated) come behind our own. 0 or -errno.
int stand_in_start(struct stand_in *stand_in, const char *const *arguments);
// Waits until a datapath has connected and the greeting is over.
int stand_in_greet(struct stand_in *stand_in);
// Closes the connection and listens again, as a controller that was started anew.
void stand_in_hang_up(struct stand_in *stand_in);
// SIGKILL, and waits for the end.
void stand_in_kill(struct stand_in *stand_in);
pid_t stand_in_pid(const struct stand_in *stand_in);

// What the greeting said.
const char *stand_in_incarnation(const struct stand_in *stand_in);
bool stand_in_was_fresh(const struct stand_in *stand_in);
unsigned stand_in_kept(const struct stand_in *stand_in); // descriptors held now
bool stand_in_holds(const struct stand_in *stand_in, const char *name);
void stand_in_set_epoch(struct stand_in *stand_in, uint64_t epoch);

struct tx_options {
	uint64_t tx; // 0: the next number
	uint64_t base_generation;
	bool dry_run;
	uint32_t confirm_ms;
	bool complete;
	bool prepare; // Stops there: stand_in_decide() is to follow.
};

struct tx_answer {
	int code;
	uint64_t tx, generation, settle_ns;
	uint32_t op_index;
	bool repeated, reverted, prepared;
	char field[64], what[512];
};

// Sends everything and returns without an answer; the number of the transaction.
uint64_t stand_in_send(struct stand_in *stand_in, const struct objects *list,
                       const struct tx_options *options);
// Waits for the next result. 0, -ETIMEDOUT or -ECONNRESET.
int stand_in_wait(struct stand_in *stand_in, struct tx_answer *ret);
// Both; returns the answer's code or why there is none.
int stand_in_commit(struct stand_in *stand_in, const struct objects *list,
                    const struct tx_options *options, struct tx_answer *ret);
// What was prepared is committed or aborted.
void stand_in_send_decision(struct stand_in *stand_in, uint64_t tx, bool commit);
// And waits; returns the answer's code or why there is none.
int stand_in_decide(struct stand_in *stand_in, uint64_t tx, bool commit, struct tx_answer *ret);
int stand_in_confirm(struct stand_in *stand_in, uint64_t tx, struct tx_answer *ret);

struct digest {
	uint64_t count[AGENT_KINDS], hash[AGENT_KINDS];
	uint64_t generation;
};

int stand_in_digest(struct stand_in *stand_in, struct digest *ret);

// Any question; the answer's message, unpacked, to be freed by the caller; NULL with errno.
ProtobufCMessage *stand_in_ask(struct stand_in *stand_in, uint16_t type,
                               const ProtobufCMessage *question, uint16_t answer_type,
                               const ProtobufCMessageDescriptor *answer);
// A body of the caller's own making.
int stand_in_send_raw(struct stand_in *stand_in, uint16_t type, const void *body, size_t len);
// Runs the loop for a while.
void stand_in_idle(struct stand_in *stand_in, unsigned ms);
// The last FRAME_REFUSED; its code, 0 when none came since the last call.
int stand_in_refused(struct stand_in *stand_in, char what[static 512]);
unsigned stand_in_events(const struct stand_in *stand_in, Weft__EventType type);
