// SPDX-License-Identifier: BSD-3-Clause
//
// host: one datapath as the controller sees it: its session, its resync, transactions and questions.
//
// After each connect the two compare digests, and only what differs is sent; then the host is ready. What
// it refuses at that time is held back, so that one vanished interface does not keep everything else
// away, and tried again from time to time. Main thread.

#pragma once

#include "controller/desired.h"
#include "controller/keeper.h"
#include "controller/refusal.h"
#include "controller/tx.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct host;
struct stream_frame;

enum host_state { HOST_ABSENT, HOST_GREETING, HOST_SYNCING, HOST_READY };

// What the host needs of the rest, and tells it. Calls come from the event loop.
struct host_env {
	void *user;
	struct event_base *base;
	struct desired *desired;
	struct keeper *keeper;
	char instance[33];
	uint64_t epoch;
	// A packed Leases message, to be freed.
	uint8_t *(*leases)(void *user, size_t *ret_len);
	// About to compare: the last moment to change what is desired.
	void (*greeted)(void *user);
	void (*ready)(void *user);
	void (*gone)(void *user, const char *reason);
	void (*event)(void *user, const Weft__Event *event);
	// An unconfirmed transaction was undone by the datapath itself.
	// Whether what was refused will be taken back once we are ready, and the earlier state stays.
	bool (*recovers)(void *user);
	void (*reverted)(void *user, uint64_t tx);
};

struct host *host_new(const struct host_env *env); // NULL with errno
void host_free(struct host *host);

// A datapath has connected; takes the descriptor. One that replaces a living one is refused.
void host_attach(struct host *host, int fd, pid_t pid);
void host_detach(struct host *host, const char *reason);

enum host_state host_state(const struct host *host);
pid_t host_pid(const struct host *host);
const char *host_software(const struct host *host);
uint64_t host_generation(const struct host *host);
bool host_was_fresh(const struct host *host);
// "tap", "nat" …; NULL beyond the last.
const char *host_capability(const struct host *host, unsigned index);
bool host_can(const struct host *host, const char *capability);

// Compares and corrects again. => The host is ready, and no transaction under way.
void host_resync(struct host *host);

// Why the unit is held back; NULL when it is not.
const struct refusal *host_held(const struct host *host, const char *unit);
// Walks the units that are held back.
const struct refusal *host_next_held(const struct host *host, size_t *cursor);

typedef void (*host_tx_fn)(void *user, const struct tx_result *result);
// The answer always comes, with -ECONNRESET when the datapath goes away first: then it is not known
// whether it was done. Returns the transaction's id. => Ready, and no other transaction under way.
uint64_t host_commit(struct host *host, const struct ops *ops, bool dry_run, uint32_t confirm_ms,
                     host_tx_fn done, void *user);

// frame NULL: no answer will come (-errno in err). The frame is gone after the call.
typedef void (*host_answer_fn)(void *user, int err, const struct stream_frame *frame);
// Asks; the answer comes once. The message may be NULL: an empty body. 0, or -errno and nothing will come.
int host_ask(struct host *host, unsigned stream_id, uint16_t type, const ProtobufCMessage *message,
             host_answer_fn answer, void *user);
// The same for an answer in parts: another call follows each with frame->more.
int host_ask_parts(struct host *host, unsigned stream_id, uint16_t type,
                   const ProtobufCMessage *message, host_answer_fn answer, void *user);
// Forgets all questions of the user, who goes away.
void host_forget(struct host *host, void *user);
