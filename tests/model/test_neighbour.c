// SPDX-License-Identifier: BSD-3-Clause
//
// test_neighbour: every call beside a list of entries that follows the rules of neighbour.h.

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/neighbour.h"
#include "model.h"

enum { STEPS = 60000, ENTRIES = 128, INTERFACES = 3, HOSTS = 30, MACS = 4 };

struct entry {
	uint32_t interface, host, mac, since, asked, tries;
	enum neighbour_state state;
};

static struct entry list[ENTRIES];
static uint32_t count, now;
static uint32_t epochs[INTERFACES];
static bool expect_change[INTERFACES];
static struct neighbour_table *table;
static unsigned due_real, due_expected;

static struct ip_addr ip_of(uint32_t host)
{
	if (host % 2)
		return ip_from4(htobe32(0x0a000000 + host));
	return (struct ip_addr){{0x20, 0x01, [15] = (uint8_t)host}};
}

static struct mac mac_of(uint32_t n)
{
	return (struct mac){{2, 0, 0, 0, 0, (uint8_t)n}};
}

static struct entry *find(uint32_t interface, uint32_t host)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].interface == interface && list[i].host == host)
			return &list[i];
	return NULL;
}

static bool has_mac(enum neighbour_state state)
{
	return state == NEIGHBOUR_REACHABLE || state == NEIGHBOUR_STALE ||
	       state == NEIGHBOUR_PROBE || state == NEIGHBOUR_STATIC;
}

static enum neighbour_state state_now(const struct entry *entry)
{
	if (!entry)
		return NEIGHBOUR_NONE;
	if (entry->state == NEIGHBOUR_REACHABLE && now - entry->since >= NEIGHBOUR_REACHABLE_MS)
		return NEIGHBOUR_STALE;
	if (entry->state == NEIGHBOUR_FAILED && now - entry->asked >= NEIGHBOUR_FAILED_MS)
		return NEIGHBOUR_NONE;
	return entry->state;
}

static void drop(struct entry *entry)
{
	if (has_mac(entry->state))
		expect_change[entry->interface] = true;
	*entry = list[--count];
}

static bool retry(struct entry *entry)
{
	if (now - entry->asked < NEIGHBOUR_RETRY_MS)
		return false;
	if (entry->tries < NEIGHBOUR_TRIES) {
		entry->tries++;
		entry->asked = now;
		return true;
	}
	if (entry->state == NEIGHBOUR_PROBE) {
		drop(entry);
	} else {
		entry->state = NEIGHBOUR_FAILED;
		entry->asked = now;
	}
	return false;
}

static void probe(struct entry *entry)
{
	entry->state = NEIGHBOUR_PROBE;
	entry->tries = 1;
	entry->asked = now;
}

static bool expected_ask(uint32_t interface, uint32_t host)
{
	struct entry *entry = find(interface, host);

	switch (state_now(entry)) {
	case NEIGHBOUR_NONE:
		if (!entry)
			entry = &list[count++];
		*entry = (struct entry){
			.interface = interface,
			.host = host,
			.state = NEIGHBOUR_INCOMPLETE,
			.since = now,
			.asked = now,
			.tries = 1,
		};
		return true;
	case NEIGHBOUR_STALE:
		probe(entry);
		return true;
	case NEIGHBOUR_INCOMPLETE:
	case NEIGHBOUR_PROBE:
		return retry(entry);
	default:
		return false;
	}
}

static bool expected_confirm(uint32_t interface, uint32_t host, uint32_t mac, bool solicited,
                             bool create)
{
	struct entry *entry = find(interface, host), before = {0};

	if ((!entry && !create) || (entry && entry->state == NEIGHBOUR_STATIC))
		return false;
	if (entry)
		before = *entry;
	if (!solicited && has_mac(before.state) && before.mac == mac)
		return false;
	if (!entry)
		entry = &list[count++];
	*entry = (struct entry){
		.interface = interface,
		.host = host,
		.mac = mac,
		.state = solicited ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE,
		.since = now,
		.asked = now,
	};
	if (has_mac(before.state) && before.mac != mac)
		expect_change[interface] = true;
	return !has_mac(before.state) || before.mac != mac;
}

static void expected_tick(void)
{
	for (uint32_t i = count; i-- > 0;) {
		struct entry *entry = &list[i];

		switch (state_now(entry)) {
		case NEIGHBOUR_NONE:
			drop(entry);
			break;
		case NEIGHBOUR_STALE:
			if (now - entry->since < 2 * NEIGHBOUR_REACHABLE_MS)
				break;
			probe(entry);
			due_expected++;
			break;
		case NEIGHBOUR_INCOMPLETE:
		case NEIGHBOUR_PROBE:
			due_expected += retry(entry);
			break;
		default:
			break;
		}
	}
}

static void count_due(void *user, const struct neighbour *neighbour)
{
	due_real++;
	assert_in_range(neighbour->interface, 0, INTERFACES - 1);
}

static void tick(void)
{
	uint32_t before = count;

	expected_tick();
	assert_int_equal(neighbour_tick(table, now, neighbour_slots(table), count_due, NULL),
	                 before - count);
	assert_int_equal(due_real, due_expected);
}

static void set_static(uint32_t interface, uint32_t host, uint32_t mac)
{
	struct entry *entry = find(interface, host);
	struct ip_addr ip = ip_of(host);
	struct mac address = mac_of(mac);

	assert_int_equal(neighbour_set_static(table, interface, &ip, &address), 0);
	if (entry && has_mac(entry->state) && entry->mac != mac)
		expect_change[interface] = true;
	if (!entry)
		entry = &list[count++];
	*entry = (struct entry){interface, host, mac, .state = NEIGHBOUR_STATIC};
}

static void flush(uint32_t interface)
{
	for (uint32_t i = count; i-- > 0;)
		if (list[i].interface == interface && list[i].state != NEIGHBOUR_STATIC)
			drop(&list[i]);
	neighbour_flush(table, interface);
}

static void compare(uint32_t interface, uint32_t host)
{
	struct entry *entry = find(interface, host);
	struct ip_addr ip = ip_of(host);
	struct mac mac;
	enum neighbour_state state = neighbour_lookup(table, interface, &ip, now, &mac);

	assert_int_equal(state, state_now(entry));
	if (has_mac(state))
		assert_true(mac_equal(mac, mac_of(entry->mac)));
	assert_int_equal(neighbour_count(table), count);
	for (uint32_t i = 0; i < INTERFACES; i++) {
		assert_int_equal(neighbour_epoch(table, i) != epochs[i], expect_change[i]);
		epochs[i] = neighbour_epoch(table, i);
		expect_change[i] = false;
	}
}

static void compare_all(void)
{
	struct neighbour neighbour;
	uint32_t cursor = 0, seen = 0, expected = 0;

	for (uint32_t i = 0; i < count; i++)
		expected += state_now(&list[i]) != NEIGHBOUR_NONE;
	while (neighbour_next(table, &cursor, now, &neighbour))
		seen++;
	assert_int_equal(seen, expected);
}

static void step(void)
{
	uint32_t interface = rand_below(INTERFACES), host = rand_below(HOSTS);
	uint32_t mac = rand_below(MACS), choice = rand_below(1000);
	struct ip_addr ip = ip_of(host);
	struct mac address = mac_of(mac);
	bool solicited = model_chance(2), create = model_chance(2);

	now += model_chance(20) ? rand_below(40000) : rand_below(300);
	if (choice < 400) {
		bool expected = expected_ask(interface, host);

		assert_int_equal(neighbour_ask(table, interface, &ip, now), expected);
	} else if (choice < 800) {
		bool expected = expected_confirm(interface, host, mac, solicited, create);

		assert_int_equal(
			neighbour_confirm(table, interface, &ip, &address, solicited, create, now),
			expected);
	} else if (choice < 900) {
		tick();
	} else if (choice < 920) {
		set_static(interface, host, mac);
	} else if (choice < 990) {
		if (find(interface, host))
			drop(find(interface, host));
		neighbour_remove(table, interface, &ip);
	} else {
		flush(interface);
	}
	compare(interface, host);
}

static void like_a_list(void **state)
{
	void *memory = mem_block_new("test", neighbour_bytes(ENTRIES), 0);

	model_seed();
	// The clock wraps on the way.
	now = (uint32_t)-1000000;
	table = neighbour_open(memory, ENTRIES, false);
	assert_non_null(table);
	for (unsigned i = 0; i < STEPS; i++) {
		step();
		if (i % 100 == 0)
			compare_all();
	}
	neighbour_close(table);
	mem_block_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(like_a_list)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
