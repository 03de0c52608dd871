// SPDX-License-Identifier: BSD-3-Clause
//
// graph_text: the graph as a tree for the terminal, as DOT and as Mermaid.
//
// The tree begins at the routers and at nets that have none; what is plugged into several nets stands below
// each. A name may hold anything: the terminal gets '?' for control characters, DOT quotes with its own
// escapes, Mermaid takes entities by number within its quotes.

#include "cli/graph.h"

#include <string.h>

static void put_plain(FILE *file, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, file);
}

static void put_node(FILE *file, const struct graph_node *node)
{
	put_plain(file, node->name);
	if (node->kind != GRAPH_GUEST && node->kind != GRAPH_NET)
		fprintf(file, " (%s)", graph_kind_word(node->kind));
	if (node->detail[0]) {
		fputs("  ", file);
		put_plain(file, node->detail);
	}
	if (node->host[0]) {
		fputs("  @", file);
		put_plain(file, node->host);
	}
}

// A wire between two guests hangs below neither.
static bool is_wire(const struct graph *graph, const struct graph_edge *edge)
{
	return graph->nodes[edge->from].kind >= GRAPH_GUEST;
}

static size_t count_below(const struct graph *graph, size_t node)
{
	size_t count = 0;

	for (size_t i = 0; i < graph->edge_count; i++)
		count += graph->edges[i].from == node && !is_wire(graph, &graph->edges[i]);
	return count;
}

static void put_branch(FILE *file, const struct graph *graph, size_t node, const char *indent);

static void put_twig(FILE *file, const struct graph *graph, const struct graph_edge *edge,
                     const char *indent, bool last)
{
	const struct graph_node *node = &graph->nodes[edge->to];
	char deeper[64], text[256];

	fprintf(file, "%s%s", indent, last ? "`-- " : "|-- ");
	put_node(file, node);
	if (*graph_edge_text(edge, text, sizeof(text))) {
		fputs("  [", file);
		put_plain(file, text);
		fputc(']', file);
	}
	fputs(edge->down ? "  DOWN\n" : "\n", file);
	snprintf(deeper, sizeof(deeper), "%s%s", indent, last ? "    " : "|   ");
	put_branch(file, graph, edge->to, deeper);
}

static void put_branch(FILE *file, const struct graph *graph, size_t node, const char *indent)
{
	size_t left = count_below(graph, node);

	for (size_t i = 0; i < graph->edge_count; i++)
		if (graph->edges[i].from == node && !is_wire(graph, &graph->edges[i]))
			put_twig(file, graph, &graph->edges[i], indent, --left == 0);
}

static bool has_parent(const struct graph *graph, size_t node)
{
	for (size_t i = 0; i < graph->edge_count; i++)
		if (graph->edges[i].to == node && !is_wire(graph, &graph->edges[i]))
			return true;
	return false;
}

// What has wires only stands among them.
static bool is_wired(const struct graph *graph, size_t node)
{
	for (size_t i = 0; i < graph->edge_count; i++)
		if (is_wire(graph, &graph->edges[i]) &&
		    (graph->edges[i].from == node || graph->edges[i].to == node))
			return true;
	return false;
}

static void put_wires(FILE *file, const struct graph *graph)
{
	bool any = false;
	char text[256];

	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];

		if (!is_wire(graph, edge))
			continue;
		fputs(any ? "    " : "wires:\n    ", file);
		put_plain(file, graph->nodes[edge->from].name);
		fputs(" --- ", file);
		put_plain(file, graph->nodes[edge->to].name);
		fputs("  [", file);
		put_plain(file, graph_edge_text(edge, text, sizeof(text)));
		fputs("]\n", file);
		any = true;
	}
}

void graph_write_ascii(FILE *file, const struct graph *graph)
{
	if (!graph->node_count)
		fputs("there is nothing to draw\n", file);
	for (size_t i = 0; i < graph->node_count; i++) {
		// What hangs below others is drawn there.
		if (has_parent(graph, i) || is_wired(graph, i))
			continue;
		put_node(file, &graph->nodes[i]);
		fputs(graph->nodes[i].down ? "  DOWN\n" : "\n", file);
		put_branch(file, graph, i, "");
	}
	put_wires(file, graph);
}

static void put_dot(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, file);
	}
}

static void put_dot_node(FILE *file, const struct graph *graph, size_t at)
{
	static const char *const shapes[] = {"cloud", "diamond", "ellipse", "box", "cds"};
	const struct graph_node *node = &graph->nodes[at];

	fprintf(file, "\tn%zu [shape=%s%s, label=\"", at,
	        node->kind == GRAPH_OUTSIDE ? "egg" : shapes[node->kind],
	        node->down ? ", style=dashed" : "");
	put_dot(file, node->name);
	if (node->detail[0]) {
		fputs("\\n", file);
		put_dot(file, node->detail);
	}
	fputs("\"];\n", file);
}

// The hosts, each once, with what runs there in a frame.
static void put_dot_hosts(FILE *file, const struct graph *graph)
{
	for (size_t i = 0; i < graph->node_count; i++) {
		const char *host = graph->nodes[i].host;
		bool seen = !*host;

		for (size_t j = 0; j < i && !seen; j++)
			seen = strcmp(graph->nodes[j].host, host) == 0;
		if (seen)
			continue;
		fprintf(file, "\tsubgraph cluster_%zu {\n\tlabel=\"", i);
		put_dot(file, host);
		fputs("\";\n", file);
		for (size_t j = i; j < graph->node_count; j++)
			if (strcmp(graph->nodes[j].host, host) == 0)
				put_dot_node(file, graph, j);
		fputs("\t}\n", file);
	}
}

void graph_write_dot(FILE *file, const struct graph *graph)
{
	char text[256];

	fputs("graph \"", file);
	put_dot(file, graph->title);
	fputs("\" {\n\tnode [fontname=\"sans-serif\"];\n\tedge [fontname=\"sans-serif\", "
	      "fontsize=10];\n",
	      file);
	for (size_t i = 0; i < graph->node_count; i++)
		if (!graph->nodes[i].host[0])
			put_dot_node(file, graph, i);
	put_dot_hosts(file, graph);
	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];

		fprintf(file, "\tn%u -- n%u [label=\"", edge->from, edge->to);
		put_dot(file, graph_edge_text(edge, text, sizeof(text)));
		fprintf(file, "\"%s];\n", edge->down ? ", style=dashed" : "");
	}
	fputs("}\n", file);
}

static void put_mermaid(FILE *file, const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			fputc('?', file);
		else if (strchr("\"#;<>&`\\|{}[]()", *text))
			fprintf(file, "#%d;", *text);
		else
			fputc(*text, file);
	}
}

static void put_mermaid_node(FILE *file, const struct graph *graph, size_t at)
{
	static const char *const shapes[][2] = {
		{"((", "))"}, {"{{", "}}"}, {"([", "])"}, {"[", "]"}, {">", "]"}};
	const struct graph_node *node = &graph->nodes[at];

	fprintf(file, "  n%zu%s\"", at, shapes[node->kind][0]);
	put_mermaid(file, node->name);
	if (node->detail[0]) {
		fputs("<br/>", file);
		put_mermaid(file, node->detail);
	}
	if (node->host[0]) {
		fputs("<br/>@", file);
		put_mermaid(file, node->host);
	}
	fprintf(file, "\"%s\n", shapes[node->kind][1]);
}

void graph_write_mermaid(FILE *file, const struct graph *graph)
{
	char text[256];

	fputs("graph TD\n", file);
	for (size_t i = 0; i < graph->node_count; i++)
		put_mermaid_node(file, graph, i);
	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];

		fprintf(file, "  n%u %s", edge->from, edge->down ? "-.-" : "---");
		if (*graph_edge_text(edge, text, sizeof(text))) {
			fputs("|\"", file);
			put_mermaid(file, text);
			fputs("\"|", file);
		}
		fprintf(file, " n%u\n", edge->to);
	}
}
