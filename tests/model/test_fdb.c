// SPDX-License-Identifier: BSD-3-Clause
//
// test_fdb: every call beside a list that is searched from the front.

#include "base/mem.h"
#include "datapath/fdb.h"
#include "model.h"

#include <errno.h>

enum { STEPS = 60000, ENTRIES = 256, DOMAINS = 5, MACS = 40, PORTS = 12, SEEN_MASK = 0xffffff };

struct entry {
	uint32_t domain, mac, port, seen;
	bool fixed;
};

static struct entry list[ENTRIES];
static uint32_t count;
static uint32_t epochs[DOMAINS]; // As last seen.
static bool expect_change[DOMAINS];
static uint32_t now;
static struct fdb *fdb;
static unsigned refused;

static struct mac mac_of(uint32_t n)
{
	return mac_from_u64(UINT64_C(0x020000000000) + n);
}

static struct entry *find(uint32_t domain, uint32_t mac)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].domain == domain && list[i].mac == mac)
			return &list[i];
	return NULL;
}

static uint32_t count_of(uint32_t domain, uint32_t port)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++)
		found += (!domain || list[i].domain == domain) && (!port || list[i].port == port);
	return found;
}

static void drop(struct entry *entry)
{
	expect_change[entry->domain] = true;
	*entry = list[--count];
}

static bool is_over(uint32_t have, uint32_t limit)
{
	return limit && have >= limit;
}

static enum fdb_result expected_learn(uint32_t domain, uint32_t mac, uint32_t port,
                                      uint32_t domain_limit, uint32_t port_limit)
{
	struct entry *entry = find(domain, mac);

	if (entry && entry->port == port)
		return FDB_KNOWN;
	if (entry && entry->fixed)
		return FDB_CONFLICT;
	if (is_over(count_of(0, port), port_limit))
		return FDB_LIMITED;
	if (entry)
		return FDB_MOVED;
	if (count == ENTRIES || is_over(count_of(domain, 0), domain_limit))
		return FDB_LIMITED;
	return FDB_NEW;
}

static void learn(uint32_t domain, uint32_t mac, uint32_t port)
{
	uint32_t domain_limit = model_chance(4) ? 20 + rand_below(20) : 0;
	uint32_t port_limit = model_chance(4) ? 10 + rand_below(20) : 0;
	enum fdb_result expected = expected_learn(domain, mac, port, domain_limit, port_limit);
	struct mac address = mac_of(mac);
	enum fdb_result result =
		fdb_learn(fdb, domain, &address, port, now, domain_limit, port_limit);
	struct entry *entry = find(domain, mac);

	// Both buckets of the address may be full, though hardly ever.
	if (expected == FDB_NEW && result == FDB_LIMITED) {
		refused++;
		return;
	}
	assert_int_equal(result, expected);
	if (result == FDB_NEW) {
		list[count++] = (struct entry){domain, mac, port, now, false};
	} else if (result == FDB_MOVED) {
		entry->port = port;
		entry->seen = now;
		expect_change[domain] = true;
	} else if (result == FDB_KNOWN && !entry->fixed) {
		entry->seen = now;
	}
}

static void set_static(uint32_t domain, uint32_t mac, uint32_t port)
{
	struct mac address = mac_of(mac);
	struct entry *entry = find(domain, mac);
	int result = fdb_set_static(fdb, domain, &address, port);

	if (!entry && result == -ENOSPC) {
		refused += count < ENTRIES;
		return;
	}
	assert_int_equal(result, 0);
	if (!entry)
		entry = &list[count++];
	else
		expect_change[domain] = expect_change[domain] || entry->port != port;
	*entry = (struct entry){domain, mac, port, 0, true};
}

static void flush(uint32_t domain, uint32_t port)
{
	for (uint32_t i = count; i-- > 0;)
		if (!list[i].fixed && (!domain || list[i].domain == domain) &&
		    (!port || list[i].port == port))
			drop(&list[i]);
	if (domain)
		fdb_flush_domain(fdb, domain);
	else
		fdb_flush_port(fdb, port);
}

static uint32_t age_limit(void *user, uint32_t domain)
{
	return domain == 1 ? 0 : 100 * domain;
}

static void age(void)
{
	unsigned removed = 0;

	now += rand_below(60);
	for (uint32_t i = count; i-- > 0;) {
		uint32_t limit = age_limit(NULL, list[i].domain);

		if (list[i].fixed || !limit || ((now - list[i].seen) & SEEN_MASK) < limit)
			continue;
		drop(&list[i]);
		removed++;
	}
	assert_int_equal(fdb_age(fdb, now, fdb_slots(fdb), age_limit, NULL), removed);
}

// The entries of a process that ended: static ones live on as if learnt last.
static void reopen(void *memory)
{
	uint32_t newest = 0;

	fdb_close(fdb);
	fdb = fdb_open(memory, ENTRIES, true);
	assert_non_null(fdb);
	for (uint32_t i = 0; i < count; i++)
		if (!list[i].fixed && (!newest || (int32_t)(list[i].seen - newest) > 0))
			newest = list[i].seen;
	for (uint32_t i = 0; i < count; i++) {
		list[i].seen = list[i].fixed ? newest & SEEN_MASK : list[i].seen;
		list[i].fixed = false;
	}
	memset(expect_change, 0, sizeof(expect_change));
	for (uint32_t domain = 1; domain < DOMAINS; domain++)
		epochs[domain] = fdb_epoch(fdb, domain);
}

static void compare_all(void)
{
	struct fdb_entry entry;
	uint32_t cursor = 0, seen = 0;

	while (fdb_next(fdb, &cursor, now, &entry)) {
		struct entry *twin = find(entry.domain, (uint32_t)(mac_to_u64(entry.mac) & 0xffff));

		assert_non_null(twin);
		assert_int_equal(entry.port, twin->port);
		assert_int_equal(entry.flags, twin->fixed ? FDB_STATIC : 0);
		assert_int_equal(entry.age_seconds,
		                 twin->fixed ? 0 : (now - twin->seen) & SEEN_MASK);
		seen++;
	}
	assert_int_equal(seen, count);
	for (uint32_t port = 1; port < PORTS; port++)
		assert_int_equal(fdb_port_count(fdb, port), count_of(0, port));
}

static void compare(uint32_t domain, uint32_t mac)
{
	struct entry *entry = find(domain, mac);
	struct mac address = mac_of(mac);
	uint32_t port = 0;

	assert_int_equal(fdb_lookup(fdb, domain, &address, &port), entry != NULL);
	if (entry)
		assert_int_equal(port, entry->port);
	assert_int_equal(fdb_count(fdb), count);
	for (domain = 1; domain < DOMAINS; domain++) {
		uint32_t epoch = fdb_epoch(fdb, domain);

		assert_int_equal(fdb_domain_count(fdb, domain), count_of(domain, 0));
		assert_int_equal(epoch != epochs[domain], expect_change[domain]);
		epochs[domain] = epoch;
		expect_change[domain] = false;
	}
}

static void step(void *memory)
{
	uint32_t domain = 1 + rand_below(DOMAINS - 1), mac = rand_below(MACS * 2);
	uint32_t port = 1 + rand_below(PORTS - 1), choice = rand_below(1000);
	struct mac address = mac_of(mac);

	if (choice < 800) {
		learn(domain, mac, port);
	} else if (choice < 850) {
		if (count_of(0, 0) < ENTRIES / 2)
			set_static(domain, mac, port);
	} else if (choice < 950) {
		if (find(domain, mac))
			drop(find(domain, mac));
		fdb_remove(fdb, domain, &address);
	} else if (choice < 960) {
		flush(domain, 0);
	} else if (choice < 970) {
		flush(0, port);
	} else if (choice < 995) {
		age();
	} else {
		reopen(memory);
	}
	compare(domain, mac);
}

static void like_a_list(void **state)
{
	void *memory = mem_block_new("test", fdb_bytes(ENTRIES), 0);

	model_seed();
	fdb = fdb_open(memory, ENTRIES, false);
	assert_non_null(fdb);
	now = 1 + (uint32_t)rand_u64() % SEEN_MASK;
	for (unsigned i = 0; i < STEPS; i++) {
		step(memory);
		if (i % 100 == 0)
			compare_all();
	}
	assert_true(refused < STEPS / 500);
	fdb_close(fdb);
	mem_block_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(like_a_list)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
