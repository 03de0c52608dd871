// SPDX-License-Identifier: BSD-3-Clause
//
// change: what a command wants changed, gathered and sent as one revision: all or none. One thread.

#pragma once

#include "cli/command.h"
#include "proto/api.pb-c.h"

struct change_set {
	Weft__Request request;
	Weft__Apply apply;
};

void change_set_init(struct change_set *set, const struct invocation *call);

// One more change: an object of the noun, by the words of the table ("net", "guest"), with an empty
// body, which is returned for the caller to fill; its strings must come from the heap. NULL when
// memory is short.
ProtobufCMessage *change_add(struct change_set *set, Weft__Verb verb, const char *noun,
                             const char *name);

// Fills the last change's body from the invocation's flags.
int change_take_flags(struct change_set *set, const struct invocation *call);

// Deletes also what refers to the object of the last change.
void change_cascade(struct change_set *set);

// Tells when a change made with --confirm is undone. => --confirm was given.
void change_tell_confirm(const struct invocation *call);

// Tells what a dry run found, and returns the exit code for it.
int change_show_preview(const struct invocation *call, const Weft__Reply *reply);

// Sends what was gathered, shows what came of it, and frees the set. Where gathering ended in an error (a
// negative errno) nothing is sent, and the error told instead. The exit code.
int change_send(struct change_set *set, const struct invocation *call, int error);
