// SPDX-License-Identifier: BSD-3-Clause
//
// wakeup: how long this machine takes to wake a thread that sleeps on a bell, with nothing else to do.
//
// What a frame that comes after a pause waits for whatever the switch does: the writing of an eventfd, the waking of
// another core. It is to be taken off what vguest sees of such frames. The writer spins meanwhile, as a guest does
// that looks for its answer. Usage: wakeup [COUNT [PAUSE_MS]]

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int bell, set;
static _Atomic uint64_t woken_at;

static void *sleep_on_bell(void *user)
{
	struct epoll_event event;
	uint64_t count;

	for (;;) {
		epoll_wait(set, &event, 1, -1);
		atomic_store(&woken_at, clock_now());
		if (read(bell, &count, sizeof(count)) != sizeof(count) || count > 1)
			return NULL;
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 500;
	unsigned pause_ms = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	uint64_t *took = calloc(count + 1, sizeof(*took)), word = 1;
	struct epoll_event event = {.events = EPOLLIN};
	pthread_t thread;

	bell = eventfd(0, EFD_CLOEXEC);
	set = epoll_create1(EPOLL_CLOEXEC);
	if (!took || count == 0 || bell < 0 || epoll_ctl(set, EPOLL_CTL_ADD, bell, &event) < 0 ||
	    pthread_create(&thread, NULL, sleep_on_bell, NULL) != 0)
		return 1;
	for (unsigned i = 0; i < count; i++) {
		uint64_t start = clock_now();

		while (clock_now() - start < pause_ms * NSEC_PER_MSEC)
			;
		atomic_store(&woken_at, 0);
		start = clock_now();
		if (write(bell, &word, sizeof(word)) < 0)
			return 1;
		while (!atomic_load(&woken_at))
			;
		took[i] = atomic_load(&woken_at) - start;
	}
	word = 2;
	if (write(bell, &word, sizeof(word)) < 0)
		return 1;
	pthread_join(thread, NULL);
	qsort(took, count, sizeof(*took), compare);
	printf("%.1f %.1f\n", (double)took[count / 2] / 1000,
	       (double)took[count * 99 / 100] / 1000);
	free(took);
	return 0;
}
