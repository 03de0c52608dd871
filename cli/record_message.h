// SPDX-License-Identifier: BSD-3-Clause
//
// record_message: a record as the controller makes it of a message, turned into the message again. One thread.

#pragma once

#include "proto/api.pb-c.h"

// Texts, numbers, flags, choices by their word ("nat" of NET_NAT), lists and messages within. Keys that the
// message does not know are passed over. NULL when memory is short.
// => protobuf_c_message_free_unpacked() it.
ProtobufCMessage *record_message(const Weft__Record *record,
                                 const ProtobufCMessageDescriptor *descriptor);
