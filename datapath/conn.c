// SPDX-License-Identifier: BSD-3-Clause
//
// conn: the touch of a connection on the fast path.
//
// Counters are loaded and stored, not added atomically: both directions have words of their own and a
// direction's packets come by one queue, hence one worker, all but always. State words are written only
// when they change, so that an established connection's line stays shared.

#include "datapath/conn.h"

#include "datapath/conn_tcp.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"

#include <stdatomic.h>

enum {
	UDP_TIMEOUT = 30,           // one way only
	UDP_ANSWERED_TIMEOUT = 300, // RFC 4787, REQ-5
	ICMP_TIMEOUT = 60,          // RFC 5508, REQ-1
};

uint32_t conn_first_timeout(uint8_t proto)
{
	if (proto == PROTO_TCP)
		return conn_tcp_timeout(CONN_TCP_NONE);
	return proto == PROTO_UDP ? UDP_TIMEOUT : ICMP_TIMEOUT;
}

// Returns the timeout of the state that the packet leads to, having stored that state; 0 when it
// changes nothing.
static uint32_t follow_state(struct conn *conn, enum conn_direction direction,
                             const struct packet *packet)
{
	uint32_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);

	if (packet->ip_proto == PROTO_TCP) {
		if (!packet->l4)
			return 0;

		uint8_t flags = packet_l4(packet)[TCP_FLAGS];
		enum conn_tcp_state after = conn_tcp_next(state, direction, flags);

		if (after == state)
			return 0;
		atomic_store_explicit(&conn->state, after, memory_order_relaxed);
		return conn_tcp_timeout(after);
	}
	if (direction != CONN_REPLY || state != CONN_STATE_NEW)
		return 0;
	atomic_store_explicit(&conn->state, CONN_STATE_ANSWERED, memory_order_relaxed);
	return packet->ip_proto == PROTO_UDP ? UDP_ANSWERED_TIMEOUT : ICMP_TIMEOUT;
}

static void add(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + value,
	                      memory_order_relaxed);
}

void conn_count_packet(struct pipeline *pipeline, const struct program *program,
                       const struct packet *packet)
{
	struct conn *conn = conn_get(pipeline->state->conns, program->conn);

	if (!conn)
		return;
	conn_touch(conn, pipeline->now_s);
	add(&conn->packets[program->direction], 1);
	add(&conn->bytes[program->direction], packet->len);

	uint32_t timeout = follow_state(conn, program->direction, packet);

	if (timeout)
		conn_set_timeout(pipeline->state->conns, program->conn, timeout);
}
