// SPDX-License-Identifier: BSD-3-Clause
//
// agent_change: one transaction on its way: which objects it touches, what must be compiled anew, and what it
// has reserved so far. Shared by the agent_apply_* and agent_compile_* files; main thread only.
//
// Everything done to a change can be undone until it is published: objects go back into their nodes, new
// pieces are the edit's, doors are closed, slots given back, effects on shared tables reversed.

#pragma once

#include "datapath/agent_apply.h"
#include "datapath/agent_object.h"
#include "datapath/agent_store.h"
#include "datapath/edit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One object that the transaction changes, however many operations name it.
struct agent_touch {
	struct agent_touch *next;
	struct agent_node *node;
	struct agent_object *before, *after; // either may be NULL
	uint32_t op_index;                   // the last operation on it
	bool netns_ends, handed_over;        // as the last operation said
};

enum agent_work {
	WORK_LISTED = 1 << 0,   // on the list
	WORK_MEMBERS = 1 << 1,  // a domain's members changed
	WORK_FORWARDS = 1 << 2, // a VRF's port forwards changed
};

// A member that came (tag) or went, by domain and port.
struct agent_delta {
	struct agent_node *domain;
	struct domain_member member;
	bool added;
};

// A door that opens or closes with the transaction.
struct agent_door {
	struct agent_node *node;
	struct port *opened; // by this change, or NULL
	struct port *closed; // when the change stands, or NULL
	bool arrived;        // opened has its name
};

// A slot that this change leased, or, when it is known, found leased by a predecessor.
struct agent_fresh {
	struct agent_node *node;
	bool known;
};

// An effect on the FDB, the neighbours or a service; taken back in reverse order.
struct agent_effect {
	struct agent_node *node;
	const struct agent_object *from, *to;
	uint32_t op_index;
};

struct agent_change {
	struct apply *apply;
	struct apply_result *result;
	struct edit *edit;
	struct generation *next;
	const struct generation *old;

	struct agent_touch *touches, **touches_end;
	size_t touch_count;
	uint32_t op_index; // of the operation under way, for messages

	struct agent_node *work; // to be compiled; ended by itself, see agent_change_work()
	bool flow_rules;         // to be compiled
	bool published;          // workers have seen the next generation
	struct agent_delta *deltas;
	size_t delta_count, delta_room;

	struct agent_fresh *fresh;
	size_t fresh_count, fresh_room;

	struct agent_door *doors;
	size_t door_count, door_room;

	struct agent_effect *effects;
	size_t effect_count, effect_room, effects_done;
};

struct apply {
	struct apply_env env;
	struct agent_store store;
	struct generation *current;
	struct agent_change *tentative; // published, neither confirmed nor reverted
	struct agent_change *prepared;  // staged, neither committed nor abandoned
	bool prepared_tentative;        // and to be confirmed after that
	uint64_t number;                // of the last generation
	struct apply_result unheard;    // of a tentative change, once the caller has gone
};

// A change of what is held now, under the next number; NULL without memory.
struct agent_change *agent_change_new(struct apply *apply, struct apply_result *result);
// => The edit is ended, the next generation owned by somebody or freed.
void agent_change_free(struct agent_change *change);

// Makes room for one more in an array that grows by doubling. 0 or -ENOMEM.
int agent_change_room(void **array, size_t count, size_t *room, size_t item);
// Fills the result with the sentence; for what is nobody's field.
int agent_change_fail(struct agent_change *change, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Puts the node on the list of work; more bits may come later.
void agent_change_work(struct agent_change *change, struct agent_node *node, unsigned work);
struct agent_node *agent_change_domain(struct agent_change *change, uint64_t bridge, uint32_t vid);
// A node that objects of this transaction link to exists; NULL only for one that nobody ever named.
struct agent_node *agent_change_node(struct agent_change *change, uint32_t kind, uint64_t id);

// The stages of a transaction, in this order; each fills the result when it fails. After relating, and again once the
// doors are open, agent_compile.h has its part.
int agent_take(struct agent_change *change, const struct apply_op *ops, size_t count);
int agent_relate(struct agent_change *change);
int agent_doors_open(struct agent_change *change, bool tentative);
int agent_effects_apply(struct agent_change *change);

// The touch of a node in this change, new if it is the first. NULL without memory.
struct agent_touch *agent_take_touch(struct agent_change *change, struct agent_node *node,
                                     uint32_t op_index);

// Ways out. agent_take_back() puts every object back where it was, and frees those that came.
void agent_take_back(struct agent_change *change);
void agent_effects_undo(struct agent_change *change);
void agent_doors_undo(struct agent_change *change);
void agent_slots_undo(struct agent_change *change);
// After a publish: doors that stay open take what their ports now say of their interfaces; `back`: the old state.
void agent_doors_adjust(struct agent_change *change, bool back);
// After settle: frees the objects that were replaced.
void agent_take_finish(struct agent_change *change);
// After settle: closes what left, gives names to those who waited for them.
void agent_doors_finish(struct agent_change *change);
void agent_slots_finish(struct agent_change *change);

// Whether two versions of a port need different doors.
bool agent_door_differs(const Weft__Port *a, const Weft__Port *b);
// Whether their interfaces differ in what an open door can change: MTU, MAC, addresses, gateways.
bool agent_door_link_differs(const Weft__Port *a, const Weft__Port *b);
// What the door of a port will be in this change.
struct port *agent_door_of(const struct agent_change *change, const struct agent_node *node);
