// SPDX-License-Identifier: BSD-3-Clause
//
// test_agent_keep: what a predecessor left is taken in, and nothing that swells.

#include "base/stream.h"
#include "datapath/agent_keep.h"
#include "proto/channel.pb-c.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 1 << 20 };

static int open_keep(void **state)
{
	*state = agent_keep_new();
	return *state ? 0 : -1;
}

static int close_keep(void **state)
{
	agent_keep_free(*state);
	return 0;
}

static int receive(struct agent_keep *keep, const uint8_t *body, size_t len)
{
	struct stream_frame frame = {
		.type = WEFT__FRAME_TYPE__FRAME_KEPT, .body = body, .len = (uint32_t)len};

	return agent_keep_receive(keep, &frame);
}

static int receive_entry(struct agent_keep *keep, const char *name, uint8_t *note, size_t len)
{
	Weft__Keep message = WEFT__KEEP__INIT;
	uint8_t *body;
	int code;

	message.name = (char *)name;
	message.type = (char *)"tap-queue";
	message.has_object = true;
	message.object = 7;
	message.has_note = true;
	message.note = (ProtobufCBinaryData){.len = len, .data = note};
	body = malloc(weft__keep__get_packed_size(&message));
	code = receive(keep, body, weft__keep__pack(&message, body));
	free(body);
	return code;
}

// What was handed over for a transaction goes with it, and nothing else.
static void handed_entries_are_forgotten(void **state)
{
	uint8_t note[] = {1};

	assert_int_equal(receive_entry(*state, "handed/7/0", note, 1), 0);
	assert_int_equal(receive_entry(*state, "tap/7/0", note, 1), 0);
	assert_non_null(agent_keep_find(*state, "handed/7/0"));
	agent_keep_forget(*state, "handed/");
	assert_null(agent_keep_find(*state, "handed/7/0"));
	assert_non_null(agent_keep_find(*state, "tap/7/0"));
}

static void entry_waits_until_it_is_claimed(void **state)
{
	uint8_t note[] = {1, 2, 3};
	const struct agent_kept *kept;

	assert_int_equal(receive_entry(*state, "tap/7/0", note, 1), 0);
	assert_int_equal(receive_entry(*state, "tap/7/0", note, sizeof(note)), 0);
	kept = agent_keep_find(*state, "tap/7/0");
	assert_non_null(kept);
	assert_string_equal(kept->type, "tap-queue");
	assert_int_equal(kept->object, 7);
	assert_int_equal(kept->note_len, sizeof(note));
	assert_memory_equal(kept->note, note, sizeof(note));
	assert_int_equal(kept->fd, -1);
	assert_ptr_equal(agent_keep_next(*state, NULL), kept);
	assert_null(agent_keep_next(*state, kept));
	agent_keep_claim(*state, "tap/7/0");
	assert_null(agent_keep_find(*state, "tap/7/0"));
}

// As many leases as a frame takes are one note.
static void note_may_fill_a_frame(void **state)
{
	size_t len = STREAM_BODY_MAX - 100;
	uint8_t *note = calloc(1, len);

	assert_int_equal(receive_entry(*state, "leases", note, len), 0);
	assert_int_equal(agent_keep_find(*state, "leases")->note_len, len);
	free(note);
}

// Two bytes on the wire each, and many in memory.
static void entry_of_a_thousand_unknown_fields_is_refused(void **state)
{
	static const uint8_t head[] = {1 << 3 | 2, 1, 'x', 2 << 3 | 2, 1, 'y'};
	uint8_t *body = malloc(BODY_MAX);

	memcpy(body, head, sizeof(head));
	for (size_t i = sizeof(head); i < BODY_MAX; i += 2) {
		body[i] = 15 << 3;
		body[i + 1] = 0;
	}
	assert_int_equal(receive(*state, body, sizeof(head)), 0);
	assert_int_equal(receive(*state, body, sizeof(head) + 2000), -EBADMSG);
	assert_int_equal(receive(*state, body, BODY_MAX), -EBADMSG);
	// What waited under that name still does.
	assert_non_null(agent_keep_find(*state, "x"));
	free(body);
}

static void nonsense_is_refused(void **state)
{
	static const uint8_t junk[] = {0xff, 0xff, 0xff};

	assert_int_equal(receive(*state, junk, sizeof(junk)), -EBADMSG);
	assert_int_equal(receive(*state, NULL, 0), -EBADMSG);
	assert_null(agent_keep_next(*state, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entry_waits_until_it_is_claimed, open_keep,
	                                        close_keep),
		cmocka_unit_test_setup_teardown(handed_entries_are_forgotten, open_keep,
	                                        close_keep),
		cmocka_unit_test_setup_teardown(note_may_fill_a_frame, open_keep, close_keep),
		cmocka_unit_test_setup_teardown(entry_of_a_thousand_unknown_fields_is_refused,
	                                        open_keep, close_keep),
		cmocka_unit_test_setup_teardown(nonsense_is_refused, open_keep, close_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
