// SPDX-License-Identifier: BSD-3-Clause
//
// store_priv: what the files of the store share.

#pragma once

#include "controller/store.h"

#include <limits.h>
#include <sqlite3.h>

struct store {
	sqlite3 *db;
	int lock;
	char dir[PATH_MAX];
	char path[PATH_MAX];
	struct instance instance;
	uint64_t epoch;
};

// Says why the last call on the database failed; returns the -errno it comes to.
int store_fail(struct store *store, struct fail *fail);

int store_exec(struct store *store, const char *sql, struct fail *fail);
int store_begin(struct store *store, struct fail *fail);
// Commits when err is 0, else rolls back; returns what the whole came to.
int store_end(struct store *store, int err, struct fail *fail);

// NULL when it fails, which is then in fail. => sqlite3_finalize().
sqlite3_stmt *store_query(struct store *store, const char *sql, struct fail *fail);
// Runs a statement that returns no rows, and makes it ready to be run again.
int store_run(struct store *store, sqlite3_stmt *statement, struct fail *fail);

// The same, without waiting for the disk: it outlives this process, but perhaps not the machine.
int store_run_lazily(struct store *store, sqlite3_stmt *statement, struct fail *fail);

int store_migrate(struct store *store, struct fail *fail);
