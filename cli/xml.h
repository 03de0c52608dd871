// SPDX-License-Identifier: BSD-3-Clause
//
// xml: text of users inside a document of ours, where it can neither end an element nor begin one. One thread.

#pragma once

#include <stddef.h>
#include <stdio.h>

// What stands for a character that has a meaning of its own, as "&lt;"; NULL for one that stands for itself.
const char *xml_entity(char c);

// Writes `len` bytes of UTF-8 as character data, or as an attribute's value between quotes. Control characters,
// which XML 1.0 (section 2.2) does not allow, become '?'.
void xml_put(FILE *file, const char *text, size_t len);
