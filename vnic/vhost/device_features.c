// SPDX-License-Identifier: BSD-3-Clause
//
// device_features: what the device offers, what came of it, and what that means for the workers.
//
// A front end keeps what its guest agreed to while we are away, so what is offered depends on the
// configuration alone, and never shrinks from one version to the next. The offer holds no control queue:
// front ends keep that to themselves, and only tell the result (rings enabled, MTU). User-Mode Linux has
// no such thing in between and hands every bit on to its guest, whose driver refuses a device that has many
// queues, or something to announce, and no control queue; and it has no configuration for the guest but ours,
// so the MAC address is offered there. It is known by beginning with SET_OWNER, where QEMU asks first; others
// that do so as well lack nothing on a port with one pair of queues.

#include "vnic/vhost/device_priv.h"

#include "base/bytes.h"
#include "vnic/port.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define BIT(number) (UINT64_C(1) << (number))

// Linux 6.2 and later; the headers of the reference system are older.
enum { NET_F_GUEST_USO4 = 54, NET_F_GUEST_USO6 = 55, NET_F_HOST_USO = 56 };

#define OFFLOADS                                                                               \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | \
	 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) | BIT(NET_F_HOST_USO) |      \
	 BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |                         \
	 BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(NET_F_GUEST_USO4) | BIT(NET_F_GUEST_USO6))

#define RING_FEATURES                                                                         \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |       \
	 BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |                        \
	 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(DEVICE_F_LOG_ALL) | \
	 BIT(DEVICE_F_PROTOCOL))

// Between the front end and its guest; some pass them on, and they change nothing here.
#define NOT_OURS                                                                        \
	(BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_CTRL_VQ) | \
	 BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) |                      \
	 BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |            \
	 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT(VIRTIO_NET_F_STANDBY) |            \
	 BIT(VIRTIO_NET_F_SPEED_DUPLEX))

uint64_t device_offered(const struct vhost_device *device)
{
	uint64_t features = RING_FEATURES | BIT(VIRTIO_NET_F_MTU);

	if (!device->config.offload_off)
		features |= OFFLOADS;
	if (!device_state(device)->plain)
		features |= BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);
	else if (!mac_is_zero(device->config.mac))
		features |= BIT(VIRTIO_NET_F_MAC);
	return features;
}

uint64_t device_offered_protocol(const struct vhost_device *device)
{
	uint64_t features = BIT(VHOST_PROTOCOL_MQ) | BIT(VHOST_PROTOCOL_LOG_SHMFD) |
	                    BIT(VHOST_PROTOCOL_RARP) | BIT(VHOST_PROTOCOL_REPLY_ACK) |
	                    BIT(VHOST_PROTOCOL_MTU) | BIT(VHOST_PROTOCOL_BACKEND_REQ) |
	                    BIT(VHOST_PROTOCOL_INFLIGHT_SHMFD) | BIT(VHOST_PROTOCOL_RESET_DEVICE) |
	                    BIT(VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS) | BIT(VHOST_PROTOCOL_STATUS);

	// QEMU warns about this one, which it does not use for a NIC.
	return device_state(device)->plain ? features | BIT(VHOST_PROTOCOL_CONFIG) : features;
}

void device_make_terms(struct vhost_device *device)
{
	static const struct {
		uint64_t features; // all of them
		enum port_offload offload;
	} table[] = {
		{BIT(VIRTIO_NET_F_GUEST_CSUM), PORT_TX_CSUM},
		{BIT(VIRTIO_NET_F_GUEST_TSO4), PORT_TX_TSO4},
		{BIT(VIRTIO_NET_F_GUEST_TSO6), PORT_TX_TSO6},
		{BIT(NET_F_GUEST_USO4) | BIT(NET_F_GUEST_USO6), PORT_TX_USO},
	};
	uint64_t features = device_state(device)->features;
	bool mergeable = features & BIT(VIRTIO_NET_F_MRG_RXBUF);
	bool logged = features & BIT(DEVICE_F_LOG_ALL);
	uint32_t offloads = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		if ((features & table[i].features) == table[i].features)
			offloads |= table[i].offload;

	// The count of buffers is part of the header of every modern device, and of mergeable old ones.
	bool has_count = mergeable || features & BIT(VIRTIO_F_VERSION_1);

	device->terms = (struct vhost_terms){
		.features = features,
		.header_len = has_count ? sizeof(struct virtio_net_hdr_mrg_rxbuf)
	                                : sizeof(struct virtio_net_hdr),
		.offloads = offloads,
		.mergeable = mergeable,
		.log = logged ? device->log : NULL,
	};
}

int device_agree(struct vhost_device *device, uint64_t features, struct fail *fail)
{
	uint64_t unknown = features & ~(device_offered(device) | NOT_OURS);
	struct vhost_state *state = device_state(device);

	if (unknown) {
		fail_set(fail, -EOPNOTSUPP,
		         "the front end wants virtio features that were not offered: 0x%llx",
		         (unsigned long long)unknown);
		fail_hint(fail, "a guest that was started with a port of other settings keeps them "
		                "until it is restarted");
		return -EOPNOTSUPP;
	}
	features &= ~NOT_OURS;
	// Each pair of queues of one guest tells them again.
	if (features == state->features)
		return 0;
	device_withdraw(device, device_all_rings(device));
	state->features = features;
	device_make_terms(device);
	device->differs = true;
	return device_offer(device, fail);
}

int device_get_config(const struct vhost_device *device, struct vhost_payload_config *config,
                      struct fail *fail)
{
	struct virtio_net_config net = {
		.status = htole16(VIRTIO_NET_S_LINK_UP),
		.max_virtqueue_pairs = htole16((uint16_t)device->config.pairs),
		.mtu = htole16((uint16_t)device->config.mtu),
	};

	if (config->size > sizeof(config->bytes) ||
	    config->offset > sizeof(config->bytes) - config->size)
		return fail_set(fail, -EINVAL,
		                "the front end asks for %u bytes of configuration at %u",
		                config->size, config->offset);
	memcpy(net.mac, device->config.mac.b, sizeof(net.mac));
	memset(config->bytes, 0, sizeof(config->bytes));
	if (config->offset < sizeof(net))
		memcpy(config->bytes, (const uint8_t *)&net + config->offset,
		       MIN((size_t)config->size, sizeof(net) - config->offset));
	return 0;
}
