// SPDX-License-Identifier: BSD-3-Clause
//
// api_host: hosts as records: what they are to be, and how they are.

#include "controller/api_priv.h"

#include "base/clock.h"
#include "controller/access.h"
#include "controller/model_host.h"
#include "controller/station.h"

#include <errno.h>
#include <stdlib.h>

static const char *kind_word(Weft__HostKind kind)
{
	static const char *const words[] = {
		[WEFT__HOST_KIND__HOST_LOCAL] = "local",
		[WEFT__HOST_KIND__HOST_NS] = "ns",
		[WEFT__HOST_KIND__HOST_REMOTE] = "remote",
	};

	return kind >= WEFT__HOST_KIND__HOST_LOCAL && kind <= WEFT__HOST_KIND__HOST_REMOTE
	               ? words[kind]
	               : "unknown";
}

static void add_process(const struct host *host, Weft__Record *record)
{
	const struct station *station = host_minder(host);
	pid_t pid = station ? station_pid(station) : host_pid(host);

	if (pid)
		record_number(record, "pid", (uint64_t)pid);
	if (host_state(host) == HOST_READY) {
		record_text(record, "software", host_software(host));
		record_number(record, "generation", host_generation(host));
	} else if (host_trouble(host)) {
		record_text(record, "trouble", host_trouble(host));
	} else if (station) {
		record_text(record, "trouble", station_trouble(station));
	}
	record_number(record, "restarts", station ? station_restarts(station) : 0);
}

static void add_addresses(const struct model *model, const char *name, Weft__Record *record)
{
	struct ip_addr addr;
	char text[IP_TEXT];

	if (model_host_address(model, name, true, &addr))
		record_text(record, "ip", ip_format(addr, text));
	if (model_host_address(model, name, false, &addr))
		record_text(record, "ip6", ip_format(addr, text));
	if (model_host_backup(model, name, true, &addr) ||
	    model_host_backup(model, name, false, &addr))
		record_text(record, "backup", ip_format(addr, text));
}

Weft__Record *api_host_record(struct api *api, const struct host *host)
{
	static const char *const words[] = {
		[HOST_ABSENT] = "absent",   [HOST_GREETING] = "syncing", [HOST_SYNCING] = "syncing",
		[HOST_LAGGING] = "lagging", [HOST_READY] = "ready",
	};
	const struct model *model = &api->env.control->model;
	const struct intent *intent = model_get(model, NOUN_HOST, host_name(host));
	Weft__Record *record = record_new();
	const struct refusal *held;
	const char *capability;
	size_t cursor = 0;

	record_text(record, "name", host_name(host));
	record_text(record, "kind", kind_word(model_host_kind(model, host_name(host))));
	add_addresses(model, host_name(host), record);
	record_text(record, "state", words[host_state(host)]);
	add_process(host, record);
	record_number(record, "objects", host_desired(host)->objects.count);
	for (unsigned i = 0; (capability = host_capability(host, i)); i++)
		record_append(record, "capabilities", capability);
	record_number(record, "last_gap_ms", host_gap_ns(host) / NSEC_PER_MSEC);
	record_number(record, "lag_us", host_lag_ns(host) / NSEC_PER_USEC);
	record_number(record, "backlog_bytes", host_backlog(host));
	record_number(record, "mute", host_mute_count(host));
	record_list(record, "held_back");
	while ((held = host_next_held(host, &cursor)))
		record_append(record, "held_back", held->object);
	if (host_from(host)[0])
		record_text(record, "from", host_from(host));
	if (api->env.access)
		access_describe(api->env.access, host_name(host), record);
	if (intent)
		record_text(record, "comment", intent->msg->host->comment);
	if (intent)
		record_text(record, "lab", intent->msg->lab);
	return record;
}

// The local one first, the rest by name.
static int by_name(const void *left, const void *right)
{
	const struct host *const *a = left, *const *b = right;
	int a_local = strcmp(host_name(*a), HOST_LOCAL) == 0;
	int b_local = strcmp(host_name(*b), HOST_LOCAL) == 0;

	return a_local != b_local ? b_local - a_local : strcmp(host_name(*a), host_name(*b));
}

void api_list_hosts(struct question *question, const char *name)
{
	const struct hosts *hosts = &question->api->env.control->hosts;
	const struct host **sorted = calloc(hosts->by_name.count + 1, sizeof(*sorted));
	size_t count = 0, cursor = 0;
	const struct host *host;

	while (sorted && (host = hosts_next(hosts, &cursor)))
		if (!name || strcmp(name, host_name(host)) == 0)
			sorted[count++] = host;
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < count; i++)
		question_add(question, api_host_record(question->api, sorted[i]));
	free(sorted);
}
