// SPDX-License-Identifier: BSD-3-Clause
//
// attach: one function for each program that runs virtual machines.
//
// What all of them must do is to share the guest's memory, since we read and write it where it lies. QEMU's memory
// is a memfd that the whole machine uses; it does for one NUMA node, which is what a small machine has.

#include "cli/attach.h"

#include "base/fail.h"
#include "cli/xml.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_TEXT_SIZE = 512, ID_SIZE = 80, RECONNECT_SECONDS = 1, MTU_USUAL = 1500 };

struct words {
	char *text;
	size_t used;
};

static void vadd(struct words *words, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void extend(struct words *words, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

// What does not fit is cut; the room is several times what the longest of all values can take.
static void vadd(struct words *words, const char *format, va_list args)
{
	size_t room = ATTACH_TEXT - words->used - 1;
	int len = vsnprintf(words->text + words->used, room, format, args);

	words->used += (size_t)len < room ? (size_t)len + 1 : room;
	words->text[words->used] = '\0';
}

static void add(struct words *words, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vadd(words, format, args);
	va_end(args);
}

// Goes on with the last word.
static void extend(struct words *words, const char *format, ...)
{
	va_list args;

	words->used -= words->used > 0;
	va_start(args, format);
	vadd(words, format, args);
	va_end(args);
}

// QEMU's lists of options double a comma that is part of a value.
static const char *option_value(const char *text, char buf[static VALUE_TEXT_SIZE])
{
	size_t used = 0;

	for (; *text && used + 3 < VALUE_TEXT_SIZE; text++) {
		if (*text == ',')
			buf[used++] = ',';
		buf[used++] = *text;
	}
	buf[used] = '\0';
	return buf;
}

// QEMU's ids have letters, digits and few signs, and begin with a letter.
static const char *id_of(const char *name, char buf[static ID_SIZE])
{
	snprintf(buf, ID_SIZE, "weft-%s", name);
	for (char *c = buf; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			*c = '_';
	return buf;
}

static int qemu_words(const struct attach *attach, char text[static ATTACH_TEXT], struct fail *fail)
{
	struct words words = {.text = text};
	char path[VALUE_TEXT_SIZE], id[ID_SIZE], mac[64] = "", queues[64] = "";

	id_of(attach->name, id);
	if (attach->mac[0])
		snprintf(mac, sizeof(mac), ",mac=%s", attach->mac);
	// One interrupt for each ring, one for changes of the configuration, one for the control queue.
	if (attach->tcg)
		snprintf(queues, sizeof(queues), "%s,vectors=0", attach->pairs > 1 ? ",mq=on" : "");
	else if (attach->pairs > 1)
		snprintf(queues, sizeof(queues), ",mq=on,vectors=%u", 2 * attach->pairs + 2);
	add(&words, "-m");
	add(&words, "%s", attach->memory);
	add(&words, "-object");
	add(&words, "memory-backend-memfd,id=weft-memory,size=%s,share=on", attach->memory);
	add(&words, "-machine");
	add(&words, "memory-backend=weft-memory");
	add(&words, "-chardev");
	if (attach->weft_listens)
		add(&words, "socket,id=%s,path=%s,reconnect=%d", id,
		    option_value(attach->socket, path), RECONNECT_SECONDS);
	else
		add(&words, "socket,id=%s,path=%s,server=on,wait=off", id,
		    option_value(attach->socket, path));
	add(&words, "-netdev");
	add(&words, "vhost-user,id=%s,chardev=%s,queues=%u", id, id, attach->pairs);
	add(&words, "-device");
	add(&words, "virtio-net-pci,netdev=%s%s,host_mtu=%u%s", id, mac, attach->mtu, queues);
	return 0;
}

static int cloud_hypervisor_words(const struct attach *attach, char text[static ATTACH_TEXT],
                                  struct fail *fail)
{
	struct words words = {.text = text};
	char mac[64] = "";

	// There is no way to write such a value for it.
	if (strpbrk(attach->socket, ",\""))
		return fail_set(fail, -EOPNOTSUPP,
		                "Cloud Hypervisor cannot read the path %s, for its comma or quote",
		                attach->socket);
	if (attach->mac[0])
		snprintf(mac, sizeof(mac), "mac=%s,", attach->mac);
	add(&words, "--memory");
	add(&words, "size=%s,shared=on", attach->memory);
	add(&words, "--net");
	add(&words, "%svhost_user=true,socket=%s,num_queues=%u,vhost_mode=%s", mac, attach->socket,
	    2 * attach->pairs, attach->weft_listens ? "client" : "server");
	return 0;
}

static int uml_words(const struct attach *attach, char text[static ATTACH_TEXT], struct fail *fail)
{
	struct words words = {.text = text};

	if (!attach->weft_listens) {
		fail_set(fail, -EOPNOTSUPP,
		         "User-Mode Linux does not listen at %s, and port '%s' waits for it to",
		         attach->socket, attach->name);
		fail_hint(fail, "weft port set %s --vhost-server", attach->name);
		return -EOPNOTSUPP;
	}
	// It hands what is offered to its driver as it is, which then asks for more than it can have.
	if (attach->port_pairs != 1) {
		fail_set(fail, -EOPNOTSUPP,
		         "User-Mode Linux has one pair of queues, and port '%s' offers %u",
		         attach->name, attach->port_pairs);
		fail_hint(fail, "weft port set %s --queues 1", attach->name);
		return -EOPNOTSUPP;
	}
	if (strpbrk(attach->socket, ": "))
		return fail_set(fail, -EOPNOTSUPP,
		                "User-Mode Linux cannot read the path %s, for its colon or space",
		                attach->socket);
	add(&words, "mem=%s", attach->memory);
	add(&words, "virtio_uml.device=%s:1", attach->socket);
	return 0;
}

static const char *xml_value(const char *text, char buf[static VALUE_TEXT_SIZE])
{
	size_t used = 0;

	for (; *text && used + 8 < VALUE_TEXT_SIZE; text++) {
		const char *entity = xml_entity(*text);

		if (entity)
			used += (size_t)sprintf(buf + used, "%s", entity);
		else
			buf[used++] = *text;
	}
	buf[used] = '\0';
	return buf;
}

// The name of a device that a person chose begins with "ua-", and has no dots.
static const char *alias_of(const char *name, char buf[static ID_SIZE])
{
	snprintf(buf, ID_SIZE, "ua-weft-%s", name);
	for (char *c = buf; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_", *c))
			*c = '_';
	return buf;
}

// Properties of QEMU's device that libvirt has no words for.
static void add_override(struct words *words, const struct attach *attach, const char *alias)
{
	add(words,
	    "<qemu:override xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	    "  <qemu:device alias='%s'>\n    <qemu:frontend>\n",
	    alias);
	if (attach->mtu != MTU_USUAL)
		extend(words, "      <qemu:property name='host_mtu' type='unsigned' value='%u'/>\n",
		       attach->mtu);
	if (attach->tcg)
		extend(words, "      <qemu:property name='vectors' type='unsigned' value='0'/>\n");
	extend(words, "    </qemu:frontend>\n  </qemu:device>\n</qemu:override>\n");
}

static int libvirt_words(const struct attach *attach, char text[static ATTACH_TEXT],
                         struct fail *fail)
{
	struct words words = {.text = text};
	char path[VALUE_TEXT_SIZE], mac[80] = "", source[VALUE_TEXT_SIZE + 240], queues[48] = "",
				    alias[ID_SIZE] = "";
	// libvirt 9 refuses <mtu> here, for want of an interface of its own to set it at.
	bool overrides = attach->mtu != MTU_USUAL || attach->tcg;

	xml_value(attach->socket, path);
	if (attach->mac[0])
		snprintf(mac, sizeof(mac), "  <mac address='%s'/>\n", attach->mac);
	if (attach->weft_listens)
		snprintf(source, sizeof(source),
		         "  <source type='unix' path='%s' mode='client'>\n"
		         "    <reconnect enabled='yes' timeout='%d'/>\n"
		         "  </source>\n",
		         path, RECONNECT_SECONDS);
	else
		snprintf(
			source, sizeof(source),
			"  <!-- the user that QEMU runs as makes this socket, and must be able to -->\n"
			"  <source type='unix' path='%s' mode='server'/>\n",
			path);
	if (attach->pairs > 1)
		snprintf(queues, sizeof(queues), "  <driver queues='%u'/>\n", attach->pairs);
	add(&words, "<interface type='vhostuser'>\n%s%s  <model type='virtio'/>\n%s", mac, source,
	    queues);
	if (overrides)
		extend(&words, "  <alias name='%s'/>\n", alias_of(attach->name, alias));
	extend(&words, "</interface>\n");
	add(&words, "<memoryBacking>\n  <source type='memfd'/>\n  <access mode='shared'/>\n"
	            "</memoryBacking>\n");
	if (overrides)
		add_override(&words, attach, alias);
	return 0;
}

const struct attach_kind attach_kinds[] = {
	{"qemu", qemu_words, false},
	{"libvirt", libvirt_words, true},
	{"cloud-hypervisor", cloud_hypervisor_words, false},
	{"uml", uml_words, false},
	{0},
};

bool attach_is_memory(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 8 && text[0] != '0' && strlen(text) == digits + 1 &&
	       strchr("MG", text[digits]);
}
