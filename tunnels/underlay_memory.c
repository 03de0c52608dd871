// SPDX-License-Identifier: BSD-3-Clause
//
// underlay_memory: two rings of a few places.

#include "tunnels/underlay_memory.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum { DEPTH = 128, SIZE = 65536, PARTS_MAX = 64 };

struct place {
	struct datagram datagram; // of what went
	struct arrival arrival;   // of what came
	uint8_t *bytes;           // owned
};

struct ring {
	unsigned first, count;
	struct place places[DEPTH];
};

struct memory_underlay {
	struct underlay underlay;
	uint32_t mtu; // 0: any length
	uint32_t udp; // bytes of its header
	struct ring in, out;
};

// NULL when all places are taken.
static struct place *ring_add(struct ring *ring, size_t len)
{
	struct place *place = &ring->places[(ring->first + ring->count) % DEPTH];

	if (ring->count == DEPTH || len > SIZE)
		return NULL;
	// A block of its own length, so that a sanitizer sees who reads behind it.
	free(place->bytes);
	place->bytes = malloc(len ? len : 1);
	ring->count += place->bytes != NULL;
	return place->bytes ? place : NULL;
}

static struct place *ring_take(struct ring *ring)
{
	struct place *place = &ring->places[ring->first];

	if (!ring->count)
		return NULL;
	ring->first = (ring->first + 1) % DEPTH;
	ring->count--;
	return place;
}

static unsigned memory_receive(struct underlay *underlay, unsigned queue, struct arrival *ret,
                               unsigned most)
{
	struct memory_underlay *memory = (struct memory_underlay *)underlay;
	const struct place *place;
	unsigned count = 0;

	// Places are not used again before all of them were, so what is borrowed stays until the next call.
	while (count < MIN(most, DEPTH / 2) && (place = ring_take(&memory->in)))
		ret[count++] = place->arrival;
	return count;
}

// As the kernel does where the outer header says that nobody may cut.
static bool is_too_long(const struct memory_underlay *memory, const struct datagram *datagram)
{
	uint32_t len = datagram->part_size ? datagram->part_size : datagram->len;

	return memory->mtu && len + (memory->underlay.is6 ? 40U : 20U) + memory->udp > memory->mtu;
}

static bool memory_send(struct underlay *underlay, struct datagram *datagrams, unsigned count)
{
	struct memory_underlay *memory = (struct memory_underlay *)underlay;
	bool all = true;

	for (unsigned i = 0; i < count; i++) {
		struct place *place;
		size_t at = 0;

		if (is_too_long(memory, &datagrams[i])) {
			datagrams[i].drop = DROP_TX_TOO_BIG;
			all = false;
			continue;
		}
		place = ring_add(&memory->out, datagrams[i].len);
		if (!place) {
			datagrams[i].drop = DROP_TX_QUEUE_FULL;
			all = false;
			continue;
		}
		place->datagram = datagrams[i];
		for (unsigned n = 0; n < datagrams[i].iov_count; n++) {
			memcpy(place->bytes + at, datagrams[i].iov[n].iov_base,
			       datagrams[i].iov[n].iov_len);
			at += datagrams[i].iov[n].iov_len;
		}
	}
	return all;
}

static int memory_fd(const struct underlay *underlay, unsigned queue)
{
	return -1;
}

static uint32_t memory_mtu(const struct underlay *underlay, struct ip_addr to)
{
	return ((const struct memory_underlay *)underlay)->mtu;
}

static void memory_close(struct underlay *underlay)
{
	struct memory_underlay *memory = (struct memory_underlay *)underlay;

	for (unsigned i = 0; i < DEPTH; i++) {
		free(memory->in.places[i].bytes);
		free(memory->out.places[i].bytes);
	}
	free(memory);
}

static const struct underlay_ops memory_ops = {
	.receive = memory_receive,
	.send = memory_send,
	.fd = memory_fd,
	.mtu = memory_mtu,
	.close = memory_close,
};

int underlay_memory_open(void *user, const struct underlay_config *config, struct underlay **ret,
                         struct fail *fail)
{
	struct memory_underlay *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	memory->underlay = (struct underlay){
		.ops = &memory_ops,
		.queue_count = 1,
		.parts_max = config->udp_port && !config->checksum_off ? PARTS_MAX : 1,
		.is6 = !ip_is4(config->local),
	};
	memory->udp = config->udp_port ? 8 : 0;
	*ret = &memory->underlay;
	return 0;
}

int underlay_memory_put(struct underlay *underlay, struct ip_addr from, uint8_t tos,
                        uint16_t part_size, const void *bytes, size_t len)
{
	struct place *place = ring_add(&((struct memory_underlay *)underlay)->in, len);

	if (!place)
		return -ENOBUFS;
	memcpy(place->bytes, bytes, len);
	place->arrival = (struct arrival){
		.from = from,
		.tos = tos,
		.part_size = part_size,
		.len = (uint32_t)len,
		.bytes = place->bytes,
	};
	return 0;
}

int underlay_memory_take(struct underlay *underlay, struct datagram *datagram, void *bytes,
                         size_t size)
{
	const struct place *place = ring_take(&((struct memory_underlay *)underlay)->out);

	if (!place)
		return -EAGAIN;
	if (datagram)
		*datagram = place->datagram;
	if (size)
		memcpy(bytes, place->bytes, MIN(size, place->datagram.len));
	return (int)place->datagram.len;
}

void underlay_memory_set(struct underlay *underlay, uint32_t mtu, unsigned parts_max)
{
	((struct memory_underlay *)underlay)->mtu = mtu;
	underlay->parts_max = parts_max;
}
