// SPDX-License-Identifier: BSD-3-Clause
//
// scope: the lab's name and a dot before each of its names.
//
// A name of a lab has no dot, so the first dot of a stored name ends the lab's. The namespace of a guest,
// its files and its lines in every list bear the stored name, so nothing of two labs can meet.

#include "controller/scope.h"

#include "controller/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The fields in which an object names others, between spaces; in those with a colon the names stand behind
// words within a text: "port=h1,tcp".
static const struct {
	Weft__Intent__BodyCase body;
	const char *fields;
} references[] = {
	{WEFT__INTENT__BODY_NET, "router host tunnel"},
	{WEFT__INTENT__BODY_ROUTER, "host"},
	{WEFT__INTENT__BODY_PORT, "net guest link host"},
	{WEFT__INTENT__BODY_ROUTE, "router"},
	{WEFT__INTENT__BODY_FORWARD, "net guest"},
	{WEFT__INTENT__BODY_RESERVATION, "net"},
	{WEFT__INTENT__BODY_DNS, "net"},
	{WEFT__INTENT__BODY_FLOW, "match: actions:"},
	{WEFT__INTENT__BODY_IMPAIR, "port link"},
	{WEFT__INTENT__BODY_TUNNEL, "host"},
	{WEFT__INTENT__BODY_PEER, "tunnel backup_tunnel"},
};

const char *scope_name(const char *lab, const char *name, char ret[static SCOPE_NAME])
{
	if (name[0] == '/')
		snprintf(ret, SCOPE_NAME, "%s", name + 1);
	else
		snprintf(ret, SCOPE_NAME, "%s.%s", lab, name);
	return ret;
}

const char *scope_short(const char *lab, const char *name)
{
	size_t len = lab ? strlen(lab) : 0;

	if (len == 0 || strncmp(name, lab, len) != 0 || name[len] != '.' || !name[len + 1])
		return name;
	return name + len + 1;
}

typedef const char *(*rename_fn)(const char *lab, const char *name, char buf[static SCOPE_NAME]);

// The way back; what is not of the lab is named from outside.
static const char *shorten(const char *lab, const char *name, char buf[static SCOPE_NAME])
{
	const char *rest = scope_short(lab, name);

	snprintf(buf, SCOPE_NAME, "%s%s", rest == name ? "/" : "", rest);
	return buf;
}

static int rename_text(const char *lab, rename_fn rename, char **text)
{
	char buf[SCOPE_NAME];
	char *copy = strdup(rename(lab, *text, buf));

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static bool names_follow(const char *word, size_t len)
{
	return (len == 4 && strncmp(word, "port", 4) == 0) ||
	       (len == 3 && strncmp(word, "net", 3) == 0) ||
	       (len == 6 && strncmp(word, "output", 6) == 0);
}

// "port=h1,tcp,dport=80": one word after the other.
static int rename_within(const char *lab, rename_fn rename, char **text)
{
	char joined[1024] = "", buf[SCOPE_NAME], *rest = *text;
	size_t len = 0;

	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
		char *value = strchr(word, '=');
		bool named = value && names_follow(word, (size_t)(value - word));

		if (named)
			len += (size_t)snprintf(joined + len, sizeof(joined) - len, "%s%.*s=%s",
			                        len ? "," : "", (int)(value - word), word,
			                        rename(lab, value + 1, buf));
		else
			len += (size_t)snprintf(joined + len, sizeof(joined) - len, "%s%s",
			                        len ? "," : "", word);
		if (len >= sizeof(joined))
			return -E2BIG;
	}
	free(*text);
	*text = strdup(joined);
	return *text ? 0 : -ENOMEM;
}

static int rename_references(const char *lab, rename_fn rename, Weft__Intent *intent,
                             const char *fields)
{
	// The union holds nothing but pointers to messages.
	ProtobufCMessage *body = (ProtobufCMessage *)(void *)intent->net;
	int err = 0;

	for (const char *at = fields; err == 0 && *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		bool within = at[len - 1] == ':';
		char name[32] = "";
		const ProtobufCFieldDescriptor *field;
		char **text;

		memcpy(name, at, len - within);
		at += len;
		field = protobuf_c_message_descriptor_get_field_by_name(body->descriptor, name);
		text = (char **)(void *)((char *)body + field->offset);
		// The host beside the controller belongs to no lab.
		if (strcmp(name, "host") == 0 && *text && strcmp(*text, "local") == 0)
			continue;
		if (*text && **text)
			err = within ? rename_within(lab, rename, text)
			             : rename_text(lab, rename, text);
	}
	return err;
}

static int rename_intent(const char *lab, rename_fn rename, Weft__Intent *intent)
{
	int err = intent->body_case == WEFT__INTENT__BODY_LAB_BODY
	                  ? 0
	                  : rename_text(lab, rename, &intent->name);

	for (size_t i = 0; err == 0 && i < sizeof(references) / sizeof(references[0]); i++)
		if (references[i].body == intent->body_case)
			err = rename_references(lab, rename, intent, references[i].fields);
	return err;
}

// A router that is not named is the lab's own.
static int name_router(Weft__Intent *intent)
{
	char **router = NULL;

	if (intent->body_case == WEFT__INTENT__BODY_NET && intent->net->has_mode &&
	    intent->net->mode != WEFT__NET_MODE__NET_ISOLATED)
		router = &intent->net->router;
	else if (intent->body_case == WEFT__INTENT__BODY_ROUTE)
		router = &intent->route->router;
	if (router && !*router)
		*router = strdup("gw");
	return router && !*router ? -ENOMEM : 0;
}

int scope_intent(const char *lab, Weft__Intent *intent)
{
	int err = name_router(intent);

	free(intent->lab);
	intent->lab = strdup(lab);
	return err < 0 || !intent->lab ? -ENOMEM : rename_intent(lab, scope_name, intent);
}

int unscope_intent(const char *lab, Weft__Intent *intent)
{
	return rename_intent(lab, shorten, intent);
}

const char *scope_resolve(const struct model *model, enum noun noun, const char *name)
{
	const struct intent *intent, *found = NULL;
	size_t cursor = 0;

	if (noun == NOUN_NONE || model_get(model, noun, name))
		return name;
	while ((intent = model_next(model, noun, &cursor))) {
		const char *its = scope_short(intent->msg->lab, intent->name);

		if (its == intent->name || strcmp(its, name) != 0)
			continue;
		if (found)
			return name;
		found = intent;
	}
	return found ? found->name : name;
}

bool scope_several(const struct model *model, enum noun noun, const char *name, char *buf,
                   size_t size)
{
	const struct intent *intent;
	size_t cursor = 0, len = 0;
	unsigned count = 0;

	buf[0] = '\0';
	while ((intent = model_next(model, noun, &cursor))) {
		const char *its = scope_short(intent->msg->lab, intent->name);

		if (its == intent->name || strcmp(its, name) != 0)
			continue;
		if (len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", count ? " or " : "",
			                        intent->name);
		count++;
	}
	return count > 1;
}

// The lab of an object that bears its name; NULL for what was added by hand under a name of its own.
static const char *lab_of(const struct intent *intent)
{
	return scope_short(intent->msg->lab, intent->name) != intent->name ? intent->msg->lab
	                                                                   : NULL;
}

const char *scope_shared(const struct intent *intent, char ret[static KEY_SIZE])
{
	const char *lab = lab_of(intent);

	snprintf(ret, KEY_SIZE, "shared%s%s", lab ? "/" : "", lab ? lab : "");
	return ret;
}

const char *scope_vlan(const struct intent *intent, uint32_t vlan, char ret[static KEY_SIZE])
{
	const char *lab = lab_of(intent);

	snprintf(ret, KEY_SIZE, "vlan/%u%s%s", vlan, lab ? "@" : "", lab ? lab : "");
	return ret;
}
