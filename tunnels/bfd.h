// SPDX-License-Identifier: BSD-3-Clause
//
// bfd: one session of Bidirectional Forwarding Detection (RFC 5880) in asynchronous mode: a state machine that lives by
// the clock it is given. No echo, no demand mode of ours (the other end's is honoured), no authentication.
//
// It sends nothing itself: bfd_run fills a packet when one is due. Main thread, or any one thread. Times are in ns
// of one clock, UINT64_MAX is never.

#pragma once

#include "tunnels/bfd_packet.h"

#include <stdbool.h>
#include <stdint.h>

struct bfd_config {
	uint32_t
		interval_us; // we send so often, and want to hear so often, while the session is up
	uint8_t multiplier; // so many intervals without a packet are the other end's detection time
};

// What a session says of the way to the other end. That it is not up says little: the other end may not speak BFD, or
// have begun anew a moment ago, or have been switched off on purpose (RFC 5882, section 4.2).
enum bfd_verdict { BFD_UNJUDGED, BFD_ALIVE, BFD_DEAD };

struct bfd {
	struct bfd_config config;
	enum bfd_state state, remote_state;
	enum bfd_verdict verdict;
	uint8_t diagnostic, remote_diagnostic;
	uint32_t discriminator, remote_discriminator; // 0: not known
	uint32_t desired_tx_us, required_rx_us;       // as we say them
	uint32_t held_tx_us, held_rx_us; // as we hold to them, until a poll is answered
	uint32_t remote_tx_us, remote_rx_us;
	uint8_t remote_multiplier;
	bool remote_demand;
	bool polling, answer_poll;
	bool news; // what the next packet says differs from the last: it goes at once
	uint64_t sent_at, next_at, heard_at, expires_at, polled_at;
	uint64_t jitter; // state of a generator
	// For a person.
	uint64_t changed_at; // when the verdict did
	uint64_t rtt_ns;     // from a poll to its answer; 0: unknown
	uint64_t sent, received;
	uint32_t downs; // how often it went from up to down
};

// => The discriminator is not 0, and no other session's of this system.
void bfd_init(struct bfd *bfd, const struct bfd_config *config, uint32_t discriminator,
              uint64_t now);
void bfd_configure(struct bfd *bfd, const struct bfd_config *config, uint64_t now);
// => The packet is of this session: its discriminator, or none.
void bfd_receive(struct bfd *bfd, const struct bfd_packet *packet, uint64_t now);
// Looks at the time. Returns whether the packet in `bytes` is to be sent now.
bool bfd_run(struct bfd *bfd, uint64_t now, uint8_t bytes[static BFD_BYTES]);
// The last packet: says that the session is switched off. After it the other end does not call us dead.
void bfd_end(struct bfd *bfd, uint8_t bytes[static BFD_BYTES]);

// When bfd_run wants to be called.
uint64_t bfd_due(const struct bfd *bfd);
// How long nothing may be heard before the session is down; 0: nothing was heard yet.
uint64_t bfd_detection_ns(const struct bfd *bfd);
// Between two packets of ours, before jitter.
uint64_t bfd_interval_ns(const struct bfd *bfd);
