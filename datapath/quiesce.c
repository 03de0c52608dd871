// SPDX-License-Identifier: BSD-3-Clause
//
// quiesce: QSBR costs a reader one store a turn, and a worker passes a natural quiescent point every
// few microseconds, at the end of its turn. What waits to be freed is a list of the main thread's,
// which every transaction empties anyway: no thread of its own, no callbacks at odd times.
//
// ThreadSanitizer cannot see into liburcu, which is not built with it; the two marks below tell it
// what a grace period means.

#include "datapath/quiesce.h"

#include <stdlib.h>
#include <urcu-qsbr.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>

static char passed;

static void mark_passed(void)
{
	__tsan_release(&passed);
}

static void see_passed(void)
{
	__tsan_acquire(&passed);
}
#else
static void mark_passed(void)
{
}

static void see_passed(void)
{
}
#endif

struct waiting {
	struct waiting *next;
	void *piece;
	quiesce_free_fn release;
};

static struct waiting *first_waiting;

void quiesce_register(void)
{
	urcu_qsbr_register_thread();
}

void quiesce_unregister(void)
{
	mark_passed();
	urcu_qsbr_unregister_thread();
}

void quiesce_offline(void)
{
	mark_passed();
	urcu_qsbr_thread_offline();
}

void quiesce_online(void)
{
	urcu_qsbr_thread_online();
}

void quiesce_point(void)
{
	mark_passed();
	urcu_qsbr_quiescent_state();
}

static void synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
	see_passed();
}

void quiesce_synchronize(void)
{
	synchronize();
	while (first_waiting) {
		struct waiting *waiting = first_waiting;

		first_waiting = waiting->next;
		waiting->release(waiting->piece);
		free(waiting);
	}
}

void quiesce_free(void *piece, quiesce_free_fn release)
{
	struct waiting *waiting = malloc(sizeof(*waiting));

	if (!waiting) {
		synchronize();
		release(piece);
		return;
	}
	*waiting = (struct waiting){
		.next = first_waiting,
		.piece = piece,
		.release = release,
	};
	first_waiting = waiting;
}
