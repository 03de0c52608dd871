// SPDX-License-Identifier: BSD-3-Clause
//
// stats: areas of equal layout, one writer each, summed by whoever wants to know.
//
// An area has the worker's own words, its ring of recent drops, and for every slot the port's words
// and its drop reasons; a slot that is not in use touches no page. The area behind the last is the
// main thread's record of what to subtract. All words are read and written whole, none of them with
// a locked instruction. Reading the recent drops walks every ring, once.

#include "datapath/stats.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/generation.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATS_VERSION = 1, PAGE = 4096, MAX_AREAS = 65, RECORD_WORDS = 16 };

#define STATS_MAGIC UINT64_C(0x7374617473746677)

struct header {
	_Atomic uint64_t magic;
	uint32_t version;
	uint32_t areas;
	uint32_t ports;
	uint32_t port_words;
	uint32_t drop_words;
	uint32_t worker_words;
	uint32_t drop_ring;
	uint8_t spare[28];
};

_Static_assert(sizeof(struct header) == STATS_HEADER_BYTES, "as promised to readers");

struct area {
	uint64_t worker[STATS_WORKER_WORDS];
	uint64_t drops_recorded;
	struct drop_record ring[STATS_DROP_RING] __attribute__((aligned(64)));
	uint64_t port[MAX_PORTS][STATS_PORT_WORDS];
	uint64_t drops[MAX_PORTS][DROP_REASONS] __attribute__((aligned(64)));
} __attribute__((aligned(PAGE)));

struct stats {
	struct header *header;
	struct area *areas; // One more than there are writers: the last is what to subtract.
	unsigned count;
	size_t size;
	int fd; // -1 for a reader.
};

static size_t size_of(unsigned areas)
{
	return PAGE + (areas + 1) * sizeof(struct area);
}

static bool is_ours(const struct header *header)
{
	return header->magic == STATS_MAGIC && header->version == STATS_VERSION &&
	       header->ports == MAX_PORTS && header->port_words == STATS_PORT_WORDS &&
	       header->drop_words == DROP_REASONS && header->worker_words == STATS_WORKER_WORDS &&
	       header->drop_ring == STATS_DROP_RING && header->areas > 0 &&
	       header->areas <= MAX_AREAS;
}

static struct stats *stats_of(void *segment, unsigned areas, int fd)
{
	struct stats *stats = calloc(1, sizeof(*stats));

	if (!stats)
		return NULL;
	*stats = (struct stats){
		.header = segment,
		.areas = (void *)((uint8_t *)segment + PAGE),
		.count = areas,
		.size = size_of(areas),
		.fd = fd,
	};
	return stats;
}

// Maps a segment that verifies, with the areas that it has.
static void *map_known(int fd, bool writable, unsigned *ret_areas)
{
	struct header *header = mem_share_map(fd, PAGE, false);
	unsigned areas = header && is_ours(header) ? header->areas : 0;

	mem_share_unmap(header, PAGE);
	if (areas == 0) {
		errno = EPROTO;
		return NULL;
	}
	*ret_areas = areas;
	return mem_share_map(fd, size_of(areas), writable);
}

static void *make_segment(unsigned areas, int *ret_fd)
{
	struct header *header = mem_share_new("weft-stats", size_of(areas), ret_fd);

	if (!header)
		return NULL;
	header->version = STATS_VERSION;
	header->areas = areas;
	header->ports = MAX_PORTS;
	header->port_words = STATS_PORT_WORDS;
	header->drop_words = DROP_REASONS;
	header->worker_words = STATS_WORKER_WORDS;
	header->drop_ring = STATS_DROP_RING;
	atomic_store(&header->magic, STATS_MAGIC);
	return header;
}

struct stats *stats_open(int fd, unsigned areas)
{
	unsigned known = 0;
	void *segment = fd >= 0 ? map_known(fd, true, &known) : NULL;

	assert(areas > 0 && areas <= MAX_AREAS);
	if (segment && known < areas) {
		mem_share_unmap(segment, size_of(known));
		segment = NULL;
	}
	if (!segment) {
		if (fd >= 0)
			close(fd);
		known = areas;
		segment = make_segment(areas, &fd);
		if (!segment)
			return NULL;
	}

	struct stats *stats = stats_of(segment, known, fd);

	if (!stats) {
		mem_share_unmap(segment, size_of(known));
		close(fd);
		errno = ENOMEM;
	}
	return stats;
}

struct stats *stats_open_reader(int fd)
{
	unsigned areas;
	void *segment = map_known(fd, false, &areas);
	struct stats *stats = segment ? stats_of(segment, areas, -1) : NULL;

	if (segment && !stats) {
		mem_share_unmap(segment, size_of(areas));
		errno = ENOMEM;
	}
	return stats;
}

void stats_close(struct stats *stats)
{
	if (!stats)
		return;
	mem_share_unmap(stats->header, stats->size);
	if (stats->fd >= 0)
		close(stats->fd);
	free(stats);
}

int stats_fd(const struct stats *stats)
{
	return stats->fd;
}

unsigned stats_areas(const struct stats *stats)
{
	return stats->count;
}

uint64_t *stats_port_words(struct stats *stats, unsigned area, uint32_t slot)
{
	assert(area < stats->count && slot < MAX_PORTS);
	return stats->areas[area].port[slot];
}

uint64_t *stats_drop_words(struct stats *stats, unsigned area, uint32_t slot)
{
	assert(area < stats->count && slot < MAX_PORTS);
	return stats->areas[area].drops[slot];
}

uint64_t *stats_worker_words(struct stats *stats, unsigned area)
{
	assert(area < stats->count);
	return stats->areas[area].worker;
}

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

void stats_record_drop(struct stats *stats, unsigned area, uint64_t wall_ns, uint32_t slot,
                       enum drop_reason reason, uint16_t vlan, uint32_t len, const uint8_t *head,
                       uint32_t head_len)
{
	assert(area < stats->count);

	struct area *own = &stats->areas[area];
	uint64_t number = load(&own->drops_recorded);
	uint64_t words[RECORD_WORDS];
	struct drop_record record = {
		.seq = 2 * number + 1,
		.wall_ns = wall_ns,
		.port = slot,
		.reason = (uint16_t)reason,
		.vlan = vlan,
		.len = (uint16_t)MIN(len, (uint32_t)UINT16_MAX),
		.head_len = (uint16_t)MIN(head_len, (uint32_t)STATS_DROP_HEAD),
	};
	uint64_t *to = (uint64_t *)&own->ring[number % STATS_DROP_RING];

	memcpy(record.head, head, record.head_len);
	memcpy(words, &record, sizeof(words));
	for (unsigned i = 0; i < RECORD_WORDS; i++)
		store(&to[i], words[i]);
	store(&to[0], 2 * number + 2);
	store(&own->drops_recorded, number + 1);
}

static uint64_t sum(const struct stats *stats, const uint64_t *in_first)
{
	const void *word = in_first;
	uint64_t total = 0;

	for (unsigned i = 0; i < stats->count; i++) {
		total += load(word);
		word = (const uint8_t *)word + sizeof(struct area);
	}
	return total;
}

uint64_t stats_port_sum(const struct stats *stats, uint32_t slot, enum stats_port word)
{
	assert(slot < MAX_PORTS && word < STATS_PORT_WORDS);
	return sum(stats, &stats->areas[0].port[slot][word]) -
	       load(&stats->areas[stats->count].port[slot][word]);
}

uint64_t stats_drop_sum(const struct stats *stats, uint32_t slot, enum drop_reason reason)
{
	assert(slot < MAX_PORTS && reason < DROP_REASONS);
	return sum(stats, &stats->areas[0].drops[slot][reason]) -
	       load(&stats->areas[stats->count].drops[slot][reason]);
}

uint64_t stats_worker_sum(const struct stats *stats, enum stats_worker word)
{
	assert(word < STATS_WORKER_WORDS);
	return sum(stats, &stats->areas[0].worker[word]);
}

void stats_clear_port(struct stats *stats, uint32_t slot)
{
	struct area *base = &stats->areas[stats->count];

	assert(slot < MAX_PORTS);
	for (unsigned word = 0; word < STATS_PORT_WORDS; word++)
		store(&base->port[slot][word], sum(stats, &stats->areas[0].port[slot][word]));
	for (unsigned reason = 0; reason < DROP_REASONS; reason++)
		store(&base->drops[slot][reason], sum(stats, &stats->areas[0].drops[slot][reason]));
}

// Copies the record if nobody wrote to it meanwhile, and it is not one of a former turn.
static bool read_record(const struct area *area, uint64_t number, struct drop_record *ret)
{
	const uint64_t *from = (const uint64_t *)&area->ring[number % STATS_DROP_RING];
	uint64_t words[RECORD_WORDS];

	for (unsigned i = 0; i < RECORD_WORDS; i++)
		words[i] = load(&from[i]);
	if (words[0] != 2 * number + 2 || load(&from[0]) != words[0])
		return false;
	memcpy(ret, words, sizeof(*ret));
	return true;
}

// Puts the record into its place among those found so far, which are newest first.
static unsigned merge(struct drop_record *list, unsigned count, unsigned limit,
                      const struct drop_record *record)
{
	unsigned at = count;

	while (at > 0 && list[at - 1].wall_ns < record->wall_ns)
		at--;
	if (at == limit)
		return count;

	unsigned kept = MIN(count, limit - 1);

	memmove(&list[at + 1], &list[at], (kept - at) * sizeof(*list));
	list[at] = *record;
	return kept + 1;
}

unsigned stats_recent_drops(const struct stats *stats, uint32_t slot, struct drop_record *ret,
                            unsigned limit)
{
	unsigned count = 0;

	for (unsigned i = 0; i < stats->count && limit > 0; i++) {
		const struct area *area = &stats->areas[i];
		uint64_t end = load(&area->drops_recorded);
		uint64_t start = end > STATS_DROP_RING ? end - STATS_DROP_RING : 0;

		for (uint64_t number = end; number-- > start;) {
			struct drop_record record;

			if (read_record(area, number, &record) && (!slot || record.port == slot))
				count = merge(ret, count, limit, &record);
		}
	}
	return count;
}
