// SPDX-License-Identifier: BSD-3-Clause
//
// A device and its front end: what is agreed upon, and what is answered.

#include "base/sock.h"
#include "tests/unit/unit.h"
#include "vnic/vhost/device.h"
#include "vnic/vhost/message.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BIT(number) (UINT64_C(1) << (number))

struct front {
	struct vhost_device *device;
	struct fail fail;
	int fd;
	unsigned fds_before;
};

static void nothing(void *user)
{
}

static void announce(void *user, struct mac mac)
{
}

static void set_up(struct front *front)
{
	const struct vhost_device_config config = {.name = "web",
	                                           .pairs = 1,
	                                           .mac = {{2, 0, 0, 0, 0, 7}},
	                                           .mtu = 1500,
	                                           .settle = nothing,
	                                           .changed = nothing,
	                                           .announce = announce};
	int fds[2];

	*front = (struct front){.fds_before = unit_open_fds()};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(vhost_device_new(&config, NULL, &front->device, &front->fail), 0);
	assert_int_equal(vhost_device_connect(front->device, fds[0], &front->fail), 0);
	front->fd = fds[1];
}

static void tear_down(struct front *front)
{
	vhost_device_free(front->device, true);
	close(front->fd);
	assert_int_equal(unit_open_fds(), front->fds_before);
}

// Sends a request; returns the bytes of the answer, 0: there was none.
static size_t ask(struct front *front, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, uint64_t *answer)
{
	uint32_t header[] = {request, flags, size};
	uint32_t back[5];
	ssize_t got;

	assert_int_equal(write(front->fd, header, sizeof(header)), sizeof(header));
	if (size)
		assert_int_equal(write(front->fd, payload, size), size);
	assert_int_equal(vhost_device_receive(front->device, &front->fail), 0);
	got = read(front->fd, back, sizeof(back));
	if (got < 0)
		return 0;
	assert_int_equal(back[0], request);
	assert_int_equal(back[1], 5);
	memcpy(answer, back + 3, sizeof(*answer));
	return (size_t)got;
}

static void test_offer_depends_on_who_begins(void **state)
{
	const uint64_t queues = BIT(22) | BIT(21), mac = BIT(5);
	struct front front;
	uint64_t answer;

	set_up(&front); // as QEMU does
	assert_int_equal(ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer), 20);
	assert_int_equal(answer & queues, queues);
	assert_int_equal(ask(&front, VHOST_SET_OWNER, 1, NULL, 0, &answer), 0);
	assert_int_equal(ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer), 20);
	assert_int_equal(answer & (queues | mac), queues);
	tear_down(&front);

	set_up(&front); // as User-Mode Linux does
	assert_int_equal(ask(&front, VHOST_SET_OWNER, 1, NULL, 0, &answer), 0);
	assert_int_equal(ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer), 20);
	assert_int_equal(answer & (queues | mac), mac);
	tear_down(&front);
}

static void test_configuration_tells_the_mac(void **state)
{
	const uint64_t protocol = BIT(VHOST_PROTOCOL_CONFIG);
	const uint32_t want[] = {0, 6, 0, 0, 0};
	// Behind what ask() reads.
	struct {
		uint32_t flags;
		uint8_t mac[6];
	} rest = {.flags = 1};
	struct front front;
	uint64_t answer;

	set_up(&front);
	ask(&front, VHOST_SET_OWNER, 1, NULL, 0, &answer);
	ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer);
	ask(&front, VHOST_SET_PROTOCOL_FEATURES, 1, &protocol, 8, &answer);
	assert_int_equal(ask(&front, VHOST_GET_CONFIG, 1, want, 18, &answer), 20);
	assert_int_equal(answer >> 32, 6);
	assert_int_equal(read(front.fd, &rest, sizeof(rest)), 10);
	assert_int_equal(rest.flags, 0);
	assert_memory_equal(rest.mac, ((uint8_t[]){2, 0, 0, 0, 0, 7}), 6);
	tear_down(&front);
}

static void test_agreement_is_acknowledged(void **state)
{
	const uint64_t protocol = BIT(VHOST_PROTOCOL_REPLY_ACK);
	struct front front;
	uint64_t answer = 1;

	set_up(&front);
	assert_int_equal(ask(&front, VHOST_SET_OWNER, 9, NULL, 0, &answer), 0);
	assert_int_equal(ask(&front, VHOST_SET_PROTOCOL_FEATURES, 9, &protocol, 8, &answer), 20);
	assert_int_equal(answer, 0);
	tear_down(&front);
}

static void test_reset_keeps_the_base(void **state)
{
	const uint64_t protocol = BIT(VHOST_PROTOCOL_STATUS), zero = 0;
	const uint32_t base[] = {1, 77};
	struct front front;
	uint64_t answer;

	set_up(&front);
	ask(&front, VHOST_SET_PROTOCOL_FEATURES, 1, &protocol, 8, &answer);
	ask(&front, VHOST_SET_VRING_BASE, 1, base, 8, &answer);
	ask(&front, VHOST_SET_STATUS, 1, &zero, 8, &answer);
	assert_int_equal(ask(&front, VHOST_GET_VRING_BASE, 1, base, 8, &answer), 20);
	assert_int_equal(answer >> 32, 77);
	tear_down(&front);
}

// Tells of a region, or takes one away (fd -1), as QEMU does: with a wish for an answer.
static uint64_t tell_region(struct front *front, uint32_t request, uint64_t guest, int fd)
{
	const struct vhost_payload_slot slot = {
		.region = {.guest = guest, .size = 65536, .user = guest + 0x100000}};
	const uint32_t header[] = {request, 9, sizeof(slot)};
	const struct iovec iov[] = {{(void *)header, sizeof(header)},
	                            {(void *)&slot, sizeof(slot)}};
	uint32_t back[5];
	uint64_t answer;

	assert_int_equal(sock_send_fds(front->fd, iov, 2, &fd, fd >= 0),
	                 sizeof(header) + sizeof(slot));
	assert_int_equal(vhost_device_receive(front->device, &front->fail), 0);
	assert_int_equal(read(front->fd, back, sizeof(back)), sizeof(back));
	memcpy(&answer, back + 3, sizeof(answer));
	return answer;
}

static unsigned regions(const struct front *front)
{
	struct vhost_info info;

	vhost_device_info(front->device, &info);
	return info.regions;
}

// QEMU 7.2 says everything about memory once for each pair of queues.
static void test_a_region_is_told_once_for_each_pair(void **state)
{
	const uint64_t protocol =
		BIT(VHOST_PROTOCOL_REPLY_ACK) | BIT(VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS);
	int file = memfd_create("guest", 0), other = memfd_create("other", 0);
	struct front front;
	uint64_t answer;

	assert_int_equal(ftruncate(file, 65536), 0);
	assert_int_equal(ftruncate(other, 65536), 0);
	set_up(&front);
	ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer);
	ask(&front, VHOST_SET_PROTOCOL_FEATURES, 1, &protocol, 8, &answer);
	for (unsigned pair = 0; pair < 2; pair++) {
		assert_int_equal(tell_region(&front, VHOST_ADD_MEM_REG, 0, file), 0);
		assert_int_equal(regions(&front), 1);
	}
	assert_int_equal(tell_region(&front, VHOST_ADD_MEM_REG, 65536, other), 0);
	assert_int_equal(regions(&front), 2);
	for (unsigned pair = 0; pair < 2; pair++) {
		assert_int_equal(tell_region(&front, VHOST_REM_MEM_REG, 0, -1), 0);
		assert_int_equal(regions(&front), 1);
	}
	tear_down(&front);
	close(file);
	close(other);
}

// Other memory at the place of a region that is there is a mistake.
static void test_a_region_is_not_replaced_by_another_file(void **state)
{
	const uint64_t protocol = BIT(VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS);
	const struct vhost_payload_slot slot = {.region = {.size = 65536, .user = 0x100000}};
	const uint32_t header[] = {VHOST_ADD_MEM_REG, 1, sizeof(slot)};
	const struct iovec iov[] = {{(void *)header, sizeof(header)},
	                            {(void *)&slot, sizeof(slot)}};
	struct front front;
	uint64_t answer;

	set_up(&front);
	ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer);
	ask(&front, VHOST_SET_PROTOCOL_FEATURES, 1, &protocol, 8, &answer);
	for (unsigned i = 0; i < 2; i++) {
		int file = memfd_create("guest", 0);

		assert_int_equal(ftruncate(file, 65536), 0);
		assert_int_equal(sock_send_fds(front.fd, iov, 2, &file, 1),
		                 sizeof(header) + sizeof(slot));
		close(file);
		assert_int_equal(vhost_device_receive(front.device, &front.fail), i ? -EINVAL : 0);
	}
	assert_non_null(strstr(front.fail.what, "overlaps another"));
	tear_down(&front);
}

// What ring 0 begins at after the front end said 0, with such features.
static uint64_t position_for_zero(bool is_uml, uint64_t features)
{
	const uint32_t base[] = {0, 0};
	struct front front;
	uint64_t answer;

	set_up(&front);
	if (is_uml)
		ask(&front, VHOST_SET_OWNER, 1, NULL, 0, &answer);
	ask(&front, VHOST_GET_FEATURES, 1, NULL, 0, &answer);
	ask(&front, VHOST_SET_FEATURES, 1, &features, 8, &answer);
	ask(&front, VHOST_SET_VRING_BASE, 1, base, 8, &answer);
	assert_int_equal(ask(&front, VHOST_GET_VRING_BASE, 1, base, 8, &answer), 20);
	tear_down(&front);
	return answer >> 32;
}

static void test_uml_begins_packed_rings_at_zero(void **state)
{
	const uint64_t split = BIT(30) | BIT(32), packed = split | BIT(34);

	assert_int_equal(position_for_zero(true, packed), 1 << 15);
	assert_int_equal(position_for_zero(true, split), 0);
	// To others it means that the first lap is over.
	assert_int_equal(position_for_zero(false, packed), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer_depends_on_who_begins),
		cmocka_unit_test(test_agreement_is_acknowledged),
		cmocka_unit_test(test_configuration_tells_the_mac),
		cmocka_unit_test(test_reset_keeps_the_base),
		cmocka_unit_test(test_a_region_is_told_once_for_each_pair),
		cmocka_unit_test(test_a_region_is_not_replaced_by_another_file),
		cmocka_unit_test(test_uml_begins_packed_rings_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
