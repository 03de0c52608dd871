// SPDX-License-Identifier: BSD-3-Clause
//
// test_attach: the words that virtual machines are told, whatever is in the path.

#include "cli/attach.h"

#include "base/fail.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct attach web = {
	.name = "web",
	.socket = "/run/weft/web.vu",
	.mac = "02:00:00:00:00:07",
	.pairs = 4,
	.port_pairs = 4,
	.mtu = 9000,
	.memory = "2G",
};

// The words of one kind with bars between them.
static int words(const char *kind, const struct attach *attach, char line[static ATTACH_TEXT],
                 struct fail *fail)
{
	const struct attach_kind *at = attach_kinds;
	char text[ATTACH_TEXT];
	int code;

	while (at->name && strcmp(at->name, kind) != 0)
		at++;
	assert_non_null(at->name);
	code = at->words(attach, text, fail);
	line[0] = '\0';
	for (const char *word = text; code == 0 && *word; word += strlen(word) + 1)
		snprintf(line + strlen(line), ATTACH_TEXT - strlen(line), "%s|", word);
	return code;
}

static void expect(const char *kind, const struct attach *attach, const char *wanted)
{
	char line[ATTACH_TEXT];
	struct fail fail = {0};

	assert_int_equal(words(kind, attach, line, &fail), 0);
	assert_string_equal(line, wanted);
}

static void test_qemu(void **state)
{
	struct attach attach = web;

	expect("qemu", &attach,
	       "-m|2G|-object|memory-backend-memfd,id=weft-memory,size=2G,share=on|"
	       "-machine|memory-backend=weft-memory|"
	       "-chardev|socket,id=weft-web,path=/run/weft/web.vu,server=on,wait=off|"
	       "-netdev|vhost-user,id=weft-web,chardev=weft-web,queues=4|"
	       "-device|virtio-net-pci,netdev=weft-web,mac=02:00:00:00:00:07,host_mtu=9000,mq=on,"
	       "vectors=10|");
	attach.weft_listens = true;
	attach.pairs = 1;
	attach.mac = "";
	attach.name = "a b";
	attach.socket = "/run/a,b.vu";
	expect("qemu", &attach,
	       "-m|2G|-object|memory-backend-memfd,id=weft-memory,size=2G,share=on|"
	       "-machine|memory-backend=weft-memory|"
	       "-chardev|socket,id=weft-a_b,path=/run/a,,b.vu,reconnect=1|"
	       "-netdev|vhost-user,id=weft-a_b,chardev=weft-a_b,queues=1|"
	       "-device|virtio-net-pci,netdev=weft-a_b,host_mtu=9000|");
	attach.tcg = true;
	attach.pairs = 2;
	attach.socket = "/s";
	attach.name = "t";
	expect("qemu", &attach,
	       "-m|2G|-object|memory-backend-memfd,id=weft-memory,size=2G,share=on|"
	       "-machine|memory-backend=weft-memory|-chardev|socket,id=weft-t,path=/s,reconnect=1|"
	       "-netdev|vhost-user,id=weft-t,chardev=weft-t,queues=2|"
	       "-device|virtio-net-pci,netdev=weft-t,host_mtu=9000,mq=on,vectors=0|");
}

static void test_libvirt(void **state)
{
	struct attach attach = web;

	expect("libvirt", &attach,
	       "<interface type='vhostuser'>\n  <mac address='02:00:00:00:00:07'/>\n"
	       "  <!-- the user that QEMU runs as makes this socket, and must be able to -->\n"
	       "  <source type='unix' path='/run/weft/web.vu' mode='server'/>\n"
	       "  <model type='virtio'/>\n  <driver queues='4'/>\n  <alias name='ua-weft-web'/>\n"
	       "</interface>\n|"
	       "<memoryBacking>\n  <source type='memfd'/>\n  <access mode='shared'/>\n"
	       "</memoryBacking>\n|"
	       "<qemu:override xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	       "  <qemu:device alias='ua-weft-web'>\n    <qemu:frontend>\n"
	       "      <qemu:property name='host_mtu' type='unsigned' value='9000'/>\n"
	       "    </qemu:frontend>\n  </qemu:device>\n</qemu:override>\n|");
	attach.weft_listens = true;
	attach.pairs = 1;
	attach.mtu = 1500;
	attach.socket = "/run/<'&'>.vu";
	expect("libvirt", &attach,
	       "<interface type='vhostuser'>\n  <mac address='02:00:00:00:00:07'/>\n"
	       "  <source type='unix' path='/run/&lt;&apos;&amp;&apos;&gt;.vu' mode='client'>\n"
	       "    <reconnect enabled='yes' timeout='1'/>\n  </source>\n"
	       "  <model type='virtio'/>\n</interface>\n|"
	       "<memoryBacking>\n  <source type='memfd'/>\n  <access mode='shared'/>\n"
	       "</memoryBacking>\n|");
	attach.tcg = true;
	attach.name = "a.b";
	attach.socket = "/s";
	attach.mac = "";
	expect("libvirt", &attach,
	       "<interface type='vhostuser'>\n"
	       "  <source type='unix' path='/s' mode='client'>\n"
	       "    <reconnect enabled='yes' timeout='1'/>\n  </source>\n"
	       "  <model type='virtio'/>\n  <alias name='ua-weft-a_b'/>\n</interface>\n|"
	       "<memoryBacking>\n  <source type='memfd'/>\n  <access mode='shared'/>\n"
	       "</memoryBacking>\n|"
	       "<qemu:override xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	       "  <qemu:device alias='ua-weft-a_b'>\n    <qemu:frontend>\n"
	       "      <qemu:property name='vectors' type='unsigned' value='0'/>\n"
	       "    </qemu:frontend>\n  </qemu:device>\n</qemu:override>\n|");
}

static void test_others(void **state)
{
	struct attach attach = web;
	char line[ATTACH_TEXT];
	struct fail fail = {0};

	expect("cloud-hypervisor", &attach,
	       "--memory|size=2G,shared=on|--net|mac=02:00:00:00:00:07,vhost_user=true,"
	       "socket=/run/weft/web.vu,num_queues=8,vhost_mode=server|");
	// It only connects.
	assert_int_equal(words("uml", &attach, line, &fail), -EOPNOTSUPP);
	assert_non_null(strstr(fail.what, "port 'web'"));
	assert_string_equal(fail.hint, "weft port set web --vhost-server");
	attach.weft_listens = true;
	assert_int_equal(words("uml", &attach, line, &fail), -EOPNOTSUPP);
	assert_string_equal(fail.hint, "weft port set web --queues 1");
	attach.port_pairs = 1;
	expect("uml", &attach, "mem=2G|virtio_uml.device=/run/weft/web.vu:1|");
	attach.socket = "/a,b:c";
	assert_int_equal(words("cloud-hypervisor", &attach, line, &fail), -EOPNOTSUPP);
	assert_int_equal(words("uml", &attach, line, &fail), -EOPNOTSUPP);
}

// The longest of everything fits.
static void test_room(void **state)
{
	struct attach attach = web;
	char name[64], path[108], line[ATTACH_TEXT];
	struct fail fail = {0};

	memset(name, 'n', sizeof(name));
	memset(path, ',', sizeof(path));
	name[63] = path[107] = '\0';
	path[0] = '/';
	attach.name = name;
	attach.socket = path;
	assert_int_equal(words("qemu", &attach, line, &fail), 0);
	assert_non_null(strstr(line, ",vectors=10|"));
	memset(path + 1, '\'', 106);
	assert_int_equal(words("libvirt", &attach, line, &fail), 0);
	assert_non_null(strstr(line, "&apos;' mode='server'/>"));
	assert_non_null(strstr(line, "</memoryBacking>\n|"));
}

static void test_memory(void **state)
{
	assert_true(attach_is_memory("1G"));
	assert_true(attach_is_memory("512M"));
	assert_false(attach_is_memory(""));
	assert_false(attach_is_memory("G"));
	assert_false(attach_is_memory("512"));
	assert_false(attach_is_memory("0G"));
	assert_false(attach_is_memory("1G,share=off"));
	assert_false(attach_is_memory("99999999G"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qemu),   cmocka_unit_test(test_libvirt),
		cmocka_unit_test(test_others), cmocka_unit_test(test_room),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
