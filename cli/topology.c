// SPDX-License-Identifier: BSD-3-Clause
//
// topology: files become objects.
//
// A file is held to the schema first; what builds the objects may then take the shape of what is not broken for
// granted. A fault of one item does not keep the others from being looked at, so that all are told at once. What
// only the whole can tell (names that exist, addresses within their subnet) is the controller's to judge,
// with the same words for every client; topology_locate() then finds the place of what it complains of.
// Included files add to the same lab; one that is included twice is read once.

#include "cli/topology.h"

#include "base/cleanup.h"
#include "base/fail.h"
#include "cli/schema.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int out_of_memory(struct fail *fail)
{
	return fail_set(fail, -ENOMEM, "out of memory");
}

// As the controller's keys call the member of Intent.
static const char *noun_of_member(const char *member)
{
	return strcmp(member, "reservation") == 0 ? "lease"
	       : strcmp(member, "lab_body") == 0  ? "lab"
	                                          : member;
}

int topology_go_on(struct topology *topology, int err, struct fail *fail)
{
	if (err != -EINVAL)
		return err;
	faults_add(&topology->faults, fail);
	*fail = (struct fail){0};
	return 0;
}

static int by_kind_and_name(const void *left, const void *right)
{
	const Weft__Intent *one = left, *other = right;

	if (one->body_case != other->body_case)
		return one->body_case < other->body_case ? -1 : 1;
	return strcmp(one->name, other->name);
}

Weft__Intent *topology_find(const struct topology *topology, Weft__Intent__BodyCase body,
                            const char *name)
{
	Weft__Intent wanted = {.name = (char *)name, .body_case = body};
	Weft__Intent *const *found = tfind(&wanted, &topology->by_name, by_kind_and_name);

	return found ? *found : NULL;
}

bool topology_is_broken(const struct topology *topology, const char *guest)
{
	for (size_t i = 0; i < topology->file_count; i++) {
		const struct yaml_node *guests = yaml_get(topology->files[i].tree->root, "guests");
		const struct yaml_node *found = guests ? yaml_get(guests, guest) : NULL;

		if (found && found->broken)
			return true;
	}
	return false;
}

int topology_note(struct topology *topology, const char *object, const char *field,
                  const struct yaml_place *place, struct fail *fail)
{
	if (topology->origin_count == topology->origin_room) {
		size_t room = topology->origin_room ? topology->origin_room * 2 : 64;
		void *more = realloc(topology->origins, room * sizeof(*topology->origins));

		if (!more)
			return out_of_memory(fail);
		topology->origins = more;
		topology->origin_room = room;
	}

	struct topology_origin *origin = &topology->origins[topology->origin_count++];

	*origin = (struct topology_origin){.field = field, .place = *place};
	snprintf(origin->object, sizeof(origin->object), "%s", object);
	return 0;
}

static const struct topology_origin *find_origin(const struct topology *topology,
                                                 const char *object, const char *field)
{
	for (size_t i = 0; i < topology->origin_count; i++)
		if (strcmp(topology->origins[i].object, object) == 0 &&
		    strcmp(topology->origins[i].field, field) == 0)
			return &topology->origins[i];
	return NULL;
}

static int check_length(const struct topology *topology, const char *name,
                        const struct yaml_place *place, struct fail *fail)
{
	size_t most = TOPOLOGY_NAME_MOST - 1 - strlen(topology->lab);

	if (strlen(topology->lab) >= TOPOLOGY_NAME_MOST || strlen(name) <= most)
		return 0;
	yaml_refuse(place, fail, "the name '%.70s' has %zu letters; in lab '%s' %zu fit", name,
	            strlen(name), topology->lab, most);
	fail_hint(fail,
	          "elsewhere it has the lab's name and a dot before it, %d in all; "
	          "choose a shorter one, or a shorter name of the lab",
	          TOPOLOGY_NAME_MOST);
	return -EINVAL;
}

int topology_rename(struct topology *topology, const char *member, Weft__Intent *object,
                    const char *name, struct fail *fail)
{
	const struct topology_origin *origin;
	char was[160], is[160], *own;

	snprintf(was, sizeof(was), "%s/%s", noun_of_member(member), object->name);
	origin = find_origin(topology, was, "");
	if (origin && check_length(topology, name, &origin->place, fail) < 0)
		return -EINVAL;
	own = strdup(name);
	if (!own)
		return out_of_memory(fail);
	snprintf(is, sizeof(is), "%s/%s", noun_of_member(member), name);
	tdelete(object, &topology->by_name, by_kind_and_name);
	free(object->name);
	object->name = own;
	for (size_t i = 0; i < topology->origin_count; i++)
		if (strcmp(topology->origins[i].object, was) == 0)
			memcpy(topology->origins[i].object, is, sizeof(is));
	return tsearch(object, &topology->by_name, by_kind_and_name) ? 0 : out_of_memory(fail);
}

static Weft__Intent *new_intent(const char *member, const char *name)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(&weft__intent__descriptor, member);
	const ProtobufCMessageDescriptor *type = field->descriptor;
	Weft__Intent *intent = calloc(1, sizeof(*intent));
	ProtobufCMessage *body = calloc(1, type->sizeof_message);

	if (!intent || !body) {
		free(intent);
		free(body);
		return NULL;
	}
	weft__intent__init(intent);
	protobuf_c_message_init(type, body);
	intent->name = strdup(name);
	intent->body_case = (Weft__Intent__BodyCase)field->id;
	// The union holds nothing but pointers to messages.
	intent->net = (Weft__Net *)(void *)body;
	return intent;
}

int topology_add(struct topology *topology, const char *member, const char *name,
                 const struct yaml_place *place, ProtobufCMessage **ret, struct fail *fail)
{
	Weft__Intent *intent;
	char object[160];

	if (strcmp(member, "lab_body") != 0 && check_length(topology, name, place, fail) < 0)
		return -EINVAL;
	snprintf(object, sizeof(object), "%s/%s", noun_of_member(member), name);
	if (topology->object_count == topology->object_room) {
		size_t room = topology->object_room ? topology->object_room * 2 : 64;
		void *more = realloc(topology->objects, room * sizeof(*topology->objects));

		if (!more)
			return out_of_memory(fail);
		topology->objects = more;
		topology->object_room = room;
	}
	intent = new_intent(member, name);
	if (!intent || topology_note(topology, object, "", place, fail) < 0 ||
	    !tsearch(intent, &topology->by_name, by_kind_and_name)) {
		weft__intent__free_unpacked(intent, NULL);
		return out_of_memory(fail);
	}
	topology->objects[topology->object_count++] = intent;
	snprintf(topology->current, sizeof(topology->current), "%s", object);
	*ret = (ProtobufCMessage *)(void *)intent->net;
	return 0;
}

// The names of maps are taken one by one: a net, a router …
static int take_named(struct topology *topology, const char *member, const char *key,
                      const struct yaml_node *node, struct fail *fail)
{
	const struct schema_object *schema = schema_key(&schema_topology, key)->object;

	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
		ProtobufCMessage *body;

		if (node->items[i]->broken)
			continue;
		if (topology_add(topology, member, node->keys[i]->text, &node->keys[i]->place,
		                 &body, fail) < 0 ||
		    topology_fill(topology, schema, node->items[i], body, fail) < 0)
			return fail->code;
		if (strcmp(member, "dns") == 0 &&
		    topology_set(body, "host", node->keys[i]->text, fail) < 0)
			return fail->code;
		if (strcmp(member, "reservation") == 0 && !yaml_get(node->items[i], "hostname") &&
		    topology_set(body, "hostname", node->keys[i]->text, fail) < 0)
			return fail->code;
	}
	return 0;
}

static int take_routes(struct topology *topology, const char *router, const struct yaml_node *node,
                       struct fail *fail)
{
	for (size_t i = 0; node && node->kind == YAML_MAP && i < node->count; i++) {
		const char *prefix = node->keys[i]->text, *via = node->items[i]->text;
		ProtobufCMessage *body;
		char name[128];
		bool hole = strcmp(via, "blackhole") == 0;

		snprintf(name, sizeof(name), "%s-%s", router, prefix);
		for (char *slash = strchr(name, '/'); slash; slash = strchr(slash, '/'))
			*slash = '-';
		if (topology_add(topology, "route", name, &node->keys[i]->place, &body, fail) < 0 ||
		    topology_set(body, "router", router, fail) < 0 ||
		    topology_set(body, "prefix", prefix, fail) < 0 ||
		    topology_set(body, hole ? "blackhole" : "via", hole ? "true" : via, fail) < 0)
			return fail->code;
	}
	return 0;
}

static int take_routers(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	if (take_named(topology, "router", "routers", node, fail) < 0)
		return fail->code;
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
		if (!node->items[i]->broken &&
		    take_routes(topology, node->keys[i]->text, yaml_get(node->items[i], "routes"),
		                fail) < 0)
			return fail->code;
	return 0;
}

static int read_file(struct topology *topology, const char *path, const struct yaml_place *from,
                     struct fail *fail);

static int take_include(struct topology *topology, const struct yaml_node *node, struct fail *fail)
{
	const struct yaml_node *const *items =
		node->kind == YAML_LIST ? (const struct yaml_node *const *)node->items : &node;
	size_t count = node->kind == YAML_LIST ? node->count : !yaml_is_empty(node);

	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(items[i]->place.file, '/');
		char path[PATH_MAX];

		if (items[i]->broken)
			continue;

		int len = items[i]->text[0] == '/' || !slash
		                  ? snprintf(path, sizeof(path), "%s", items[i]->text)
		                  : snprintf(path, sizeof(path), "%.*s/%s",
		                             (int)(slash - items[i]->place.file),
		                             items[i]->place.file, items[i]->text);

		int err = len < 0 || (size_t)len >= sizeof(path)
		                  ? yaml_refuse(&items[i]->place, fail, "the path is too long")
		                  : read_file(topology, path, &items[i]->place, fail);

		// A file that cannot be read is a fault of the one that names it.
		if (err < 0 && topology_go_on(topology, err == -ENOMEM ? err : -EINVAL, fail) < 0)
			return err;
	}
	return 0;
}

static int take_key(struct topology *topology, const char *key, const struct yaml_node *node,
                    struct fail *fail)
{
	if (strcmp(key, "include") == 0)
		return take_include(topology, node, fail);
	if (strcmp(key, "hosts") == 0)
		return topology_take_hosts(topology, node, fail);
	if (strcmp(key, "links") == 0)
		return topology_take_links(topology, node, fail);
	if (strcmp(key, "nets") == 0)
		return take_named(topology, "net", key, node, fail);
	if (strcmp(key, "routers") == 0)
		return take_routers(topology, node, fail);
	if (strcmp(key, "guests") == 0)
		return topology_take_guests(topology, node, fail);
	if (strcmp(key, "forwards") == 0)
		return topology_take_forwards(topology, node, fail);
	if (strcmp(key, "tunnels") == 0)
		return take_named(topology, "tunnel", key, node, fail);
	if (strcmp(key, "peers") == 0)
		return take_named(topology, "peer", key, node, fail);
	if (strcmp(key, "flows") == 0)
		return take_named(topology, "flow", key, node, fail);
	if (strcmp(key, "reservations") == 0)
		return take_named(topology, "reservation", key, node, fail);
	if (strcmp(key, "dns") == 0)
		return take_named(topology, "dns", key, node, fail);
	if (strcmp(key, "tests") == 0)
		return topology_take_tests(topology, node, fail);
	return 0;
}

static int check_lab_name(const struct yaml_node *node, struct fail *fail)
{
	if (!strpbrk(node->text, "./"))
		return 0;
	yaml_refuse(&node->place, fail, "lab: '%.60s' cannot be the name of a lab", node->text);
	fail_hint(fail, "use letters, digits, '_' and '-'");
	return -EINVAL;
}

// demo.yaml is the lab demo; what a name cannot have becomes a hyphen.
static char *name_of_file(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char *name = strndup(base, strcspn(base, "."));

	for (char *c = name; c && *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || *c == '_'))
			*c = '-';
	if (name && (name[0] == '-' || name[0] == '_' || !name[0])) {
		free(name);
		name = strdup("lab");
	}
	return name;
}

// The first file names the lab.
static int begin_lab(struct topology *topology, const struct yaml_node *root, struct fail *fail)
{
	const struct yaml_node *name = yaml_get(root, "lab");
	ProtobufCMessage *body;

	if (name && name->broken)
		name = NULL;
	if (topology->lab)
		return !name || strcmp(name->text, topology->lab) == 0
		               ? 0
		               : yaml_refuse(&name->place, fail,
		                             "lab: an included file belongs to the lab '%s'",
		                             topology->lab);
	if (name && check_lab_name(name, fail) < 0)
		return -EINVAL;
	topology->lab = name ? strdup(name->text) : name_of_file(root->place.file);
	if (!topology->lab)
		return out_of_memory(fail);
	if (topology_add(topology, "lab_body", topology->lab, name ? &name->place : &root->place,
	                 &body, fail) < 0 ||
	    topology_set(body, "file", topology->path, fail) < 0)
		return fail->code;
	return topology_fill(topology, &schema_topology, root, body, fail);
}

static int take_tree(struct topology *topology, const struct yaml_tree *tree, struct fail *fail)
{
	const struct yaml_node *root = tree->root;

	if (!root)
		return fail_set(fail, -EINVAL, "%s:1:1: the file is empty", tree->file);
	schema_check(&schema_topology, root, &topology->faults);
	if (root->kind != YAML_MAP)
		return 0;

	int err = topology_go_on(topology, begin_lab(topology, root, fail), fail);

	for (size_t i = 0; err == 0 && topology->lab && i < root->count; i++)
		if (!root->items[i]->broken)
			err = topology_go_on(
				topology,
				take_key(topology, root->keys[i]->text, root->items[i], fail),
				fail);
	return err;
}

// False when it was read before; a file that is being read when it is met again includes itself.
static int note_file(struct topology *topology, const char *path, const struct yaml_place *from,
                     struct yaml_tree *tree, struct fail *fail)
{
	struct topology_file *more;
	struct stat st = {0};

	if (strcmp(path, "-") != 0)
		stat(path, &st);
	for (size_t i = 0; from && i < topology->file_count; i++) {
		const struct topology_file *file = &topology->files[i];

		if (!st.st_ino || file->inode != st.st_ino || file->device != st.st_dev)
			continue;
		yaml_tree_free(tree);
		return file->reading ? yaml_refuse(from, fail, "include: %s includes itself", path)
		                     : 0;
	}
	more = topology->file_count < TOPOLOGY_FILES_MOST
	               ? realloc(topology->files, (topology->file_count + 1) * sizeof(*more))
	               : NULL;
	if (!more) {
		yaml_tree_free(tree);
		return fail_set(fail, -E2BIG, "%s: more than %d files", path, TOPOLOGY_FILES_MOST);
	}
	topology->files = more;
	more[topology->file_count++] = (struct topology_file){
		.tree = tree, .device = st.st_dev, .inode = st.st_ino, .reading = true};
	return 1;
}

static int read_file(struct topology *topology, const char *path, const struct yaml_place *from,
                     struct fail *fail)
{
	struct yaml_tree *tree;
	struct stat st;
	size_t index;
	int err;

	if (from && topology->depth >= TOPOLOGY_INCLUDES_MOST)
		return yaml_refuse(from, fail, "include: more than %d files within each other",
		                   TOPOLOGY_INCLUDES_MOST);
	// The user may name a pipe; a file that may be somebody else's may not.
	if (from && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return yaml_refuse(from, fail, "include: %s is not a file", path);
	err = yaml_tree_open(path, &tree, fail);
	if (err < 0) {
		// A file that is not there has no place of its own.
		if (from && err != -EINVAL)
			fail_prefix(fail, "%s:%u:%u: include", from->file, from->line,
			            from->column);
		return err;
	}
	err = note_file(topology, path, from, tree, fail);
	if (err <= 0)
		return err;
	index = topology->file_count - 1;
	topology->depth++;
	err = take_tree(topology, tree, fail);
	topology->depth--;
	topology->files[index].reading = false;
	return err;
}

static int by_object(const void *left, const void *right)
{
	const struct topology_origin *const *a = left, *const *b = right;
	int order = strcmp((*a)->object, (*b)->object);

	return order ? order : (*a < *b ? -1 : 1);
}

// The same name from two files, or one that another object was given by us.
static int refuse_doubled(struct topology *topology, struct fail *fail)
{
	auto_free const struct topology_origin **sorted =
		calloc(topology->origin_count + 1, sizeof(*sorted));
	size_t count = 0;

	if (!sorted)
		return out_of_memory(fail);
	for (size_t i = 0; i < topology->origin_count; i++)
		if (!topology->origins[i].field[0])
			sorted[count++] = &topology->origins[i];
	qsort(sorted, count, sizeof(*sorted), by_object);
	for (size_t i = 1; i < count; i++) {
		const char *slash = strchr(sorted[i]->object, '/');

		if (strcmp(sorted[i - 1]->object, sorted[i]->object) == 0)
			faults_refuse(&topology->faults, &sorted[i]->place, NULL,
			              "there is a %.*s '%s' already, from %s:%u:%u",
			              (int)(slash - sorted[i]->object), sorted[i]->object,
			              slash + 1, sorted[i - 1]->place.file,
			              sorted[i - 1]->place.line, sorted[i - 1]->place.column);
	}
	return 0;
}

static int finish(struct topology *topology, int err, struct fail *fail)
{
	struct faults *faults = &topology->faults;

	err = topology_go_on(topology, err, fail);
	if (err == 0)
		err = topology_join_links(topology, fail);
	if (err == 0)
		err = topology_place_forwards(topology, fail);
	if (err == 0)
		err = topology_check_hostnames(topology, fail);
	if (err == 0)
		err = refuse_doubled(topology, fail);
	if (err < 0 || faults->count == 0)
		return err;
	faults_sort(faults);
	*fail = faults->items[0];
	return fail->code;
}

int topology_read(const char *path, struct topology *ret, struct fail *fail)
{
	int err;

	*ret = (struct topology){.path = strdup(path)};
	if (!ret->path)
		return out_of_memory(fail);
	err = read_file(ret, path, NULL, fail);
	return finish(ret, err, fail);
}

int topology_parse(const char *name, const void *bytes, size_t len, struct topology *ret,
                   struct fail *fail)
{
	struct yaml_tree *tree;
	int err;

	*ret = (struct topology){.path = strdup(name)};
	if (!ret->path)
		return out_of_memory(fail);
	err = yaml_tree_parse(name, bytes, len, &tree, fail);
	if (err == 0)
		err = note_file(ret, "-", NULL, tree, fail);
	if (err > 0)
		err = take_tree(ret, tree, fail);
	return finish(ret, err, fail);
}

// The objects are of the list.
static void keep(void *object)
{
}

void topology_fini(struct topology *topology)
{
	tdestroy(topology->by_name, keep);
	for (size_t i = 0; i < topology->object_count; i++)
		weft__intent__free_unpacked(topology->objects[i], NULL);
	for (size_t i = 0; i < topology->file_count; i++)
		yaml_tree_free(topology->files[i].tree);
	free(topology->objects);
	free(topology->origins);
	free(topology->files);
	free(topology->ends);
	free(topology->lab);
	free(topology->path);
	*topology = (struct topology){0};
}

// Takes "LAB." out of the text wherever a name begins with it.
static void drop_lab(const char *lab, char *text)
{
	size_t len = strlen(lab);
	char *to = text;

	for (const char *from = text; *from;) {
		bool begins = from == text || strchr("/' ,(", from[-1]);

		if (begins && strncmp(from, lab, len) == 0 && from[len] == '.' && from[len + 1])
			from += len + 1;
		*to++ = *from++;
	}
	*to = '\0';
}

// The model speaks of flags; in a file they are keys: "choose another --ip".
static void drop_dashes(char *text)
{
	char *dashes;

	// A command stays as it is.
	if (strstr(text, "weft "))
		return;
	while ((dashes = strstr(text, "--")))
		memmove(dashes, dashes + 2, strlen(dashes + 2) + 1);
}

// "... is already that of forward/tcp-80": and where that is.
static void locate_owner(const struct topology *topology, const char *field, struct fail *fail)
{
	static const char words[] = " is already that of ";
	const char *at = strstr(fail->what, words);
	const char *owner = at ? at + sizeof(words) - 1 : NULL;
	const struct topology_origin *origin =
		owner && field ? find_origin(topology, owner, field) : NULL;
	size_t len = strlen(fail->what);

	if (owner && !origin)
		origin = find_origin(topology, owner, "");
	if (origin)
		snprintf(fail->what + len, sizeof(fail->what) - len, " at %s:%u:%u",
		         origin->place.file, origin->place.line, origin->place.column);
}

// What is said of both directions in one place is told of both: "impair/l1:a-to-b" becomes "impair/l1".
static void drop_direction(const struct topology *topology, const char *object,
                           const struct topology_origin *origin, struct fail *fail)
{
	const char *colon = strrchr(object, ':');
	size_t len = colon ? (size_t)(colon - object) : 0;
	char *at = strstr(fail->what, object);

	if (strncmp(object, "impair/", 7) != 0 || !colon || !at)
		return;
	for (size_t i = 0; i < topology->origin_count; i++) {
		const struct topology_origin *other = &topology->origins[i];

		if (strncmp(other->object, object, len + 1) != 0 ||
		    strcmp(other->object, object) == 0 ||
		    strcmp(other->field, origin->field) != 0 ||
		    other->place.line != origin->place.line ||
		    other->place.column != origin->place.column ||
		    strcmp(other->place.file, origin->place.file) != 0)
			continue;
		memmove(at + len, at + strlen(object), strlen(at + strlen(object)) + 1);
		return;
	}
}

void topology_locate(const struct topology *topology, const char *object, const char *field,
                     struct fail *fail)
{
	const struct topology_origin *origin = NULL;
	char plain[160];

	snprintf(plain, sizeof(plain), "%s", object ? object : "");
	drop_lab(topology->lab, plain);
	drop_lab(topology->lab, fail->what);
	drop_lab(topology->lab, fail->hint);
	drop_dashes(fail->hint);
	locate_owner(topology, field, fail);
	if (field)
		origin = find_origin(topology, plain, field);
	if (!origin)
		origin = find_origin(topology, plain, "");
	if (!origin)
		return;
	drop_direction(topology, plain, origin, fail);
	fail_prefix(fail, "%s:%u:%u", origin->place.file, origin->place.line, origin->place.column);
}
