// SPDX-License-Identifier: BSD-3-Clause
//
// test_graph: each way of drawing says what there is, and no name leads it astray.

#include "cli/graph.h"

#include "tests/unit/unit.h"

#define HOSTILE "a\"b<c>&\\\n\x1b#;`|]"

static char *draw(void (*write)(FILE *file, const struct graph *graph), const struct graph *graph)
{
	char *text;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	write(file, graph);
	fclose(file);
	return text;
}

static void expect(void (*write)(FILE *file, const struct graph *graph), const struct graph *graph,
                   const char *expected)
{
	char *text = draw(write, graph);

	assert_string_equal(text, expected);
	free(text);
}

enum { LAN, RED, GW, H1, H2, TRUNK };

// h1 and h2 with a wire between them; a trunk in both nets.
static int set_up(void **user)
{
	static struct graph graph;
	int edge;

	graph = (struct graph){.title = "lab1"};
	assert_int_equal(graph_add_node(&graph, GRAPH_NET, "lan", "10.1.0.0/24 nat"), LAN);
	assert_int_equal(graph_add_node(&graph, GRAPH_NET, "red", "VLAN 10"), RED);
	assert_int_equal(graph_add_node(&graph, GRAPH_ROUTER, "gw", ""), GW);
	assert_int_equal(graph_add_node(&graph, GRAPH_GUEST, "h1", "10.1.0.2"), H1);
	assert_int_equal(graph_add_node(&graph, GRAPH_GUEST, "h2", ""), H2);
	assert_int_equal(graph_add_node(&graph, GRAPH_PORT, "up", "netdev"), TRUNK);
	snprintf(graph.nodes[H2].host, sizeof(graph.nodes[H2].host), "b");
	// Whichever way round, the upper one is first.
	graph_add_edge(&graph, LAN, GW, "");
	edge = graph_add_edge(&graph, LAN, H1, "");
	graph.edges[edge].has_rates = true;
	graph.edges[edge].rx_bps = 999;
	graph.edges[edge].tx_bps = 1234567;
	graph_add_edge(&graph, LAN, TRUNK, "untagged");
	edge = graph_add_edge(&graph, RED, TRUNK, "tag 10");
	graph.edges[edge].down = true;
	graph_add_edge(&graph, H1, H2, "w1");
	*user = &graph;
	return 0;
}

static int tear_down(void **user)
{
	graph_fini(*user);
	return 0;
}

static void tree_for_the_terminal(void **user)
{
	expect(graph_write_ascii, *user,
	       "red  VLAN 10\n"
	       "`-- up (port)  netdev  [tag 10]  DOWN\n"
	       "gw (router)\n"
	       "`-- lan  10.1.0.0/24 nat\n"
	       "    |-- h1  10.1.0.2  [in 999 out 1.2M]\n"
	       "    `-- up (port)  netdev  [untagged]\n"
	       "wires:\n"
	       "    h1 --- h2  [w1]\n");
}

static void dot_for_graphviz(void **user)
{
	expect(graph_write_dot, *user,
	       "graph \"lab1\" {\n"
	       "\tnode [fontname=\"sans-serif\"];\n"
	       "\tedge [fontname=\"sans-serif\", fontsize=10];\n"
	       "\tn0 [shape=ellipse, label=\"lan\\n10.1.0.0/24 nat\"];\n"
	       "\tn1 [shape=ellipse, label=\"red\\nVLAN 10\"];\n"
	       "\tn2 [shape=diamond, label=\"gw\"];\n"
	       "\tn3 [shape=box, label=\"h1\\n10.1.0.2\"];\n"
	       "\tn5 [shape=cds, label=\"up\\nnetdev\"];\n"
	       "\tsubgraph cluster_4 {\n"
	       "\tlabel=\"b\";\n"
	       "\tn4 [shape=box, label=\"h2\"];\n"
	       "\t}\n"
	       "\tn2 -- n0 [label=\"\"];\n"
	       "\tn0 -- n3 [label=\"in 999 out 1.2M\"];\n"
	       "\tn0 -- n5 [label=\"untagged\"];\n"
	       "\tn1 -- n5 [label=\"tag 10\", style=dashed];\n"
	       "\tn3 -- n4 [label=\"w1\"];\n"
	       "}\n");
}

static void mermaid_for_markdown(void **user)
{
	expect(graph_write_mermaid, *user,
	       "graph TD\n"
	       "  n0([\"lan<br/>10.1.0.0/24 nat\"])\n"
	       "  n1([\"red<br/>VLAN 10\"])\n"
	       "  n2{{\"gw\"}}\n"
	       "  n3[\"h1<br/>10.1.0.2\"]\n"
	       "  n4[\"h2<br/>@b\"]\n"
	       "  n5>\"up<br/>netdev\"]\n"
	       "  n2 --- n0\n"
	       "  n0 ---|\"in 999 out 1.2M\"| n3\n"
	       "  n0 ---|\"untagged\"| n5\n"
	       "  n1 -.-|\"tag 10\"| n5\n"
	       "  n3 ---|\"w1\"| n4\n");
}

static unsigned count(const char *text, const char *what)
{
	unsigned found = 0;

	while ((text = strstr(text, what))) {
		found++;
		text++;
	}
	return found;
}

static void svg_has_every_name_once(void **user)
{
	char *text = draw(graph_write_svg, *user);

	assert_int_equal(count(text, ">lan<"), 1);
	assert_int_equal(count(text, ">gw<"), 1);
	assert_int_equal(count(text, ">h1<"), 1);
	assert_int_equal(count(text, ">@b<"), 1);
	assert_int_equal(count(text, ">in 999 out 1.2M<"), 1);
	assert_int_equal(count(text, ">tag 10<"), 1);
	assert_int_equal(count(text, "class=\"wire\""), 1);
	assert_int_equal(count(text, "class=\"edge down\""), 1);
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	free(text);
}

// What would end a quote, a tag or a line in each of them.
static void hostile_names_stay_names(void **user)
{
	struct graph graph = {.title = HOSTILE};
	char *text;

	graph_add_node(&graph, GRAPH_NET, HOSTILE, HOSTILE);
	graph_add_node(&graph, GRAPH_GUEST, HOSTILE, HOSTILE);
	graph_add_edge(&graph, 0, 1, HOSTILE);
	snprintf(graph.nodes[1].host, sizeof(graph.nodes[1].host), HOSTILE);

	text = draw(graph_write_dot, &graph);
	assert_int_equal(count(text, "a\\\"b<c>&\\\\??#;`|]"), 7);
	free(text);
	text = draw(graph_write_mermaid, &graph);
	assert_int_equal(count(text, "a#34;b#60;c#62;#38;#92;??#35;#59;#96;#124;#93;"), 6);
	free(text);
	text = draw(graph_write_svg, &graph);
	assert_int_equal(count(text, "a&quot;b&lt;c&gt;&amp;\\??#;`|]"), 7);
	assert_null(strstr(text, "<c>"));
	assert_null(strchr(text, '\x1b'));
	free(text);
	text = draw(graph_write_ascii, &graph);
	assert_null(strchr(text, '\x1b'));
	assert_int_equal(count(text, "\n"), 2);
	free(text);
	graph_fini(&graph);
}

static void nothing_and_much_are_drawn(void **user)
{
	struct graph graph = {.title = "x"};
	char name[16], *text;

	expect(graph_write_ascii, &graph, "there is nothing to draw\n");
	free(draw(graph_write_svg, &graph));
	graph_add_node(&graph, GRAPH_NET, "lan", "");
	for (unsigned i = 1; i <= 500; i++) {
		snprintf(name, sizeof(name), "h%u", i);
		graph_add_node(&graph, GRAPH_GUEST, name, "");
		graph_add_edge(&graph, i % 2 ? 0 : i - 1, i, "");
	}
	text = draw(graph_write_svg, &graph);
	assert_int_equal(count(text, "class=\"guest\""), 500);
	free(text);
	graph_fini(&graph);
}

static void rates_are_short(void **user)
{
	static const struct {
		uint64_t bps;
		const char *text;
	} cases[] = {{0, "0"},
	             {999, "999"},
	             {1000, "1.0k"},
	             {99949, "99.9k"},
	             {123456, "123k"},
	             {999600, "1.0M"},
	             {9400000000ull, "9.4G"},
	             {UINT64_MAX, "18446744T"}};
	char buf[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(graph_rate(cases[i].bps, buf), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tree_for_the_terminal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dot_for_graphviz, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mermaid_for_markdown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(svg_has_every_name_once, set_up, tear_down),
		cmocka_unit_test(hostile_names_stay_names),
		cmocka_unit_test(nothing_and_much_are_drawn),
		cmocka_unit_test(rates_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
