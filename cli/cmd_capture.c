// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_capture: packets of ports into a pcapng stream, until the user, the reader or a limit ends it.
//
// The stream goes to standard output, so what is said to the user goes to standard error. It ends in order
// at an interrupt: the datapath is asked to stop, what it still holds is written, then the totals.

#include "cli/capture_program.h"
#include "cli/capture_writer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SNAP_MAX = 262144, TICK_MS = 20 };

struct capture {
	const struct invocation *call;
	const Weft__CaptureQuery *query;
	FILE *file; // NULL until there is something to write.
	struct capture_writer *writer;
	struct fail fail; // Of writing.
};

// The name of the file, NULL: standard output.
static const char *file_of(const struct invocation *call)
{
	const char *path = invocation_text(call, "write");

	return path && strcmp(path, "-") != 0 ? path : NULL;
}

// Once it has begun, so that what is refused leaves no file behind.
static int open_writer(struct capture *capture)
{
	const struct capture_writer_config config = {
		.filter = invocation_text(capture->call, "bpf"),
		.snap = capture->query->snap,
		.count = capture->query->count,
	};
	struct capture_writer_config with_file = config;
	const char *path = file_of(capture->call);

	capture->file = path ? fopen(path, "we") : stdout;
	if (!capture->file)
		return fail_errno(&capture->fail, -errno, "file '%s'", path);
	with_file.file = capture->file;
	return capture_writer_new(&with_file, &capture->writer, &capture->fail);
}

static bool on_reply(void *user, const Weft__Reply *reply)
{
	struct capture *capture = user;

	if (!reply->has_captured)
		return true;
	if (!capture->writer && open_writer(capture) < 0)
		return false;
	return capture_writer_put(capture->writer, reply->captured.data, reply->captured.len,
	                          &capture->fail) == 0 &&
	       !capture_writer_is_full(capture->writer);
}

static bool on_tick(void *user)
{
	struct capture *capture = user;

	return !capture->writer || capture_writer_tick(capture->writer, &capture->fail) == 0;
}

static int check_output(const struct invocation *call, struct fail *fail)
{
	if (file_of(call) || !isatty(STDOUT_FILENO))
		return 0;
	fail_set(fail, -EINVAL, "a capture is not for the terminal");
	fail_hint(fail, "pipe it: %s | wireshark -k -i -, or give a file by -w", call->line);
	return -EINVAL;
}

static int fill_query(const struct invocation *call, Weft__CaptureQuery *query, struct fail *fail)
{
	const char *filter = invocation_text(call, "bpf");
	bool all = !invocation_has(call, "in") && !invocation_has(call, "out") &&
	           !invocation_has(call, "drops");
	uint64_t snap = invocation_number(call, "snap", SNAP_MAX);
	uint64_t seconds = invocation_number(call, "seconds", 0);

	if (snap < 1 || snap > SNAP_MAX)
		return fail_set(fail, -EINVAL, "--snap %" PRIu64 ": 1 to %d bytes can be wanted",
		                snap, SNAP_MAX);
	if (seconds > UINT32_MAX / 1000)
		return fail_set(fail, -EINVAL, "--seconds: that is too long");
	query->ports = (char **)call->arguments;
	query->n_ports = call->argument_count;
	query->has_snap = query->has_in = query->has_out = query->has_dropped = true;
	query->snap = (uint32_t)snap;
	query->in = all || invocation_has(call, "in");
	query->out = all || invocation_has(call, "out");
	query->dropped = all || invocation_has(call, "drops");
	query->count = invocation_number(call, "count", 0);
	query->has_count = query->count != 0;
	query->milliseconds = (uint32_t)seconds * 1000;
	query->has_milliseconds = seconds != 0;
	if (!filter)
		return 0;
	query->has_program = true;
	return capture_program_compile(filter, &query->program.data, &query->program.len, fail);
}

// A reader that has closed its end wanted no more.
static int conclude(const struct capture *capture, int error, bool lost, struct fail *fail)
{
	const struct invocation *call = capture->call;

	if (capture->fail.code == -EPIPE)
		error = 0;
	else if (capture->fail.code)
		*fail = capture->fail;
	fprintf(stderr, "weft: %" PRIu64 " packets", capture_writer_packets(capture->writer));
	if (capture_writer_lost(capture->writer))
		fprintf(stderr, ", %" PRIu64 " more were lost: the capture could not follow",
		        capture_writer_lost(capture->writer));
	fputc('\n', stderr);
	if (error == 0 && (!capture->fail.code || capture->fail.code == -EPIPE))
		return EXIT_OK;
	output_fail(call, fail);
	return lost ? EXIT_UNREACHABLE : EXIT_ERROR;
}

static int run(struct capture *capture, Weft__CaptureQuery *query, struct client *client)
{
	Weft__Request request = WEFT__REQUEST__INIT, stop = WEFT__REQUEST__INIT;
	Weft__CaptureQuery end = WEFT__CAPTURE_QUERY__INIT;
	struct fail fail = {0};
	int error;

	request.body_case = stop.body_case = WEFT__REQUEST__BODY_CAPTURE;
	request.capture = query;
	stop.capture = &end;
	end.has_stop = end.stop = true;
	error = client_every(client, TICK_MS, on_tick, capture);
	if (error < 0)
		fail_errno(&fail, error, "a timer for the capture");
	else
		error = client_watch_until(client, &request, &stop, on_reply, capture, &fail);
	if (!capture->writer) {
		// It never began.
		output_fail(capture->call, capture->fail.code ? &capture->fail : &fail);
		return client_is_lost(client) ? EXIT_UNREACHABLE : EXIT_ERROR;
	}
	if (!capture->fail.code)
		capture_writer_end(capture->writer, &capture->fail);
	return conclude(capture, error, client_is_lost(client), &fail);
}

static int capture(const struct invocation *call, Weft__CaptureQuery *query)
{
	struct capture capture = {.call = call, .query = query};
	struct client *client = NULL;
	struct fail fail = {0};
	int code;

	// Wireshark closes the pipe when its user has seen enough; that is told by the write.
	signal(SIGPIPE, SIG_IGN);
	if (client_open(call->run_dir, &client, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_UNREACHABLE;
	}
	code = run(&capture, query, client);
	client_close(client);
	capture_writer_free(capture.writer);
	if (capture.file && capture.file != stdout && fclose(capture.file) != 0 &&
	    code == EXIT_OK) {
		fail_errno(&fail, -errno, "file '%s'", file_of(call));
		output_fail(call, &fail);
		code = EXIT_ERROR;
	}
	return code;
}

int cmd_capture(const struct invocation *call)
{
	Weft__CaptureQuery query = WEFT__CAPTURE_QUERY__INIT;
	struct fail fail = {0};
	int code = EXIT_USAGE;

	if (fill_query(call, &query, &fail) < 0 || check_output(call, &fail) < 0)
		output_fail(call, &fail);
	else
		code = capture(call, &query);
	free(query.program.data);
	return code;
}
