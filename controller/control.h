// SPDX-License-Identifier: BSD-3-Clause
//
// control: the one place where intent changes: model, store, guests and datapath move together or not at
// all. docs/decisions/0004-order-of-a-commit.md tells why in this order. Main thread.

#pragma once

#include "controller/derive.h"
#include "controller/guests.h"
#include "controller/hosts.h"
#include "controller/layout.h"
#include "controller/model.h"
#include "controller/store.h"
#include "controller/ways.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct control;
struct change;

struct change_result {
	const struct refusal *refusal; // NULL when it was done.
	const struct refusals *all;    // Of a change that wants to hear of all; may be empty.
	uint64_t revision;
	bool changed;
	const char *note; // For a person, or NULL.
};

typedef void (*change_done_fn)(void *user, const struct change_result *result);
// Puts and removes in the model; the batch is open.
typedef int (*change_edit_fn)(struct control *control, struct change *change,
                              struct refusal *refusal);

// What a change is for one host: a transaction.
struct share {
	struct control *control;
	struct host *host;
	struct ops ops;
	uint64_t tx;
	bool answered; // To the question that was asked last.
	bool hearsay;  // It is only told of others, or that it need not serve something any more.
	bool left_out; // Then it need not hear of it now.
};

// A net that another host serves from now on.
struct home_move {
	char net[KEY_SIZE], from[KEY_SIZE], to[KEY_SIZE];
};

enum { HOME_MOVES = 8 };

// Fill in all but what follows `state`, then control_submit().
struct change {
	change_edit_fn edit;
	void *edit_data; // Owned by the change, and freed with:
	void (*free_data)(void *data);
	change_done_fn done; // NULL: nobody waits any more.
	void *done_user;
	// A dry run: told each object that would differ, before `done`. May be NULL.
	void (*preview)(void *done_user, const struct model_change *object);
	bool tell; // Also when it is done in earnest.
	bool hear; // Of all that is wrong with it, not of the first alone.
	struct refusals heard;
	uint32_t uid;
	bool dry_run;
	uint32_t confirm_seconds;
	uint64_t state_of; // An undo; else 0.
	char command[256];

	// Decided: what is left is to hear that all have done it.
	enum { CHANGE_QUEUED, CHANGE_SENT, CHANGE_DECIDED, CHANGE_WAITING } state;
	bool overtaken; // Others went before it while a host did not answer; once is enough.
	uint64_t revision;
	struct share *shares;
	size_t share_count, awaited; // Answers still to come.
	struct refusal refusal;      // The first that came.
	struct home_move homes[HOME_MOVES];
	size_t home_count;      // May be more than there is room for.
	char missing[KEY_SIZE]; // Put aside for this host, which is away.
	uint64_t aside_since;
	char note[256];
	struct change *next;
};

// A transaction that a host undoes by itself unless it is confirmed.
struct promise {
	char host[KEY_SIZE];
	uint64_t tx;
};

// The newest revision, while it is not simply done.
struct open_revision {
	enum {
		OPEN_NONE,
		OPEN_RECOVERING,  // Left by a crash: the next resync shows what becomes of it.
		OPEN_UNCONFIRMED, // Stays only if the user says so in time.
		OPEN_UNMARKED,    // Done, and the store could not be told yet.
		OPEN_UNREVERTED,  // Refused, and the store could not be told yet.
	} why;
	uint64_t number;
	int64_t deadline;         // Unconfirmed: seconds since 1970.
	struct promise *promises; // Of hosts that wait for it still; owned.
	size_t promise_count;
};

// A DHCP scope that left the host a moment ago.
struct farewell {
	uint64_t scope, until; // By the clock; 0: none.
	char host[KEY_SIZE];
};

enum { FAREWELLS = 16 };

struct control {
	struct event_base *base;
	struct store *store;
	struct model model;
	struct layout layout;
	struct hosts hosts;
	struct guests guests;
	struct change *queue; // The first is under way once it has left CHANGE_QUEUED.
	struct change *aside; // Those that wait for a host that is away, the oldest first.
	struct open_revision open;
	uint64_t revision;      // The newest.
	struct event *patience; // For a host that went away under way.
	struct event *overdue;  // For the first that is put aside.
	struct event *slow;     // The one under way takes its time, and:
	bool is_slow;           // It has taken it.
	struct event *deadline; // Of the confirmation.
	struct farewell farewells[FAREWELLS];
	unsigned farewell_next;
	bool resync_wanted;        // By some host.
	unsigned patience_seconds; // With a host that is away; 0: twelve.
	unsigned silence_seconds;  // With a host that does not answer; 0: five.
	unsigned slow_ms;          // Until others may go before one under way; 0: half a second.
	unsigned hold_ms;          // Until a way that is wider counts as wider; 0: ten seconds.
	struct ways ways;
	struct event *grow;            // For ways that are wider.
	struct table net_mtus;         // key of a net -> what it had when that was looked at last
	struct confirming *confirming; // Under way, or NULL.
	void *listener;                // With:
	// What has happened; the host is NULL when it is none, or the local one.
	void (*told)(void *listener, const char *host, const char *type, const char *object,
	             const char *text);
	void (*on_lease)(void *listener, const Weft__Lease *lease);
	uint8_t *(*leases)(void *listener, const struct host *host, size_t *ret_len);
	const struct leases *running; // Those that run; borrowed. NULL: none.
	// What the intent alone cannot tell of the open batch: 0 or a refusal. May be NULL.
	int (*judge)(void *listener, const struct model *model, struct refusal *refusal);
	// Why there is no datapath there, or NULL.
	const char *(*trouble)(void *listener, const struct host *host);
	// As in hosts.h. May be NULL.
	void (*host_came)(void *listener, struct host *host);
	void (*host_left)(void *listener, struct host *host);
};

// Loads the intent and derives everything. => `store` and `base` are set; all else is zero.
int control_open(struct control *control, const char *run_dir, struct fail *fail);
void control_close(struct control *control);

// Takes the change over; done comes once, from here or from the event loop.
void control_submit(struct control *control, struct change *change);
struct change *control_new_change(change_edit_fn edit, void *data, void (*free_data)(void *));
// Whoever waited for it has gone.
void control_forget(struct control *control, void *done_user);

// Makes the open unconfirmed revision stay. The code is 0 or -errno, with its reason.
typedef void (*confirm_done_fn)(void *user, const struct change_result *result);
void control_confirm(struct control *control, uint64_t revision, confirm_done_fn done, void *user);

bool control_is_idle(const struct control *control);
