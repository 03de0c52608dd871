// SPDX-License-Identifier: BSD-3-Clause
//
// graph: nodes and edges out of the controller's lists.
//
// A port that a guest owns is an edge from its net to the guest; any other port is a node too. A trunk is an
// edge to the net of each VLAN that it carries. Rates are the difference of two looks at the counters.

#include "cli/graph.h"

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/clock.h"
#include "base/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BITS = 8, LISTS = 7, EFFECTS_SHOWN = 80 };

const char *graph_kind_word(enum graph_kind kind)
{
	static const char *const words[] = {"outside", "router", "net", "guest", "port"};

	return words[kind];
}

const char *graph_rate(uint64_t bps, char buf[static 16])
{
	static const char units[] = " kMGT";
	double value = (double)bps;
	unsigned unit = 0;

	while (value >= 999.5 && unit < 4) {
		value /= 1000;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, 16, "%u", (unsigned)value);
	else
		snprintf(buf, 16, value < 99.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return buf;
}

const char *graph_edge_text(const struct graph_edge *edge, char *buf, size_t size)
{
	char up[16], down[16];

	if (edge->has_rates)
		snprintf(buf, size, "%s%sin %s out %s", edge->label, edge->label[0] ? ", " : "",
		         graph_rate(edge->rx_bps, up), graph_rate(edge->tx_bps, down));
	else
		snprintf(buf, size, "%s", edge->label);
	return buf;
}

static void *grow(void *items, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 32;
	void *grown = count < *room ? items : realloc(items, more * size);

	if (grown && count == *room)
		*room = more;
	return grown;
}

int graph_add_node(struct graph *graph, enum graph_kind kind, const char *name, const char *detail)
{
	struct graph_node *nodes =
		grow(graph->nodes, graph->node_count, &graph->node_room, sizeof(*nodes));
	struct graph_node *node;

	if (!nodes)
		return -ENOMEM;
	graph->nodes = nodes;
	node = &nodes[graph->node_count];
	*node = (struct graph_node){.kind = kind};
	snprintf(node->name, sizeof(node->name), "%s", name);
	snprintf(node->detail, sizeof(node->detail), "%s", detail ? detail : "");
	return (int)graph->node_count++;
}

int graph_add_edge(struct graph *graph, unsigned from, unsigned to, const char *label)
{
	struct graph_edge *edges =
		grow(graph->edges, graph->edge_count, &graph->edge_room, sizeof(*edges));
	bool swap = graph->nodes[from].kind > graph->nodes[to].kind;

	if (!edges)
		return -ENOMEM;
	graph->edges = edges;
	edges[graph->edge_count] =
		(struct graph_edge){.from = swap ? to : from, .to = swap ? from : to};
	snprintf(edges[graph->edge_count].label, sizeof(edges[0].label), "%s", label ? label : "");
	return (int)graph->edge_count++;
}

void graph_fini(struct graph *graph)
{
	free(graph->nodes);
	free(graph->edges);
	*graph = (struct graph){0};
}

// The lists that a picture is made of.
struct lists {
	Weft__Reply *of[LISTS];
};

enum { NETS, ROUTERS, GUESTS, PORTS, LINKS, HOSTS, IMPAIRS };

static const char *const list_words[LISTS] = {
	[NETS] = "net",   [ROUTERS] = "router", [GUESTS] = "guest",   [PORTS] = "port",
	[LINKS] = "link", [HOSTS] = "host",     [IMPAIRS] = "impair",
};

// One picture under way.
struct draft {
	struct graph *graph;
	struct lists lists;
	const char *lab;
	bool many_hosts;
};

static const char *text_of(const Weft__Record *record, const char *key, char *buf, size_t size)
{
	return record_text(record, key, buf, size);
}

// Within a lab its name goes without saying.
static const char *short_name(const struct draft *draft, const char *name)
{
	size_t len = draft->lab ? strlen(draft->lab) : 0;

	return len && strncmp(name, draft->lab, len) == 0 && name[len] == '.' ? name + len + 1
	                                                                      : name;
}

static bool is_wanted(const struct draft *draft, const Weft__Record *record)
{
	char text[160];

	return !draft->lab || strcmp(text_of(record, "lab", text, sizeof(text)), draft->lab) == 0;
}

static int find_node(const struct draft *draft, enum graph_kind kind, const char *name)
{
	const struct graph *graph = draft->graph;
	const char *wanted = short_name(draft, name);

	for (size_t i = 0; i < graph->node_count; i++)
		if ((graph->nodes[i].kind == kind ||
		     (kind == GRAPH_NET && graph->nodes[i].kind == GRAPH_OUTSIDE)) &&
		    strcmp(graph->nodes[i].name, wanted) == 0)
			return (int)i;
	return -ENOENT;
}

static int add_nets(struct draft *draft)
{
	const Weft__Reply *list = draft->lists.of[NETS];
	int error = 0;

	for (size_t i = 0; i < list->n_records && error >= 0; i++) {
		const Weft__Record *net = list->records[i];
		char name[160], mode[32], subnet[64], detail[160];
		uint64_t vlan = record_number(net, "vlan");
		size_t used;

		if (!is_wanted(draft, net))
			continue;
		text_of(net, "mode", mode, sizeof(mode));
		snprintf(detail, sizeof(detail), "%s %s",
		         text_of(net, "subnet", subnet, sizeof(subnet)),
		         text_of(net, "mode", mode, sizeof(mode)));
		used = strlen(detail);
		if (vlan)
			snprintf(detail + used, sizeof(detail) - used, " VLAN %u", (unsigned)vlan);
		error = graph_add_node(
			draft->graph,
			strcmp(text_of(net, "mode", mode, sizeof(mode)), "external") == 0
				? GRAPH_OUTSIDE
				: GRAPH_NET,
			short_name(draft, text_of(net, "name", name, sizeof(name))),
			detail + (detail[0] == ' '));
	}
	return error < 0 ? error : 0;
}

static int add_router(struct draft *draft, const Weft__Record *router)
{
	const Weft__Field *nets = record_find(router, "nets");
	size_t count =
		nets && nets->value_case == WEFT__FIELD__VALUE_LIST ? nets->list->n_items : 0;
	char name[160], text[160];
	int node = -1, error = 0;

	// One that leads nowhere is not drawn, but for those that the user made.
	for (size_t i = 0; i < count && error >= 0; i++) {
		int net = find_node(draft, GRAPH_NET,
		                    field_text(nets->list->items[i], text, sizeof(text)));

		if (net < 0)
			continue;
		if (node < 0)
			node = graph_add_node(
				draft->graph, GRAPH_ROUTER,
				short_name(draft, text_of(router, "name", name, sizeof(name))), "");
		error = node < 0 ? node
		                 : graph_add_edge(draft->graph, (unsigned)node, (unsigned)net, "");
	}
	return error < 0 ? error : 0;
}

static int add_guests(struct draft *draft)
{
	const Weft__Reply *list = draft->lists.of[GUESTS];
	char name[160], ip[160], host[96];
	int node = 0;

	for (size_t i = 0; i < list->n_records && node >= 0; i++) {
		const Weft__Record *guest = list->records[i];

		if (!is_wanted(draft, guest))
			continue;
		node = graph_add_node(draft->graph, GRAPH_GUEST,
		                      short_name(draft, text_of(guest, "name", name, sizeof(name))),
		                      text_of(guest, "ip", ip, sizeof(ip)));
		if (node >= 0 && draft->many_hosts)
			snprintf(draft->graph->nodes[node].host,
			         sizeof(draft->graph->nodes[node].host), "%s",
			         short_name(draft, text_of(guest, "host", host, sizeof(host))));
	}
	return node < 0 ? node : 0;
}

static bool is_down(const Weft__Record *port)
{
	char state[32];
	const char *word = text_of(port, "state", state, sizeof(state));

	return *word && strcmp(word, "up") != 0;
}

// The guest of a port, or a node of its own.
static int end_of(struct draft *draft, const Weft__Record *port)
{
	char guest[160], name[160], detail[160], host[96];
	int node = find_node(draft, GRAPH_GUEST, text_of(port, "guest", guest, sizeof(guest)));

	if (node >= 0)
		return node;
	text_of(port, "name", name, sizeof(name));
	node = find_node(draft, GRAPH_PORT, text_of(port, "name", name, sizeof(name)));
	if (node >= 0)
		return node;
	node = graph_add_node(draft->graph, GRAPH_PORT,
	                      short_name(draft, text_of(port, "name", name, sizeof(name))),
	                      text_of(port, "attach", detail, sizeof(detail)));
	if (node < 0)
		return node;
	draft->graph->nodes[node].down = is_down(port);
	if (draft->many_hosts)
		snprintf(draft->graph->nodes[node].host, sizeof(draft->graph->nodes[node].host),
		         "%s", short_name(draft, text_of(port, "host", host, sizeof(host))));
	return node;
}

static void take_counters(struct graph_edge *edge, const Weft__Record *port)
{
	char name[160];

	edge->down = is_down(port);
	edge->rx_bytes = record_number(port, "rx_bytes");
	edge->tx_bytes = record_number(port, "tx_bytes");
	snprintf(edge->port, sizeof(edge->port), "%s", text_of(port, "name", name, sizeof(name)));
}

static int plug(struct draft *draft, const Weft__Record *port, int net, const char *label)
{
	int node = net < 0 ? 0 : end_of(draft, port);
	struct graph_edge *edge;
	char name[160];
	int index;

	if (net < 0 || node < 0)
		return node < 0 ? node : 0;
	index = graph_add_edge(draft->graph, (unsigned)net, (unsigned)node, label);
	if (index < 0)
		return index;
	edge = &draft->graph->edges[index];
	if (!*label)
		snprintf(edge->label, sizeof(edge->label), "%s",
		         text_of(port, "ip", name, sizeof(name)));
	take_counters(edge, port);
	return 0;
}

static int net_of_vlan(const struct draft *draft, uint64_t vlan)
{
	const Weft__Reply *list = draft->lists.of[NETS];
	char name[160];

	for (size_t i = 0; i < list->n_records; i++)
		if (record_number(list->records[i], "vlan") == vlan)
			return find_node(draft, GRAPH_NET,
			                 text_of(list->records[i], "name", name, sizeof(name)));
	return -ENOENT;
}

static int add_port(struct draft *draft, const Weft__Record *port)
{
	const Weft__Field *trunk = record_find(port, "trunk");
	char net[160], label[64];
	int error = 0;

	if (*text_of(port, "net", net, sizeof(net)))
		error = plug(draft, port,
		             find_node(draft, GRAPH_NET, text_of(port, "net", net, sizeof(net))),
		             "");
	if (record_number(port, "native") && error >= 0)
		error = plug(draft, port, net_of_vlan(draft, record_number(port, "native")),
		             "untagged");
	if (!trunk || trunk->value_case != WEFT__FIELD__VALUE_LIST)
		return error;
	for (size_t i = 0; i < trunk->list->n_items && error >= 0; i++) {
		uint64_t vlan = trunk->list->items[i]->number;

		snprintf(label, sizeof(label), "tag %u", (unsigned)vlan);
		error = plug(draft, port, net_of_vlan(draft, vlan), label);
	}
	return error;
}

static unsigned count_plugs(const struct graph *graph, size_t node)
{
	unsigned count = 0;

	for (size_t i = 0; i < graph->edge_count; i++)
		count += graph->edges[i].to == node;
	return count;
}

// Addresses stand at the guest that has one, and at the edges of one that has several.
static void sort_addresses(struct graph *graph)
{
	for (size_t i = 0; i < graph->edge_count; i++) {
		struct graph_edge *edge = &graph->edges[i];
		struct graph_node *node = &graph->nodes[edge->to];
		bool several = node->kind == GRAPH_GUEST && count_plugs(graph, edge->to) > 1;

		if (several)
			node->detail[0] = '\0';
		else if (edge->port[0] && strcmp(edge->label, node->detail) == 0)
			edge->label[0] = '\0';
	}
}

static const Weft__Record *find_port(const struct draft *draft, const char *name)
{
	const Weft__Reply *list = draft->lists.of[PORTS];
	char text[160];

	for (size_t i = 0; i < list->n_records; i++)
		if (strcmp(text_of(list->records[i], "name", text, sizeof(text)), name) == 0)
			return list->records[i];
	return NULL;
}

static int add_link(struct draft *draft, const Weft__Record *link)
{
	char a[160], b[160], name[160];
	const Weft__Record *one = find_port(draft, text_of(link, "a", a, sizeof(a)));
	const Weft__Record *other = find_port(draft, text_of(link, "b", b, sizeof(b)));
	int from = one && other ? end_of(draft, one) : -ENOENT;
	int to = from >= 0 ? end_of(draft, other) : -ENOENT;

	int index;
	struct graph_edge *edge;

	if (from < 0 || to < 0)
		return 0;
	index = graph_add_edge(draft->graph, (unsigned)from, (unsigned)to,
	                       short_name(draft, text_of(link, "name", name, sizeof(name))));
	if (index < 0)
		return index;
	edge = &draft->graph->edges[index];
	snprintf(edge->link, sizeof(edge->link), "%s", text_of(link, "name", name, sizeof(name)));
	take_counters(edge, one);
	return 0;
}

// "out: delay 20ms; up 10s; down 2s, step 2", at what is impaired.
static int add_impair(struct draft *draft, const Weft__Record *impair)
{
	char buf[5][512], step[24] = "";
	const char *port = text_of(impair, "port", buf[0], sizeof(buf[0]));
	const char *link = text_of(impair, "link", buf[1], sizeof(buf[1]));
	const char *way = text_of(impair, "direction", buf[2], sizeof(buf[2]));
	const char *effects = text_of(impair, "effects", buf[3], sizeof(buf[3]));
	const char *timeline = text_of(impair, "timeline", buf[4], sizeof(buf[4]));

	if (*timeline && record_find(impair, "step"))
		snprintf(step, sizeof(step), ", step %u",
		         (unsigned)record_number(impair, "step") + 1);
	for (size_t i = 0; i < draft->graph->edge_count; i++) {
		struct graph_edge *edge = &draft->graph->edges[i];
		size_t used = strlen(edge->label);

		if (*link ? strcmp(edge->link, link) != 0
		          : edge->link[0] || strcmp(edge->port, port) != 0)
			continue;
		snprintf(edge->label + used, sizeof(edge->label) - used, "%s%s: %.*s%s%.*s%s",
		         used ? ", " : "", way, EFFECTS_SHOWN, effects,
		         *effects && *timeline ? "; " : "", EFFECTS_SHOWN, timeline, step);
		break;
	}
	return 0;
}

static int add_each(struct draft *draft, unsigned list,
                    int (*add)(struct draft *draft, const Weft__Record *record))
{
	const Weft__Reply *reply = draft->lists.of[list];
	int error = 0;

	for (size_t i = 0; i < reply->n_records && error >= 0; i++)
		if (list == ROUTERS || list == IMPAIRS || is_wanted(draft, reply->records[i]))
			error = add(draft, reply->records[i]);
	return error;
}

static int draw(struct draft *draft)
{
	int error = add_nets(draft);

	draft->many_hosts = draft->lists.of[HOSTS]->n_records > 1;
	if (error >= 0)
		error = add_each(draft, ROUTERS, add_router);
	if (error >= 0)
		error = add_guests(draft);
	if (error >= 0)
		error = add_each(draft, PORTS, add_port);
	if (error >= 0)
		sort_addresses(draft->graph);
	if (error >= 0)
		error = add_each(draft, LINKS, add_link);
	if (error >= 0)
		error = add_each(draft, IMPAIRS, add_impair);
	return error;
}

// Looks at the counters once more.
static int measure(const struct invocation *call, struct graph *graph, uint32_t ms)
{
	struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	struct ask_list list = {.what = "port"};
	uint64_t began = clock_now(), ns;
	Weft__Reply *reply;
	char name[160];
	int code;

	nanosleep(&wait, NULL);
	code = ask_list(call, &list, &reply);
	if (code != EXIT_OK)
		return code;
	ns = clock_now() - began;
	for (size_t i = 0; i < reply->n_records; i++) {
		const Weft__Record *port = reply->records[i];
		uint64_t rx = record_number(port, "rx_bytes"), tx = record_number(port, "tx_bytes");

		text_of(port, "name", name, sizeof(name));
		for (size_t j = 0; j < graph->edge_count; j++) {
			struct graph_edge *edge = &graph->edges[j];

			if (!edge->port[0] ||
			    strcmp(edge->port, text_of(port, "name", name, sizeof(name))) != 0 ||
			    rx < edge->rx_bytes || tx < edge->tx_bytes)
				continue;
			edge->has_rates = true;
			edge->rx_bps = (uint64_t)((double)(rx - edge->rx_bytes) * BITS *
			                          (double)NSEC_PER_SEC / (double)ns);
			edge->tx_bps = (uint64_t)((double)(tx - edge->tx_bytes) * BITS *
			                          (double)NSEC_PER_SEC / (double)ns);
		}
	}
	client_reply_free(reply);
	return EXIT_OK;
}

static int compare_names(const void *a, const void *b)
{
	char left[160], right[160];

	return strverscmp(record_text(*(Weft__Record *const *)a, "name", left, sizeof(left)),
	                  record_text(*(Weft__Record *const *)b, "name", right, sizeof(right)));
}

// As a person counts: h2 before h10.
static void sort(Weft__Reply *list)
{
	if (list->n_records)
		qsort(list->records, list->n_records, sizeof(list->records[0]), compare_names);
}

int graph_load(const struct invocation *call, const char *lab, uint32_t measure_ms,
               struct graph *ret)
{
	struct draft draft = {.graph = ret, .lab = lab};
	int code = EXIT_OK;

	*ret = (struct graph){0};
	snprintf(ret->title, sizeof(ret->title), "%s", lab ? lab : "weft");
	if (lab) {
		struct ask_list list = {.what = "lab", .name = lab};
		Weft__Reply *reply;

		code = ask_list(call, &list, &reply);
		if (code == EXIT_OK)
			client_reply_free(reply);
	}
	for (unsigned i = 0; i < LISTS && code == EXIT_OK; i++) {
		struct ask_list list = {.what = list_words[i]};

		code = ask_list(call, &list, &draft.lists.of[i]);
		if (code == EXIT_OK)
			sort(draft.lists.of[i]);
	}
	if (code == EXIT_OK && draw(&draft) < 0) {
		struct fail fail = {0};

		fail_set(&fail, -ENOMEM, "out of memory for the graph");
		output_fail(call, &fail);
		code = EXIT_ERROR;
	}
	for (unsigned i = 0; i < LISTS; i++)
		client_reply_free(draft.lists.of[i]);
	return code == EXIT_OK && measure_ms ? measure(call, ret, measure_ms) : code;
}
