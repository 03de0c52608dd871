// SPDX-License-Identifier: BSD-3-Clause
//
// edit: what one transaction allocated and what it replaced, so that both ways out are one call.
//
// Tables that workers read are immutable once published: a change makes new pieces and leaves the
// old ones alone. An edit remembers the new pieces (freed if the transaction fails or is reverted)
// and the replaced ones (freed once no worker can see them). A piece made by the running edit may
// be changed in place, which makes bulk loads cheap: it stores the token of its edit to be known.
// A piece may be both created and replaced by one edit; it is freed once, whichever way the edit
// ends. Main thread only.
//
// => Nothing changes under an edit's token once its work is published.
// => Edits that are open at the same time are kept oldest first and undone newest first.

#pragma once

#include <stdint.h>

struct edit;

typedef void (*edit_free_fn)(void *piece);

struct edit *edit_new(void); // NULL with errno

// Registers a piece made by this edit. On -ENOMEM the piece is freed at once with `release`.
int edit_created(struct edit *edit, void *piece, edit_free_fn release);

// Registers a published piece that this edit replaces or removes. 0 or -ENOMEM.
int edit_replaced(struct edit *edit, void *piece, edit_free_fn release);

// Makes room, so that the next `created` and `replaced` registrations cannot fail. 0 or -ENOMEM.
int edit_reserve(struct edit *edit, uint32_t created, uint32_t replaced);

// A token, unique in the process and never 0, that pieces may store to know their edit.
uint64_t edit_token(const struct edit *edit);

// The transaction stands: frees what was replaced, and the edit.
// => Every worker has passed since the publish.
void edit_keep(struct edit *edit);

// The transaction is undone: frees what was created, and the edit. => The old generation is
// published again and every worker has passed, or the new one never was published.
void edit_undo(struct edit *edit);
