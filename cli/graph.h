// SPDX-License-Identifier: BSD-3-Clause
//
// graph: a picture of the network: what there is, and what is plugged into what. One thread.

#pragma once

#include "cli/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// In the order of the layers, from top to bottom.
enum graph_kind { GRAPH_OUTSIDE, GRAPH_ROUTER, GRAPH_NET, GRAPH_GUEST, GRAPH_PORT, GRAPH_KINDS };

struct graph_node {
	enum graph_kind kind;
	char name[160];
	char detail[160]; // subnet and mode, address, kind of a port
	char host[96];    // where it runs; "" where there is but one host
	bool down;        // set down, or without a door
};

struct graph_edge {
	unsigned from, to; // indices of nodes; the upper layer first
	char label[320];   // VLANs, the name of a wire, what impairs it
	char port
		[160]; // the port that it is, or that is a wire's end a, as the controller calls it; "" of a router
	char link[160]; // the wire that it is, as the controller calls it; else ""
	bool down, has_rates;
	uint64_t rx_bytes, tx_bytes; // counters
	uint64_t rx_bps, tx_bps;     // from the guest, to the guest
};

struct graph {
	char title[160];
	struct graph_node *nodes;
	size_t node_count, node_room;
	struct graph_edge *edges;
	size_t edge_count, edge_room;
};

// What the controller has, or of one lab; NULL: all. `measure_ms` for rates, 0: none. An exit code; what went
// wrong was shown. => graph_fini() in any case.
int graph_load(const struct invocation *call, const char *lab, uint32_t measure_ms,
               struct graph *ret);
void graph_fini(struct graph *graph);

// For tests and loading: both return the index, or -ENOMEM.
int graph_add_node(struct graph *graph, enum graph_kind kind, const char *name, const char *detail);
int graph_add_edge(struct graph *graph, unsigned from, unsigned to, const char *label);

void graph_write_ascii(FILE *file, const struct graph *graph);
void graph_write_dot(FILE *file, const struct graph *graph);
void graph_write_mermaid(FILE *file, const struct graph *graph);
void graph_write_svg(FILE *file, const struct graph *graph);

// "router", "net" …
const char *graph_kind_word(enum graph_kind kind);
// "12.3M", of bits a second.
const char *graph_rate(uint64_t bps, char buf[static 16]);
// Label and rates of an edge in one; "" when there is nothing to say.
const char *graph_edge_text(const struct graph_edge *edge, char *buf, size_t size);
