// SPDX-License-Identifier: BSD-3-Clause
//
// impair: a queue before a rate, and behind it a wheel of frames that are under way.
//
// What happens to a frame is decided when it comes, by its number (impair_fate.h). The queue is served in
// virtual time: a frame departs when the one before it has, plus its bits by the rate, to a 1024th of a
// nanosecond, whenever the worker looks; a late look makes frames late, and never the rate lower, even if the
// queue ran empty meanwhile: frames that are found then are taken as having come since the look before. When a rate
// changes, the frame that is being sent has the rest of its time scaled, and those behind it go by the
// new one: a change loses nothing. A frame that departs goes into the wheel with its own delay on top.
//
// A super-packet is cut into its frames where each is treated on its own. Else, into parts whose frames would
// leave within WHOLE_NS of each other, which is less than the accuracy that is promised: a rate of gigabits so
// costs a few parts and not hundreds of thousands of frames a second.

#include "datapath/impair.h"

#include "base/bytes.h"
#include "datapath/delay_wheel.h"
#include "datapath/frame_store.h"
#include "vnic/checksum.h"
#include "vnic/drop.h"
#include "vnic/offload.h"
#include "vnic/parse.h"
#include "vnic/segment.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	WHOLE_NS = 60000,
	// Of fixed-point times within the queue.
	FRACTION = 1024,
	// The most chunks that a frame has; and as many as segments of a batch can lend at once.
	FRAME_CHUNKS = 34,
	LENT_CHUNKS = 960,
	CUT_SEGMENTS = 64,
};

// A product of times and rates.
__extension__ typedef unsigned __int128 wide;

struct impair {
	unsigned references;
	_Atomic bool lock;
	bool open;
	_Atomic uint64_t next_ns;

	// What is followed, and where in it.
	struct impair_plan plan;
	struct impair_effects effects; // of the current step
	uint64_t origin_ns, step_ends_ns;

	uint64_t number; // of the next frame
	bool bad;        // state of the burst chain
	uint64_t last_due_ns;
	uint64_t since_ns; // frames that are put now may have come since

	// Before the rate, oldest first; the first one is being sent.
	uint32_t queue_first, queue_last, queue_count;
	uint64_t queue_frames, queue_bytes;
	uint64_t departs; // when the first one, or the last that left, has gone: ns * FRACTION

	struct frame_store store;
	struct delay_wheel wheel;
	struct delay_link *links;
	uint32_t lent[BATCH_SIZE];
	unsigned lent_count;

	_Atomic uint64_t counts[IMPAIR_COUNTS];
	struct histogram held, late;
};

struct impair *impair_new(uint32_t hold_frames)
{
	struct impair *impair = calloc(1, sizeof(*impair));

	if (!impair)
		return NULL;
	impair->references = 1;
	impair->links = calloc(hold_frames, sizeof(*impair->links));
	atomic_init(&impair->next_ns, UINT64_MAX);
	if (!impair->links || frame_store_init(&impair->store, hold_frames) < 0) {
		free(impair->links);
		free(impair);
		errno = ENOMEM;
		return NULL;
	}
	return impair;
}

struct impair *impair_take_reference(struct impair *impair)
{
	impair->references++;
	return impair;
}

void impair_give(struct impair *impair)
{
	if (!impair || --impair->references)
		return;
	frame_store_fini(&impair->store);
	free(impair->links);
	free(impair);
}

uint32_t impair_hold_frames(const struct impair *impair)
{
	return impair->store.count;
}

static void lock(struct impair *impair)
{
	unsigned tries = 0;

	while (atomic_exchange_explicit(&impair->lock, true, memory_order_acquire))
		if (++tries % 64 == 0)
			sched_yield();
}

static void unlock(struct impair *impair)
{
	atomic_store_explicit(&impair->lock, false, memory_order_release);
}

static void set_count(struct impair *impair, enum impair_count count, uint64_t value)
{
	atomic_store_explicit(&impair->counts[count], value, memory_order_relaxed);
}

uint64_t impair_count(const struct impair *impair, enum impair_count count)
{
	return atomic_load_explicit(&impair->counts[count], memory_order_relaxed);
}

static void count(struct impair *impair, enum impair_count what, uint64_t by)
{
	set_count(impair, what, impair_count(impair, what) + by);
}

const struct histogram *impair_held(const struct impair *impair)
{
	return &impair->held;
}

const struct histogram *impair_late(const struct impair *impair)
{
	return &impair->late;
}

uint64_t impair_next(const struct impair *impair)
{
	return atomic_load_explicit(&impair->next_ns, memory_order_relaxed);
}

// How long so many bits take, as fixed point.
static uint64_t time_of(uint64_t bits, uint64_t rate_bps)
{
	return rate_bps ? (uint64_t)((wide)bits * 1000000000 * FRACTION / rate_bps) : 0;
}

static uint64_t fixed(uint64_t ns)
{
	return ns * FRACTION;
}

// The first instant, in ns, at which the frame that is being sent has gone.
static uint64_t departure(const struct impair *impair)
{
	return (impair->departs + FRACTION - 1) / FRACTION;
}

// From here on the effects are these: what is being sent goes on at the new rate.
static void follow_effects(struct impair *impair, const struct impair_effects *effects,
                           uint64_t now_ns)
{
	uint64_t before = impair->effects.rate_bps;

	if (impair->queue_count && before != effects->rate_bps && impair->departs > fixed(now_ns)) {
		wide left = impair->departs - fixed(now_ns);

		left = effects->rate_bps ? left * before / effects->rate_bps : 0;
		impair->departs = fixed(now_ns) + (uint64_t)left;
	}
	// Time without a rate is not time that it was idle.
	if (!before)
		impair->departs = MAX(impair->departs, fixed(now_ns));
	impair->effects = *effects;
}

static void enter_step(struct impair *impair, uint64_t now_ns)
{
	const struct impair_plan *plan = &impair->plan;
	uint64_t left, at = impair_plan_at(plan, now_ns - impair->origin_ns, &left);

	impair->step_ends_ns = left == UINT64_MAX ? UINT64_MAX : now_ns + left;
	follow_effects(impair, &plan->steps[at % plan->step_count].effects, now_ns);
}

static void send_off(struct impair *impair, uint32_t entry, uint64_t departs_ns)
{
	struct stored_frame *frame = frame_store_at(&impair->store, entry);

	frame->due_ns = departs_ns + frame->extra_ns;
	if (impair->effects.keep_order)
		frame->due_ns = MAX(frame->due_ns, impair->last_due_ns);
	impair->last_due_ns = frame->due_ns;
	delay_wheel_add(&impair->wheel, entry, frame->due_ns);
}

static void begin_sending(struct impair *impair, uint64_t at)
{
	const struct stored_frame *frame = frame_store_at(&impair->store, impair->queue_first);

	impair->departs = at + time_of(frame->wire_bits, impair->effects.rate_bps);
}

static void end_sending(struct impair *impair)
{
	uint32_t entry = impair->queue_first;
	struct stored_frame *frame = frame_store_at(&impair->store, entry);

	impair->queue_first = frame->next;
	impair->queue_count--;
	impair->queue_frames -= frame->frames;
	impair->queue_bytes -= frame->len;
	send_off(impair, entry, departure(impair));
	if (impair->queue_count)
		begin_sending(impair, impair->departs);
}

// Everything that has happened until now, in its order: frames that departed, steps that ended.
static void advance(struct impair *impair, uint64_t now_ns)
{
	for (;;) {
		uint64_t departs = impair->queue_count ? departure(impair) : UINT64_MAX;

		if (departs <= now_ns && departs <= impair->step_ends_ns)
			end_sending(impair);
		else if (impair->step_ends_ns <= now_ns)
			// Steps of which nothing was seen are passed over at once.
			enter_step(impair, impair->queue_count ? impair->step_ends_ns : now_ns);
		else
			return;
	}
}

// Tells when there is something to do; whether that is sooner than was told before.
static bool tell_next(struct impair *impair)
{
	uint64_t before = impair_next(impair);
	uint64_t next = delay_wheel_next(&impair->wheel);

	if (impair->queue_count)
		next = MIN(next, MIN(departure(impair), impair->step_ends_ns));
	atomic_store_explicit(&impair->next_ns, next, memory_order_relaxed);
	set_count(impair, IMPAIR_HELD, impair->queue_count + impair->wheel.count);
	set_count(impair, IMPAIR_QUEUED, impair->queue_frames);
	set_count(impair, IMPAIR_IDLE_SINCE,
	          impair->open && impair->effects.rate_bps && !impair->queue_count
	                  ? departure(impair)
	                  : 0);
	return next < before;
}

static unsigned frames_in(const struct packet *packet)
{
	uint32_t payload;

	if (!packet->gso)
		return 1;
	payload = packet->len - offload_headers_len(packet);
	return (payload + packet->gso_size - 1) / packet->gso_size;
}

// What the packet takes on the wire, as the frames that it stands for.
static uint64_t bits_of(const struct impair *impair, const struct packet *packet)
{
	unsigned frames = frames_in(packet);
	int64_t each = impair->effects.overhead + (packet->flags & PACKET_VLAN ? VLAN_TAG : 0);
	int64_t bytes = (int64_t)packet->len + frames * each;

	if (packet->gso)
		bytes += (int64_t)(frames - 1) * offload_headers_len(packet);
	return bytes > 0 ? (uint64_t)bytes * 8 : 0;
}

// What finds an empty queue is always taken.
static bool is_queue_full(const struct impair *impair, const struct packet *packet)
{
	const struct impair_effects *effects = &impair->effects;

	if (!effects->rate_bps || !impair->queue_count)
		return false;
	return (effects->queue_frames &&
	        impair->queue_frames + frames_in(packet) > effects->queue_frames) ||
	       (effects->queue_bytes && impair->queue_bytes + packet->len > effects->queue_bytes);
}

static void begin_on_idle(struct impair *impair)
{
	uint64_t since = fixed(impair->since_ns);

	if (since > impair->departs) {
		count(impair, IMPAIR_IDLE_NS, (since - impair->departs) / FRACTION);
		impair->departs = since;
	}
	begin_sending(impair, impair->departs);
}

// Puts a stored frame at the end of the queue, or on its way.
static void enqueue(struct impair *impair, uint32_t entry, uint64_t now_ns)
{
	struct stored_frame *frame = frame_store_at(&impair->store, entry);

	if (!impair->effects.rate_bps && !impair->queue_count) {
		send_off(impair, entry, now_ns);
		return;
	}
	frame->next = FRAME_NONE;
	impair->queue_frames += frame->frames;
	impair->queue_bytes += frame->len;
	if (impair->queue_count++) {
		frame_store_at(&impair->store, impair->queue_last)->next = entry;
		impair->queue_last = entry;
		return;
	}
	impair->queue_first = impair->queue_last = entry;
	begin_on_idle(impair);
}

// Damage is done behind the Ethernet header, to a frame with all its checksums: it arrives, and can be
// noticed there.
static void damage(struct impair *impair, uint32_t entry, uint64_t at)
{
	uint32_t len = frame_store_at(&impair->store, entry)->len;

	if (len <= ETH_HEADER)
		return;
	frame_store_flip(&impair->store, entry, ETH_HEADER * 8 + at % ((len - ETH_HEADER) * 8));
	count(impair, IMPAIR_CORRUPTED, 1);
}

static enum drop_reason hold(struct impair *impair, struct packet *packet,
                             const struct impair_fate *fate, uint64_t now_ns)
{
	struct stored_frame *frame;
	uint32_t entry;

	if (is_queue_full(impair, packet)) {
		count(impair, IMPAIR_QUEUE_FULL, frames_in(packet));
		return DROP_IMPAIR_QUEUE_FULL;
	}
	if (fate->corrupted) {
		checksum_complete(packet);
		packet->flags &= (uint8_t)~PACKET_CSUM_VALID;
	}
	entry = frame_store_put(&impair->store, packet);
	if (entry == FRAME_NONE) {
		count(impair, IMPAIR_NO_ROOM, frames_in(packet));
		return DROP_IMPAIR_NO_ROOM;
	}
	frame = frame_store_at(&impair->store, entry);
	frame->arrived_ns = now_ns;
	frame->extra_ns = fate->extra_ns;
	frame->wire_bits = (uint32_t)bits_of(impair, packet);
	frame->frames = frames_in(packet);
	if (fate->corrupted)
		damage(impair, entry, fate->corrupt_at);
	if (fate->reordered)
		count(impair, IMPAIR_REORDERED, 1);
	enqueue(impair, entry, now_ns);
	return DROP_NONE;
}

// A second one behind the first, undamaged, if there is room.
static void duplicate(struct impair *impair, struct packet *packet, uint64_t now_ns)
{
	struct impair_fate fate = {
		.extra_ns = impair_fate_delay(&impair->effects, impair->plan.seed, impair->number,
	                                      true),
	};

	if (hold(impair, packet, &fate, now_ns) == DROP_NONE)
		count(impair, IMPAIR_DUPLICATED, 1);
}

static bool is_transparent(const struct impair *impair, const struct impair_fate *fate)
{
	const struct impair_effects *effects = &impair->effects;

	return !effects->rate_bps && !fate->extra_ns && !fate->duplicated && !fate->corrupted &&
	       !effects->delay_ns && !impair->queue_count && !impair->wheel.count;
}

// One frame, or a super-packet that is treated as one.
static enum impair_verdict judge(struct impair *impair, struct packet *packet, uint64_t now_ns,
                                 enum drop_reason *ret_reason)
{
	static const enum drop_reason reasons[] = {
		[IMPAIR_LOST] = DROP_IMPAIR_LOSS,
		[IMPAIR_LOST_IN_BURST] = DROP_IMPAIR_BURST,
	};
	const struct impair_effects *effects = &impair->effects;
	enum impair_verdict verdict = IMPAIR_TAKEN;
	struct impair_fate fate;

	*ret_reason = DROP_NONE;
	count(impair, IMPAIR_FRAMES, frames_in(packet));
	count(impair, IMPAIR_BYTES, packet->len);
	impair_fate_draw(effects, impair->plan.seed, impair->number, &impair->bad, &fate);
	if (effects->down) {
		*ret_reason = DROP_IMPAIR_DOWN;
		count(impair, IMPAIR_COUNT_DOWN, frames_in(packet));
	} else if (fate.loss) {
		*ret_reason = reasons[fate.loss];
		count(impair,
		      fate.loss == IMPAIR_LOST ? IMPAIR_COUNT_LOST : IMPAIR_COUNT_LOST_IN_BURST, 1);
	} else if (is_transparent(impair, &fate)) {
		count(impair, IMPAIR_SENT, frames_in(packet));
		count(impair, IMPAIR_SENT_BYTES, bits_of(impair, packet) / 8);
		verdict = IMPAIR_PASS;
	} else {
		*ret_reason = hold(impair, packet, &fate, now_ns);
		if (fate.duplicated)
			duplicate(impair, packet, now_ns);
	}
	impair->number++;
	return *ret_reason ? IMPAIR_DROP : verdict;
}

// How many frames of the packet go together; all that there are: it stays whole.
static unsigned frames_together(const struct impair *impair, const struct packet *packet)
{
	unsigned frames = frames_in(packet);
	uint64_t whole;

	if (frames == 1 || impair_fate_is_single(&impair->effects))
		return 1;
	whole = time_of(bits_of(impair, packet), impair->effects.rate_bps);
	if (whole <= fixed(WHOLE_NS))
		return frames;
	return MAX(1U, (unsigned)(fixed(WHOLE_NS) / (whole / frames)));
}

// The parts of a super-packet, each on its own. What passes is kept all the same, due at once: in order.
static void judge_cuts(struct impair *impair, struct packet *packet, unsigned together,
                       struct packet_pool *pool, uint64_t now_ns, uint64_t *drops)
{
	struct segment_cutter cutter;

	segment_begin(&cutter, packet);
	cutter.frames = together;
	while (!segment_is_done(&cutter)) {
		struct segment storage[CUT_SEGMENTS];
		struct packet *cut = packet_take(pool);
		enum drop_reason reason = DROP_NONE;

		if (!cut || segment_next(&cutter, cut, storage, CUT_SEGMENTS) < 0) {
			if (cut)
				packet_give(pool, cut);
			drops[DROP_NO_BUFFER]++;
			return;
		}
		if (judge(impair, cut, now_ns, &reason) == IMPAIR_PASS) {
			reason = hold(impair, cut, &(struct impair_fate){0}, now_ns);
			count(impair, IMPAIR_SENT, -(uint64_t)frames_in(cut));
			count(impair, IMPAIR_SENT_BYTES, -(bits_of(impair, cut) / 8));
		}
		if (reason)
			drops[reason] += frames_in(cut);
		packet_give(pool, cut);
	}
}

bool impair_put(struct impair *impair, struct packet *const *packets, unsigned packet_count,
                struct packet_pool *pool, struct impair_when when, uint8_t *verdicts,
                uint64_t *drops)
{
	uint64_t now_ns = when.now_ns;
	bool sooner;

	lock(impair);
	if (!impair->open) {
		unlock(impair);
		memset(verdicts, IMPAIR_PASS, packet_count);
		return false;
	}
	advance(impair, now_ns);
	impair->since_ns = now_ns - MIN(now_ns - when.since_ns, (uint64_t)IMPAIR_CREDIT_NS);
	for (unsigned i = 0; i < packet_count; i++) {
		enum drop_reason reason = DROP_NONE;

		unsigned together = frames_together(impair, packets[i]);

		if (together < frames_in(packets[i])) {
			judge_cuts(impair, packets[i], together, pool, now_ns, drops);
			verdicts[i] = IMPAIR_TAKEN;
			continue;
		}
		verdicts[i] = (uint8_t)judge(impair, packets[i], now_ns, &reason);
		packets[i]->drop = (uint16_t)reason;
	}
	sooner = tell_next(impair);
	unlock(impair);
	return sooner;
}

void impair_open(struct impair *impair, const struct impair_plan *plan, uint64_t now_ns)
{
	lock(impair);
	if (impair->open) {
		advance(impair, now_ns);
	} else {
		delay_wheel_init(&impair->wheel, impair->links, impair->store.count, now_ns);
		impair->departs = fixed(now_ns);
		impair->last_due_ns = 0;
		impair->open = true;
	}
	impair->plan = *plan;
	impair->origin_ns = now_ns;
	set_count(impair, IMPAIR_ORIGIN, now_ns);
	enter_step(impair, now_ns);
	tell_next(impair);
	unlock(impair);
}

void impair_close(struct impair *impair)
{
	lock(impair);
	impair->open = false;
	while (impair->queue_count)
		end_sending(impair);
	tell_next(impair);
	unlock(impair);
}

static bool has_room(const struct impair *impair, const struct packet_pool *pool, unsigned chunks)
{
	return impair->lent_count < BATCH_SIZE && chunks + FRAME_CHUNKS <= LENT_CHUNKS &&
	       packet_pool_available(pool);
}

static void note_times(struct impair *impair, const struct stored_frame *frame, uint64_t now_ns)
{
	if (now_ns == UINT64_MAX)
		return;
	histogram_add(&impair->held, now_ns - frame->arrived_ns);
	histogram_add(&impair->late, now_ns - frame->due_ns);
}

unsigned impair_take(struct impair *impair, struct packet_pool *pool, uint64_t now_ns,
                     struct packet **packets)
{
	unsigned chunks = 0;
	uint32_t entry;

	lock(impair);
	if (impair->open)
		advance(impair, now_ns);
	while (has_room(impair, pool, chunks) &&
	       (entry = delay_wheel_take(&impair->wheel, now_ns)) != DELAY_NONE) {
		const struct stored_frame *frame = frame_store_at(&impair->store, entry);
		struct packet *packet = frame_store_packet(&impair->store, entry, pool);

		// There was room for its segments, and a packet.
		assert(packet);
		chunks += packet->segment_count;
		note_times(impair, frame, now_ns);
		count(impair, IMPAIR_SENT, frame->frames);
		count(impair, IMPAIR_SENT_BYTES, frame->wire_bits / 8);
		packets[impair->lent_count] = packet;
		impair->lent[impair->lent_count++] = entry;
	}
	tell_next(impair);
	unlock(impair);
	return impair->lent_count;
}

void impair_finish(struct impair *impair)
{
	lock(impair);
	for (unsigned i = 0; i < impair->lent_count; i++)
		frame_store_give(&impair->store, impair->lent[i]);
	impair->lent_count = 0;
	unlock(impair);
}
