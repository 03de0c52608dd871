// SPDX-License-Identifier: BSD-3-Clause
//
// lab: from what the lab has to what its file says.
//
// Objects are put whole, so what was set by hand since is set back; what is equal already is left alone,
// so the cost of what follows is that of the difference. Addresses that are left to us ("auto") are chosen
// when all given ones are known: a port that has one keeps it, whatever is added before or after it in the
// file; a new one gets the lowest that is free and not DHCP's to hand out.

#include "controller/lab.h"

#include "base/cleanup.h"
#include "controller/model_impair.h"
#include "controller/scope.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct editing {
	struct model *model;
	const Weft__ApplyLab *request;
	struct table wanted; // Keys of what the lab is to have.
	struct table taken;  // Addresses of the batch: "net/address".
	struct refusal *refusal;
};

static Weft__Intent *copy_intent(const Weft__Intent *from)
{
	size_t len = weft__intent__get_packed_size(from);
	auto_free uint8_t *packed = malloc(len + 1);

	if (!packed)
		return NULL;
	weft__intent__pack(from, packed);
	return decode_message(&weft__intent__descriptor, len, packed);
}

static int out_of_memory(struct refusal *refusal)
{
	return refuse(refusal, -ENOMEM, "lab", NULL, "out of memory");
}

static bool is_auto(const Weft__Intent *intent)
{
	return intent->body_case == WEFT__INTENT__BODY_PORT && intent->port->ip &&
	       strcmp(intent->port->ip, "auto") == 0;
}

static int note_address(struct editing *editing, const Weft__PortIntent *port)
{
	char key[KEY_SIZE];

	if (!port->net || !port->ip)
		return 0;
	snprintf(key, sizeof(key), "%s/%s", port->net, port->ip);
	return table_put_text(&editing->taken, key, editing);
}

// Whether an object of the model that will stay, or one of the batch, has the address.
static bool is_taken(const struct editing *editing, const char *key, const char *net,
                     const char *ip)
{
	char text[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	snprintf(text, sizeof(text), "%s/%s", net, ip);
	if (table_get_text(&editing->taken, text))
		return true;
	snprintf(text, sizeof(text), "ip/%s/%s", net, ip);
	while (graph_next_user(&editing->model->graph, text, &cursor, user))
		if (strcmp(user, key) != 0 && model_get_key(editing->model, user))
			return true;
	return false;
}

static bool may_be(const struct net_plan *plan, struct ip_addr ip)
{
	bool pooled = plan->dhcp && ip_compare(ip, plan->pool_first) >= 0 &&
	              ip_compare(ip, plan->pool_last) <= 0;

	return !pooled && !(plan->has_gateway4 && ip_equal(ip, plan->gateway4)) &&
	       !ip_equal(ip, plan->via4);
}

// The address that the port has already, if it still can.
static const char *kept_ip(const struct editing *editing, const char *key,
                           const Weft__PortIntent *port, const struct net_plan *plan)
{
	const struct intent *old = model_get_key(editing->model, key);
	struct ip_addr ip;

	if (!old || !old->msg->port->ip || !old->msg->port->net ||
	    strcmp(old->msg->port->net, port->net) != 0 || ip_parse(old->msg->port->ip, &ip) < 0 ||
	    !prefix_contains(plan->subnet4, ip) ||
	    is_taken(editing, key, port->net, old->msg->port->ip))
		return NULL;
	return old->msg->port->ip;
}

static const char *free_ip(const struct editing *editing, const char *key,
                           const Weft__PortIntent *port, const struct net_plan *plan,
                           char text[static IP_TEXT])
{
	struct ip_addr last = prefix_last(plan->subnet4);
	struct ip_addr ip = ip_add(prefix_network(plan->subnet4).addr, 1);

	for (; ip_compare(ip, last) < 0; ip = ip_add(ip, 1)) {
		ip_format(ip, text);
		if (may_be(plan, ip) && !is_taken(editing, key, port->net, text))
			return text;
	}
	return NULL;
}

// Replaces "auto"; a net without IPv4 leaves the port without an address.
static int choose_ip(struct editing *editing, Weft__Intent *msg, bool keep, bool *ret_done)
{
	Weft__PortIntent *port = msg->port;
	const struct intent *net =
		port->net ? model_get(editing->model, NOUN_NET, port->net) : NULL;
	struct refusal ignored = {0};
	char key[KEY_SIZE], text[IP_TEXT];
	struct net_plan plan = {0};
	const char *ip = NULL;
	bool has4 = net && ipam_plan(net->key, net->msg->net, &plan, &ignored) == 0 && plan.has4;

	noun_key(key, NOUN_PORT, msg->name);
	if (has4)
		ip = keep ? kept_ip(editing, key, port, &plan)
		          : free_ip(editing, key, port, &plan, text);
	if (has4 && keep && !ip) {
		*ret_done = false;
		return 0;
	}
	if (has4 && !ip)
		return refuse(editing->refusal, -ENOSPC, key, "ip",
		              "%s: there is no free address in net '%s'", key, net->name);
	free(port->ip);
	port->ip = ip ? strdup(ip) : NULL;
	*ret_done = true;
	return 0;
}

static int put(struct editing *editing, Weft__Intent *msg)
{
	enum noun noun = noun_of(msg);
	const struct intent *old = model_get(editing->model, noun, msg->name);
	char key[KEY_SIZE];

	noun_key(key, noun, msg->name);
	if (old && (!old->msg->lab || strcmp(old->msg->lab, editing->request->lab) != 0)) {
		refuse(editing->refusal, -EEXIST, key, "name",
		       "there is a %s '%s' already, which is not of the lab '%s'", noun_word(noun),
		       msg->name, editing->request->lab);
		fail_hint(&editing->refusal->fail, "call the lab otherwise, or remove the %s",
		          noun_word(noun));
		return -EEXIST;
	}
	return model_put(editing->model, msg, editing->refusal);
}

// Which of the objects a pass puts: all but ports; ports with a given address, then with one of before,
// then the rest.
enum pass { PASS_OTHERS, PASS_GIVEN, PASS_KEPT, PASS_NEW, PASSES };

static int put_in_pass(struct editing *editing, Weft__Intent *msg, enum pass pass, bool *done)
{
	bool port = msg->body_case == WEFT__INTENT__BODY_PORT, mine = true;

	if (*done || msg->body_case == WEFT__INTENT__BODY_LAB_BODY ||
	    (pass == PASS_OTHERS) == port || (pass == PASS_GIVEN && is_auto(msg)))
		return 0;
	if (pass >= PASS_KEPT && choose_ip(editing, msg, pass == PASS_KEPT, &mine) < 0)
		return editing->refusal->fail.code;
	if (!mine)
		return 0;
	*done = true;
	if (port && note_address(editing, msg->port) < 0)
		return out_of_memory(editing->refusal);
	return put(editing, msg);
}

static int put_all(struct editing *editing, Weft__Intent **objects, size_t count)
{
	auto_free bool *done = calloc(count + 1, sizeof(*done));

	if (!done)
		return out_of_memory(editing->refusal);
	for (enum pass pass = 0; pass < PASSES; pass++)
		for (size_t i = 0; i < count; i++)
			if (put_in_pass(editing, objects[i], pass, &done[i]) < 0) {
				if (refusals_take(editing->model->heard, editing->refusal) < 0)
					return editing->refusal->fail.code;
				done[i] = true;
			}
	return 0;
}

static int remove_rest(struct editing *editing)
{
	struct model *model = editing->model;
	const char *lab = editing->request->lab;

	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		const struct intent *intent;
		size_t cursor = 0;

		// Removing what was just returned is the one change the walk allows.
		while ((intent = model_next(model, noun, &cursor))) {
			if (!intent->msg->lab || strcmp(intent->msg->lab, lab) != 0 ||
			    table_get_text(&editing->wanted, intent->key))
				continue;
			if (model_remove(model, noun, intent->name, false, editing->refusal) < 0)
				return editing->refusal->fail.code;
		}
	}
	return 0;
}

int lab_remove_impairments(struct model *model, struct refusal *refusal)
{
	const struct intent *intent;
	size_t cursor = 0;

	while ((intent = model_next(model, NOUN_IMPAIR, &cursor)))
		if (!model_impair_port(model, intent->msg->impair) &&
		    model_remove(model, NOUN_IMPAIR, intent->name, false, refusal) < 0)
			return refusal->fail.code;
	return 0;
}

// The router that a lab has without a word, once something lies on it.
static bool wants_router(const Weft__Intent *intent)
{
	if (intent->body_case == WEFT__INTENT__BODY_NET)
		return intent->net->has_mode && intent->net->mode != WEFT__NET_MODE__NET_ISOLATED &&
		       (!intent->net->router || strcmp(intent->net->router, "gw") == 0);
	return intent->body_case == WEFT__INTENT__BODY_ROUTE &&
	       (!intent->route->router || strcmp(intent->route->router, "gw") == 0);
}

static Weft__Intent *new_router(const char *lab)
{
	Weft__Intent intent = WEFT__INTENT__INIT;
	Weft__Router router = WEFT__ROUTER__INIT;

	intent.name = (char *)"gw";
	intent.lab = (char *)lab;
	intent.body_case = WEFT__INTENT__BODY_ROUTER;
	intent.router = &router;
	return copy_intent(&intent);
}

// Copies of the request's objects under the lab's names, and the lab's router.
static int take_objects(struct editing *editing, Weft__Intent **objects, size_t *count)
{
	const Weft__ApplyLab *request = editing->request;
	bool router = false, has_router = false;

	for (size_t i = 0; i < request->n_objects; i++) {
		const Weft__Intent *from = request->objects[i];

		router = router || wants_router(from);
		has_router = has_router || (from->body_case == WEFT__INTENT__BODY_ROUTER &&
		                            strcmp(from->name, "gw") == 0);
		if (noun_of(from) == NOUN_NONE)
			return refuse(editing->refusal, -EINVAL, from->name, NULL,
			              "'%s' does not say what kind of object it is", from->name);
		objects[*count] = copy_intent(from);
		if (!objects[*count])
			return out_of_memory(editing->refusal);
		++*count;
	}
	if (router && !has_router) {
		objects[*count] = new_router(request->lab);
		*count += objects[*count] != NULL;
	}
	for (size_t i = 0; i < *count; i++) {
		char key[KEY_SIZE];

		if (scope_intent(request->lab, objects[i]) < 0)
			return out_of_memory(editing->refusal);
		noun_key(key, noun_of(objects[i]), objects[i]->name);
		if (table_get_text(&editing->wanted, key))
			return refuse(editing->refusal, -EEXIST, key, "name", "%s is there twice",
			              key);
		if (table_put_text(&editing->wanted, key, editing) < 0)
			return out_of_memory(editing->refusal);
	}
	return 0;
}

static bool differs(const struct model *model, const char *but)
{
	for (size_t i = 0; i < model->change_count; i++)
		if (strcmp(model->changes[i].key, but) != 0)
			return true;
	return false;
}

// Notes the revision in the lab's own object: the newest of those that it was applied as.
static int stamp(struct editing *editing, Weft__Intent *lab, uint64_t revision)
{
	const struct intent *old = model_get(editing->model, NOUN_LAB, lab->name);
	char key[KEY_SIZE];
	int err;

	noun_key(key, NOUN_LAB, lab->name);
	lab->lab_body->has_applied = true;
	lab->lab_body->applied = revision;
	if (old && !differs(editing->model, key)) {
		const Weft__Lab *was = old->msg->lab_body;
		char *file = lab->lab_body->file;

		// Only what the file itself says of the lab may differ; by which path it was read is
		// no difference.
		lab->lab_body->has_applied = was->has_applied;
		lab->lab_body->applied = was->applied;
		lab->lab_body->file = was->file;
		err = put(editing, lab);
		lab->lab_body->file = file;
		if (err < 0 || !differs(editing->model, ""))
			return err;
		lab->lab_body->has_applied = true;
		lab->lab_body->applied = revision;
	}
	return put(editing, lab);
}

static Weft__Intent *find_lab(Weft__Intent **objects, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (objects[i]->body_case == WEFT__INTENT__BODY_LAB_BODY)
			return objects[i];
	return NULL;
}

static int edit(struct editing *editing, Weft__Intent **objects, size_t *count, uint64_t revision)
{
	Weft__Intent *lab;

	if (take_objects(editing, objects, count) < 0 || remove_rest(editing) < 0 ||
	    lab_remove_impairments(editing->model, editing->refusal) < 0)
		return editing->refusal->fail.code;
	lab = find_lab(objects, *count);
	if (!lab)
		return refuse(editing->refusal, -EINVAL, "lab", NULL,
		              "the lab '%s' has no object of its own", editing->request->lab);
	if (put_all(editing, objects, *count) < 0)
		return editing->refusal->fail.code;
	// The lab's own object comes last, when it is known whether anything differs.
	return stamp(editing, lab, revision);
}

int lab_edit(struct model *model, const Weft__ApplyLab *request, uint64_t revision,
             struct refusal *refusal)
{
	struct editing editing = {.model = model, .request = request, .refusal = refusal};
	auto_free Weft__Intent **objects = calloc(request->n_objects + 2, sizeof(*objects));
	size_t count = 0;
	int err = objects ? edit(&editing, objects, &count, revision) : out_of_memory(refusal);

	for (size_t i = 0; i < count; i++)
		weft__intent__free_unpacked(objects[i], NULL);
	table_fini(&editing.wanted);
	table_fini(&editing.taken);
	return err;
}

void lab_forget_chosen(const struct model *model, const char *lab, Weft__Intent *intent)
{
	char key[KEY_SIZE], name[SCOPE_NAME], text[PREFIX_TEXT] = "";
	enum noun noun = noun_of(intent);
	char **chosen = NULL;

	noun_key(key, noun, scope_name(lab, intent->name, name));
	if (noun == NOUN_PORT) {
		chosen = &intent->port->mac;
		mac_format(ipam_port_mac(&model->instance, key, 0), text);
	} else if (noun == NOUN_NET && intent->net->subnet && intent->net->has_mode &&
	           intent->net->mode == WEFT__NET_MODE__NET_NAT) {
		chosen = &intent->net->subnet6;
		prefix_format(ipam_ula(&model->instance, key, 0), text);
	}
	if (noun == NOUN_IMPAIR && intent->impair->has_seed &&
	    intent->impair->seed == model_impair_seed(key))
		intent->impair->has_seed = false;
	if (!chosen || !*chosen || strcmp(*chosen, text) != 0)
		return;
	free(*chosen);
	*chosen = NULL;
}

static int by_name(const void *left, const void *right)
{
	const Weft__Intent *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

int lab_collect(const struct model *model, const char *lab, Weft__Intent ***ret, size_t *ret_count,
                struct refusal *refusal)
{
	size_t room = 0, count = 0;
	Weft__Intent **objects;

	if (!model_get(model, NOUN_LAB, lab))
		return model_unknown(model, "lab", NULL, NOUN_LAB, lab, refusal);
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		room += model_count(model, noun);
	objects = calloc(room + 1, sizeof(*objects));
	for (enum noun noun = 0; objects && noun < NOUN_COUNT; noun++) {
		const struct intent *intent;
		size_t cursor = 0, first = count;

		while ((intent = model_next(model, noun, &cursor)) && count < room) {
			if (!intent->msg->lab || strcmp(intent->msg->lab, lab) != 0)
				continue;
			objects[count] = copy_intent(intent->msg);
			if (objects[count] && unscope_intent(lab, objects[count]) == 0)
				count++;
		}
		qsort(objects + first, count - first, sizeof(*objects), by_name);
	}
	if (!objects)
		return out_of_memory(refusal);
	*ret = objects;
	*ret_count = count;
	return 0;
}
