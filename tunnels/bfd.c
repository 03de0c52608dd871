// SPDX-License-Identifier: BSD-3-Clause
//
// bfd: what sections 6.8.1 to 6.8.7 of RFC 5880 say, in their words where there are such.
//
// Packets go periodically, with jitter; and at once when they say something new, so that a session is up within one and
// a half times the way there and back although packets are a second apart until then. Parameters change by a
// poll: what makes the other end's detection time too short, or ours, holds only after its answer (6.8.3).
//
// Cost: nothing but arithmetic; a session is a few words.

#include "tunnels/bfd.h"

#include "base/bytes.h"
#include "base/clock.h"

enum {
	SLOW_US = 1000000, // the least while a session is not up (6.8.3)
	PERCENT = 100,
	JITTER = 25,       // so many per cent are taken away at most (6.8.7)
	LEAST_AT_ONE = 10, // and at least, where one lost packet is an outage
};

static uint32_t next_random(struct bfd *bfd)
{
	bfd->jitter = bfd->jitter * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(bfd->jitter >> 33);
}

uint64_t bfd_interval_ns(const struct bfd *bfd)
{
	return MAX(bfd->held_tx_us, bfd->remote_rx_us) * NSEC_PER_USEC;
}

uint64_t bfd_detection_ns(const struct bfd *bfd)
{
	return bfd->remote_multiplier * (uint64_t)MAX(bfd->held_rx_us, bfd->remote_tx_us) *
	       NSEC_PER_USEC;
}

static uint64_t jittered(struct bfd *bfd)
{
	unsigned least = bfd->config.multiplier == 1 ? LEAST_AT_ONE : 0;
	unsigned less = least + next_random(bfd) % (JITTER - least + 1);

	return bfd_interval_ns(bfd) / PERCENT * (PERCENT - less);
}

// Whether packets go by the clock: the other end may not want any (6.8.7).
static bool is_periodic(const struct bfd *bfd)
{
	if (!bfd->remote_rx_us)
		return false;
	return !(bfd->remote_demand && bfd->state == BFD_UP && bfd->remote_state == BFD_UP &&
	         !bfd->polling);
}

static void plan(struct bfd *bfd)
{
	bfd->next_at = is_periodic(bfd) ? bfd->sent_at + jittered(bfd) : UINT64_MAX;
}

static void say(struct bfd *bfd, const struct bfd_config *config)
{
	uint32_t least = bfd->state == BFD_UP ? 0 : SLOW_US;
	uint32_t tx = MAX(config->interval_us, least);

	bfd->config = *config;
	if (tx == bfd->desired_tx_us && config->interval_us == bfd->required_rx_us)
		return;
	bfd->desired_tx_us = tx;
	bfd->required_rx_us = config->interval_us;
	bfd->polling = bfd->state == BFD_UP;
	bfd->polled_at = 0;
	// Sending more often, and being content with less, holds at once.
	if (!bfd->polling || tx < bfd->held_tx_us)
		bfd->held_tx_us = tx;
	if (!bfd->polling || config->interval_us > bfd->held_rx_us)
		bfd->held_rx_us = config->interval_us;
	if (bfd->state > BFD_DOWN)
		bfd->expires_at = bfd->heard_at + bfd_detection_ns(bfd);
	bfd->news = true;
}

void bfd_init(struct bfd *bfd, const struct bfd_config *config, uint32_t discriminator,
              uint64_t now)
{
	*bfd = (struct bfd){
		.state = BFD_DOWN,
		.remote_state = BFD_DOWN,
		.discriminator = discriminator,
		// Until it says otherwise (6.8.1).
		.remote_rx_us = 1,
		.sent_at = now,
		.expires_at = UINT64_MAX,
		.next_at = now,
		.changed_at = now,
		.jitter = discriminator,
	};
	say(bfd, config);
}

void bfd_configure(struct bfd *bfd, const struct bfd_config *config, uint64_t now)
{
	if (config->multiplier != bfd->config.multiplier)
		bfd->news = true;
	say(bfd, config);
	plan(bfd);
}

static void judge(struct bfd *bfd, enum bfd_verdict verdict, uint64_t now)
{
	if (bfd->verdict == verdict)
		return;
	bfd->verdict = verdict;
	bfd->changed_at = now;
}

static void enter(struct bfd *bfd, enum bfd_state state, enum bfd_diagnostic diagnostic,
                  uint64_t now)
{
	if (bfd->state == BFD_UP)
		bfd->downs++;
	bfd->state = state;
	bfd->diagnostic = (uint8_t)diagnostic;
	bfd->news = true;
	if (state == BFD_UP)
		judge(bfd, BFD_ALIVE, now);
	if (state == BFD_DOWN) {
		bfd->polling = false;
		bfd->expires_at = UINT64_MAX;
	}
	say(bfd, &bfd->config);
}

// The other end is down while we are up. If it says so without having heard of us and without a reason, it has only
// just begun.
static void hear_down(struct bfd *bfd, const struct bfd_packet *packet, uint64_t now)
{
	bool began = !packet->your_discriminator && packet->diagnostic == BFD_DIAG_NONE;

	judge(bfd, began ? BFD_UNJUDGED : BFD_DEAD, now);
	enter(bfd, BFD_DOWN, BFD_DIAG_NEIGHBOUR_DOWN, now);
}

static void hear_state(struct bfd *bfd, const struct bfd_packet *packet, uint64_t now)
{
	if (packet->state == BFD_ADMIN_DOWN) {
		judge(bfd, BFD_UNJUDGED, now);
		if (bfd->state != BFD_DOWN)
			enter(bfd, BFD_DOWN, BFD_DIAG_NEIGHBOUR_DOWN, now);
	} else if (bfd->state == BFD_DOWN) {
		if (packet->state == BFD_DOWN)
			enter(bfd, BFD_INIT, (enum bfd_diagnostic)bfd->diagnostic, now);
		else if (packet->state == BFD_INIT)
			enter(bfd, BFD_UP, BFD_DIAG_NONE, now);
	} else if (bfd->state == BFD_INIT) {
		if (packet->state != BFD_DOWN)
			enter(bfd, BFD_UP, BFD_DIAG_NONE, now);
	} else if (packet->state == BFD_DOWN) {
		hear_down(bfd, packet, now);
	}
}

static void hear_final(struct bfd *bfd, uint64_t now)
{
	if (!bfd->polling || !bfd->polled_at)
		return;
	bfd->polling = false;
	bfd->held_tx_us = bfd->desired_tx_us;
	bfd->held_rx_us = bfd->required_rx_us;
	bfd->rtt_ns = now - bfd->polled_at;
}

void bfd_receive(struct bfd *bfd, const struct bfd_packet *packet, uint64_t now)
{
	uint32_t rx_us = bfd->remote_rx_us;
	bool demand = bfd->remote_demand;

	bfd->received++;
	bfd->heard_at = now;
	bfd->remote_discriminator = packet->my_discriminator;
	bfd->remote_state = (enum bfd_state)packet->state;
	bfd->remote_diagnostic = packet->diagnostic;
	bfd->remote_demand = packet->demand;
	bfd->remote_rx_us = packet->required_rx_us;
	bfd->remote_tx_us = packet->desired_tx_us;
	bfd->remote_multiplier = packet->multiplier;
	if (packet->final)
		hear_final(bfd, now);
	hear_state(bfd, packet, now);
	if (bfd->state > BFD_DOWN)
		bfd->expires_at = now + bfd_detection_ns(bfd);
	if (packet->poll)
		bfd->answer_poll = true;
	// With other parameters the next packet is due at another time.
	if (rx_us != bfd->remote_rx_us || demand != bfd->remote_demand ||
	    bfd->next_at == UINT64_MAX || bfd->next_at > bfd->sent_at + bfd_interval_ns(bfd))
		plan(bfd);
}

static void fill(const struct bfd *bfd, bool final, uint8_t bytes[static BFD_BYTES])
{
	const struct bfd_packet packet = {
		.diagnostic = bfd->diagnostic,
		.state = bfd->state,
		.poll = bfd->polling && !final,
		.final = final,
		.multiplier = bfd->config.multiplier,
		.my_discriminator = bfd->discriminator,
		.your_discriminator = bfd->remote_discriminator,
		.desired_tx_us = bfd->desired_tx_us,
		.required_rx_us = bfd->required_rx_us,
	};

	bfd_packet_write(&packet, bytes);
}

static void expire(struct bfd *bfd, uint64_t now)
{
	if (bfd->state == BFD_UP)
		judge(bfd, BFD_DEAD, now);
	enter(bfd, BFD_DOWN, BFD_DIAG_EXPIRED, now);
	// So that its next packet need not know ours (6.8.1).
	bfd->remote_discriminator = 0;
}

bool bfd_run(struct bfd *bfd, uint64_t now, uint8_t bytes[static BFD_BYTES])
{
	if (now >= bfd->expires_at)
		expire(bfd, now);
	if (bfd->answer_poll) {
		bfd->answer_poll = false;
		bfd->sent++;
		fill(bfd, true, bytes);
		return true;
	}
	if (!(bfd->news && bfd->remote_rx_us) && now < bfd->next_at)
		return false;
	if (bfd->polling)
		bfd->polled_at = now;
	fill(bfd, false, bytes);
	bfd->news = false;
	bfd->sent++;
	bfd->sent_at = now;
	plan(bfd);
	return true;
}

void bfd_end(struct bfd *bfd, uint8_t bytes[static BFD_BYTES])
{
	bfd->state = BFD_ADMIN_DOWN;
	bfd->diagnostic = BFD_DIAG_ADMIN_DOWN;
	bfd->polling = false;
	fill(bfd, false, bytes);
}

uint64_t bfd_due(const struct bfd *bfd)
{
	if (bfd->answer_poll || (bfd->news && bfd->remote_rx_us))
		return 0;
	return MIN(bfd->next_at, bfd->expires_at);
}
