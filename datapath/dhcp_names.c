// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_names: an index from name to address beside the lease table, which knows addresses and
// clients only.
//
// An entry is a hint: it is believed when the lease behind the address is alive and carries that
// name, so a stale one does no harm.

#include "datapath/dhcp_names.h"

#include "base/bytes.h"

#include <ctype.h>
#include <string.h>

void dhcp_names_init(struct dhcp_names *names, uint64_t seed)
{
	hash_index_init(&names->index, seed);
}

void dhcp_names_fini(struct dhcp_names *names)
{
	hash_index_fini(&names->index);
}

static uint64_t key_of(const struct dhcp_names *names, uint64_t scope, const char *name)
{
	return hash_index_key(&names->index, scope, name, strlen(name));
}

static void *hint_of(const struct lease *lease)
{
	return (void *)(uintptr_t)ip_to4(lease->ip);
}

int dhcp_names_add(struct dhcp_names *names, const struct lease *lease)
{
	if (lease->hostname[0] == 0)
		return 0;
	dhcp_names_remove(names, lease);
	return hash_index_add(&names->index, key_of(names, lease->scope, lease->hostname),
	                      hint_of(lease));
}

void dhcp_names_remove(struct dhcp_names *names, const struct lease *lease)
{
	if (lease->hostname[0])
		hash_index_remove(&names->index, key_of(names, lease->scope, lease->hostname),
		                  hint_of(lease));
}

int dhcp_names_load(struct dhcp_names *names, struct lease_table *leases)
{
	uint32_t cursor = 0;
	struct lease *lease;
	int result = 0;

	while ((lease = lease_next(leases, &cursor)) && result == 0)
		if (lease->state == LEASE_BOUND && ip_is4(lease->ip))
			result = dhcp_names_add(names, lease);
	return result;
}

struct lease *dhcp_names_find(const struct dhcp_names *names, struct lease_table *leases,
                              uint64_t scope, const char *name, uint64_t wall)
{
	const struct hash_node *node = hash_index_first(&names->index, key_of(names, scope, name));

	for (; node; node = hash_index_next(node)) {
		struct ip_addr ip = ip_from4((uint32_t)(uintptr_t)node->value);
		struct lease *lease = lease_by_ip(leases, scope, &ip);

		if (lease && lease->state == LEASE_BOUND && lease->expires > wall &&
		    strcmp(lease->hostname, name) == 0)
			return lease;
	}
	return NULL;
}

// Names that browsers and resolvers ask for by themselves: whoever holds one speaks for the net.
static bool is_special(const char *name)
{
	static const char *const special[] = {"gw", "isatap", "localhost", "wpad"};

	for (unsigned i = 0; i < ARRAY_SIZE(special); i++)
		if (strcmp(name, special[i]) == 0)
			return true;
	return false;
}

void dhcp_names_clean(const struct dhcp_message *message, char ret[static LEASE_HOSTNAME])
{
	size_t len = strcspn(message->hostname, ".");

	ret[0] = 0;
	if (len == 0 || len > LEASE_HOSTNAME - 1 || memchr(message->hostname, 0, len) ||
	    message->hostname[0] == '-' || message->hostname[len - 1] == '-')
		return;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)message->hostname[i]) && message->hostname[i] != '-')
			return;
	for (size_t i = 0; i < len; i++)
		ret[i] = (char)tolower((unsigned char)message->hostname[i]);
	ret[len] = 0;
	if (is_special(ret))
		ret[0] = 0;
}
