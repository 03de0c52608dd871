// SPDX-License-Identifier: BSD-3-Clause
//
// guests: makes the namespaces of guests and takes them away again, only ever our own. Main thread.

#pragma once

#include "controller/model.h"
#include "controller/netns.h"
#include "controller/store.h"

struct guests {
	struct store *store; // Borrowed.
	const char *run_dir; // Borrowed.
	// Datapaths pass through namespaces, never to be ended with them.
	netns_spare_fn spare;
	void *spare_user;
};

// Makes what the batch adds. On failure nothing of it remains.
int guests_create(const struct guests *guests, const struct model *model, struct refusal *refusal);
// Undoes guests_create() of the same batch.
void guests_undo(const struct guests *guests, const struct model *model);
// Takes away what the batch removes. => The datapath has let go of it.
void guests_remove(const struct guests *guests, const struct model *model);

// After a start: makes what is missing, takes away what nobody wants.
void guests_reconcile(const struct guests *guests, const struct model *model);

// Writes what `weft shell` shows the guest as /etc/resolv.conf, for the guests behind the dirty keys.
void guests_write_files(const struct guests *guests, const struct model *model);
int guests_resolv_conf_path(const struct guests *guests, const char *guest, char *buf, size_t size);
