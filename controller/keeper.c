// SPDX-License-Identifier: BSD-3-Clause
//
// keeper: a table of descriptors by name.

#include "controller/keeper.h"

#include "base/stream.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct kept {
	uint8_t *body; // The packed Keep message.
	size_t len;
	int fd;
};

static struct kept *kept_new(void)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (kept)
		kept->fd = -1;
	return kept;
}

static void kept_free(struct kept *kept)
{
	if (!kept)
		return;
	if (kept->fd >= 0)
		close(kept->fd);
	free(kept->body);
	free(kept);
}

void keeper_fini(struct keeper *keeper)
{
	struct kept *kept;
	size_t cursor = 0;

	while ((kept = table_next(&keeper->kept, &cursor, NULL, NULL)))
		kept_free(kept);
	table_fini(&keeper->kept);
}

int keeper_keep(struct keeper *keeper, struct stream_frame *frame)
{
	Weft__Keep *message = decode_message(&weft__keep__descriptor, frame->len, frame->body);
	struct kept *kept = kept_new();
	void *old = NULL;
	int err = 0;

	if (!message || !kept) {
		err = message ? -ENOMEM : -EBADMSG;
	} else if (frame->nfds != 1) {
		err = -EBADMSG;
	} else {
		kept->body = malloc(frame->len + 1);
		kept->len = frame->len;
		if (kept->body)
			memcpy(kept->body, frame->body, frame->len);
		err = kept->body ? 0 : -ENOMEM;
	}
	if (err == 0)
		err = table_put(&keeper->kept, message->name, strlen(message->name), kept, &old);
	if (err == 0) {
		kept->fd = stream_take_fd(frame, 0);
		kept_free(old);
	} else {
		kept_free(kept);
	}
	weft__keep__free_unpacked(message, NULL);
	return err;
}

int keeper_drop(struct keeper *keeper, const struct stream_frame *frame)
{
	Weft__Keep *message = decode_message(&weft__keep__descriptor, frame->len, frame->body);

	if (!message)
		return -EBADMSG;
	kept_free(table_remove_text(&keeper->kept, message->name));
	weft__keep__free_unpacked(message, NULL);
	return 0;
}

enum { QUEUES_MOST = 16, NAME_SIZE = 48 };

static struct kept *queue_of(const struct keeper *keeper, uint64_t port, unsigned queue,
                             char name[static NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "tap/%llu/%u", (unsigned long long)port, queue);
	return table_get_text(&keeper->kept, name);
}

static int hand_one(const struct kept *kept, uint64_t port, unsigned queue, struct stream *to)
{
	Weft__Keep *message = decode_message(&weft__keep__descriptor, kept->len, kept->body);
	char name[NAME_SIZE], *own = message ? message->name : NULL;
	uint8_t *body = NULL;
	int err = message ? 0 : -EBADMSG;

	snprintf(name, sizeof(name), "handed/%llu/%u", (unsigned long long)port, queue);
	if (err == 0) {
		message->name = name;
		body = malloc(weft__keep__get_packed_size(message));
		err = body ? stream_send(to, WEFT__STREAM_ID__STREAM_CONTROL,
		                         WEFT__FRAME_TYPE__FRAME_HANDED, 0, body,
		                         weft__keep__pack(message, body), &kept->fd, 1)
		           : -ENOMEM;
		message->name = own;
	}
	free(body);
	weft__keep__free_unpacked(message, NULL);
	return err;
}

int keeper_hand(const struct keeper *keeper, uint64_t port, struct stream *to)
{
	const struct kept *kept;
	char name[NAME_SIZE];
	unsigned queue = 0;
	int err = 0;

	for (; err == 0 && queue < QUEUES_MOST && (kept = queue_of(keeper, port, queue, name));
	     queue++)
		err = hand_one(kept, port, queue, to);
	return err == 0 && queue == 0 ? -ENOENT : err;
}

void keeper_forget(struct keeper *keeper, uint64_t port)
{
	char name[NAME_SIZE];

	for (unsigned queue = 0; queue < QUEUES_MOST && queue_of(keeper, port, queue, name);
	     queue++)
		kept_free(table_remove_text(&keeper->kept, name));
}

static int return_leases(struct stream *stream, const void *leases, size_t len)
{
	Weft__Keep message = WEFT__KEEP__INIT;
	uint8_t *body;
	int err;

	message.name = (char *)"leases";
	message.type = (char *)"leases";
	message.has_note = true;
	message.note = (ProtobufCBinaryData){.len = len, .data = (uint8_t *)leases};
	body = malloc(weft__keep__get_packed_size(&message));
	if (!body)
		return -ENOMEM;
	err = stream_send(stream, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_KEPT, 0,
	                  body, weft__keep__pack(&message, body), NULL, 0);
	free(body);
	return err;
}

int keeper_return(const struct keeper *keeper, struct stream *stream, const void *leases,
                  size_t leases_len)
{
	const struct kept *kept;
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && (kept = table_next(&keeper->kept, &cursor, NULL, NULL)))
		err = stream_send(stream, WEFT__STREAM_ID__STREAM_CONTROL,
		                  WEFT__FRAME_TYPE__FRAME_KEPT, 0, kept->body, kept->len, &kept->fd,
		                  1);
	if (err == 0)
		err = return_leases(stream, leases, leases_len);
	if (err == 0)
		err = stream_send(stream, WEFT__STREAM_ID__STREAM_CONTROL,
		                  WEFT__FRAME_TYPE__FRAME_KEPT_END, 0, NULL, 0, NULL, 0);
	return err;
}
