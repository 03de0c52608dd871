// SPDX-License-Identifier: BSD-3-Clause
//
// port_meter: so many events a second from each port, so that a guest that floods hurts itself only.
//
// Main thread only.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct port_meter;

// A port may save up `burst` events and gets `per_minute` more a minute. NULL with errno.
struct port_meter *port_meter_new(uint32_t per_minute, uint32_t burst);
void port_meter_free(struct port_meter *meter);
// Takes one event from the port's account; false: it is empty.
bool port_meter_take(struct port_meter *meter, uint32_t port, uint64_t now_ns);
