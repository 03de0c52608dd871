// SPDX-License-Identifier: BSD-3-Clause
//
// store_lease: addresses that guests were given, and namespaces that we made.
//
// Both are facts of the world outside rather than intent, so they have no revisions.

#include "controller/store_priv.h"

#include <stdio.h>

int store_put_lease(struct store *store, const struct lease_row *lease, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?)", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)lease->scope);
	sqlite3_bind_blob(statement, 2, lease->mac.b, 6, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 3, lease->ip.b, 16, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)lease->expires);
	sqlite3_bind_blob(statement, 5, lease->client_id, (int)lease->client_id_len, SQLITE_STATIC);
	sqlite3_bind_text(statement, 6, lease->hostname, -1, SQLITE_STATIC);
	err = store_run(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_remove_lease(struct store *store, uint64_t scope, struct mac mac, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "DELETE FROM lease WHERE scope = ? AND mac = ?", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)scope);
	sqlite3_bind_blob(statement, 2, mac.b, 6, SQLITE_STATIC);
	err = store_run(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

static bool read_lease(sqlite3_stmt *row, struct lease_row *ret)
{
	const unsigned char *hostname = sqlite3_column_text(row, 5);
	int client_id_len = sqlite3_column_bytes(row, 4);

	if (sqlite3_column_bytes(row, 1) != 6 || sqlite3_column_bytes(row, 2) != 16 ||
	    client_id_len > (int)sizeof(ret->client_id))
		return false;
	*ret = (struct lease_row){
		.scope = (uint64_t)sqlite3_column_int64(row, 0),
		.expires = (uint64_t)sqlite3_column_int64(row, 3),
		.client_id_len = (size_t)client_id_len,
	};
	memcpy(ret->mac.b, sqlite3_column_blob(row, 1), 6);
	memcpy(ret->ip.b, sqlite3_column_blob(row, 2), 16);
	if (client_id_len > 0)
		memcpy(ret->client_id, sqlite3_column_blob(row, 4), (size_t)client_id_len);
	snprintf(ret->hostname, sizeof(ret->hostname), "%s",
	         hostname ? (const char *)hostname : "");
	return true;
}

int store_each_lease(struct store *store, store_lease_fn each, void *user, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store, "SELECT scope, mac, ip, expires, client_id, hostname FROM lease", fail);
	struct lease_row lease;
	int step;

	if (!statement)
		return fail->code;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW)
		if (read_lease(statement, &lease))
			each(user, &lease);
	if (step != SQLITE_DONE)
		store_fail(store, fail);
	sqlite3_finalize(statement);
	return step == SQLITE_DONE ? 0 : fail->code;
}

// Namespaces do not outlive the machine either, so what is noted of them need not.
int store_put_netns(struct store *store, const char *name, uint64_t inode, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "INSERT OR REPLACE INTO netns VALUES (?, ?)", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)inode);
	err = store_run_lazily(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_remove_netns(struct store *store, const char *name, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(store, "DELETE FROM netns WHERE name = ?", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	err = store_run_lazily(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

bool store_has_netns(struct store *store, const char *name, uint64_t *ret_inode)
{
	struct fail ignored = {0};
	sqlite3_stmt *statement =
		store_query(store, "SELECT inode FROM netns WHERE name = ?", &ignored);
	bool has;

	if (!statement)
		return false;
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	has = sqlite3_step(statement) == SQLITE_ROW;
	if (has)
		*ret_inode = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return has;
}

int store_each_netns(struct store *store, store_netns_fn each, void *user, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT name, inode FROM netns ORDER BY inode, name", fail);
	int step;

	if (!statement)
		return fail->code;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW)
		each(user, (const char *)sqlite3_column_text(statement, 0),
		     (uint64_t)sqlite3_column_int64(statement, 1));
	if (step != SQLITE_DONE)
		store_fail(store, fail);
	sqlite3_finalize(statement);
	return step == SQLITE_DONE ? 0 : fail->code;
}
