// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_daemon: starts and stops the daemons, and tells how they are.
//
// The controller is started in a session of its own, with its words going to controller.log in the
// run directory; the controller starts and minds the datapath. `up` returns when both work together,
// so that the next command of a script finds a network.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/hosts_ready.h"
#include "cli/lab.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/record.h"
#include "cli/topology.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	POLL_USEC = 20000,
	UP_SECONDS = 15,
	START_ATTEMPTS = 5,
	RETRY_USEC = 100000,
	ARGUMENTS = 12
};

// In the child: a session of its own, nothing of ours open, words to the log.
static void become_controller(const char *program, const char *log, char *const arguments[])
{
	int null = open("/dev/null", O_RDWR), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0640);

	if (null < 0 || out < 0 || setsid() < 0)
		_exit(127);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close_range(3, UINT_MAX, 0);
	if (chdir("/") < 0)
		_exit(127);
	execv(program, arguments);
	_exit(127);
}

static void add_arguments(const struct invocation *call, char **next)
{
	if (invocation_text(call, "listen")) {
		*next++ = (char *)"--listen";
		*next++ = (char *)invocation_text(call, "listen");
	}
	if (invocation_text(call, "listen-plain")) {
		*next++ = (char *)"--listen-plain";
		*next++ = (char *)invocation_text(call, "listen-plain");
	}
	if (invocation_has(call, "fresh"))
		*next++ = (char *)"--fresh";
	*next = NULL;
}

static int start_controller(const struct invocation *call, pid_t *ret, struct fail *fail)
{
	char program[PATH_MAX], log[PATH_MAX], run_dir[PATH_MAX], state_dir[PATH_MAX];
	int error = program_find("weft-controller", program, sizeof(program));

	if (error < 0) {
		fail_set(fail, error, "weft-controller is not beside weft and not in PATH");
		fail_hint(fail, "build it (make) or install it (make install)");
		return error;
	}
	error = path_make_dirs(call->run_dir, 0755);
	if (error == 0)
		error = path_make_dirs(call->state_dir, 0750);
	// The daemon works from /, so it needs the whole paths.
	if (error == 0 &&
	    (!realpath(call->run_dir, run_dir) || !realpath(call->state_dir, state_dir)))
		error = -errno;
	if (error == 0)
		error = path_join(log, sizeof(log), run_dir, "controller.log");
	if (error < 0)
		return fail_errno(fail, error, "directories %s and %s", call->run_dir,
		                  call->state_dir);

	char *arguments[ARGUMENTS] = {program, (char *)"--run-dir", run_dir, (char *)"--state-dir",
	                              state_dir};

	add_arguments(call, arguments + 5);

	pid_t child = fork();

	if (child == 0)
		become_controller(program, log, arguments);
	if (child < 0)
		return fail_errno(fail, -errno, "weft-controller could not be started");
	*ret = child;
	return 0;
}

// The last sentence of the controller's log, and the hint that may follow it.
struct last_words {
	char what[400], hint[400];
};

static void take_line(struct last_words *words, char *line)
{
	static const char speaker[] = "weft-controller: ";

	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "  ", 2) == 0) {
		snprintf(words->hint, sizeof(words->hint), "%s", line + 2);
		return;
	}
	if (strncmp(line, speaker, sizeof(speaker) - 1) == 0)
		line += sizeof(speaker) - 1;
	snprintf(words->what, sizeof(words->what), "%s", line);
	words->hint[0] = '\0';
}

static void last_words(const char *run_dir, struct last_words *words)
{
	char path[PATH_MAX], line[400];
	FILE *log = path_join(path, sizeof(path), run_dir, "controller.log") == 0
	                    ? fopen(path, "re")
	                    : NULL;

	*words = (struct last_words){0};
	while (log && fgets(line, sizeof(line), log))
		if (line[0] != '\n')
			take_line(words, line);
	if (log)
		fclose(log);
}

static bool is_ready(const Weft__Reply *reply)
{
	char state[32];

	return strcmp(record_text(reply->records[0], "host.state", state, sizeof(state)),
	              "ready") == 0;
}

// A controller that is being killed may still accept connections, and then still hold its lock; and
// another weft may start one at the same time. So who is there is asked again and again, and a start
// that failed is tried a few times more.
struct start {
	pid_t child; // 0: none of ours.
	unsigned attempts;
	bool answered;
	char listen[80]; // Where hosts come in, as it says.
};

static bool look(const struct invocation *call, struct start *start)
{
	struct fail ignored = {0};
	Weft__Reply *reply;
	char text[80];

	if (daemons_status(call, &reply, &ignored) != EXIT_OK)
		return false;

	bool ready = is_ready(reply);

	start->answered = true;
	snprintf(start->listen, sizeof(start->listen), "%s",
	         record_text(reply->records[0], "listen", text, sizeof(text)));
	client_reply_free(reply);
	return ready;
}

static int explain_end(const struct invocation *call, struct fail *fail)
{
	struct last_words words;

	last_words(call->run_dir, &words);
	fail_set(fail, -ECHILD, "weft-controller ended at once: %s", words.what);
	if (words.hint[0])
		fail_hint(fail, "%s", words.hint);
	else
		fail_hint(fail, "the whole story is in %s/controller.log", call->run_dir);
	return -ECHILD;
}

// Starts a controller where there is none. -ECHILD when it does not live.
static int mind(const struct invocation *call, struct start *start, struct fail *fail)
{
	// To begin empty is not for trying twice.
	unsigned most = invocation_has(call, "fresh") ? 1 : START_ATTEMPTS;

	if (start->child > 0 && waitpid(start->child, NULL, WNOHANG) == start->child) {
		start->child = 0;
		usleep(RETRY_USEC);
		if (start->attempts >= most && !client_is_up(call->run_dir))
			return explain_end(call, fail);
	}
	if (start->child > 0 || client_is_up(call->run_dir))
		return 0;
	start->attempts++;
	return start_controller(call, &start->child, fail);
}

static int give_up(const struct invocation *call, const struct start *start, uint64_t seconds,
                   struct fail *fail)
{
	struct last_words words;

	last_words(call->run_dir, &words);
	fail_set(fail, -ETIMEDOUT, "%s within %llu seconds: %s",
	         start->answered ? "the datapath was not ready" : "weft-controller did not answer",
	         (unsigned long long)seconds, words.what);
	fail_hint(fail, "see the logs in %s; weft doctor checks the machine", call->run_dir);
	return -ETIMEDOUT;
}

// One that runs already listens where it was told to when it was started.
static int check_listening(const struct invocation *call, const struct start *start,
                           struct fail *fail)
{
	const char *wanted = invocation_text(call, "listen");

	if (!wanted || strcmp(strcmp(wanted, "none") == 0 ? "" : wanted, start->listen) == 0)
		return 0;
	fail_set(fail, -EALREADY, "weft-controller runs already, and lets hosts in at %s",
	         start->listen[0] ? start->listen : "no address");
	fail_hint(fail, "'weft down' and 'weft up' again; guests lose their network in between");
	return -EALREADY;
}

static int bring_up(const struct invocation *call)
{
	uint64_t seconds = invocation_number(call, "wait", UP_SECONDS);
	uint64_t end = clock_now() + seconds * NSEC_PER_SEC;
	struct start start = {0};
	struct fail fail = {0};
	int error = 0;

	while (error == 0 && !look(call, &start)) {
		error = mind(call, &start, &fail);
		if (error == 0 && clock_now() > end)
			error = give_up(call, &start, seconds, &fail);
		if (error == 0)
			usleep(POLL_USEC);
	}
	if (error == 0 && start.attempts == 0)
		error = check_listening(call, &start, &fail);
	if (error < 0) {
		output_fail(call, &fail);
		return error == -ETIMEDOUT ? EXIT_UNREACHABLE : EXIT_ERROR;
	}
	if (call->format == OUTPUT_TABLE)
		printf(start.attempts ? "running\n" : "already running\n");
	return EXIT_OK;
}

// Those that were there before have to start too.
static int await_hosts(const struct invocation *call)
{
	struct client *client;
	struct fail fail = {0};
	int code;

	if (client_open(call->run_dir, &client, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_UNREACHABLE;
	}
	code = hosts_ready_await(call, NULL, client);
	client_close(client);
	return code;
}

int cmd_up(const struct invocation *call)
{
	struct topology topology = {0};
	int code;

	if (call->argument_count == 0) {
		code = bring_up(call);
		return code == EXIT_OK ? await_hosts(call) : code;
	}
	// A file that is wrong starts nothing.
	code = lab_read(call, call->arguments[0], &topology);
	if (code == EXIT_OK)
		code = bring_up(call);
	if (code == EXIT_OK)
		code = lab_apply(call, &topology, false);
	topology_fini(&topology);
	return code;
}

int cmd_down(const struct invocation *call)
{
	Weft__Request request = WEFT__REQUEST__INIT;
	struct fail fail = {0};
	struct daemons daemons;
	Weft__Reply *reply;
	int code = daemons_find(call, &daemons, &fail);

	if (code != EXIT_OK) {
		output_fail(call, &fail);
		return code;
	}
	request.body_case = WEFT__REQUEST__BODY_SHUTDOWN;
	request.shutdown = true;
	code = ask(call, &request, &reply);
	if (code != EXIT_OK)
		return code;
	client_reply_free(reply);
	if (daemons_await_end(&daemons, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	if (call->format == OUTPUT_TABLE)
		printf("stopped\n");
	return EXIT_OK;
}

int cmd_status(const struct invocation *call)
{
	struct fail fail = {0};
	Weft__Reply *reply;
	int code = daemons_status(call, &reply, &fail);

	if (code != EXIT_OK) {
		output_fail(call, &fail);
		return code;
	}
	code = output_record(call, reply->records[0]);
	client_reply_free(reply);
	return code;
}
