// SPDX-License-Identifier: BSD-3-Clause
//
// store_ways: what the hosts told of the ways between them: "ways/HOST" among the store's facts about itself.
//
// It is written without waiting for the disk, since the hosts can tell it again.

#include "controller/store_priv.h"

#include <stdio.h>

enum { PREFIX = sizeof("ways/") - 1 };

int store_put_ways(struct store *store, const char *host, const char *text, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "INSERT OR REPLACE INTO meta VALUES ('ways/' || ?, ?)", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, host, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
	err = store_run_lazily(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_remove_ways(struct store *store, const char *host, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "DELETE FROM meta WHERE key = 'ways/' || ?", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, host, -1, SQLITE_STATIC);
	err = store_run_lazily(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_each_ways(struct store *store, store_ways_fn each, void *user, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store, "SELECT key, value FROM meta WHERE key GLOB 'ways/*' ORDER BY key", fail);
	int step;

	if (!statement)
		return fail->code;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW)
		each(user, (const char *)sqlite3_column_text(statement, 0) + PREFIX,
		     (const char *)sqlite3_column_text(statement, 1));
	if (step != SQLITE_DONE)
		store_fail(store, fail);
	sqlite3_finalize(statement);
	return step == SQLITE_DONE ? 0 : fail->code;
}
