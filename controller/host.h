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
struct tls;

// Lagging: it is connected and does not answer. Once it does, the digests tell what it missed.
enum host_state { HOST_ABSENT, HOST_GREETING, HOST_SYNCING, HOST_LAGGING, HOST_READY };

// What a host needs of the rest, and tells it. Calls come from the event loop.
struct host_env {
	void *user;
	struct event_base *base;
	char instance[33];
	uint64_t epoch;
	unsigned silence_seconds; // Until one that does not answer is cut off.
	// A packed Leases message, to be freed.
	uint8_t *(*leases)(void *user, struct host *host, size_t *ret_len);
	// Operations are about to be sent to a host that runs: leases of scopes that come with them go first.
	void (*hand_leases)(void *user, struct host *host, const struct ops *ops);
	// About to compare: the last moment to change what is desired.
	void (*greeted)(void *user, struct host *host);
	void (*ready)(void *user, struct host *host, bool returned); // Had been away.
	void (*lags)(void *user, struct host *host); // It has not answered for a while.
	void (*gone)(void *user, struct host *host, const char *reason);
	void (*event)(void *user, struct host *host, const Weft__Event *event);
	// Whether another host has the port now.
	bool (*elsewhere)(void *user, const struct host *host, uint64_t port);
	// Whether what was refused will be taken back once we are ready, and the earlier state stays.
	bool (*recovers)(void *user, struct host *host);
	// An unconfirmed transaction was undone by the datapath itself.
	void (*reverted)(void *user, struct host *host, uint64_t tx);
};

// => The desired set, borrowed, outlives it.
struct host *host_new(const char *name, struct desired *desired,
                      const struct host_env *env); // NULL with errno
void host_free(struct host *host);

// A datapath has connected; takes the descriptor. One that replaces a living one is refused.
void host_attach(struct host *host, int fd, pid_t pid);
// It has come in from another machine, and has proved that it is this host; takes descriptor and tls (NULL:
// plain). It takes the place of one that is there, since that connection may hang and nobody know.
void host_admit(struct host *host, int fd, struct tls *tls, const char *from);
void host_detach(struct host *host, const char *reason);
const char *host_from(
	const struct host *host); // The address it came in from; "" for one of this machine.

const char *host_name(const struct host *host);
// As sentences call it: "the datapath" of the local host, "host b" of another.
const char *host_label(const struct host *host);
const struct desired *host_desired(const struct host *host);
enum host_state host_state(const struct host *host);
// Since when nobody has answered there, by the clock; 0 while somebody does.
uint64_t host_gone_since(const struct host *host);
// How long the last absence took, until what was missed had been caught up with.
uint64_t host_gap_ns(const struct host *host);
// It was cut off since it did not answer, and has not come back.
bool host_is_silent(const struct host *host);
bool host_hangs(const struct host *host); // That, or it lags.
// The same, before it had said who it is; and how often that has happened.
bool host_is_mute(const struct host *host);
unsigned host_mute_count(const struct host *host);
// From the first frame of the last transaction to its answer.
uint64_t host_lag_ns(const struct host *host);
// Bytes that wait to be sent to it.
size_t host_backlog(const struct host *host);
// Why the datapath refuses to be driven by us; NULL when it does not.
const char *host_trouble(const struct host *host);
// Who minds its process, for whoever set it; NULL: nobody.
void host_set_minder(struct host *host, void *minder);
void *host_minder(const struct host *host);
pid_t host_pid(const struct host *host);
const char *host_software(const struct host *host);
uint64_t host_generation(const struct host *host);
bool host_was_fresh(const struct host *host);
size_t host_kept(const struct host *host); // Descriptors held for its next process.
// "tap", "nat" …; NULL beyond the last.
const char *host_capability(const struct host *host, unsigned index);
bool host_can(const struct host *host, const char *capability);

// Compares and corrects again. => The host is ready, and no transaction under way.
void host_resync(struct host *host);
// Notes that it should, as soon as there is nothing under way; who notes it looks.
void host_want_resync(struct host *host, bool wanted);
bool host_wants_resync(const struct host *host);

// Why the unit is held back; NULL when it is not.
const struct refusal *host_held(const struct host *host, const char *unit);
// Walks the units that are held back.
const struct refusal *host_next_held(const struct host *host, size_t *cursor);

typedef void (*host_tx_fn)(void *user, const struct tx_result *result);
// The answer always comes, with -ECONNRESET when the datapath goes away first: then it is not known
// whether it was done. => Ready, and no other transaction under way.
void host_commit(struct host *host, const struct ops *ops, bool dry_run, uint32_t confirm_ms,
                 host_tx_fn done, void *user);

// The same in two steps, for a change of several hosts. Once it is prepared it cannot be refused any more, and
// host_finish() must follow; with the connection it is lost, which host_is_prepared() tells.
void host_prepare(struct host *host, const struct ops *ops, uint32_t confirm_ms, host_tx_fn done,
                  void *user);
bool host_is_prepared(const struct host *host);
uint64_t host_tx_id(const struct host *host); // Of the last one.
// Commits, or takes it back: then `done` may be NULL.
void host_finish(struct host *host, bool commit, host_tx_fn done, void *user);

// Nobody waits for its transaction any more: it lags until it answers, and is then compared with what it
// must hold. Takes the operations over (NULL: none). Nothing happens when no transaction is under way.
void host_let_go(struct host *host, struct ops *ops);

// A TAP goes from one to the other with the transaction that follows there; once it is decided, it is told
// to nobody any more whose it was. 0 or -errno: it is not there to be handed over.
int host_hand_over(const struct host *from, const struct host *to, uint64_t port);
void host_handed_over(struct host *from, uint64_t port);

// frame NULL: no answer will come (-errno in err). The frame is gone after the call.
typedef void (*host_answer_fn)(void *user, int err, const struct stream_frame *frame);
// Asks; the answer comes once. The message may be NULL: an empty body. 0, or -errno and nothing will come.
int host_ask(struct host *host, unsigned stream_id, uint16_t type, const ProtobufCMessage *message,
             host_answer_fn answer, void *user);
// The same for an answer in parts: another call follows each with frame->more.
int host_ask_parts(struct host *host, unsigned stream_id, uint16_t type,
                   const ProtobufCMessage *message, host_answer_fn answer, void *user);
// Says what nobody answers; 0 or -errno.
int host_tell(struct host *host, uint16_t type, const void *body, size_t len);
// Forgets all questions of the user, who goes away.
void host_forget(struct host *host, void *user);
