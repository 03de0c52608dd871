// SPDX-License-Identifier: BSD-3-Clause
//
// capture_writer: ports become interfaces when they are first named, losses the option of the packet after
// them.
//
// What is lost shows twice: the datapath counts what found no room with it, and each message says how many
// packets of that datapath went before it, so that a message which went missing on the way shows as a gap.
//
// Each worker of each datapath sends its packets in the order of time, some hundredths of a second after they came.
// So a packet is held until it is HOLD_NS old, and then whatever was before it has come.

#include "cli/capture_writer.h"

#include "base/clock.h"
#include "base/fail.h"
#include "cli/capture_order.h"
#include "cli/pcapng.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct seen_port {
	uint64_t id;
	uint64_t packets;
};

// What one datapath sends.
struct source {
	uint64_t capture;
	uint64_t packets;  // that came
	uint64_t expected; // that were sent so far, come or not
	uint64_t no_room;  // as the datapath counted it
};

enum { SOURCES_MAX = 1024 };

#define HOLD_NS (100 * NSEC_PER_MSEC)

struct capture_writer {
	struct capture_writer_config config;
	struct seen_port *ports; // in the order of the interfaces
	size_t port_count, port_room;
	size_t last; // index of the port found last
	struct source *sources;
	size_t source_count;
	struct capture_order held;
	uint64_t packets;   // written
	uint64_t told_lost; // in the options of packets
	uint64_t began_ns;
};

int capture_writer_new(const struct capture_writer_config *config, struct capture_writer **ret,
                       struct fail *fail)
{
	struct capture_writer *writer = calloc(1, sizeof(*writer));
	int error;

	if (!writer)
		return fail_set(fail, -ENOMEM, "out of memory for a capture");
	writer->config = *config;
	writer->began_ns = clock_wall();
	error = pcapng_section(config->file, "weft " WEFT_VERSION, config->comment);
	if (error == 0 && fflush(config->file) != 0)
		error = -errno;
	if (error < 0) {
		free(writer);
		return fail_errno(fail, error, "the capture cannot be written");
	}
	*ret = writer;
	return 0;
}

void capture_writer_free(struct capture_writer *writer)
{
	if (writer) {
		capture_order_fini(&writer->held);
		free(writer->ports);
		free(writer->sources);
	}
	free(writer);
}

// "port/h1" is h1 for a person.
static const char *plain_port(const char *name)
{
	return strncmp(name, "port/", 5) == 0 ? name + 5 : name;
}

static int add_port(struct capture_writer *writer, uint64_t id, const char *name)
{
	if (writer->port_count == writer->port_room) {
		size_t room = writer->port_room ? writer->port_room * 2 : 8;
		struct seen_port *more = realloc(writer->ports, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		writer->ports = more;
		writer->port_room = room;
	}
	writer->ports[writer->port_count++] = (struct seen_port){.id = id};
	return pcapng_interface(writer->config.file, plain_port(name), NULL, writer->config.snap,
	                        writer->config.filter);
}

static bool find_port(struct capture_writer *writer, uint64_t id)
{
	if (writer->last < writer->port_count && writer->ports[writer->last].id == id)
		return true;
	for (size_t i = 0; i < writer->port_count; i++)
		if (writer->ports[i].id == id) {
			writer->last = i;
			return true;
		}
	return false;
}

static int take_names(struct capture_writer *writer, const Weft__Captured *captured)
{
	for (size_t i = 0; i < captured->n_ports; i++) {
		const Weft__CapturedPort *port = captured->ports[i];
		int error =
			find_port(writer, port->id) ? 0 : add_port(writer, port->id, port->name);

		if (error < 0)
			return error;
	}
	return 0;
}

// One whose name went missing on the way is called by its number.
static int find_or_add(struct capture_writer *writer, uint64_t id)
{
	char name[32];
	int error;

	if (find_port(writer, id))
		return 0;
	snprintf(name, sizeof(name), "port-%" PRIu64, id);
	error = add_port(writer, id, name);
	writer->last = writer->port_count - 1;
	return error;
}

static void comment_on(const Weft__CapturedPacket *packet, char *buf, size_t size)
{
	bool is_super = packet->has_segment_size && packet->segment_size;

	buf[0] = '\0';
	if (packet->drop)
		snprintf(buf, size, "dropped: %s", packet->drop);
	else if (is_super)
		snprintf(buf, size, "to be cut into segments of %u bytes", packet->segment_size);
}

static int put_packet(struct capture_writer *writer, const Weft__CapturedPacket *packet)
{
	char comment[128];
	struct pcapng_packet out = {
		.wall_ns = packet->wall_ns,
		.bytes = packet->bytes.data,
		.len = (uint32_t)packet->bytes.len,
		.wire_len = packet->len,
		.way = packet->way == WEFT__CAPTURED_WAY__CAPTURED_OUT ? PCAPNG_OUT : PCAPNG_IN,
		.checksum_pending = packet->has_checksum_pending && packet->checksum_pending,
		.segments_pending = packet->has_segment_size && packet->segment_size,
		.worker = packet->has_worker ? packet->worker : UINT64_MAX,
		.lost = capture_writer_lost(writer) - writer->told_lost,
		.comment = comment,
	};
	int error = find_or_add(writer, packet->port);

	if (error < 0)
		return error;
	out.interface = (uint32_t)writer->last;
	comment_on(packet, comment, sizeof(comment));
	writer->told_lost += out.lost;
	writer->packets++;
	writer->ports[writer->last].packets++;
	return pcapng_packet(writer->config.file, &out);
}

// NULL without memory, or with more of them than there can be.
static struct source *find_source(struct capture_writer *writer, uint64_t capture)
{
	struct source *more;

	for (size_t i = 0; i < writer->source_count; i++)
		if (writer->sources[i].capture == capture)
			return &writer->sources[i];
	more = writer->source_count < SOURCES_MAX
	               ? realloc(writer->sources, (writer->source_count + 1) * sizeof(*more))
	               : NULL;
	if (!more)
		return NULL;
	writer->sources = more;
	more[writer->source_count] = (struct source){.capture = capture};
	return &more[writer->source_count++];
}

// Writes what is not later than that.
static int write_until(struct capture_writer *writer, uint64_t until_ns)
{
	Weft__CapturedPacket *packet;
	int error = 0;

	while (error == 0 && (packet = capture_order_take(&writer->held, until_ns))) {
		error = put_packet(writer, packet);
		weft__captured_packet__free_unpacked(packet, NULL);
	}
	if (error == 0 && fflush(writer->config.file) != 0)
		error = -errno;
	return error;
}

static int put_all(struct capture_writer *writer, Weft__Captured *captured)
{
	struct source *source = find_source(writer, captured->capture);
	int error = source ? take_names(writer, captured) : -ENOMEM;

	if (error < 0)
		return error;
	if (captured->has_before && captured->before > source->expected)
		source->expected = captured->before;
	if (captured->has_lost && captured->lost > source->no_room)
		source->no_room = captured->lost;
	for (size_t i = 0; i < captured->n_packets && error == 0 && !capture_writer_is_full(writer);
	     i++) {
		error = capture_order_put(&writer->held, captured->packets[i]);
		if (error == 0)
			captured->packets[i] = NULL;
		source->packets++;
		source->expected++;
	}
	return error < 0 ? error : write_until(writer, clock_wall() - HOLD_NS);
}

int capture_writer_put(struct capture_writer *writer, const uint8_t *bytes, size_t len,
                       struct fail *fail)
{
	Weft__Captured *captured = decode_message(&weft__captured__descriptor, len, bytes);
	int error;

	if (!captured)
		return fail_set(fail, -EPROTO, "a part of the capture cannot be read");
	error = put_all(writer, captured);
	weft__captured__free_unpacked(captured, NULL);
	return error < 0 ? fail_errno(fail, error, "the capture cannot be written") : 0;
}

int capture_writer_tick(struct capture_writer *writer, struct fail *fail)
{
	int error = write_until(writer, clock_wall() - HOLD_NS);

	return error < 0 ? fail_errno(fail, error, "the capture cannot be written") : 0;
}

int capture_writer_end(struct capture_writer *writer, struct fail *fail)
{
	struct pcapng_totals totals = {.began_ns = writer->began_ns, .ended_ns = clock_wall()};
	int error = write_until(writer, UINT64_MAX);

	for (size_t i = 0; i < writer->port_count && error == 0; i++) {
		totals.interface = (uint32_t)i;
		totals.received = writer->ports[i].packets;
		// What is lost is not known by port; the first tells it for all.
		totals.lost = i == 0 ? capture_writer_lost(writer) : 0;
		error = pcapng_totals(writer->config.file, &totals);
	}
	if (error == 0 && fflush(writer->config.file) != 0)
		error = -errno;
	return error < 0 ? fail_errno(fail, error, "the capture cannot be written") : 0;
}

bool capture_writer_is_full(const struct capture_writer *writer)
{
	return writer->config.count && writer->packets + writer->held.count >= writer->config.count;
}

uint64_t capture_writer_packets(const struct capture_writer *writer)
{
	return writer->packets;
}

uint64_t capture_writer_lost(const struct capture_writer *writer)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < writer->source_count; i++)
		lost += writer->sources[i].no_room + writer->sources[i].expected -
		        writer->sources[i].packets;
	return lost;
}
