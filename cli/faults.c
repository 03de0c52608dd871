// SPDX-License-Identifier: BSD-3-Clause
//
// faults: a list of bounded length.
//
// Each sentence begins with its place, so sorting by text, with numbers as numbers, is the order of the file.

#include "cli/faults.h"

#include "cli/output.h"
#include "cli/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int faults_add(struct faults *faults, const struct fail *fail)
{
	// What is said twice, as of a node that an alias names again, is one fault.
	for (size_t i = 0; i < faults->count; i++)
		if (strcmp(faults->items[i].what, fail->what) == 0)
			return fail->code;
	if (faults->count < FAULTS_MOST)
		faults->items[faults->count++] = *fail;
	else
		faults->beyond++;
	return fail->code;
}

int faults_refuse(struct faults *faults, const struct yaml_place *place, const char *hint,
                  const char *fmt, ...)
{
	struct fail fail = {0};
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	yaml_refuse(place, &fail, "%s", text);
	if (hint)
		fail_hint(&fail, "%s", hint);
	return faults_add(faults, &fail);
}

static int by_place(const void *left, const void *right)
{
	const struct fail *a = left, *b = right;

	return strverscmp(a->what, b->what);
}

void faults_sort(struct faults *faults)
{
	if (faults->count > 1)
		qsort(faults->items, faults->count, sizeof(*faults->items), by_place);
}

void faults_print(const struct invocation *call, const struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		output_fail(call, &faults->items[i]);
	if (faults->beyond > 0 && (!call || call->format == OUTPUT_TABLE))
		fprintf(stderr, "weft: and %zu more\n", faults->beyond);
}
