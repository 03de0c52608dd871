// SPDX-License-Identifier: BSD-3-Clause
//
// agent_keep: two hash tables by name, of what is lent and of what waits.
//
// Lending is told to whoever is connected and remembered for whoever connects next, so that a controller
// that starts anew becomes the keeper without being asked.

#include "datapath/agent_keep.h"

#include "base/log.h"
#include "base/stream.h"
#include "datapath/agent_frame.h"
#include "proto/channel.pb-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

// A kept entry has no lists: it needs its own size, and what the arena does not fill.
enum { KEPT_FLOOR = 4096 };

struct lent {
	UT_hash_handle hh;
	char *type;
	uint64_t object;
	int fd;
	size_t note_len;
	uint8_t *note;
	char name[];
};

struct waiting {
	UT_hash_handle hh;
	struct agent_kept kept;
	struct agent_arena arena; // holds what kept points into
};

struct agent_keep {
	struct stream *stream;
	struct lent *lent;
	struct waiting *waiting;
};

struct agent_keep *agent_keep_new(void)
{
	return calloc(1, sizeof(struct agent_keep));
}

static void forget_lent(struct agent_keep *keep, struct lent *lent)
{
	HASH_DEL(keep->lent, lent);
	free(lent->type);
	free(lent->note);
	free(lent);
}

static void forget_waiting(struct agent_keep *keep, struct waiting *waiting)
{
	HASH_DEL(keep->waiting, waiting);
	if (waiting->kept.fd >= 0)
		close(waiting->kept.fd);
	agent_arena_fini(&waiting->arena);
	free(waiting);
}

void agent_keep_free(struct agent_keep *keep)
{
	if (!keep)
		return;
	while (keep->lent)
		forget_lent(keep, keep->lent);
	while (keep->waiting)
		forget_waiting(keep, keep->waiting);
	free(keep);
}

static void send_lent(struct agent_keep *keep, struct lent *lent)
{
	Weft__Keep message = WEFT__KEEP__INIT;

	if (!keep->stream)
		return;
	message.name = lent->name;
	message.type = lent->type;
	message.has_object = lent->object != 0;
	message.object = lent->object;
	message.has_note = lent->note_len > 0;
	message.note = (ProtobufCBinaryData){.len = lent->note_len, .data = lent->note};
	if (agent_frame_send(keep->stream, WEFT__STREAM_ID__STREAM_CONTROL,
	                     WEFT__FRAME_TYPE__FRAME_KEEP, 0, &message.base, lent->fd) < 0)
		log_warn("could not lend '%s' to the keeper; it would not outlive this process",
		         lent->name);
}

void agent_keep_connect(struct agent_keep *keep, struct stream *stream)
{
	struct lent *lent, *next;

	// Descriptors go nowhere but to a keeper on this machine.
	keep->stream = stream && stream_takes_fds(stream) ? stream : NULL;
	HASH_ITER (hh, keep->lent, lent, next)
		send_lent(keep, lent);
}

static struct lent *lent_new(const char *name, const char *type, const void *note, size_t note_len)
{
	struct lent *lent = calloc(1, sizeof(*lent) + strlen(name) + 1);

	if (!lent)
		return NULL;
	strcpy(lent->name, name);
	lent->type = strdup(type);
	lent->note = malloc(note_len + 1);
	if (!lent->type || !lent->note) {
		free(lent->type);
		free(lent->note);
		free(lent);
		return NULL;
	}
	if (note_len > 0)
		memcpy(lent->note, note, note_len);
	lent->note_len = note_len;
	return lent;
}

int agent_keep_lend(struct agent_keep *keep, const char *name, const char *type, uint64_t object,
                    int fd, const void *note, size_t note_len)
{
	struct lent *old, *lent = lent_new(name, type, note, note_len);

	if (!lent)
		return -ENOMEM;
	lent->object = object;
	lent->fd = fd;
	HASH_FIND_STR(keep->lent, name, old);
	if (old)
		forget_lent(keep, old);
	HASH_ADD_STR(keep->lent, name, lent);
	if (!lent->hh.tbl) {
		free(lent->type);
		free(lent->note);
		free(lent);
		return -ENOMEM;
	}
	send_lent(keep, lent);
	return 0;
}

void agent_keep_drop(struct agent_keep *keep, const char *name)
{
	Weft__Keep message = WEFT__KEEP__INIT;
	struct lent *lent;

	HASH_FIND_STR(keep->lent, name, lent);
	if (lent)
		forget_lent(keep, lent);
	if (!keep->stream)
		return;
	message.name = (char *)name;
	message.type = (char *)"";
	agent_frame_send(keep->stream, WEFT__STREAM_ID__STREAM_CONTROL,
	                 WEFT__FRAME_TYPE__FRAME_KEEP_DROP, 0, &message.base, -1);
}

int agent_keep_receive(struct agent_keep *keep, struct stream_frame *frame)
{
	struct waiting *old, *waiting = calloc(1, sizeof(*waiting));
	const Weft__Keep *message;

	if (!waiting)
		return -ENOMEM;
	agent_arena_init(&waiting->arena, 2 * (size_t)frame->len + KEPT_FLOOR);
	message = agent_frame_decode(&waiting->arena, frame, &weft__keep__descriptor);
	if (!message) {
		agent_arena_fini(&waiting->arena);
		free(waiting);
		return -EBADMSG;
	}
	HASH_FIND_STR(keep->waiting, message->name, old);
	if (old)
		forget_waiting(keep, old);
	waiting->kept = (struct agent_kept){
		.name = message->name,
		.type = message->type,
		.object = message->object,
		.fd = frame->nfds > 0 ? stream_take_fd(frame, 0) : -1,
		.note = message->note.data,
		.note_len = message->note.len,
	};
	HASH_ADD_KEYPTR(hh, keep->waiting, message->name, strlen(message->name), waiting);
	return 0;
}

void agent_keep_forget(struct agent_keep *keep, const char *prefix)
{
	struct waiting *waiting, *next;

	HASH_ITER (hh, keep->waiting, waiting, next)
		if (strncmp(waiting->kept.name, prefix, strlen(prefix)) == 0)
			forget_waiting(keep, waiting);
}

const struct agent_kept *agent_keep_find(const struct agent_keep *keep, const char *name)
{
	struct waiting *waiting;

	HASH_FIND_STR(keep->waiting, name, waiting);
	return waiting ? &waiting->kept : NULL;
}

const struct agent_kept *agent_keep_next(const struct agent_keep *keep,
                                         const struct agent_kept *after)
{
	const struct waiting *waiting = keep->waiting;

	if (after) {
		const char *start = (const char *)after - offsetof(struct waiting, kept);

		waiting = ((const struct waiting *)(const void *)start)->hh.next;
	}
	return waiting ? &waiting->kept : NULL;
}

int agent_keep_claim(struct agent_keep *keep, const char *name)
{
	struct waiting *waiting;
	int fd;

	HASH_FIND_STR(keep->waiting, name, waiting);
	if (!waiting)
		return -ENOENT;
	fd = waiting->kept.fd;
	waiting->kept.fd = -1;
	forget_waiting(keep, waiting);
	return fd;
}
