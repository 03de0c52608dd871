// SPDX-License-Identifier: BSD-3-Clause
//
// dns_forward: a bounded table of questions that wait for an upstream resolver.
//
// Every try carries a fresh random id, and the sender below uses a fresh port; an answer counts when
// its token, id and question all fit, so a stranger has to guess both numbers at once (RFC 5452). A
// silent or failing server is followed by the next one; after the last try the client hears SERVFAIL.
// The client's own id and the letter case of its question come back to it unchanged, and EDNS passes
// both ways as it is.

#include "datapath/dns_forward.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <stdlib.h>

#define TRY_NS (DNS_FORWARD_TRY_MS * UINT64_C(1000000))

struct pending {
	uint64_t token;    // 0: free
	uint64_t deadline; // of the running try
	struct dns_client client;
	unsigned tries;
	unsigned server_count;
	char servers[4][64];
	uint16_t id; // of the running try
	uint16_t client_id;
	uint16_t len;
	uint8_t query[DNS_FORWARD_QUERY];
};

struct dns_forward {
	const struct service_env *env;
	uint64_t serial;
	uint64_t next_deadline;
	struct pending pending[DNS_FORWARD_PENDING];
};

struct dns_forward *dns_forward_new(const struct service_env *env)
{
	struct dns_forward *forward = calloc(1, sizeof(*forward));

	if (forward) {
		forward->env = env;
		forward->next_deadline = UINT64_MAX;
	}
	return forward;
}

void dns_forward_free(struct dns_forward *forward)
{
	free(forward);
}

void dns_client_send(const struct service_env *env, const struct dns_client *client,
                     const uint8_t *message, size_t len)
{
	uint8_t frame[UDP_FRAME_MAX];
	struct service_out out = {.domain = client->domain, .port = client->port, .frame = frame};

	out.len = udp_frame_write(frame, sizeof(frame), &client->back, message, len);
	if (out.len > 0)
		env->send(env->user, &out);
}

static void fail(struct dns_forward *forward, struct pending *pending)
{
	struct dns_writer writer;
	struct dns_query query;

	store_be16(pending->query, pending->client_id);
	pending->token = 0;
	if (dns_query_parse(pending->query, pending->len, &query) != DNS_PARSE_OK)
		return;
	dns_writer_begin(&writer, &query, pending->query, DNS_SERVFAIL, false);
	dns_writer_end(&writer, &query, DNS_SERVFAIL);
	dns_client_send(forward->env, &pending->client, writer.bytes, writer.len);
}

// Asks the next server that can be asked; without one the question fails.
static void try_next(struct dns_forward *forward, struct pending *pending, uint64_t now_ns)
{
	const struct service_env *env = forward->env;

	while (pending->tries < DNS_FORWARD_TRIES) {
		unsigned turn = pending->tries++;
		const char *server = NULL;

		if (pending->server_count > 0)
			server = pending->servers[turn % pending->server_count];
		pending->id = (uint16_t)rand_u64();
		store_be16(pending->query, pending->id);
		if (!env->upstream || env->upstream(env->user, server, pending->query, pending->len,
		                                    pending->token) < 0)
			continue;
		pending->deadline = now_ns + TRY_NS;
		forward->next_deadline = MIN(forward->next_deadline, pending->deadline);
		return;
	}
	fail(forward, pending);
}

static bool is_same_question(const struct pending *pending, const struct dns_client *client,
                             const uint8_t *query, size_t len)
{
	return pending->client_id == load_be16(query) && pending->len == len &&
	       pending->client.port == client->port &&
	       pending->client.back.dst_port == client->back.dst_port &&
	       ip_equal(pending->client.back.dst, client->back.dst) &&
	       memcmp(pending->query + 2, query + 2, len - 2) == 0;
}

// A free place, if the port may have one more. *repeated: the question waits here already.
static struct pending *find_place(struct dns_forward *forward, const struct dns_client *client,
                                  const uint8_t *query, size_t len, bool *repeated)
{
	struct pending *place = NULL;
	unsigned of_port = 0;

	for (unsigned i = 0; i < DNS_FORWARD_PENDING; i++) {
		struct pending *pending = &forward->pending[i];

		if (pending->token == 0) {
			place = place ? place : pending;
			continue;
		}
		of_port += pending->client.port == client->port;
		if (is_same_question(pending, client, query, len)) {
			*repeated = true;
			return NULL;
		}
	}
	return of_port < DNS_FORWARD_PER_PORT ? place : NULL;
}

enum drop_reason dns_forward_ask(struct dns_forward *forward, const struct dns_client *client,
                                 const struct dns_zone_config *zone, const uint8_t *query,
                                 size_t len, uint64_t now_ns)
{
	bool repeated = false;
	struct pending *pending;

	if (len < DNS_HEADER || len > DNS_FORWARD_QUERY)
		return DROP_SERVICE_REFUSED;
	pending = find_place(forward, client, query, len, &repeated);
	if (!pending)
		return repeated ? DROP_NONE : DROP_SERVICE_REFUSED;
	pending->token =
		++forward->serial * DNS_FORWARD_PENDING + (uint64_t)(pending - forward->pending);
	pending->client = *client;
	pending->tries = 0;
	pending->server_count = zone->forwarder_count;
	memcpy(pending->servers, zone->forwarders, sizeof(pending->servers));
	pending->client_id = load_be16(query);
	pending->len = (uint16_t)len;
	memcpy(pending->query, query, len);
	try_next(forward, pending, now_ns);
	return DROP_NONE;
}

// Whether another server might know better.
static bool is_worth_another(const struct pending *pending, const uint8_t *answer)
{
	unsigned rcode = answer[3] & DNS_RCODE;

	return (rcode == DNS_SERVFAIL || rcode == DNS_REFUSED || rcode == DNS_NOTIMP) &&
	       pending->server_count > 1 && pending->tries < pending->server_count &&
	       pending->tries < DNS_FORWARD_TRIES;
}

static void relay(struct dns_forward *forward, struct pending *pending, const uint8_t *answer,
                  size_t len)
{
	uint8_t message[UDP_FRAME_MAX];
	struct dns_query query = {0};
	size_t most = MIN(pending->client.most, sizeof(message));

	if (dns_query_parse(pending->query, pending->len, &query) == DNS_PARSE_OK)
		most = MIN(most, (size_t)query.udp_size);
	// Of an answer that is too long only the question is needed, which comes first.
	memcpy(message, answer, MIN(len, sizeof(message)));
	if (len > most)
		len = dns_answer_truncate(message, MIN(len, sizeof(message)));
	memcpy(message + DNS_HEADER, pending->query + DNS_HEADER,
	       query.question_len); // the client's own letter case
	store_be16(message, pending->client_id);
	pending->token = 0;
	dns_client_send(forward->env, &pending->client, message, len);
}

void dns_forward_answer(struct dns_forward *forward, uint64_t token, const uint8_t *answer,
                        size_t len, uint64_t now_ns)
{
	struct pending *pending = &forward->pending[token % DNS_FORWARD_PENDING];

	if (token == 0 || pending->token != token || len < DNS_HEADER ||
	    load_be16(answer) != pending->id ||
	    !dns_answer_matches(answer, len, pending->query, pending->len))
		return;
	if (is_worth_another(pending, answer))
		try_next(forward, pending, now_ns);
	else
		relay(forward, pending, answer, len);
}

uint64_t dns_forward_tick(struct dns_forward *forward, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	if (now_ns < forward->next_deadline)
		return forward->next_deadline;
	for (unsigned i = 0; i < DNS_FORWARD_PENDING; i++) {
		struct pending *pending = &forward->pending[i];

		if (pending->token && pending->deadline <= now_ns)
			try_next(forward, pending, now_ns);
		if (pending->token)
			next = MIN(next, pending->deadline);
	}
	forward->next_deadline = next;
	return next;
}
