// SPDX-License-Identifier: BSD-3-Clause
//
// underlay_memory: an underlay for scenarios and benches: datagrams put in are received, those sent can be
// taken out. Any one thread at a time.

#pragma once

#include "tunnels/underlay.h"

#include <stddef.h>

// An underlay_open_fn; `user` is not used.
int underlay_memory_open(void *user, const struct underlay_config *config, struct underlay **ret,
                         struct fail *fail);

// Copies the datagram in; part_size as of an arrival. -ENOBUFS when it is full.
int underlay_memory_put(struct underlay *underlay, struct ip_addr from, uint8_t tos,
                        uint16_t part_size, const void *bytes, size_t len);
// Takes the oldest that was sent, as it was sent: its iov and drop mean nothing. Returns its length, or -EAGAIN.
int underlay_memory_take(struct underlay *underlay, struct datagram *datagram, void *bytes,
                         size_t size);
// What mtu() says, and whether datagrams in parts are taken (64), or not (1).
void underlay_memory_set(struct underlay *underlay, uint32_t mtu, unsigned parts_max);
