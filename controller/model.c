// SPDX-License-Identifier: BSD-3-Clause
//
// model: batches of changes, their references and their rollback.
//
// A batch is put in place first and judged as a whole, so the order of its changes does not matter: a
// net may come after the port that uses it, and go in the same batch as its last user. The cost is that
// of the objects touched and of those that refer to them.

#include "controller/model.h"

#include "base/suggest.h"
#include "controller/model_noun.h"
#include "controller/model_place.h"
#include "controller/scope.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct noun_ops *const ops[] = {
	[NOUN_HOST] = &model_host,       [NOUN_ROUTER] = &model_router,
	[NOUN_NET] = &model_net,         [NOUN_GUEST] = &model_guest,
	[NOUN_PORT] = &model_port,       [NOUN_ROUTE] = &model_route,
	[NOUN_FORWARD] = &model_forward, [NOUN_LEASE] = &model_lease,
	[NOUN_DNS] = &model_dns,         [NOUN_FLOW] = &model_flow,
	[NOUN_LAB] = &model_lab,         [NOUN_IMPAIR] = &model_impair,
	[NOUN_LINK] = &model_link,       [NOUN_TUNNEL] = &model_tunnel,
	[NOUN_PEER] = &model_peer,
};

void model_init(struct model *model, const struct instance *instance)
{
	*model = (struct model){.instance = *instance};
}

static void forget_batch(struct model *model)
{
	table_fini(&model->touched);
	model->change_count = 0;
}

void model_fini(struct model *model)
{
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		struct intent *intent;
		size_t cursor = 0;

		while ((intent = table_next(&model->objects[noun], &cursor, NULL, NULL)))
			intent_free(intent);
		table_fini(&model->objects[noun]);
	}
	for (size_t i = 0; i < model->change_count; i++)
		intent_free(model->changes[i].before);
	forget_batch(model);
	free(model->changes);
	table_fini(&model->dirty);
	graph_fini(&model->graph);
}

const struct intent *model_get(const struct model *model, enum noun noun, const char *name)
{
	return table_get_text(&model->objects[noun], name);
}

const struct intent *model_get_key(const struct model *model, const char *key)
{
	const char *name;
	enum noun noun = noun_of_key(key, &name);

	return noun == NOUN_NONE ? NULL : model_get(model, noun, name);
}

size_t model_count(const struct model *model, enum noun noun)
{
	return model->objects[noun].count;
}

const struct intent *model_next(const struct model *model, enum noun noun, size_t *cursor)
{
	return table_next(&model->objects[noun], cursor, NULL, NULL);
}

const char *model_suggest(const struct model *model, const char *typed, const enum noun *nouns,
                          size_t count)
{
	struct suggest suggest;

	suggest_init(&suggest, typed);
	for (size_t i = 0; i < count; i++) {
		const struct intent *intent;
		size_t cursor = 0;

		while ((intent = model_next(model, nouns[i], &cursor)))
			suggest_consider(&suggest, intent->name);
	}
	return suggest.best;
}

int model_unknown(const struct model *model, const char *object, const char *field, enum noun noun,
                  const char *name, struct refusal *refusal)
{
	const char *near = model_suggest(model, name, &noun, 1);
	char labs[160];

	if (strncmp(object, noun_word(noun), strlen(noun_word(noun))) == 0 && !field)
		refuse(refusal, -ENOENT, object, field, "there is no %s '%s'", noun_word(noun),
		       name);
	else
		refuse(refusal, -ENOENT, object, field, "%s: there is no %s '%s'", object,
		       noun_word(noun), name);
	if (scope_several(model, noun, name, labs, sizeof(labs)))
		fail_hint(&refusal->fail, "more than one lab has it; say which: %s", labs);
	else if (near)
		fail_hint(&refusal->fail, "did you mean '%s'?", near);
	else
		fail_hint(&refusal->fail, "'weft %s ls' shows those there are",
		          noun == NOUN_GUEST ? "ns" : noun_word(noun));
	return -ENOENT;
}

void model_begin(struct model *model)
{
	forget_batch(model);
	table_fini(&model->dirty);
}

const struct model_change *model_change_of(const struct model *model, const char *key)
{
	uintptr_t index = (uintptr_t)table_get_text(&model->touched, key);

	return index ? &model->changes[index - 1] : NULL;
}

// Notes what the object is to become. The first note of a batch keeps what it was.
static int touch(struct model *model, const char *key, struct intent *after)
{
	uintptr_t index = (uintptr_t)table_get_text(&model->touched, key);
	const char *name;
	enum noun noun = noun_of_key(key, &name);
	struct model_change *change;
	void *old = NULL;

	if (!index && model->change_count == model->change_room) {
		size_t room = model->change_room ? model->change_room * 2 : 16;
		void *more = realloc(model->changes, room * sizeof(*model->changes));

		if (!more)
			return -ENOMEM;
		model->changes = more;
		model->change_room = room;
	}
	if (!index && table_put_text(&model->touched, key, (void *)(model->change_count + 1)) < 0)
		return -ENOMEM;
	if (!after)
		old = table_remove_text(&model->objects[noun], name);
	else if (table_put(&model->objects[noun], name, strlen(name), after, &old) < 0)
		return -ENOMEM;
	if (index) {
		change = &model->changes[index - 1];
		// What came up within the batch is known to nobody else.
		intent_free(old);
	} else {
		change = &model->changes[model->change_count++];
		snprintf(change->key, sizeof(change->key), "%s", key);
		change->before = old;
	}
	change->after = after;
	return 0;
}

static int check_name(const char *key, const char *name, struct refusal *refusal)
{
	size_t len = strlen(name);
	bool good = len > 0 && len <= NAME_MAX_LEN && (isalnum((unsigned char)name[0]));

	for (size_t i = 0; good && i < len; i++)
		good = isalnum((unsigned char)name[i]) || strchr("._-:/@+", name[i]);
	if (good)
		return 0;
	if (len > NAME_MAX_LEN) {
		refuse(refusal, -EINVAL, key, "name",
		       "the name '%.80s' has %zu letters, and %d fit", name, len, NAME_MAX_LEN);
		fail_hint(&refusal->fail, "choose a shorter one");
		return -EINVAL;
	}
	refuse(refusal, -EINVAL, key, "name", "'%s' is not a name", name);
	fail_hint(&refusal->fail,
	          "names are 1 to %d letters, digits, '.', '_' or '-', and begin with a letter or "
	          "digit",
	          NAME_MAX_LEN);
	return -EINVAL;
}

int model_restore(struct model *model, struct intent *intent, struct refusal *refusal)
{
	if (touch(model, intent->key, intent) == 0)
		return 0;
	refuse(refusal, -ENOMEM, intent->key, NULL, "%s: out of memory", intent->key);
	intent_free(intent);
	return -ENOMEM;
}

int model_put(struct model *model, Weft__Intent *msg, struct refusal *refusal)
{
	enum noun noun = noun_of(msg);
	const struct intent *old;
	struct intent *intent;
	char key[KEY_SIZE];
	int err;

	if (noun == NOUN_NONE)
		return refuse(refusal, -EINVAL, msg->name, NULL,
		              "the change of '%s' does not say what kind of object it is",
		              msg->name);
	noun_key(key, noun, msg->name);
	err = check_name(key, msg->name, refusal);
	if (err == 0)
		err = ops[noun]->complete(model, key, msg, refusal);
	if (err < 0)
		return err;
	intent = intent_new(msg);
	if (!intent)
		return refuse(refusal, -errno, key, NULL, "%s: out of memory", key);
	// What is as it was costs nothing further.
	old = model_get(model, noun, msg->name);
	if (old && old->len == intent->len && memcmp(old->packed, intent->packed, old->len) == 0) {
		intent_free(intent);
		return 0;
	}
	return model_restore(model, intent, refusal);
}

static int remove_users(struct model *model, const char *key, struct refusal *refusal)
{
	char user[KEY_SIZE];
	size_t cursor = 0;

	while (graph_next_user(&model->graph, key, &cursor, user)) {
		const char *name;
		enum noun noun = noun_of_key(user, &name);

		if (graph_uses(&model->graph, user, key) != REF_NEEDS ||
		    !model_get(model, noun, name))
			continue;
		// It is not there, it is only served from there.
		if (model_place_is_homed(model, user, key)) {
			if (model_place_let_go(model, user, refusal) < 0)
				return refusal->fail.code;
			continue;
		}
		if (model_remove(model, noun, name, true, refusal) < 0)
			return refusal->fail.code;
	}
	return 0;
}

int model_remove(struct model *model, enum noun noun, const char *name, bool cascade,
                 struct refusal *refusal)
{
	char key[KEY_SIZE];

	noun_key(key, noun, name);
	if (!model_get(model, noun, name))
		return model_unknown(model, key, NULL, noun, name, refusal);
	if (touch(model, key, NULL) < 0)
		return refuse(refusal, -ENOMEM, key, NULL, "%s: out of memory", key);
	return cascade ? remove_users(model, key, refusal) : 0;
}

static int mark_dirty(struct model *model, const char *key)
{
	return table_put_text(&model->dirty, key, model);
}

// The object itself, what refers to it, and what it refers to: a router's rules come from its nets.
static int mark_around(struct model *model, const char *key)
{
	const struct ref *refs;
	char user[KEY_SIZE];
	size_t cursor = 0;
	unsigned count;
	int err = mark_dirty(model, key);

	while (err == 0 && graph_next_user(&model->graph, key, &cursor, user))
		err = mark_dirty(model, user);
	refs = graph_refs(&model->graph, key, &count);
	for (unsigned i = 0; err == 0 && i < count; i++)
		if (refs[i].kind == REF_WATCHES)
			err = mark_dirty(model, refs[i].key);
	return err;
}

// Where an object is counted: model_place_count() adds no more.
enum { COUNTED_MOST = 2 };

struct counted {
	char keys[COUNTED_MOST][KEY_SIZE];
	unsigned count;
};

static void counted_at(const struct ref *refs, unsigned count, struct counted *ret)
{
	ret->count = 0;
	for (unsigned i = 0; i < count && ret->count < COUNTED_MOST; i++)
		if (refs[i].kind == REF_COUNTS)
			memcpy(ret->keys[ret->count++], refs[i].key, KEY_SIZE);
}

static int follow_counts(struct model *model, const struct counted *counted)
{
	int err = 0;

	for (unsigned i = 0; i < counted->count && err == 0; i++)
		err = model_place_follow(model, counted->keys[i]);
	return err;
}

static int set_refs(struct model *model, const char *key, const struct intent *intent)
{
	struct counted was, is;
	struct refs refs = {0};
	const struct ref *old;
	unsigned count;
	int err;

	if (intent)
		ops[intent->noun]->refs(model, intent, &refs);
	old = graph_refs(&model->graph, key, &count);
	counted_at(old, count, &was);
	counted_at(refs.items, refs.count, &is);
	err = graph_set(&model->graph, key, &refs);
	if (err == 0)
		err = follow_counts(model, &was);
	return err == 0 ? follow_counts(model, &is) : err;
}

static int refuse_users(const struct model *model, const char *key, struct refusal *refusal)
{
	char user[KEY_SIZE], list[300] = "", homed[KEY_SIZE] = "";
	size_t cursor = 0, len = 0;
	unsigned count = 0;
	const char *name;

	while (graph_next_user(&model->graph, key, &cursor, user)) {
		if (graph_uses(&model->graph, user, key) != REF_NEEDS)
			continue;
		if (count++ < 5)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.48s",
			                        count > 1 ? ", " : "", user);
		if (!homed[0] && model_place_is_homed(model, user, key))
			snprintf(homed, sizeof(homed), "%s", user);
	}
	if (count == 0)
		return 0;
	if (count > 5)
		snprintf(list + len, sizeof(list) - len, " and %u more", count - 5);
	refuse(refusal, -EBUSY, key, NULL, "%s is still used by %s", key, list);
	if (homed[0] && noun_of_key(homed, &name) != NOUN_NONE)
		fail_hint(&refusal->fail,
		          "'weft %.*s set %s --host HOST' gives it another home; with --cascade "
		          "homes go where their nets are, and all else there is removed",
		          (int)(name - homed - 1), homed, name);
	else
		fail_hint(&refusal->fail,
		          "remove those first, or give --cascade to remove them with it");
	return -EBUSY;
}

// "endpoint/HOST/PORT/ADDRESS": of one address other ports are free. GRE has none.
static void say_endpoint(const char *claim, char *buf, size_t size)
{
	const char *address = strrchr(claim, '/') + 1;
	const char *port = address - 1;

	while (port[-1] != '/')
		port--;
	if (strtoul(port, NULL, 10) == 0)
		snprintf(buf, size, "the tunnel's address %s for GRE", address);
	else
		snprintf(buf, size, "the tunnel's address %s with port %lu", address,
		         strtoul(port, NULL, 10));
}

// "mac/02:00:…" as a person says it.
static void say_claim(const char *claim, char *buf, size_t size)
{
	const char *value = strchr(claim, '/');

	if (strncmp(claim, "mac/", 4) == 0)
		snprintf(buf, size, "the MAC %.*s", (int)strcspn(claim + 4, "@"), claim + 4);
	else if (strncmp(claim, "vlan/", 5) == 0)
		snprintf(buf, size, "the VLAN %.*s", (int)strcspn(claim + 5, "@"), claim + 5);
	else if (strncmp(claim, "vni/", 4) == 0)
		snprintf(buf, size, "the VNI %s", strrchr(claim, '/') + 1);
	else if (strncmp(claim, "remote/", 7) == 0)
		snprintf(buf, size, "the peer's address %s", strrchr(claim, '/') + 1);
	else if (strncmp(claim, "endpoint/", 9) == 0)
		say_endpoint(claim, buf, size);
	else if (strncmp(claim, "ip/", 3) == 0)
		snprintf(buf, size, "the address %s", strrchr(claim, '/') + 1);
	else if (strncmp(claim, "ifname/", 7) == 0)
		snprintf(buf, size, "the interface %s", strrchr(claim, '/') + 1);
	else if (strncmp(claim, "socket/", 7) == 0)
		snprintf(buf, size, "the socket %s", claim + 7);
	else if (strncmp(claim, "end/", 4) == 0)
		snprintf(buf, size, "the end %s", strrchr(claim, '/') + 1);
	else if (strncmp(claim, "impaired/", 9) == 0)
		snprintf(buf, size, "the direction %s", strrchr(claim, '/') + 1);
	else if (strncmp(claim, "outside/", 8) == 0)
		snprintf(buf, size, "the outside port %s", strrchr(claim, '/') + 1);
	else
		snprintf(buf, size, "%s", value ? value + 1 : claim);
}

// What the user gave has its flag by another name, or an interface either of two, or a forward's port none.
static void hint_at_claim(const char *field, struct fail *fail)
{
	if (strcmp(field, "ifname") == 0)
		fail_hint(fail, "choose another interface");
	else if (strcmp(field, "vhost_path") == 0)
		fail_hint(fail, "choose another --vhost");
	else if (strcmp(field, "local") == 0)
		fail_hint(fail, "choose another --local, or another --port if it has one");
	else if (strcmp(field, "outside_port") == 0)
		fail_hint(fail, "choose another port, or one address of the gateway's with "
		                "--outside");
	else
		fail_hint(fail, "choose another --%s", field);
}

static int check_claim(const struct model *model, const struct intent *intent,
                       const struct ref *ref, struct refusal *refusal)
{
	char user[KEY_SIZE], said[KEY_SIZE];
	size_t cursor = 0;

	while (graph_next_user(&model->graph, ref->key, &cursor, user)) {
		if (strcmp(user, intent->key) == 0 ||
		    graph_uses(&model->graph, user, ref->key) != REF_CLAIMS)
			continue;
		say_claim(ref->key, said, sizeof(said));
		refuse(refusal, -EEXIST, intent->key, ref->field, "%s: %s is already that of %s",
		       intent->key, said, user);
		hint_at_claim(ref->field, &refusal->fail);
		return -EEXIST;
	}
	return 0;
}

static int check_refs(const struct model *model, const struct intent *intent,
                      struct refusal *refusal)
{
	unsigned count;
	const struct ref *refs = graph_refs(&model->graph, intent->key, &count);

	for (unsigned i = 0; i < count; i++) {
		const char *name;
		enum noun noun = noun_of_key(refs[i].key, &name);

		// What is missing because it was refused itself is no fault of this one.
		if (refs[i].kind == REF_NEEDS && !model_get_key(model, refs[i].key) &&
		    refusals_have(model->heard, refs[i].key))
			return 0;
		if (refs[i].kind == REF_NEEDS && !model_get_key(model, refs[i].key))
			return model_unknown(model, intent->key, refs[i].field, noun, name,
			                     refusal);
		if (refs[i].kind == REF_CLAIMS && check_claim(model, intent, &refs[i], refusal) < 0)
			return refusal->fail.code;
	}
	return ops[intent->noun]->check(model, intent, refusal);
}

// Those that refer to what changed must still be right.
static int check_users(const struct model *model, const char *key, struct refusal *refusal)
{
	char user[KEY_SIZE];
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && graph_next_user(&model->graph, key, &cursor, user)) {
		const struct intent *intent = model_get_key(model, user);

		if (intent && !table_get_text(&model->touched, user))
			err = ops[intent->noun]->check(model, intent, refusal);
	}
	return err;
}

static int set_all_refs(struct model *model)
{
	int err = 0;

	// Around the old references, then around the new ones.
	for (size_t i = 0; i < model->change_count && err == 0; i++)
		err = mark_around(model, model->changes[i].key);
	for (size_t i = 0; i < model->change_count && err == 0; i++)
		err = set_refs(model, model->changes[i].key, model->changes[i].after);
	for (size_t i = 0; i < model->change_count && err == 0; i++)
		err = mark_around(model, model->changes[i].key);
	return err;
}

int model_settle(struct model *model, struct refusal *refusal)
{
	int err = set_all_refs(model);

	if (err < 0)
		return refuse(refusal, err, "intent", NULL, "out of memory");
	for (size_t i = 0; i < model->change_count && err == 0; i++) {
		const struct model_change *change = &model->changes[i];

		if (change->after)
			err = check_refs(model, change->after, refusal);
		else
			err = refuse_users(model, change->key, refusal);
		err = err < 0 ? refusals_take(model->heard, refusal) : 0;
	}
	for (size_t i = 0; i < model->change_count && err == 0; i++) {
		if (model->changes[i].after)
			err = check_users(model, model->changes[i].key, refusal);
		err = err < 0 ? refusals_take(model->heard, refusal) : 0;
	}
	if (!model->heard || model->heard->count == 0)
		return err;
	*refusal = model->heard->items[0];
	return refusal->fail.code;
}

void model_commit(struct model *model)
{
	for (size_t i = 0; i < model->change_count; i++)
		intent_free(model->changes[i].before);
	forget_batch(model);
}

void model_rollback(struct model *model)
{
	for (size_t i = 0; i < model->change_count; i++) {
		struct model_change *change = &model->changes[i];
		const char *name;
		enum noun noun = noun_of_key(change->key, &name);
		struct intent *now = table_remove_text(&model->objects[noun], name);

		intent_free(now);
		// The slot that the removal left is there to be taken again.
		if (change->before)
			table_put_text(&model->objects[noun], name, change->before);
	}
	for (size_t i = 0; i < model->change_count; i++)
		set_refs(model, model->changes[i].key, model->changes[i].before);
	forget_batch(model);
}
