// SPDX-License-Identifier: BSD-3-Clause
//
// store: opening, locking, checking and copying the database.
//
// The journal is a write-ahead log, flushed at each commit, so a power cut loses nothing that was
// answered. The file is checked when it is opened, and copied only after it was found whole: the copy
// is always one that can be gone back to.

#include "controller/store_priv.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int code_of(sqlite3 *db)
{
	switch (sqlite3_errcode(db)) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	default:
		return sqlite3_system_errno(db) > 0 ? -sqlite3_system_errno(db) : -EIO;
	}
}

// Short enough that a long path does not push the second way out of the hint.
static void hint_at_repair(const struct store *store, struct fail *fail)
{
	fail_hint(fail,
	          "put the last good copy, %s.bak, in its place and remove weft.db-wal; or begin "
	          "empty with --fresh, which moves it aside",
	          store->path);
}

int store_fail(struct store *store, struct fail *fail)
{
	int code = code_of(store->db);

	if (code == -EFBIG || code == -EDQUOT)
		code = -ENOSPC;
	if (code == -ENOSPC) {
		fail_set(fail, code, "the disk that holds %s is full", store->path);
		fail_hint(fail, "nothing was changed; make room there and try again");
	} else if (code == -EUCLEAN) {
		fail_set(fail, code, "the database %s is damaged (%s)", store->path,
		         sqlite3_errmsg(store->db));
		hint_at_repair(store, fail);
	} else {
		fail_set(fail, code, "the database %s: %s", store->path, sqlite3_errmsg(store->db));
	}
	return code;
}

int store_exec(struct store *store, const char *sql, struct fail *fail)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return store_fail(store, fail);
}

int store_begin(struct store *store, struct fail *fail)
{
	return store_exec(store, "BEGIN IMMEDIATE", fail);
}

int store_end(struct store *store, int err, struct fail *fail)
{
	if (err == 0)
		err = store_exec(store, "COMMIT", fail);
	// Some failures have ended the transaction already; then there is nothing to roll back.
	if (err < 0 && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

sqlite3_stmt *store_query(struct store *store, const char *sql, struct fail *fail)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK)
		store_fail(store, fail);
	return statement;
}

int store_run(struct store *store, sqlite3_stmt *statement, struct fail *fail)
{
	int err = sqlite3_step(statement) == SQLITE_DONE ? 0 : store_fail(store, fail);

	sqlite3_reset(statement);
	return err;
}

int store_run_lazily(struct store *store, sqlite3_stmt *statement, struct fail *fail)
{
	int err;

	sqlite3_exec(store->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	err = store_run(store, statement, fail);
	sqlite3_exec(store->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	return err;
}

static int lock_dir(struct store *store, struct fail *fail)
{
	char path[PATH_MAX], pid[32] = "";
	ssize_t len;

	if (path_join(path, sizeof(path), store->dir, "weft.lock") < 0)
		return fail_set(fail, -ENAMETOOLONG, "the path %s is too long", store->dir);
	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock < 0)
		return fail_errno(fail, -errno, "cannot open %s", path);
	if (flock(store->lock, LOCK_EX | LOCK_NB) < 0) {
		len = pread(store->lock, pid, sizeof(pid) - 1, 0);
		pid[len > 0 ? len : 0] = '\0';
		fail_set(fail, -EBUSY, "another weft-controller%s%s has the state in %s",
		         pid[0] ? " with pid " : "", pid, store->dir);
		fail_hint(fail, "use that one, stop it, or give this one a --state-dir of its own");
		return -EBUSY;
	}
	len = snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (ftruncate(store->lock, 0) < 0 || pwrite(store->lock, pid, (size_t)len, 0) != len)
		return fail_errno(fail, -errno, "cannot write %s", path);
	return 0;
}

// Out of the way, but not lost.
static int move_aside(struct store *store, struct fail *fail)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char from[PATH_MAX + 8], to[PATH_MAX + 40];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", store->path, parts[i]);
		snprintf(to, sizeof(to), "%s.old-%lld%s", store->path, (long long)time(NULL),
		         parts[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return fail_errno(fail, -errno, "cannot move %s aside", from);
	}
	return 0;
}

static int check(struct store *store, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(store, "PRAGMA quick_check(1)", fail);
	const char *result;
	int err = 0;

	if (!statement)
		return fail->code;
	if (sqlite3_step(statement) != SQLITE_ROW) {
		err = store_fail(store, fail);
	} else {
		result = (const char *)sqlite3_column_text(statement, 0);
		if (!result || strcmp(result, "ok") != 0) {
			err = fail_set(fail, -EUCLEAN, "the database %s is damaged (%s)",
			               store->path, result ? result : "unreadable");
			hint_at_repair(store, fail);
		}
	}
	sqlite3_finalize(statement);
	return err;
}

static int load_instance(struct store *store, struct fail *fail)
{
	sqlite3_stmt *statement;
	int err = store_exec(store,
	                     "INSERT OR IGNORE INTO meta VALUES ('instance', randomblob(16));"
	                     "INSERT OR IGNORE INTO meta VALUES ('epoch', 0);"
	                     "UPDATE meta SET value = value + 1 WHERE key = 'epoch'",
	                     fail);

	if (err < 0)
		return err;
	statement = store_query(store,
	                        "SELECT (SELECT value FROM meta WHERE key = 'instance'), "
	                        "(SELECT value FROM meta WHERE key = 'epoch')",
	                        fail);
	if (!statement)
		return fail->code;
	if (sqlite3_step(statement) != SQLITE_ROW || sqlite3_column_bytes(statement, 0) != 16) {
		err = fail_set(fail, -EUCLEAN, "the database %s does not say whose it is",
		               store->path);
	} else {
		memcpy(store->instance.uuid, sqlite3_column_blob(statement, 0), 16);
		store->epoch = (uint64_t)sqlite3_column_int64(statement, 1);
	}
	sqlite3_finalize(statement);
	return err;
}

static int open_db(struct store *store, struct fail *fail)
{
	int err;

	if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	                    NULL) != SQLITE_OK)
		return store_fail(store, fail);
	sqlite3_extended_result_codes(store->db, 0);
	sqlite3_busy_timeout(store->db, 2000);
	err = store_exec(store,
	                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	                 "PRAGMA foreign_keys = ON",
	                 fail);
	if (err == 0)
		err = check(store, fail);
	if (err == 0)
		err = store_migrate(store, fail);
	return err == 0 ? load_instance(store, fail) : err;
}

int store_open(const char *dir, bool fresh, struct store **ret, struct fail *fail)
{
	struct store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return fail_set(fail, -ENOMEM, "out of memory");
	store->lock = -1;
	snprintf(store->dir, sizeof(store->dir), "%s", dir);
	err = path_make_dirs(dir, 0750);
	if (err < 0)
		err = fail_errno(fail, err, "cannot make the directory %s", dir);
	if (err == 0 && path_join(store->path, sizeof(store->path), dir, "weft.db") < 0)
		err = fail_set(fail, -ENAMETOOLONG, "the path %s is too long", dir);
	if (err == 0)
		err = lock_dir(store, fail);
	if (err == 0 && fresh)
		err = move_aside(store, fail);
	if (err == 0)
		err = open_db(store, fail);
	if (err < 0) {
		store_close(store);
		return err;
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	sqlite3_close(store->db);
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}

const struct instance *store_instance(const struct store *store)
{
	return &store->instance;
}

uint64_t store_epoch(const struct store *store)
{
	return store->epoch;
}

int store_backup(struct store *store, struct fail *fail)
{
	char good[PATH_MAX + 8], partial[PATH_MAX + 16];
	sqlite3_backup *backup;
	sqlite3 *copy = NULL;
	int err = 0;

	snprintf(good, sizeof(good), "%s.bak", store->path);
	snprintf(partial, sizeof(partial), "%s.bak.new", store->path);
	unlink(partial);
	if (sqlite3_open_v2(partial, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
	    SQLITE_OK) {
		backup = sqlite3_backup_init(copy, "main", store->db, "main");
		if (backup)
			sqlite3_backup_step(backup, -1);
		if (!backup || sqlite3_backup_finish(backup) != SQLITE_OK)
			err = code_of(copy);
	} else {
		err = code_of(copy);
	}
	sqlite3_close(copy);
	if (err == 0 && rename(partial, good) < 0)
		err = -errno;
	if (err == 0)
		return 0;
	unlink(partial);
	return fail_errno(fail, err, "cannot copy %s to %s", store->path, good);
}
