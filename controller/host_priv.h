// SPDX-License-Identifier: BSD-3-Clause
//
// host_priv: what the session and the resync of a host share.

#pragma once

#include "controller/host.h"

struct event;

// A comparison under way.
struct resync {
	bool running;
	unsigned waiting; // Answers still to come.
	struct ops ops;   // What was found to differ.
	uint64_t started;
	bool held;     // Something was held back on the way.
	bool clearing; // It is compared once more, for what is left of that.
};

struct host {
	char name[UNIT_SIZE], label[UNIT_SIZE];
	struct host_env env;
	struct desired *desired; // Borrowed.
	struct keeper keeper;
	void *minder;
	struct stream *stream;
	enum host_state state;
	pid_t pid;     // 0: on another machine.
	char from[80]; // Whence it came in, if so.
	char software[64];
	char incarnation[64];
	char **capabilities;
	unsigned capability_count;
	uint64_t generation;
	bool fresh; // Until its first transaction, which needs no leases: they came with the greeting.

	struct table calls; // request id -> struct call
	uint64_t next_request;
	uint64_t next_tx;

	struct tx tx; // Under way when done is set.
	host_tx_fn done;
	void *done_user;
	bool prepared; // And not finished yet.
	uint64_t sent_at, lag_ns;

	char trouble[200]; // Why it does not let us in; empty: it does, or is away.
	uint64_t gone_since, gap_ns;
	bool wants_resync;
	struct resync resync;
	struct table held;      // unit -> struct refusal
	struct event *retry;    // Tries again what is held back,
	unsigned retry_ms;      // after so long; 0: nothing was.
	struct event *patience; // Ends a connection that does not answer.
	struct ops let_go;      // Of a transaction that nobody waits for.

	// host_pulse.c
	struct event *pulse;
	enum { PULSE_QUIET, PULSE_ASKED, PULSE_LATE } asked;
	bool silent, mute;
	unsigned mute_count;
};

// host_tx.c: its answer, and that none will come.
void host_tx_answer(struct host *host, const struct tx_result *result);
void host_tx_result(struct host *host, const struct stream_frame *frame);
void host_tx_refused(struct host *host, const struct stream_frame *frame);
// The stream takes more.
void host_tx_continue(struct host *host);

// host_pulse.c: a connection begins, is greeted, and ends.
struct event *host_pulse_new(struct host *host);
void host_pulse_begin(struct host *host);
void host_pulse_greeted(struct host *host);
void host_pulse_end(struct host *host);
void host_lag(struct host *host);
void host_cut_off(struct host *host, const char *reason);

// The connection cannot be used any more.
void host_break(struct host *host, const char *reason);
void resync_start(struct host *host);
void resync_stop(struct host *host);
