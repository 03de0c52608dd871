// SPDX-License-Identifier: BSD-3-Clause
//
// control_priv: what the files of control share.

#pragma once

#include "controller/control.h"

// Carries on with what waits, if nothing is under way.
void control_next(struct control *control);

// The change that lost its datapath half-way: the resync has shown what became of it.
void control_resolve_waiting(struct control *control);
int control_init_timers(struct control *control);

// The open revision stays: tells the store. 0 or -errno; then it is open still.
int control_mark_open(struct control *control, struct fail *fail);

// The open revision is to be as if it had never been, in the model, the store and the guests. The
// datapath is not told.
int control_revert_open(struct control *control);
void control_tell_undone(struct control *control, uint64_t number);
void control_arm_deadline(struct control *control);

// Puts one object back to what the history says it was.
int control_restore_one(struct control *control, const char *word, const char *name,
                        const void *before, size_t len, struct refusal *refusal);

// What the host tells.
void control_host_greeted(void *user);
void control_host_ready(void *user);
bool control_host_recovers(void *user);
void control_host_gone(void *user, const char *reason);
void control_host_event(void *user, const Weft__Event *event);
void control_host_reverted(void *user, uint64_t tx);
uint8_t *control_host_leases(void *user, size_t *ret_len);
