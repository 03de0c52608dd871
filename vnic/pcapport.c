// SPDX-License-Identifier: BSD-3-Clause
//
// pcapport: frames from one capture file and into another.
//
// The frame that is next to be replayed stays in libpcap's buffer until its time has come; then its bytes
// beyond the head are copied to the arena, for libpcap overwrites them with the next one. A frame that the
// capture holds only in part cannot be replayed and is counted. The recorded file is flushed with each
// batch, so that it can be read while it grows, and a full disk is noticed.

#include "vnic/pcapport.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "vnic/parse.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRAME_MOST = PACKET_MAX_LEN + VLAN_TAG };

struct pcapport {
	struct port port;
	pcap_t *reader;
	pcap_t *format; // what the writer's file says of itself
	pcap_dumper_t *writer;
	bool is_full_speed;
	_Atomic uint64_t now;       // set by who calls rx, read by those who call tx
	uint64_t opened;            // wall clock, for the times of recorded frames
	uint64_t first;             // time of the capture's first frame
	struct pcap_pkthdr *header; // of the frame to come; NULL: none was read
	const uint8_t *bytes;
	uint8_t flat[FRAME_MOST];
};

// With nanosecond precision libpcap keeps nanoseconds where the name says microseconds.
static uint64_t time_of(const struct pcap_pkthdr *header)
{
	return (uint64_t)header->ts.tv_sec * NSEC_PER_SEC + (uint64_t)header->ts.tv_usec;
}

// Whether a frame is at hand whose time has come.
static bool is_next_due(struct pcapport *pcapport)
{
	if (!pcapport->reader)
		return false;
	if (!pcapport->header) {
		if (pcap_next_ex(pcapport->reader, &pcapport->header, &pcapport->bytes) != 1) {
			pcapport->header = NULL;
			return false;
		}
		if (!pcapport->first)
			pcapport->first = time_of(pcapport->header);
	}

	uint64_t due = time_of(pcapport->header);

	// Captures of several sources are not always in order; a frame from before the first is due too.
	return pcapport->is_full_speed || due <= pcapport->first ||
	       due - pcapport->first <= atomic_load_explicit(&pcapport->now, memory_order_relaxed);
}

// As any door does: the head in the packet, the rest where it can stay until the batch ends.
static enum drop_reason fill(struct packet *packet, struct packet_pool *pool,
                             const struct pcap_pkthdr *header, const uint8_t *bytes)
{
	if (header->caplen < ETH_HEADER || header->caplen < header->len)
		return DROP_FRAME_SHORT;
	if (header->caplen > FRAME_MOST)
		return DROP_FRAME_LONG;
	packet->len = header->caplen;
	packet->head_len = (uint16_t)MIN(packet->len, PACKET_HEAD);
	memcpy(packet->data, bytes, packet->head_len);

	uint32_t rest = packet->len - packet->head_len;

	if (rest) {
		uint8_t *room = packet_arena_reserve(pool, rest);
		struct segment *segment = room ? packet_arena_segment(pool) : NULL;

		if (!segment)
			return DROP_NO_BUFFER;
		memcpy(room, bytes + packet->head_len, rest);
		packet_arena_commit(pool, rest);
		*segment = (struct segment){room, rest};
		packet->segments = segment;
		packet->segment_count = 1;
	}
	return DROP_NONE;
}

static unsigned pcapport_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                            struct batch *batch)
{
	struct pcapport *pcapport = (struct pcapport *)port;
	unsigned before = batch->count;

	for (unsigned reads = before; reads < BATCH_SIZE && is_next_due(pcapport); reads++) {
		struct packet *packet = packet_take(pool);

		if (!packet)
			break;

		enum drop_reason refused = fill(packet, pool, pcapport->header, pcapport->bytes);

		// What found no room in this batch goes first in the next.
		if (refused == DROP_NO_BUFFER && batch->count) {
			packet_give(pool, packet);
			break;
		}
		pcapport->header = NULL;
		if (refused) {
			port_count_drop(port, refused);
			packet_give(pool, packet);
			continue;
		}
		packet->in_port = port->slot;
		packet->queue = (uint16_t)queue;
		batch->packets[batch->count++] = packet;
	}
	return batch->count - before;
}

static unsigned pcapport_tx(struct port *port, unsigned queue, struct packet *const *packets,
                            unsigned count, enum drop_reason *reason)
{
	struct pcapport *pcapport = (struct pcapport *)port;
	uint64_t time =
		pcapport->opened + atomic_load_explicit(&pcapport->now, memory_order_relaxed);

	// Without a file to record to, whatever is sent here has arrived.
	if (!pcapport->writer)
		return count;
	for (unsigned i = 0; i < count; i++) {
		struct pcap_pkthdr header = {
			.ts.tv_sec = (time_t)(time / NSEC_PER_SEC),
			.ts.tv_usec = (suseconds_t)(time % NSEC_PER_SEC),
			.caplen = packets[i]->len,
			.len = packets[i]->len,
		};

		if (packets[i]->len > FRAME_MOST) {
			*reason = DROP_TX_TOO_BIG;
			return i;
		}
		packet_copy(packets[i], 0, packets[i]->len, pcapport->flat);
		pcap_dump((uint8_t *)pcapport->writer, &header, pcapport->flat);
	}
	if (pcap_dump_flush(pcapport->writer) < 0) {
		*reason = DROP_TX_FAILED;
		return 0;
	}
	return count;
}

static int pcapport_rx_fd(const struct port *port, unsigned queue)
{
	return -1;
}

static void pcapport_close(struct port *port)
{
	struct pcapport *pcapport = (struct pcapport *)port;

	if (pcapport->writer)
		pcap_dump_close(pcapport->writer);
	if (pcapport->format)
		pcap_close(pcapport->format);
	if (pcapport->reader)
		pcap_close(pcapport->reader);
	free(pcapport);
}

static const struct port_ops pcapport_ops = {
	.kind = "pcap",
	.rx = pcapport_rx,
	.tx = pcapport_tx,
	.rx_fd = pcapport_rx_fd,
	.set_time = pcapport_set_time,
	.close = pcapport_close,
};

static int open_reader(struct pcapport *pcapport, const struct pcapport_config *config,
                       struct fail *fail)
{
	char words[PCAP_ERRBUF_SIZE];

	pcapport->reader = pcap_open_offline_with_tstamp_precision(
		config->read_path, PCAP_TSTAMP_PRECISION_NANO, words);
	if (!pcapport->reader)
		return fail_set(fail, -EINVAL, "%s: cannot read the capture: %s", config->name,
		                words);

	int type = pcap_datalink(pcapport->reader);

	if (type != DLT_EN10MB)
		return fail_set(fail, -EINVAL,
		                "%s: the capture '%s' is of link type %s, not Ethernet",
		                config->name, config->read_path, pcap_datalink_val_to_name(type));
	return 0;
}

static int open_writer(struct pcapport *pcapport, const struct pcapport_config *config,
                       struct fail *fail)
{
	pcapport->format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, FRAME_MOST,
	                                                        PCAP_TSTAMP_PRECISION_NANO);
	if (!pcapport->format)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	pcapport->writer = pcap_dump_open(pcapport->format, config->write_path);
	if (!pcapport->writer)
		return fail_set(fail, -EIO, "%s: cannot record: %s", config->name,
		                pcap_geterr(pcapport->format));
	return 0;
}

int pcapport_open(const struct pcapport_config *config, struct port **ret, struct fail *fail)
{
	struct pcapport *pcapport = calloc(1, sizeof(*pcapport));
	int error = 0;

	if (!pcapport)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	if (config->read_path)
		error = open_reader(pcapport, config, fail);
	if (!error && config->write_path)
		error = open_writer(pcapport, config, fail);
	if (error) {
		pcapport_close(&pcapport->port);
		return error;
	}
	pcapport->is_full_speed = config->full_speed;
	pcapport->opened = clock_wall();
	pcapport->port.ops = &pcapport_ops;
	pcapport->port.queue_count = 1;
	pcapport->port.mtu = config->mtu;
	snprintf(pcapport->port.name, sizeof(pcapport->port.name), "%s", config->name);
	*ret = &pcapport->port;
	return 0;
}

void pcapport_set_time(struct port *port, uint64_t now)
{
	struct pcapport *pcapport = (struct pcapport *)port;

	atomic_store_explicit(&pcapport->now, now, memory_order_relaxed);
}
