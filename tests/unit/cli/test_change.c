// SPDX-License-Identifier: BSD-3-Clause
//
// test_change: flags become fields of the model, and requests hold what was asked for.

#include "cli/change.h"

#include "base/fail.h"
#include "cli/fields.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void parse(char **words, struct invocation *ret)
{
	struct fail fail = {0};
	int count = 0;

	while (words[count])
		count++;
	assert_int_equal(command_parse(count, words, ret, &fail), 0);
}

static void free_set(struct change_set *set)
{
	for (size_t i = 0; i < set->apply.n_changes; i++)
		weft__change__free_unpacked(set->apply.changes[i], NULL);
	free(set->apply.changes);
}

static void test_net(void **state)
{
	char *words[] = {"weft",   "net",         "add",         "lan",         "--mode",
	                 "nat",    "--subnet",    "10.1.0.0/24", "--dhcp",      "--lease",
	                 "5m",     "--forwarder", "10.9.9.9",    "--forwarder", "10.9.9.10",
	                 "--vlan", "20",          "--dry-run",   NULL};
	struct invocation call;
	struct change_set set;

	parse(words, &call);
	change_set_init(&set, &call);
	assert_non_null(change_add(&set, WEFT__VERB__VERB_ADD, "net", "lan"));
	assert_int_equal(change_take_flags(&set, &call), 0);
	assert_true(set.apply.dry_run);
	assert_int_equal(set.apply.n_changes, 1);

	const Weft__Intent *intent = set.apply.changes[0]->intent;

	assert_string_equal(intent->name, "lan");
	assert_int_equal(intent->body_case, WEFT__INTENT__BODY_NET);
	assert_true(intent->net->has_mode);
	assert_int_equal(intent->net->mode, WEFT__NET_MODE__NET_NAT);
	assert_string_equal(intent->net->subnet, "10.1.0.0/24");
	assert_true(intent->net->has_dhcp && intent->net->dhcp);
	assert_int_equal(intent->net->lease_seconds, 300);
	assert_int_equal(intent->net->vlan, 20);
	assert_int_equal(intent->net->n_forwarders, 2);
	assert_string_equal(intent->net->forwarders[1], "10.9.9.10");
	assert_false(intent->net->has_mtu);
	free_set(&set);
}

static void test_clear(void **state)
{
	char *words[] = {"weft",     "port",        "set",       "up1", "--trunk",
	                 "10,20,30", "--no-native", "--no-down", NULL};
	struct invocation call;
	struct change_set set;

	parse(words, &call);
	change_set_init(&set, &call);
	assert_non_null(change_add(&set, WEFT__VERB__VERB_SET, "port", "up1"));
	assert_int_equal(change_take_flags(&set, &call), 0);

	const Weft__Change *change = set.apply.changes[0];

	assert_int_equal(change->intent->port->n_trunk, 3);
	assert_int_equal(change->intent->port->trunk[2], 30);
	assert_int_equal(change->n_clear, 1);
	assert_string_equal(change->clear[0], "native");
	// A switch is set to false, not unset.
	assert_true(change->intent->port->has_down);
	assert_false(change->intent->port->down);
	free_set(&set);
}

static void test_survives_packing(void **state)
{
	char *words[] = {"weft", "forward", "add", "lan", "8080:h2:80", NULL};
	struct invocation call;
	struct change_set set;

	parse(words, &call);
	change_set_init(&set, &call);

	ProtobufCMessage *forward = change_add(&set, WEFT__VERB__VERB_ADD, "forward", "f");

	assert_int_equal(fields_set(forward, "guest", "h2"), 0);
	assert_int_equal(fields_set(forward, "inside_port", "80"), 0);
	assert_int_equal(fields_set(forward, "no_such_field", "80"), -EINVAL);
	change_cascade(&set);

	uint8_t bytes[512];
	size_t length = weft__request__get_packed_size(&set.request);

	assert_true(length < sizeof(bytes));
	weft__request__pack(&set.request, bytes);

	Weft__Request *copy = weft__request__unpack(NULL, length, bytes);

	assert_non_null(copy);
	assert_string_equal(copy->apply->command, "weft forward add lan 8080:h2:80");
	assert_true(copy->apply->changes[0]->cascade);
	assert_int_equal(copy->apply->changes[0]->intent->forward->inside_port, 80);
	weft__request__free_unpacked(copy, NULL);
	free_set(&set);
}

// Nothing is sent: there is no controller that could be asked, and that would be another exit code.
static void test_what_could_not_be_made_is_not_sent(void **state)
{
	char *words[] = {"weft", "net", "add", "lan", "--run-dir", "/nowhere", NULL};
	struct invocation call;
	struct change_set set;

	parse(words, &call);
	change_set_init(&set, &call);
	assert_non_null(change_add(&set, WEFT__VERB__VERB_ADD, "net", "lan"));
	assert_int_equal(change_send(&set, &call, -ENOMEM), EXIT_ERROR);
	assert_int_equal(set.apply.n_changes, 0);

	change_set_init(&set, &call);
	assert_non_null(change_add(&set, WEFT__VERB__VERB_ADD, "net", "lan"));
	assert_int_equal(change_send(&set, &call, 0), EXIT_UNREACHABLE);
	assert_int_equal(set.apply.n_changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_survives_packing),
		cmocka_unit_test(test_what_could_not_be_made_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
