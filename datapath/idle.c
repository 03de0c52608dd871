// SPDX-License-Identifier: BSD-3-Clause
//
// idle: three times decide: of the last work, of the last look, and now.
//
// Waking a thread on another core costs some 50 microseconds on a virtual machine. A guest that is
// woken by a frame, answers and is forwarded by us at once is seen again after one such wake-up and
// its own work, so spinning for two of them keeps a conversation going without ever sleeping in
// between: half as long was found to sleep just before each answer came, for twice the round trip.

#include "datapath/idle.h"

void idle_init(struct idle *idle, uint64_t spin_ns, uint64_t now_ns)
{
	*idle = (struct idle){
		.spin_ns = spin_ns ? spin_ns : IDLE_SPIN_NS,
		.worked_ns = now_ns,
	};
}

static enum idle_action look(struct idle *idle, uint64_t now_ns, enum idle_action action)
{
	idle->looked_ns = now_ns;
	return action;
}

enum idle_action idle_next(struct idle *idle, uint64_t now_ns, bool worked, bool hot)
{
	bool was_armed = idle->armed;

	idle->armed = false;
	if (worked) {
		idle->worked_ns = now_ns;
	} else if (was_armed) {
		return IDLE_SLEEP;
	} else if (now_ns - idle->worked_ns >= idle->spin_ns) {
		idle->armed = true;
		return look(idle, now_ns, IDLE_ARM);
	}
	if (!hot || now_ns - idle->looked_ns >= IDLE_LOOK_NS)
		return look(idle, now_ns, IDLE_LOOK);
	return IDLE_POLL;
}

void idle_woken(struct idle *idle, uint64_t now_ns)
{
	idle->worked_ns = now_ns;
	idle->armed = false;
}

uint64_t idle_nap(uint64_t silent_ns)
{
	uint64_t nap = silent_ns / 16;

	if (nap < IDLE_NAP_MIN_NS)
		return IDLE_NAP_MIN_NS;
	return nap < IDLE_NAP_MAX_NS ? nap : IDLE_NAP_MAX_NS;
}
