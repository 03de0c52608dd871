// SPDX-License-Identifier: BSD-3-Clause
//
// test_set: lists that are empty mean every guest, so a test may stand for a whole matrix of cases.

#include "cli/test_set.h"

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/lab.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/record_message.h"
#include "cli/topology.h"

#include "base/bytes.h"
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *test_kind_word(Weft__LabTestKind kind)
{
	static const char *const words[] = {
		[WEFT__LAB_TEST_KIND__TEST_REACH] = "reach",
		[WEFT__LAB_TEST_KIND__TEST_PING] = "ping",
		[WEFT__LAB_TEST_KIND__TEST_IPERF] = "iperf",
		[WEFT__LAB_TEST_KIND__TEST_DNS] = "dns",
		[WEFT__LAB_TEST_KIND__TEST_HTTP] = "http",
		[WEFT__LAB_TEST_KIND__TEST_TRACE] = "trace",
		[WEFT__LAB_TEST_KIND__TEST_DURING] = "during",
	};

	return (unsigned)kind < ARRAY_SIZE(words) && words[kind] ? words[kind] : "test";
}

// The first of a list of addresses, without its length.
static void read_address(const Weft__Record *record, struct ip_addr *ret)
{
	char buf[512], text[64];
	const char *list = record_text(record, "ip", buf, sizeof(buf));

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(list, ",/ "), list);
	if (ip_parse(text, ret) < 0)
		*ret = (struct ip_addr){0};
}

static void take_guest(struct test_set *set, const Weft__Record *record)
{
	struct test_guest *guest = &set->guests[set->guest_count];
	size_t prefix = strlen(set->lab);
	const char *name = guest->place.name;
	char text[256];

	if (prefix && strcmp(record_text(record, "lab", text, sizeof(text)), set->lab) != 0)
		return;
	guest_place_read(record, &guest->place);
	read_address(record, &guest->ip);
	guest->has_net = *record_text(record, "net", text, sizeof(text)) != '\0';
	if (prefix && strncmp(name, set->lab, prefix) == 0 && name[prefix] == '.')
		name += prefix + 1;
	snprintf(guest->name, sizeof(guest->name), "%s", name);
	set->guest_count++;
}

// A machine or an interface is a port without a guest: something to reach, if its address is known.
static void take_port(struct test_set *set, const Weft__Record *record)
{
	char text[256];

	if (*record_text(record, "guest", text, sizeof(text)) == '\0' &&
	    *record_text(record, "ip", text, sizeof(text)))
		take_guest(set, record);
}

static int load_guests(const struct invocation *call, struct test_set *set)
{
	struct ask_list guest_list = {.what = "guest"}, port_list = {.what = "port"};
	Weft__Reply *guests, *ports;
	int code = ask_list(call, &guest_list, &guests);

	if (code != EXIT_OK)
		return code;
	code = ask_list(call, &port_list, &ports);
	if (code != EXIT_OK) {
		client_reply_free(guests);
		return code;
	}
	set->guests = calloc(guests->n_records + ports->n_records + 1, sizeof(*set->guests));
	for (size_t i = 0; i < guests->n_records && set->guests; i++)
		take_guest(set, guests->records[i]);
	for (size_t i = 0; i < ports->n_records && set->guests; i++)
		take_port(set, ports->records[i]);
	client_reply_free(guests);
	client_reply_free(ports);
	return EXIT_OK;
}

const struct test_guest *test_set_guest(const struct test_set *set, const char *name)
{
	for (size_t i = 0; i < set->guest_count; i++)
		if (strcmp(set->guests[i].name, name) == 0 ||
		    strcmp(set->guests[i].place.name, name) == 0)
			return &set->guests[i];
	return NULL;
}

static struct test_case *add_case(struct test_set *set)
{
	if (set->case_count == set->case_room) {
		size_t room = set->case_room ? set->case_room * 2 : 64;
		struct test_case *more = realloc(set->cases, room * sizeof(*more));

		if (!more)
			return NULL;
		set->cases = more;
		set->case_room = room;
	}
	memset(&set->cases[set->case_count], 0, sizeof(set->cases[0]));
	return &set->cases[set->case_count++];
}

// "reach h1 -> h2 tcp/80 blocked"
static void name_case(struct test_case *item, const char *from)
{
	const Weft__LabTest *test = item->test;
	const char *kind = test_kind_word(test->kind);
	const char *blocked = test->has_blocked && test->blocked ? " blocked" : "";
	char protocol[48] = "";

	if (test->kind == WEFT__LAB_TEST_KIND__TEST_REACH ||
	    test->kind == WEFT__LAB_TEST_KIND__TEST_TRACE) {
		const char *word = test->protocol ? test->protocol : "icmp";

		if (test->has_port)
			snprintf(protocol, sizeof(protocol), " %.16s/%u", word, test->port);
		else
			snprintf(protocol, sizeof(protocol), " %.16s", word);
	}
	if (test->name)
		snprintf(item->name, sizeof(item->name), "%.160s: %s -> %s", test->name, from,
		         item->target);
	else if (item->target[0])
		snprintf(item->name, sizeof(item->name), "%s %s -> %s%s%s", kind, from,
		         item->target, protocol, blocked);
	else
		snprintf(item->name, sizeof(item->name), "%s %s", kind, from);
}

static int add_pair(struct test_set *set, const Weft__LabTest *test, const char *from,
                    const char *to)
{
	struct test_case *item = add_case(set);

	if (!item)
		return -ENOMEM;
	item->test = test;
	item->from = from ? test_set_guest(set, from) : NULL;
	item->to = to ? test_set_guest(set, to) : NULL;
	snprintf(item->target, sizeof(item->target), "%s", to ? to : "");
	if (item->to)
		item->ip = item->to->ip;
	else if (to && ip_parse(to, &item->ip) < 0)
		item->ip = (struct ip_addr){0};
	name_case(item, from ? from : "host");
	// A guest that is gone by now is told by its case.
	if (from && !item->from) {
		item->ran = true;
		snprintf(item->text, sizeof(item->text), "there is no guest '%s'", from);
	}
	return 0;
}

// What a case of the kind is about, where that is not a guest or an address.
static const char *subject_of(const Weft__LabTest *test)
{
	switch (test->kind) {
	case WEFT__LAB_TEST_KIND__TEST_DNS:
		return test->query ? test->query : "";
	case WEFT__LAB_TEST_KIND__TEST_HTTP:
		return test->url ? test->url : "";
	default:
		return NULL;
	}
}

// Of "every guest" those are meant that are in some net: one without is what it is on purpose.
static bool is_target(const struct test_guest *guest)
{
	return guest->has_net;
}

static int add_from(struct test_set *set, const Weft__LabTest *test, const char *from)
{
	const char *subject = subject_of(test);
	int error = 0;

	if (subject)
		return add_pair(set, test, from, subject);
	for (size_t i = 0; i < test->n_to && error == 0; i++)
		if (test->n_to == 1 || strcmp(test->to[i], from) != 0)
			error = add_pair(set, test, from, test->to[i]);
	for (size_t i = 0; i < set->guest_count && test->n_to == 0 && error == 0; i++)
		if (strcmp(set->guests[i].name, from) != 0 && is_target(&set->guests[i]))
			error = add_pair(set, test, from, set->guests[i].name);
	return error;
}

int test_set_add(struct test_set *set, const Weft__LabTest *test)
{
	int error = 0;

	if (test->kind == WEFT__LAB_TEST_KIND__TEST_DURING)
		return add_pair(set, test, test->guest, NULL);
	for (size_t i = 0; i < test->n_from && error == 0; i++)
		error = add_from(set, test, test->from[i]);
	for (size_t i = 0; i < set->guest_count && test->n_from == 0 && error == 0; i++)
		if (is_target(&set->guests[i]) && set->guests[i].place.netns[0])
			error = add_from(set, test, set->guests[i].name);
	return error;
}

// Takes the message over.
static int own(struct test_set *set, ProtobufCMessage *message)
{
	ProtobufCMessage **more = realloc(set->messages, (set->message_count + 1) * sizeof(*more));

	if (more)
		set->messages = more;
	if (!more || !message) {
		if (message)
			protobuf_c_message_free_unpacked(message, NULL);
		return -ENOMEM;
	}
	set->messages[set->message_count++] = message;
	return 0;
}

static int add_tests(struct test_set *set, const Weft__Lab *lab)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < lab->n_tests; i++)
		error = test_set_add(set, lab->tests[i]);
	return error;
}

static int take_record(struct test_set *set, const Weft__Record *record)
{
	ProtobufCMessage *message = record_message(record, &weft__lab__descriptor);
	const Weft__Lab *lab = (const Weft__Lab *)message;
	int error = own(set, message);

	return error < 0 ? error : add_tests(set, lab);
}

// Without a lab there is one test: everybody reaches everybody.
static int take_matrix(struct test_set *set)
{
	Weft__LabTest *test = malloc(sizeof(*test));

	if (!test)
		return -ENOMEM;
	weft__lab_test__init(test);
	test->has_kind = true;
	test->kind = WEFT__LAB_TEST_KIND__TEST_REACH;
	return own(set, &test->base) == 0 ? test_set_add(set, test) : -ENOMEM;
}

static int choose(const struct invocation *call, const Weft__Reply *labs, const char *lab,
                  struct test_set *set)
{
	struct fail fail = {0};
	char text[128];
	int code;

	if (labs->n_records > 1 && !lab) {
		fail_set(&fail, -EINVAL, "there are %zu labs", labs->n_records);
		fail_hint(&fail, "name one: weft test %s",
		          record_text(labs->records[0], "name", text, sizeof(text)));
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	if (labs->n_records == 1)
		snprintf(set->lab, sizeof(set->lab), "%s",
		         record_text(labs->records[0], "name", text, sizeof(text)));
	code = load_guests(call, set);
	if (code != EXIT_OK)
		return code;
	if (!set->guests ||
	    (labs->n_records ? take_record(set, labs->records[0]) : take_matrix(set)) < 0) {
		fail_set(&fail, -ENOMEM, "out of memory");
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	return EXIT_OK;
}

// A name with a slash or an ending is that of a file; so are labs never called.
static bool is_file(const char *name)
{
	return strchr(name, '/') || strchr(name, '.') || strcmp(name, "-") == 0;
}

// The tests are those of the file, the guests those that are there.
static int load_file(const struct invocation *call, const char *path, struct test_set *set)
{
	struct topology topology;
	int code = lab_read(call, path, &topology);

	if (code == EXIT_OK) {
		snprintf(set->lab, sizeof(set->lab), "%s", topology.lab);
		code = load_guests(call, set);
	}
	for (size_t i = 0; i < topology.object_count && code == EXIT_OK; i++) {
		Weft__Intent *object = topology.objects[i];
		Weft__Lab *lab =
			object->body_case == WEFT__INTENT__BODY_LAB_BODY ? object->lab_body : NULL;

		if (!lab)
			continue;
		// The message changes hands.
		object->body_case = WEFT__INTENT__BODY__NOT_SET;
		if (own(set, &lab->base) < 0 || add_tests(set, lab) < 0)
			code = EXIT_ERROR;
	}
	topology_fini(&topology);
	return code;
}

int test_set_load(const struct invocation *call, const char *lab, struct test_set *ret)
{
	struct ask_list list = {.what = "lab", .name = lab};
	Weft__Reply *labs;
	int code;

	*ret = (struct test_set){0};
	if (lab && is_file(lab))
		return load_file(call, lab, ret);
	code = ask_list(call, &list, &labs);
	if (code != EXIT_OK)
		return code;
	code = choose(call, labs, lab, ret);
	client_reply_free(labs);
	return code;
}

void test_set_fini(struct test_set *set)
{
	for (size_t i = 0; i < set->message_count; i++)
		protobuf_c_message_free_unpacked(set->messages[i], NULL);
	free(set->messages);
	free(set->guests);
	free(set->cases);
	*set = (struct test_set){0};
}
