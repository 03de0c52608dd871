// SPDX-License-Identifier: BSD-3-Clause
//
// topology: a lab as its file says it: the objects that the controller is to have, with their places.
// One thread.
//
// Names are as in the file; the controller puts the lab's before them.

#pragma once

#include "cli/faults.h"
#include "cli/yaml_tree.h"
#include "proto/model.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct schema_object;

// Where a field of an object stands; the object itself when the field is empty.
struct topology_origin {
	char object[160]; // "net/lan", as the controller's errors name it.
	const char *field;
	struct yaml_place place;
};

struct topology_file {
	struct yaml_tree *tree;
	unsigned long device, inode;
	bool reading;
};

// An end of a link, which is joined to its guest when all guests are known.
struct topology_end {
	const char *link, *end,
		*guest; // Borrowed from the trees; the guest perhaps with ":INTERFACE".
	char own[64];   // The guest, where the link's name says it.
	const struct yaml_node *node; // All that is said of the link.
	struct yaml_place place;
};

struct topology {
	char *lab;
	char *path;
	Weft__Intent **objects; // Owned, of the heap throughout.
	size_t object_count, object_room;
	void *by_name; // The objects by kind and name, a tree of <search.h>; of two alike the first.
	struct topology_origin *origins;
	size_t origin_count, origin_room;
	struct topology_file *files;
	size_t file_count;
	struct topology_end *ends;
	size_t end_count;
	unsigned depth;    // Of includes, while reading.
	char current[160]; // The object whose fields are being filled.
	struct faults faults;
};

// As the controller has it, the lab and its dot included.
enum { TOPOLOGY_NAME_MOST = 63 };
enum { TOPOLOGY_FILES_MOST = 256, TOPOLOGY_INCLUDES_MOST = 16 };

// Reads the file and what it includes; "-" is the standard input. -EINVAL with FILE:LINE:COLUMN in the
// fail, and all that is wrong in `faults`; -ENOENT and the like. => topology_fini() in any case.
int topology_read(const char *path, struct topology *ret, struct fail *fail);
// The same from bytes; includes are relative to the working directory.
int topology_parse(const char *name, const void *bytes, size_t len, struct topology *ret,
                   struct fail *fail);
void topology_fini(struct topology *topology);

// What the controller said of an object, "port/lab.h1", and one of its fields (may be NULL), at its place
// in the file, and with the lab's name left out of the sentence.
void topology_locate(const struct topology *topology, const char *object, const char *field,
                     struct fail *fail);

// For the files topology_*.c.

// A new object, by the member of Intent ("net", "reservation"); its body to fill in. -EINVAL when the name
// is taken within the lab.
int topology_add(struct topology *topology, const char *member, const char *name,
                 const struct yaml_place *place, ProtobufCMessage **ret, struct fail *fail);
// Another name for an object whose own no other has, also where its places are noted.
int topology_rename(struct topology *topology, const char *member, Weft__Intent *object,
                    const char *name, struct fail *fail);
// Fills the fields of the body that keys of the node name; other keys are passed over. The body is that
// of the object added last, or of a message within it.
int topology_fill(struct topology *topology, const struct schema_object *schema,
                  const struct yaml_node *node, ProtobufCMessage *body, struct fail *fail);
// Notes the place of an object's field; an empty field is the object.
int topology_note(struct topology *topology, const char *object, const char *field,
                  const struct yaml_place *place, struct fail *fail);
// What is wrong with one item is noted, and reading goes on with the next: 0. What ends the reading stays: err.
int topology_go_on(struct topology *topology, int err, struct fail *fail);
// The object of that kind and name; NULL: there is none (yet). The topology owns it.
Weft__Intent *topology_find(const struct topology *topology, Weft__Intent__BodyCase body,
                            const char *name);
// Whether the file has such a guest of which nothing was made, since something else is wrong with it.
bool topology_is_broken(const struct topology *topology, const char *guest);
// One field, or one more of a list, from a text that the schema has checked.
int topology_set(ProtobufCMessage *body, const char *field, const char *text, struct fail *fail);

int topology_take_guests(struct topology *topology, const struct yaml_node *node,
                         struct fail *fail);
int topology_take_forwards(struct topology *topology, const struct yaml_node *node,
                           struct fail *fail);
int topology_take_tests(struct topology *topology, const struct yaml_node *node, struct fail *fail);
int topology_take_hosts(struct topology *topology, const struct yaml_node *node, struct fail *fail);
int topology_take_links(struct topology *topology, const struct yaml_node *node, struct fail *fail);
// What the node says to be wrong with a port: impair, impair-in, impair-out.
int topology_take_impairments(struct topology *topology, const char *port,
                              const struct yaml_node *node, struct fail *fail);
// When all is read: the ends of links join their guests, and ports that are nowhere are refused.
int topology_join_links(struct topology *topology, struct fail *fail);
// When all is read: guests that a net would serve under one name are refused; cards of one guest are not.
int topology_check_hostnames(struct topology *topology, struct fail *fail);
// When all is read: forwards that did not say their net.
int topology_place_forwards(struct topology *topology, struct fail *fail);
