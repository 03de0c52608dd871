// SPDX-License-Identifier: BSD-3-Clause
//
// topology_test: what is expected of the lab, kept in the lab's own object.

#include "cli/topology.h"

#include "base/fail.h"
#include "cli/probe_http.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USEC_PER_MSEC = 1000 };

static Weft__LabTest *append_test(Weft__LabTest ***tests, size_t *count, struct fail *fail)
{
	Weft__LabTest **more = realloc(*tests, (*count + 1) * sizeof(*more));
	Weft__LabTest *test = calloc(1, sizeof(*test));

	if (more)
		*tests = more;
	if (!more || !test) {
		free(test);
		fail_set(fail, -ENOMEM, "out of memory");
		return NULL;
	}
	weft__lab_test__init(test);
	more[(*count)++] = test;
	return test;
}

static int take_test(struct topology *topology, const struct schema_object *schema,
                     const struct yaml_node *node, Weft__LabTest *test, struct fail *fail);

static int take_watched(struct topology *topology, const struct schema_object *schema,
                        const struct yaml_node *node, Weft__LabTest *test, struct fail *fail)
{
	const struct schema_key *key = schema_key(schema, "tests");
	const struct yaml_node *tests = yaml_get(node, "tests");
	size_t count = !tests ? 0 : tests->kind == YAML_LIST ? tests->count : 1;

	if (tests && !count)
		return yaml_refuse(&tests->place, fail, "during: nothing is watched meanwhile");
	for (size_t i = 0; i < count; i++) {
		Weft__LabTest *inner = append_test(&test->tests, &test->n_tests, fail);

		if (!inner ||
		    take_test(topology, key->object,
		              tests->kind == YAML_LIST ? tests->items[i] : tests, inner, fail) < 0)
			return fail->code;
	}
	return 0;
}

static int check_port(const struct yaml_node *node, const char *kind, const Weft__LabTest *test,
                      struct fail *fail)
{
	bool ported = test->protocol &&
	              (strcmp(test->protocol, "tcp") == 0 || strcmp(test->protocol, "udp") == 0);

	if (ported && !test->has_port)
		return yaml_refuse(&node->place, fail, "%s: %s needs a port", kind, test->protocol);
	if (!ported && test->has_port && (strcmp(kind, "reach") == 0 || strcmp(kind, "trace") == 0))
		return yaml_refuse(&node->place, fail, "%s: a port needs protocol tcp or udp",
		                   kind);
	return 0;
}

// `weft test` may be run elsewhere: the path in the lab is that of the file's own folder, whole.
static int place_authorities(const struct yaml_node *body, Weft__LabTest *test, struct fail *fail)
{
	const struct yaml_node *node = yaml_get(body, "ca");
	const char *file = node ? node->place.file : "", *slash = strrchr(file, '/');
	char *folder, *path;
	int len;

	if (!test->ca || test->ca[0] == '/')
		return 0;
	folder = file[0] == '/' ? strdup("") : getcwd(NULL, 0);
	if (!folder)
		return fail_set(fail, -errno, "the current folder has no path: %s",
		                strerror(errno));
	len = asprintf(&path, "%s%s%.*s%s", folder, *folder ? "/" : "",
	               slash ? (int)(slash - file) + 1 : 0, file, test->ca);
	free(folder);
	if (len < 0)
		return fail_set(fail, -ENOMEM, "out of memory");
	free(test->ca);
	test->ca = path;
	return 0;
}

static int check_web(const struct yaml_node *node, const struct yaml_node *body,
                     const Weft__LabTest *test, struct fail *fail)
{
	struct probe_http_question *question = test->url ? calloc(1, sizeof(*question)) : NULL;
	bool is_url = !question || probe_http_parse(test->url, question) == 0;

	free(question);
	if (!is_url) {
		yaml_refuse(&yaml_get(body, "url")->place, fail, "url: '%s' is no page", test->url);
		fail_hint(fail, "write it as http://HOST[:PORT]/PATH, or https");
		return -EINVAL;
	}
	if (test->ca && test->insecure)
		return yaml_refuse(&node->place, fail,
		                   "http: with insecure nobody asks for the authorities of ca");
	if ((test->ca || test->insecure) && test->url && strncmp(test->url, "https://", 8) != 0)
		return yaml_refuse(&node->place, fail, "http: %s is for an https:// url",
		                   test->ca ? "ca" : "insecure");
	return 0;
}

// One key, the kind, with what is said of it.
static int take_test(struct topology *topology, const struct schema_object *schema,
                     const struct yaml_node *node, Weft__LabTest *test, struct fail *fail)
{
	const char *kind = node->keys[0]->text;
	const struct yaml_node *body = node->items[0];
	const struct schema_object *object = schema_key(schema, kind)->object;
	const char *expect = yaml_text(body, "expect"), *duration = yaml_text(body, "duration");
	struct scalar time;

	if (topology_set(&test->base, "kind", kind, fail) < 0 ||
	    topology_fill(topology, object, body, &test->base, fail) < 0 ||
	    take_watched(topology, object, body, test, fail) < 0)
		return fail->code;
	test->has_blocked = test->blocked = expect && strcmp(expect, "blocked") == 0;
	if (duration && scalar_read(schema_key(object, "duration"), duration, &time, fail) == 0) {
		test->has_duration_ms = true;
		test->duration_ms = (uint32_t)(time.number / USEC_PER_MSEC);
	}
	if (place_authorities(body, test, fail) < 0 || check_web(node, body, test, fail) < 0)
		return fail->code;
	return check_port(node, kind, test, fail);
}

int topology_take_tests(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	const struct schema_object *schema = schema_key(&schema_topology, "tests")->object;
	Weft__Lab *lab = topology->objects[0]->lab_body;
	size_t count = node->kind == YAML_LIST ? node->count : node->kind == YAML_MAP;

	snprintf(topology->current, sizeof(topology->current), "lab/%s", topology->lab);
	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node->kind == YAML_LIST ? node->items[i] : node;
		Weft__LabTest *test =
			item->broken ? NULL : append_test(&lab->tests, &lab->n_tests, fail);

		if (item->broken)
			continue;
		if (!test || (take_test(topology, schema, item, test, fail) < 0 &&
		              topology_go_on(topology, fail->code, fail) < 0))
			return fail->code;
	}
	return 0;
}
