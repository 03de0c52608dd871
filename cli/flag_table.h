// SPDX-License-Identifier: BSD-3-Clause
//
// flag_table: the flags that commands take, each array ended by an empty name. Constant.

#pragma once

#include "cli/command.h"

extern const struct flag host_add_flags[], host_set_flags[];
extern const struct flag net_flags[];
extern const struct flag port_add_flags[];
extern const struct flag port_set_flags[];
extern const struct flag guest_add_flags[];
extern const struct flag guest_set_flags[];
extern const struct flag tunnel_flags[];
extern const struct flag peer_flags[];
extern const struct flag router_flags[];
extern const struct flag route_flags[];
extern const struct flag forward_flags[];
extern const struct flag lease_flags[];
extern const struct flag dns_flags[];
extern const struct flag flow_flags[];
extern const struct flag impair_flags[];
extern const struct flag impair_link_flags[];
extern const struct flag link_add_flags[];
extern const struct flag list_flags[];
extern const struct flag delete_flags[];
extern const struct flag last_flags[];
extern const struct flag event_flags[];
extern const struct flag trace_flags[];
extern const struct flag capture_flags[];
extern const struct flag graph_flags[];
extern const struct flag test_flags[];
extern const struct flag top_flags[];
extern const struct flag attach_flags[];
extern const struct flag up_flags[];
extern const struct flag enrol_flags[];
extern const struct flag undo_flags[];
extern const struct flag destroy_flags[];
extern const struct flag demo_flags[];
extern const struct flag lab_flags[];
extern const struct flag schema_flags[];
extern const struct flag gc_flags[];
