// SPDX-License-Identifier: BSD-3-Clause
//
// leases: kept so that a datapath that starts anew gives nobody else's address away.
//
// The datapath owns them while it lives; we only remember. One that has ended stays until its
// successor for the same client comes, so that a client which returns finds its address again.

#include "controller/leases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// Of 200 bytes at most each, in a frame of 1 MiB.
enum { LEASES_A_FRAME = 4096 };

struct lease_key {
	uint64_t scope;
	uint8_t mac[8];
};

static struct lease_key key_of(uint64_t scope, struct mac mac)
{
	struct lease_key key = {.scope = scope};

	memcpy(key.mac, mac.b, 6);
	return key;
}

static int keep(struct leases *leases, const struct lease_row *row)
{
	struct lease_key key = key_of(row->scope, row->mac);
	struct lease_row *copy = malloc(sizeof(*copy));
	void *old = NULL;

	if (!copy)
		return -ENOMEM;
	*copy = *row;
	if (table_put(&leases->rows, &key, sizeof(key), copy, &old) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(old);
	return 0;
}

static void load_one(void *user, const struct lease_row *row)
{
	keep(user, row);
}

int leases_open(struct leases *leases, struct store *store, struct fail *fail)
{
	*leases = (struct leases){.store = store};
	return store_each_lease(store, load_one, leases, fail);
}

void leases_close(struct leases *leases)
{
	struct lease_row *row;
	size_t cursor = 0;

	while ((row = table_next(&leases->rows, &cursor, NULL, NULL)))
		free(row);
	table_fini(&leases->rows);
}

static bool read_message(const Weft__Lease *message, struct lease_row *ret)
{
	*ret = (struct lease_row){.scope = message->scope, .expires = message->expires};
	if (message->mac.len != 6 || (message->ip.len != 4 && message->ip.len != 16))
		return false;
	memcpy(ret->mac.b, message->mac.data, 6);
	if (message->ip.len == 4) {
		uint32_t be;

		memcpy(&be, message->ip.data, 4);
		ret->ip = ip_from4(be);
	} else {
		ret->ip = ip_from6(message->ip.data);
	}
	if (message->has_client_id && message->client_id.len <= sizeof(ret->client_id)) {
		ret->client_id_len = message->client_id.len;
		memcpy(ret->client_id, message->client_id.data, message->client_id.len);
	}
	snprintf(ret->hostname, sizeof(ret->hostname), "%s",
	         message->hostname ? message->hostname : "");
	return true;
}

int leases_note(struct leases *leases, const Weft__Lease *message, struct fail *fail)
{
	struct lease_row row;
	struct lease_key key;

	if (!read_message(message, &row))
		return fail_set(fail, -EBADMSG, "a lease from the datapath cannot be read");
	if (row.expires > 0) {
		if (keep(leases, &row) < 0)
			return fail_set(fail, -ENOMEM, "out of memory");
		return store_put_lease(leases->store, &row, fail);
	}
	key = key_of(row.scope, row.mac);
	free(table_remove(&leases->rows, &key, sizeof(key)));
	return store_remove_lease(leases->store, row.scope, row.mac, fail);
}

static void fill(Weft__Lease *message, struct lease_row *row)
{
	weft__lease__init(message);
	message->scope = row->scope;
	message->mac = (ProtobufCBinaryData){.len = 6, .data = row->mac.b};
	message->ip = ip_is4(row->ip) ? (ProtobufCBinaryData){.len = 4, .data = row->ip.b + 12}
	                              : (ProtobufCBinaryData){.len = 16, .data = row->ip.b};
	message->has_expires = true;
	message->expires = row->expires;
	message->has_client_id = row->client_id_len > 0;
	message->client_id =
		(ProtobufCBinaryData){.len = row->client_id_len, .data = row->client_id};
	message->hostname = row->hostname[0] ? row->hostname : NULL;
}

static uint8_t *pack(const Weft__Leases *message, size_t *ret_len)
{
	uint8_t *packed = malloc(weft__leases__get_packed_size(message) + 1);

	*ret_len = packed ? weft__leases__pack(message, packed) : 0;
	return packed;
}

// Whose leases are wanted: those of a host, or of some scopes.
struct choice {
	const struct desired *host;
	const uint64_t *scopes;
	size_t scope_count;
};

static bool is_chosen(const struct choice *choice, uint64_t scope)
{
	if (choice->host)
		return desired_get(choice->host, scope);
	for (size_t i = 0; i < choice->scope_count; i++)
		if (choice->scopes[i] == scope)
			return true;
	return false;
}

// Puts the leases into the message, at most so many, and packs it.
static uint8_t *pack_some(const struct leases *leases, const struct choice *choice, size_t most,
                          Weft__Leases *message, size_t *cursor, size_t *ret_len)
{
	Weft__Lease *items = calloc(most + 1, sizeof(*items));
	Weft__Lease **list = calloc(most + 1, sizeof(*list));
	struct lease_row *row;
	uint8_t *packed = NULL;

	*ret_len = 0;
	message->leases = list;
	while (items && list && message->n_leases < most &&
	       (row = table_next(&leases->rows, cursor, NULL, NULL))) {
		if (!is_chosen(choice, row->scope))
			continue;
		fill(&items[message->n_leases], row);
		list[message->n_leases] = &items[message->n_leases];
		message->n_leases++;
	}
	if (items && list && message->n_leases + message->n_scopes > 0)
		packed = pack(message, ret_len);
	free(items);
	free(list);
	return packed;
}

uint8_t *leases_pack(const struct leases *leases, const struct desired *host, size_t *ret_len)
{
	const struct choice choice = {.host = host};
	Weft__Leases message = WEFT__LEASES__INIT;
	size_t cursor = 0;
	uint8_t *packed =
		pack_some(leases, &choice, leases->rows.count, &message, &cursor, ret_len);

	return packed ? packed : calloc(1, 1);
}

uint8_t *leases_pack_scopes(const struct leases *leases, const uint64_t *scopes, size_t count,
                            bool first, size_t *cursor, size_t *ret_len)
{
	const struct choice choice = {.scopes = scopes, .scope_count = count};
	Weft__Leases message = WEFT__LEASES__INIT;

	if (first) {
		message.n_scopes = count;
		message.scopes = (uint64_t *)scopes;
	}
	return pack_some(leases, &choice, LEASES_A_FRAME, &message, cursor, ret_len);
}

uint8_t *leases_pack_one(const Weft__Lease *lease, size_t *ret_len)
{
	Weft__Lease copy = *lease, *list[] = {&copy};
	Weft__Leases message = WEFT__LEASES__INIT;

	message.n_leases = 1;
	message.leases = list;
	return pack(&message, ret_len);
}

const struct lease_row *leases_find(const struct leases *leases, uint64_t scope, struct mac mac)
{
	struct lease_key key = key_of(scope, mac);

	return table_get(&leases->rows, &key, sizeof(key));
}

const struct lease_row *leases_next(const struct leases *leases, size_t *cursor)
{
	return table_next(&leases->rows, cursor, NULL, NULL);
}
