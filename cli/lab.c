// SPDX-License-Identifier: BSD-3-Clause
//
// lab: one request with all objects of the file. The controller finds what differs, so that clients in
// other languages need not; here only the words are put.

#include "cli/lab.h"

#include "base/clock.h"
#include "base/fail.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/guests_ran.h"
#include "cli/hosts_ready.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/topology.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A socket that bears the lab's name, because the file says none, bears the new one.
static int rename_sockets(const struct topology *topology, const char *name)
{
	for (size_t i = 0; i < topology->object_count; i++) {
		const Weft__Intent *object = topology->objects[i];
		char was[256], is[256];

		if (object->body_case != WEFT__INTENT__BODY_PORT || !object->port->vhost_path)
			continue;
		snprintf(was, sizeof(was), "%s.%s.vu", topology->lab, object->name);
		if (strcmp(object->port->vhost_path, was) != 0)
			continue;
		snprintf(is, sizeof(is), "%s.%s.vu", name, object->name);
		free(object->port->vhost_path);
		object->port->vhost_path = strdup(is);
		if (!object->port->vhost_path)
			return -ENOMEM;
	}
	return 0;
}

// The file's lab, under another name.
static int rename_lab(struct topology *topology, const char *name, struct fail *fail)
{
	char *lab = strdup(name), *own = strdup(name);

	if (!lab || !own || rename_sockets(topology, name) < 0) {
		free(lab);
		free(own);
		return fail_set(fail, -ENOMEM, "out of memory");
	}
	free(topology->lab);
	topology->lab = lab;
	free(topology->objects[0]->name);
	topology->objects[0]->name = own;
	return 0;
}

int lab_read(const struct invocation *call, const char *path, struct topology *ret)
{
	const char *name = invocation_text(call, "lab");
	struct fail fail = {0};
	int err = topology_read(path, ret, &fail);

	if (err == 0 && name)
		err = rename_lab(ret, name, &fail);
	if (err == 0)
		return EXIT_OK;
	if (ret->faults.count > 0)
		faults_print(call, &ret->faults);
	else
		output_fail(call, &fail);
	return EXIT_USAGE;
}

static void count_objects(const struct topology *topology, char *buf, size_t size)
{
	size_t nets = 0, guests = 0;

	for (size_t i = 0; i < topology->object_count; i++) {
		const Weft__Intent *object = topology->objects[i];

		nets += object->body_case == WEFT__INTENT__BODY_NET;
		// A machine or an interface is a port without a guest.
		guests += object->body_case == WEFT__INTENT__BODY_GUEST ||
		          (object->body_case == WEFT__INTENT__BODY_PORT && !object->port->guest);
	}
	snprintf(buf, size, "%zu net%s, %zu guest%s", nets, nets == 1 ? "" : "s", guests,
	         guests == 1 ? "" : "s");
}

static void tell_applied(const struct invocation *call, const struct topology *topology,
                         const Weft__Reply *reply, uint64_t took_ns)
{
	char counts[64];

	count_objects(topology, counts, sizeof(counts));
	if (!reply->changed) {
		printf("lab %s is as the file says: %s, revision %llu\n", topology->lab, counts,
		       (unsigned long long)reply->revision);
		return;
	}
	printf("lab %s: %s, now at revision %llu, in %.2f s\n", topology->lab, counts,
	       (unsigned long long)reply->revision, (double)took_ns / NSEC_PER_SEC);
	if (invocation_text(call, "confirm"))
		change_tell_confirm(call);
}

static int show(const struct invocation *call, const struct topology *topology, bool dry,
                const Weft__Reply *reply, uint64_t took_ns)
{
	// A first apply would be a list of everything.
	bool whole = dry || call->format != OUTPUT_TABLE || reply->n_records <= PLAN_LINES;

	if (call->format != OUTPUT_TABLE) {
		int code = change_show_preview(call, reply);

		return dry ? code : EXIT_OK;
	}
	if (whole)
		plan_print(topology->lab, reply);
	if (!dry) {
		for (size_t i = 0; i < reply->n_notes; i++)
			printf("%s\n", reply->notes[i]);
		tell_applied(call, topology, reply, took_ns);
		return EXIT_OK;
	}
	for (size_t i = 0; i < reply->n_notes; i++)
		printf("%s\n", reply->notes[i]);
	if (!reply->changed)
		printf("no change\n");
	return reply->changed ? EXIT_CHANGES : EXIT_OK;
}

// What was refused, and what else the controller found to be wrong.
static void tell_refused(const struct invocation *call, const struct topology *topology,
                         const struct client *client, const struct fail *first)
{
	struct faults faults = {0};
	const Weft__Error *error;

	faults_add(&faults, first);
	for (size_t i = 0; (error = client_refused_too(client, i)); i++) {
		struct fail fail = {0};

		fail_set(&fail, error->code, "%s", error->what);
		if (error->hint)
			fail_hint(&fail, "%s", error->hint);
		topology_locate(topology, error->object, error->field, &fail);
		faults_add(&faults, &fail);
	}
	faults_sort(&faults);
	faults_print(call, &faults);
}

int lab_apply(const struct invocation *call, const struct topology *topology, bool plan)
{
	Weft__ApplyLab apply = WEFT__APPLY_LAB__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	bool dry = plan || invocation_has(call, "dry-run");
	uint64_t start = clock_now();
	struct client *client;
	struct fail fail = {0};
	Weft__Reply *reply;
	int code = EXIT_OK;

	apply.lab = topology->lab;
	apply.objects = topology->objects;
	apply.n_objects = topology->object_count;
	apply.has_dry_run = apply.dry_run = dry;
	apply.confirm_seconds = (uint32_t)invocation_number(call, "confirm", 0);
	apply.has_confirm_seconds = apply.confirm_seconds != 0;
	apply.command = (char *)call->line;
	request.body_case = WEFT__REQUEST__BODY_APPLY_LAB;
	request.apply_lab = &apply;
	if (client_open(call->run_dir, &client, &fail) < 0) {
		if (fail.code == -ENOENT || fail.code == -ECONNREFUSED)
			fail_hint(&fail, "start it and apply the file with: weft up %s",
			          topology->path);
		output_fail(call, &fail);
		return EXIT_UNREACHABLE;
	}
	if (client_ask(client, &request, &reply, &fail) < 0) {
		const char *field, *object = client_refused(client, &field);

		code = client_is_lost(client) ? EXIT_UNREACHABLE : EXIT_ERROR;
		if (code == EXIT_ERROR)
			topology_locate(topology, object, field, &fail);
		tell_refused(call, topology, client, &fail);
	} else {
		code = dry ? EXIT_OK : hosts_ready_await(call, topology->lab, client);
		if (code == EXIT_OK)
			code = show(call, topology, dry, reply, clock_now() - start);
		if (code == EXIT_OK && !dry && reply->changed) {
			fflush(stdout);
			code = guests_ran_await(call, topology, client);
		}
		client_reply_free(reply);
	}
	client_close(client);
	return code;
}
