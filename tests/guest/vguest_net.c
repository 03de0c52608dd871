// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_net: buffers cut into descriptors, and frames put together from them.
//
// The pieces of a cut buffer lie backwards in its area, with gaps between them: a device that writes or reads
// on where it should have gone to the next descriptor meets the gap, not the right bytes by luck. In the
// joined layout there are no gaps within, and sending and receiving touch nothing but frame and descriptor.

#include "tests/guest/vguest_net.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

enum { GAP_BYTE = 0x5c, PAGE = 4096, CUTS = 12, FRAME_BUFFERS = 1024 };

static bool has(const struct vguest_net *net, unsigned feature)
{
	return net->setup.features >> feature & 1;
}

static bool receives(const struct vguest_net *net)
{
	return net->ring->index % 2 == 0;
}

static int alloc_buffers(struct vguest_net *net)
{
	struct vguest_memory *memory = net->ring->memory;
	uint32_t count = net->setup.buffers;

	net->buffers = calloc(count, sizeof(*net->buffers));
	net->pieces = calloc((size_t)count * VGUEST_PIECES, sizeof(*net->pieces));
	net->free = calloc(count, sizeof(*net->free));
	net->scratch = malloc(VGUEST_FRAME_MAX + sizeof(struct virtio_net_hdr_v1));
	if (!net->buffers || !net->pieces || !net->free || !net->scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *bytes = NULL;

		for (unsigned tries = 0; !bytes && tries < memory->region_count; tries++)
			bytes = vguest_memory_alloc(memory, (i + tries) % memory->region_count,
			                            net->area, 64);
		if (!bytes)
			return -ENOMEM;
		net->buffers[i].bytes = bytes;
		net->buffers[i].pieces = &net->pieces[(size_t)i * VGUEST_PIECES];
	}
	return 0;
}

int vguest_net_init(struct vguest_net *net, struct vguest_ring *ring,
                    const struct vguest_net_setup *setup)
{
	*net = (struct vguest_net){.ring = ring, .setup = *setup};
	net->header_len = has(net, VIRTIO_F_VERSION_1) || has(net, VIRTIO_NET_F_MRG_RXBUF)
	                          ? sizeof(struct virtio_net_hdr_v1)
	                          : sizeof(struct virtio_net_hdr);
	net->area = net->header_len + setup->room;
	if (setup->layout != VGUEST_JOINED)
		net->area += VGUEST_GAP * (VGUEST_PIECES + 1);
	if (alloc_buffers(net) < 0) {
		vguest_net_fini(net);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < setup->buffers; i++)
		net->free[i] = setup->buffers - 1 - i;
	net->free_count = setup->buffers;
	return 0;
}

void vguest_net_fini(struct vguest_net *net)
{
	free(net->buffers);
	free(net->pieces);
	free(net->free);
	free(net->scratch);
	*net = (struct vguest_net){0};
}

// The length of the next piece, of `left` bytes of which `done` come before.
static uint32_t next_cut(const struct vguest_net *net, uint32_t done, uint32_t left, unsigned cuts)
{
	switch (net->setup.layout) {
	case VGUEST_APART:
		return done ? left : net->header_len;
	case VGUEST_PAGES:
		return done ? MIN(left, (uint32_t)PAGE) : net->header_len;
	case VGUEST_RANDOM:
		if (!done)
			return net->header_len + rand_below(left - net->header_len + 1);
		__attribute__((fallthrough));
	case VGUEST_SHREDS:
		if (cuts == CUTS || rand_below(4) == 0)
			return left;
		return 1 + rand_below(rand_below(3) ? MIN(left, 64u) : left);
	default:
		return left;
	}
}

// Cuts the buffer for `len` bytes, header included.
static void cut(struct vguest_net *net, struct vguest_buffer *buffer, uint32_t len)
{
	const struct vguest_memory *memory = net->ring->memory;
	uint32_t done = 0;

	buffer->len = len;
	buffer->count = 0;
	if (net->setup.layout == VGUEST_JOINED) {
		buffer->pieces[buffer->count++] =
			(struct vguest_piece){vguest_memory_address(memory, buffer->bytes), len};
		return;
	}

	uint8_t *end = buffer->bytes + net->area - VGUEST_GAP;

	if (net->setup.strict)
		memset(buffer->bytes, GAP_BYTE, net->area);
	while (done < len) {
		uint32_t piece = next_cut(net, done, len - done, buffer->count);

		end -= piece;
		buffer->pieces[buffer->count++] =
			(struct vguest_piece){vguest_memory_address(memory, end), piece};
		end -= VGUEST_GAP;
		done += piece;
	}
}

static uint8_t *bytes_of(const struct vguest_net *net, const struct vguest_piece *piece)
{
	return vguest_memory_at(net->ring->memory, piece->guest);
}

// Copies between a place in the cut buffer and plain bytes.
static void move(const struct vguest_net *net, const struct vguest_buffer *buffer, uint32_t offset,
                 uint8_t *bytes, uint32_t len, bool into)
{
	for (unsigned i = 0; i < buffer->count && len; i++) {
		const struct vguest_piece *piece = &buffer->pieces[i];

		if (offset >= piece->len) {
			offset -= piece->len;
			continue;
		}

		uint32_t part = MIN(len, piece->len - offset);
		uint8_t *at = bytes_of(net, piece) + offset;

		memcpy(into ? at : bytes, into ? bytes : at, part);
		bytes += part;
		len -= part;
		offset = 0;
	}
}

static bool are_gaps_whole(const struct vguest_net *net, const struct vguest_buffer *buffer)
{
	uint8_t gap[VGUEST_GAP];

	memset(gap, GAP_BYTE, sizeof(gap));
	for (unsigned i = 0; i < buffer->count; i++) {
		const uint8_t *at = bytes_of(net, &buffer->pieces[i]);

		if (memcmp(at - sizeof(gap), gap, sizeof(gap)) != 0 ||
		    memcmp(at + buffer->pieces[i].len, gap, sizeof(gap)) != 0)
			return false;
	}
	return true;
}

static bool watches_gaps(const struct vguest_net *net)
{
	return net->setup.strict && net->setup.layout != VGUEST_JOINED;
}

static uint64_t sum_of(const struct vguest_net *net, const struct vguest_buffer *buffer)
{
	uint64_t sum = 1469598103934665603u;

	for (unsigned i = 0; i < buffer->count; i++)
		for (uint32_t at = 0; at < buffer->pieces[i].len; at++)
			sum = (sum ^ bytes_of(net, &buffer->pieces[i])[at]) * 1099511628211u;
	return sum;
}

static enum vguest_how how_of(const struct vguest_net *net, const struct vguest_buffer *buffer)
{
	if (!net->setup.indirect || !has(net, VIRTIO_RING_F_INDIRECT_DESC) || buffer->count < 2)
		return VGUEST_DIRECT;
	return net->setup.mixed && rand_below(2) ? VGUEST_MIXED : VGUEST_INDIRECT;
}

unsigned vguest_net_fill(struct vguest_net *net)
{
	unsigned filled = 0;

	while (net->free_count) {
		uint32_t number = net->free[net->free_count - 1];
		struct vguest_buffer *buffer = &net->buffers[number];

		cut(net, buffer, net->header_len + net->setup.room);
		if (vguest_ring_add(net->ring, buffer->pieces, 0, buffer->count, number,
		                    how_of(net, buffer)) < 0)
			break;
		net->free_count--;
		filled++;
	}
	if (filled)
		vguest_ring_publish(net->ring);
	return filled;
}

static const char *why_bad_header(const struct vguest_net *net,
                                  const struct virtio_net_hdr_v1 *header, uint32_t len)
{
	unsigned kind = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (header->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID) &&
	    !has(net, VIRTIO_NET_F_GUEST_CSUM))
		return "a checksum that the driver was not asked about";
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    header->csum_start + header->csum_offset + 2u > len)
		return "a checksum beyond the frame";
	if (kind == VIRTIO_NET_HDR_GSO_NONE)
		return header->gso_type & VIRTIO_NET_HDR_GSO_ECN ? "ECN of no segments" : NULL;
	if (!header->gso_size)
		return "segments of no size";
	if (kind == VIRTIO_NET_HDR_GSO_TCPV4)
		return has(net, VIRTIO_NET_F_GUEST_TSO4) ? NULL : "TSO4 not agreed upon";
	if (kind == VIRTIO_NET_HDR_GSO_TCPV6)
		return has(net, VIRTIO_NET_F_GUEST_TSO6) ? NULL : "TSO6 not agreed upon";
	if (kind == VGUEST_GSO_UDP)
		return has(net, VGUEST_F_GUEST_USO4) && has(net, VGUEST_F_GUEST_USO6)
		               ? NULL
		               : "USO not agreed upon";
	return "segments of an unknown kind";
}

// Held against the rules for mergeable buffers: all but the last are full, and all are used at once.
static int check_used(struct vguest_net *net, const struct vguest_used *used, bool last)
{
	const struct vguest_buffer *buffer = &net->buffers[used->token];

	if (!last && used->len != buffer->len)
		return vguest_ring_fault(net->ring, "a buffer in between has %u bytes of %u",
		                         used->len, buffer->len);
	if (watches_gaps(net) && !are_gaps_whole(net, buffer))
		return vguest_ring_fault(net->ring, "bytes beside a descriptor were written");
	return 0;
}

// Collects the buffers of one frame from the first one on; returns the frame's length or -EPROTO.
static int collect(struct vguest_net *net, const struct vguest_used *first,
                   const struct virtio_net_hdr_v1 *header, uint32_t *tokens)
{
	unsigned count = header->num_buffers;
	struct vguest_used used = *first;
	uint32_t len = 0;

	if (count == 0 || count > MIN(net->ring->size, FRAME_BUFFERS) ||
	    (count > 1 && !has(net, VIRTIO_NET_F_MRG_RXBUF)))
		return vguest_ring_fault(net->ring, "a frame of %u buffers", count);
	for (unsigned i = 0; i < count; i++) {
		int got = i ? vguest_ring_take(net->ring, &used) : 1;

		if (got == 0)
			return vguest_ring_fault(net->ring, "%u of a frame's %u buffers are used",
			                         i, count);
		if (got < 0 || check_used(net, &used, i + 1 == count) < 0)
			return -EPROTO;

		uint32_t skip = i ? 0 : net->header_len;

		tokens[i] = used.token;
		if (len + used.len - skip > VGUEST_FRAME_MAX)
			return vguest_ring_fault(net->ring, "a frame of more than %u bytes",
			                         len + used.len - skip);
		move(net, &net->buffers[used.token], skip, net->scratch + len, used.len - skip,
		     false);
		len += used.len - skip;
	}
	return (int)len;
}

static void give_again(struct vguest_net *net, uint32_t token)
{
	struct vguest_buffer *buffer = &net->buffers[token];

	cut(net, buffer, buffer->len);
	// A cut of more pieces than before may find no room now; the next fill tries again.
	if (vguest_ring_add(net->ring, buffer->pieces, 0, buffer->count, token,
	                    how_of(net, buffer)) < 0)
		net->free[net->free_count++] = token;
}

static int receive_one(struct vguest_net *net, vguest_seen seen, void *context)
{
	struct virtio_net_hdr_v1 header = {.num_buffers = 1};
	struct vguest_used used;
	int got = vguest_ring_take(net->ring, &used);

	if (got <= 0)
		return got;

	struct vguest_buffer *buffer = &net->buffers[used.token];
	const uint8_t *frame = buffer->bytes + net->header_len;
	uint32_t tokens[FRAME_BUFFERS], count = 1;

	tokens[0] = used.token;
	if (used.len < net->header_len)
		return vguest_ring_fault(net->ring, "%u bytes used, the header has %u", used.len,
		                         net->header_len);
	if (net->setup.layout == VGUEST_JOINED)
		memcpy(&header, buffer->bytes, net->header_len);
	else
		move(net, buffer, 0, (uint8_t *)&header, net->header_len, false);

	if (net->setup.any_count && !has(net, VIRTIO_NET_F_MRG_RXBUF))
		header.num_buffers = 1;

	int len = (int)(used.len - net->header_len);

	if (net->setup.layout != VGUEST_JOINED || header.num_buffers != 1) {
		count = header.num_buffers;
		len = collect(net, &used, &header, tokens);
		frame = net->scratch;
	}
	if (len < 0)
		return len;

	const char *bad = why_bad_header(net, &header, (uint32_t)len);

	if (bad)
		return vguest_ring_fault(net->ring, "a header with %s", bad);
	net->frames++;
	net->bytes += (uint32_t)len;
	seen(context, &header, frame, (uint32_t)len);
	for (uint32_t i = 0; i < count; i++)
		give_again(net, tokens[i]);
	return 1;
}

int vguest_net_receive(struct vguest_net *net, unsigned max, vguest_seen seen, void *context)
{
	unsigned done = 0;
	int got = 0;

	while (done < max && (got = receive_one(net, seen, context)) > 0)
		done++;
	if (got < 0)
		return got;
	if (done)
		vguest_ring_publish(net->ring);
	if (net->free_count && receives(net))
		vguest_net_fill(net);
	return (int)done;
}

static int add_frame(struct vguest_net *net, uint32_t number, uint32_t len)
{
	struct vguest_buffer *buffer = &net->buffers[number];

	if (net->setup.strict)
		buffer->sum = sum_of(net, buffer);
	if (vguest_ring_add(net->ring, buffer->pieces, buffer->count, 0, number,
	                    how_of(net, buffer)) < 0) {
		net->free[net->free_count++] = number;
		net->starved = true;
		return -EAGAIN;
	}
	net->frames++;
	net->bytes += len;
	return 0;
}

int vguest_net_push(struct vguest_net *net, uint32_t number, uint32_t len)
{
	cut(net, &net->buffers[number], net->header_len + len);
	return add_frame(net, number, len);
}

uint8_t *vguest_net_claim(struct vguest_net *net, uint32_t *buffer)
{
	net->starved = !net->free_count;
	if (net->starved)
		return NULL;
	*buffer = net->free[--net->free_count];
	return net->buffers[*buffer].bytes;
}

int vguest_net_send(struct vguest_net *net, const struct virtio_net_hdr_v1 *header,
                    const uint8_t *frame, uint32_t len)
{
	net->starved = !net->free_count;
	if (net->starved)
		return -EAGAIN;

	uint32_t number = net->free[--net->free_count];
	struct vguest_buffer *buffer = &net->buffers[number];
	uint8_t head[sizeof(*header)];

	memcpy(head, header, sizeof(head));
	cut(net, buffer, net->header_len + len);
	move(net, buffer, 0, head, net->header_len, true);
	move(net, buffer, net->header_len, (uint8_t *)(uintptr_t)frame, len, true);
	return add_frame(net, number, len);
}

void vguest_net_flush(struct vguest_net *net)
{
	vguest_ring_publish(net->ring);
}

int vguest_net_reclaim(struct vguest_net *net)
{
	struct vguest_used used;
	int got, done = 0;

	while ((got = vguest_ring_take(net->ring, &used)) > 0) {
		struct vguest_buffer *buffer = &net->buffers[used.token];

		if (net->setup.strict && sum_of(net, buffer) != buffer->sum)
			return vguest_ring_fault(net->ring,
			                         "a frame was written while it was sent");
		if (watches_gaps(net) && !are_gaps_whole(net, buffer))
			return vguest_ring_fault(net->ring, "bytes beside a frame were written");
		net->free[net->free_count++] = used.token;
		done++;
	}
	return got < 0 ? got : done;
}
