// SPDX-License-Identifier: BSD-3-Clause
//
// export: the way back from records to keys, by the same table as the parser's.
//
// Each object is one line in braces, but for what has lists of its own. Whatever is not plainly a word is
// put between quotes, so that no program takes it for a number or a time.

#include "cli/export.h"

#include "cli/record.h"
#include "cli/schema.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { USEC_PER_MSEC = 1000 };

struct export
{
	FILE *out;
	const char *lab;
	Weft__Record *const *records;
	size_t count;
};

static const char *text_of(const Weft__Record *record, const char *key)
{
	const Weft__Field *field = record_find(record, key);

	return field && field->value_case == WEFT__FIELD__VALUE_TEXT ? field->text : NULL;
}

// A text that every record of the kind has.
static const char *need(const Weft__Record *record, const char *key)
{
	const char *text = text_of(record, key);

	return text ? text : "";
}

static bool is_noun(const Weft__Record *record, const char *noun)
{
	return strcmp(need(record, "noun"), noun) == 0;
}

// What no YAML takes for anything but a text, in any place.
static bool is_plain(const char *text)
{
	if (!isalpha((unsigned char)*text) && !isdigit((unsigned char)*text))
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._/%-", *c))
			return false;
	return true;
}

void export_text(FILE *out, const char *text)
{
	if (is_plain(text)) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void print_value(FILE *out, const struct schema_key *key, const Weft__Field *field)
{
	char text[64];

	switch (field->value_case) {
	case WEFT__FIELD__VALUE_TEXT:
		export_text(out, field->text);
		break;
	case WEFT__FIELD__VALUE_FLAG:
		fputs(field->flag ? "true" : "false", out);
		break;
	case WEFT__FIELD__VALUE_NUMBER:
		scalar_format(key->kind, field->number, text, sizeof(text));
		fputs(text, out);
		break;
	case WEFT__FIELD__VALUE_LIST:
		fputc('[', out);
		for (size_t i = 0; i < field->list->n_items; i++) {
			fputs(i ? ", " : "", out);
			print_value(out, key, field->list->items[i]);
		}
		fputc(']', out);
		break;
	default:
		fputs("none", out);
		break;
	}
}

// A key, with a comma before it unless it is the first.
static void begin_key(FILE *out, const char *key, bool *any)
{
	fprintf(out, "%s%s: ", *any ? ", " : "", key);
	*any = true;
}

// The fields that keys of the object fill, but those between spaces in `but`.
static void print_fields(const struct export *export, const struct schema_object *object,
                         const Weft__Record *record, const char *but, bool *any)
{
	for (const struct schema_key *key = object->keys; key->name; key++) {
		const Weft__Field *field = key->field ? record_find(record, key->field) : NULL;
		const char *skip = field ? strstr(but, key->field) : NULL;
		size_t len = field ? strlen(key->field) : 0;

		if (!field ||
		    (skip && (skip == but || skip[-1] == ' ') && (!skip[len] || skip[len] == ' ')))
			continue;
		begin_key(export->out, key->name, any);
		print_value(export->out, key, field);
	}
}

static const struct schema_object *object_of(const char *key)
{
	return schema_key(&schema_topology, key)->object;
}

static void print_heading(const struct export *export, const char *key, bool *any)
{
	if (!*any)
		fprintf(export->out, "%s:\n", key);
	*any = true;
}

// Objects that are keys and values and no more.
static void print_plain(const struct export *export, const char *noun, const char *key)
{
	bool any = false;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		const char *router = text_of(record, "router");
		bool inner = false;

		if (!is_noun(record, noun))
			continue;
		print_heading(export, key, &any);
		fprintf(export->out, "  ");
		export_text(export->out, need(record, "name"));
		fprintf(export->out, ": {");
		print_fields(export, object_of(key), record,
		             router && strcmp(router, "gw") == 0 ? "router" : "", &inner);
		fprintf(export->out, "}\n");
	}
}

static void print_routes(const struct export *export, const char *router, bool *outer)
{
	bool any = false;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		const char *via = text_of(record, "via");

		if (!is_noun(record, "route") || strcmp(need(record, "router"), router) != 0)
			continue;
		if (any) {
			fprintf(export->out, ", ");
		} else {
			begin_key(export->out, "routes", outer);
			fprintf(export->out, "{");
		}
		any = true;
		export_text(export->out, need(record, "prefix"));
		fprintf(export->out, ": ");
		export_text(export->out, via ? via : "blackhole");
	}
	if (any)
		fprintf(export->out, "}");
}

static void print_routers(const struct export *export)
{
	bool any = false;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		bool inner;

		if (!is_noun(record, "router"))
			continue;
		print_heading(export, "routers", &any);
		fprintf(export->out, "  ");
		export_text(export->out, need(record, "name"));
		fprintf(export->out, ": {");
		inner = false;
		print_fields(export, object_of("routers"), record, "", &inner);
		print_routes(export, need(record, "name"), &inner);
		fprintf(export->out, "}\n");
	}
}

// What is wrong with the port or the link, one direction after the other.
static void print_impairments(const struct export *export, const char *field, const char *name,
                              const char *prefix, bool *any)
{
	const struct schema_object *schema =
		schema_key(schema_key(&schema_topology, "links")->object, "impair")->object;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		const char *its = is_noun(record, "impair") ? text_of(record, field) : NULL;
		char key[64];
		bool inner = false;

		if (!its || strcmp(its, name) != 0)
			continue;
		snprintf(key, sizeof(key), "%s%s", prefix, need(record, "direction"));
		begin_key(export->out, key, any);
		fputc('{', export->out);
		print_fields(export, schema, record, "", &inner);
		fputc('}', export->out);
	}
}

// Who is at the end of the link: the guest with its interface, or the port itself.
static const Weft__Record *end_of(const struct export *export, const char *link, const char *end)
{
	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		const char *its = is_noun(record, "port") ? text_of(record, "link") : NULL;

		if (its && strcmp(its, link) == 0 && strcmp(need(record, "end"), end) == 0)
			return record;
	}
	return NULL;
}

static void print_end(const struct export *export, const char *link, const char *end, bool *any)
{
	const Weft__Record *port = end_of(export, link, end);
	const char *guest = port ? text_of(port, "guest") : NULL;
	const Weft__Field *addresses = port ? record_find(port, "addresses") : NULL;
	char key[32];

	if (!port)
		return;
	begin_key(export->out, end, any);
	if (guest)
		fprintf(export->out, "\"%s:%s\"", guest, need(port, "ifname"));
	else
		export_text(export->out, need(port, "name"));
	if (!addresses)
		return;
	snprintf(key, sizeof(key), "%s-address", end);
	begin_key(export->out, key, any);
	print_value(export->out, &(struct schema_key){.kind = SCHEMA_PREFIX}, addresses);
}

static void print_links(const struct export *export)
{
	bool any = false;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i], *a;
		const char *name = need(record, "name");
		bool inner = false;

		if (!is_noun(record, "link"))
			continue;
		print_heading(export, "links", &any);
		fprintf(export->out, "  ");
		export_text(export->out, name);
		fprintf(export->out, ": {");
		print_end(export, name, "a", &inner);
		print_end(export, name, "b", &inner);
		a = end_of(export, name, "a");
		if (a && record_find(a, "mtu")) {
			begin_key(export->out, "mtu", &inner);
			fprintf(export->out, "%" PRIu64, record_number(a, "mtu"));
		}
		print_impairments(export, "link", name, "", &inner);
		print_fields(export, object_of("links"), record, "", &inner);
		fprintf(export->out, "}\n");
	}
}

static const Weft__Record *port_of(const struct export *export, const char *guest, size_t *cursor)
{
	for (; *cursor < export->count; ++*cursor) {
		const Weft__Record *record = export->records[*cursor];
		const char *its = is_noun(record, "port") ? text_of(record, "guest") : NULL;

		if (its && strcmp(its, guest) == 0 && !text_of(record, "link")) {
			++*cursor;
			return record;
		}
	}
	return NULL;
}

// The fields of one card. An address that is none must be said to be, since one is chosen otherwise.
static void print_nic(const struct export *export, const Weft__Record *port, bool dhcp, bool *any)
{
	print_fields(export, object_of("guests"), port, "ifname", any);
	if (!text_of(port, "ip") && text_of(port, "net")) {
		begin_key(export->out, "ip", any);
		fprintf(export->out, "%s", dhcp ? "dhcp" : "none");
	}
	print_impairments(export, "port", need(port, "name"), "impair-", any);
}

static void print_ns(const struct export *export, const Weft__Record *guest)
{
	const char *name = need(guest, "name");
	const Weft__Field *fixed = record_find(guest, "static_ip");
	bool dhcp = !fixed || !fixed->flag, any = false, inner = false;
	size_t cursor = 0;
	const Weft__Record *port = port_of(export, name, &cursor);
	const Weft__Record *second = port ? port_of(export, name, &cursor) : NULL;
	bool alone = port && !second && strcmp(need(port, "name"), name) == 0 &&
	             strcmp(need(port, "ifname"), "eth0") == 0;

	fprintf(export->out, "  ");
	export_text(export->out, name);
	fprintf(export->out, ": {");
	// That it has an address put on it is the rule.
	print_fields(export, object_of("guests"), guest, dhcp ? "kind" : "kind static_ip", &any);
	if (alone) {
		print_nic(export, port, dhcp, &any);
	} else if (port) {
		begin_key(export->out, "nics", &any);
		any = false;
		fprintf(export->out, "{");
		cursor = 0;
		while ((port = port_of(export, name, &cursor))) {
			begin_key(export->out, need(port, "ifname"), &any);
			fprintf(export->out, "{");
			inner = false;
			print_nic(export, port, dhcp, &inner);
			fprintf(export->out, "}");
		}
		fprintf(export->out, "}");
	}
	fprintf(export->out, "}\n");
}

// Machines and interfaces are ports without a guest.
static void print_port(const struct export *export, const Weft__Record *port)
{
	const char *attach = need(port, "attach"), *path = text_of(port, "vhost_path");
	bool any = true, own;
	char socket[160];

	snprintf(socket, sizeof(socket), "%s.%s.vu", export->lab, need(port, "name"));
	own = path && strcmp(path, socket) == 0;
	fprintf(export->out, "  ");
	export_text(export->out, need(port, "name"));
	fprintf(export->out, ": {kind: %s",
	        strcmp(attach, "vhost") == 0 ? "vm"
	        : strcmp(attach, "tap") == 0 ? "tap"
	                                     : "external");
	print_fields(export, object_of("guests"), port, own ? "kind vhost_path" : "kind", &any);
	print_impairments(export, "port", need(port, "name"), "impair-", &any);
	fprintf(export->out, "}\n");
}

static void print_guests(const struct export *export)
{
	bool any = false;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		bool port = is_noun(record, "port") && !text_of(record, "guest");

		// The namespace of a host is the host's.
		if ((!is_noun(record, "guest") && !port) ||
		    (!port && strcmp(need(record, "kind"), "host") == 0))
			continue;
		print_heading(export, "guests", &any);
		if (port)
			print_port(export, record);
		else
			print_ns(export, record);
	}
}

// The second port of a host's namespace, if there is one.
static void print_backup(const struct export *export, const Weft__Record *port, bool *inner)
{
	if (!port)
		return;
	begin_key(export->out, "backup-net", inner);
	export_text(export->out, need(port, "net"));
	begin_key(export->out, "backup", inner);
	export_text(export->out, need(port, "ip"));
}

static void print_hosts(const struct export *export)
{
	bool any = false;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i], *port;
		bool inner = false;
		size_t cursor = 0;

		if (!is_noun(record, "host"))
			continue;
		print_heading(export, "hosts", &any);
		fprintf(export->out, "  ");
		export_text(export->out, need(record, "name"));
		fprintf(export->out, ": {");
		port = strcmp(need(record, "kind"), "ns") == 0
		               ? port_of(export, need(record, "name"), &cursor)
		               : NULL;
		if (port) {
			print_fields(export, object_of("hosts"), port, "", &inner);
			print_backup(export, port_of(export, need(record, "name"), &cursor),
			             &inner);
		} else {
			begin_key(export->out, "remote", &inner);
			fprintf(export->out, "true");
		}
		print_fields(export, object_of("hosts"), record, "", &inner);
		fprintf(export->out, "}\n");
	}
}

static void print_forwards(const struct export *export)
{
	bool any = false, inner;

	for (size_t i = 0; i < export->count; i++) {
		const Weft__Record *record = export->records[i];
		const char *guest, *inside;
		bool six;

		if (!is_noun(record, "forward"))
			continue;
		print_heading(export, "forwards", &any);
		guest = text_of(record, "guest");
		inside = guest ? guest : text_of(record, "inside");
		inside = inside ? inside : "";
		six = strchr(inside, ':');
		inner = true;
		fprintf(export->out, "  - {map: \"%" PRIu64 ":%s%s%s:%" PRIu64 "\"",
		        record_number(record, "outside_port"), six ? "[" : "", inside,
		        six ? "]" : "", record_number(record, "inside_port"));
		print_fields(export, object_of("forwards"), record, "", &inner);
		fprintf(export->out, "}\n");
	}
}

// One test; those that it watches are within it.
static void print_test(const struct export *export, const struct schema_object *tests,
                       const Weft__Record *test)
{
	const char *kind = need(test, "kind");
	const struct schema_object *object = schema_key(tests, kind)->object;
	const Weft__Field *duration = record_find(test, "duration_ms");
	const Weft__Field *blocked = record_find(test, "blocked");
	const Weft__Field *inner = record_find(test, "tests");
	bool any = false;
	char text[32];

	fprintf(export->out, "{%s: {", kind);
	print_fields(export, object, test, "", &any);
	if (blocked && blocked->flag) {
		begin_key(export->out, "expect", &any);
		fprintf(export->out, "blocked");
	}
	if (duration) {
		begin_key(export->out, "duration", &any);
		scalar_format(SCHEMA_TIME, duration->number * USEC_PER_MSEC, text, sizeof(text));
		fprintf(export->out, "%s", text);
	}
	if (inner) {
		begin_key(export->out, "tests", &any);
		fprintf(export->out, "[");
		for (size_t i = 0; i < inner->list->n_items; i++) {
			fprintf(export->out, i ? ", " : "");
			print_test(export, schema_key(object, "tests")->object,
			           inner->list->items[i]->record);
		}
		fprintf(export->out, "]");
	}
	fprintf(export->out, "}}");
}

static void print_tests(const struct export *export, const Weft__Record *lab)
{
	const Weft__Field *tests = lab ? record_find(lab, "tests") : NULL;

	if (tests)
		fprintf(export->out, "tests:\n");
	for (size_t i = 0; tests && i < tests->list->n_items; i++) {
		fprintf(export->out, "  - ");
		print_test(export, object_of("tests"), tests->list->items[i]->record);
		fprintf(export->out, "\n");
	}
}

void export_print(FILE *out, const char *lab, Weft__Record *const *records, size_t count)
{
	struct export export = {.out = out, .lab = lab, .records = records, .count = count};
	const Weft__Record *own = NULL;

	for (size_t i = 0; i < count; i++)
		if (is_noun(records[i], "lab"))
			own = records[i];
	fprintf(out, "lab: ");
	export_text(out, lab);
	fprintf(out, "\n");
	if (own && text_of(own, "description")) {
		fprintf(out, "description: ");
		export_text(out, text_of(own, "description"));
		fprintf(out, "\n");
	}
	print_hosts(&export);
	print_plain(&export, "net", "nets");
	print_plain(&export, "tunnel", "tunnels");
	print_plain(&export, "peer", "peers");
	print_routers(&export);
	print_guests(&export);
	print_links(&export);
	print_forwards(&export);
	print_plain(&export, "flow", "flows");
	print_plain(&export, "lease", "reservations");
	print_plain(&export, "dns", "dns");
	print_tests(&export, own);
}
