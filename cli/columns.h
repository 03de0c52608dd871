// SPDX-License-Identifier: BSD-3-Clause
//
// columns: which fields of each noun's records a table shows. Constant; any thread.

#pragma once

#include "cli/output.h"

// NULL: none chosen; the table then shows every plain field.
const struct output_column *columns_of(const char *what);
