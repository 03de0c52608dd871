// SPDX-License-Identifier: BSD-3-Clause
//
// Front ends that break the rules: each is sent away with a sentence that names the port, leaves nothing
// behind, and the next good one finds the port as it should be.

#include "base/sock.h"
#include "tests/unit/unit.h"
#include "tests/unit/vnic/front.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define ALL_PROTOCOL                                                                        \
	(FRONT_BIT(VHOST_PROTOCOL_REPLY_ACK) | FRONT_BIT(VHOST_PROTOCOL_LOG_SHMFD) |        \
	 FRONT_BIT(VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS) | FRONT_BIT(VHOST_PROTOCOL_STATUS) | \
	 FRONT_BIT(VHOST_PROTOCOL_INFLIGHT_SHMFD) | FRONT_BIT(VHOST_PROTOCOL_BACKEND_REQ))

static void begin(struct front *front)
{
	front_open(front, 1);
	front_connect(front);
	front_agree(front, FRONT_BIT(32), ALL_PROTOCOL);
}

// The last request was refused with these words.
static void expect_refusal(struct front *front, int error, int wanted, const char *words)
{
	struct vhost_info info;

	if (error != wanted || !strstr(front->fail.what, words))
		fail_msg("%d '%s' is not %d '%s'", error, front->fail.what, wanted, words);
	// The port's name is put beside it by who shows it.
	assert_null(strstr(front->fail.what, "web"));
	assert_int_equal(vhost_device_fd(front->device), -1);
	vhost_device_info(front->device, &info);
	assert_non_null(strstr(info.last_fault, words));
}

static void end(struct front *front)
{
	front_hang_up(front);
	front_be_good(front);
	front_close(front);
}

struct fd_case {
	const char *what;
	int fd;
};

enum { FD_CASES = 10, STUCK_SECONDS = 60 };

// What a descriptor may be that is said to be something else.
static void make_fds(struct fd_case cases[static FD_CASES])
{
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	cases[0] = (struct fd_case){"pipe, read", pipes[0]};
	cases[1] = (struct fd_case){"pipe, write", pipes[1]};
	cases[2] = (struct fd_case){"file", open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
	cases[3] = (struct fd_case){"directory", open("/", O_RDONLY | O_CLOEXEC)};
	cases[4] = (struct fd_case){"path", open("/", O_PATH | O_CLOEXEC)};
	cases[5] = (struct fd_case){"device", open("/dev/zero", O_RDWR | O_CLOEXEC)};
	cases[6] = (struct fd_case){"epoll", epoll_create1(EPOLL_CLOEXEC)};
	cases[7] = (struct fd_case){"internet", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	cases[8] = (struct fd_case){"short memory", memfd_create("short", MFD_CLOEXEC)};
	cases[9] = (struct fd_case){"eventfd", eventfd(0, EFD_CLOEXEC)};
	for (unsigned i = 0; i < FD_CASES; i++)
		assert_true(cases[i].fd >= 0);
}

static void close_fds(struct fd_case cases[static FD_CASES])
{
	for (unsigned i = 0; i < FD_CASES; i++)
		close(cases[i].fd);
}

static void test_fds_that_are_no_memory(void **state)
{
	struct fd_case cases[FD_CASES];
	struct front front;

	make_fds(cases);
	for (unsigned i = 0; i < FD_CASES; i++) {
		const struct vhost_payload_slot slot = {
			.region = {.guest = 0, .size = FRONT_MEMORY, .user = FRONT_USER}};

		begin(&front);
		expect_refusal(&front, front_send_table(&front, cases[i].fd, FRONT_MEMORY), -EINVAL,
		               "shared memory");
		front_hang_up(&front);
		front_connect(&front);
		front_agree(&front, 0, ALL_PROTOCOL);
		expect_refusal(&front,
		               front_send(&front, VHOST_ADD_MEM_REG, 1, &slot, sizeof(slot),
		                          &cases[i].fd, 1),
		               -EINVAL, "shared memory");
		front_hang_up(&front);
		front_connect(&front);
		front_agree(&front, 0, ALL_PROTOCOL);
		const struct vhost_payload_area log = {.size = 4096};

		expect_refusal(&front,
		               front_send(&front, VHOST_SET_LOG_BASE, 1, &log, 16, &cases[i].fd, 1),
		               -EINVAL, "log of dirty pages");
		end(&front);
	}
	close_fds(cases);
}

static void test_fds_that_are_no_bells(void **state)
{
	static const struct {
		uint32_t request;
		const char *words;
	} bells[] = {
		{VHOST_SET_VRING_KICK, "kick descriptor is no eventfd"},
		{VHOST_SET_VRING_CALL, "call descriptor is no eventfd"},
		{VHOST_SET_VRING_ERR, "error descriptor is no eventfd"},
	};
	struct fd_case cases[FD_CASES];
	struct front front;

	make_fds(cases);
	for (unsigned bell = 0; bell < 3; bell++) {
		for (unsigned i = 0; i + 1 < FD_CASES; i++) {
			begin(&front);
			expect_refusal(&front,
			               front_send_u64(&front, bells[bell].request, 0, cases[i].fd),
			               -EINVAL, bells[bell].words);
			end(&front);
		}
	}
	close_fds(cases);
}

static void test_inflight_that_is_none(void **state)
{
	struct vhost_payload_area area = {.size = 1 << 20, .queues = 2, .queue_size = 256};
	struct fd_case cases[FD_CASES];
	struct front front;

	make_fds(cases);
	for (unsigned i = 0; i < FD_CASES; i++) {
		begin(&front);
		int error =
			front_send(&front, VHOST_SET_INFLIGHT_FD, 1, &area, 20, &cases[i].fd, 1);

		assert_true(error < 0);
		expect_refusal(&front, error, error, "in-flight region");
		end(&front);
	}
	close_fds(cases);
	area.queues = 33;
	begin(&front);
	expect_refusal(&front, front_send(&front, VHOST_GET_INFLIGHT_FD, 1, &area, 20, NULL, 0),
	               -EINVAL, "33 rings");
	end(&front);
}

static void test_frames_that_are_none(void **state)
{
	static const struct {
		uint32_t request, flags, size;
		unsigned sent; // bytes of the payload
		int error;
		const char *words;
	} cases[] = {
		{VHOST_SET_FEATURES, 0, 8, 8, -EPROTO, "does not speak vhost-user"},
		{VHOST_SET_FEATURES, 2, 8, 8, -EPROTO, "does not speak vhost-user"},
		{VHOST_SET_FEATURES, 5, 8, 8, -EPROTO, "does not speak vhost-user"},
		{VHOST_SET_FEATURES, 1, 513, 8, -EMSGSIZE, "513 bytes"},
		{VHOST_SET_FEATURES, 1, UINT32_MAX, 8, -EMSGSIZE, "4294967295 bytes"},
		{VHOST_SET_FEATURES, 1, 0, 0, -EMSGSIZE, "SET_FEATURES has 0 bytes"},
		{VHOST_SET_FEATURES, 1, 4, 4, -EMSGSIZE, "SET_FEATURES has 4 bytes"},
		{VHOST_SET_FEATURES, 1, 16, 16, -EMSGSIZE, "SET_FEATURES has 16 bytes"},
		{VHOST_SET_VRING_NUM, 1, 4, 4, -EMSGSIZE, "SET_VRING_NUM has 4 bytes"},
		{VHOST_SET_VRING_ADDR, 1, 39, 39, -EMSGSIZE, "SET_VRING_ADDR has 39 bytes"},
		{VHOST_SET_MEM_TABLE, 1, 7, 7, -EMSGSIZE, "SET_MEM_TABLE has 7 bytes"},
		{VHOST_GET_FEATURES, 1, 8, 8, -EMSGSIZE, "GET_FEATURES has 8 bytes"},
		{VHOST_GET_CONFIG, 1, 12, 12, -EPROTO, "GET_CONFIG, which was not agreed"},
		{VHOST_SEND_RARP, 1, 8, 8, -EPROTO, "SEND_RARP, which was not agreed"},
		{0, 1, 0, 0, -EOPNOTSUPP, "request 0"},
		{22, 1, 0, 0, -EOPNOTSUPP, "request 22"},
		{UINT32_MAX, 1, 0, 0, -EOPNOTSUPP, "request 4294967295"},
	};
	const uint8_t payload[64] = {0};
	struct front front;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t header[] = {cases[i].request, cases[i].flags, cases[i].size};

		begin(&front);
		assert_int_equal(write(front.fd, header, sizeof(header)), sizeof(header));
		assert_int_equal(write(front.fd, payload, cases[i].sent), cases[i].sent);
		front.fail = (struct fail){0};
		int error = vhost_device_receive(front.device, &front.fail);

		expect_refusal(&front, error, cases[i].error, cases[i].words);
		end(&front);
	}
}

// Any part of a message, with descriptors or without, and then nothing any more.
static void test_half_messages(void **state)
{
	uint8_t bytes[20] = {VHOST_SET_VRING_CALL, [4] = 1, [8] = 8};
	int bell = eventfd(0, EFD_CLOEXEC);
	struct front front;

	for (size_t len = 1; len <= sizeof(bytes); len++) {
		const struct iovec part = {bytes, len};

		begin(&front);
		assert_int_equal(sock_send_fds(front.fd, &part, 1, &bell, 1), len);
		assert_int_equal(vhost_device_receive(front.device, &front.fail), 0);
		end(&front);
	}
	close(bell);
}

static void test_too_many_fds(void **state)
{
	int fds[SOCK_FDS_MAX];
	uint64_t value = 0;
	struct front front;

	for (unsigned i = 0; i < SOCK_FDS_MAX; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	begin(&front);
	expect_refusal(&front, front_send(&front, VHOST_SET_VRING_CALL, 1, &value, 8, fds, 9),
	               -EMSGSIZE, "more than 8 descriptors");
	front_hang_up(&front);
	front_connect(&front);
	expect_refusal(&front,
	               front_send(&front, VHOST_SET_VRING_CALL, 1, &value, 8, fds, SOCK_FDS_MAX),
	               -EMSGSIZE, "more than 8 descriptors");
	front_hang_up(&front);
	front_connect(&front);
	expect_refusal(&front, front_send(&front, VHOST_SET_VRING_CALL, 1, &value, 8, fds, 2),
	               -EINVAL, "2 descriptors");
	front_hang_up(&front);
	front_connect(&front);
	expect_refusal(&front, front_send(&front, VHOST_SET_OWNER, 1, NULL, 0, fds, 1), -EINVAL,
	               "SET_OWNER came with 1 descriptors");
	front_hang_up(&front);
	front_connect(&front);
	// None, where it says that there is one; one, where it says that there is none.
	expect_refusal(&front, front_send_u64(&front, VHOST_SET_VRING_KICK, 0, -1), -EINVAL,
	               "0 descriptors");
	front_hang_up(&front);
	front_connect(&front);
	expect_refusal(&front, front_send_u64(&front, VHOST_SET_VRING_KICK, 0x100, fds[0]), -EINVAL,
	               "says none");
	for (unsigned i = 0; i < SOCK_FDS_MAX; i++)
		close(fds[i]);
	front.fds_before -= SOCK_FDS_MAX;
	end(&front);
}

static void test_values_out_of_range(void **state)
{
	static const struct {
		uint32_t request, index, num;
		const char *words;
	} cases[] = {
		{VHOST_SET_VRING_NUM, 2, 256, "ring 2, and the port has 2"},
		{VHOST_SET_VRING_NUM, UINT32_MAX, 256, "ring 4294967295"},
		{VHOST_SET_VRING_NUM, 0, 0, "0 descriptors"},
		{VHOST_SET_VRING_NUM, 0, 32769, "32769 descriptors"},
		{VHOST_SET_VRING_BASE, 2, 0, "ring 2"},
		{VHOST_GET_VRING_BASE, 2, 0, "ring 2"},
		{VHOST_SET_VRING_ENABLE, 2, 1, "ring 2"},
		{VHOST_SET_VRING_ENABLE, 0, 2, "neither"},
		{VHOST_SET_FEATURES, 0, 1U << 28, "were not offered: 0x1000000000000000"},
		{VHOST_SET_PROTOCOL_FEATURES, 1U << 7, 0, "were not offered: 0x80"},
		{VHOST_SET_STATUS, 256, 0, "status of 0x100"},
	};
	struct front front;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&front);
		int error =
			front_send_state(&front, cases[i].request, cases[i].index, cases[i].num);

		assert_true(error < 0);
		expect_refusal(&front, error, error, cases[i].words);
		end(&front);
	}
}

// Rings that are told of in any order, with parts missing, come up when the last part is there; what cannot be
// is refused then.
static void test_any_order(void **state)
{
	enum { NUM, BASE, ADDR, KICK, CALL, ENABLE, TABLE, STEPS };
	struct front front;

	for (unsigned first = 0; first < STEPS; first++) {
		begin(&front);
		front.memory[FRONT_MEMORY - 1] = 1;
		for (unsigned i = 0; i < STEPS; i++) {
			int bell = eventfd(0, EFD_CLOEXEC);

			for (uint32_t ring = 0; ring < 2; ring++) {
				int error = 0;

				switch ((first + i) % STEPS) {
				case NUM:
					error = front_send_state(&front, VHOST_SET_VRING_NUM, ring,
					                         FRONT_RING);
					break;
				case BASE:
					error = front_send_state(&front, VHOST_SET_VRING_BASE, ring,
					                         0);
					break;
				case ADDR:
					error = front_send_address(&front, ring);
					break;
				case KICK:
					error = front_send_u64(&front, VHOST_SET_VRING_KICK, ring,
					                       bell);
					break;
				case CALL:
					error = front_send_u64(&front, VHOST_SET_VRING_CALL, ring,
					                       bell);
					break;
				case ENABLE:
					error = front_send_state(&front, VHOST_SET_VRING_ENABLE,
					                         ring, 1);
					break;
				default:
					error = front_send_table(&front, front.memory_fd,
					                         FRONT_MEMORY);
				}
				assert_int_equal(error, 0);
			}
			close(bell);
		}
		assert_int_equal(vhost_device_pairs(front.device), 1);
		end(&front);
	}
}

static void test_rings_outside_memory(void **state)
{
	struct vhost_payload_address address = {.index = 0,
	                                        .desc = FRONT_USER + FRONT_MEMORY - 16,
	                                        .avail = FRONT_USER,
	                                        .used = FRONT_USER + 4096};
	struct front front;

	for (unsigned i = 0; i < 4; i++) {
		begin(&front);
		assert_int_equal(front_send_table(&front, front.memory_fd, FRONT_MEMORY), 0);
		assert_int_equal(front_start_ring(&front, 0), 0);
		address.desc = i == 0 ? FRONT_USER + FRONT_MEMORY - 16 : FRONT_USER;
		address.avail = i == 1 ? UINT64_MAX - 1 : FRONT_USER + 0x4000;
		address.used = i == 2 ? FRONT_USER - 4 : FRONT_USER + 0x8000;
		if (i == 3)
			address.desc++; // not aligned
		int error = front_send(&front, VHOST_SET_VRING_ADDR, 1, &address, sizeof(address),
		                       NULL, 0);

		expect_refusal(&front, error, i == 3 ? -EINVAL : -EFAULT,
		               i == 3 ? "not aligned" : "not in the memory");
		end(&front);
	}
}

// The machine shares a file, and writes to pages of its own.
static void test_private_memory_is_told(void **state)
{
	struct vhost_info info;
	struct front front;

	front_open(&front, 1);
	int untouched = memfd_create("private", MFD_CLOEXEC);

	assert_int_equal(ftruncate(untouched, FRONT_MEMORY), 0);
	front_connect(&front);
	front_agree(&front, FRONT_BIT(32), 0);
	assert_int_equal(front_send_table(&front, untouched, FRONT_MEMORY), 0);
	assert_int_equal(front.complaints, 0);
	assert_int_equal(front_start_ring(&front, 0), 0);
	assert_int_equal(front_start_ring(&front, 1), 0);
	assert_int_equal(front.complaints, 1);
	assert_null(strstr(front.complaint.what, "web"));
	assert_non_null(strstr(front.complaint.what, "private"));
	vhost_device_info(front.device, &info);
	assert_non_null(strstr(info.last_fault, "share=on"));
	// It is a guess, so the machine is left to go on.
	assert_true(info.connected);
	close(untouched);
	front_hang_up(&front);
	front_be_good(&front);
	assert_int_equal(front.complaints, 1);
	front_close(&front);
}

// What the machine was started with no longer fits a port whose MTU was lowered.
static void test_mtu_above_the_ports_is_told(void **state)
{
	uint64_t mtu = 9001;
	struct front front;

	front_open(&front, 1);
	front_connect(&front);
	front_agree(&front, FRONT_BIT(32), FRONT_BIT(3) | FRONT_BIT(4)); // REPLY_ACK, MTU
	assert_int_equal(front_send(&front, VHOST_NET_SET_MTU, 1 | 8, &mtu, sizeof(mtu), NULL, 0),
	                 0);
	assert_int_equal(front.complaints, 1);
	assert_non_null(strstr(front.complaint.what, "an MTU of 9001"));
	front_hang_up(&front);
	front_close(&front);
}

// Whoever is told of a broken ring may be full of such tidings, and may want us to wait for him.
static void test_error_descriptor_holds_nobody(void **state)
{
	int err = eventfd(0, EFD_CLOEXEC);
	struct front front;

	begin(&front);
	front.memory[FRONT_MEMORY - 1] = 1;
	assert_int_equal(front_send_table(&front, front.memory_fd, FRONT_MEMORY), 0);
	assert_int_equal(front_send_u64(&front, VHOST_SET_VRING_ERR, 1, err), 0);
	assert_int_equal(eventfd_write(err, UINT64_MAX - 1), 0);
	assert_int_equal(fcntl(err, F_SETFL, O_RDWR), 0);
	// A ring of 256 in which 257 chains are available.
	front.memory[0x14000 + 2] = 1;
	front.memory[0x14000 + 3] = 1;
	assert_int_equal(front_start_ring(&front, 1), 0);
	struct virtq *queue = atomic_load(&vhost_device_ring(front.device, 1)->queue);
	struct virtq_chain chain;

	assert_non_null(queue);
	assert_int_equal(virtq_take(queue, &chain, 1), 0);
	vhost_device_lost(front.device, 1);
	alarm(STUCK_SECONDS);
	vhost_device_note_alarm(front.device);
	alarm(0);
	assert_null(atomic_load(&vhost_device_ring(front.device, 1)->queue));
	close(err);
	front.fds_before--;
	front.memory[0x14000 + 3] = 0;
	end(&front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fds_that_are_no_memory),
		cmocka_unit_test(test_fds_that_are_no_bells),
		cmocka_unit_test(test_inflight_that_is_none),
		cmocka_unit_test(test_frames_that_are_none),
		cmocka_unit_test(test_half_messages),
		cmocka_unit_test(test_too_many_fds),
		cmocka_unit_test(test_values_out_of_range),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_rings_outside_memory),
		cmocka_unit_test(test_private_memory_is_told),
		cmocka_unit_test(test_mtu_above_the_ports_is_told),
		cmocka_unit_test(test_error_descriptor_holds_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
