// SPDX-License-Identifier: BSD-3-Clause
//
// schema_text: the schema of topology files for programs and for people. One thread.

#pragma once

#include <stdio.h>

// JSON Schema (draft 7), for editors and checkers.
void schema_print_json(FILE *out);
// Every key with what is said of it, in Markdown.
void schema_print_page(FILE *out);
