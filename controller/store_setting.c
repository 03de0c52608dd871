// SPDX-License-Identifier: BSD-3-Clause
//
// store_setting: how the controller was started, as far as the next start is to know: "setting/NAME" among the store's
// facts about itself. It is no part of the intent: undo leaves it as it is.

#include "controller/store_priv.h"

#include <errno.h>
#include <stdio.h>

int store_put_setting(struct store *store, const char *name, const char *value, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store,
	                    value ? "INSERT OR REPLACE INTO meta VALUES ('setting/' || ?1, ?2)"
	                          : "DELETE FROM meta WHERE key = 'setting/' || ?1",
	                    fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	if (value)
		sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
	err = store_run(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_setting(struct store *store, const char *name, char *buf, size_t size, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT value FROM meta WHERE key = 'setting/' || ?", fail);
	int step;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		snprintf(buf, size, "%s", (const char *)sqlite3_column_text(statement, 0));
	else if (step != SQLITE_DONE)
		store_fail(store, fail);
	sqlite3_finalize(statement);
	return step == SQLITE_ROW ? 0 : step == SQLITE_DONE ? -ENOENT : fail->code;
}
