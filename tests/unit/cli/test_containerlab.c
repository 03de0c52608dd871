// SPDX-License-Identifier: BSD-3-Clause
//
// test_containerlab: what of a containerlab file is mapped to what, and that the rest is named.

#include "base/fail.h"
#include "cli/containerlab.h"
#include "cli/topology.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int import_text(const char *text, char **ret, unsigned *unmapped, struct fail *fail)
{
	char path[] = "/tmp/test_containerlab.XXXXXX";
	int fd = mkstemp(path), err;
	size_t len;
	FILE *out = open_memstream(ret, &len);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	err = containerlab_import(path, out, unmapped, fail);
	fclose(out);
	unlink(path);
	return err;
}

static void test_maps(void **state)
{
	struct topology topology;
	struct fail fail = {0};
	unsigned unmapped = 0;
	char *text = NULL;

	assert_int_equal(
		import_text(
			"name: my lab\n"
			"mgmt: {network: x}\n"
			"topology:\n"
			"  defaults: {kind: linux}\n"
			"  groups: {leaf: {image: alpine}}\n"
			"  nodes:\n"
			"    n1: {group: leaf, image: alpine, exec: [ip link set eth1 up, \"echo 'a: b'\"]}\n"
			"    n2: {}\n"
			"    srl: {kind: nokia_srlinux}\n"
			"    br0: {kind: bridge}\n"
			"  links:\n"
			"    - endpoints: [\"n1:eth1\", \"n2:eth1\"]\n"
			"      mtu: 1400\n"
			"    - endpoints: [\"n2:eth2\", \"br0:p1\"]\n"
			"    - endpoints: [\"n1:eth9\", \"srl:e1-1\"]\n"
			"    - {type: veth, endpoints: [{node: n1, interface: eth3}, {node: n2, "
			"interface: eth3}]}\n"
			"    - {type: macvlan, endpoint: {node: n1}}\n",
			&text, &unmapped, &fail),
		0);
	assert_int_equal(unmapped, 7);
	assert_non_null(strstr(text, "# not mapped, line 5: groups: "));
	assert_non_null(strstr(text, "# not mapped, line 7: node n1: group"));
	assert_non_null(strstr(text, "# not mapped, line 2: mgmt"));
	assert_non_null(strstr(text, "node n1: image"));
	assert_non_null(strstr(text, "node srl: its kind nokia_srlinux"));
	assert_non_null(strstr(text, "link 3: its end srl:e1-1"));
	assert_non_null(strstr(text, "link 5: its type macvlan"));
	// What comes out is a topology file.
	if (topology_parse("i.yaml", text, strlen(text), &topology, &fail) < 0)
		fail_msg("%s\n%s", fail.what, text);
	assert_string_equal(topology.lab, "my-lab");
	assert_non_null(strstr(text, "l1: {a: \"n1:eth1\", b: \"n2:eth1\", mtu: 1400}"));
	assert_non_null(strstr(text, "l4: {a: \"n1:eth3\", b: \"n2:eth3\"}"));
	assert_non_null(strstr(text, "eth2: {net: br0, ip: none}"));
	assert_non_null(strstr(text, "- \"echo 'a: b'\""));
	topology_fini(&topology);
	free(text);
}

static void refused(const char *text, const char *words)
{
	struct fail fail = {0};
	unsigned unmapped;
	char *out = NULL;

	assert_int_equal(import_text(text, &out, &unmapped, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, words));
	free(out);
}

static void test_refuses(void **state)
{
	refused("", "no containerlab file");
	refused("nets: {}\n", "no containerlab file");
	refused("topology: {nodes: [a]}\n", "no containerlab file");
	refused("topology: {nodes: {a: {}}, links: {}}\n", "links must be a list");
	refused("topology: [\n", ":2:1");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
