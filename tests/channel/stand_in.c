// SPDX-License-Identifier: BSD-3-Clause
//
// stand_in: one event loop, one connection at a time, everything in memory.

#include "tests/channel/stand_in.h"

#include "base/fail.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/stream.h"
#include "datapath/agent_frame.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATIENCE_SECONDS = 20,
	OPS_BYTES = 512 << 10, // of one frame of operations, about
	ARGUMENTS_MAX = 32,
	EVENT_TYPES = 16,
};

struct kept {
	struct kept *next;
	char name[64], type[32];
	uint64_t object;
	int fd;
	size_t note_len;
	uint8_t note[512];
};

struct stand_in {
	struct event_base *base;
	struct event *accept, *patience;
	struct stream *stream;
	int listener;
	bool greeted, gone, timed_out, fresh;
	pid_t pid;
	uint64_t next_tx, next_request, epoch;
	char program[PATH_MAX], run_dir[64], socket[96], incarnation[64];
	struct kept *kept;

	// What is waited for.
	struct tx_answer answers[64];
	unsigned answer_first, answer_count;
	uint16_t wanted_type;
	uint64_t wanted_request;
	const ProtobufCMessageDescriptor *wanted;
	ProtobufCMessage *found;
	int refused;
	char refused_what[512];
	unsigned events[EVENT_TYPES];
};

static void on_patience(evutil_socket_t unused, short what, void *user)
{
	((struct stand_in *)user)->timed_out = true;
}

// Runs the loop until the flag rises, the connection ends (if that matters) or time is over.
static int run_until(struct stand_in *stand_in, bool (*done)(const struct stand_in *),
                     bool need_stream)
{
	struct timeval wait = {.tv_sec = PATIENCE_SECONDS};

	stand_in->timed_out = false;
	event_add(stand_in->patience, &wait);
	while (!done(stand_in) && !stand_in->timed_out && !(need_stream && !stand_in->stream))
		event_base_loop(stand_in->base, EVLOOP_ONCE);
	event_del(stand_in->patience);
	if (done(stand_in))
		return 0;
	return stand_in->timed_out ? -ETIMEDOUT : -ECONNRESET;
}

static void drop_kept(struct stand_in *stand_in, const char *name)
{
	for (struct kept **at = &stand_in->kept; *at; at = &(*at)->next) {
		struct kept *kept = *at;

		if (strcmp(kept->name, name) != 0)
			continue;
		*at = kept->next;
		if (kept->fd >= 0)
			close(kept->fd);
		free(kept);
		return;
	}
}

static void on_keep(struct stand_in *stand_in, struct stream_frame *frame)
{
	Weft__Keep *message = weft__keep__unpack(NULL, frame->len, frame->body);
	struct kept *kept = calloc(1, sizeof(*kept));

	assert(message && kept && message->note.len <= sizeof(kept->note));
	drop_kept(stand_in, message->name);
	snprintf(kept->name, sizeof(kept->name), "%s", message->name);
	snprintf(kept->type, sizeof(kept->type), "%s", message->type);
	kept->object = message->object;
	kept->note_len = message->note.len;
	if (kept->note_len > 0)
		memcpy(kept->note, message->note.data, kept->note_len);
	kept->fd = frame->nfds > 0 ? stream_take_fd(frame, 0) : -1;
	kept->next = stand_in->kept;
	stand_in->kept = kept;
	weft__keep__free_unpacked(message, NULL);
}

static void on_keep_drop(struct stand_in *stand_in, const struct stream_frame *frame)
{
	Weft__Keep *message = weft__keep__unpack(NULL, frame->len, frame->body);

	assert(message);
	drop_kept(stand_in, message->name);
	weft__keep__free_unpacked(message, NULL);
}

static void send_kept(struct stand_in *stand_in)
{
	for (const struct kept *kept = stand_in->kept; kept; kept = kept->next) {
		Weft__Keep message = WEFT__KEEP__INIT;

		message.name = (char *)kept->name;
		message.type = (char *)kept->type;
		message.has_object = true;
		message.object = kept->object;
		message.has_note = true;
		message.note =
			(ProtobufCBinaryData){.len = kept->note_len, .data = (uint8_t *)kept->note};
		agent_frame_send(stand_in->stream, 0, WEFT__FRAME_TYPE__FRAME_KEPT, 0,
		                 &message.base, kept->fd);
	}
	stream_send(stand_in->stream, 0, WEFT__FRAME_TYPE__FRAME_KEPT_END, 0, NULL, 0, NULL, 0);
}

static void on_hello(struct stand_in *stand_in, const struct stream_frame *frame)
{
	Weft__Hello *hello = weft__hello__unpack(NULL, frame->len, frame->body);
	Weft__Hello own = WEFT__HELLO__INIT;

	assert(hello && hello->version == 1);
	stand_in->fresh = hello->fresh;
	snprintf(stand_in->incarnation, sizeof(stand_in->incarnation), "%s",
	         hello->incarnation ? hello->incarnation : "");
	own.version = 1;
	own.software = (char *)"stand-in";
	own.has_epoch = true;
	own.epoch = stand_in->epoch;
	agent_frame_send(stand_in->stream, 0, WEFT__FRAME_TYPE__FRAME_HELLO, 0, &own.base, -1);
	// A datapath that runs already sends all it lends anew.
	if (hello->fresh)
		send_kept(stand_in);
	stand_in->greeted = true;
	weft__hello__free_unpacked(hello, NULL);
}

static void on_result(struct stand_in *stand_in, const struct stream_frame *frame)
{
	Weft__TxResult *result = weft__tx_result__unpack(NULL, frame->len, frame->body);
	struct tx_answer *answer;

	assert(result && stand_in->answer_count < 64);
	answer = &stand_in->answers[(stand_in->answer_first + stand_in->answer_count++) % 64];
	*answer = (struct tx_answer){
		.code = result->code,
		.tx = result->tx,
		.generation = result->generation,
		.settle_ns = result->settle_ns,
		.op_index = result->op_index,
		.repeated = result->repeated_tx,
		.reverted = result->reverted,
		.prepared = result->prepared,
	};
	snprintf(answer->field, sizeof(answer->field), "%s", result->field ? result->field : "");
	snprintf(answer->what, sizeof(answer->what), "%s", result->what ? result->what : "");
	weft__tx_result__free_unpacked(result, NULL);
}

static void on_refused(struct stand_in *stand_in, const struct stream_frame *frame)
{
	Weft__Refused *refused = weft__refused__unpack(NULL, frame->len, frame->body);

	assert(refused);
	stand_in->refused = refused->code;
	snprintf(stand_in->refused_what, sizeof(stand_in->refused_what), "%s", refused->what);
	weft__refused__free_unpacked(refused, NULL);
}

static void on_event(struct stand_in *stand_in, const struct stream_frame *frame)
{
	Weft__Event *event = weft__event__unpack(NULL, frame->len, frame->body);

	assert(event);
	if ((unsigned)event->type < EVENT_TYPES)
		stand_in->events[event->type]++;
	weft__event__free_unpacked(event, NULL);
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct stand_in *stand_in = user;

	switch (frame->type) {
	case WEFT__FRAME_TYPE__FRAME_HELLO:
		on_hello(stand_in, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_KEEP:
		on_keep(stand_in, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_KEEP_DROP:
		on_keep_drop(stand_in, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_TX_RESULT:
		on_result(stand_in, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_EVENT:
		on_event(stand_in, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_REFUSED:
		on_refused(stand_in, frame);
		return;
	}
	if (frame->type == stand_in->wanted_type && frame->request == stand_in->wanted_request)
		stand_in->found =
			protobuf_c_message_unpack(stand_in->wanted, NULL, frame->len, frame->body);
}

static void on_closed(void *user, int error, const char *reason)
{
	struct stand_in *stand_in = user;

	stream_free(stand_in->stream);
	stand_in->stream = NULL;
	stand_in->greeted = false;
}

static const struct stream_ops stream_callbacks = {.frame = on_frame, .closed = on_closed};

static void on_accept(evutil_socket_t listener, short what, void *user)
{
	struct stand_in *stand_in = user;
	int fd = sock_accept(listener);

	if (fd < 0)
		return;
	stream_free(stand_in->stream);
	stand_in->stream = stream_new(stand_in->base, fd, &stream_callbacks, stand_in);
	assert(stand_in->stream);
	for (unsigned i = 0; i < STREAM_COUNT; i++)
		stream_set_limit(stand_in->stream, i, 256 << 20);
	stand_in->greeted = false;
	stand_in->answer_count = 0;
}

static int listen_at(struct stand_in *stand_in)
{
	struct fail fail = {0};

	stand_in->listener = sock_listen(stand_in->socket, 0600, &fail);
	if (stand_in->listener < 0)
		return stand_in->listener;
	stand_in->accept = event_new(stand_in->base, stand_in->listener, EV_READ | EV_PERSIST,
	                             on_accept, stand_in);
	return stand_in->accept && event_add(stand_in->accept, NULL) == 0 ? 0 : -ENOMEM;
}

struct stand_in *stand_in_new(const char *program)
{
	struct stand_in *stand_in = calloc(1, sizeof(*stand_in));

	assert(stand_in);
	stand_in->base = event_base_new();
	assert(stand_in->base);
	stand_in->patience = evtimer_new(stand_in->base, on_patience, stand_in);
	stand_in->next_tx = 1;
	snprintf(stand_in->program, sizeof(stand_in->program), "%s", program);
	snprintf(stand_in->run_dir, sizeof(stand_in->run_dir), "/tmp/weft-stand-in.XXXXXX");
	if (!mkdtemp(stand_in->run_dir))
		return NULL;
	path_join(stand_in->socket, sizeof(stand_in->socket), stand_in->run_dir, "datapath.sock");
	if (listen_at(stand_in) < 0)
		return NULL;
	return stand_in;
}

static void close_listener(struct stand_in *stand_in)
{
	event_free(stand_in->accept);
	close(stand_in->listener);
	unlink(stand_in->socket);
}

void stand_in_free(struct stand_in *stand_in)
{
	stand_in_kill(stand_in);
	stream_free(stand_in->stream);
	close_listener(stand_in);
	while (stand_in->kept)
		drop_kept(stand_in, stand_in->kept->name);
	event_free(stand_in->patience);
	event_base_free(stand_in->base);
	rmdir(stand_in->run_dir);
	free(stand_in);
}

int stand_in_start(struct stand_in *stand_in, const char *const *arguments)
{
	const char *argv[ARGUMENTS_MAX] = {stand_in->program, "--run-dir", stand_in->run_dir,
	                                   "--log-level", "warn"};
	unsigned count = 5;

	while (arguments && *arguments && count < ARGUMENTS_MAX - 1)
		argv[count++] = *arguments++;
	// What a dead predecessor sent has been read, or never will be.
	stream_free(stand_in->stream);
	stand_in->stream = NULL;
	stand_in->greeted = false;
	stand_in->pid = fork();
	if (stand_in->pid == 0) {
		// A test that fails leaves nobody behind.
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], (char **)argv);
		_exit(127);
	}
	return stand_in->pid < 0 ? -errno : 0;
}

static bool has_greeted(const struct stand_in *stand_in)
{
	return stand_in->greeted;
}

int stand_in_greet(struct stand_in *stand_in)
{
	return run_until(stand_in, has_greeted, false);
}

void stand_in_hang_up(struct stand_in *stand_in)
{
	stream_free(stand_in->stream);
	stand_in->stream = NULL;
	stand_in->greeted = false;
	// What was kept was lost with the controller; the datapath lends it anew.
	while (stand_in->kept)
		drop_kept(stand_in, stand_in->kept->name);
}

void stand_in_kill(struct stand_in *stand_in)
{
	if (stand_in->pid <= 0)
		return;
	kill(stand_in->pid, SIGKILL);
	waitpid(stand_in->pid, NULL, 0);
	stand_in->pid = 0;
}

pid_t stand_in_pid(const struct stand_in *stand_in)
{
	return stand_in->pid;
}

const char *stand_in_incarnation(const struct stand_in *stand_in)
{
	return stand_in->incarnation;
}

bool stand_in_was_fresh(const struct stand_in *stand_in)
{
	return stand_in->fresh;
}

unsigned stand_in_kept(const struct stand_in *stand_in)
{
	unsigned count = 0;

	for (const struct kept *kept = stand_in->kept; kept; kept = kept->next)
		count += kept->fd >= 0;
	return count;
}

bool stand_in_holds(const struct stand_in *stand_in, const char *name)
{
	for (const struct kept *kept = stand_in->kept; kept; kept = kept->next)
		if (strcmp(kept->name, name) == 0)
			return true;
	return false;
}

void stand_in_set_epoch(struct stand_in *stand_in, uint64_t epoch)
{
	stand_in->epoch = epoch;
}

static void send_message(struct stand_in *stand_in, uint16_t type, const ProtobufCMessage *message)
{
	if (stand_in->stream)
		agent_frame_send(stand_in->stream, 0, type, ++stand_in->next_request, message, -1);
}

// Operations in frames of a bounded size.
static void send_ops(struct stand_in *stand_in, uint64_t tx, const struct objects *list)
{
	size_t at = 0;

	while (at < list->count) {
		Weft__TxOps message = WEFT__TX_OPS__INIT;
		size_t first = at, bytes = 0;
		Weft__Op *ops, **pointers;

		while (at < list->count && bytes < OPS_BYTES)
			bytes += list->ops[at++].len + 32;
		ops = calloc(at - first, sizeof(*ops));
		pointers = calloc(at - first, sizeof(Weft__Op *));
		assert(ops && pointers);
		for (size_t i = first; i < at; i++) {
			Weft__Op *op = &ops[i - first];

			weft__op__init(op);
			op->verb = list->ops[i].verb;
			op->kind = list->ops[i].kind;
			op->id = list->ops[i].id;
			op->has_object = list->ops[i].object != NULL;
			op->object = (ProtobufCBinaryData){.len = list->ops[i].len,
			                                   .data = (uint8_t *)list->ops[i].object};
			pointers[i - first] = op;
		}
		message.tx = tx;
		message.n_ops = at - first;
		message.ops = pointers;
		send_message(stand_in, WEFT__FRAME_TYPE__FRAME_TX_OPS, &message.base);
		free(ops);
		free(pointers);
	}
}

uint64_t stand_in_send(struct stand_in *stand_in, const struct objects *list,
                       const struct tx_options *options)
{
	static const struct tx_options none;
	Weft__TxBegin begin = WEFT__TX_BEGIN__INIT;
	Weft__TxCommit commit = WEFT__TX_COMMIT__INIT;

	if (!options)
		options = &none;
	begin.tx = options->tx ? options->tx : stand_in->next_tx++;
	begin.has_base_generation = options->base_generation != 0;
	begin.base_generation = options->base_generation;
	begin.has_dry_run = true;
	begin.dry_run = options->dry_run;
	begin.has_confirm_timeout_ms = options->confirm_ms != 0;
	begin.confirm_timeout_ms = options->confirm_ms;
	send_message(stand_in, WEFT__FRAME_TYPE__FRAME_TX_BEGIN, &begin.base);
	send_ops(stand_in, begin.tx, list);
	commit.tx = begin.tx;
	commit.has_op_count = true;
	commit.op_count = (uint32_t)list->count;
	commit.has_complete = true;
	commit.complete = options->complete;
	send_message(stand_in,
	             options->prepare ? WEFT__FRAME_TYPE__FRAME_TX_PREPARE
	                              : WEFT__FRAME_TYPE__FRAME_TX_COMMIT,
	             &commit.base);
	return begin.tx;
}

static bool has_answer(const struct stand_in *stand_in)
{
	return stand_in->answer_count > 0;
}

int stand_in_wait(struct stand_in *stand_in, struct tx_answer *ret)
{
	int code = run_until(stand_in, has_answer, true);

	if (code < 0)
		return code;
	*ret = stand_in->answers[stand_in->answer_first];
	stand_in->answer_first = (stand_in->answer_first + 1) % 64;
	stand_in->answer_count--;
	return 0;
}

int stand_in_commit(struct stand_in *stand_in, const struct objects *list,
                    const struct tx_options *options, struct tx_answer *ret)
{
	int code;

	stand_in_send(stand_in, list, options);
	code = stand_in_wait(stand_in, ret);
	return code < 0 ? code : ret->code;
}

void stand_in_send_decision(struct stand_in *stand_in, uint64_t tx, bool commit)
{
	Weft__TxCommit yes = WEFT__TX_COMMIT__INIT;
	Weft__TxAbort no = WEFT__TX_ABORT__INIT;

	yes.tx = no.tx = tx;
	if (commit)
		send_message(stand_in, WEFT__FRAME_TYPE__FRAME_TX_COMMIT, &yes.base);
	else
		send_message(stand_in, WEFT__FRAME_TYPE__FRAME_TX_ABORT, &no.base);
}

int stand_in_decide(struct stand_in *stand_in, uint64_t tx, bool commit, struct tx_answer *ret)
{
	int code;

	stand_in_send_decision(stand_in, tx, commit);
	code = stand_in_wait(stand_in, ret);
	return code < 0 ? code : ret->code;
}

int stand_in_confirm(struct stand_in *stand_in, uint64_t tx, struct tx_answer *ret)
{
	Weft__TxConfirm message = WEFT__TX_CONFIRM__INIT;
	int code;

	message.tx = tx;
	send_message(stand_in, WEFT__FRAME_TYPE__FRAME_TX_CONFIRM, &message.base);
	code = stand_in_wait(stand_in, ret);
	return code < 0 ? code : ret->code;
}

static bool is_answered(const struct stand_in *stand_in)
{
	return stand_in->found || stand_in->refused;
}

ProtobufCMessage *stand_in_ask(struct stand_in *stand_in, uint16_t type,
                               const ProtobufCMessage *question, uint16_t answer_type,
                               const ProtobufCMessageDescriptor *answer)
{
	int code;

	stand_in->found = NULL;
	stand_in->refused = 0;
	stand_in->wanted = answer;
	stand_in->wanted_type = answer_type;
	stand_in->wanted_request = ++stand_in->next_request;
	if (stand_in->stream && question)
		agent_frame_send(stand_in->stream, 0, type, stand_in->wanted_request, question, -1);
	else if (stand_in->stream)
		stream_send(stand_in->stream, 0, type, stand_in->wanted_request, NULL, 0, NULL, 0);
	code = run_until(stand_in, is_answered, true);
	if (!stand_in->found)
		errno = stand_in->refused ? -stand_in->refused : -code;
	return stand_in->found;
}

int stand_in_digest(struct stand_in *stand_in, struct digest *ret)
{
	Weft__Digest *digest = (Weft__Digest *)stand_in_ask(
		stand_in, WEFT__FRAME_TYPE__FRAME_DIGEST_REQUEST, NULL,
		WEFT__FRAME_TYPE__FRAME_DIGEST, &weft__digest__descriptor);

	if (!digest)
		return -errno;
	memset(ret, 0, sizeof(*ret));
	ret->generation = digest->generation;
	for (size_t i = 0; i < digest->n_tables; i++) {
		ret->count[digest->tables[i]->kind] = digest->tables[i]->count;
		ret->hash[digest->tables[i]->kind] = digest->tables[i]->hash;
	}
	weft__digest__free_unpacked(digest, NULL);
	return 0;
}

int stand_in_send_raw(struct stand_in *stand_in, uint16_t type, const void *body, size_t len)
{
	if (!stand_in->stream)
		return -ENOTCONN;
	return stream_send(stand_in->stream, 0, type, ++stand_in->next_request, body, len, NULL, 0);
}

void stand_in_idle(struct stand_in *stand_in, unsigned ms)
{
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	stand_in->timed_out = false;
	event_add(stand_in->patience, &wait);
	while (!stand_in->timed_out)
		event_base_loop(stand_in->base, EVLOOP_ONCE);
}

int stand_in_refused(struct stand_in *stand_in, char what[static 512])
{
	int code = stand_in->refused;

	memcpy(what, stand_in->refused_what, sizeof(stand_in->refused_what));
	stand_in->refused = 0;
	return code;
}

unsigned stand_in_events(const struct stand_in *stand_in, Weft__EventType type)
{
	return stand_in->events[type];
}
