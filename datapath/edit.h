// SPDX-License-Identifier: BSD-3-Clause
//
// edit: what one transaction allocated and what it replaced, so that both ways out are one call.
//
// Tables that workers read are immutable once published: a change makes new pieces and leaves the old
// ones alone. An edit remembers the new pieces (freed if the transaction fails or is reverted) and the
// replaced ones (freed once no worker can see them). A piece made by the running edit may be changed in
// place, which makes bulk loads cheap: edit_owns() tells. Main thread only.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct edit;

typedef void (*edit_free_fn)(void *piece);

struct edit *edit_new(void); // NULL with errno
// Registers a piece made by this edit. On -ENOMEM the piece is freed at once with `release`.
int edit_created(struct edit *edit, void *piece, edit_free_fn release);
// Registers a published piece that this edit replaces or removes.
int edit_replaced(struct edit *edit, void *piece, edit_free_fn release);
// A token, unique in the process, that pieces may store to know their edit.
uint64_t edit_token(const struct edit *edit);
// The transaction stands: frees what was replaced. => Every worker has passed since the publish.
void edit_keep(struct edit *edit);
// The transaction is undone: frees what was created. => The old generation is published again and every
// worker has passed, or the new one never was published.
void edit_undo(struct edit *edit);
