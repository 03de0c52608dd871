// SPDX-License-Identifier: BSD-3-Clause
//
// trace: collects the words of the stages.

#include "datapath/trace.h"

#include <stdio.h>

void trace_add(struct trace *trace, const char *stage, const char *format, ...)
{
	if (trace->count == TRACE_STEPS)
		return;

	struct trace_step *step = &trace->steps[trace->count++];
	va_list args;

	snprintf(step->stage, sizeof(step->stage), "%s", stage);
	va_start(args, format);
	vsnprintf(step->text, sizeof(step->text), format, args);
	va_end(args);
}
