// SPDX-License-Identifier: BSD-3-Clause
//
// failover: leaves a dead way at once, and goes back to the first only when it has been alive for the hold time: a way
// that comes and goes would otherwise take the traffic with it each time.
//
// A way of which nothing is known is as good as one that is alive, so that ends which do not speak BFD are reached; but
// where it has stayed so for the hold time, and the other way is alive, that is used. No way at all is only where
// every one is dead.

#include "tunnels/failover.h"

#include "base/bytes.h"

enum { FIRST, SECOND };

void failover_init(struct failover *failover, unsigned count, uint64_t hold_ns, uint64_t now)
{
	*failover = (struct failover){.count = count, .hold_ns = hold_ns, .since = {now, now}};
}

void failover_judge(struct failover *failover, unsigned way, enum bfd_verdict verdict, uint64_t now)
{
	failover->verdicts[way] = verdict;
	failover->since[way] = now;
}

static bool is(const struct failover *failover, unsigned way, enum bfd_verdict verdict)
{
	return way < failover->count && failover->verdicts[way] == verdict;
}

static unsigned first_not_dead(const struct failover *failover)
{
	for (int want = BFD_ALIVE; want >= BFD_UNJUDGED; want--)
		for (unsigned way = 0; way < failover->count; way++)
			if (is(failover, way, (enum bfd_verdict)want))
				return way;
	return WAY_NONE;
}

// Whether the first has been of that verdict for long enough; *due is when it will have been.
static bool has_held(const struct failover *failover, uint64_t now, uint64_t *due)
{
	uint64_t until = failover->since[FIRST] + failover->hold_ns;

	if (now < until)
		*due = until;
	return now >= until;
}

bool failover_run(struct failover *failover, uint64_t now, uint64_t *ret_due)
{
	unsigned used = failover->used;

	*ret_due = UINT64_MAX;
	if (used == WAY_NONE || is(failover, used, BFD_DEAD))
		failover->used = first_not_dead(failover);
	else if (used == SECOND && is(failover, FIRST, BFD_ALIVE))
		failover->used = has_held(failover, now, ret_due) ? FIRST : SECOND;
	else if (used == FIRST && is(failover, FIRST, BFD_UNJUDGED) &&
	         is(failover, SECOND, BFD_ALIVE))
		failover->used = has_held(failover, now, ret_due) ? SECOND : FIRST;
	return failover->used != used;
}
