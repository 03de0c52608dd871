// SPDX-License-Identifier: BSD-3-Clause
//
// notify: who must wake whom: flags and event indices of both layouts (virtio 1.2, 2.7.7, 2.7.10, 2.8.10).
//
// Owning worker. => A full fence stands between what was published and wants_call, and between
// arm and the look for work.

#pragma once

#include "vnic/vhost/virtq.h"

// Whether the guest wants to hear of what was returned since `before`.
bool notify_split_wants_call(const struct virtq *queue, uint64_t before);
bool notify_packed_wants_call(const struct virtq *queue, uint64_t before);

// Says in the ring that the guest must kick with the next chain, or need not.
void notify_split_arm(struct virtq *queue);
void notify_split_disarm(struct virtq *queue);
void notify_packed_arm(struct virtq *queue);
void notify_packed_disarm(struct virtq *queue);
