// SPDX-License-Identifier: BSD-3-Clause
//
// guest_ring: a driver with no sense of its own: it puts where it is told and forgets what it put.

#include "tests/unit/vnic/guest_ring.h"

#include "base/bytes.h"
#include "tests/unit/unit.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum {
	GUEST_AT = 0x40000000, // guest physical address of the memory
	DESC = 0,
	AVAIL = 16 * GUEST_RING_SIZE,
	USED = AVAIL + 4096,
	LOG_BYTES = (GUEST_AT + GUEST_RING_MEMORY) / 4096 / 8,
};

static void ring_open(struct guest_ring *ring, bool writable, struct dirty_log *log)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	const struct vhost_region_claim claim = {
		.guest = GUEST_AT, .size = GUEST_RING_MEMORY, .user = 0x1000};
	struct fail fail = {0};

	memset(ring, 0, sizeof(*ring));
	assert_int_equal(ftruncate(fd, GUEST_RING_MEMORY), 0);
	if (vhost_memory_new(&claim, &fd, 1, NULL, &ring->memory, &fail) < 0)
		fail_msg("%s", fail.what);
	ring->base = mmap(NULL, GUEST_RING_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(ring->base, MAP_FAILED);
	close(fd);
	ring->call_fd = eventfd(0, EFD_NONBLOCK);
	ring->writable = writable;
	ring->next_byte = GUEST_RING_BYTES;
	ring->ring.bell_fd = epoll_create1(EPOLL_CLOEXEC);

	struct virtq_config config = {
		.size = GUEST_RING_SIZE,
		.indirect = true,
		.writable = writable,
		.memory = ring->memory,
		.call_fd = ring->call_fd,
		.log = log,
	};
	uint8_t *ours = vhost_memory_at_user(ring->memory, 0x1000, GUEST_RING_MEMORY);

	config.desc = ours + DESC;
	config.avail = ours + AVAIL;
	config.used = ours + USED;
	struct virtq *queue = virtq_open(&config, &fail);

	if (!queue)
		fail_msg("%s", fail.what);
	atomic_store(&ring->ring.queue, queue);
}

static void ring_close(struct guest_ring *ring)
{
	virtq_close(atomic_load(&ring->ring.queue));
	vhost_memory_free(ring->memory);
	munmap(ring->base, GUEST_RING_MEMORY);
	close(ring->call_fd);
	close(ring->ring.bell_fd);
}

void guest_device_open(struct guest_device *device, uint32_t offloads, bool mergeable, bool logged)
{
	memset(device, 0, sizeof(*device));
	device->terms = (struct vhost_terms){
		.header_len = 12, .offloads = offloads, .mergeable = mergeable};
	device->log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(device->log_fd, LOG_BYTES), 0);
	if (logged)
		assert_int_equal(
			dirty_log_open(device->log_fd, 0, LOG_BYTES, &device->terms.log, NULL), 0);
	ring_open(&device->sends, false, device->terms.log);
	ring_open(&device->receives, true, device->terms.log);
}

void guest_device_close(struct guest_device *device)
{
	ring_close(&device->sends);
	ring_close(&device->receives);
	dirty_log_close(device->terms.log);
	close(device->log_fd);
}

static uint8_t *desc_at(const struct guest_ring *ring, uint32_t index)
{
	return ring->base + DESC + 16 * (size_t)(index % GUEST_RING_SIZE);
}

uint16_t guest_ring_put(struct guest_ring *ring, const uint32_t *lens, unsigned count,
                        const void *bytes, size_t len)
{
	uint16_t head = (uint16_t)(ring->next_desc % GUEST_RING_SIZE);
	const uint8_t *from = bytes;

	for (unsigned i = 0; i < count; i++) {
		uint8_t *desc = desc_at(ring, ring->next_desc++);
		size_t part = MIN(lens[i], len);

		// Every other piece starts at an odd place.
		ring->next_byte += 13;
		if (ring->next_byte + lens[i] > GUEST_RING_MEMORY)
			ring->next_byte = GUEST_RING_BYTES;
		store_le64(desc, GUEST_AT + (uint64_t)ring->next_byte);
		store_le32(desc + 8, lens[i]);
		store_le16(desc + 12, (uint16_t)((i + 1 < count) | ring->writable << 1));
		store_le16(desc + 14, (uint16_t)(ring->next_desc % GUEST_RING_SIZE));
		if (from) {
			memcpy(ring->base + ring->next_byte, from, part);
			from += part;
			len -= part;
		}
		ring->next_byte += lens[i];
	}
	store_le16(ring->base + AVAIL + 4 + 2 * (size_t)(ring->available % GUEST_RING_SIZE), head);
	atomic_thread_fence(memory_order_seq_cst);
	store_le16(ring->base + AVAIL + 2, ++ring->available);
	return head;
}

bool guest_ring_take(struct guest_ring *ring, uint32_t *ret_head, uint32_t *ret_written)
{
	const uint8_t *entry = ring->base + USED + 4 + 8 * (size_t)(ring->seen % GUEST_RING_SIZE);

	if (load_le16(ring->base + USED + 2) == ring->seen)
		return false;
	*ret_head = load_le32(entry);
	*ret_written = load_le32(entry + 4);
	ring->seen++;
	return true;
}

void guest_ring_read(const struct guest_ring *ring, uint32_t head, void *to, size_t len)
{
	uint8_t *out = to;

	for (const uint8_t *desc = desc_at(ring, head); len;
	     desc = desc_at(ring, load_le16(desc + 14))) {
		size_t part = MIN(load_le32(desc + 8), len);

		memcpy(out, ring->base + (load_le64(desc) - GUEST_AT), part);
		out += part;
		len -= part;
		assert_true(len == 0 || load_le16(desc + 12) & 1);
	}
}

unsigned guest_ring_calls(struct guest_ring *ring)
{
	eventfd_t calls = 0;

	return eventfd_read(ring->call_fd, &calls) < 0 ? 0 : (unsigned)calls;
}

bool guest_device_is_logged(const struct guest_device *device, uint32_t head, uint32_t at)
{
	const struct guest_ring *ring = &device->receives;
	const uint8_t *desc = desc_at(ring, head);
	uint64_t page;
	uint8_t bits;

	for (; at >= load_le32(desc + 8); desc = desc_at(ring, load_le16(desc + 14)))
		at -= load_le32(desc + 8);
	page = (load_le64(desc) + at) / 4096;
	assert_int_equal(pread(device->log_fd, &bits, 1, (off_t)(page / 8)), 1);
	return bits >> page % 8 & 1;
}

// What vhost_rx and vhost_tx see of a device.

struct vhost_ring *vhost_device_ring(struct vhost_device *device, unsigned index)
{
	struct guest_device *guest = (struct guest_device *)(void *)device;

	return index % 2 ? &guest->sends.ring : &guest->receives.ring;
}

const struct vhost_terms *vhost_device_terms(const struct vhost_device *device)
{
	return &((const struct guest_device *)(const void *)device)->terms;
}

void vhost_device_lost(struct vhost_device *device, unsigned ring)
{
	((struct guest_device *)(void *)device)->lost++;
}
