// SPDX-License-Identifier: BSD-3-Clause
//
// test_store: durability, history, and what happens when the disk or the file is not as it should be.

#include "controller/store.h"

#include "tests/unit/controller/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct place {
	char dir[UNIT_DIR];
	struct store *store;
};

static struct store *open_store(const char *dir)
{
	struct store *store = NULL;
	struct fail fail = {0};

	if (store_open(dir, false, &store, &fail) < 0)
		fail_msg("%s", fail.what);
	return store;
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	unit_make_dir(place->dir);
	place->store = open_store(place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	store_close(place->store);
	unit_remove_dir(place->dir);
	free(place);
	return 0;
}

static void reopen(struct place *place)
{
	store_close(place->store);
	place->store = open_store(place->dir);
}

// One revision that makes an object what the lines say; NULL: nothing.
static int prepare(struct store *store, uint64_t number, const char *before, const char *after,
                   struct fail *fail)
{
	struct revision revision = {.number = number, .time = 1, .uid = 7, .state_of = number};
	struct model_change change = {
		.before = before ? kit_intent(before) : NULL,
		.after = after ? kit_intent(after) : NULL,
	};
	int err;

	snprintf(change.key, sizeof(change.key), "%s",
	         change.after ? change.after->key : change.before->key);
	snprintf(revision.command, sizeof(revision.command), "weft %s", after ? after : "rm");
	err = store_prepare(store, &revision, &change, 1, fail);
	intent_free(change.before);
	intent_free(change.after);
	return err;
}

struct names {
	unsigned count;
	char last[64];
};

static int note_name(void *user, const void *packed, size_t len)
{
	struct names *names = user;
	struct intent *intent = intent_from_packed(packed, len);

	assert_non_null(intent);
	names->count++;
	snprintf(names->last, sizeof(names->last), "%s", intent->name);
	intent_free(intent);
	return 0;
}

static struct names load(struct store *store)
{
	struct names names = {0};
	struct fail fail = {0};

	assert_int_equal(store_load(store, note_name, &names, &fail), 0);
	return names;
}

static void test_survives_reopening(void **state)
{
	struct place *place = *state;
	struct instance instance = *store_instance(place->store);
	uint64_t epoch = store_epoch(place->store);
	struct fail fail = {0};
	struct revision head;

	assert_int_equal(prepare(place->store, 1, NULL, "net lan vlan=20", &fail), 0);
	assert_int_equal(store_finish(place->store, 1, REVISION_DONE, &fail), 0);
	reopen(place);
	assert_memory_equal(store_instance(place->store), &instance, sizeof(instance));
	assert_true(store_epoch(place->store) > epoch);
	assert_int_equal(load(place->store).count, 1);
	assert_int_equal(store_head(place->store, &head, &fail), 0);
	assert_int_equal(head.number, 1);
	assert_int_equal(head.state, REVISION_DONE);
	assert_int_equal(head.uid, 7);
	assert_string_equal(head.command, "weft net lan vlan=20");
}

static void test_pending_is_seen_and_taken_back(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};
	struct revision head;

	assert_int_equal(prepare(place->store, 1, NULL, "net lan vlan=20", &fail), 0);
	assert_int_equal(store_finish(place->store, 1, REVISION_DONE, &fail), 0);
	assert_int_equal(prepare(place->store, 2, "net lan vlan=20", NULL, &fail), 0);
	reopen(place);
	assert_int_equal(store_head(place->store, &head, &fail), 0);
	assert_int_equal(head.number, 2);
	assert_int_equal(head.state, REVISION_PENDING);
	assert_int_equal(load(place->store).count, 0);
	assert_int_equal(store_revert(place->store, 2, &fail), 0);
	assert_int_equal(load(place->store).count, 1);
	assert_int_equal(store_head(place->store, &head, &fail), 0);
	assert_int_equal(head.number, 1);
}

static int note_before(void *user, const char *noun, const char *name, const void *before,
                       size_t before_len, const void *after, size_t after_len)
{
	struct names *names = user;

	names->count++;
	snprintf(names->last, sizeof(names->last), "%s %s %s", noun, name,
	         before ? "was" : "was not");
	return 0;
}

static void test_history_goes_back_to_any_revision(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};
	struct names names = {0};

	assert_int_equal(prepare(place->store, 1, NULL, "net lan vlan=20", &fail), 0);
	assert_int_equal(prepare(place->store, 2, "net lan vlan=20", "net lan vlan=30", &fail), 0);
	assert_int_equal(prepare(place->store, 3, "net lan vlan=30", NULL, &fail), 0);
	assert_int_equal(store_changes_since(place->store, 1, note_before, &names, &fail), 0);
	assert_int_equal(names.count, 1);
	assert_string_equal(names.last, "net lan was");
	names = (struct names){0};
	assert_int_equal(store_changes_since(place->store, 0, note_before, &names, &fail), 0);
	assert_string_equal(names.last, "net lan was not");
}

static void test_second_controller_is_refused(void **state)
{
	struct place *place = *state;
	struct store *second = NULL;
	struct fail fail = {0};
	char pid[32];

	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	assert_int_equal(store_open(place->dir, false, &second, &fail), -EBUSY);
	assert_non_null(strstr(fail.what, pid));
	assert_non_null(strstr(fail.what, place->dir));
	assert_null(second);
}

static void damage(const char *dir)
{
	char path[UNIT_DIR + 32];
	uint8_t noise[512];
	int fd;

	snprintf(path, sizeof(path), "%s/weft.db", dir);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	memset(noise, 0x5a, sizeof(noise));
	// The header stays good, so that only the check can notice.
	for (off_t at = 100; at < 16384; at += 512)
		assert_true(pwrite(fd, noise, sizeof(noise), at) > 0);
	close(fd);
}

static void test_corrupt_database_names_file_and_way_out(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};
	char command[300];

	assert_int_equal(prepare(place->store, 1, NULL, "net lan vlan=20", &fail), 0);
	assert_int_equal(store_backup(place->store, &fail), 0);
	store_close(place->store);
	place->store = NULL;
	damage(place->dir);
	assert_int_equal(store_open(place->dir, false, &place->store, &fail), -EUCLEAN);
	assert_non_null(strstr(fail.what, "weft.db"));
	assert_non_null(strstr(fail.what, "damaged"));
	assert_non_null(strstr(fail.hint, "weft.db.bak"));
	assert_non_null(strstr(fail.hint, "--fresh"));
	// The way out that the hint tells, as it tells it.
	snprintf(command, sizeof(command), "cp %s/weft.db.bak %s/weft.db && rm -f %s/weft.db-wal",
	         place->dir, place->dir, place->dir);
	assert_int_equal(system(command), 0);
	place->store = open_store(place->dir);
	assert_int_equal(load(place->store).count, 1);
	// And the other.
	store_close(place->store);
	place->store = NULL;
	damage(place->dir);
	assert_int_equal(store_open(place->dir, true, &place->store, &fail), 0);
	assert_int_equal(load(place->store).count, 0);
	snprintf(command, sizeof(command), "ls %s/weft.db.old-* > /dev/null", place->dir);
	assert_int_equal(system(command), 0);
}

static void test_file_that_is_no_database(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};
	char path[UNIT_DIR + 32];
	FILE *file;

	store_close(place->store);
	place->store = NULL;
	snprintf(path, sizeof(path), "%s/weft.db", place->dir);
	file = fopen(path, "w");
	for (unsigned i = 0; i < 400; i++)
		fputs("this is no database\n", file);
	fclose(file);
	assert_int_equal(store_open(place->dir, false, &place->store, &fail), -EUCLEAN);
	assert_non_null(strstr(fail.what, path));
}

static void test_newer_database_is_left_alone(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};
	char path[UNIT_DIR + 32];
	sqlite3 *db;

	store_close(place->store);
	place->store = NULL;
	snprintf(path, sizeof(path), "%s/weft.db", place->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(place->dir, false, &place->store, &fail), -EPROTO);
	assert_non_null(strstr(fail.what, "99"));
}

static int version_in(const char *dir, int set)
{
	char path[UNIT_DIR + 32], text[96];
	sqlite3_stmt *statement;
	int version = set;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/weft.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (set > 0) {
		snprintf(text, sizeof(text), "DROP TABLE certificate; PRAGMA user_version = %d",
		         set);
		assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	} else {
		assert_int_equal(
			sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL),
			SQLITE_OK);
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		version = sqlite3_column_int(statement, 0);
		sqlite3_finalize(statement);
	}
	sqlite3_close(db);
	return version;
}

// From before virtual machines had ports and hosts had certificates: a number that tells who may read them,
// and a table less.
static void test_older_database_is_brought_up(void **state)
{
	struct place *place = *state;
	struct fail fail = {0};

	assert_int_equal(prepare(place->store, 1, NULL, "port h1 ifname=eth0", &fail), 0);
	assert_int_equal(store_finish(place->store, 1, REVISION_DONE, &fail), 0);
	store_close(place->store);
	version_in(place->dir, 1);
	place->store = open_store(place->dir);
	assert_int_equal(version_in(place->dir, 0), 3);
	assert_int_equal(load(place->store).count, 1);
	assert_string_equal(load(place->store).last, "h1");
	assert_int_equal(prepare(place->store, 2, NULL,
	                         "port web attach=vhost vhost_path=web.vu vhost_server=1", &fail),
	                 0);
	assert_int_equal(store_finish(place->store, 2, REVISION_DONE, &fail), 0);
	reopen(place);
	assert_int_equal(load(place->store).count, 2);
}

static void put_certificate(struct store *store, const char *serial, const char *host,
                            int64_t until)
{
	struct certificate_row row = {.not_before = 100, .not_after = until};
	struct fail fail = {0};

	snprintf(row.serial, sizeof(row.serial), "%s", serial);
	snprintf(row.host, sizeof(row.host), "%s", host);
	assert_int_equal(store_put_certificate(store, &row, 1000, &fail), 0);
}

static void test_certificates_are_kept_and_revoked(void **state)
{
	struct place *place = *state;
	struct certificate_row row;
	struct fail fail = {0};
	unsigned count = 9;

	put_certificate(place->store, "01", "b", 3000);
	put_certificate(place->store, "02", "b", 2000);
	put_certificate(place->store, "03", "c", 4000);
	row = (struct certificate_row){.serial = "01", .host = "d"};
	assert_true(store_put_certificate(place->store, &row, 1000, &fail) < 0);
	reopen(place);
	assert_int_equal(store_certificate(place->store, "02", &row, &fail), 0);
	assert_string_equal(row.host, "b");
	assert_true(row.not_before == 100 && row.not_after == 2000 && row.revoked == 0);
	assert_int_equal(store_certificate(place->store, "04", &row, &fail), -ENOENT);

	assert_int_equal(store_newest_certificate(place->store, "b", &row, &fail), 0);
	assert_string_equal(row.serial, "01");
	assert_int_equal(store_next_enrolled(place->store, "", &row, &fail), 0);
	assert_string_equal(row.host, "b");
	assert_int_equal(store_next_enrolled(place->store, "b", &row, &fail), 0);
	assert_string_equal(row.host, "c");
	assert_int_equal(store_next_enrolled(place->store, "c", &row, &fail), -ENOENT);
	assert_int_equal(store_revoke_certificates(place->store, "b", 1500, &count, &fail), 0);
	assert_int_equal(count, 2);
	assert_int_equal(store_revoke_certificates(place->store, "b", 1600, &count, &fail), 0);
	assert_int_equal(count, 0);
	put_certificate(place->store, "05", "b", 1700);
	reopen(place);
	// One that holds comes before those that held longer.
	assert_int_equal(store_newest_certificate(place->store, "b", &row, &fail), 0);
	assert_string_equal(row.serial, "05");
	assert_int_equal(store_certificate(place->store, "01", &row, &fail), 0);
	assert_true(row.revoked == 1500);
	assert_int_equal(store_certificate(place->store, "03", &row, &fail), 0);
	assert_true(row.revoked == 0);
	assert_int_equal(store_newest_certificate(place->store, "d", &row, &fail), -ENOENT);

	// Long after their end they are forgotten.
	row = (struct certificate_row){
		.serial = "06", .host = "b", .not_after = INT64_C(2000000000)};
	assert_int_equal(store_put_certificate(place->store, &row, INT64_C(1900000000), &fail), 0);
	assert_int_equal(store_certificate(place->store, "03", &row, &fail), -ENOENT);
}

// Fills the disk with revisions until one is refused; returns how many were not.
static uint64_t fill_disk(struct store *store)
{
	struct fail fail = {0};
	char line[300];
	uint64_t n = 0;
	int err = 0;

	while (err == 0 && n < 5000) {
		n++;
		snprintf(line, sizeof(line), "net n%llu vlan=%llu subnet=10.0.0.0/24 dns=%0200d",
		         (unsigned long long)n, (unsigned long long)n, 7);
		err = prepare(store, n, NULL, line, &fail);
	}
	assert_int_equal(err, -ENOSPC);
	assert_non_null(strstr(fail.what, "full"));
	assert_non_null(strstr(fail.what, "weft.db"));
	assert_true(fail.hint[0]);
	return n - 1;
}

static void test_full_disk(void **state)
{
	struct place *place = *state;
	char disk[UNIT_DIR + 16];
	struct revision head;
	struct fail fail = {0};
	uint64_t done;

	require_root();
	snprintf(disk, sizeof(disk), "%s/disk", place->dir);
	assert_int_equal(mkdir(disk, 0700), 0);
	assert_int_equal(mount("none", disk, "tmpfs", 0, "size=512k"), 0);
	store_close(place->store);
	place->store = open_store(disk);
	done = fill_disk(place->store);
	assert_true(done > 10);
	// Nothing is half-done, and reading goes on.
	assert_int_equal(load(place->store).count, done);
	// With room again everything that was answered is there, and more can come.
	assert_int_equal(mount("none", disk, "tmpfs", MS_REMOUNT, "size=4m"), 0);
	assert_int_equal(prepare(place->store, done + 1, NULL, "net last vlan=4000", &fail), 0);
	store_close(place->store);
	place->store = open_store(disk);
	assert_int_equal(store_head(place->store, &head, &fail), 0);
	assert_int_equal(head.number, done + 1);
	assert_int_equal(load(place->store).count, done + 1);
	store_close(place->store);
	place->store = NULL;
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

static void note_lease(void *user, const struct lease_row *lease)
{
	*(struct lease_row *)user = *lease;
}

static void test_leases_namespaces_and_settings(void **state)
{
	struct place *place = *state;
	struct lease_row lease = {.scope = UINT64_MAX - 5,
	                          .mac = {{2, 0, 0, 0, 0, 1}},
	                          .expires = 123456,
	                          .client_id = {1, 2, 3},
	                          .client_id_len = 3,
	                          .hostname = "h1"};
	struct lease_row found = {0};
	struct fail fail = {0};
	uint64_t inode = 0;
	char text[32];

	assert_int_equal(ip_parse("10.77.0.10", &lease.ip), 0);
	assert_int_equal(store_put_lease(place->store, &lease, &fail), 0);
	assert_int_equal(store_put_netns(place->store, "h1", 4026532000, &fail), 0);
	reopen(place);
	assert_int_equal(store_each_lease(place->store, note_lease, &found, &fail), 0);
	assert_memory_equal(&found, &lease, sizeof(lease));
	assert_true(store_has_netns(place->store, "h1", &inode));
	assert_int_equal(inode, 4026532000);
	assert_int_equal(store_remove_netns(place->store, "h1", &fail), 0);
	assert_false(store_has_netns(place->store, "h1", &inode));
	assert_int_equal(store_setting(place->store, "listen", text, sizeof(text), &fail), -ENOENT);
	assert_int_equal(store_put_setting(place->store, "listen", "[::1]:7", &fail), 0);
	reopen(place);
	assert_int_equal(store_setting(place->store, "listen", text, sizeof(text), &fail), 0);
	assert_string_equal(text, "[::1]:7");
	assert_int_equal(store_put_setting(place->store, "listen", NULL, &fail), 0);
	assert_int_equal(store_setting(place->store, "listen", text, sizeof(text), &fail), -ENOENT);
	found = (struct lease_row){0};
	assert_int_equal(store_remove_lease(place->store, lease.scope, lease.mac, &fail), 0);
	assert_int_equal(store_each_lease(place->store, note_lease, &found, &fail), 0);
	assert_int_equal(found.scope, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_survives_reopening, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending_is_seen_and_taken_back, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_history_goes_back_to_any_revision, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_second_controller_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_corrupt_database_names_file_and_way_out, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_file_that_is_no_database, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer_database_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_older_database_is_brought_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificates_are_kept_and_revoked, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leases_namespaces_and_settings, setup,
	                                        teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
