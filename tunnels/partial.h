// SPDX-License-Identifier: BSD-3-Clause
//
// partial: inner checksums, and cuts of super-packets, that the sending kernel left to a device which never came.
// Owning worker.

#pragma once

#include "vnic/packet.h"

// Marks the TCP or UDP checksum of the packet within as still to be made, where it holds no more than the sum of
// the pseudo header, and a TCP packet that no wire would carry as the super-packet that it is.
void partial_find(struct packet *packet);
