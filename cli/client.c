// SPDX-License-Identifier: BSD-3-Clause
//
// client: a blocking question over a framed stream.
//
// The event loop runs only inside client_ask() and client_watch(). A controller that does not answer
// within ANSWER_SECONDS of the last byte is taken for dead. Parts of a long answer are gathered until
// the one without `more`; their total is bounded, so a mad controller cannot eat the machine.

#include "cli/client.h"

#include "base/bytes.h"
#include "base/fail.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/stream.h"
#include "proto/decode.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ANSWER_SECONDS = 60,      // A transaction may wait for interfaces to be made.
	ANSWER_RECORDS = 4 << 20, // Most records of one answer.
	STOP_SECONDS = 3,
	CLIENT_STREAM = 0,
};

struct client {
	struct event_base *base;
	struct stream *stream;
	uint64_t request;    // Id of the question that is open.
	Weft__Reply *answer; // What has come of it.
	bool done, timed_out, lost;
	int error;
	client_reply_cb watch; // Set while watching.
	bool ends;             // The replies have a last one.
	void *watch_user;
	Weft__Request *stop;  // Sent at an interrupt; borrowed, NULL once it was.
	struct event *ticker; // NULL: nobody wants it.
	bool (*tick)(void *user);
	void *tick_user;
	struct fail *fail;           // Borrowed from the call that runs.
	char object[160], field[64]; // What the last refusal was about.
	Weft__Reply *refused;        // It itself, or NULL.
};

// Moves the records and notes of one part to the end of what is there.
static int gather(Weft__Reply *whole, Weft__Reply *part)
{
	size_t records = whole->n_records + part->n_records;
	size_t notes = whole->n_notes + part->n_notes;

	if (records > ANSWER_RECORDS || notes > ANSWER_RECORDS)
		return -E2BIG;

	// One more than needed, so that an empty list is no special case.
	void *grown = realloc(whole->records, (records + 1) * sizeof(*whole->records));

	if (!grown)
		return -ENOMEM;
	whole->records = grown;
	grown = realloc(whole->notes, (notes + 1) * sizeof(*whole->notes));
	if (!grown)
		return -ENOMEM;
	whole->notes = grown;

	for (size_t i = 0; i < part->n_records; i++)
		whole->records[whole->n_records++] = part->records[i];
	for (size_t i = 0; i < part->n_notes; i++)
		whole->notes[whole->n_notes++] = part->notes[i];
	part->n_records = 0;
	part->n_notes = 0;
	return 0;
}

static void stop(struct client *client, int error)
{
	client->done = true;
	client->error = error;
	event_base_loopbreak(client->base);
}

static void take_reply(struct client *client, Weft__Reply *reply)
{
	if (client->watch) {
		bool carry_on = client->watch(client->watch_user, reply) &&
		                (!client->ends || (reply->has_more && reply->more));

		client_reply_free(reply);
		if (!carry_on)
			stop(client, 0);
		return;
	}

	bool more = reply->has_more && reply->more;
	int error = 0;

	if (!client->answer) {
		client->answer = reply;
	} else {
		error = gather(client->answer, reply);
		client_reply_free(reply);
	}
	if (error < 0) {
		fail_errno(client->fail, error, "the controller's answer is too long");
		stop(client, error);
	} else if (!more) {
		stop(client, 0);
	}
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct client *client = user;

	if (frame->type != WEFT__API_FRAME__API_REPLY || frame->request != client->request)
		return;

	Weft__Reply *reply = decode_message(&weft__reply__descriptor, frame->len, frame->body);

	if (!reply) {
		fail_set(client->fail, -EPROTO, "the controller's answer cannot be read");
		fail_hint(client->fail, "weft doctor compares the versions of the programs");
		stop(client, -EPROTO);
		return;
	}
	if (reply->error) {
		Weft__Error *error = reply->error;

		fail_set(client->fail, error->code ? error->code : -EIO, "%s", error->what);
		if (error->hint && *error->hint)
			fail_hint(client->fail, "%s", error->hint);
		snprintf(client->object, sizeof(client->object), "%s",
		         error->object ? error->object : "");
		snprintf(client->field, sizeof(client->field), "%s",
		         error->field ? error->field : "");
		stop(client, client->fail->code);
		client_reply_free(client->refused);
		client->refused = reply;
		return;
	}
	take_reply(client, reply);
}

static void on_closed(void *user, int error, const char *reason)
{
	struct client *client = user;

	if (!client->done) {
		fail_set(client->fail, -ECONNRESET,
		         "the controller went away before it answered: %s", reason);
		fail_hint(client->fail, "weft status tells whether it is back; see controller.log "
		                        "in the run directory");
	}
	client->lost = true;
	stop(client, -ECONNRESET);
}

static const struct stream_ops client_ops = {.frame = on_frame, .closed = on_closed};

static int explain_connect(int error, const char *path, struct fail *fail)
{
	if (error == -EACCES || error == -EPERM) {
		fail_set(fail, error, "you may not talk to weft-controller at %s", path);
		fail_hint(fail, geteuid() ? "this needs root: run it with sudo"
		                          : "look at the owner and mode of the socket");
	} else if (error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR) {
		fail_set(fail, error, "weft-controller is not running: nobody answers at %s", path);
		fail_hint(fail, "start it: weft up");
	}
	return error;
}

int client_open(const char *run_dir, struct client **ret, struct fail *fail)
{
	char path[PATH_MAX];
	int error = path_join(path, sizeof(path), run_dir, "controller.sock");

	if (error < 0)
		return fail_errno(fail, error, "run directory '%s'", run_dir);

	int fd = sock_connect(path, fail);

	if (fd < 0)
		return explain_connect(fd, path, fail);

	struct client *client = calloc(1, sizeof(*client));

	if (client)
		client->base = event_base_new();
	if (client && client->base)
		client->stream = stream_new(client->base, fd, &client_ops, client);
	if (!client || !client->stream) {
		close(fd);
		client_close(client);
		return fail_set(fail, -ENOMEM, "no memory for the connection to the controller");
	}
	*ret = client;
	return 0;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	stream_free(client->stream);
	if (client->ticker)
		event_free(client->ticker);
	if (client->base)
		event_base_free(client->base);
	client_reply_free(client->refused);
	free(client);
}

static void on_timeout(evutil_socket_t fd, short what, void *user)
{
	struct client *client = user;

	client->timed_out = true;
	event_base_loopbreak(client->base);
}

static int send_one(struct client *client, Weft__Request *request, uint64_t number,
                    struct fail *fail)
{
	size_t size = weft__request__get_packed_size(request);
	uint8_t *body = size <= STREAM_BODY_MAX ? malloc(size + 1) : NULL;

	if (!body)
		return fail_set(fail, -EMSGSIZE, "the request is too long for one message");
	weft__request__pack(request, body);

	client_reply_free(client->refused);
	client->refused = NULL;

	int error = stream_send(client->stream, CLIENT_STREAM, WEFT__API_FRAME__API_REQUEST, number,
	                        body, size, NULL, 0);

	free(body);
	return error < 0 ? fail_errno(fail, error, "could not ask the controller") : 0;
}

static int send_request(struct client *client, Weft__Request *request, struct fail *fail)
{
	int error = send_one(client, request, ++client->request, fail);

	if (error < 0)
		return error;
	client->done = false;
	client->timed_out = false;
	client->error = 0;
	client->fail = fail;
	return 0;
}

// Runs the loop until the answer is whole. With a limit, silence for that long is an error.
static int await(struct client *client, unsigned seconds, struct fail *fail)
{
	struct event *timer = NULL;

	if (seconds) {
		timer = event_new(client->base, -1, 0, on_timeout, client);
		if (timer)
			event_add(timer, &(struct timeval){.tv_sec = seconds});
	}
	while (!client->done && !client->timed_out)
		if (event_base_loop(client->base, EVLOOP_ONCE) != 0)
			break;
	if (timer)
		event_free(timer);
	client->fail = NULL;
	if (client->done)
		return client->error;
	fail_set(fail, -ETIMEDOUT, "the controller did not answer within %u seconds", seconds);
	fail_hint(fail, "it may hang; see controller.log in the run directory");
	return -ETIMEDOUT;
}

int client_ask(struct client *client, Weft__Request *request, Weft__Reply **ret, struct fail *fail)
{
	request->client = (char *)"weft " WEFT_VERSION;

	int error = send_request(client, request, fail);

	if (error == 0)
		error = await(client, ANSWER_SECONDS, fail);
	if (error < 0)
		client_reply_free(client->answer);
	else
		*ret = client->answer;
	client->answer = NULL;
	return error;
}

void client_reply_free(Weft__Reply *reply)
{
	weft__reply__free_unpacked(reply, NULL);
}

int client_watch(struct client *client, Weft__Request *request, client_reply_cb got, void *user,
                 struct fail *fail)
{
	int error = send_request(client, request, fail);

	if (error < 0)
		return error;
	client->watch = got;
	client->watch_user = user;
	error = await(client, 0, fail);
	client->watch = NULL;
	return error;
}

static void on_stop_late(evutil_socket_t fd, short what, void *user)
{
	stop(user, 0);
}

static void on_signal(evutil_socket_t number, short what, void *user)
{
	struct client *client = user;
	Weft__Request *request = client->stop;
	struct timeval patience = {.tv_sec = STOP_SECONDS};

	client->stop = NULL;
	// Its own answer is of no interest: that of the watch ends.
	if (!request || send_one(client, request, UINT64_MAX, NULL) < 0 ||
	    event_base_once(client->base, -1, EV_TIMEOUT, on_stop_late, client, &patience) < 0)
		stop(client, 0);
}

int client_watch_until(struct client *client, Weft__Request *request, Weft__Request *stop_request,
                       client_reply_cb got, void *user, struct fail *fail)
{
	struct event *signals[] = {
		evsignal_new(client->base, SIGINT, on_signal, client),
		evsignal_new(client->base, SIGTERM, on_signal, client),
	};
	int error;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i])
			event_add(signals[i], NULL);
	client->stop = stop_request;
	client->ends = true;
	error = client_watch(client, request, got, user, fail);
	client->ends = false;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i])
			event_free(signals[i]);
	return error;
}

static void on_tick(evutil_socket_t fd, short what, void *user)
{
	struct client *client = user;

	if (!client->tick(client->tick_user))
		stop(client, 0);
}

int client_every(struct client *client, uint32_t ms, bool (*tick)(void *user), void *user)
{
	const struct timeval every = {.tv_sec = ms / 1000,
	                              .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	client->tick = tick;
	client->tick_user = user;
	client->ticker = event_new(client->base, -1, EV_PERSIST, on_tick, client);
	return client->ticker && event_add(client->ticker, &every) == 0 ? 0 : -ENOMEM;
}

const char *client_refused(const struct client *client, const char **ret_field)
{
	*ret_field = client->field;
	return client->object;
}

const Weft__Error *client_refused_too(const struct client *client, size_t index)
{
	const Weft__Error *error = client->refused ? client->refused->error : NULL;

	return error && index < error->n_others ? error->others[index] : NULL;
}

bool client_is_lost(const struct client *client)
{
	return client->lost || client->timed_out;
}

bool client_is_up(const char *run_dir)
{
	char path[PATH_MAX];

	if (path_join(path, sizeof(path), run_dir, "controller.sock") < 0)
		return false;

	int fd = sock_connect(path, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
