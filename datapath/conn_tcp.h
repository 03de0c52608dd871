// SPDX-License-Identifier: BSD-3-Clause
//
// conn_tcp: where a TCP connection stands, as far as its flags tell (RFC 5382, RFC 9293). Pure; any thread.

#pragma once

#include "datapath/conn_table.h"

#include <stdint.h>

enum conn_tcp_state {
	CONN_TCP_NONE,         // nothing seen yet
	CONN_TCP_SYN_SENT,     // a SYN of the original side
	CONN_TCP_SYN_RECEIVED, // and one of the other
	CONN_TCP_ESTABLISHED,
	CONN_TCP_FIN_ORIGINAL, // one side has ended
	CONN_TCP_FIN_REPLY,
	CONN_TCP_CLOSED, // both have
	CONN_TCP_RESET,
	CONN_TCP_STATES,
};

// The state after a segment with `flags` in `direction`.
enum conn_tcp_state conn_tcp_next(enum conn_tcp_state state, enum conn_direction direction,
                                  uint8_t flags);
// Seconds that a connection in the state may be silent.
uint32_t conn_tcp_timeout(enum conn_tcp_state state);
const char *conn_tcp_name(enum conn_tcp_state state);
