// SPDX-License-Identifier: BSD-3-Clause
//
// model_host: the datapaths of an instance, and what can be had where.
//
// The name of a host becomes a directory in the run directory, and that of a host in a namespace the
// namespace's as well: the guest of kind host that has the same name, which lives and dies with it.

#include "controller/model_host.h"

#include "controller/model_guest.h"
#include "controller/model_noun.h"
#include "controller/model_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_NAME_MOST = 32, SOCKET_PATH_MOST = 107 };

bool model_host_exists(const struct model *model, const char *name)
{
	return strcmp(name, HOST_LOCAL) == 0 || model_get(model, NOUN_HOST, name);
}

Weft__HostKind model_host_kind(const struct model *model, const char *name)
{
	const struct intent *host = model_get(model, NOUN_HOST, name);

	return host ? host->msg->host->kind : WEFT__HOST_KIND__HOST_LOCAL;
}

void model_host_canon(char **host)
{
	if (!*host || strcmp(*host, HOST_LOCAL) != 0)
		return;
	free(*host);
	*host = NULL;
}

bool model_host_address(const struct model *model, const char *name, bool want4,
                        struct ip_addr *ret)
{
	const struct intent *host = model_get(model, NOUN_HOST, name), *port;
	const char *text = NULL;

	if (host)
		text = want4 ? host->msg->host->ip : host->msg->host->ip6;
	if (host && !text && host->msg->host->kind == WEFT__HOST_KIND__HOST_NS) {
		port = model_guest_port(model, name, NULL);
		if (port)
			text = want4 ? port->msg->port->ip : port->msg->port->ip6;
	}
	return text && ip_parse(text, ret) == 0;
}

bool model_host_backup(const struct model *model, const char *name, bool want4, struct ip_addr *ret)
{
	const struct intent *host = model_get(model, NOUN_HOST, name), *port;
	const char *text = host ? host->msg->host->backup : NULL;

	if (host && !text && host->msg->host->kind == WEFT__HOST_KIND__HOST_NS) {
		port = model_guest_port(model, name, NULL);
		port = port ? model_guest_port_after(model, name, port) : NULL;
		if (port)
			text = want4 ? port->msg->port->ip : port->msg->port->ip6;
	}
	return text && ip_parse(text, ret) == 0 && ip_is4(*ret) == want4;
}

// A wire has both ends in one datapath.
static int check_wire(const struct model *model, const struct intent *port, struct refusal *refusal)
{
	char link[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	noun_key(link, NOUN_LINK, port->msg->port->link);
	while (graph_next_user(&model->graph, link, &cursor, user)) {
		const struct intent *end = model_get_key(model, user);

		if (!end || end->noun != NOUN_PORT ||
		    strcmp(model_place_of(end->msg->port), model_place_of(port->msg->port)) == 0)
			continue;
		refuse(refusal, -EXDEV, port->key, "host",
		       "%s: the other end of link '%s' is on host '%s'", port->key,
		       port->msg->port->link, model_place_of(end->msg->port));
		fail_hint(&refusal->fail, "join hosts by a net, or put both ends on one");
		return -EXDEV;
	}
	return 0;
}

bool model_host_hangs_in(const struct model *model, const char *name, const char *net)
{
	return model_host_kind(model, name) == WEFT__HOST_KIND__HOST_NS &&
	       model_guest_port(model, name, net);
}

// A net cannot be carried by itself: its frames would go to the host in packets that are its own frames.
static int check_carrier(const struct model *model, const struct intent *port,
                         struct refusal *refusal)
{
	const Weft__PortIntent *body = port->msg->port;
	const char *own =
		body->guest && model_get(model, NOUN_HOST, body->guest) ? body->guest : NULL;

	if (!body->net)
		return 0;
	if (body->host && model_host_hangs_in(model, body->host, body->net)) {
		refuse(refusal, -ELOOP, port->key, "host",
		       "%s: host '%s' is reached through net '%s', so nothing in that net can be "
		       "there",
		       port->key, body->host, body->net);
		fail_hint(&refusal->fail,
		          "what is in that net is on host local: leave the host out");
		return -ELOOP;
	}
	if (own && model_place_has(model, body->net, own)) {
		refuse(refusal, -ELOOP, port->key, "net",
		       "%s: net '%s' has ports on host '%s', so the host cannot be reached "
		       "through it",
		       port->key, body->net, own);
		fail_hint(&refusal->fail, "reach the host through a net of its own");
		return -ELOOP;
	}
	return 0;
}

int model_host_check_port(const struct model *model, const struct intent *port,
                          struct refusal *refusal)
{
	const Weft__PortIntent *body = port->msg->port;
	const char *name = body->host;

	if (body->link && check_wire(model, port, refusal) < 0)
		return refusal->fail.code;
	if (check_carrier(model, port, refusal) < 0)
		return refusal->fail.code;
	if (!name || model_host_kind(model, name) != WEFT__HOST_KIND__HOST_REMOTE)
		return 0;
	if (body->guest) {
		refuse(refusal, -EOPNOTSUPP, port->key, "host",
		       "%s: guest '%s' is a namespace of this machine, and host '%s' is another",
		       port->key, body->guest, name);
		fail_hint(&refusal->fail, "plug in what runs there with --netdev or --vhost");
		return -EOPNOTSUPP;
	}
	return 0;
}

bool model_host_is_move(const struct model_change *change)
{
	const struct intent *was = change->before, *is = change->after;
	const Weft__PortIntent *before = was && was->noun == NOUN_PORT ? was->msg->port : NULL;
	const Weft__PortIntent *after = is && before ? is->msg->port : NULL;

	return after && before->guest && after->guest && strcmp(before->guest, after->guest) == 0 &&
	       strcmp(model_place_of(before), model_place_of(after)) != 0;
}

// An interface goes from one host to the other as it is.
static bool differs_otherwise(const struct model_change *change)
{
	Weft__PortIntent before = *change->before->msg->port, after = *change->after->msg->port;
	uint8_t *one, *other;
	size_t len;
	bool same;

	before.host = after.host = NULL;
	len = weft__port_intent__get_packed_size(&before);
	if (len != weft__port_intent__get_packed_size(&after))
		return true;
	one = malloc(len + 1);
	other = malloc(len + 1);
	same = one && other && weft__port_intent__pack(&before, one) == len &&
	       weft__port_intent__pack(&after, other) == len && memcmp(one, other, len) == 0;
	free(one);
	free(other);
	return !same;
}

int model_host_check_moves(const struct model *model, bool on_trial, struct refusal *refusal)
{
	for (size_t i = 0; i < model->change_count; i++) {
		const struct model_change *change = &model->changes[i];
		const struct intent *is = change->after;

		if (!model_host_is_move(change) || (!on_trial && !differs_otherwise(change)))
			continue;
		refuse(refusal, on_trial ? -EOPNOTSUPP : -EBUSY, is->key, "host",
		       on_trial ? "%s: host '%s' hands the interface in guest '%s' over to host "
		                  "'%s' for good, and not on trial"
		                : "%s: host '%s' hands the interface in guest '%s' over to host "
		                  "'%s' as it is, and something else of it is to change",
		       is->key, model_place_of(change->before->msg->port), is->msg->port->guest,
		       model_place_of(is->msg->port));
		fail_hint(&refusal->fail,
		          on_trial ? "do it without --confirm; weft undo takes it back"
		                   : "change that first, and the host alone then");
		return refusal->fail.code;
	}
	return 0;
}

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	Weft__Host *host = msg->host;
	int err;

	if (!host->has_kind) {
		host->has_kind = true;
		host->kind = strcmp(msg->name, HOST_LOCAL) == 0 ? WEFT__HOST_KIND__HOST_LOCAL
		                                                : WEFT__HOST_KIND__HOST_REMOTE;
	}
	err = model_canon_ip(key, "ip", &host->ip, refusal);
	if (err == 0)
		err = model_canon_ip(key, "backup", &host->backup, refusal);
	return err == 0 ? model_canon_ip(key, "ip6", &host->ip6, refusal) : err;
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Host *host = intent->msg->host;

	// Each needs the other: they come and go in one batch.
	if (host->kind == WEFT__HOST_KIND__HOST_NS)
		refs_add(refs, REF_NEEDS, "kind", "guest/%s", intent->name);
	if (host->ip)
		refs_add(refs, REF_CLAIMS, "ip", "underlay/%s", host->ip);
	if (host->ip6)
		refs_add(refs, REF_CLAIMS, "ip6", "underlay/%s", host->ip6);
	if (host->backup)
		refs_add(refs, REF_CLAIMS, "backup", "underlay/%s", host->backup);
}

static int check_family(const struct intent *intent, const char *field, const char *text,
                        bool want4, struct refusal *refusal)
{
	struct ip_addr addr;

	if (!text || (ip_parse(text, &addr) == 0 && ip_is4(addr) == want4 &&
	              !ip_is_multicast(addr) && !ip_is_loopback(addr)))
		return 0;
	return refuse(refusal, -EINVAL, intent->key, field,
	              "%s: %s is not an %s address that another host can send to", intent->key,
	              text, want4 ? "IPv4" : "IPv6");
}

static int check_kind(const struct model *model, const struct intent *intent,
                      struct refusal *refusal)
{
	const struct intent *guest = model_get(model, NOUN_GUEST, intent->name);
	bool local = strcmp(intent->name, HOST_LOCAL) == 0;

	if (local != (intent->msg->host->kind == WEFT__HOST_KIND__HOST_LOCAL))
		return refuse(refusal, -EINVAL, intent->key, "kind",
		              "%s: the one host beside the controller is 'local'", intent->key);
	if (intent->msg->host->kind == WEFT__HOST_KIND__HOST_NS &&
	    (!guest || guest->msg->guest->kind != WEFT__GUEST_KIND__GUEST_HOST)) {
		refuse(refusal, -ENOENT, intent->key, "kind",
		       "%s: there is no guest '%s' of kind host for its datapath to run in",
		       intent->key, intent->name);
		fail_hint(&refusal->fail, "weft host add %s --net NET --ip ADDRESS makes both",
		          intent->name);
		return -ENOENT;
	}
	return 0;
}

// The kernel's limit of a path that a socket can have (unix(7)).
static int check_socket(const struct model *model, const struct intent *intent,
                        struct refusal *refusal)
{
	const char *run_dir = model->run_dir ? model->run_dir : "/run/weft";
	size_t len = strlen(run_dir) + strlen("/hosts//datapath.sock") + strlen(intent->name);

	if (intent->msg->host->kind != WEFT__HOST_KIND__HOST_NS || len <= SOCKET_PATH_MOST)
		return 0;
	refuse(refusal, -ENAMETOOLONG, intent->key, "name",
	       "%s: the path of its socket in %s would have %zu bytes, %d at most", intent->key,
	       run_dir, len, SOCKET_PATH_MOST);
	fail_hint(&refusal->fail, "choose a shorter name, or a shorter --run-dir");
	return -ENAMETOOLONG;
}

static int check_bfd(const struct intent *intent, struct refusal *refusal)
{
	const Weft__Host *host = intent->msg->host;
	uint32_t interval_ms = host->bfd_interval_us / 1000;

	if (host->has_bfd_interval_us && (interval_ms < 10 || interval_ms > 60000))
		return refuse(refusal, -ERANGE, intent->key, "bfd_interval_us",
		              "%s: the BFD interval of %u ms is not one of 10 to 60000",
		              intent->key, interval_ms);
	if (host->has_bfd_multiplier && (host->bfd_multiplier < 1 || host->bfd_multiplier > 255))
		return refuse(refusal, -ERANGE, intent->key, "bfd_multiplier",
		              "%s: the BFD multiplier %u is not one of 1 to 255", intent->key,
		              host->bfd_multiplier);
	return 0;
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const Weft__Host *host = intent->msg->host;
	int err = 0;

	if (strpbrk(intent->name, "/:@+") || strlen(intent->name) > HOST_NAME_MOST) {
		refuse(refusal, -EINVAL, intent->key, "name",
		       "%s: the name of a host is made of at most %d letters, digits, '.', '_' "
		       "and '-'",
		       intent->key, HOST_NAME_MOST);
		return -EINVAL;
	}
	err = check_kind(model, intent, refusal);
	if (err == 0)
		err = check_bfd(intent, refusal);
	if (err == 0)
		err = check_socket(model, intent, refusal);
	if (err == 0)
		err = check_family(intent, "ip", host->ip, true, refusal);
	if (err == 0 && host->backup)
		err = check_family(intent, "backup", host->backup, !strchr(host->backup, ':'),
		                   refusal);
	return err == 0 ? check_family(intent, "ip6", host->ip6, false, refusal) : err;
}

const struct noun_ops model_host = {.complete = complete, .refs = refs, .check = check};
