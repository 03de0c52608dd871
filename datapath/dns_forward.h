// SPDX-License-Identifier: BSD-3-Clause
//
// dns_forward: questions that are not ours, on their way to an upstream resolver and back.
//
// Main thread only.

#pragma once

#include "datapath/dns_message.h"
#include "datapath/service.h"
#include "datapath/udp_frame.h"

enum {
	DNS_FORWARD_PENDING = 512,
	DNS_FORWARD_PER_PORT = 128, // so that one guest leaves room for the others
	DNS_FORWARD_QUERY = 512,    // longest query that is passed on
	DNS_FORWARD_TRIES = 3,
	DNS_FORWARD_TRY_MS = 1500, // all tries end before a client's usual 5 s
};

struct dns_forward;

// Where the answer goes.
struct dns_client {
	uint32_t domain, port; // slots
	struct udp_path back;
	size_t most; // longest answer that its link takes
};

struct dns_forward *dns_forward_new(const struct service_env *env); // NULL with errno
void dns_forward_free(struct dns_forward *forward);
// Asks the zone's forwarders, or the host's resolvers. Answers SERVFAIL when nobody can be asked.
enum drop_reason dns_forward_ask(struct dns_forward *forward, const struct dns_client *client,
                                 const struct dns_zone_config *zone, const uint8_t *query,
                                 size_t len, uint64_t now_ns);
void dns_forward_answer(struct dns_forward *forward, uint64_t token, const uint8_t *answer,
                        size_t len, uint64_t now_ns);
// Repeats and gives up; returns the instant at which it wants to be called again, UINT64_MAX: never.
uint64_t dns_forward_tick(struct dns_forward *forward, uint64_t now_ns);
// Sends a message to a client, cut to what it takes.
void dns_client_send(const struct service_env *env, const struct dns_client *client,
                     const uint8_t *message, size_t len);
