// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_lab: labs and their topology files: plan, apply, export, and what the files may say.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/containerlab.h"
#include "cli/export.h"
#include "cli/lab.h"
#include "cli/output.h"
#include "cli/schema_text.h"
#include "cli/topology.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int plan_or_apply(const struct invocation *call, bool plan)
{
	struct topology topology;
	int code = lab_read(call, call->arguments[0], &topology);

	if (code == EXIT_OK)
		code = lab_apply(call, &topology, plan);
	topology_fini(&topology);
	return code;
}

int cmd_plan(const struct invocation *call)
{
	return plan_or_apply(call, true);
}

int cmd_apply(const struct invocation *call)
{
	return plan_or_apply(call, false);
}

int cmd_export(const struct invocation *call)
{
	Weft__ExportLab export = WEFT__EXPORT_LAB__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	Weft__Reply *reply;

	export.lab = (char *)call->arguments[0];
	request.body_case = WEFT__REQUEST__BODY_EXPORT_LAB;
	request.export_lab = &export;

	int code = ask(call, &request, &reply);

	if (code != EXIT_OK)
		return code;
	export_print(stdout, export.lab, reply->records, reply->n_records);
	client_reply_free(reply);
	return EXIT_OK;
}

int cmd_schema(const struct invocation *call)
{
	if (invocation_has(call, "table"))
		schema_print_page(stdout);
	else
		schema_print_json(stdout);
	return EXIT_OK;
}

int cmd_gc(const struct invocation *call)
{
	Weft__Gc gc = WEFT__GC__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	bool found, remove = invocation_has(call, "yes");
	Weft__Reply *reply;

	gc.has_remove = gc.remove = remove;
	request.body_case = WEFT__REQUEST__BODY_GC;
	request.gc = &gc;

	int code = ask(call, &request, &reply);

	if (code != EXIT_OK)
		return code;
	code = output_records(call, columns_of("gc"), reply->records, reply->n_records,
	                      "nothing is left over");
	found = reply->n_records > 0;
	if (code == EXIT_OK && found && call->format == OUTPUT_TABLE)
		printf(remove ? "removed\n" : "to remove it: weft gc --yes\n");
	client_reply_free(reply);
	return code == EXIT_OK && found && !remove ? EXIT_CHANGES : code;
}

int cmd_import(const struct invocation *call)
{
	struct fail fail = {0};
	unsigned unmapped = 0;

	if (strcmp(call->arguments[0], "containerlab") != 0) {
		fail_set(&fail, -EINVAL, "'%s' is not a format that can be imported",
		         call->arguments[0]);
		fail_hint(&fail, "containerlab is; for Mininet see docs/labs.md");
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	if (containerlab_import(call->arguments[1], stdout, &unmapped, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	if (unmapped > 0)
		fprintf(stderr, "weft: not mapped: %u, see the head of the result\n", unmapped);
	return EXIT_OK;
}
