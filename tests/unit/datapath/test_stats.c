// SPDX-License-Identifier: BSD-3-Clause
//
// test_stats: sums over areas, clearing, the ring of drops, the next process and the reader.

#include "base/mem.h"
#include "datapath/generation.h"
#include "datapath/stats.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>

static void sums_and_clears(void **state)
{
	struct stats *stats = stats_open(-1, 3);

	assert_non_null(stats);
	assert_int_equal(stats_areas(stats), 3);
	for (unsigned area = 0; area < 3; area++) {
		stats_add(&stats_port_words(stats, area, 5)[STATS_RX_BYTES], 100);
		stats_add(&stats_drop_words(stats, area, 5)[DROP_TTL_EXCEEDED], 1);
		stats_add(&stats_worker_words(stats, area)[STATS_LOOPS], 7);
	}
	assert_int_equal(stats_port_sum(stats, 5, STATS_RX_BYTES), 300);
	assert_int_equal(stats_port_sum(stats, 6, STATS_RX_BYTES), 0);
	assert_int_equal(stats_drop_sum(stats, 5, DROP_TTL_EXCEEDED), 3);
	assert_int_equal(stats_worker_sum(stats, STATS_LOOPS), 21);

	stats_clear_port(stats, 5);
	assert_int_equal(stats_port_sum(stats, 5, STATS_RX_BYTES), 0);
	assert_int_equal(stats_drop_sum(stats, 5, DROP_TTL_EXCEEDED), 0);
	stats_add(&stats_port_words(stats, 1, 5)[STATS_RX_BYTES], 9);
	assert_int_equal(stats_port_sum(stats, 5, STATS_RX_BYTES), 9);
	stats_port_words(stats, 2, MAX_PORTS - 1)[0] = 1;
	stats_drop_words(stats, 2, MAX_PORTS - 1)[DROP_REASONS - 1] = 1;
	stats_close(stats);
}

static void the_next_process_goes_on(void **state)
{
	unsigned fds = unit_open_fds();
	struct stats *stats = stats_open(-1, 2);
	int fd = dup(stats_fd(stats));

	stats_add(&stats_port_words(stats, 1, 5)[STATS_TX_PACKETS], 4);
	stats_close(stats);
	stats = stats_open(fd, 2);
	assert_non_null(stats);
	assert_int_equal(stats_fd(stats), fd);
	assert_int_equal(stats_port_sum(stats, 5, STATS_TX_PACKETS), 4);
	fd = dup(fd);
	stats_close(stats);

	// More workers than before need another segment.
	stats = stats_open(fd, 4);
	assert_non_null(stats);
	assert_int_equal(stats_areas(stats), 4);
	assert_int_equal(stats_port_sum(stats, 5, STATS_TX_PACKETS), 0);
	stats_close(stats);
	assert_int_equal(unit_open_fds(), fds);
}

static void readers_only_read(void **state)
{
	struct stats *stats = stats_open(-1, 2);
	int fd = mem_share_reader(stats_fd(stats));
	int wrong = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stats *reader = stats_open_reader(fd);

	assert_non_null(reader);
	close(fd);
	stats_add(&stats_worker_words(stats, 0)[STATS_PACKETS], 12);
	assert_int_equal(stats_worker_sum(reader, STATS_PACKETS), 12);
	assert_int_equal(stats_fd(reader), -1);
	assert_null(stats_open_reader(wrong));
	assert_int_equal(errno, EPROTO);
	close(wrong);
	stats_close(reader);
	stats_close(stats);
}

static void recent_drops_are_newest_first(void **state)
{
	static const uint8_t head[200] = {1, 2, 3};
	struct stats *stats = stats_open(-1, 2);
	struct drop_record records[STATS_DROP_RING * 3];
	unsigned total = STATS_DROP_RING + 100;

	assert_int_equal(stats_recent_drops(stats, 0, records, 10), 0);
	for (unsigned i = 0; i < total; i++)
		stats_record_drop(stats, i % 2, 1000 + i, 1 + i % 3, DROP_NO_ROUTE, 7, 70000, head,
		                  i % 200);
	assert_int_equal(stats_recent_drops(stats, 0, records, 5), 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(records[i].wall_ns, 1000 + total - 1 - i);
		assert_int_equal(records[i].len, UINT16_MAX);
		assert_int_equal(records[i].reason, DROP_NO_ROUTE);
		assert_memory_equal(records[i].head, head, 3);
	}
	assert_int_equal(stats_recent_drops(stats, 0, records, 3 * STATS_DROP_RING), total);

	// One area overtakes itself; the slot filters.
	for (unsigned i = 0; i < 2 * STATS_DROP_RING; i++)
		stats_record_drop(stats, 0, 5000 + i, 9, DROP_BLACKHOLE, 0, 60, head, 60);
	assert_int_equal(stats_recent_drops(stats, 9, records, 3 * STATS_DROP_RING),
	                 STATS_DROP_RING);
	assert_int_equal(records[0].wall_ns, 5000 + 2 * STATS_DROP_RING - 1);
	assert_int_equal(records[0].head_len, 60);
	stats_close(stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_and_clears),
		cmocka_unit_test(the_next_process_goes_on),
		cmocka_unit_test(readers_only_read),
		cmocka_unit_test(recent_drops_are_newest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
