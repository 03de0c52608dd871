// SPDX-License-Identifier: BSD-3-Clause
//
// store_certificate: what the authority has signed for hosts, and what of it does not hold any more.
//
// A certificate that is not written down here is not taken, whoever signed it: so one that was signed and
// whose record was lost with the machine is as good as never made. Expired ones are kept for a while, to
// be told apart from those that never were.

#include "controller/store_priv.h"

#include <errno.h>
#include <stdio.h>

enum { KEEP_EXPIRED_SECONDS = 90 * 24 * 3600 };

static int forget_old(struct store *store, int64_t before, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "DELETE FROM certificate WHERE not_after < ?", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, before);
	err = store_run_lazily(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_put_certificate(struct store *store, const struct certificate_row *row, int64_t now,
                          struct fail *fail)
{
	int err = forget_old(store, now - KEEP_EXPIRED_SECONDS, fail);
	sqlite3_stmt *statement =
		err == 0
			? store_query(store, "INSERT INTO certificate VALUES (?, ?, ?, ?, ?)", fail)
			: NULL;

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, row->serial, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, row->host, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, row->not_before);
	sqlite3_bind_int64(statement, 4, row->not_after);
	sqlite3_bind_int64(statement, 5, row->revoked);
	err = store_run(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_revoke_certificates(struct store *store, const char *host, int64_t now, unsigned *ret,
                              struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store, "UPDATE certificate SET revoked = ? WHERE host = ? AND revoked = 0", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, now);
	sqlite3_bind_text(statement, 2, host, -1, SQLITE_STATIC);
	err = store_run(store, statement, fail);
	if (err == 0)
		*ret = (unsigned)sqlite3_changes(store->db);
	sqlite3_finalize(statement);
	return err;
}

static int read_row(struct store *store, sqlite3_stmt *statement, struct certificate_row *ret,
                    struct fail *fail)
{
	int step = sqlite3_step(statement);
	int err = -ENOENT;

	if (step == SQLITE_ROW) {
		*ret = (struct certificate_row){
			.not_before = sqlite3_column_int64(statement, 2),
			.not_after = sqlite3_column_int64(statement, 3),
			.revoked = sqlite3_column_int64(statement, 4),
		};
		snprintf(ret->serial, sizeof(ret->serial), "%s", sqlite3_column_text(statement, 0));
		snprintf(ret->host, sizeof(ret->host), "%s", sqlite3_column_text(statement, 1));
		err = 0;
	} else if (step != SQLITE_DONE) {
		err = store_fail(store, fail);
	}
	sqlite3_finalize(statement);
	return err;
}

int store_certificate(struct store *store, const char *serial, struct certificate_row *ret,
                      struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "SELECT * FROM certificate WHERE serial = ?", fail);

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, serial, -1, SQLITE_STATIC);
	return read_row(store, statement, ret, fail);
}

int store_newest_certificate(struct store *store, const char *host, struct certificate_row *ret,
                             struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store,
	                    "SELECT * FROM certificate WHERE host = ? ORDER BY revoked = 0 DESC,"
	                    " not_after DESC LIMIT 1",
	                    fail);

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, host, -1, SQLITE_STATIC);
	return read_row(store, statement, ret, fail);
}

int store_next_enrolled(struct store *store, const char *after, struct certificate_row *ret,
                        struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store,
		"SELECT * FROM certificate WHERE revoked = 0 AND host > ? ORDER BY host LIMIT 1",
		fail);

	if (!statement)
		return fail->code;
	sqlite3_bind_text(statement, 1, after, -1, SQLITE_STATIC);
	return read_row(store, statement, ret, fail);
}
