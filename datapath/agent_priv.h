// SPDX-License-Identifier: BSD-3-Clause
//
// agent_priv: what the agent's files share. Main thread only.
//
// Life: connecting -> greeting (hellos are exchanged; a fresh datapath waits for what was kept) -> running.
// Tables and workers come into being when it first runs, and stay while the connection comes and goes.

#pragma once

#include "base/stream.h"
#include "datapath/agent.h"
#include "datapath/agent_apply.h"
#include "datapath/agent_keep.h"
#include "datapath/agent_port.h"
#include "datapath/worker.h"
#include "proto/channel.pb-c.h"

#include <stdbool.h>

struct agent_capture;
struct agent_step;
struct capture_set;
struct event;
struct lease_table;
struct pipeline;
struct upstream;

enum {
	AGENT_VERSION = 1,
	AGENT_REMEMBERED = 64, // transactions whose results are kept for a repeat
	AGENT_RETRY_MS =
		20, // first wait before connecting again; it doubles while nobody serves us
};

enum agent_phase { AGENT_CONNECTING, AGENT_GREETING, AGENT_RUNNING };

// A transaction while its operations come in.
struct agent_tx {
	bool open;
	uint64_t id;
	uint64_t base_generation;
	bool dry_run;
	uint32_t confirm_ms;
	bool repeated; // was committed before: take nothing in
	bool prepared; // staged, and waits for its commit
	struct apply_op *ops;
	size_t count, room;
	size_t bytes;               // of all objects
	struct agent_bytes *blocks; // what the ops point into
	struct apply_result early;  // code < 0: refused before the commit
};

struct agent_result {
	uint64_t tx; // 0: none
	uint64_t generation;
	uint64_t settle_ns;
};

struct agent {
	struct agent_config config;

	// The connection.
	enum agent_phase phase;
	struct stream *stream;
	struct agent_dial *dial;
	struct event *retry; // next attempt to connect
	uint32_t retry_ms;
	uint64_t served_ns;     // since when this controller is served; 0: not
	char complaint[160];    // the last that was logged about connecting
	struct event *patience; // greeting takes too long
	bool greeted;           // the controller's hello came
	char incarnation[33];
	uint64_t epoch; // highest seen
	uint64_t event_seq, events_lost;

	// The datapath itself; NULL until it first ran.
	struct agent_keep *keep;
	struct agent_ports *ports;
	struct state *state;
	struct stats *stats;
	struct workers *workers;
	struct service *service;
	struct apply *apply;
	struct upstream *upstream;
	struct pipeline *tracer; // made when first asked
	uint64_t started_ns;

	struct agent_capture *captures;
	struct capture_set *capture_set; // published
	struct event *capture_timer;     // while there are captures

	struct event *punts; // workers have something for us
	struct event *service_timer, *measure_timer;
	struct agent_step *steps;
	unsigned measures; // calls of measure_timer
	uint64_t
		ways_told; // digest of what the controller was told of the ways to peers; 0: nothing
	struct link_watch *links;
	struct event *links_event;

	// Transactions.
	struct agent_tx tx;
	struct agent_result done[AGENT_REMEMBERED];
	unsigned done_next;
	uint64_t tentative;     // tx that waits for its confirmation, or 0
	struct event *confirm;  // its time runs out
	struct event *complete; // nothing came for so long that all has come
	bool swept;
};

// agent.c: the connection.
int agent_send(struct agent *agent, unsigned stream_id, uint16_t type, uint64_t request,
               const ProtobufCMessage *message);
void agent_refuse(struct agent *agent, uint64_t request, int code, const char *what,
                  const char *hint);
void agent_hang_up(struct agent *agent, const char *why);
void agent_served(struct agent *agent); // the greeting is over

// agent_run.c: the tables, workers and services.
int agent_run_start(struct agent *agent, struct fail *fail);
void agent_run_stop(struct agent *agent);
void agent_run_complete(struct agent *agent);

// agent_lease.c
void agent_lease_take(struct agent *agent); // => The state is open.
void agent_lease_frame(struct agent *agent, const struct stream_frame *frame);

// agent_session.c: frames.
void agent_session_frame(struct agent *agent, struct stream_frame *frame);
void agent_session_hello(struct agent *agent);

// agent_tx.c
void agent_tx_frame(struct agent *agent, struct stream_frame *frame);
void agent_tx_drop(struct agent *agent); // the connection is over
void agent_tx_fini(struct agent *agent);

// agent_digest.c, agent_query.c, agent_trace.c
void agent_digest_frame(struct agent *agent, struct stream_frame *frame);
void agent_query_frame(struct agent *agent, struct stream_frame *frame);
void agent_trace_frame(struct agent *agent, struct stream_frame *frame);

// agent_capture.c
void agent_capture_frame(struct agent *agent, struct stream_frame *frame);
void agent_capture_drop(struct agent *agent); // the connection is over

// agent_ways.c
void agent_ways_tell(struct agent *agent); // if it is not what was told already

// agent_event.c
void agent_event(struct agent *agent, Weft__EventType type, uint64_t object, const char *text);
void agent_event_step(struct agent *agent, uint64_t impairment, uint32_t step, uint64_t passed);
// Returns whether there was room for it.
bool agent_event_ways(struct agent *agent, const Weft__Ways *ways);
void agent_event_lease(struct agent *agent, const struct lease *lease, uint64_t expires);
