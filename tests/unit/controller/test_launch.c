// SPDX-License-Identifier: BSD-3-Clause
//
// launch: ending processes, whoever their parent is.

#include "controller/launch.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void died(void *user, pid_t pid, const char *how)
{
}

static struct launch *launch_of(struct event_base *base)
{
	struct launch_env env = {
		.base = base, .run_dir = "/nonexistent", .label = "test", .died = died};
	struct launch *launch = launch_new(&env);

	assert_non_null(launch);
	return launch;
}

// A process whose parent never collects it, as that of a controller which was killed in a container.
static pid_t orphan(pid_t *ret_parent, int deaf)
{
	int pipe_ends[2];
	pid_t pid = 0;

	assert_int_equal(pipe(pipe_ends), 0);
	*ret_parent = fork();
	if (*ret_parent == 0) {
		if (deaf)
			signal(SIGTERM, SIG_IGN);
		pid = fork();
		if (pid > 0 && write(pipe_ends[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(*ret_parent > 0);
	assert_int_equal(read(pipe_ends[0], &pid, sizeof(pid)), sizeof(pid));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return pid;
}

static char state_of(pid_t pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);

	FILE *stat = fopen(path, "re");

	if (!stat)
		return 0;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state;
}

static void stop_does_not_wait_for_the_parent(int deaf)
{
	struct event_base *base = event_base_new();
	struct launch *launch = launch_of(base);
	pid_t parent, pid = orphan(&parent, deaf);

	launch_watch(launch, pid);
	assert_int_equal(launch_pid(launch), pid);
	launch_stop(launch);
	assert_int_equal(state_of(pid), 'Z');
	assert_int_equal(launch_pid(launch), 0);

	launch_free(launch);
	event_base_free(base);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
}

static void what_nobody_collects_is_stopped(void **state)
{
	stop_does_not_wait_for_the_parent(0);
}

static void what_does_not_listen_is_killed(void **state)
{
	stop_does_not_wait_for_the_parent(1);
}

static void a_child_of_ours_is_collected(void **state)
{
	struct event_base *base = event_base_new();
	struct launch *launch = launch_of(base);
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	launch_watch(launch, pid);
	launch_stop(launch);
	assert_int_equal(state_of(pid), 0);

	launch_free(launch);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_collects_is_stopped),
		cmocka_unit_test(what_does_not_listen_is_killed),
		cmocka_unit_test(a_child_of_ours_is_collected),
	};

	// A wait without an end is what is looked for.
	alarm(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
