// SPDX-License-Identifier: BSD-3-Clause
//
// test_set: what is expected of a lab, as cases: one test, from one guest, to one target. One thread.

#pragma once

#include "base/addr.h"
#include "cli/command.h"
#include "cli/guest_place.h"
#include "proto/api.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct fail;

struct test_guest {
	struct guest_place place; // name as the controller knows it
	char name[160];           // within its lab
	struct ip_addr ip;        // none: has no address (yet)
	bool has_net;
};

struct test_case {
	const Weft__LabTest *test;     // borrowed
	const struct test_guest *from; // NULL: of no guest (during on the host)
	const struct test_guest *to;   // NULL: the target is no guest, or there is none
	char target[256];              // as it is called
	struct ip_addr ip;             // of the target, where it has one
	char name[512];
	bool ran, passed;
	char text[768]; // what came of it
	uint64_t took_ns;
	char pcap[PATH_MAX];
};

struct test_set {
	char lab[128]; // "" when it is of none
	struct test_guest *guests;
	size_t guest_count;
	ProtobufCMessage **messages; // owned, what the cases borrow from
	size_t message_count;
	struct test_case *cases;
	size_t case_count, case_room;
};

// The tests of the lab, or of a topology file; NULL: of the only lab that there is, or, without one, whether all guests reach each
// other. An exit code; what went wrong was shown. => test_set_fini() in any case.
int test_set_load(const struct invocation *call, const char *lab, struct test_set *ret);
void test_set_fini(struct test_set *set);

// Makes cases of a test that the set does not own. 0 or -ENOMEM.
int test_set_add(struct test_set *set, const Weft__LabTest *test);
// The guest of the name, as its lab or as the controller calls it; NULL if there is none.
const struct test_guest *test_set_guest(const struct test_set *set, const char *name);

// "reach", "ping" …
const char *test_kind_word(Weft__LabTestKind kind);
