// SPDX-License-Identifier: BSD-3-Clause
//
// ask: one question of a command to the controller, with what went wrong already shown. One thread.

#pragma once

#include "cli/command.h"
#include "proto/api.pb-c.h"

struct fail;

// Returns an exit code; *ret is set when it is EXIT_OK. => Free it with client_reply_free().
int ask(const struct invocation *call, Weft__Request *request, Weft__Reply **ret);

// The same without a word on standard error; the fail tells.
int ask_quietly(const struct invocation *call, Weft__Request *request, Weft__Reply **ret,
                struct fail *fail);

// The records of a LIST, all of a noun or only those that the name concerns. NULL fields are left out.
struct ask_list {
	const char *what, *name, *net;
	uint32_t limit;
};
int ask_list(const struct invocation *call, const struct ask_list *list, Weft__Reply **ret);
int ask_list_quietly(const struct invocation *call, const struct ask_list *list, Weft__Reply **ret,
                     struct fail *fail);
