// SPDX-License-Identifier: BSD-3-Clause
//
// store_schema: the tables, and the way from each older version of them to the newest.
//
// A step runs in a transaction together with the new version number, so a crash leaves the old
// version or the new one. A database from a newer program is refused, and left as it is.

#include "controller/store_priv.h"

#include <errno.h>
#include <stdio.h>

static const char *const steps[] = {
	// 0 -> 1
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE object (noun TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY (noun, name)) WITHOUT ROWID;"
	"CREATE TABLE revision (number INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
	" time INTEGER NOT NULL, uid INTEGER NOT NULL, state_of INTEGER NOT NULL,"
	" confirm_deadline INTEGER NOT NULL, command TEXT NOT NULL);"
	"CREATE TABLE change (revision INTEGER NOT NULL REFERENCES revision ON DELETE CASCADE,"
	" noun TEXT NOT NULL, name TEXT NOT NULL, before BLOB, after BLOB,"
	" PRIMARY KEY (revision, noun, name)) WITHOUT ROWID;"
	"CREATE TABLE lease (scope INTEGER NOT NULL, mac BLOB NOT NULL, ip BLOB NOT NULL,"
	" expires INTEGER NOT NULL, client_id BLOB, hostname TEXT,"
	" PRIMARY KEY (scope, mac)) WITHOUT ROWID;"
	"CREATE TABLE netns (name TEXT PRIMARY KEY, inode INTEGER NOT NULL) WITHOUT ROWID;",
	// 1 -> 2: ports of virtual machines. The tables stay as they are; but a program that knows no such port
	// would take one for a TAP, and make it, so it must not open the database.
	"",
	// 2 -> 3: certificates of hosts on other machines.
	"CREATE TABLE certificate (serial TEXT PRIMARY KEY, host TEXT NOT NULL,"
	" not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE INDEX certificate_of ON certificate (host, not_before);",
};

enum { NEWEST = sizeof(steps) / sizeof(steps[0]) };

static int version_of(struct store *store, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(store, "PRAGMA user_version", fail);
	int version;

	if (!statement)
		return fail->code;
	version = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0)
	                                                : store_fail(store, fail);
	sqlite3_finalize(statement);
	return version;
}

int store_migrate(struct store *store, struct fail *fail)
{
	int version = version_of(store, fail);

	if (version < 0)
		return version;
	if (version > NEWEST) {
		fail_set(fail, -EPROTO, "the database %s has version %d, and this program knows %d",
		         store->path, version, NEWEST);
		fail_hint(fail, "it was written by a newer weft-controller; use that one");
		return -EPROTO;
	}
	for (; version < NEWEST; version++) {
		char set[64];
		int err = store_begin(store, fail);

		snprintf(set, sizeof(set), "PRAGMA user_version = %d", version + 1);
		if (err == 0)
			err = store_exec(store, steps[version], fail);
		if (err == 0)
			err = store_exec(store, set, fail);
		err = store_end(store, err, fail);
		if (err < 0)
			return err;
	}
	return 0;
}
