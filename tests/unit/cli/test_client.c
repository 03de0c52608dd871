// SPDX-License-Identifier: BSD-3-Clause
//
// test_client: questions to a controller made for the test, which answers as the question's name says.

#include "cli/client.h"

#include "base/fail.h"
#include "base/sock.h"
#include "base/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PARTS = 3 };

struct rig {
	char run_dir[64], path[96];
	pid_t server;
};

static void send_reply(struct stream *stream, uint64_t request, const Weft__Reply *reply)
{
	uint8_t body[1024];

	stream_send(stream, 0, WEFT__API_FRAME__API_REPLY, request, body,
	            weft__reply__pack(reply, body), NULL, 0);
}

static void send_parts(struct stream *stream, uint64_t request)
{
	for (unsigned i = 0; i < PARTS; i++) {
		Weft__Field name = WEFT__FIELD__INIT, *fields[] = {&name};
		Weft__Record record = WEFT__RECORD__INIT, *records[] = {&record};
		Weft__Reply reply = WEFT__REPLY__INIT;
		char text[8];

		snprintf(text, sizeof(text), "r%u", i);
		name.key = (char *)"name";
		name.value_case = WEFT__FIELD__VALUE_TEXT;
		name.text = text;
		record.fields = fields;
		record.n_fields = 1;
		reply.records = records;
		reply.n_records = 1;
		reply.has_more = reply.more = i + 1 < PARTS;
		send_reply(stream, request, &reply);
	}
}

static void send_error(struct stream *stream, uint64_t request)
{
	Weft__Error error = WEFT__ERROR__INIT;
	Weft__Reply reply = WEFT__REPLY__INIT;

	error.code = -EEXIST;
	error.what = (char *)"net 'lan' is there already";
	error.hint = (char *)"weft net set lan";
	reply.error = &error;
	send_reply(stream, request, &reply);
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct stream **stream = user;
	Weft__Request *request = weft__request__unpack(NULL, frame->len, frame->body);
	const char *what = request && request->list ? request->list->what : "";

	if (strcmp(what, "parts") == 0)
		send_parts(*stream, frame->request);
	else if (strcmp(what, "error") == 0)
		send_error(*stream, frame->request);
	else if (strcmp(what, "garbage") == 0)
		stream_send(*stream, 0, WEFT__API_FRAME__API_REPLY, frame->request, "\xff\xff", 2,
		            NULL, 0);
	else
		_exit(0); // Gone without an answer.
	weft__request__free_unpacked(request, NULL);
}

static void on_closed(void *user, int error, const char *reason)
{
	struct stream **stream = user;

	stream_free(*stream);
	*stream = NULL;
}

// One connection after the other, until killed.
static void serve(int listener)
{
	static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};
	struct event_base *base = event_base_new();

	for (;;) {
		int fd = sock_accept(listener);
		struct stream *stream;

		if (fd < 0) {
			usleep(1000);
			continue;
		}
		stream = stream_new(base, fd, &ops, &stream);
		while (stream)
			event_base_loop(base, EVLOOP_ONCE);
	}
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	snprintf(rig->run_dir, sizeof(rig->run_dir), "/tmp/test-client-XXXXXX");
	assert_non_null(mkdtemp(rig->run_dir));
	snprintf(rig->path, sizeof(rig->path), "%s/controller.sock", rig->run_dir);

	int listener = sock_listen(rig->path, 0600, NULL);

	assert_true(listener >= 0);
	rig->server = fork();
	if (rig->server == 0)
		serve(listener);
	close(listener);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	kill(rig->server, SIGKILL);
	waitpid(rig->server, NULL, 0);
	unlink(rig->path);
	rmdir(rig->run_dir);
	free(rig);
	return 0;
}

static int ask_for(const struct rig *rig, const char *what, Weft__Reply **ret, bool *ret_lost,
                   struct fail *fail)
{
	Weft__List list = WEFT__LIST__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct client *client;

	assert_int_equal(client_open(rig->run_dir, &client, fail), 0);
	list.what = (char *)what;
	request.body_case = WEFT__REQUEST__BODY_LIST;
	request.list = &list;

	int error = client_ask(client, &request, ret, fail);

	*ret_lost = client_is_lost(client);
	client_close(client);
	return error;
}

static void test_parts_are_gathered(void **state)
{
	struct fail fail = {0};
	Weft__Reply *reply;
	bool lost;

	assert_int_equal(ask_for(*state, "parts", &reply, &lost, &fail), 0);
	assert_int_equal(reply->n_records, PARTS);
	assert_string_equal(reply->records[0]->fields[0]->text, "r0");
	assert_string_equal(reply->records[2]->fields[0]->text, "r2");
	client_reply_free(reply);
}

static void test_error_is_told(void **state)
{
	struct fail fail = {0};
	Weft__Reply *reply;
	bool lost;

	assert_int_equal(ask_for(*state, "error", &reply, &lost, &fail), -EEXIST);
	assert_string_equal(fail.what, "net 'lan' is there already");
	assert_string_equal(fail.hint, "weft net set lan");
	assert_false(lost);
}

static void test_garbage_is_refused(void **state)
{
	struct fail fail = {0};
	Weft__Reply *reply;
	bool lost;

	assert_int_equal(ask_for(*state, "garbage", &reply, &lost, &fail), -EPROTO);
}

static void test_silence_is_noticed(void **state)
{
	struct fail fail = {0};
	Weft__Reply *reply;
	bool lost;

	assert_int_equal(ask_for(*state, "gone", &reply, &lost, &fail), -ECONNRESET);
	assert_true(lost);
	assert_non_null(strstr(fail.what, "went away"));
}

static void test_is_up(void **state)
{
	const struct rig *rig = *state;

	assert_true(client_is_up(rig->run_dir));
	assert_false(client_is_up("/nonexistent"));
}

static void test_nobody_there(void **state)
{
	struct fail fail = {0};
	struct client *client;

	assert_int_equal(client_open("/nonexistent", &client, &fail), -ENOENT);
	assert_non_null(strstr(fail.what, "not running"));
	assert_non_null(strstr(fail.hint, "weft up"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parts_are_gathered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_is_up, setup, teardown),
		cmocka_unit_test(test_nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
