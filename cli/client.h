// SPDX-License-Identifier: BSD-3-Clause
//
// client: asks weft-controller, over its socket in the run directory, and waits for the answer.
//
// One thread, one question at a time.

#pragma once

#include "proto/api.pb-c.h"

#include <stdbool.h>

struct client;
struct fail;

// -ENOENT or -ECONNREFUSED: no controller there; -EACCES: not for this user.
int client_open(const char *run_dir, struct client **ret, struct fail *fail);
void client_close(struct client *client); // NULL is fine.

// Sends the request and gathers the answer, all its parts in one. An error of the controller's comes
// as the fail and its code. => Free the reply with client_reply_free().
int client_ask(struct client *client, Weft__Request *request, Weft__Reply **ret, struct fail *fail);
void client_reply_free(Weft__Reply *reply); // NULL is fine.

// Sends the request and hands on each reply until the callback returns false or the controller goes.
typedef bool (*client_reply_cb)(void *user, const Weft__Reply *reply);
int client_watch(struct client *client, Weft__Request *request, client_reply_cb got, void *user,
                 struct fail *fail);

// The same until the reply without `more`. An interrupt (SIGINT, SIGTERM) sends `stop` and goes on, a second
// one ends the wait, as does an answer to `stop` that takes STOP_SECONDS; both are no failure.
int client_watch_until(struct client *client, Weft__Request *request, Weft__Request *stop,
                       client_reply_cb got, void *user, struct fail *fail);

// While the client waits for anything, calls `tick` every so many ms; false ends the wait, which is no failure.
// 0 or -ENOMEM.
int client_every(struct client *client, uint32_t ms, bool (*tick)(void *user), void *user);

// The object and the field that the last refusal was about; "" when it did not say.
const char *client_refused(const struct client *client, const char **ret_field);
// What else was wrong with it: an Error; NULL beyond the last. Borrowed until the next question.
const Weft__Error *client_refused_too(const struct client *client, size_t index);

// Whether the connection itself failed, rather than what was asked.
bool client_is_lost(const struct client *client);

// Whether somebody listens at the controller's socket.
bool client_is_up(const char *run_dir);
