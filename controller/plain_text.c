// SPDX-License-Identifier: BSD-3-Clause
//
// plain_text: ids and names of derived objects, replaced by what the user called them.

#include "controller/plain_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "bridge/shared vlan 10", or of a lab "bridge/shared/LAB vlan 10".
static const char shared_bridge[] = "bridge/shared", vlan_word[] = " vlan ";

const char *plain_name(const struct object *object)
{
	const char *slash = object ? strchr(object->name, '/') : NULL;

	return slash ? slash + 1 : object ? object->name : "?";
}

// The object of the "{ID}" at the start; *ret_end is what follows. Numbers of what is gone stay.
static const struct object *object_at(const struct desired *desired, const char *text,
                                      const char **ret_end)
{
	char *end;
	uint64_t id;

	if (text[0] != '{' || !isdigit((unsigned char)text[1]))
		return NULL;
	id = strtoull(text + 1, &end, 10);
	*ret_end = end + 1;
	return *end == '}' ? desired_get(desired, id) : NULL;
}

// The name of the net that owns the VLAN of the shared bridge at the start, or NULL.
static const char *vlan_at(const struct model *model, const char *text, const char **ret_end)
{
	char claim[KEY_SIZE], user[KEY_SIZE];
	const struct intent *net;
	size_t cursor = 0, len;
	const char *lab;
	char *end;

	if (strncmp(text, shared_bridge, sizeof(shared_bridge) - 1) != 0)
		return NULL;
	lab = text + sizeof(shared_bridge) - 1;
	lab += *lab == '/';
	len = strcspn(lab, " ");
	if (strncmp(lab + len, vlan_word, sizeof(vlan_word) - 1) != 0)
		return NULL;
	snprintf(claim, sizeof(claim), "vlan/%lu%s%.*s",
	         strtoul(lab + len + sizeof(vlan_word) - 1, &end, 10), len ? "@" : "",
	         (int)(len < NAME_MAX_LEN ? len : NAME_MAX_LEN), lab);
	*ret_end = end;
	if (!graph_next_user(&model->graph, claim, &cursor, user))
		return NULL;
	net = model_get_key(model, user);
	return net ? net->name : NULL;
}

// The datapath knows "port/h1" by its whole name, so "port port/h1" becomes "port h1".
static void say_nouns_once(char *text)
{
	for (char *word = text; *word;) {
		size_t len = strcspn(word, " ");
		char *next = word + len + (word[len] == ' ');

		if (len && strncmp(next, word, len) == 0 && next[len] == '/')
			memmove(next, next + len + 1, strlen(next + len + 1) + 1);
		word = next;
	}
}

void plain_text(const struct model *model, const struct desired *desired, const char *text,
                char *buf, size_t size)
{
	size_t len = 0;

	while (*text && len + 1 < size) {
		const char *end = text;
		const struct object *object = object_at(desired, text, &end);
		const char *name = object ? plain_name(object) : vlan_at(model, text, &end);

		if (name) {
			snprintf(buf + len, size - len, "%s", name);
			len += strlen(buf + len);
			text = end;
		} else {
			buf[len++] = *text++;
		}
	}
	buf[len] = '\0';
	say_nouns_once(buf);
}
