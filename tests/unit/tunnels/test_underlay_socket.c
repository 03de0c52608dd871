// SPDX-License-Identifier: BSD-3-Clause
//
// Datagrams through sockets of the kernel, over loopback, both families.

#include "tests/unit/unit.h"

#include "tunnels/encap.h"
#include "tunnels/underlay_socket.h"

#include "base/addr.h"
#include "base/bytes.h"
#include "base/rand.h"

#include <poll.h>

enum { PARTS = 10, PART = 1000 };

struct pair {
	struct underlay *ends[2];
	struct ip_addr addrs[2];
};

static struct underlay *open_end(struct ip_addr local, uint16_t port, bool checksum_off)
{
	const struct underlay_config config = {
		.name = "test",
		.encap = &encap_vxlan,
		.local = local,
		.udp_port = port,
		.ttl = 9,
		.checksum_off = checksum_off,
		.queues = 2,
	};
	struct underlay *underlay = NULL;
	struct fail fail = {0};

	if (underlay_socket_open(NULL, &config, &underlay, &fail) < 0)
		fail_msg("%s", fail.what);
	return underlay;
}

// IPv6 has one loopback address, so the one end talks to itself there.
static struct pair open_pair(bool is4, bool checksum_off)
{
	uint16_t port = (uint16_t)(20000 + rand_below(10000));
	struct pair pair;

	ip_parse(is4 ? "127.0.0.1" : "::1", &pair.addrs[0]);
	ip_parse(is4 ? "127.0.0.2" : "::1", &pair.addrs[1]);
	pair.ends[0] = open_end(pair.addrs[0], port, checksum_off);
	pair.ends[1] = is4 ? open_end(pair.addrs[1], port, checksum_off) : pair.ends[0];
	return pair;
}

static void close_pair(struct pair *pair)
{
	pair->ends[0]->ops->close(pair->ends[0]);
	if (pair->ends[1] != pair->ends[0])
		pair->ends[1]->ops->close(pair->ends[1]);
}

// Bytes that came at the second end, whichever queue and however joined.
static size_t collect(struct pair *pair, uint8_t *bytes, size_t wanted, struct arrival *last)
{
	struct underlay *end = pair->ends[1];
	size_t got = 0;

	for (int tries = 0; got < wanted && tries < 100; tries++) {
		struct pollfd fds[2] = {{.fd = end->ops->fd(end, 0), .events = POLLIN},
		                        {.fd = end->ops->fd(end, 1), .events = POLLIN}};

		poll(fds, 2, 100);
		for (unsigned queue = 0; queue < 2; queue++) {
			struct arrival arrivals[UNDERLAY_BATCH];
			unsigned count = end->ops->receive(end, queue, arrivals, UNDERLAY_BATCH);

			for (unsigned i = 0; i < count && got < wanted; i++) {
				memcpy(bytes + got, arrivals[i].bytes,
				       MIN(arrivals[i].len, wanted - got));
				got += arrivals[i].len;
				*last = arrivals[i];
			}
		}
	}
	return got;
}

static void check_parts(bool is4, bool checksum_off)
{
	static uint8_t sent[PARTS * PART], got[PARTS * PART];
	struct pair pair = open_pair(is4, checksum_off);
	struct arrival last = {0};
	unsigned parts = checksum_off ? 1 : PARTS;
	size_t len = checksum_off ? PART : sizeof(sent) - 300;
	struct iovec iov[2] = {{sent, 700}, {sent + 700, len - 700}};
	struct datagram datagram = {
		.to = pair.addrs[1],
		.entropy = 12345,
		.tos = 0x2a,
		.part_size = parts > 1 ? PART : 0,
		.len = (uint32_t)len,
		.iov = iov,
		.iov_count = 2,
	};

	assert_int_equal(pair.ends[0]->queue_count, 2);
	assert_int_equal(pair.ends[0]->parts_max > 1, !checksum_off);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	assert_true(pair.ends[0]->ops->send(pair.ends[0], &datagram, 1));
	assert_int_equal(collect(&pair, got, len, &last), len);
	assert_memory_equal(got, sent, len);
	assert_int_equal(last.tos, 0x2a);
	assert_true(ip_equal(last.from, pair.addrs[0]));
	assert_true(pair.ends[0]->ops->mtu(pair.ends[0], pair.addrs[1]) >= 1500);
	close_pair(&pair);
}

static void datagrams_in_parts_arrive_whole(void **state)
{
	check_parts(true, false);
	check_parts(false, false);
}

static void datagrams_without_a_checksum_arrive(void **state)
{
	check_parts(true, true);
	check_parts(false, true);
}

static void a_way_that_is_not_there_is_named(void **state)
{
	struct pair pair = open_pair(true, false);
	uint8_t byte = 1;
	struct iovec iov = {&byte, 1};
	struct datagram datagrams[2] = {
		{.entropy = 1, .len = 1, .iov = &iov, .iov_count = 1},
		{.to = pair.addrs[1], .entropy = 1, .len = 1, .iov = &iov, .iov_count = 1},
	};

	// A socket bound to loopback reaches nothing else.
	ip_parse("192.0.2.1", &datagrams[0].to);
	assert_false(pair.ends[0]->ops->send(pair.ends[0], datagrams, 2));
	assert_int_not_equal(datagrams[0].drop, DROP_NONE);
	assert_int_equal(datagrams[1].drop, DROP_NONE);
	close_pair(&pair);
}

static void an_address_of_others_is_refused(void **state)
{
	struct underlay_config config = {
		.name = "t1", .encap = &encap_vxlan, .udp_port = 4789, .ttl = 1, .queues = 1};
	struct underlay *underlay;
	struct fail fail = {0};

	ip_parse("192.0.2.77", &config.local);
	assert_true(underlay_socket_open(NULL, &config, &underlay, &fail) < 0);
	assert_non_null(strstr(fail.what, "t1: cannot use UDP port 4789 of 192.0.2.77"));
	assert_non_null(strstr(fail.hint, "interface"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_in_parts_arrive_whole),
		cmocka_unit_test(datagrams_without_a_checksum_arrive),
		cmocka_unit_test(a_way_that_is_not_there_is_named),
		cmocka_unit_test(an_address_of_others_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
