// SPDX-License-Identifier: BSD-3-Clause
//
// conn: what each packet of a connection changes in it: its age, counters and state. Any worker.

#pragma once

#include "datapath/conn_table.h"
#include "datapath/program.h"

enum conn_state {
	CONN_STATE_NEW, // of UDP and ICMP: no answer yet; TCP has its own (conn_tcp.h)
	CONN_STATE_ANSWERED,
};

struct pipeline;

// Seconds that a new connection of the protocol may be silent.
uint32_t conn_first_timeout(uint8_t proto);
// Notes one packet. => The program has PROGRAM_CONN and the packet is not rewritten yet.
void conn_count_packet(struct pipeline *pipeline, const struct program *program,
                       const struct packet *packet);
