// SPDX-License-Identifier: BSD-3-Clause
//
// store_revision: objects and the revisions that made them what they are.
//
// A change is written whole before the datapath hears of it: objects as they are to be, and the revision
// as pending with what they were. After that only one number is left to be changed, or all taken
// back. Whoever opens the store after a crash finds at most one revision that is not done.

#include "controller/store_priv.h"

#include <errno.h>
#include <stdio.h>

enum { KEPT_REVISIONS = 10000 };

int store_load(struct store *store, store_object_fn each, void *user, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(store, "SELECT body FROM object", fail);
	int err = 0, step = SQLITE_DONE;

	if (!statement)
		return fail->code;
	while (err == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		err = each(user, sqlite3_column_blob(statement, 0),
		           (size_t)sqlite3_column_bytes(statement, 0));
		if (err < 0)
			fail_set(fail, err, "the database %s holds an object that cannot be read",
			         store->path);
	}
	if (err == 0 && step != SQLITE_DONE)
		err = store_fail(store, fail);
	sqlite3_finalize(statement);
	return err;
}

static void read_revision(sqlite3_stmt *row, struct revision *ret)
{
	const unsigned char *command = sqlite3_column_text(row, 6);

	*ret = (struct revision){
		.number = (uint64_t)sqlite3_column_int64(row, 0),
		.state = (enum revision_state)sqlite3_column_int(row, 1),
		.time = sqlite3_column_int64(row, 2),
		.uid = (uint32_t)sqlite3_column_int64(row, 3),
		.state_of = (uint64_t)sqlite3_column_int64(row, 4),
		.confirm_deadline = sqlite3_column_int64(row, 5),
	};
	snprintf(ret->command, sizeof(ret->command), "%s", command ? (const char *)command : "");
}

#define REVISION_COLUMNS "number, state, time, uid, state_of, confirm_deadline, command"

int store_head(struct store *store, struct revision *ret, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store, "SELECT " REVISION_COLUMNS " FROM revision ORDER BY number DESC LIMIT 1",
		fail);
	int err = 0;

	if (!statement)
		return fail->code;
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		read_revision(statement, ret);
		break;
	case SQLITE_DONE:
		*ret = (struct revision){.state = REVISION_DONE};
		break;
	default:
		err = store_fail(store, fail);
	}
	sqlite3_finalize(statement);
	return err;
}

int store_revision(struct store *store, uint64_t number, struct revision *ret, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store, "SELECT " REVISION_COLUMNS " FROM revision WHERE number = ?", fail);
	int err = 0;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	if (sqlite3_step(statement) == SQLITE_ROW)
		read_revision(statement, ret);
	else
		err = fail_set(fail, -ENOENT, "there is no revision %llu",
		               (unsigned long long)number);
	sqlite3_finalize(statement);
	return err;
}

static int insert_revision(struct store *store, const struct revision *revision, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?)", fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)revision->number);
	sqlite3_bind_int(statement, 2, REVISION_PENDING);
	sqlite3_bind_int64(statement, 3, revision->time);
	sqlite3_bind_int64(statement, 4, revision->uid);
	sqlite3_bind_int64(statement, 5, (sqlite3_int64)revision->state_of);
	sqlite3_bind_int64(statement, 6, revision->confirm_deadline);
	sqlite3_bind_text(statement, 7, revision->command, -1, SQLITE_STATIC);
	err = store_run(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

// The statements of one batch, prepared once.
struct writer {
	sqlite3_stmt *change, *put, *remove;
};

static int writer_init(struct store *store, struct writer *writer, struct fail *fail)
{
	writer->change = store_query(store, "INSERT INTO change VALUES (?, ?, ?, ?, ?)", fail);
	writer->put = store_query(store, "INSERT OR REPLACE INTO object VALUES (?, ?, ?)", fail);
	writer->remove = store_query(store, "DELETE FROM object WHERE noun = ? AND name = ?", fail);
	return writer->change && writer->put && writer->remove ? 0 : fail->code;
}

static void writer_fini(struct writer *writer)
{
	sqlite3_finalize(writer->change);
	sqlite3_finalize(writer->put);
	sqlite3_finalize(writer->remove);
}

static int write_object(struct store *store, struct writer *writer, const char *noun,
                        const char *name, const void *body, size_t len, struct fail *fail)
{
	sqlite3_stmt *statement = body ? writer->put : writer->remove;

	sqlite3_bind_text(statement, 1, noun, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
	if (body)
		sqlite3_bind_blob(statement, 3, body, (int)len, SQLITE_STATIC);
	return store_run(store, statement, fail);
}

static void bind_body(sqlite3_stmt *statement, int index, const struct intent *intent)
{
	if (intent)
		sqlite3_bind_blob(statement, index, intent->packed, (int)intent->len,
		                  SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, index);
}

static int write_change(struct store *store, struct writer *writer, uint64_t revision,
                        const struct model_change *change, struct fail *fail)
{
	const char *name, *noun = noun_word(noun_of_key(change->key, &name));
	int err;

	sqlite3_bind_int64(writer->change, 1, (sqlite3_int64)revision);
	sqlite3_bind_text(writer->change, 2, noun, -1, SQLITE_STATIC);
	sqlite3_bind_text(writer->change, 3, name, -1, SQLITE_STATIC);
	bind_body(writer->change, 4, change->before);
	bind_body(writer->change, 5, change->after);
	err = store_run(store, writer->change, fail);
	if (err < 0)
		return err;
	return write_object(store, writer, noun, name, change->after ? change->after->packed : NULL,
	                    change->after ? change->after->len : 0, fail);
}

static int prune(struct store *store, uint64_t newest, struct fail *fail)
{
	char sql[96];

	if (newest <= KEPT_REVISIONS)
		return 0;
	snprintf(sql, sizeof(sql), "DELETE FROM revision WHERE number <= %llu",
	         (unsigned long long)(newest - KEPT_REVISIONS));
	return store_exec(store, sql, fail);
}

int store_prepare(struct store *store, const struct revision *revision,
                  const struct model_change *changes, size_t count, struct fail *fail)
{
	struct writer writer = {0};
	int err = store_begin(store, fail);

	if (err < 0)
		return err;
	err = insert_revision(store, revision, fail);
	if (err == 0)
		err = writer_init(store, &writer, fail);
	for (size_t i = 0; i < count && err == 0; i++)
		err = write_change(store, &writer, revision->number, &changes[i], fail);
	if (err == 0)
		err = prune(store, revision->number, fail);
	writer_fini(&writer);
	return store_end(store, err, fail);
}

int store_finish(struct store *store, uint64_t number, enum revision_state state, struct fail *fail)
{
	sqlite3_stmt *statement =
		store_query(store, "UPDATE revision SET state = ? WHERE number = ?", fail);
	struct revision was;
	struct fail ignored = {0};
	bool promised = store_revision(store, number, &was, &ignored) < 0 || was.confirm_deadline;
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int(statement, 1, (int)state);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
	// A mark that is lost leaves the revision pending, and the next resync sets it again. What
	// somebody confirmed would be taken back instead.
	err = promised ? store_run(store, statement, fail)
	               : store_run_lazily(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

static int each_change(struct store *store, const char *sql, uint64_t number, store_change_fn each,
                       void *user, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(store, sql, fail);
	int err = 0, step = SQLITE_DONE;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	while (err == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		err = each(user, (const char *)sqlite3_column_text(statement, 0),
		           (const char *)sqlite3_column_text(statement, 1),
		           sqlite3_column_blob(statement, 2),
		           (size_t)sqlite3_column_bytes(statement, 2),
		           sqlite3_column_blob(statement, 3),
		           (size_t)sqlite3_column_bytes(statement, 3));
		if (err < 0 && fail->code == 0)
			fail_errno(fail, err, "the history in %s cannot be read", store->path);
	}
	if (err == 0 && step != SQLITE_DONE)
		err = store_fail(store, fail);
	sqlite3_finalize(statement);
	return err;
}

int store_changes(struct store *store, uint64_t number, store_change_fn each, void *user,
                  struct fail *fail)
{
	return each_change(store, "SELECT noun, name, before, after FROM change WHERE revision = ?",
	                   number, each, user, fail);
}

int store_changes_since(struct store *store, uint64_t number, store_change_fn each, void *user,
                        struct fail *fail)
{
	// With min() SQLite takes the other columns from the row that has the least.
	return each_change(store,
	                   "SELECT noun, name, before, after, min(revision) FROM change "
	                   "WHERE revision > ? GROUP BY noun, name",
	                   number, each, user, fail);
}

struct reverting {
	struct store *store;
	struct writer writer;
	struct fail *fail;
};

static int revert_one(void *user, const char *noun, const char *name, const void *before,
                      size_t before_len, const void *after, size_t after_len)
{
	struct reverting *reverting = user;

	return write_object(reverting->store, &reverting->writer, noun, name, before, before_len,
	                    reverting->fail);
}

_Static_assert(REVISION_UNDONE == 3, "store_undo() writes the number");

static int settle_fate(struct store *store, uint64_t number, const char *sql, struct fail *fail)
{
	sqlite3_stmt *statement = store_query(store, sql, fail);
	int err;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	err = store_run(store, statement, fail);
	sqlite3_finalize(statement);
	return err;
}

// => `fate` is what becomes of the revision itself, in SQL with its number as ?1.
static int revert(struct store *store, uint64_t number, const char *fate, struct fail *fail)
{
	struct reverting reverting = {.store = store, .fail = fail};
	int err = store_begin(store, fail);

	if (err < 0)
		return err;
	err = writer_init(store, &reverting.writer, fail);
	if (err == 0)
		err = store_changes(store, number, revert_one, &reverting, fail);
	writer_fini(&reverting.writer);
	if (err == 0)
		err = settle_fate(store, number, fate, fail);
	return store_end(store, err, fail);
}

int store_revert(struct store *store, uint64_t number, struct fail *fail)
{
	return revert(store, number, "DELETE FROM revision WHERE number = ?1", fail);
}

int store_undo(struct store *store, uint64_t number, struct fail *fail)
{
	// It stands for the state before it, from where the next undo goes on.
	return revert(store, number,
	              "UPDATE revision SET state = 3, confirm_deadline = 0, state_of = "
	              "coalesce((SELECT state_of FROM revision WHERE number < ?1 "
	              "ORDER BY number DESC LIMIT 1), 0) WHERE number = ?1",
	              fail);
}

int store_history(struct store *store, unsigned limit, store_revision_fn each, void *user,
                  struct fail *fail)
{
	sqlite3_stmt *statement = store_query(
		store, "SELECT " REVISION_COLUMNS " FROM revision ORDER BY number DESC LIMIT ?",
		fail);
	struct revision revision;
	int step;

	if (!statement)
		return fail->code;
	sqlite3_bind_int64(statement, 1, limit);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		read_revision(statement, &revision);
		each(user, &revision);
	}
	if (step != SQLITE_DONE)
		store_fail(store, fail);
	sqlite3_finalize(statement);
	return step == SQLITE_DONE ? 0 : fail->code;
}
