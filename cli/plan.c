// SPDX-License-Identifier: BSD-3-Clause
//
// plan: the controller's records, put so that a person sees what it means.
//
// A guest and the port that comes and goes with it are one thing to a person, so the port is told of only
// when it is alone. What an interface is made of cannot change under a guest unnoticed: then the line says
// that it is made anew.

#include "cli/plan.h"

#include "cli/record.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// Fields whose change makes a port close and open again.
static const char *const remaking[] = {
	"attach",     "ifname",     "netns",        "guest",     "mac",
	"ip",         "ip6",        "mtu",          "queues",    "offload_off",
	"pcap_write", "vhost_path", "vhost_server", "pcap_read", NULL,
};

static const char *const adjusted[] = {"mac", "ip", "ip6", "mtu", NULL};

static const char *text_of(const Weft__Record *record, const char *key)
{
	const Weft__Field *field = record_find(record, key);

	return field && field->value_case == WEFT__FIELD__VALUE_TEXT ? field->text : NULL;
}

static const char *drop_lab(const char *lab, const char *name)
{
	size_t len = strlen(lab);

	return strncmp(name, lab, len) == 0 && name[len] == '.' ? name + len + 1 : name;
}

// "port/two.h1" as "port h1".
static void say_object(const char *lab, const char *object, char *buf, size_t size)
{
	const char *slash = strchr(object, '/');

	if (slash)
		snprintf(buf, size, "%.*s %s", (int)(slash - object), object,
		         drop_lab(lab, slash + 1));
	else
		snprintf(buf, size, "%s", object);
}

// Whether the guest comes or goes in the same plan, by the same verb.
static bool goes_with_guest(const Weft__Reply *reply, const Weft__Record *record)
{
	const char *guest = text_of(record, "guest"), *verb = text_of(record, "verb");
	char object[256];

	if (!guest || strcmp(verb, "set") == 0)
		return false;
	snprintf(object, sizeof(object), "guest/%s", guest);
	for (size_t i = 0; i < reply->n_records; i++) {
		const char *other = text_of(reply->records[i], "object");

		if (other && strcmp(other, object) == 0 &&
		    strcmp(text_of(reply->records[i], "verb"), verb) == 0)
			return true;
	}
	return false;
}

// A guest that we make keeps its interface when these change.
static bool is_adjusted(const Weft__Record *record, const char *field)
{
	for (size_t i = 0; text_of(record, "guest") && adjusted[i]; i++)
		if (strcmp(adjusted[i], field) == 0)
			return true;
	return false;
}

static bool is_remaking(const char *object, const Weft__Record *record, const char *field)
{
	if (is_adjusted(record, field))
		return false;
	for (size_t i = 0; strncmp(object, "port/", 5) == 0 && remaking[i]; i++)
		if (strcmp(remaking[i], field) == 0)
			return true;
	return false;
}

// What stands behind the line in brackets.
static void print_end(const char *lab, const Weft__Record *last, bool remade)
{
	const char *verb = text_of(last, "verb"), *guest = text_of(last, "guest");
	bool by_hand = record_find(last, "by_hand");

	if (strcmp(verb, "set") == 0)
		printf(" (%s%s)", remade ? "its interface is made anew" : "in place",
		       by_hand ? "; changed by hand" : "");
	else if (strcmp(verb, "delete") == 0 && guest)
		printf(" (guest '%s' loses it%s)", drop_lab(lab, guest),
		       by_hand ? "; added by hand" : "");
	else if (by_hand)
		printf(" (%s by hand)", strcmp(verb, "add") == 0 ? "removed" : "added");
	printf("\n");
}

static void print_value(const char *lab, const char *value)
{
	printf("%s", value ? drop_lab(lab, value) : "none");
}

// All records of one object, which follow each other. Returns how many.
static size_t print_object(const char *lab, const Weft__Reply *reply, size_t first)
{
	const char *object = text_of(reply->records[first], "object");
	const char *verb = text_of(reply->records[first], "verb");
	bool remade = false, hidden = goes_with_guest(reply, reply->records[first]);
	char said[256];
	size_t at = first;

	say_object(lab, object, said, sizeof(said));
	if (!hidden)
		printf("%c %s",
		       strcmp(verb, "add") == 0      ? '+'
		       : strcmp(verb, "delete") == 0 ? '-'
		                                     : '~',
		       said);
	for (; at < reply->n_records; at++) {
		const Weft__Record *record = reply->records[at];
		const char *field = text_of(record, "field");

		if (!text_of(record, "object") || strcmp(text_of(record, "object"), object) != 0 ||
		    strcmp(text_of(record, "verb"), verb) != 0)
			break;
		if (!field)
			continue;
		printf("%s %s ", at > first ? "," : "", field);
		print_value(lab, text_of(record, "before"));
		printf(" -> ");
		print_value(lab, text_of(record, "after"));
		remade = remade || is_remaking(object, record, field);
	}
	if (!hidden)
		print_end(lab, reply->records[at - 1], remade);
	return at - first;
}

// What every apply of the lab changes in its own object says nothing.
static bool is_stamp(const Weft__Record *record)
{
	const char *field = text_of(record, "field");

	return strncmp(text_of(record, "object"), "lab/", 4) == 0 &&
	       (!field || strcmp(field, "applied") == 0 || strcmp(field, "file") == 0);
}

void plan_print(const char *lab, const Weft__Reply *reply)
{
	char said[256];

	for (size_t i = 0; i < reply->n_records;) {
		const Weft__Record *record = reply->records[i];
		const char *object = text_of(record, "object"), *verb = text_of(record, "verb");

		if (!object || !verb || is_stamp(record)) {
			i++;
		} else if (strcmp(verb, "drift") == 0) {
			say_object(lab, object, said, sizeof(said));
			printf("! %s: %s\n", said,
			       text_of(record, "text") ? text_of(record, "text") : "");
			i++;
		} else {
			i += print_object(lab, reply, i);
		}
	}
}
