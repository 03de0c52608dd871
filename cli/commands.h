// SPDX-License-Identifier: BSD-3-Clause
//
// commands: what each command of the table runs. Each returns an enum exit_code. One thread.

#pragma once

struct invocation;

// Any noun that the model knows: cmd_object.c
int cmd_object_add(const struct invocation *call);
int cmd_object_set(const struct invocation *call);
int cmd_object_delete(const struct invocation *call);
int cmd_object_ls(const struct invocation *call);
int cmd_object_show(const struct invocation *call);

int cmd_host_add(const struct invocation *call);
int cmd_host_enrol(const struct invocation *call);
int cmd_host_revoke(const struct invocation *call);
int cmd_guest_add(const struct invocation *call);
int cmd_guest_set(const struct invocation *call);
int cmd_port_add(const struct invocation *call);
int cmd_forward_add(const struct invocation *call);
int cmd_route_add(const struct invocation *call);
int cmd_lease_add(const struct invocation *call);
int cmd_dns_add(const struct invocation *call);
int cmd_link_add(const struct invocation *call);
int cmd_link_delete(const struct invocation *call);
int cmd_impair_link(const struct invocation *call);
int cmd_impair_port(const struct invocation *call);
int cmd_impair_show(const struct invocation *call);
int cmd_impair_clear(const struct invocation *call);

// The daemons: cmd_daemon.c
int cmd_up(const struct invocation *call);
int cmd_down(const struct invocation *call);
int cmd_status(const struct invocation *call);

// What happens: cmd_watch.c, cmd_trace.c, cmd_capture.c
int cmd_drops(const struct invocation *call);
int cmd_events(const struct invocation *call);
int cmd_trace(const struct invocation *call);
int cmd_capture(const struct invocation *call);
int cmd_test(const struct invocation *call);
int cmd_graph(const struct invocation *call);
int cmd_top(const struct invocation *call);

// What was changed: cmd_history.c
int cmd_history(const struct invocation *call);
int cmd_undo(const struct invocation *call);
int cmd_confirm(const struct invocation *call);
int cmd_destroy(const struct invocation *call);

// Labs from topology files: cmd_lab.c
int cmd_plan(const struct invocation *call);
int cmd_apply(const struct invocation *call);
int cmd_export(const struct invocation *call);
int cmd_schema(const struct invocation *call);
int cmd_import(const struct invocation *call);
int cmd_gc(const struct invocation *call);

int cmd_attach(const struct invocation *call);
int cmd_shell(const struct invocation *call);
int cmd_demo(const struct invocation *call);
int cmd_doctor(const struct invocation *call);
int cmd_version(const struct invocation *call);

// Out of the table itself: help.c, completion.c, manual.c
int cmd_help(const struct invocation *call);
int cmd_completion(const struct invocation *call);
int cmd_complete(const struct invocation *call);
int cmd_manual(const struct invocation *call);
