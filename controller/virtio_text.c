// SPDX-License-Identifier: BSD-3-Clause
//
// virtio_text: the names are those of QEMU's properties, so that what a person reads is what he can switch
// off.

#include "controller/virtio_text.h"

#include <stdio.h>

enum { FEATURE_BITS = 64 };

static const char *const names[FEATURE_BITS] = {
	[0] = "csum",
	[1] = "guest_csum",
	[2] = "ctrl_guest_offloads",
	[3] = "host_mtu",
	[5] = "mac",
	[7] = "guest_tso4",
	[8] = "guest_tso6",
	[9] = "guest_ecn",
	[10] = "guest_ufo",
	[11] = "host_tso4",
	[12] = "host_tso6",
	[13] = "host_ecn",
	[14] = "host_ufo",
	[15] = "mrg_rxbuf",
	[16] = "status",
	[17] = "ctrl_vq",
	[18] = "ctrl_rx",
	[19] = "ctrl_vlan",
	[21] = "guest_announce",
	[22] = "mq",
	[23] = "ctrl_mac_addr",
	[24] = "notify_on_empty",
	[26] = "log_all",
	[27] = "any_layout",
	[28] = "indirect_desc",
	[29] = "event_idx",
	[30] = "protocol_features",
	[32] = "version_1",
	[33] = "iommu_platform",
	[34] = "packed",
	[35] = "in_order",
	[36] = "order_platform",
	[38] = "notification_data",
	[40] = "ring_reset",
	[54] = "guest_uso4",
	[55] = "guest_uso6",
	[56] = "host_uso",
	[57] = "hash_report",
	[59] = "guest_hdrlen",
	[60] = "rss",
	[62] = "standby",
	[63] = "speed_duplex",
};

const char *virtio_text_next(uint64_t features, unsigned *bit, char buf[static 16])
{
	for (; *bit < FEATURE_BITS; ++*bit) {
		unsigned found = *bit;

		if (!(features >> found & 1))
			continue;
		++*bit;
		if (names[found])
			return names[found];
		snprintf(buf, 16, "bit-%u", found);
		return buf;
	}
	return NULL;
}
