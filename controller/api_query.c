// SPDX-License-Identifier: BSD-3-Clause
//
// api_query: what only the datapaths know, asked page by page of each and put in the user's names.
//
// A row's columns are the datapath's; ids become names on the way. Ports, flow rules, nets and forwards
// are listed from the intent, and what is live is added to them, so a port that could not be opened is in
// the list with its reason.

#include "controller/api_priv.h"

#include "base/stream.h"
#include "controller/derive_mesh.h"
#include "controller/derive_unit.h"
#include "controller/frame_text.h"
#include "controller/model_guest.h"
#include "controller/model_host.h"
#include "controller/model_place.h"
#include "controller/virtio_text.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE_ROWS = 1000, ROWS_MOST = 20000, COLUMNS_MOST = 64, PATIENCE_S = 5, REST_S = 1 };

// What one host is asked.
struct branch {
	struct fanout *fanout;
	struct host *host;
	char **columns;
	size_t column_count;
	unsigned left; // Rows still wanted of it.
};

struct fanout {
	struct question *question;
	Weft__QueryWhat what;
	uint64_t object;
	unsigned limit;     // Rows wanted.
	struct event *late; // Fires when a page takes too long.
	struct branch *branches;
	size_t branch_count, open; // Hosts, and how many have more to tell.
	bool named;                // Rows say which host they are of.
	enum noun noun;            // Whose list it is added to; NOUN_NONE: a list of its own.
	struct table listed;       // name -> record of the list
};

static void ask_page(struct branch *branch, uint64_t cursor, bool has_cursor);

void api_query_forget(struct question *question)
{
	struct fanout *fanout = question->fanout;

	if (!fanout)
		return;
	if (fanout->late)
		event_free(fanout->late);
	for (size_t i = 0; i < fanout->branch_count; i++) {
		struct branch *branch = &fanout->branches[i];

		hosts_forget(&question->api->env.control->hosts, branch);
		for (size_t j = 0; j < branch->column_count; j++)
			free(branch->columns[j]);
		free(branch->columns);
	}
	free(fanout->branches);
	table_fini(&fanout->listed);
	free(fanout);
	question->fanout = NULL;
}

static uint64_t time_of(const Weft__Record *record)
{
	const Weft__Field *time = record_find(record, "time");

	return time ? time->number : 0;
}

static const char *host_of(const Weft__Record *record)
{
	const Weft__Field *host = record_find(record, "host");

	return host ? host->text : "";
}

// Newest first, as each host tells them; what has no time stays by host. The sort is not stable, so
// equal ones are told apart by where they came from.
static int compare_rows(const void *left, const void *right)
{
	const Weft__Record *a = *(Weft__Record *const *)left, *b = *(Weft__Record *const *)right;

	if (time_of(a) != time_of(b))
		return time_of(a) < time_of(b) ? 1 : -1;
	return strcmp(host_of(a), host_of(b));
}

// Of rows of several hosts, as many as were asked for of one.
static void merge(struct fanout *fanout)
{
	struct question *question = fanout->question;

	if (fanout->what == WEFT__QUERY_WHAT__QUERY_DROPS && question->record_count > 1)
		qsort(question->records, question->record_count, sizeof(*question->records),
		      compare_rows);
	while (question->record_count > fanout->limit)
		record_free(question->records[--question->record_count]);
}

// One host has told all it has.
static void finish(struct fanout *fanout)
{
	struct question *question = fanout->question;

	if (--fanout->open > 0) {
		// Those that are still silent have the time of those that have told all, and a little more.
		const struct timeval rest = {.tv_sec = REST_S};

		event_add(fanout->late, &rest);
		return;
	}
	if (fanout->named && fanout->noun == NOUN_NONE)
		merge(fanout);
	api_query_forget(question);
	question_answer(question);
}

static const char replace_it[] =
	"its process is alive but hangs; 'weft down' and 'weft up' replace it";

// A datapath that hangs keeps nobody waiting: what is not its own to tell is told without it.
static void on_late(evutil_socket_t fd, short what, void *user)
{
	struct fanout *fanout = user;
	struct question *question = fanout->question;

	if (fanout->noun == NOUN_NONE && question->record_count == 0) {
		api_query_forget(question);
		question_fail(question, -ETIMEDOUT, "datapath", "the datapath does not answer",
		              replace_it);
		return;
	}
	if (question->request->body_case == WEFT__REQUEST__BODY_STATUS)
		record_text(question->records[0], "trouble", "the datapath does not answer");
	fanout->open = 1;
	finish(fanout);
}

// "port/h1" of an object that is desired, without the noun; or the bare number of one that is gone.
static void add_object(const struct branch *branch, Weft__Record *record, const char *column,
                       uint64_t id)
{
	const struct object *object = desired_get(host_desired(branch->host), id);
	const char *slash = object ? strchr(object->name, '/') : NULL;

	if (slash)
		record_text(record, column, slash + 1);
	else if (id)
		record_format(record, column, "#%016llx", (unsigned long long)id);
}

static void add_bytes(Weft__Record *record, const char *column, const Weft__Value *value)
{
	char text[IP_TEXT];
	struct mac mac;
	uint32_t be;

	if (value->value_case == WEFT__VALUE__VALUE_MAC && value->mac.len == 6) {
		memcpy(mac.b, value->mac.data, 6);
		record_text(record, column, mac_format(mac, text));
	} else if (value->value_case == WEFT__VALUE__VALUE_IP && value->ip.len == 4) {
		memcpy(&be, value->ip.data, 4);
		record_text(record, column, ip_format(ip_from4(be), text));
	} else if (value->value_case == WEFT__VALUE__VALUE_IP && value->ip.len == 16) {
		record_text(record, column, ip_format(ip_from6(value->ip.data), text));
	}
}

// What a machine's driver agreed on, by name.
static void add_features(Weft__Record *record, uint64_t features)
{
	unsigned bit = 0;
	const char *name;
	char buf[16];

	while ((name = virtio_text_next(features, &bit, buf)))
		record_append(record, "features", name);
}

static void add_value(const struct branch *branch, Weft__Record *record, const char *column,
                      const Weft__Value *value)
{
	switch (value->value_case) {
	case WEFT__VALUE__VALUE_TEXT:
		record_text(record, column, value->text);
		break;
	case WEFT__VALUE__VALUE_NUMBER:
		if (strcmp(column, "features") == 0)
			add_features(record, value->number);
		else
			record_number(record, column, value->number);
		break;
	case WEFT__VALUE__VALUE_FLAG:
		record_flag(record, column, value->flag);
		break;
	case WEFT__VALUE__VALUE_OBJECT:
		add_object(branch, record, column, value->object);
		break;
	case WEFT__VALUE__VALUE_SIGNED:
		record_format(record, column, "%lld", (long long)value->signed_);
		break;
	default:
		add_bytes(record, column, value);
	}
}

// A peer that was made for no intent: it joins two hosts of ours, and is listed beside those that were.
static Weft__Record *add_host_peer(const struct branch *branch, const struct object *object)
{
	struct question *question = branch->fanout->question;
	const struct model *model = &question->api->env.control->model;
	const char *asked = question->request->list->name;
	const char *far;
	Weft__Record *record;
	struct ip_addr ip;
	char text[IP_TEXT];

	if (branch->fanout->noun != NOUN_PEER || noun_of_key(object->name, &far) != NOUN_HOST ||
	    object->id != derive_mesh_peer_id(far) || (asked && strcmp(asked, object->name) != 0))
		return NULL;
	record = record_new();
	if (!record)
		return NULL;
	record_text(record, "name", object->name);
	record_text(record, "host", host_name(branch->host));
	if (model_host_address(model, far, true, &ip) || model_host_address(model, far, false, &ip))
		record_text(record, "remote", ip_format(ip, text));
	question_add(question, record);
	return record;
}

// What of the list a row speaks of: the first value that is an object.
static Weft__Record *listed_record(const struct branch *branch, const Weft__Row *row)
{
	const struct fanout *fanout = branch->fanout;

	for (size_t i = 0; i < row->n_values; i++) {
		const struct object *object;
		Weft__Record *record;
		const char *name;

		if (row->values[i]->value_case != WEFT__VALUE__VALUE_OBJECT)
			continue;
		object = desired_get(host_desired(branch->host), row->values[i]->object);
		if (object && noun_of_key(object->name, &name) == fanout->noun)
			return table_get_text(&fanout->listed, name);
		record = object ? add_host_peer(branch, object) : NULL;
		if (record)
			return record;
	}
	return NULL;
}

// The head of a dropped frame, in hexadecimal, said in words beside it.
static void add_packet(Weft__Record *record, const char *head)
{
	uint8_t frame[256];
	char text[200];
	size_t len = 0;
	unsigned byte;

	for (; len < sizeof(frame) && sscanf(head + 2 * len, "%2x", &byte) == 1; len++) {
		frame[len] = (uint8_t)byte;
		if (head[2 * len + 1] == '\0' || head[2 * len + 2] == '\0') {
			len++;
			break;
		}
	}
	frame_text(frame, len, text, sizeof(text));
	record_text(record, "packet", text);
}

// A net's NAT and a forward are an object for each family: what they count is added up.
static bool is_sum(const struct fanout *fanout, const Weft__Value *value)
{
	return (fanout->noun == NOUN_NET || fanout->noun == NOUN_FORWARD) &&
	       value->value_case == WEFT__VALUE__VALUE_NUMBER;
}

// What the columns about a machine's port mean to a person: whether it is there in one word, and how often a byte
// was copied on its way to it.
static void add_link(Weft__Record *record)
{
	const Weft__Field *connected = record_find(record, "connected");
	const Weft__Field *delivered = record_find(record, "delivered");
	const Weft__Field *copied = record_find(record, "copied");

	if (!connected)
		return;
	record_text(record, "link", connected->flag ? "connected" : "waiting");
	if (delivered && copied && delivered->number > 0)
		record_real(record, "copies_per_byte",
		            (double)copied->number / (double)delivered->number);
}

static void add_row(struct branch *branch, const Weft__Row *row)
{
	struct fanout *fanout = branch->fanout;
	bool listed = fanout->noun != NOUN_NONE;
	Weft__Record *record = listed ? listed_record(branch, row) : record_new();

	if (!record)
		return;
	if (!listed && fanout->named)
		record_text(record, "host", host_name(branch->host));
	for (size_t i = 0; i < row->n_values && i < branch->column_count; i++) {
		if (is_sum(fanout, row->values[i])) {
			record_add_number(record, branch->columns[i], row->values[i]->number);
			continue;
		}
		// The intent's own word comes first.
		if (listed && record_find(record, branch->columns[i]))
			continue;
		add_value(branch, record, branch->columns[i], row->values[i]);
		if (strcmp(branch->columns[i], "head") == 0 &&
		    row->values[i]->value_case == WEFT__VALUE__VALUE_TEXT)
			add_packet(record, row->values[i]->text);
	}
	if (fanout->noun == NOUN_PORT)
		add_link(record);
	if (listed)
		return;
	if (fanout->question->request->body_case == WEFT__REQUEST__BODY_STATUS &&
	    fanout->question->record_count > 0)
		record_record(fanout->question->records[0], "summary", record);
	else
		question_add(fanout->question, record);
}

static void take_columns(struct branch *branch, Weft__Rows *rows)
{
	if (branch->columns || rows->n_columns > COLUMNS_MOST)
		return;
	branch->columns = rows->columns;
	branch->column_count = rows->n_columns;
	rows->columns = NULL;
	rows->n_columns = 0;
}

static void on_rows(void *user, int err, const struct stream_frame *frame)
{
	struct branch *branch = user;
	struct fanout *fanout = branch->fanout;
	Weft__Rows *rows = NULL;
	uint64_t cursor;
	bool more;

	if (frame && frame->type == WEFT__FRAME_TYPE__FRAME_ROWS)
		rows = decode_message(&weft__rows__descriptor, frame->len, frame->body);
	if (!rows) {
		// Intent can be shown without what is live; the rest cannot.
		finish(fanout);
		return;
	}
	take_columns(branch, rows);
	for (size_t i = 0; i < rows->n_rows && branch->left > 0; i++, branch->left--)
		add_row(branch, rows->rows[i]);
	more = rows->has_cursor && branch->left > 0 && rows->n_rows > 0;
	cursor = rows->cursor;
	weft__rows__free_unpacked(rows, NULL);
	if (more)
		ask_page(branch, cursor, true);
	else
		finish(fanout);
}

static void ask_page(struct branch *branch, uint64_t cursor, bool has_cursor)
{
	struct fanout *fanout = branch->fanout;
	Weft__Query query = WEFT__QUERY__INIT;
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	event_add(fanout->late, &patience);
	query.what = fanout->what;
	query.has_object = fanout->object != 0;
	query.object = fanout->object;
	query.has_cursor = has_cursor;
	query.cursor = cursor;
	query.has_limit = true;
	query.limit = branch->left < PAGE_ROWS ? branch->left : PAGE_ROWS;
	if (host_ask(branch->host, WEFT__STREAM_ID__STREAM_QUERIES, WEFT__FRAME_TYPE__FRAME_QUERY,
	             &query.base, on_rows, branch) < 0)
		finish(fanout);
}

static void index_list(struct fanout *fanout)
{
	struct question *question = fanout->question;

	for (size_t i = 0; i < question->record_count; i++) {
		const Weft__Field *name = record_find(question->records[i], "name");

		if (name)
			table_put_text(&fanout->listed, name->text, question->records[i]);
	}
}

// The object that the rows are to be about. False: there is no such thing, and the refusal is sent.
static bool find_object(struct question *question, const char *name, uint64_t *ret,
                        const char **ret_host)
{
	const struct model *model = &question->api->env.control->model;
	const struct intent *port = model_find_port(model, name, NULL);
	const struct intent *net = model_get(model, NOUN_NET, name);
	struct refusal refusal = {0};
	char key[KEY_SIZE];

	if (port)
		*ret_host = model_place_of(port->msg->port);
	if (port)
		*ret = derive_port_id(port->name);
	else if (net)
		*ret = derive_bridge_id(net);
	if (port || net)
		return true;
	model_unknown(model, noun_key(key, NOUN_PORT, name), NULL, NOUN_PORT, name, &refusal);
	question_refuse(question, &refusal);
	return false;
}

// Whose list a question is an addition to.
static enum noun noun_of_query(Weft__QueryWhat what, const Weft__List *list)
{
	switch (what) {
	case WEFT__QUERY_WHAT__QUERY_PORTS:
		// A tunnel and a peer are ports of the datapath, too.
		return list && noun_from_word(list->what) != NOUN_NONE ? noun_from_word(list->what)
		                                                       : NOUN_PORT;
	case WEFT__QUERY_WHAT__QUERY_IMPAIRMENTS:
		return NOUN_IMPAIR;
	case WEFT__QUERY_WHAT__QUERY_FLOW_RULES:
		return NOUN_FLOW;
	case WEFT__QUERY_WHAT__QUERY_NAT_RULES:
		return NOUN_NET;
	case WEFT__QUERY_WHAT__QUERY_FORWARDS:
		return NOUN_FORWARD;
	default:
		return NOUN_NONE;
	}
}

// Fills the list of what is desired. False: it has no such name, and the refusal is sent.
static bool list_desired(struct question *question, enum noun noun, const Weft__List *list)
{
	const char *name = list ? list->name : NULL, *far;
	struct refusal refusal = {0};
	char key[KEY_SIZE];

	api_list_nouns(question, noun, name, list ? list->net : NULL);
	if (!name || noun == NOUN_PORT || question->record_count > 0)
		return true;
	// The peer that a host of ours is to the others.
	if (noun == NOUN_PEER && noun_of_key(name, &far) == NOUN_HOST &&
	    hosts_get(&question->api->env.control->hosts, far))
		return true;
	model_unknown(&question->api->env.control->model, noun_key(key, noun, name), NULL, noun,
	              name, &refusal);
	question_refuse(question, &refusal);
	return false;
}

// Those that are there, of all or of the one host that has what it is about.
static int add_branches(struct fanout *fanout, const char *only)
{
	const struct hosts *hosts = &fanout->question->api->env.control->hosts;
	struct host *host;
	size_t cursor = 0;

	fanout->named = hosts->by_name.count > 1;
	fanout->branches = calloc(hosts->by_name.count, sizeof(*fanout->branches));
	if (!fanout->branches)
		return -ENOMEM;
	while ((host = hosts_next(hosts, &cursor))) {
		if ((host_state(host) != HOST_READY && host_state(host) != HOST_SYNCING) ||
		    (only && strcmp(only, host_name(host)) != 0))
			continue;
		fanout->branches[fanout->branch_count++] =
			(struct branch){.fanout = fanout, .host = host, .left = fanout->limit};
	}
	return 0;
}

// Each may end the question, so that the last is asked last.
static void ask_all(struct fanout *fanout)
{
	size_t count = fanout->branch_count;

	fanout->open = count + 1;
	for (size_t i = 0; i < count; i++)
		ask_page(&fanout->branches[i], 0, false);
	if (fanout->open-- > 1)
		return;
	fanout->open = 1;
	finish(fanout);
}

static bool any_ready(const struct question *question, const char *only)
{
	const struct hosts *hosts = &question->api->env.control->hosts;
	const struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(hosts, &cursor)))
		if (host_state(host) == HOST_READY && (!only || strcmp(only, host_name(host)) == 0))
			return true;
	return false;
}

static void refuse_away(struct question *question, const char *only)
{
	const struct hosts *hosts = &question->api->env.control->hosts;
	const struct host *host = hosts_get(hosts, only ? only : HOST_LOCAL);
	bool hangs = host && host_hangs(host);
	char what[KEY_SIZE + 24];

	snprintf(what, sizeof(what), "%s %s", host ? host_label(host) : "the datapath",
	         hangs ? "does not answer" : "is away");
	question_fail(question, -EAGAIN, "datapath", what,
	              hangs && host == hosts->local ? replace_it : "'weft status' tells more");
}

void api_query(struct question *question, Weft__QueryWhat what)
{
	const Weft__List *list = question->request->body_case == WEFT__REQUEST__BODY_LIST
	                                 ? question->request->list
	                                 : NULL;
	const char *name = list ? list->name : NULL, *only = list ? NULL : HOST_LOCAL;
	enum noun noun = noun_of_query(what, list);
	struct fanout *fanout;
	uint64_t object = 0;

	if (noun != NOUN_NONE && !list_desired(question, noun, list))
		return;
	if (name && (noun == NOUN_NONE || noun == NOUN_PORT) &&
	    !find_object(question, name, &object, &only))
		return;
	if (noun == NOUN_NONE && list && !any_ready(question, only)) {
		refuse_away(question, only);
		return;
	}
	fanout = calloc(1, sizeof(*fanout));
	if (!fanout) {
		question_fail(question, -ENOMEM, "list", "out of memory", NULL);
		return;
	}
	*fanout = (struct fanout){
		.question = question,
		.what = what,
		.object = object,
		.limit = list && list->has_limit && noun == NOUN_NONE ? list->limit : ROWS_MOST,
		.noun = noun,
	};
	question->fanout = fanout;
	fanout->late = evtimer_new(question->api->env.base, on_late, fanout);
	if (!fanout->late || add_branches(fanout, only) < 0) {
		api_query_forget(question);
		question_fail(question, -ENOMEM, "list", "out of memory", NULL);
		return;
	}
	if (noun != NOUN_NONE)
		index_list(fanout);
	// Known already, so that nobody is asked.
	if (!list && host_hangs(question->api->env.control->hosts.local))
		record_text(question->records[0], "trouble", "the datapath does not answer");
	ask_all(fanout);
}
