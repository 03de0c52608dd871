// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_load: one loop: take back, send a burst, receive a burst, for each guest in turn.
//
// Unless every byte is to be verified, frames are made once, one in each buffer, and only number, time and
// flow are written for each sending: the load has to be cheaper than the switch that it measures. The checksum
// of IP follows by adding, since the flows differ from the first in known words. The clock is read once a turn.

#include "tests/guest/vguest_load.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fail.h"
#include "tests/guest/vguest_ledger.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATIONS = 2,
	SAMPLES = 1 << 20,
	PORT_FLOWS = 16384, // Source ports before the address changes.
	IP = 14,
	L4 = 34,
	PAYLOAD_NUMBER = 4,
	PAYLOAD_STAMP = 12,
	SERVICE_MS = 1,
	RECONNECT_MS = 20000,
	SETTLE_MS = 1000,
	CALL_MS = 5000,
};

struct station {
	struct run *run;
	struct vguest_nic *nic;
	unsigned number;
	struct vguest_flow flow;
	bool sends, sends_any;                 // Now; at any time.
	uint64_t next[VGUEST_PAIRS];           // Number of each stream's next frame.
	struct vguest_ledger in[VGUEST_PAIRS]; // Of the streams that come.
	uint64_t last_came, longest_gap;
};

struct run {
	const struct vguest_load *load;
	struct vguest_result *result;
	struct station stations[STATIONS];
	unsigned count;
	unsigned stops; // So far.
	uint64_t start, now, first, last, served;
	double credit; // Frames that the rate allows by now.
	float *samples;
	uint32_t sample_count;
	uint8_t frame[VGUEST_FRAME_MAX];
};

static volatile sig_atomic_t ended;

void vguest_load_end(void)
{
	ended = 1;
}

void vguest_load_mac(unsigned guest, uint8_t mac[6])
{
	memcpy(mac, (uint8_t[6]){0x02, 0x76, 0x67, 0, 0, (uint8_t)(guest + 1)}, 6);
}

static bool builds_each(const struct run *run)
{
	const struct station *station = &run->stations[0];

	return run->load->verify || run->load->len_to > run->load->len || station->flow.ip6 ||
	       (station->flow.tcp && !station->flow.partial) ||
	       vguest_nic_tx(station->nic, 0)->setup.layout != VGUEST_JOINED;
}

// The flow of a frame: the stream's first one, with other words in its addresses.
static struct vguest_flow flow_of(const struct run *run, const struct station *station,
                                  unsigned stream, uint64_t number)
{
	struct vguest_flow flow = station->flow;
	uint32_t which = run->load->flows > 1 ? (uint32_t)(number % run->load->flows) : 0;

	flow.stream = (uint16_t)stream;
	flow.port_from = (uint16_t)(flow.port_from + stream);
	if (run->load->vary == VGUEST_VARY_TO) {
		flow.address_to += which;
	} else {
		flow.address_to += which / PORT_FLOWS;
		flow.port_from = (uint16_t)(flow.port_from + which % PORT_FLOWS);
	}
	return flow;
}

static uint32_t len_of(const struct vguest_load *load, uint64_t number)
{
	if (load->len_to <= load->len)
		return load->len;
	return load->len + (uint32_t)(number * 2654435761u % (load->len_to - load->len + 1));
}

static void make_templates(struct run *run, struct station *station)
{
	for (unsigned pair = 0; pair < station->nic->pairs; pair++) {
		struct vguest_net *net = vguest_nic_tx(station->nic, pair);
		struct vguest_flow flow = flow_of(run, station, pair, 0);

		flow.no_checksum = true;
		for (uint32_t i = 0; i < net->setup.buffers; i++) {
			uint8_t *bytes = net->buffers[i].bytes;
			struct virtio_net_hdr_v1 header;

			vguest_frame_build(&flow, 0, 0, run->load->len, &header,
			                   bytes + net->header_len);
			memcpy(bytes, &header, net->header_len);
		}
	}
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

// Makes the frame of a template another flow's. `field` is a sum that covers the addresses, plain or inverted.
static void change_flow(const struct station *station, const struct vguest_flow *flow,
                        uint8_t *frame)
{
	uint32_t before =
		(load_be32(frame + IP + 16) >> 16) + (load_be32(frame + IP + 16) & 0xffff);
	uint32_t after = (flow->address_to >> 16) + (flow->address_to & 0xffff);
	uint8_t *ip_field = frame + IP + 10, *l4_field = frame + L4 + (flow->tcp ? 16 : 6);
	uint32_t change = after + 2 * 0xffff - before;

	store_be16(ip_field, (uint16_t)~fold((uint16_t)~load_be16(ip_field) + change));
	if (station->flow.partial)
		store_be16(l4_field, fold(load_be16(l4_field) + change));
	store_be32(frame + IP + 16, flow->address_to);
	store_be16(frame + L4, flow->port_from);
}

static int send_template(struct run *run, struct station *station, struct vguest_net *net,
                         uint64_t number)
{
	uint32_t buffer, head = vguest_frame_head(&station->flow);
	uint8_t *bytes = vguest_net_claim(net, &buffer);

	if (!bytes)
		return -EAGAIN;

	uint8_t *frame = bytes + net->header_len;

	if (run->load->flows > 1) {
		struct vguest_flow flow = flow_of(run, station, net->ring->index / 2, number);

		change_flow(station, &flow, frame);
	}
	if (station->flow.tcp)
		store_be32(frame + L4 + 8, (uint32_t)number);
	if (run->load->numbers)
		store_be64(frame + head + PAYLOAD_NUMBER, number);
	if (run->load->stamp)
		store_be64(frame + head + PAYLOAD_STAMP, run->now);
	return vguest_net_push(net, buffer, run->load->len);
}

static int send_built(struct run *run, struct station *station, struct vguest_net *net,
                      uint64_t number)
{
	struct vguest_flow flow = flow_of(run, station, net->ring->index / 2, number);
	uint32_t len = len_of(run->load, number);
	struct virtio_net_hdr_v1 header;

	vguest_frame_build(&flow, number, run->now, len, &header, run->frame);
	return vguest_net_send(net, &header, run->frame, len);
}

static bool may_send(const struct run *run, const struct station *station, unsigned pair)
{
	const struct vguest_load *load = run->load;
	const struct station *to = &run->stations[run->count - 1 - station->number];

	if (load->count && station->next[pair] >= load->count)
		return false;
	if (load->rate > 0 && run->credit < 1)
		return false;
	// What was lost before the last that came is under way no more.
	return !load->window || station->next[pair] - to->in[pair].next < load->window;
}

static unsigned send_burst(struct run *run, struct station *station, unsigned pair)
{
	struct vguest_net *net = vguest_nic_tx(station->nic, pair);
	bool build = builds_each(run);
	unsigned sent = 0;

	while (sent < run->load->burst && may_send(run, station, pair)) {
		uint64_t number = station->next[pair];

		if ((build ? send_built(run, station, net, number)
		           : send_template(run, station, net, number)) < 0)
			break;
		station->next[pair]++;
		if (run->load->rate > 0)
			run->credit--;
		sent++;
	}
	if (sent)
		vguest_net_flush(net);
	run->result->sent += sent;
	return sent;
}

static void note_damage(struct run *run, const char *what, uint64_t number, uint32_t len)
{
	struct vguest_result *result = run->result;

	if (!result->damaged++)
		snprintf(result->damage, sizeof(result->damage), "%s (number %llu, %u bytes)", what,
		         (unsigned long long)number, len);
}

static void note_arrival(struct station *station, uint32_t len)
{
	struct run *run = station->run;

	run->result->received++;
	run->result->bytes += len;
	run->last = run->now;
	if (!run->first)
		run->first = run->now;
	if (station->last_came)
		station->longest_gap = MAX(station->longest_gap, run->now - station->last_came);
	station->last_came = run->now;
}

static void seen_by(void *context, const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                    uint32_t len)
{
	struct station *station = context;
	struct run *run = station->run;
	struct vguest_frame_seen seen;

	if (!run->load->numbers) {
		note_arrival(station, len);
		return;
	}
	if (!vguest_frame_read(frame, len, &seen) || seen.stream >= VGUEST_PAIRS) {
		run->result->foreign++;
		return;
	}
	note_arrival(station, len);

	const char *bad = run->load->verify ? vguest_frame_verify(header, frame, len) : NULL;

	if (bad)
		note_damage(run, bad, seen.number, len);
	if (seen.offset)
		return;
	vguest_ledger_enter(&station->in[seen.stream], seen.number);
	if (run->load->stamp && run->sample_count < SAMPLES)
		run->samples[run->sample_count++] = (float)(clock_now() - seen.stamp) / 1000;
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

// Sends back what came. Sums stay as they are when both ends change places.
static void echo(void *context, const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                 uint32_t len)
{
	struct station *station = context;
	struct run *run = station->run;
	struct virtio_net_hdr_v1 back = *header;

	seen_by(context, header, frame, len);
	if (len < L4 + 8u || (frame[0] & 1))
		return;
	memcpy(run->frame, frame, len);
	swap(run->frame, run->frame + 6, 6);
	if (load_be16(frame + 12) == 0x0800) {
		swap(run->frame + IP + 12, run->frame + IP + 16, 4);
		swap(run->frame + L4, run->frame + L4 + 2, 2);
	} else if (load_be16(frame + 12) == 0x86dd) {
		swap(run->frame + IP + 8, run->frame + IP + 24, 16);
		swap(run->frame + IP + 40, run->frame + IP + 42, 2);
	}
	back.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	back.num_buffers = 0;

	struct vguest_net *net = vguest_nic_tx(station->nic, 0);

	if (vguest_net_send(net, &back, run->frame, len) == 0)
		run->result->sent++;
}

// Tells switches that learn where we are.
static void announce(struct station *station)
{
	struct virtio_net_hdr_v1 header = {0};
	struct vguest_net *net = vguest_nic_tx(station->nic, 0);
	uint8_t arp[60] = {0};

	memset(arp, 0xff, 6);
	memcpy(arp + 6, station->flow.source, 6);
	memcpy(arp + 12, (uint8_t[]){8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 10);
	memcpy(arp + 22, station->flow.source, 6);
	store_be32(arp + 28, station->flow.address_from);
	store_be32(arp + 38, station->flow.address_from);
	if (vguest_net_send(net, &header, arp, sizeof(arp)) == 0)
		vguest_net_flush(net);
}

// Until the device has taken the announcements: their buffers are needed for other frames.
static void settle(struct run *run)
{
	uint64_t end = clock_now() + SETTLE_MS * NSEC_PER_MSEC;

	for (unsigned i = 0; i < run->count; i++) {
		struct vguest_net *net = vguest_nic_tx(run->stations[i].nic, 0);

		while (net->free_count < net->setup.buffers && clock_now() < end)
			if (vguest_net_reclaim(net) == 0)
				vguest_nic_wait(run->stations[i].nic, 1, 1);
	}
}

static int serve(struct run *run, struct fail *fail)
{
	if (run->now - run->served < SERVICE_MS * NSEC_PER_MSEC)
		return 0;
	run->served = run->now;
	for (unsigned i = 0; i < run->count; i++) {
		struct vguest *guest = &run->stations[i].nic->guest;
		int done = vguest_service(guest);

		if (done < 0 && !run->load->reconnect)
			return fail_set(fail, done, "%s: the back end is gone",
			                guest->options.path);
		if (done < 0) {
			done = vguest_reconnect(guest, RECONNECT_MS, fail);
			run->result->reconnects++;
		}
		if (done < 0)
			return done;
	}
	return 0;
}

// One turn; returns how much was done, or -errno.
static int turn(struct run *run, struct fail *fail)
{
	int done = 0;

	run->now = clock_now();
	for (unsigned i = 0; i < run->count; i++) {
		struct station *station = &run->stations[i];

		for (unsigned pair = 0; station->sends && pair < station->nic->pairs; pair++)
			done += (int)send_burst(run, station, pair);

		int got = vguest_nic_poll(station->nic, run->load->burst,
		                          run->load->echo ? echo : seen_by, station);

		if (got < 0)
			return got;
		if (got && run->load->echo)
			vguest_net_flush(vguest_nic_tx(station->nic, 0));
		done += got;
	}

	int served = serve(run, fail);

	return served < 0 ? served : done;
}

// Pauses the first guest, with frames in its rings, when the next part of its frames is sent.
static int pause_guest(struct run *run, struct fail *fail)
{
	const struct vguest_load *load = run->load;
	struct vguest *guest = &run->stations[0].nic->guest;
	uint64_t part = load->count / (load->stops + 1);

	if (run->stops == load->stops || run->stations[0].next[0] < part * (run->stops + 1))
		return 0;
	run->stops++;

	int done = vguest_stop(guest, fail);

	return done < 0 ? done : vguest_start(guest, fail);
}

static bool has_sent_all(const struct run *run)
{
	const struct vguest_load *load = run->load;
	bool all = !load->sink && !load->echo && load->count;

	if (load->seconds > 0 && (double)(run->now - run->start) / 1e9 >= load->seconds)
		return true;
	for (unsigned i = 0; i < run->count; i++)
		for (unsigned pair = 0; pair < run->stations[i].nic->pairs; pair++)
			if (run->stations[i].sends && run->stations[i].next[pair] < load->count)
				all = false;
	return all;
}

// Whether all that was sent has come (of one guest: has come back), so that there is nothing left to wait for.
static bool has_come_all(const struct run *run)
{
	for (unsigned i = 0; i < run->count; i++)
		for (unsigned pair = 0; pair < run->stations[i].nic->pairs; pair++)
			if (!run->load->numbers ||
			    run->stations[i].next[pair] >
			            run->stations[run->count - 1 - i].in[pair].unique)
				return false;
	return true;
}

// A window that waits for frames that are lost ends as one that has sent all.
static bool is_quiet(const struct run *run)
{
	return run->now - MAX(run->last, run->start) > run->load->quiet_ms * NSEC_PER_MSEC;
}

// When only a call can bring work, it is waited for long, so that a call that is missing is felt.
static int wait_ms(const struct run *run, bool closing)
{
	return closing || run->load->rate > 0 || run->load->seconds > 0 ? 1 : CALL_MS;
}

static int run_on(struct run *run, struct fail *fail)
{
	const struct vguest_load *load = run->load;
	uint64_t before = run->start;
	bool closing = false;

	while (!ended) {
		int done = turn(run, fail);
		int paused = done < 0 ? done : pause_guest(run, fail);

		if (paused < 0)
			return paused;
		run->credit += (double)(run->now - before) * load->rate / 1e9;
		run->credit = MIN(run->credit, (double)MAX(load->burst, 1u));
		before = run->now;
		if (!closing && has_sent_all(run)) {
			closing = true;
			run->last = MAX(run->last, run->now);
			for (unsigned i = 0; i < run->count; i++)
				run->stations[i].sends = false;
		}
		if ((closing && has_come_all(run)) ||
		    ((closing || (load->window && !load->reconnect)) && is_quiet(run)))
			break;
		if (done == 0 && load->sleep)
			vguest_nic_wait(run->stations[0].nic, run->count, wait_ms(run, closing));
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return (left > right) - (left < right);
}

static void sum_streams(struct run *run)
{
	struct vguest_result *result = run->result;

	for (unsigned i = 0; i < run->count; i++) {
		struct station *to = &run->stations[i];
		const struct station *from = &run->stations[run->count - 1 - i];

		for (unsigned pair = 0; pair < VGUEST_PAIRS; pair++) {
			const struct vguest_ledger *in = &to->in[pair];
			// Of a stream from elsewhere the highest number that came is what we know.
			uint64_t all = from->sends_any ? from->next[pair] : in->next;

			result->lost += all > in->unique ? all - in->unique : 0;
			result->doubled += in->doubled;
			result->reordered += in->reordered;
		}
		result->longest_gap_ms =
			MAX(result->longest_gap_ms, (double)to->longest_gap / NSEC_PER_MSEC);
		for (unsigned r = 0; r < to->nic->guest.ring_count; r++) {
			struct vguest_ring *ring = &to->nic->guest.rings[r];

			result->rings_used += r % 2 == 0 && to->nic->nets[r].frames > 0;
			vguest_ring_count_calls(ring);
			result->kicks += ring->kicks;
			result->calls += ring->calls;
		}
	}
}

static void conclude(struct run *run)
{
	struct vguest_result *result = run->result;

	sum_streams(run);
	if (!run->load->numbers)
		result->lost = run->count == 2 && result->sent > result->received
		                       ? result->sent - result->received
		                       : 0;
	for (unsigned i = 0; i < run->count && !result->fault[0]; i++) {
		const char *fault = vguest_nic_fault(run->stations[i].nic);

		if (fault)
			snprintf(result->fault, sizeof(result->fault), "guest %u: %s", i, fault);
	}
	result->seconds = run->first ? (double)(run->last - run->first) / 1e9 : 0;
	if (run->sample_count) {
		qsort(run->samples, run->sample_count, sizeof(float), by_value);
		result->p50_us = (double)run->samples[run->sample_count / 2];
		result->p99_us = (double)run->samples[(uint64_t)run->sample_count * 99 / 100];
	}
}

static void set_flow(struct run *run, struct station *station)
{
	struct vguest_flow *flow = &station->flow;
	unsigned other = run->count == 2 ? 1 - station->number : 1;
	static const uint8_t none[6];

	*flow = run->load->flow;
	if (run->count == 2 || memcmp(flow->source, none, 6) == 0)
		vguest_load_mac(station->number, flow->source);
	if (run->count == 2 || memcmp(flow->destination, none, 6) == 0)
		vguest_load_mac(other, flow->destination);
	// Room for a million addresses behind each.
	if (!flow->address_to)
		flow->address_to = 0x0a000000 + (other + 1) * 0x00200000;
	if (!flow->address_from)
		flow->address_from = 0x0a000000 + (station->number + 1) * 0x00200000;
	flow->port_from = flow->port_from ? flow->port_from : 1024;
	flow->port_to = flow->port_to ? flow->port_to : 9;
	flow->partial = flow->partial && vguest_has(&station->nic->guest, VIRTIO_NET_F_CSUM);
	if (!flow->partial)
		flow->gso_size = 0;
}

static int init_station(struct run *run, unsigned number, struct vguest_nic *nic)
{
	struct station *station = &run->stations[number];

	*station = (struct station){.run = run, .nic = nic, .number = number};
	station->sends = !run->load->echo && !run->load->sink && !(run->load->one_way && number);
	station->sends_any = station->sends;
	set_flow(run, station);
	for (unsigned i = 0; i < VGUEST_PAIRS; i++)
		if (vguest_ledger_init(&station->in[i]) < 0)
			return -ENOMEM;
	return 0;
}

int vguest_load_run(struct vguest_nic *nics, unsigned count, const struct vguest_load *load,
                    struct vguest_result *result, struct fail *fail)
{
	struct run *run = calloc(1, sizeof(*run));
	int done = run && count >= 1 && count <= STATIONS ? 0 : -ENOMEM;

	*result = (struct vguest_result){0};
	if (done < 0)
		return fail_errno(fail, done, "load");
	run->load = load;
	run->result = result;
	run->count = count;
	run->samples = calloc(SAMPLES, sizeof(float));
	for (unsigned i = 0; i < count && done == 0; i++)
		done = init_station(run, i, &nics[i]);
	if (done == 0 && run->samples) {
		for (unsigned i = 0; i < count; i++)
			announce(&run->stations[i]);
		settle(run);
		for (unsigned i = 0; i < count; i++)
			if (run->stations[i].sends && !builds_each(run))
				make_templates(run, &run->stations[i]);
		run->start = clock_now();
		done = run_on(run, fail);
		conclude(run);
		// A breach has its own words in the result.
		done = done == -EPROTO && result->fault[0] ? 0 : done;
	}
	for (unsigned i = 0; i < count; i++)
		for (unsigned pair = 0; pair < VGUEST_PAIRS; pair++)
			vguest_ledger_fini(&run->stations[i].in[pair]);
	free(run->samples);
	free(run);
	return done;
}
