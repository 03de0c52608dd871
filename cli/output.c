// SPDX-License-Identifier: BSD-3-Clause
//
// output: tables by libsmartcols, JSON by jansson.
//
// JSON carries every field of a record as the controller sent it; a table shows a choice of them in
// units for people. Colour is only for a terminal, and never the only carrier of a meaning.

#include "cli/output.h"

#include "base/fail.h"
#include "cli/record.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CELL_TEXT = 1024, COLUMNS_MAX = 32, INDENT = 2, INDENT_MAX = 8 };

bool output_in_colour(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static void format_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "BKMGTPE";
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1000 && unit + 1 < sizeof(units) - 1) {
		value /= 1000;
		unit++;
	}
	snprintf(buf, size, unit ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

// A count past the year 5000 in seconds is one in nanoseconds.
static void format_time(uint64_t since, char *buf, size_t size)
{
	bool fine = since > UINT64_C(100000000000);
	time_t seconds = (time_t)(fine ? since / 1000000000u : since);
	struct tm parts;
	char whole[32];

	localtime_r(&seconds, &parts);
	strftime(whole, sizeof(whole), "%F %T", &parts);
	if (fine)
		snprintf(buf, size, "%s.%03u", whole, (unsigned)(since / 1000000u % 1000u));
	else
		snprintf(buf, size, "%s", whole);
}

static const char *cell_text(const Weft__Record *record, const struct output_column *column,
                             char *buf, size_t size)
{
	const Weft__Field *field = record_find(record, column->key);

	// A controller may have formatted it already.
	if (!field || field->value_case == WEFT__FIELD__VALUE_TEXT)
		return field_text(field, buf, size);
	switch (column->unit) {
	case OUTPUT_BYTES:
		format_bytes(record_number(record, column->key), buf, size);
		return buf;
	case OUTPUT_TIME:
		format_time(record_number(record, column->key), buf, size);
		return buf;
	case OUTPUT_PLAIN:
	case OUTPUT_RIGHT:
		break;
	}
	return field_text(field, buf, size);
}

static bool is_filled(const struct output_column *column, Weft__Record *const *records,
                      size_t count)
{
	char buf[CELL_TEXT];

	for (size_t i = 0; i < count; i++)
		if (*record_text(records[i], column->key, buf, sizeof(buf)))
			return true;
	return false;
}

// Columns for records of which nothing is known: their plain fields, in order of first sight.
static unsigned guess_columns(Weft__Record *const *records, size_t count, struct output_column *ret)
{
	unsigned known = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < records[i]->n_fields; j++) {
			const Weft__Field *field = records[i]->fields[j];
			unsigned k = 0;

			while (k < known && strcmp(ret[k].key, field->key) != 0)
				k++;
			if (k < known || known == COLUMNS_MAX)
				continue;
			ret[known++] = (struct output_column){
				.key = field->key,
				.title = field->key,
				.unit = field->value_case == WEFT__FIELD__VALUE_NUMBER
			                        ? OUTPUT_RIGHT
			                        : OUTPUT_PLAIN,
			};
		}
	return known;
}

static int print_json(Weft__Record *const *records, size_t count, enum output_format format)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object = record_json(records[i]);

		if (format == OUTPUT_JSONL) {
			json_dumpf(object, stdout, JSON_COMPACT);
			putchar('\n');
			json_decref(object);
		} else {
			json_array_append_new(array, object);
		}
	}
	if (format == OUTPUT_JSON) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(array);
	return EXIT_OK;
}

static int print_table(const struct output_column *columns, unsigned column_count,
                       Weft__Record *const *records, size_t count)
{
	struct libscols_table *table = scols_new_table();
	int error = table ? 0 : -ENOMEM;

	if (error == 0 && output_in_colour())
		scols_table_enable_colors(table, 1);
	for (unsigned i = 0; error == 0 && i < column_count; i++) {
		bool right = columns[i].unit == OUTPUT_RIGHT || columns[i].unit == OUTPUT_BYTES;

		if (!scols_table_new_column(table, columns[i].title, 0, right ? SCOLS_FL_RIGHT : 0))
			error = -ENOMEM;
	}
	for (size_t i = 0; error == 0 && i < count; i++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		if (!line)
			error = -ENOMEM;
		for (unsigned j = 0; error == 0 && j < column_count; j++) {
			char buf[CELL_TEXT];
			const char *text = cell_text(records[i], &columns[j], buf, sizeof(buf));

			error = scols_line_set_data(line, j, *text ? text : "-");
		}
	}
	if (error == 0)
		error = scols_print_table(table);
	scols_unref_table(table);
	return error == 0 ? EXIT_OK : EXIT_ERROR;
}

int output_records(const struct invocation *call, const struct output_column *columns,
                   Weft__Record *const *records, size_t count, const char *none)
{
	struct output_column shown[COLUMNS_MAX];
	unsigned shown_count = 0;

	if (call->format != OUTPUT_TABLE)
		return print_json(records, count, call->format);
	if (count == 0) {
		printf("%s\n", none);
		return EXIT_OK;
	}
	if (!columns)
		shown_count = guess_columns(records, count, shown);
	for (; columns && columns->key && shown_count < COLUMNS_MAX; columns++)
		if (is_filled(columns, records, count))
			shown[shown_count++] = *columns;
	return print_table(shown, shown_count, records, count);
}

static int widest_key(const Weft__Record *record)
{
	int width = 0;

	for (size_t i = 0; i < record->n_fields; i++)
		if ((int)strlen(record->fields[i]->key) > width)
			width = (int)strlen(record->fields[i]->key);
	return width;
}

// Fields that hold seconds since 1970 in every record that has them.
static bool is_time(const Weft__Field *field)
{
	static const char *const keys[] = {"certificate_until", "refused_at", "until", "expires"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (field->value_case == WEFT__FIELD__VALUE_NUMBER &&
		    strcmp(field->key, keys[i]) == 0)
			return true;
	return false;
}

// A record within the record is a paragraph of its own, one step in.
static void print_fields(const Weft__Record *record, int indent)
{
	int width = widest_key(record);

	for (size_t i = 0; i < record->n_fields; i++) {
		const Weft__Field *field = record->fields[i];
		char buf[CELL_TEXT];

		if (field->value_case == WEFT__FIELD__VALUE_RECORD && indent < INDENT_MAX) {
			printf("%*s%s\n", indent, "", field->key);
			print_fields(field->record, indent + INDENT);
		} else if (is_time(field)) {
			format_time(field->number, buf, sizeof(buf));
			printf("%*s%-*s  %s\n", indent, "", width, field->key, buf);
		} else {
			printf("%*s%-*s  %s\n", indent, "", width, field->key,
			       field_text(field, buf, sizeof(buf)));
		}
	}
}

int output_record(const struct invocation *call, const Weft__Record *record)
{
	if (call->format != OUTPUT_TABLE) {
		json_t *object = record_json(record);

		json_dumpf(object, stdout,
		           call->format == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
		json_decref(object);
		return EXIT_OK;
	}
	print_fields(record, 0);
	return EXIT_OK;
}

void output_line(const struct invocation *call, const struct output_column *columns,
                 const Weft__Record *record)
{
	if (call->format != OUTPUT_TABLE) {
		json_t *object = record_json(record);

		json_dumpf(object, stdout, JSON_COMPACT);
		json_decref(object);
	}
	for (; call->format == OUTPUT_TABLE && columns->key; columns++) {
		char buf[CELL_TEXT];
		const char *text = cell_text(record, columns, buf, sizeof(buf));

		if (*text)
			printf("%s%s", text, columns[1].key ? "  " : "");
	}
	putchar('\n');
	fflush(stdout);
}

void output_fail(const struct invocation *call, const struct fail *fail)
{
	if (call && call->format != OUTPUT_TABLE) {
		json_t *error = json_pack("{s:{s:i,s:s,s:s}}", "error", "code", fail->code, "what",
		                          fail->what, "hint", fail->hint);

		json_dumpf(error, stderr, JSON_COMPACT);
		fputc('\n', stderr);
		json_decref(error);
		return;
	}

	bool colour = isatty(STDERR_FILENO) && output_in_colour();

	fprintf(stderr, "%sweft: %s%s\n", colour ? "\033[31m" : "", fail->what,
	        colour ? "\033[0m" : "");
	if (*fail->hint)
		fprintf(stderr, "  %s\n", fail->hint);
}

int output_refuse(const struct invocation *call, const char *what, const char *hint)
{
	struct fail fail = {0};

	fail_set(&fail, -EINVAL, "%s", what);
	fail_hint(&fail, "%s", hint);
	output_fail(call, &fail);
	return EXIT_USAGE;
}
