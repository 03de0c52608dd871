// SPDX-License-Identifier: BSD-3-Clause
//
// conn_tcp: a state machine on flags alone.
//
// It never refuses a segment: its states choose timeouts. Hence a forged RST cannot cut a connection, it only
// shortens the silence after which it is forgotten. A connection whose beginning was not seen counts as
// established from its first segment on.

#include "datapath/conn_tcp.h"

#include "datapath/wire.h"

static const struct {
	const char *name;
	uint32_t timeout;
} states[] = {
	[CONN_TCP_NONE] = {"new", 60},
	[CONN_TCP_SYN_SENT] = {"syn sent", 60},
	[CONN_TCP_SYN_RECEIVED] = {"syn received", 60},
	// RFC 5382, REQ-5: not less than 2 hours 4 minutes.
	[CONN_TCP_ESTABLISHED] = {"established", 7440},
	// The same: 4 minutes for half-open and half-closed ones.
	[CONN_TCP_FIN_ORIGINAL] = {"half closed", 240},
	[CONN_TCP_FIN_REPLY] = {"half closed", 240},
	[CONN_TCP_CLOSED] = {"closed", 120},
	[CONN_TCP_RESET] = {"reset", 10},
};

_Static_assert(sizeof(states) / sizeof(states[0]) == CONN_TCP_STATES, "one row a state");

static enum conn_tcp_state after_syn(enum conn_tcp_state state, enum conn_direction direction)
{
	switch (state) {
	case CONN_TCP_NONE:
	case CONN_TCP_CLOSED:
	case CONN_TCP_RESET:
		// The same ports once more: a new connection takes over.
		return direction == CONN_ORIGINAL ? CONN_TCP_SYN_SENT : state;
	case CONN_TCP_SYN_SENT:
		return direction == CONN_REPLY ? CONN_TCP_SYN_RECEIVED : state;
	default:
		return state;
	}
}

static enum conn_tcp_state after_fin(enum conn_tcp_state state, enum conn_direction direction)
{
	switch (state) {
	case CONN_TCP_NONE:
	case CONN_TCP_SYN_RECEIVED:
	case CONN_TCP_ESTABLISHED:
		return direction == CONN_ORIGINAL ? CONN_TCP_FIN_ORIGINAL : CONN_TCP_FIN_REPLY;
	case CONN_TCP_FIN_ORIGINAL:
		return direction == CONN_REPLY ? CONN_TCP_CLOSED : state;
	case CONN_TCP_FIN_REPLY:
		return direction == CONN_ORIGINAL ? CONN_TCP_CLOSED : state;
	default:
		return state;
	}
}

enum conn_tcp_state conn_tcp_next(enum conn_tcp_state state, enum conn_direction direction,
                                  uint8_t flags)
{
	if (flags & TCP_RST)
		return CONN_TCP_RESET;
	if (flags & TCP_SYN)
		return after_syn(state, direction);
	if (flags & TCP_FIN)
		return after_fin(state, direction);
	if (state == CONN_TCP_NONE)
		return CONN_TCP_ESTABLISHED;
	if (state == CONN_TCP_SYN_RECEIVED && direction == CONN_ORIGINAL && flags & TCP_ACK)
		return CONN_TCP_ESTABLISHED;
	return state;
}

uint32_t conn_tcp_timeout(enum conn_tcp_state state)
{
	return states[state < CONN_TCP_STATES ? state : CONN_TCP_NONE].timeout;
}

const char *conn_tcp_name(enum conn_tcp_state state)
{
	return states[state < CONN_TCP_STATES ? state : CONN_TCP_NONE].name;
}
