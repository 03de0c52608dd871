// SPDX-License-Identifier: BSD-3-Clause
//
// message_record: a message of the model as a record, field by field. Any thread.

#pragma once

#include "proto/api.pb-c.h"

// Adds what is set in the message: texts, numbers, flags, choices as their word ("nat"), lists, and
// messages within as records.
void message_record_add(Weft__Record *record, const ProtobufCMessage *message);

// "nat" of NET_NAT.
void message_choice(const ProtobufCEnumDescriptor *choices, int value, char *buf, size_t size);
