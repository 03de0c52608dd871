// SPDX-License-Identifier: BSD-3-Clause
//
// api_list: which list is answered by whom, and how the instance itself is.

#include "controller/access.h"
#include "controller/api_priv.h"

#include "base/clock.h"
#include "base/suggest.h"
#include "controller/scope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *what;
	Weft__QueryWhat query;
} live[] = {
	{"port", WEFT__QUERY_WHAT__QUERY_PORTS},
	{"tunnel", WEFT__QUERY_WHAT__QUERY_PORTS},
	{"peer", WEFT__QUERY_WHAT__QUERY_PORTS},
	{"flow", WEFT__QUERY_WHAT__QUERY_FLOW_RULES},
	{"impair", WEFT__QUERY_WHAT__QUERY_IMPAIRMENTS},
	{"net", WEFT__QUERY_WHAT__QUERY_NAT_RULES},
	{"forward", WEFT__QUERY_WHAT__QUERY_FORWARDS},
	{"conn", WEFT__QUERY_WHAT__QUERY_CONNS},
	{"fdb", WEFT__QUERY_WHAT__QUERY_FDB},
	{"neighbour", WEFT__QUERY_WHAT__QUERY_NEIGHBOURS},
	{"drops", WEFT__QUERY_WHAT__QUERY_DROPS},
	{"worker", WEFT__QUERY_WHAT__QUERY_WORKERS},
	{"flow-cache", WEFT__QUERY_WHAT__QUERY_FLOW_CACHE},
	{"summary", WEFT__QUERY_WHAT__QUERY_SUMMARY},
};

static const char *const others[] = {"address", "history", "events"};

static void refuse_what(struct question *question, const char *what)
{
	struct refusal refusal = {0};
	struct suggest suggest;

	suggest_init(&suggest, what);
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		suggest_consider(&suggest, noun_word(noun));
	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		suggest_consider(&suggest, live[i].what);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		suggest_consider(&suggest, others[i]);
	refuse(&refusal, -ENOENT, "list", "what", "there is no list of '%s'", what);
	if (suggest.best)
		fail_hint(&refusal.fail, "did you mean '%s'?", suggest.best);
	question_refuse(question, &refusal);
}

// A name that was asked for and is not there is an error, unlike an empty list.
static void answer_named(struct question *question, enum noun noun, const char *name)
{
	struct refusal refusal = {0};
	char key[KEY_SIZE];

	if (!name || question->record_count > 0) {
		question_answer(question);
		return;
	}
	noun_key(key, noun, name);
	model_unknown(&question->api->env.control->model, key, NULL, noun, name, &refusal);
	question_refuse(question, &refusal);
}

static void list_noun(struct question *question, enum noun noun, const Weft__List *list)
{
	if (noun == NOUN_LEASE)
		api_list_leases(question, list->name, list->net);
	else if (noun == NOUN_ROUTER)
		api_list_routers(question, list->name);
	else if (noun == NOUN_HOST)
		api_list_hosts(question, list->name);
	else
		api_list_nouns(question, noun, list->name, list->net);
	answer_named(question, noun, list->name);
}

void api_resolve(const struct model *model, enum noun noun, char **name)
{
	const char *meant = scope_resolve(model, noun, *name);
	char *copy = meant == *name ? NULL : strdup(meant);

	if (!copy)
		return;
	free(*name);
	*name = copy;
}

void api_list(struct question *question)
{
	Weft__List *list = question->request->list;
	enum noun noun = noun_from_word(list->what);
	const struct model *model = &question->api->env.control->model;

	// Leases have names of their own, and addresses are names.
	if (list->name && noun != NOUN_LEASE && strcmp(list->what, "address") != 0)
		api_resolve(model, noun == NOUN_NONE ? NOUN_PORT : noun, &list->name);
	if (list->net)
		api_resolve(model, NOUN_NET, &list->net);

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
		if (strcmp(list->what, live[i].what) != 0)
			continue;
		api_query(question, live[i].query);
		return;
	}
	if (noun != NOUN_NONE) {
		list_noun(question, noun, list);
	} else if (strcmp(list->what, "address") == 0) {
		api_list_addresses(question, list->name, list->net);
		question_answer(question);
	} else if (strcmp(list->what, "history") == 0) {
		api_list_history(question);
	} else if (strcmp(list->what, "events") == 0) {
		api_list_events(question);
	} else {
		refuse_what(question, list->what);
	}
}

static int add_changed(void *user, const char *noun, const char *name, const void *before,
                       size_t before_len, const void *after, size_t after_len)
{
	char text[KEY_SIZE + 4];

	snprintf(text, sizeof(text), "%c %s/%s", !before ? '+' : !after ? '-' : '~', noun, name);
	record_append(user, "changes", text);
	return 0;
}

static const char *state_word(enum revision_state state)
{
	switch (state) {
	case REVISION_PENDING:
		return "pending";
	case REVISION_UNCONFIRMED:
		return "unconfirmed";
	case REVISION_UNDONE:
		return "undone";
	default:
		return "done";
	}
}

static void add_revision(void *user, const struct revision *revision)
{
	struct question *question = user;
	Weft__Record *record = record_new();
	struct fail fail = {0};

	record_number(record, "revision", revision->number);
	record_number(record, "time", (uint64_t)revision->time);
	record_number(record, "uid", revision->uid);
	record_text(record, "user", revision->uid == 0 ? "root" : NULL);
	record_text(record, "command", revision->command);
	record_text(record, "state", state_word(revision->state));
	record_list(record, "changes");
	if (record)
		store_changes(question->api->env.control->store, revision->number, add_changed,
		              record, &fail);
	question_add(question, record);
}

void api_list_history(struct question *question)
{
	const Weft__List *list = question->request->list;
	struct refusal refusal = {0};

	if (store_history(question->api->env.control->store, list->has_limit ? list->limit : 100,
	                  add_revision, question, &refusal.fail) < 0)
		question_refuse(question, &refusal);
	else
		question_answer(question);
}

void api_list_events(struct question *question)
{
	const struct api *api = question->api;
	uint64_t limit =
		question->request->list->has_limit ? question->request->list->limit : EVENTS_KEPT;
	uint64_t first = api->event_count > EVENTS_KEPT ? api->event_count - EVENTS_KEPT : 0;

	if (api->event_count - first > limit)
		first = api->event_count - limit;
	for (uint64_t i = first; i < api->event_count; i++)
		question_add(question, api_event_record(&api->events[i % EVENTS_KEPT]));
	question_answer(question);
}

// With more than the local one: how many there are, and which are away.
static void add_hosts(const struct control *control, Weft__Record *record)
{
	const struct host *host;
	size_t cursor = 0;

	record_number(record, "hosts", control->hosts.by_name.count);
	if (control->hosts.by_name.count < 2)
		return;
	record_list(record, "hosts_away");
	while ((host = hosts_next(&control->hosts, &cursor)))
		if (host_state(host) != HOST_READY)
			record_append(record, "hosts_away", host_name(host));
}

void api_status(struct question *question)
{
	struct api *api = question->api;
	const struct control *control = api->env.control;
	Weft__Record *record = record_new();
	char instance[33];

	for (unsigned i = 0; i < 16; i++)
		snprintf(instance + 2 * i, 3, "%02x", control->model.instance.uuid[i]);
	record_number(record, "pid", (uint64_t)getpid());
	record_text(record, "instance", instance);
	record_number(record, "revision", control->revision);
	record_text(record, "run_dir", api->env.run_dir);
	record_text(record, "state_dir", api->env.state_dir);
	record_text(record, "listen", access_address(api->env.access));
	if (control->open.why == OPEN_UNCONFIRMED) {
		int64_t left = control->open.deadline - (int64_t)(clock_wall() / NSEC_PER_SEC);

		record_number(record, "confirm_left_seconds", left > 0 ? (uint64_t)left : 0);
	}
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		if (noun != NOUN_HOST)
			record_number(record, noun_word(noun), model_count(&control->model, noun));
	add_hosts(control, record);
	record_record(record, "host", api_host_record(api, control->hosts.local));
	question_add(question, record);
	// The datapath's own summary joins it, or the answer goes without.
	api_query(question, WEFT__QUERY_WHAT__QUERY_SUMMARY);
}
