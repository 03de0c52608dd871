// SPDX-License-Identifier: BSD-3-Clause
//
// test_channel: weft-datapath as a controller sees it: greeting, transactions, repeats, trials, fencing,
// digests, questions, and what it does with nonsense.

#include "tests/unit/unit.h"

#include "datapath/agent_store.h"
#include "tests/channel/stand_in.h"

#include <errno.h>

static const char *program;

static const char *const plain[] = {"--no-sandbox", "--connections", "1024",
                                    "--macs",       "1024",          NULL};

static int open_pair(void **state)
{
	struct stand_in *stand_in = stand_in_new(program);

	assert_non_null(stand_in);
	assert_int_equal(stand_in_start(stand_in, plain), 0);
	assert_int_equal(stand_in_greet(stand_in), 0);
	*state = stand_in;
	return 0;
}

static int close_pair(void **state)
{
	stand_in_free(*state);
	return 0;
}

static void fill(struct objects *list, uint64_t ports)
{
	objects_bridge(list, 1);
	for (uint64_t i = 0; i < ports; i++) {
		objects_port(list, 100 + i, NULL);
		objects_member(list, 100000 + i, 100 + i, 1, 0, false);
	}
}

static void commit(struct stand_in *stand_in, struct objects *list, struct tx_answer *answer)
{
	if (stand_in_commit(stand_in, list, NULL, answer) != 0)
		fail_msg("%s (%s)", answer->what, answer->field);
	objects_clear(list);
}

static void greeting_lends_the_segments(void **state)
{
	struct stand_in *stand_in = *state;

	stand_in_idle(stand_in, 50);
	assert_true(stand_in_was_fresh(stand_in));
	assert_true(stand_in_holds(stand_in, "state"));
	assert_true(stand_in_holds(stand_in, "stats"));
}

static void transaction_is_answered_with_its_generation(void **state)
{
	struct objects list = {0};
	struct tx_answer answer;
	struct digest digest;

	fill(&list, 3);
	commit(*state, &list, &answer);
	assert_int_equal(stand_in_digest(*state, &digest), 0);
	assert_int_equal(digest.generation, answer.generation);
	assert_int_equal(digest.count[WEFT__KIND__KIND_PORT], 3);
	assert_int_equal(digest.count[WEFT__KIND__KIND_VLAN_MEMBER], 3);
}

static void bad_operation_is_named_and_changes_nothing(void **state)
{
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;

	fill(&list, 1);
	commit(*state, &list, &answer);
	assert_int_equal(stand_in_digest(*state, &before), 0);
	objects_port(&list, 500, "port/new");
	objects_member(&list, 501, 500, 1, 4095, false);
	assert_int_equal(stand_in_commit(*state, &list, NULL, &answer), -ERANGE);
	assert_int_equal(answer.op_index, 1);
	assert_string_equal(answer.field, "vid");
	objects_clear(&list);
	assert_int_equal(stand_in_digest(*state, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void repeat_does_nothing(void **state)
{
	const struct tx_options options = {.tx = 77};
	struct objects list = {0};
	struct tx_answer first, second;

	fill(&list, 2);
	assert_int_equal(stand_in_commit(*state, &list, &options, &first), 0);
	assert_int_equal(stand_in_commit(*state, &list, &options, &second), 0);
	assert_false(first.repeated);
	assert_true(second.repeated);
	assert_int_equal(first.generation, second.generation);
	objects_clear(&list);
}

static void stale_base_is_refused(void **state)
{
	struct objects list = {0};
	struct tx_answer answer;
	struct tx_options options = {0};

	fill(&list, 1);
	commit(*state, &list, &answer);
	options.base_generation = answer.generation + 5;
	objects_bridge(&list, 2);
	assert_int_equal(stand_in_commit(*state, &list, &options, &answer), -ESTALE);
	objects_clear(&list);
}

static void dry_run_changes_nothing(void **state)
{
	const struct tx_options options = {.dry_run = true};
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;

	assert_int_equal(stand_in_digest(*state, &before), 0);
	fill(&list, 5);
	assert_int_equal(stand_in_commit(*state, &list, &options, &answer), 0);
	objects_clear(&list);
	assert_int_equal(stand_in_digest(*state, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void trial_without_confirmation_is_undone(void **state)
{
	const struct tx_options options = {.confirm_ms = 100};
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;

	assert_int_equal(stand_in_digest(*state, &before), 0);
	fill(&list, 2);
	assert_int_equal(stand_in_commit(*state, &list, &options, &answer), 0);
	objects_clear(&list);

	// Meanwhile nothing else may change.
	objects_bridge(&list, 9);
	assert_int_equal(stand_in_commit(*state, &list, NULL, &answer), -EBUSY);
	objects_clear(&list);
	assert_int_equal(stand_in_wait(*state, &answer), 0);
	assert_true(answer.reverted);
	assert_int_equal(stand_in_digest(*state, &after), 0);
	assert_memory_equal(before.hash, after.hash, sizeof(before.hash));
	assert_true(after.generation > before.generation);
	assert_int_equal(stand_in_events(*state, WEFT__EVENT_TYPE__EVENT_REVERTED), 1);
}

static void trial_with_confirmation_stands(void **state)
{
	const struct tx_options options = {.confirm_ms = 200};
	struct objects list = {0};
	struct tx_answer answer;
	struct digest digest;

	fill(&list, 2);
	assert_int_equal(stand_in_commit(*state, &list, &options, &answer), 0);
	objects_clear(&list);
	assert_int_equal(stand_in_confirm(*state, answer.tx, &answer), 0);
	stand_in_idle(*state, 400);
	assert_int_equal(stand_in_digest(*state, &digest), 0);
	assert_int_equal(digest.count[WEFT__KIND__KIND_PORT], 2);
}

static const struct tx_options in_two_steps = {.prepare = true};

static void prepare(struct stand_in *stand_in, struct objects *list, struct tx_answer *answer)
{
	fill(list, 3);
	if (stand_in_commit(stand_in, list, &in_two_steps, answer) != 0)
		fail_msg("%s (%s)", answer->what, answer->field);
	assert_true(answer->prepared);
	objects_clear(list);
}

static void prepared_transaction_takes_effect_when_committed(void **state)
{
	struct objects list = {0};
	struct tx_answer answer;
	struct digest digest;
	uint64_t before;

	assert_int_equal(stand_in_digest(*state, &digest), 0);
	before = digest.generation;
	prepare(*state, &list, &answer);
	assert_int_equal(stand_in_digest(*state, &digest), 0);
	assert_int_equal(digest.generation, before);
	assert_int_equal(stand_in_decide(*state, answer.tx, true, &answer), 0);
	assert_true(answer.generation > before);
	assert_int_equal(stand_in_digest(*state, &digest), 0);
	assert_int_equal(digest.generation, answer.generation);
	assert_int_equal(digest.count[WEFT__KIND__KIND_PORT], 3);
	// Once more is harmless.
	fill(&list, 3);
	assert_int_equal(
		stand_in_commit(*state, &list, &(struct tx_options){.tx = answer.tx}, &answer), 0);
	assert_true(answer.repeated);
	objects_clear(&list);
}

static void prepared_transaction_is_taken_back(void **state)
{
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;

	assert_int_equal(stand_in_digest(*state, &before), 0);
	prepare(*state, &list, &answer);
	assert_int_equal(stand_in_decide(*state, answer.tx, false, &answer), -ECANCELED);
	assert_int_equal(stand_in_digest(*state, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	// Nothing of it is in the way of the next.
	fill(&list, 3);
	commit(*state, &list, &answer);
}

// Nobody is left who could decide; and whoever begins another has decided.
static void prepared_transaction_ends_with_its_controller(void **state)
{
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;

	assert_int_equal(stand_in_digest(*state, &before), 0);
	prepare(*state, &list, &answer);
	stand_in_hang_up(*state);
	assert_int_equal(stand_in_greet(*state), 0);
	assert_int_equal(stand_in_digest(*state, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	prepare(*state, &list, &answer);
	prepare(*state, &list, &answer);
	assert_int_equal(stand_in_decide(*state, answer.tx, true, &answer), 0);
	assert_int_equal(stand_in_digest(*state, &after), 0);
	assert_int_equal(after.count[WEFT__KIND__KIND_PORT], 3);
}

static void prepared_trial_waits_for_its_confirmation(void **state)
{
	const struct tx_options options = {.prepare = true, .confirm_ms = 100};
	struct objects list = {0};
	struct tx_answer answer;
	struct digest digest;

	fill(&list, 2);
	assert_int_equal(stand_in_commit(*state, &list, &options, &answer), 0);
	objects_clear(&list);
	assert_int_equal(stand_in_decide(*state, answer.tx, true, &answer), 0);
	assert_int_equal(stand_in_wait(*state, &answer), 0);
	assert_true(answer.reverted);
	assert_int_equal(stand_in_digest(*state, &digest), 0);
	assert_int_equal(digest.count[WEFT__KIND__KIND_PORT], 0);
}

static void what_cannot_be_prepared_is_named(void **state)
{
	struct objects list = {0};
	struct tx_answer answer;

	objects_bridge(&list, 1);
	objects_port(&list, 500, "port/new");
	objects_member(&list, 501, 500, 1, 4095, false);
	assert_int_equal(stand_in_commit(*state, &list, &in_two_steps, &answer), -ERANGE);
	assert_int_equal(answer.op_index, 2);
	assert_false(answer.prepared);
	objects_clear(&list);
	prepare(*state, &list, &answer);
	assert_int_equal(stand_in_decide(*state, answer.tx, true, &answer), 0);
}

static void reconnect_keeps_everything(void **state)
{
	struct stand_in *stand_in = *state;
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;
	char incarnation[64];

	fill(&list, 4);
	commit(stand_in, &list, &answer);
	assert_int_equal(stand_in_digest(stand_in, &before), 0);
	snprintf(incarnation, sizeof(incarnation), "%s", stand_in_incarnation(stand_in));
	stand_in_hang_up(stand_in);
	assert_int_equal(stand_in_greet(stand_in), 0);
	assert_false(stand_in_was_fresh(stand_in));
	assert_string_equal(incarnation, stand_in_incarnation(stand_in));
	assert_int_equal(stand_in_digest(stand_in, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_true(stand_in_holds(stand_in, "state"));
}

static void older_controller_is_refused(void **state)
{
	struct stand_in *stand_in = *state;
	struct digest digest;
	char what[512];

	stand_in_set_epoch(stand_in, 7);
	stand_in_hang_up(stand_in);
	assert_int_equal(stand_in_greet(stand_in), 0);
	assert_int_equal(stand_in_digest(stand_in, &digest), 0);
	stand_in_set_epoch(stand_in, 6);
	stand_in_hang_up(stand_in);
	assert_int_equal(stand_in_greet(stand_in), 0);
	stand_in_idle(stand_in, 100);
	assert_int_equal(stand_in_refused(stand_in, what), -ESTALE);
}

static void nonsense_is_refused(void **state)
{
	static const uint8_t junk[] = {0xff, 0xff, 0xff, 0x00, 0x12, 0x80};
	struct digest digest;
	char what[512];

	for (uint16_t type = 20; type < 70; type++) {
		assert_int_equal(stand_in_send_raw(*state, type, junk, sizeof(junk)), 0);
		stand_in_idle(*state, 1);
	}
	stand_in_idle(*state, 20);
	assert_true(stand_in_refused(*state, what) < 0);
	assert_int_equal(stand_in_digest(*state, &digest), 0);
}

static void questions_are_answered(void **state)
{
	struct objects list = {0};
	struct tx_answer answer;

	fill(&list, 3);
	commit(*state, &list, &answer);
	for (int what = WEFT__QUERY_WHAT__QUERY_FDB; what <= WEFT__QUERY_WHAT__QUERY_FORWARDS;
	     what++) {
		Weft__Query query = WEFT__QUERY__INIT;
		Weft__Rows *rows;

		query.what = (Weft__QueryWhat)what;
		rows = (Weft__Rows *)stand_in_ask(*state, WEFT__FRAME_TYPE__FRAME_QUERY,
		                                  &query.base, WEFT__FRAME_TYPE__FRAME_ROWS,
		                                  &weft__rows__descriptor);
		assert_non_null(rows);
		assert_true(rows->n_columns > 0);
		for (size_t i = 0; i < rows->n_rows; i++)
			assert_int_equal(rows->rows[i]->n_values, rows->n_columns);
		if (what == WEFT__QUERY_WHAT__QUERY_PORTS)
			assert_int_equal(rows->n_rows, 3);
		weft__rows__free_unpacked(rows, NULL);
	}
}

static void pages_follow_one_another(void **state)
{
	struct objects list = {0};
	struct tx_answer answer;
	Weft__Query query = WEFT__QUERY__INIT;
	size_t seen = 0;
	bool more = true;

	fill(&list, 25);
	commit(*state, &list, &answer);
	query.what = WEFT__QUERY_WHAT__QUERY_PORTS;
	query.has_limit = true;
	query.limit = 10;
	while (more) {
		Weft__Rows *rows = (Weft__Rows *)stand_in_ask(
			*state, WEFT__FRAME_TYPE__FRAME_QUERY, &query.base,
			WEFT__FRAME_TYPE__FRAME_ROWS, &weft__rows__descriptor);

		assert_non_null(rows);
		seen += rows->n_rows;
		more = rows->has_cursor;
		query.has_cursor = true;
		query.cursor = rows->cursor;
		weft__rows__free_unpacked(rows, NULL);
	}
	assert_int_equal(seen, 25);
}

static void trace_explains(void **state)
{
	Weft__Trace trace = WEFT__TRACE__INIT;
	Weft__TraceResult *result;
	struct objects list = {0};
	struct tx_answer answer;
	uint8_t src[] = {10, 0, 0, 9}, dst[] = {192, 0, 2, 1};

	fill(&list, 1);
	objects_vrf(&list, 2);
	objects_interface(&list, 3, 2, 1, 0, "10.0.0.1/24");
	commit(*state, &list, &answer);
	trace.port = 100;
	trace.has_ip_src = true;
	trace.ip_src = (ProtobufCBinaryData){.len = sizeof(src), .data = src};
	trace.has_ip_dst = true;
	trace.ip_dst = (ProtobufCBinaryData){.len = sizeof(dst), .data = dst};
	result = (Weft__TraceResult *)stand_in_ask(
		*state, WEFT__FRAME_TYPE__FRAME_TRACE, &trace.base,
		WEFT__FRAME_TYPE__FRAME_TRACE_RESULT, &weft__trace_result__descriptor);
	assert_non_null(result);
	assert_false(result->forwarded);
	assert_string_equal(result->drop_reason, "no_route");
	assert_true(result->n_steps > 0);
	weft__trace_result__free_unpacked(result, NULL);
}

static void killed_datapath_is_rebuilt(void **state)
{
	struct stand_in *stand_in = *state;
	struct digest before, after;
	struct objects list = {0};
	struct tx_answer answer;

	fill(&list, 8);
	assert_int_equal(stand_in_commit(stand_in, &list, NULL, &answer), 0);
	assert_int_equal(stand_in_digest(stand_in, &before), 0);
	stand_in_kill(stand_in);
	stand_in_idle(stand_in, 20);
	assert_int_equal(stand_in_start(stand_in, plain), 0);
	assert_int_equal(stand_in_greet(stand_in), 0);
	assert_true(stand_in_was_fresh(stand_in));
	assert_int_equal(
		stand_in_commit(stand_in, &list, &(struct tx_options){.complete = true}, &answer),
		0);
	objects_clear(&list);
	assert_int_equal(stand_in_digest(stand_in, &after), 0);
	assert_memory_equal(before.hash, after.hash, sizeof(before.hash));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
		PAIR(greeting_lends_the_segments),
		PAIR(transaction_is_answered_with_its_generation),
		PAIR(bad_operation_is_named_and_changes_nothing),
		PAIR(repeat_does_nothing),
		PAIR(stale_base_is_refused),
		PAIR(dry_run_changes_nothing),
		PAIR(trial_without_confirmation_is_undone),
		PAIR(trial_with_confirmation_stands),
		PAIR(prepared_transaction_takes_effect_when_committed),
		PAIR(prepared_transaction_is_taken_back),
		PAIR(prepared_transaction_ends_with_its_controller),
		PAIR(prepared_trial_waits_for_its_confirmation),
		PAIR(what_cannot_be_prepared_is_named),
		PAIR(reconnect_keeps_everything),
		PAIR(older_controller_is_refused),
		PAIR(nonsense_is_refused),
		PAIR(questions_are_answered),
		PAIR(pages_follow_one_another),
		PAIR(trace_explains),
		PAIR(killed_datapath_is_rebuilt),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
