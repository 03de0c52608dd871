// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_graph: the network as a picture.

#include "cli/commands.h"
#include "cli/graph.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *flag;
	void (*write)(FILE *file, const struct graph *graph);
} ways[] = {
	{"ascii", graph_write_ascii},
	{"dot", graph_write_dot},
	{"mermaid", graph_write_mermaid},
	{"svg", graph_write_svg},
};

int cmd_graph(const struct invocation *call)
{
	void (*write)(FILE * file, const struct graph *graph) = NULL;
	uint64_t seconds = invocation_number(call, "rates", 0);
	struct fail fail = {0};
	struct graph graph;
	unsigned given = 0;
	int code;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!invocation_has(call, ways[i].flag))
			continue;
		write = ways[i].write;
		given++;
	}
	if (given > 1 || seconds > 3600) {
		fail_set(&fail, -EINVAL,
		         given > 1
		                 ? "a graph is drawn in one way: --ascii, --dot, --mermaid or --svg"
		                 : "--rates: an hour at most");
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	code = graph_load(call, call->argument_count ? call->arguments[0] : NULL,
	                  (uint32_t)seconds * 1000, &graph);
	if (code == EXIT_OK)
		(write ? write : graph_write_ascii)(stdout, &graph);
	graph_fini(&graph);
	return code;
}
