// SPDX-License-Identifier: BSD-3-Clause
//
// agent_keep: what must outlive this process: descriptors lent to the keeper, and those that a predecessor
// had lent, waiting to be claimed. Main thread only.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct stream;
struct stream_frame;
struct agent_keep;

struct agent_keep *agent_keep_new(void); // NULL with errno
void agent_keep_free(struct agent_keep *keep);

// The keeper is at the other end of the stream (NULL: nobody is); everything lent is sent to it anew. One on
// another machine keeps nothing, since descriptors cannot reach it.
void agent_keep_connect(struct agent_keep *keep, struct stream *stream);

// Lends the descriptor, which stays the caller's and must stay open until agent_keep_drop(). The same
// name replaces. 0 or -ENOMEM.
int agent_keep_lend(struct agent_keep *keep, const char *name, const char *type, uint64_t object,
                    int fd, const void *note, size_t note_len);
void agent_keep_drop(struct agent_keep *keep, const char *name);

// Takes in a FRAME_KEPT. 0, or -EBADMSG.
int agent_keep_receive(struct agent_keep *keep, struct stream_frame *frame);

// Something that a predecessor left. The note lives until the entry is dropped or claimed.
struct agent_kept {
	const char *name, *type;
	uint64_t object;
	int fd; // -1: none came
	const uint8_t *note;
	size_t note_len;
};

// Lets go of all that waits under names that begin so.
void agent_keep_forget(struct agent_keep *keep, const char *prefix);

// NULL: nothing of this name waits.
const struct agent_kept *agent_keep_find(const struct agent_keep *keep, const char *name);
// The next waiting entry behind `after` (NULL: the first), in no particular order.
const struct agent_kept *agent_keep_next(const struct agent_keep *keep,
                                         const struct agent_kept *after);
// The descriptor is the caller's from now on; the entry is gone here, not at the keeper's.
int agent_keep_claim(struct agent_keep *keep, const char *name);
