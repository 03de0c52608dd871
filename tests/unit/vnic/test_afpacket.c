// SPDX-License-Identifier: BSD-3-Clause
//
// Interfaces by packet socket: super-packets both ways, tags restored, nothing of our own comes back.

#include "base/bytes.h"
#include "base/clock.h"
#include "ends.h"
#include "frames.h"
#include "test.h"
#include "vnic/afpacket.h"
#include "vnic/link.h"
#include "vnic/parse.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct frame frame;

static void open_ends(void)
{
	netns_required();
	ends_open();
	ends_add_veth(0);
	ends_add_veth(1);
}

static void test_tcp_in_super_packets(void **state)
{
	open_ends();
	assert_int_equal(ends.end[0].port->mtu, 1500);
	ends_transfer(AF_INET, 4 << 20);
	assert_true(ends.super_packets > 10);
	assert_true(ends.largest > 30000);
	ends.super_packets = 0;
	ends_transfer(AF_INET6, 4 << 20);
	assert_true(ends.super_packets > 10);
	assert_int_equal(ends.refused, 0);
	ends_close();
}

static void test_tap_to_veth(void **state)
{
	netns_required();
	ends_open();
	ends_add_tap(0, false);
	ends_add_veth(1);
	ends_transfer(AF_INET, 4 << 20);
	assert_true(ends.largest > 30000);
	assert_int_equal(ends.refused, 0);
	ends_close();
}

struct wish {
	uint16_t eth_type;
	uint16_t flags;
	uint16_t vlan;
	const uint8_t *bytes;
	size_t len;
};

// Whether a frame with these bytes came in by end 0.
static bool has_come(void *user)
{
	const struct wish *wanted = user;
	struct batch batch = {0};
	bool is_found = false;

	port_rx(ends.end[0].port, 0, ends.pool, &batch);
	for (unsigned i = 0; i < batch.count; i++) {
		struct packet *packet = batch.packets[i];
		uint8_t out[2000];

		packet_parse(packet, PARSE_L2);
		is_found |= packet->eth_type == wanted->eth_type && packet->len == wanted->len &&
		            (packet->flags & PACKET_VLAN) == wanted->flags &&
		            (!wanted->flags || packet->vlan == wanted->vlan) &&
		            packet_copy(packet, 0, sizeof(out), out) == wanted->len &&
		            memcmp(out, wanted->bytes, wanted->len) == 0;
		packet_give(ends.pool, packet);
	}
	packet_arena_reset(ends.pool);
	return is_found;
}

static void send_from_guest(const uint8_t *bytes, size_t len)
{
	struct sockaddr_ll name;
	int fd = ends_sniffer(0, &name);

	assert_int_equal(sendto(fd, bytes, len, 0, (struct sockaddr *)&name, sizeof(name)), len);
	close(fd);
}

static void test_tags_are_restored(void **state)
{
	static const uint16_t types[] = {ETH_TYPE_VLAN, ETH_TYPE_SERVICE};
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 1400};

	open_ends();
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t tagged[2000];

		frame_build(&spec, &frame);
		memcpy(tagged, frame.bytes, 12);
		store_be16(tagged + 12, types[i]);
		store_be16(tagged + 14, 0x6014);
		memcpy(tagged + 16, frame.bytes + 12, frame.len - 12);
		send_from_guest(tagged, frame.len + VLAN_TAG);

		// A service tag stays in the frame, as it would at any other door.
		struct wish customer = {0x0800, PACKET_VLAN, 0x6014, frame.bytes, frame.len};
		struct wish service = {ETH_TYPE_SERVICE, 0, 0, tagged, frame.len + VLAN_TAG};

		assert_true(netns_eventually(has_come, i ? &service : &customer));
	}
	ends_close();
}

static void test_tagged_frame_to_the_guest(void **state)
{
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 1472};
	struct sockaddr_ll name;

	open_ends();
	frame_build(&spec, &frame);

	struct packet *packet = frame_packet(ends.pool, frame.bytes, frame.len, PACKET_HEAD, 2);
	struct sniff wanted = {ends_sniffer(0, &name), frame.len, 20};

	packet->flags = PACKET_VLAN;
	packet->vlan = 20;
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, &packet, 1), 1);
	assert_true(netns_eventually(ends_guest_saw, &wanted));

	// What we sent ourselves is not heard again.
	struct wish own = {0x0800, PACKET_VLAN, 20, frame.bytes, frame.len};

	for (int i = 0; i < 5; i++)
		assert_false(has_come(&own));
	close(wanted.fd);
	packet_give(ends.pool, packet);
	ends_close();
}

// More frames than one system call takes arrive in order.
static void test_batches_keep_order(void **state)
{
	struct packet *packets[150];
	struct batch batch = {0};
	unsigned next = 0;

	netns_required();
	ends_open();
	ends_add_veth(0);
	ends_add_veth(1);
	// A door on the guest's side hears what we send.
	ends.end[1].port->ops->close(ends.end[1].port);

	struct afpacket_config config = {.name = "g", .ifname = "eth0", .netns = ends.end[0].netns};

	assert_int_equal(afpacket_open(&config, &ends.end[1].port, NULL), 0);
	for (unsigned i = 0; i < 150; i++) {
		struct frame_spec spec = {.ip_version = 4,
		                          .proto = IPPROTO_UDP,
		                          .ip_id = (uint16_t)i,
		                          .payload = 10 + i * 9};

		frame_build(&spec, &frame);
		packets[i] =
			frame_packet(ends.pool, frame.bytes, MIN(frame.len, PACKET_HEAD), 256, 1);
	}
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, packets, 150), 150);
	for (unsigned i = 0; i < 150; i++)
		packet_give(ends.pool, packets[i]);
	// The kernel hands them over in its own time.
	for (uint64_t end = clock_now() + 10 * NSEC_PER_SEC; next < 150 && clock_now() < end;) {
		if (port_rx(ends.end[1].port, 0, ends.pool, &batch) == 0)
			usleep(100);
		for (unsigned i = 0; i < batch.count; i++) {
			// Neighbour discovery of the guest may be in between.
			if (batch.packets[i]->data[23] == IPPROTO_UDP)
				assert_int_equal(load_be16(batch.packets[i]->data + 18), next++);
			packet_give(ends.pool, batch.packets[i]);
		}
		batch.count = 0;
		packet_arena_reset(ends.pool);
	}
	assert_int_equal(next, 150);
	ends_close();
}

static void test_refusals_have_reasons(void **state)
{
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 1473};
	struct packet *packets[2];

	open_ends();
	frame_build(&spec, &frame);
	packets[0] = frame_packet(ends.pool, frame.bytes, frame.len, PACKET_HEAD, 1);
	packets[1] = frame_packet(ends.pool, frame.bytes, 60, PACKET_HEAD, 1);

	// One byte too many for the MTU, as we know it and as the kernel does.
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, packets, 2), 1);
	assert_int_equal(packets[0]->drop, DROP_TX_TOO_BIG);
	assert_int_equal(packets[1]->drop, DROP_NONE);
	ends.end[0].port->mtu = 9000;
	packets[0]->drop = DROP_NONE;
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, packets, 2), 1);
	assert_int_equal(packets[0]->drop, DROP_TX_TOO_BIG);

	link_set_up(NULL, "weft-v0", false, NULL);
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, packets + 1, 1), 0);
	assert_int_equal(packets[1]->drop, DROP_PORT_DOWN);
	ends_drain(0);
	assert_false(ends.end[0].port->gone);
	link_remove(NULL, "weft-v0", NULL);
	assert_int_equal(port_tx(ends.end[0].port, 0, ends.pool, packets + 1, 1), 0);
	ends_drain(0);
	assert_true(ends.end[0].port->gone);
	ends_close();
}

static void test_an_interface_comes_back(void **state)
{
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 18};
	struct packet *packet;
	struct port *port;

	open_ends();
	frame_build(&spec, &frame);
	packet = frame_packet(ends.pool, frame.bytes, frame.len, PACKET_HEAD, 1);
	port = ends.end[0].port;
	assert_true(port->ops->rejoin(port, NULL) == 0);
	link_remove(NULL, "weft-v0", NULL);
	assert_int_equal(port_tx(port, 0, ends.pool, &packet, 1), 0);
	ends_drain(0);
	assert_true(port->gone);
	assert_true(port->ops->rejoin(port, NULL) < 0);
	assert_true(port->gone);

	assert_int_equal(link_add_veth("weft-v0", "weft-back", NULL), 0);
	assert_int_equal(link_set_up(NULL, "weft-back", true, NULL), 0);
	assert_int_equal(port->ops->rejoin(port, NULL), 0);
	assert_false(port->gone);
	packet->drop = DROP_NONE;
	assert_int_equal(port_tx(port, 0, ends.pool, &packet, 1), 1);
	ends_close();
}

static void test_open_fails_with_a_sentence(void **state)
{
	struct afpacket_config config = {.name = "up", .ifname = "nowhere0"};
	struct fail fail = {0};
	struct port *port;

	netns_required();
	assert_int_equal(afpacket_open(&config, &port, &fail), -ENODEV);
	assert_non_null(strstr(fail.what, "up"));
	assert_non_null(strstr(fail.what, "nowhere0"));
	config.netns = "/run/netns/there-is-none";
	assert_int_equal(afpacket_open(&config, &port, &fail), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_in_super_packets),
		cmocka_unit_test(test_tap_to_veth),
		cmocka_unit_test(test_tags_are_restored),
		cmocka_unit_test(test_tagged_frame_to_the_guest),
		cmocka_unit_test(test_batches_keep_order),
		cmocka_unit_test(test_refusals_have_reasons),
		cmocka_unit_test(test_an_interface_comes_back),
		cmocka_unit_test(test_open_fails_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
