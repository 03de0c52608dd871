// SPDX-License-Identifier: BSD-3-Clause
//
// What a guest sends to a TAP or an interface is gathered from its own memory when it is written: nobody copies
// the payload before the kernel does. Shown by a guest that changes it at the last moment.

#include "base/bytes.h"
#include "tests/unit/unit.h"
#include "tests/unit/vnic/ends.h"
#include "tests/unit/vnic/guest_ring.h"
#include "vnic/vhost/memory.h"
#include "vnic/vhost/vhost_rx.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, FRAME = 1514, BEFORE = 0x11, AFTER = 0x22, PATIENCE_MS = 10000 };

static struct guest_device guest;

// Takes the one frame that the guest sends, in pieces.
static struct packet *take_frame(struct vhost_rx *rx, struct batch *batch)
{
	static const uint32_t lens[] = {HEADER, 700, 400, FRAME - 1100};
	static struct port port = {.slot = 7};
	uint8_t bytes[HEADER + FRAME] = {0};

	memset(bytes + HEADER, BEFORE, FRAME);
	memset(bytes + HEADER, 0xff, 6);
	memcpy(bytes + HEADER + 6, "\x02\x00\x00\x00\x00\x01\x88\xb5", 8);
	guest_ring_put(&guest.sends, lens, ARRAY_SIZE(lens), bytes, sizeof(bytes));
	vhost_rx_init(rx, (struct vhost_device *)(void *)&guest, 0);
	assert_int_equal(vhost_rx_take(rx, &port, 0, ends.pool, batch), 1);
	return batch->packets[0];
}

// Returns how many bytes behind the head were lent.
static uint32_t change_payload(struct packet *packet)
{
	// Where the device has it.
	const struct vhost_region *memory = &guest.sends.memory->regions[0];
	uint32_t lent = 0;

	for (unsigned i = 0; i < packet->segment_count; i++) {
		const struct segment *segment = &packet->segments[i];
		uint8_t *base = (uint8_t *)(uintptr_t)segment->base;

		assert_true(base >= memory->base &&
		            base + segment->len <= memory->base + memory->size);
		memset(base, AFTER, segment->len);
		lent += segment->len;
	}
	return lent;
}

// The guest's frame, as it came to the other end.
static void receive(int fd, uint8_t frame[static FRAME])
{
	uint8_t got[FRAME + 1];
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	while (poll(&poll_fd, 1, PATIENCE_MS) == 1) {
		if (recv(fd, got, sizeof(got), 0) != FRAME || got[12] != 0x88 || got[13] != 0xb5)
			continue;
		memcpy(frame, got, FRAME);
		return;
	}
	fail_msg("the frame did not arrive");
}

static void gather(unsigned end)
{
	struct vhost_rx rx = {0};
	struct batch batch = {0};
	struct sockaddr_ll name;
	int sniffer = ends_sniffer(end, &name);
	uint8_t frame[FRAME];
	struct packet *packet;

	guest_device_open(&guest, PORT_TX_CSUM, true, false);
	packet = take_frame(&rx, &batch);
	assert_int_equal(packet->head_len, PACKET_HEAD);
	assert_int_equal(change_payload(packet), FRAME - PACKET_HEAD);
	assert_int_equal(port_tx(ends.end[end].port, 0, ends.pool, &packet, 1), 1);
	receive(sniffer, frame);
	// What was decided upon is what was decided upon; the rest is as late as it can be.
	for (unsigned i = 14; i < FRAME; i++)
		assert_int_equal(frame[i], i < PACKET_HEAD ? BEFORE : AFTER);
	packet_give(ends.pool, packet);
	packet_arena_reset(ends.pool);
	vhost_rx_finish(&rx);
	guest_device_close(&guest);
	close(sniffer);
}

static void doors_gather_from_the_guest(void **state)
{
	netns_required();
	ends_open();
	ends_add_tap(0, false);
	ends_add_veth(1);
	gather(0);
	gather(1);
	ends_close();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(doors_gather_from_the_guest),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
