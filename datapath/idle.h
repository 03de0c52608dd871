// SPDX-License-Identifier: BSD-3-Clause
//
// idle: when a worker polls, when it asks the kernel, and when it sleeps. Owning worker; no clock of
// its own, so that a test can be the time.
//
// POLL: only the hot queues are asked, which costs one read each. LOOK: the kernel is asked as well
// which of the others has become readable. ARM: nothing came for spin_ns; whoever has news must ring
// from now on, so look once more at everything. SLEEP: that look found nothing either.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum idle_action { IDLE_POLL, IDLE_LOOK, IDLE_ARM, IDLE_SLEEP };

enum {
	IDLE_SPIN_NS = 100000,
	IDLE_LOOK_NS = 50000,
	IDLE_NAP_MIN_NS = 1000000,
	IDLE_NAP_MAX_NS = 64000000,
};

struct idle {
	uint64_t spin_ns;
	uint64_t worked_ns; // when a turn last found work
	uint64_t looked_ns; // when the kernel was last asked
	bool armed;
};

// spin_ns 0: IDLE_SPIN_NS.
void idle_init(struct idle *idle, uint64_t spin_ns, uint64_t now_ns);

// Says what comes next, after a turn that found work or not. `hot`: there are hot queues.
enum idle_action idle_next(struct idle *idle, uint64_t now_ns, bool worked, bool hot);

// After a sleep, and after an ARM that found work: spinning starts anew.
void idle_woken(struct idle *idle, uint64_t now_ns);

// How long a worker may sleep that serves doors which cannot wake it: a sixteenth of the time since
// one of them last had a packet, within the two bounds above. Such a door so is at most 6 % late,
// and one that has gone silent costs 16 wake-ups a second.
uint64_t idle_nap(uint64_t silent_ns);
