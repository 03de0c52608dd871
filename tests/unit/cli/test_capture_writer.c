// SPDX-License-Identifier: BSD-3-Clause
//
// test_capture_writer: messages of a capture become packets; what is missing between them is counted.

#include "cli/capture_writer.h"

#include "base/fail.h"
#include "proto/channel.pb-c.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pcap/pcap.h>

struct world {
	struct capture_writer *writer;
	FILE *file;
	char *bytes;
	size_t len;
};

static int set_up(void **user)
{
	static struct world world;
	struct capture_writer_config config = {.snap = 100};

	world = (struct world){0};
	config.file = world.file = open_memstream(&world.bytes, &world.len);
	assert_int_equal(capture_writer_new(&config, &world.writer, NULL), 0);
	*user = &world;
	return 0;
}

static int tear_down(void **user)
{
	struct world *world = *user;

	capture_writer_free(world->writer);
	fclose(world->file);
	free(world->bytes);
	return 0;
}

// One message with a packet of the port, NULL name: the port is not named.
static int put_from(struct world *world, uint64_t capture, uint64_t port, const char *name,
                    uint64_t before, uint64_t lost)
{
	Weft__Captured captured = WEFT__CAPTURED__INIT;
	Weft__CapturedPacket packet = WEFT__CAPTURED_PACKET__INIT, *packets = &packet;
	Weft__CapturedPort named = WEFT__CAPTURED_PORT__INIT, *ports = &named;
	uint8_t bytes[14] = {0}, buf[512];

	packet.port = port;
	packet.way = WEFT__CAPTURED_WAY__CAPTURED_IN;
	packet.len = 60;
	packet.bytes = (ProtobufCBinaryData){.len = sizeof(bytes), .data = bytes};
	packet.drop = (char *)"flow_rule";
	captured.capture = capture;
	captured.n_packets = 1;
	captured.packets = &packets;
	named.id = port;
	named.name = (char *)name;
	captured.n_ports = name != NULL;
	captured.ports = &ports;
	captured.has_before = captured.has_lost = true;
	captured.before = before;
	captured.lost = lost;
	assert_true(weft__captured__get_packed_size(&captured) <= sizeof(buf));
	return capture_writer_put(world->writer, buf, weft__captured__pack(&captured, buf), NULL);
}

static int put(struct world *world, uint64_t port, const char *name, uint64_t before, uint64_t lost)
{
	return put_from(world, 1, port, name, before, lost);
}

static unsigned count_packets(struct world *world)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const uint8_t *data;
	unsigned count = 0;

	fflush(world->file);
	pcap_t *pcap = pcap_fopen_offline(fmemopen(world->bytes, world->len, "r"), error);

	assert_non_null(pcap);
	while (pcap_next_ex(pcap, &header, &data) == 1)
		count++;
	pcap_close(pcap);
	return count;
}

static void packets_of_ports_are_written(void **user)
{
	struct world *world = *user;

	assert_int_equal(put(world, 5, "port/h1", 0, 0), 0);
	assert_int_equal(put(world, 6, "port/h2", 1, 0), 0);
	assert_int_equal(put(world, 5, "port/h1", 2, 0), 0);
	// One that was never named.
	assert_int_equal(put(world, 7, NULL, 3, 0), 0);
	assert_int_equal(capture_writer_end(world->writer, NULL), 0);
	assert_int_equal(capture_writer_packets(world->writer), 4);
	assert_int_equal(capture_writer_lost(world->writer), 0);
	assert_int_equal(count_packets(world), 4);
	assert_non_null(memmem(world->bytes, world->len, "\2\0\2\0h1\0\0", 8));
	assert_non_null(memmem(world->bytes, world->len, "port-7", 6));
	assert_non_null(memmem(world->bytes, world->len, "dropped: flow_rule", 18));
	assert_null(memmem(world->bytes, world->len, "port/h1", 7));
}

static void losses_at_both_places_are_counted(void **user)
{
	struct world *world = *user;

	assert_int_equal(put(world, 5, "port/h1", 0, 0), 0);
	// Ten went missing on the way, three had found no room.
	assert_int_equal(put(world, 5, NULL, 11, 3), 0);
	assert_int_equal(capture_writer_lost(world->writer), 13);
	// Numbers that go back mean nothing.
	assert_int_equal(put(world, 5, NULL, 2, 1), 0);
	assert_int_equal(capture_writer_lost(world->writer), 13);
	assert_int_equal(capture_writer_packets(world->writer), 3);
}

static void each_datapath_counts_for_itself(void **user)
{
	struct world *world = *user;

	assert_int_equal(put_from(world, 1, 5, "port/h1", 0, 0), 0);
	assert_int_equal(put_from(world, 2, 6, "port/h2", 0, 4), 0);
	assert_int_equal(put_from(world, 1, 5, NULL, 1, 0), 0);
	assert_int_equal(capture_writer_lost(world->writer), 4);
	// Two of the other's went missing.
	assert_int_equal(put_from(world, 2, 6, NULL, 3, 4), 0);
	assert_int_equal(capture_writer_lost(world->writer), 6);
	assert_int_equal(count_packets(world), 4);
}

static void what_cannot_be_read_is_refused(void **user)
{
	struct world *world = *user;
	struct fail fail = {0};

	assert_int_equal(capture_writer_put(world->writer, (const uint8_t *)"\xff\xff", 2, &fail),
	                 -EPROTO);
	assert_true(fail.what[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packets_of_ports_are_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(losses_at_both_places_are_counted, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(each_datapath_counts_for_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
