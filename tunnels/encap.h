// SPDX-License-Identifier: BSD-3-Clause
//
// encap: the headers between the underlay's and the inner frame, one table of functions for each kind.
//
// Pure functions of bytes. Any thread.

#pragma once

#include "vnic/drop.h"

#include <stdint.h>

enum { ENCAP_HEADER_MAX = 8, VNI_MAX = 0xffffff };

struct encap {
	const char *kind;  // "vxlan", "geneve", "gre"
	uint16_t udp_port; // the usual one; 0: the kind has no UDP
	uint8_t protocol;  // of IP
	unsigned header;   // bytes that write() puts in front of a frame
	// Writes the header of a frame of the network. => There is room for `header` bytes.
	void (*write)(uint8_t *to, uint32_t vni);
	// Reads what is in front of a frame: *vni and *header (its length here) are set only when it is one. Every
	// byte is checked against len before it is read.
	enum drop_reason (*read)(const uint8_t *bytes, uint32_t len, uint32_t *vni,
	                         unsigned *header);
};

extern const struct encap encap_vxlan, encap_geneve, encap_gre;
