// SPDX-License-Identifier: BSD-3-Clause
//
// control_priv: what the files of control share.

#pragma once

#include "controller/control.h"

// Carries on with what waits, if nothing is under way.
void control_next(struct control *control);

// The change that lost its datapath half-way: the resync of the host has shown what became of it.
void control_resolve_waiting(struct control *control, const struct host *host);

// Answers, and frees the change, which is in no list any more.
void control_answer(struct control *control, struct change *change, const struct refusal *refusal,
                    bool changed, const char *note);
// The same with the one under way, or that is to be, which makes room for the next.
void control_end(struct control *control, struct change *change, const struct refusal *refusal,
                 bool changed, const char *note);
// The model as it was, and what is desired of the datapaths too.
void control_undo_model(struct control *control);
// The same with the store and the guests, of a change that was written as pending.
void control_undo_all(struct control *control, struct change *change);

// control_aside.c: the first of the queue waits for a host; those that waited for one have another chance.
// => The change is undone.
int control_init_aside(struct control *control);
void control_put_aside(struct control *control, struct change *change, const struct host *missing);
void control_take_up(struct control *control);
// What waits for the host is refused now, since it does not answer.
void control_give_up(struct control *control, const struct host *host);
void control_refuse_missing(struct control *control, const char *host, struct refusal *refusal);

// control_overtake.c: a change is under way from now on; the next may go before it if its hosts are slow.
int control_init_overtaking(struct control *control);
void control_arm_overtaking(struct control *control, const struct change *change);
void control_overtake(struct control *control);
int control_init_timers(struct control *control);

// The open revision stays: tells the store. 0 or -errno; then it is open still.
int control_mark_open(struct control *control, struct fail *fail);

// The open revision is to be as if it had never been, in the model, the store and the guests. The
// datapath is not told.
int control_revert_open(struct control *control);
void control_tell_undone(struct control *control, uint64_t number);
void control_arm_deadline(struct control *control);

// The host, or every host, is compared with what it must hold as soon as nothing is under way.
void control_want_resync(struct control *control, struct host *host);
void control_resync_all(struct control *control);
// The open revision is waited for by nobody any more.
void control_drop_promises(struct control *control);
void control_forget_confirming(struct control *control, const void *user);
// Settles what a crash left, if all has been heard that tells what became of it.
void control_hear(struct control *control);

// control_commit.c: from what was derived to one transaction per host.
int control_share(struct control *control, struct change *change, struct refusal *refusal);
void control_unshare(struct change *change);
// The first of the change's hosts that cannot be told now; NULL: all can.
struct host *control_missing(const struct change *change);
// All have answered whether they can.
void control_prepared(struct control *control, struct change *change);
void control_abort_all(struct change *change);
// Sends to all of them; the rest comes by control_decided() once.
void control_send(struct control *control, struct change *change);
void control_ask(struct control *control, struct change *change); // A dry run.
// Refused by one and taken back by all, done by all, or, of one host alone, not known yet.
enum decision { DECISION_REFUSED, DECISION_DONE, DECISION_UNKNOWN };
void control_decided(struct control *control, struct change *change, enum decision decision);
void control_asked(struct control *control, struct change *change);

// Puts one object back to what the history says it was.
int control_restore_one(struct control *control, const char *word, const char *name,
                        const void *before, size_t len, struct refusal *refusal);

// control_ways.c: what the hosts tell of the ways between them. know: as it is when nothing was told yet.
int control_init_ways(struct control *control, struct fail *fail);
void control_fini_ways(struct control *control);
void control_know_mtus(struct control *control);
void control_host_ways(struct control *control, struct host *host, const Weft__Ways *message);

// What a host tells.
void control_host_greeted(void *user, struct host *host);
void control_host_ready(void *user, struct host *host, bool returned);
bool control_host_recovers(void *user, struct host *host);
bool control_host_elsewhere(void *user, const struct host *host, uint64_t port);
void control_host_lags(void *user, struct host *host);
void control_host_gone(void *user, struct host *host, const char *reason);
void control_host_event(void *user, struct host *host, const Weft__Event *event);
void control_host_reverted(void *user, struct host *host, uint64_t tx);

// control_home.c: => Before the differences are taken.
void control_note_homes(const struct control *control, struct change *change);
void control_tell_homes(const struct control *control, const struct change *change);
// Adds to the sentence what is served there, if anything is.
void control_add_homes(const struct host *host, char *buf, size_t size);
// Whether a home goes elsewhere at the user's word, and the host would hear of nothing but that.
bool control_home_spares(const struct control *control, const struct ops *ops);

// control_lease.c
uint8_t *control_host_leases(void *user, struct host *host, size_t *ret_len);
// The operations are about to be sent to the host: what was leased of scopes that come with them goes first.
void control_hand_leases(void *user, struct host *host, const struct ops *ops);
// Returns the scope, without a name if nobody has it any more; NULL: the host has no say in it.
const struct object *control_note_lease(struct control *control, struct host *host,
                                        const Weft__Lease *lease);
void control_say_lease(const struct control *control, const Weft__Lease *lease,
                       const struct object *scope, char *buf, size_t size);
void control_follow_lease(struct control *control, const struct object *scope,
                          const Weft__Lease *lease);
