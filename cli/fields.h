// SPDX-License-Identifier: BSD-3-Clause
//
// fields: fills a message of the model from the flags of a command, by the names of its fields.
//
// One thread. The messages are of the heap throughout, so that the *__free_unpacked() of the message
// frees what was filled in.

#pragma once

#include "cli/command.h"

#include <protobuf-c/protobuf-c.h>

// Sets the field from text of its type: numbers, times, choices by the enum's last word ("nat" is
// NET_NAT), lists between commas. => The parser checked the text against the flag's kind.
// -EINVAL: the message has no such field, or the text is not of its type.
int fields_set(ProtobufCMessage *message, const char *field, const char *text);

// Sets all fields of the message that flags of the invocation name; a switch sets true, its negation false. Names of
// fields that other negations unset are appended to *clear, which has *clear_count.
int fields_from_flags(ProtobufCMessage *message, const struct invocation *call, char ***clear,
                      size_t *clear_count);
