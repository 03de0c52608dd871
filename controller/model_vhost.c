// SPDX-License-Identifier: BSD-3-Clause
//
// model_vhost: the socket is kept as the user wrote it, and placed when it is used, so that an instance which
// moves to another run directory takes its sockets along.

#include "controller/model_vhost.h"

#include "controller/scope.h"

#include <errno.h>
#include <stdio.h>
#include <sys/un.h>

enum { PATH_MOST = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, LABEL_MOST = 63 };

// What the instance itself has in its run directory.
static const char *const own_files[] = {"controller.sock", "datapath.sock", "datapath.lock",
                                        "datapath.log",    "guests",        "controller.log"};

bool model_vhost_is(const struct intent *intent)
{
	return intent && intent->noun == NOUN_PORT &&
	       intent->msg->port->attach == WEFT__ATTACH_KIND__ATTACH_VHOST;
}

// One slash between two parts, so that one place has one name.
static void drop_double_slashes(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++)
		if (*from != '/' || to == path || to[-1] != '/')
			*to++ = *from;
	*to = '\0';
}

const char *model_vhost_socket(const struct model *model, const Weft__PortIntent *port,
                               char buf[static VHOST_PATH_SIZE])
{
	const char *run_dir = model->run_dir ? model->run_dir : "/run/weft";

	if (!port->vhost_path)
		buf[0] = '\0';
	else if (strchr(port->vhost_path, '/'))
		snprintf(buf, VHOST_PATH_SIZE, "%s", port->vhost_path);
	else
		snprintf(buf, VHOST_PATH_SIZE, "%s/%s", run_dir, port->vhost_path);
	drop_double_slashes(buf);
	return buf;
}

const char *model_vhost_hostname(const struct intent *intent)
{
	const char *name = scope_short(intent->msg->lab, intent->name);
	size_t len = strlen(name);

	if (!model_vhost_is(intent) || len == 0 || len > LABEL_MOST || name[0] == '-' ||
	    name[len - 1] == '-')
		return NULL;
	for (const char *c = name; *c; c++)
		if (*c != '-' && !(*c >= '0' && *c <= '9') && !(*c >= 'a' && *c <= 'z') &&
		    !(*c >= 'A' && *c <= 'Z'))
			return NULL;
	return name;
}

static int refuse_path(const struct intent *intent, struct refusal *refusal, int code,
                       const char *what, const char *path, const char *hint)
{
	refuse(refusal, code, intent->key, "vhost_path", "%s: '%.120s' %s", intent->key, path,
	       what);
	fail_hint(&refusal->fail, "%s", hint);
	return code;
}

static int check_path(const struct model *model, const struct intent *intent,
                      struct refusal *refusal)
{
	const char *given = intent->msg->port->vhost_path, *name;
	char path[VHOST_PATH_SIZE];
	size_t len;

	if (!given || !given[0]) {
		refuse(refusal, -EINVAL, intent->key, "vhost_path",
		       "%s: it must say by which socket its virtual machine plugs in", intent->key);
		fail_hint(&refusal->fail, "say --vhost %s.vu", intent->name);
		return -EINVAL;
	}
	for (const char *c = given; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			return refuse(refusal, -EINVAL, intent->key, "vhost_path",
			              "%s: the path of its socket has a control character",
			              intent->key);
	if (given[0] != '/' && strchr(given, '/'))
		return refuse_path(intent, refusal, -EINVAL,
		                   "is neither a name nor a path from the root", given,
		                   "a name without a slash lies in the run directory; write any "
		                   "other place from the root");
	model_vhost_socket(model, intent->msg->port, path);
	len = strlen(path);
	name = strrchr(path, '/') + 1;
	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return refuse_path(intent, refusal, -EISDIR, "names a directory, not a socket",
		                   given, "give the socket a name in it");
	if (len > PATH_MOST) {
		refuse(refusal, -ENAMETOOLONG, intent->key, "vhost_path",
		       "%s: the path of its socket, '%.60s...', has more than the %d bytes that a "
		       "socket's name can have",
		       intent->key, path, PATH_MOST);
		fail_hint(&refusal->fail, "a shorter one: --vhost %s.vu lies in %s", intent->name,
		          model->run_dir ? model->run_dir : "/run/weft");
		return -ENAMETOOLONG;
	}
	for (size_t i = 0; i < sizeof(own_files) / sizeof(own_files[0]); i++)
		if (!strchr(given, '/') && strcmp(name, own_files[i]) == 0)
			return refuse_path(intent, refusal, -EEXIST,
			                   "is a name that the instance itself needs", given,
			                   "take another name");
	return 0;
}

static int refuse_field(const struct intent *intent, struct refusal *refusal, const char *field,
                        const char *what)
{
	refuse(refusal, -EINVAL, intent->key, field, "%s: a port of a virtual machine has no %s",
	       intent->key, what);
	fail_hint(&refusal->fail,
	          "to have a port of another kind, delete this one and add it anew");
	return -EINVAL;
}

static int check_mtu(const struct model *model, const struct intent *intent,
                     struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;
	const struct intent *net = port->net ? model_get(model, NOUN_NET, port->net) : NULL;

	if (port->has_mtu && port->mtu > VHOST_MTU_MOST)
		return refuse(refusal, -EINVAL, intent->key, "mtu",
		              "%s: the MTU %u is more than %d, the largest of a port with --vhost",
		              intent->key, port->mtu, VHOST_MTU_MOST);
	if (port->has_mtu || !net || !net->msg->net->has_mtu ||
	    net->msg->net->mtu <= VHOST_MTU_MOST)
		return 0;
	refuse(refusal, -EINVAL, intent->key, "mtu",
	       "%s: the MTU %u of net '%s' is more than %d, the largest of a port with --vhost",
	       intent->key, net->msg->net->mtu, port->net, VHOST_MTU_MOST);
	fail_hint(&refusal->fail, "weft net set %s --mtu %d", port->net, VHOST_MTU_MOST);
	return -EINVAL;
}

int model_vhost_check(const struct model *model, const struct intent *intent,
                      struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;

	if (!model_vhost_is(intent)) {
		if (!port->vhost_path && !port->vhost_server)
			return 0;
		refuse(refusal, -EINVAL, intent->key, "vhost_path",
		       "%s: it is not a port of a virtual machine, and has no socket", intent->key);
		fail_hint(&refusal->fail, "remove it, and add it with --vhost");
		return -EINVAL;
	}
	if (port->ifname)
		return refuse_field(intent, refusal, "ifname", "interface here");
	if (port->netns || port->guest)
		return refuse_field(intent, refusal, port->netns ? "netns" : "guest",
		                    "network namespace");
	if (port->pcap_read || port->pcap_write)
		return refuse_field(intent, refusal, "pcap_read", "capture files");
	if (port->has_queues && port->queues > VHOST_PAIRS_MOST)
		return refuse(refusal, -EINVAL, intent->key, "queues",
		              "%s: %u queue pairs are outside 1 to %d", intent->key, port->queues,
		              VHOST_PAIRS_MOST);
	if (check_mtu(model, intent, refusal) < 0)
		return refusal->fail.code;
	return check_path(model, intent, refusal);
}
