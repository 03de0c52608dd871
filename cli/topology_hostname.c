// SPDX-License-Identifier: BSD-3-Clause
//
// topology_hostname: under which names the guests of a net are served.
//
// A name server that knows two guests by one name sends half of the questions to the wrong one. Cards of one guest may
// share its name: it has several addresses then.

#include "cli/topology.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct served {
	const char *net, *hostname, *guest;
	char object[160]; // That says the name.
};

static int by_name(const void *left, const void *right)
{
	const struct served *a = left, *b = right;
	int order = strcmp(a->net, b->net);

	order = order ? order : strcasecmp(a->hostname, b->hostname);
	return order ? order : strcmp(a->guest, b->guest);
}

// Whether names of the port's net are served at all, as far as the file knows.
static bool is_served(const struct topology *topology, const Weft__PortIntent *port,
                      const Weft__Intent **last)
{
	if (!port->net)
		return false;
	if (!*last || strcmp((*last)->name, port->net) != 0)
		*last = topology_find(topology, WEFT__INTENT__BODY_NET, port->net);
	return *last && (*last)->net->dns;
}

// Of guests, the last that was met is nearly always the port's.
static void fill(const struct topology *topology, const Weft__Intent *port,
                 const Weft__Intent *last, struct served *ret)
{
	const char *name = port->port->guest;
	const Weft__Intent *guest = NULL;

	if (name)
		guest = last && strcmp(last->name, name) == 0
		                ? last
		                : topology_find(topology, WEFT__INTENT__BODY_GUEST, name);
	ret->net = port->port->net;
	ret->guest = guest ? guest->name : port->name;
	ret->hostname = guest && guest->guest->hostname ? guest->guest->hostname : ret->guest;
	snprintf(ret->object, sizeof(ret->object), "%s/%s", guest ? "guest" : "port", ret->guest);
}

int topology_check_hostnames(struct topology *topology, struct fail *fail)
{
	auto_free struct served *served = calloc(topology->object_count + 1, sizeof(*served));
	const Weft__Intent *net = NULL, *guest = NULL;
	size_t count = 0;

	if (!served)
		return fail_set(fail, -ENOMEM, "out of memory");
	for (size_t i = 0; i < topology->object_count; i++) {
		const Weft__Intent *object = topology->objects[i];

		if (object->body_case == WEFT__INTENT__BODY_GUEST)
			guest = object;
		if (object->body_case == WEFT__INTENT__BODY_PORT &&
		    is_served(topology, object->port, &net))
			fill(topology, object, guest, &served[count++]);
	}
	qsort(served, count, sizeof(*served), by_name);
	for (size_t i = 1; i < count; i++) {
		const struct served *a = &served[i - 1], *b = &served[i];

		if (strcmp(a->net, b->net) != 0 || strcasecmp(a->hostname, b->hostname) != 0 ||
		    strcmp(a->guest, b->guest) == 0)
			continue;
		fail_set(fail, -EINVAL,
		         "guest '%s' has the name '%s' in net '%s', as guest '%s' has", b->guest,
		         b->hostname, b->net, a->guest);
		fail_hint(fail, "give one of them another hostname");
		topology_locate(topology, b->object, "hostname", fail);
		topology_go_on(topology, -EINVAL, fail);
	}
	return 0;
}
