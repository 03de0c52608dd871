// SPDX-License-Identifier: BSD-3-Clause
//
// ways: two lists for each host, what it told last and what counts. What counts follows downwards at once, for a guest
// that is told too much loses packets, and upwards after a while, as one that is told too little loses a few percent. A
// way that goes up and down all the time thus stays down.
//
// What counts is in the store as well: a controller that starts anew must not widen every net until its hosts have
// told it again.

#include "controller/ways.h"

#include "base/bytes.h"
#include "base/log.h"
#include "controller/noun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAY_TEXT = KEY_SIZE + 16 };

struct host_ways {
	struct way_list told, counts;
	uint64_t due; // when `told` counts; UINT64_MAX: it does
	char name[KEY_SIZE];
};

void way_list_fini(struct way_list *list)
{
	table_fini(&list->narrow);
}

int way_list_add(struct way_list *list, const char *peer, uint32_t mtu)
{
	return table_put_text(&list->narrow, peer, (void *)(uintptr_t)mtu);
}

static uint32_t mtu_of(const struct way_list *list, const void *key, size_t len)
{
	uintptr_t mtu = (uintptr_t)table_get(&list->narrow, key, len);

	return mtu ? (uint32_t)mtu : list->most;
}

// 0 is what is not known.
static uint32_t least(uint32_t a, uint32_t b)
{
	return a && b ? MIN(a, b) : MAX(a, b);
}

// Adds what the keys of `from` have in the narrower of both lists.
static int add_least(struct way_list *ret, const struct way_list *from, const struct way_list *a,
                     const struct way_list *b)
{
	const void *key;
	size_t cursor = 0, len;
	int err = 0;

	while (err == 0 && table_next(&from->narrow, &cursor, &key, &len)) {
		uint32_t mtu = least(mtu_of(a, key, len), mtu_of(b, key, len));

		if (mtu != ret->most)
			err = table_put(&ret->narrow, key, len, (void *)(uintptr_t)mtu, NULL);
	}
	return err;
}

// A peer that is told of no more need not be remembered: what is added says which those are.
static int lower(struct way_list *ret, const struct way_list *counts, const struct way_list *told)
{
	int err;

	*ret = (struct way_list){.most = least(counts->most, told->most)};
	err = add_least(ret, counts, counts, told);
	return err == 0 ? add_least(ret, told, counts, told) : err;
}

static bool differ(const struct way_list *a, const struct way_list *b)
{
	const void *key;
	size_t cursor = 0, len;

	if (a->most != b->most || a->narrow.count != b->narrow.count)
		return true;
	while (table_next(&a->narrow, &cursor, &key, &len))
		if (table_get(&a->narrow, key, len) != table_get(&b->narrow, key, len))
			return true;
	return false;
}

// "1450 host/b=1350 peer/x=1300". What cannot be written is told again by its host.
static void keep(const struct ways *ways, const struct host_ways *host)
{
	size_t size = (host->counts.narrow.count + 1) * WAY_TEXT, cursor = 0, key_len;
	char *text = malloc(size);
	struct fail fail = {0};
	const void *key, *mtu;
	int len;

	if (!text)
		return;
	len = snprintf(text, size, "%u", host->counts.most);
	while ((mtu = table_next(&host->counts.narrow, &cursor, &key, &key_len)))
		len += snprintf(text + len, size - (size_t)len, " %.*s=%u", (int)key_len,
		                (const char *)key, (unsigned)(uintptr_t)mtu);
	if (store_put_ways(ways->store, host->name, text, &fail) < 0)
		log_warn("what the ways of host %s carry could not be kept: %s", host->name,
		         fail.what);
	free(text);
}

static bool replace(const struct ways *ways, struct host_ways *host, struct way_list *counts)
{
	bool changed = differ(&host->counts, counts);

	way_list_fini(&host->counts);
	host->counts = *counts;
	if (changed)
		keep(ways, host);
	return changed;
}

static struct host_ways *host_of(struct ways *ways, const char *name)
{
	struct host_ways *host = table_get_text(&ways->hosts, name);

	if (host)
		return host;
	host = calloc(1, sizeof(*host));
	if (!host || table_put_text(&ways->hosts, name, host) < 0) {
		free(host);
		return NULL;
	}
	host->due = UINT64_MAX;
	snprintf(host->name, sizeof(host->name), "%s", name);
	return host;
}

bool ways_tell(struct ways *ways, const char *name, struct way_list *told, uint64_t now)
{
	struct host_ways *host = host_of(ways, name);
	struct way_list counts;

	// A host without peers says nothing of any way.
	if (!host || !told->most) {
		way_list_fini(told);
		return false;
	}
	if (lower(&counts, &host->counts, told) < 0) {
		way_list_fini(&counts);
		way_list_fini(told);
		return false;
	}
	way_list_fini(&host->told);
	host->told = *told;
	host->due = differ(&counts, told) ? now + ways->hold_ns : UINT64_MAX;
	return replace(ways, host, &counts);
}

static int copy(struct way_list *ret, const struct way_list *list)
{
	*ret = (struct way_list){.most = list->most};
	return add_least(ret, list, list, list);
}

const char *ways_grow(struct ways *ways, uint64_t now, uint64_t *due)
{
	struct host_ways *host;
	size_t cursor = 0;

	*due = UINT64_MAX;
	while ((host = table_next(&ways->hosts, &cursor, NULL, NULL))) {
		struct way_list counts;

		if (host->due > now) {
			*due = MIN(*due, host->due);
			continue;
		}
		host->due = UINT64_MAX;
		if (copy(&counts, &host->told) < 0)
			way_list_fini(&counts);
		else if (replace(ways, host, &counts))
			return host->name;
	}
	return NULL;
}

static void free_host(struct host_ways *host)
{
	way_list_fini(&host->told);
	way_list_fini(&host->counts);
	free(host);
}

void ways_forget(struct ways *ways, const char *name)
{
	struct host_ways *host = table_remove_text(&ways->hosts, name);
	struct fail fail = {0};

	if (!host)
		return;
	if (store_remove_ways(ways->store, name, &fail) < 0)
		log_warn("%s", fail.what);
	free_host(host);
}

uint32_t ways_mtu(const struct ways *ways, const char *name, const char *peer)
{
	const struct host_ways *host = ways ? table_get_text(&ways->hosts, name) : NULL;

	return host ? mtu_of(&host->counts, peer, strlen(peer)) : 0;
}

uint32_t ways_most(const struct ways *ways, const char *name)
{
	const struct host_ways *host = ways ? table_get_text(&ways->hosts, name) : NULL;

	return host ? host->counts.most : 0;
}

bool ways_have_narrow(const struct ways *ways, const char *name)
{
	const struct host_ways *host = ways ? table_get_text(&ways->hosts, name) : NULL;

	return host && host->counts.narrow.count > 0;
}

static void load_one(void *user, const char *name, const char *text)
{
	struct host_ways *host = host_of(user, name);
	char peer[KEY_SIZE];
	unsigned mtu;
	int len = 0;

	if (!host || sscanf(text, "%u%n", &host->counts.most, &len) != 1)
		return;
	for (text += len; sscanf(text, " %159[^= ]=%u%n", peer, &mtu, &len) == 2; text += len)
		if (mtu)
			way_list_add(&host->counts, peer, mtu);
}

int ways_open(struct ways *ways, struct store *store, struct fail *fail)
{
	ways->store = store;
	return store_each_ways(store, load_one, ways, fail);
}

void ways_close(struct ways *ways)
{
	struct host_ways *host;
	size_t cursor = 0;

	while ((host = table_next(&ways->hosts, &cursor, NULL, NULL)))
		free_host(host);
	table_fini(&ways->hosts);
}
