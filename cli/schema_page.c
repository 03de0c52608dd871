// SPDX-License-Identifier: BSD-3-Clause
//
// schema_page: the table as a page of the documentation.

#include "cli/schema.h"
#include "cli/schema_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { SEEN_MOST = 64 };

struct page {
	FILE *out;
	const struct schema_object *seen[SEEN_MOST];
	unsigned seen_count;
};

static void print_value(const struct page *page, const struct schema_key *key)
{
	if (key->shape == SCHEMA_LIST)
		fprintf(page->out, "one or a list of: ");
	else if (key->shape == SCHEMA_NAMED)
		fprintf(page->out, "names, each with: ");
	if (key->kind == SCHEMA_OBJECT)
		fprintf(page->out, "[%s](#%s)", key->object->name, key->object->name);
	else if (key->kind == SCHEMA_CHOICE)
		fprintf(page->out, "%s", key->choices);
	else if (key->kind == SCHEMA_NUMBER && key->most)
		fprintf(page->out, "%" PRIu64 " to %" PRIu64, key->least, key->most);
	else
		fprintf(page->out, "%s", scalar_words(key->kind));
	if (key->kind != SCHEMA_CHOICE && key->choices)
		fprintf(page->out, "; or: %s", key->choices);
}

static void print_object(struct page *page, const struct schema_object *object)
{
	for (unsigned i = 0; i < page->seen_count; i++)
		if (page->seen[i] == object)
			return;
	if (page->seen_count < SEEN_MOST)
		page->seen[page->seen_count++] = object;
	fprintf(page->out, "\n## %s\n%s\n", object->name, object->help);
	if (object->example)
		fprintf(page->out, "\n```yaml\n%s\n```\n", object->example);
	fprintf(page->out, "\n| key | value | what |\n|---|---|---|\n");
	for (const struct schema_key *key = object->keys; key->name; key++) {
		fprintf(page->out, "| `%s`%s | ", key->name, key->required ? " (needed)" : "");
		print_value(page, key);
		fprintf(page->out, " | %s |\n", key->help);
	}
	for (const struct schema_key *key = object->keys; key->name; key++)
		if (key->object)
			print_object(page, key->object);
}

void schema_print_page(FILE *out)
{
	struct page page = {.out = out};

	fprintf(out, "# Topology files: all keys\n"
	             "<!-- Made by `weft schema --table`. -->\n");
	print_object(&page, &schema_topology);
}
