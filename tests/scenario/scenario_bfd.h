// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_bfd: peers that BFD watches, the ends that they speak to, and the wires in between, 1 ms long.
//
// There is an end for each session of the datapath, in whatever state the test says.

#pragma once

#include "tests/scenario/scenario.h"

enum { SCENARIO_BFD_ENDS = 8, SCENARIO_EVENTS = 32 };

// Every `interval_ms`, three times. backup NULL: none; backup_tunnel 0: the same.
void scenario_peer_bfd(struct scenario *scenario, uint64_t id, uint64_t tunnel, const char *remote,
                       const char *backup, uint64_t backup_tunnel, uint32_t interval_ms,
                       uint32_t hold_ms);

// From now on nothing comes to or from that address, or all again. Datagrams of tunnels are not concerned.
void scenario_cut(struct scenario *scenario, const char *remote, bool cut);
// The end at that address is another process from now on.
void scenario_far_restart(struct scenario *scenario, const char *remote);
// A packet comes that no end sent, as to a session of one hop.
void scenario_bfd_packet(struct scenario *scenario, const char *local, const char *remote,
                         unsigned ttl, const uint8_t *bytes, size_t len);

// The next of BFD's events is of this port, and its text contains `part`. A test fails at its end over one that
// nobody expected.
void scenario_expect_event(struct scenario *scenario, Weft__EventType type, uint64_t port,
                           const char *part);
void scenario_expect_no_event(struct scenario *scenario);
