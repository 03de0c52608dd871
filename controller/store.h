// SPDX-License-Identifier: BSD-3-Clause
//
// store: the intent on disk, its history, and what else must survive: leases, namespaces we made.
//
// One SQLite file, one writer: a lock keeps a second controller out. Every call is one transaction,
// durable when it returns 0; a call that fails has changed nothing. Main thread.

#pragma once

#include "base/fail.h"
#include "controller/ipam.h"
#include "controller/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

// Opens, checks and migrates STATE_DIR/weft.db, making the directory and the file when they are missing.
// fresh: what is there is moved aside first. -EBUSY: another controller has it; -EUCLEAN: it is damaged.
int store_open(const char *dir, bool fresh, struct store **ret, struct fail *fail);
void store_close(struct store *store);

const struct instance *store_instance(const struct store *store);
uint64_t store_epoch(const struct store *store); // Counts openings.

// Copies the whole to STATE_DIR/weft.db.bak, by way of a file beside it.
int store_backup(struct store *store, struct fail *fail);

typedef int (*store_object_fn)(void *user, const void *packed, size_t len);
int store_load(struct store *store, store_object_fn each, void *user, struct fail *fail);

enum revision_state {
	REVISION_PENDING,
	REVISION_UNCONFIRMED,
	REVISION_DONE,
	REVISION_UNDONE, // Was not confirmed in time: stays in the history, and changed nothing.
};

struct revision {
	uint64_t number;
	enum revision_state state;
	int64_t time; // Seconds since 1970.
	uint32_t uid;
	uint64_t state_of;        // An undo: the revision it went back to; else its own number.
	int64_t confirm_deadline; // Seconds since 1970; 0: none.
	char command[256];
};

// The newest; number 0 when there is none.
int store_head(struct store *store, struct revision *ret, struct fail *fail);
int store_revision(struct store *store, uint64_t number, struct revision *ret, struct fail *fail);

// Writes the objects as they are to be, and the revision as pending, with what each was before.
int store_prepare(struct store *store, const struct revision *revision,
                  const struct model_change *changes, size_t count, struct fail *fail);
// The datapath has it.
int store_finish(struct store *store, uint64_t number, enum revision_state state,
                 struct fail *fail);
// The datapath has it not: objects back to what they were, and the revision forgotten.
int store_revert(struct store *store, uint64_t number, struct fail *fail);
// Nobody confirmed it: objects back to what they were, and the history keeps the revision as undone.
int store_undo(struct store *store, uint64_t number, struct fail *fail);

typedef void (*store_revision_fn)(void *user, const struct revision *revision);
int store_history(struct store *store, unsigned limit, store_revision_fn each, void *user,
                  struct fail *fail);

// Each object that a revision changed, with what it was and became; NULL: nothing.
typedef int (*store_change_fn)(void *user, const char *noun, const char *name, const void *before,
                               size_t before_len, const void *after, size_t after_len);
int store_changes(struct store *store, uint64_t number, store_change_fn each, void *user,
                  struct fail *fail);
// Each object changed after the revision, once, with what it was then as `before`.
int store_changes_since(struct store *store, uint64_t number, store_change_fn each, void *user,
                        struct fail *fail);

struct lease_row {
	uint64_t scope;
	struct mac mac;
	struct ip_addr ip;
	uint64_t expires; // Seconds since 1970.
	uint8_t client_id[255];
	size_t client_id_len;
	char hostname[256];
};

int store_put_lease(struct store *store, const struct lease_row *lease, struct fail *fail);
int store_remove_lease(struct store *store, uint64_t scope, struct mac mac, struct fail *fail);
typedef void (*store_lease_fn)(void *user, const struct lease_row *lease);
int store_each_lease(struct store *store, store_lease_fn each, void *user, struct fail *fail);

// How we were started, for the next start; NULL forgets. -ENOENT: nothing was.
int store_put_setting(struct store *store, const char *name, const char *value, struct fail *fail);
int store_setting(struct store *store, const char *name, char *buf, size_t size, struct fail *fail);

// What the ways of a host carry, in words of ways.c.
int store_put_ways(struct store *store, const char *host, const char *text, struct fail *fail);
int store_remove_ways(struct store *store, const char *host, struct fail *fail);
typedef void (*store_ways_fn)(void *user, const char *host, const char *text);
int store_each_ways(struct store *store, store_ways_fn each, void *user, struct fail *fail);

// A namespace we made, or are about to (inode 0).
int store_put_netns(struct store *store, const char *name, uint64_t inode, struct fail *fail);
int store_remove_netns(struct store *store, const char *name, struct fail *fail);
bool store_has_netns(struct store *store, const char *name, uint64_t *ret_inode);
typedef void (*store_netns_fn)(void *user, const char *name, uint64_t inode);
int store_each_netns(struct store *store, store_netns_fn each, void *user, struct fail *fail);

// A certificate that was signed for a host. Times are seconds since 1970; revoked 0: it is not.
struct certificate_row {
	char serial[44], host[64];
	int64_t not_before, not_after, revoked;
};

int store_put_certificate(struct store *store, const struct certificate_row *row, int64_t now,
                          struct fail *fail);
// All of the host that hold now; how many that were.
int store_revoke_certificates(struct store *store, const char *host, int64_t now, unsigned *ret,
                              struct fail *fail);
// -ENOENT: no such certificate was signed.
int store_certificate(struct store *store, const char *serial, struct certificate_row *ret,
                      struct fail *fail);
// The one of the host that holds longest; if none holds, one that did.
int store_newest_certificate(struct store *store, const char *host, struct certificate_row *ret,
                             struct fail *fail);
// A certificate that holds, of the first host behind that name in the order of names; -ENOENT: none.
int store_next_enrolled(struct store *store, const char *after, struct certificate_row *ret,
                        struct fail *fail);
