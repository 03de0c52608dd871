// SPDX-License-Identifier: BSD-3-Clause
//
// graph_svg: a drawing in layers: the outside, routers, nets, and what is in several nets or in none.
//
// A net is a panel, and what is plugged into it alone stands inside, in a grid, with its rates; so most of what
// there is needs no line. Lines lead from routers to panels, and from panels to whatever is in several. A node
// stands below the middle of those it is joined with, as far as its neighbours leave room. Wires are curves of
// their own colour, straight between neighbours. Widths are those of a common sans-serif at the sizes used, a
// little on the wide side.

#include "cli/graph.h"

#include "base/bytes.h"
#include "cli/xml.h"

#include <stdlib.h>
#include <string.h>

enum {
	LAYERS = 4, // GRAPH_OUTSIDE to GRAPH_NET, and what stands free
	FREE = GRAPH_GUEST,
	COLUMNS = 6,       // of a panel
	PANEL_WIDTH = 760, // beyond which a panel has fewer columns
	WIDTH = 2200,      // of a layer before it is broken into rows
	GAP = 14,
	GAP_X = 28,
	GAP_Y = 64,
	MARGIN = 30,
	LINE = 14,
	BOX_LEAST = 84,
	HEADER = 46,    // of a panel
	TEXT_MOST = 32, // characters of a line in a box
	TITLE_HEIGHT = 34,
};

#define LETTER 8.0
#define SMALL_LETTER 6.2

struct place {
	double x, y, width, height; // the middle, and how large
	unsigned layer;
	int panel;        // the node that it stands in, or -1
	unsigned members; // that stand in it
	double box_width, box_height;
	double row_bottom; // of the row that it stands in
	char rates[96];    // of the one port of a member
	bool down;
	double wish; // where it would like to stand
};

struct layout {
	const struct graph *graph;
	struct place *places;
	unsigned *order; // of a layer, from left to right
	double width, height;
};

static bool is_panel(const struct graph_node *node)
{
	return node->kind == GRAPH_OUTSIDE || node->kind == GRAPH_NET;
}

static size_t cut_len(const char *text)
{
	size_t letters = 0, len = 0;

	// Bytes that carry on a character of UTF-8 take no room.
	for (; text[len]; len++) {
		letters += ((uint8_t)text[len] & 0xc0) != 0x80;
		if (letters > TEXT_MOST)
			break;
	}
	return len;
}

static double text_width(const char *text, double letter)
{
	size_t letters = 0, len = cut_len(text);

	for (size_t i = 0; i < len; i++)
		letters += ((uint8_t)text[i] & 0xc0) != 0x80;
	return (double)letters * letter;
}

static unsigned count_lines(const struct graph_node *node, const struct place *place)
{
	return 1u + (node->detail[0] != 0) + (place->rates[0] != 0) + (node->host[0] != 0);
}

static void size_box(const struct graph_node *node, struct place *place)
{
	double width = MAX(text_width(node->name, LETTER), text_width(node->detail, SMALL_LETTER));

	width = MAX(width, text_width(place->rates, SMALL_LETTER));
	width = MAX(width, text_width(node->host, SMALL_LETTER) + SMALL_LETTER);
	place->width = MAX(width + 18, (double)BOX_LEAST);
	place->height = LINE * count_lines(node, place) + 16;
}

// What is plugged into one panel and no more stands in it, unless wires hold it elsewhere.
static void find_panels(struct layout *layout)
{
	const struct graph *graph = layout->graph;

	for (size_t i = 0; i < graph->node_count; i++)
		layout->places[i].panel = -1;
	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];
		struct place *place = &layout->places[edge->to];

		if (graph->nodes[edge->to].kind < GRAPH_GUEST ||
		    !is_panel(&graph->nodes[edge->from]))
			continue;
		if (place->panel == -1)
			place->panel = (int)edge->from;
		else if (place->panel != (int)edge->from)
			place->panel = -2;
	}
	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];
		struct place *place = &layout->places[edge->to];

		if (place->panel < 0 || place->panel != (int)edge->from)
			continue;
		graph_edge_text(edge, place->rates, sizeof(place->rates));
		place->down = edge->down;
	}
}

static void size_panels(struct layout *layout)
{
	const struct graph *graph = layout->graph;

	for (size_t i = 0; i < graph->node_count; i++) {
		struct place *place = &layout->places[i], *panel;

		size_box(&graph->nodes[i], place);
		if (place->panel < 0)
			continue;
		panel = &layout->places[place->panel];
		panel->members++;
		panel->box_width = MAX(panel->box_width, place->width);
		panel->box_height = MAX(panel->box_height, place->height);
	}
}

static unsigned columns_of(const struct place *panel)
{
	unsigned columns = 1;

	while (columns < COLUMNS && columns * columns < 2 * panel->members &&
	       (columns + 1) * (panel->box_width + GAP) < PANEL_WIDTH)
		columns++;
	return MIN(columns, MAX(panel->members, 1u));
}

static void grow_panel(struct place *panel)
{
	unsigned columns = columns_of(panel), rows = (panel->members + columns - 1) / columns;

	if (!panel->members)
		return;
	panel->width = MAX(panel->width, columns * (panel->box_width + GAP) + GAP);
	panel->height = HEADER + rows * (panel->box_height + GAP);
}

// The middle of the neighbours above; without any, of those to the left.
static double find_wish(const struct layout *layout, unsigned node)
{
	const struct graph *graph = layout->graph;
	double sum = 0;
	unsigned count = 0;

	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];

		if (edge->to != node ||
		    layout->places[edge->from].layer >= layout->places[node].layer)
			continue;
		sum += layout->places[edge->from].x;
		count++;
	}
	return count ? sum / count : layout->places[node].wish;
}

static const struct layout *sorting; // One thread, one sort at a time.

static int compare_wishes(const void *a, const void *b)
{
	const struct place *left = &sorting->places[*(const unsigned *)a];
	const struct place *right = &sorting->places[*(const unsigned *)b];

	if (left->wish != right->wish)
		return left->wish < right->wish ? -1 : 1;
	return *(const unsigned *)a < *(const unsigned *)b ? -1 : 1;
}

// Puts the nodes of one row side by side, around the middle. Returns the height of the row.
static double place_row(struct layout *layout, const unsigned *nodes, unsigned count, double y)
{
	double at = 0, height = 0;

	for (unsigned i = 0; i < count; i++) {
		struct place *place = &layout->places[nodes[i]];

		place->x = at + place->width / 2;
		at += place->width + GAP_X;
		height = MAX(height, place->height);
	}
	for (unsigned i = 0; i < count; i++) {
		struct place *place = &layout->places[nodes[i]];

		place->x -= (at - GAP_X) / 2;
		place->y = y + place->height / 2;
		place->row_bottom = y + height;
	}
	return height;
}

// Follows the wires, so that what they join stands side by side.
static unsigned follow_wires(struct layout *layout, unsigned node, unsigned count, bool *seen)
{
	const struct graph *graph = layout->graph;
	unsigned first = count;

	seen[node] = true;
	layout->order[count++] = node;
	for (; first < count; first++)
		for (size_t i = 0; i < graph->edge_count; i++) {
			const struct graph_edge *edge = &graph->edges[i];
			unsigned at = layout->order[first];
			unsigned other = edge->from == at ? edge->to : edge->from;

			if ((edge->from != at && edge->to != at) || seen[other] ||
			    layout->places[other].layer != FREE || layout->places[other].panel >= 0)
				continue;
			seen[other] = true;
			layout->order[count++] = other;
		}
	return count;
}

static unsigned wire_count(const struct layout *layout, unsigned node)
{
	const struct graph *graph = layout->graph;
	unsigned count = 0;

	for (size_t i = 0; i < graph->edge_count; i++)
		count += layout->places[graph->edges[i].from].layer == FREE &&
		         (graph->edges[i].from == node || graph->edges[i].to == node);
	return count;
}

// The ends of chains first, then whatever is left.
static void order_free(struct layout *layout, unsigned count, bool *seen)
{
	unsigned *found = calloc(count + 1, sizeof(*found));
	unsigned placed = 0;

	if (!found)
		return;
	memcpy(found, layout->order, count * sizeof(*found));
	for (unsigned wires = 0; wires < 2; wires++)
		for (unsigned i = 0; i < count; i++)
			if (!seen[found[i]] && (wires || wire_count(layout, found[i]) < 2))
				placed = follow_wires(layout, found[i], placed, seen);
	free(found);
}

static double place_layer(struct layout *layout, unsigned layer, double y, bool *seen)
{
	const struct graph *graph = layout->graph;
	unsigned count = 0, at = 0;

	for (unsigned i = 0; i < graph->node_count; i++)
		if (layout->places[i].layer == layer && layout->places[i].panel < 0)
			layout->order[count++] = i;
	for (unsigned i = 0; i < count; i++)
		layout->places[layout->order[i]].wish = find_wish(layout, layout->order[i]);
	sorting = layout;
	qsort(layout->order, count, sizeof(*layout->order), compare_wishes);
	if (layer == FREE)
		order_free(layout, count, seen);
	while (at < count) {
		double width = 0;
		unsigned end = at;

		while (end < count &&
		       (end == at || width + layout->places[layout->order[end]].width < WIDTH))
			width += layout->places[layout->order[end++]].width + GAP_X;
		y += place_row(layout, layout->order + at, end - at, y) + GAP_Y;
		at = end;
	}
	return y;
}

// Members into the grids of their panels, in the order of the nodes.
static void place_members(struct layout *layout)
{
	const struct graph *graph = layout->graph;

	for (unsigned i = 0; i < graph->node_count; i++)
		layout->places[i].members = 0;
	for (unsigned i = 0; i < graph->node_count; i++) {
		struct place *place = &layout->places[i], *panel;
		unsigned columns;

		if (place->panel < 0)
			continue;
		panel = &layout->places[place->panel];
		columns = (unsigned)((panel->width - GAP) / (panel->box_width + GAP) + 0.001);
		columns = MAX(columns, 1u);
		place->width = panel->box_width;
		place->height = panel->box_height;
		place->x = panel->x - panel->width / 2 + GAP +
		           (panel->members % columns) * (panel->box_width + GAP) +
		           panel->box_width / 2;
		place->y = panel->y - panel->height / 2 + HEADER +
		           (panel->members / columns) * (panel->box_height + GAP) +
		           panel->box_height / 2;
		panel->members++;
	}
}

static void frame(struct layout *layout, double bottom)
{
	double left = 0, right = 0;

	for (unsigned i = 0; i < layout->graph->node_count; i++) {
		const struct place *place = &layout->places[i];

		left = MIN(left, place->x - place->width / 2);
		right = MAX(right, place->x + place->width / 2);
	}
	for (unsigned i = 0; i < layout->graph->node_count; i++)
		layout->places[i].x += MARGIN - left;
	layout->width = MAX(right - left + 2 * MARGIN, 200.0);
	layout->height = bottom + MARGIN;
}

static void arrange(struct layout *layout, bool *seen)
{
	const struct graph *graph = layout->graph;
	double y = MARGIN + TITLE_HEIGHT;

	find_panels(layout);
	size_panels(layout);
	for (unsigned i = 0; i < graph->node_count; i++) {
		layout->places[i].layer = MIN((unsigned)graph->nodes[i].kind, (unsigned)FREE);
		if (is_panel(&graph->nodes[i]))
			grow_panel(&layout->places[i]);
	}
	for (unsigned layer = 0; layer < LAYERS; layer++)
		y = place_layer(layout, layer, y, seen);
	place_members(layout);
	frame(layout, y - GAP_Y + 26);
}

static void put_text(FILE *file, double x, double y, const char *class, const char *text)
{
	size_t len = cut_len(text);

	fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	xml_put(file, text, len);
	fputs(text[len] ? "&#8230;</text>\n" : "</text>\n", file);
}

static void put_box(FILE *file, const struct layout *layout, unsigned at)
{
	const struct graph_node *node = &layout->graph->nodes[at];
	const struct place *place = &layout->places[at];
	double top = place->y - place->height / 2;
	double y = is_panel(node) ? top + 8 : place->y - count_lines(node, place) * LINE / 2.0 - 3;
	char host[sizeof(node->host) + 1];

	fprintf(file,
	        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\" "
	        "class=\"%s%s\"/>\n",
	        place->x - place->width / 2, top, place->width, place->height,
	        node->kind == GRAPH_ROUTER ? 14 : 6, graph_kind_word(node->kind),
	        node->down || place->down ? " down" : "");
	put_text(file, place->x, y += LINE, "name", node->name);
	if (node->detail[0])
		put_text(file, place->x, y += LINE, "detail", node->detail);
	if (place->rates[0])
		put_text(file, place->x, y += LINE, "detail", place->rates);
	if (!node->host[0])
		return;
	snprintf(host, sizeof(host), "@%s", node->host);
	put_text(file, place->x, y + LINE, "host", host);
}

// As near to above or below the other end as the box is wide.
static double clamp(double x, const struct place *place)
{
	double room = place->width / 2 - 12;

	return MAX(place->x - room, MIN(place->x + room, x));
}

// A line between layers: straight down to where its row ends, past taller neighbours, and on from there.
struct line {
	double x1, y1, bend, x2, y2;
};

static struct line line_of(const struct place *from, const struct place *to)
{
	return (struct line){
		.x1 = clamp(to->x, from),
		.y1 = from->y + from->height / 2,
		.bend = from->row_bottom,
		.x2 = clamp(clamp(to->x, from), to),
		.y2 = to->y - to->height / 2,
	};
}

static void put_wire(FILE *file, const struct place *from, const struct place *to, bool down)
{
	const struct place *left = from->x <= to->x ? from : to, *right = left == from ? to : from;
	double x1 = left->x + left->width / 2, x2 = right->x - right->width / 2;
	double low = MAX(from->y + from->height / 2, to->y + to->height / 2) + 34;

	// Neighbours in a row.
	if (from->y == to->y && x2 > x1 && x2 - x1 < GAP_X + 1)
		fprintf(file, "<path d=\"M%.1f %.1f L%.1f %.1f\" class=\"wire%s\"/>\n", x1, left->y,
		        x2, right->y, down ? " down" : "");
	else
		fprintf(file,
		        "<path d=\"M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f\" "
		        "class=\"wire%s\"/>\n",
		        from->x, from->y + from->height / 2, from->x, low, to->x, low, to->x,
		        to->y + to->height / 2, down ? " down" : "");
}

static bool is_within(const struct layout *layout, const struct graph_edge *edge)
{
	return layout->places[edge->to].panel == (int)edge->from;
}

static bool is_wire(const struct graph *graph, const struct graph_edge *edge)
{
	return graph->nodes[edge->from].kind >= GRAPH_GUEST;
}

static void put_lines(FILE *file, const struct layout *layout, bool wires)
{
	const struct graph *graph = layout->graph;

	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];
		const struct place *from = &layout->places[edge->from];
		const struct place *to = &layout->places[edge->to];
		struct line line = line_of(from, to);

		if (is_within(layout, edge) || is_wire(graph, edge) != wires)
			continue;
		if (wires)
			put_wire(file, from, to, edge->down);
		else
			fprintf(file,
			        "<path d=\"M%.1f %.1f L%.1f %.1f L%.1f %.1f\" class=\"edge%s\"/>\n",
			        line.x1, line.y1, line.x1, line.bend, line.x2, line.y2,
			        edge->down ? " down" : "");
	}
}

static void put_label(FILE *file, const struct layout *layout, size_t at)
{
	const struct graph_edge *edge = &layout->graph->edges[at];
	const struct place *from = &layout->places[edge->from], *to = &layout->places[edge->to];
	struct line line = line_of(from, to);
	char text[256];
	// Lines that end side by side have their labels at different heights.
	double share = at % 2 ? 0.36 : 0.66, width;
	double x = line.x1 + (line.x2 - line.x1) * share,
	       y = line.bend + (line.y2 - line.bend) * share;

	if (is_within(layout, edge) || !*graph_edge_text(edge, text, sizeof(text)))
		return;
	if (is_wire(layout->graph, edge)) {
		bool near = from->y == to->y && (to->x - from->x < from->width + GAP_X + 1) &&
		            (from->x - to->x < from->width + GAP_X + 1);

		x = (from->x + to->x) / 2;
		y = near ? from->y - from->height / 2 - 8
		         : MAX(from->y + from->height / 2, to->y + to->height / 2) + 26;
	}
	width = text_width(text, SMALL_LETTER) + 6;
	fprintf(file,
	        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\" class=\"ground\"/>\n",
	        x - width / 2, y - 7, width);
	put_text(file, x, y + 4, "label", text);
}

static void put_head(FILE *file, const struct layout *layout)
{
	fprintf(file,
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
	        "viewBox=\"0 0 %.0f %.0f\">\n<style>\n"
	        "text { font-family: \"DejaVu Sans\", Verdana, sans-serif; text-anchor: middle; "
	        "fill: #222 }\n"
	        ".title { font-size: 16px; font-weight: bold }\n"
	        ".name { font-size: 12px; font-weight: bold }\n"
	        ".detail, .label { font-size: 10px }\n.host { font-size: 10px; fill: #666 }\n"
	        "rect { stroke: #555; stroke-width: 1.2; fill: #fff }\n"
	        ".outside { fill: #eee }\n.router { fill: #ffe3b8 }\n.net { fill: #e3effb }\n"
	        ".guest { fill: #fff }\n.port { fill: #f3e6f7 }\n"
	        ".edge, .wire { stroke: #777; stroke-width: 1.5; fill: none }\n"
	        ".wire { stroke: #b5651d }\n"
	        ".down { stroke-dasharray: 4 3; stroke: #b22 }\n"
	        ".ground { stroke: none; fill: #fff; fill-opacity: 0.85 }\n</style>\n"
	        "<rect width=\"100%%\" height=\"100%%\" style=\"stroke: none\"/>\n",
	        layout->width, layout->height, layout->width, layout->height);
	put_text(file, layout->width / 2, MARGIN, "title", layout->graph->title);
}

static void put_all(FILE *file, const struct layout *layout)
{
	const struct graph *graph = layout->graph;

	put_head(file, layout);
	put_lines(file, layout, false);
	for (unsigned i = 0; i < graph->node_count; i++)
		if (layout->places[i].panel < 0)
			put_box(file, layout, i);
	for (unsigned i = 0; i < graph->node_count; i++)
		if (layout->places[i].panel >= 0)
			put_box(file, layout, i);
	put_lines(file, layout, true);
	for (size_t i = 0; i < graph->edge_count; i++)
		put_label(file, layout, i);
	fputs("</svg>\n", file);
}

void graph_write_svg(FILE *file, const struct graph *graph)
{
	struct layout layout = {
		.graph = graph,
		.places = calloc(graph->node_count + 1, sizeof(*layout.places)),
		.order = calloc(graph->node_count + 1, sizeof(*layout.order)),
	};
	bool *seen = calloc(graph->node_count + 1, sizeof(*seen));

	if (layout.places && layout.order && seen) {
		arrange(&layout, seen);
		put_all(file, &layout);
	}
	free(layout.places);
	free(layout.order);
	free(seen);
}
