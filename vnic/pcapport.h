// SPDX-License-Identifier: BSD-3-Clause
//
// pcapport: a door to files: replays one capture into the switch and records what leaves (libpcap).
//
// Replay keeps the capture's own spacing against the clock passed to pcapport_set_time, or goes at full
// speed. Frames recorded are whole: checksums finished, super-packets segmented. Owning worker.

#pragma once

#include "base/fail.h"
#include "vnic/port.h"

struct pcapport_config {
	const char *name;
	const char *read_path;  // or NULL
	const char *write_path; // or NULL
	bool full_speed;
	uint32_t mtu;
};

int pcapport_open(const struct pcapport_config *config, struct port **ret, struct fail *fail);
// Replay gives out frames up to this time (ns since the port was opened).
void pcapport_set_time(struct port *port, uint64_t now);
