// SPDX-License-Identifier: BSD-3-Clause
//
// export: a lab as a topology file. One thread.

#pragma once

#include "proto/api.pb-c.h"

#include <stdio.h>

// A text as YAML: between quotes unless no program could take it for anything else.
void export_text(FILE *out, const char *text);

// Writes the records of an ExportLab so that the file applies to the same.
void export_print(FILE *out, const char *lab, Weft__Record *const *records, size_t count);
