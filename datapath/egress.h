// SPDX-License-Identifier: BSD-3-Clause
//
// egress: frames of a turn sorted by the door they leave by, so that each door is called once for many.
//
// Packets put here belong to egress, which gives them back to the turn's pool when they are sent or
// refused. Order is kept per door. Owning worker.

#pragma once

#include "datapath/generation.h"
#include "vnic/packet.h"

#include <stddef.h>
#include <stdint.h>

struct impair;
struct pipeline;
struct program;

enum { EGRESS_GROUPS = 16 };

// How far a flood goes: to all members, to no peer of a tunnel, or to no guest behind which no router was heard.
enum egress_reach { EGRESS_EVERYWHERE, EGRESS_HERE, EGRESS_ROUTERS };

struct egress_group {
	uint32_t port; // slot
	uint32_t count;
	struct port *door;
	struct impair *impair; // NULL: none
	struct packet *packets[BATCH_SIZE];
};

struct egress {
	unsigned count;
	struct egress_group groups[EGRESS_GROUPS];
};

// Takes the packet, as it shall leave, for the port.
void egress_put(struct pipeline *pipeline, uint32_t port, struct packet *packet);
// The same for several.
void egress_put_all(struct pipeline *pipeline, uint32_t port, struct packet *const *packets,
                    unsigned count);
// Takes the packet for every member of the domain but `except` (slot, 0: none). Copies share payload.
// Returns DROP_NONE, or why nobody got it; then the packet stays the caller's.
enum drop_reason egress_flood(struct pipeline *pipeline, const struct domain *domain,
                              uint32_t except, enum egress_reach reach, struct packet *packet);
// A packet with a copy of the frame, payload in the turn's arena; NULL when either is used up.
struct packet *egress_frame(struct pipeline *pipeline, const uint8_t *frame, size_t len);
// A packet of the turn's pool with the same frame; payload stays where it is, until the end of the turn. NULL
// when the pool is empty.
struct packet *egress_copy(struct pipeline *pipeline, const struct packet *packet);
// Sends a frame of ours: to `port`, or into `domain` where its destination lives, or to all of it.
void egress_emit(struct pipeline *pipeline, uint32_t domain, uint32_t port, const uint8_t *frame,
                 size_t len);
// Sends a question of ours, which is for a group, to the members of the domain within reach.
void egress_ask(struct pipeline *pipeline, uint32_t domain, enum egress_reach reach,
                const uint8_t *frame, size_t len);
// Sends packets that an impairment of the port held; ends the turn.
void egress_send(struct pipeline *pipeline, uint32_t port, struct packet **packets, unsigned count);
// Calls the doors.
void egress_flush(struct pipeline *pipeline);

// Whether the port carries the domain; *ret says how.
bool egress_member(const struct port_config *port, const struct domain *domain,
                   struct domain_member *ret);
// Why a flood goes to nobody: there is nobody, or he is not to have what is for an unknown MAC.
enum drop_reason egress_why_nobody(const struct domain *domain, uint32_t except,
                                   const struct packet *packet);
// Whether a flood of the domain goes to the member. `except`: the port (slot) it came by, or 0; what came by
// a peer of a tunnel goes to no other.
bool egress_floods_to(const struct pipeline *pipeline, const struct domain_member *member,
                      uint32_t except, enum egress_reach reach, const struct packet *packet);
