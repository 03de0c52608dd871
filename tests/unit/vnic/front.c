// SPDX-License-Identifier: BSD-3-Clause

#include "tests/unit/vnic/front.h"

#include "base/sock.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

static void nothing(void *user)
{
}

static void announce(void *user, struct mac mac)
{
}

static void complain(void *user, const struct fail *why)
{
	struct front *front = user;

	front->complaint = *why;
	front->complaints++;
}

// Mappings of files in this process, but for the way of a thread to call.
static unsigned count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, " rw-s ") && !strstr(line, "[aio]"))
			count++;
	fclose(file);
	return count;
}

void front_open(struct front *front, unsigned pairs)
{
	const struct vhost_device_config config = {.name = "web",
	                                           .pairs = pairs,
	                                           .mtu = 1500,
	                                           .settle = nothing,
	                                           .changed = nothing,
	                                           .complain = complain,
	                                           .announce = announce,
	                                           .user = front};

	*front = (struct front){.fd = -1};
	assert_int_equal(vhost_device_new(&config, NULL, &front->device, &front->fail), 0);
	front->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(front->memory_fd, FRONT_MEMORY), 0);
	front->memory =
		mmap(NULL, FRONT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, front->memory_fd, 0);
	assert_ptr_not_equal(front->memory, MAP_FAILED);
	front->fds_before = unit_open_fds();
	front->maps_before = count_maps();
}

void front_close(struct front *front)
{
	if (front->fd >= 0)
		front_hang_up(front);
	vhost_device_free(front->device, true);
	munmap(front->memory, FRONT_MEMORY);
	close(front->memory_fd);
}

void front_connect(struct front *front)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(vhost_device_connect(front->device, fds[0], &front->fail), 0);
	front->fd = fds[1];
}

void front_hang_up(struct front *front)
{
	close(front->fd);
	front->fd = -1;
	for (unsigned i = 0; vhost_device_fd(front->device) >= 0 && i < 100; i++)
		vhost_device_receive(front->device, &front->fail);
	assert_int_equal(vhost_device_fd(front->device), -1);
	assert_int_equal(vhost_device_pairs(front->device), 0);
	assert_int_equal(unit_open_fds(), front->fds_before);
	assert_int_equal(count_maps(), front->maps_before);
}

int front_send(struct front *front, uint32_t request, uint32_t flags, const void *payload,
               uint32_t size, const int *fds, unsigned count)
{
	uint32_t header[] = {request, flags, size};
	const struct iovec parts[] = {{header, sizeof(header)}, {(void *)(uintptr_t)payload, size}};
	uint8_t answer[512];
	int error;

	assert_int_equal(sock_send_fds(front->fd, parts, payload ? 2 : 1, fds, count),
	                 sizeof(header) + (payload ? size : 0));
	front->fail = (struct fail){0};
	error = vhost_device_receive(front->device, &front->fail);
	while (recv(front->fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	return error;
}

int front_send_u64(struct front *front, uint32_t request, uint64_t value, int fd)
{
	return front_send(front, request, VHOST_FLAG_VERSION, &value, sizeof(value), &fd, fd >= 0);
}

int front_send_state(struct front *front, uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_payload_state state = {index, num};

	return front_send(front, request, VHOST_FLAG_VERSION, &state, sizeof(state), NULL, 0);
}

int front_send_table(struct front *front, int fd, uint64_t size)
{
	const struct vhost_payload_table table = {
		.count = 1,
		.regions = {{.guest = 0, .size = size, .user = FRONT_USER}},
	};

	return front_send(front, VHOST_SET_MEM_TABLE, VHOST_FLAG_VERSION, &table, 8 + 32, &fd, 1);
}

int front_send_address(struct front *front, uint32_t index)
{
	uint64_t at = FRONT_USER + 0x10000 * (uint64_t)index;
	const struct vhost_payload_address address = {
		.index = index, .desc = at, .avail = at + 0x4000, .used = at + 0x8000};

	return front_send(front, VHOST_SET_VRING_ADDR, VHOST_FLAG_VERSION, &address,
	                  sizeof(address), NULL, 0);
}

int front_start_ring(struct front *front, uint32_t index)
{
	int kick = eventfd(0, EFD_CLOEXEC), call = eventfd(0, EFD_CLOEXEC);
	int error = front_send_state(front, VHOST_SET_VRING_NUM, index, FRONT_RING);

	if (!error)
		error = front_send_state(front, VHOST_SET_VRING_BASE, index, 0);
	if (!error)
		error = front_send_address(front, index);
	if (!error)
		error = front_send_u64(front, VHOST_SET_VRING_KICK, index, kick);
	if (!error)
		error = front_send_u64(front, VHOST_SET_VRING_CALL, index, call);
	if (!error)
		error = front_send_state(front, VHOST_SET_VRING_ENABLE, index, 1);
	close(kick);
	close(call);
	return error;
}

void front_agree(struct front *front, uint64_t features, uint64_t protocol)
{
	assert_int_equal(
		front_send(front, VHOST_GET_FEATURES, VHOST_FLAG_VERSION, NULL, 0, NULL, 0), 0);
	assert_int_equal(front_send_u64(front, VHOST_SET_PROTOCOL_FEATURES, protocol, -1), 0);
	assert_int_equal(front_send(front, VHOST_SET_OWNER, VHOST_FLAG_VERSION, NULL, 0, NULL, 0),
	                 0);
	assert_int_equal(front_send_u64(front, VHOST_SET_FEATURES, features | FRONT_BIT(30), -1),
	                 0);
}

void front_be_good(struct front *front)
{
	front->memory[FRONT_MEMORY - 1] = 1;
	front_connect(front);
	front_agree(front, FRONT_BIT(32), FRONT_BIT(VHOST_PROTOCOL_REPLY_ACK));
	assert_int_equal(front_send_table(front, front->memory_fd, FRONT_MEMORY), 0);
	assert_int_equal(front_start_ring(front, 0), 0);
	assert_int_equal(front_start_ring(front, 1), 0);
	assert_int_equal(vhost_device_pairs(front->device), 1);
	front_hang_up(front);
}
