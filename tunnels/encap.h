// SPDX-License-Identifier: BSD-3-Clause
//
// encap: the headers between the underlay's and the inner frame, one table of functions for each kind.
//
// Pure functions of bytes. Any thread.

#pragma once

#include "vnic/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENCAP_HEADER_MAX = 8, ENCAP_OPTIONS_MAX = 252, VNI_MAX = 0xffffff };

// What every frame of a Geneve tunnel carries behind its header, as RFC 8926, section 3.5 lays it out. All zero: none,
// as other kinds have.
struct encap_options {
	unsigned len; // bytes, a multiple of four
	bool critical;
	uint8_t bytes[ENCAP_OPTIONS_MAX];
};

struct encap {
	const char *kind;  // "vxlan", "geneve", "gre"
	uint16_t udp_port; // the usual one; 0: the kind has no UDP
	uint8_t protocol;  // of IP
	unsigned header;   // bytes that write() puts in front of a frame
	// Writes the header of a frame of the network that `own` options follow; those are the caller's to put behind it.
	// => There is room for `header` bytes.
	void (*write)(uint8_t *to, uint32_t vni, const struct encap_options *own);
	// Reads what is in front of a frame: *vni and *header (its length here) are set only when it is one. Every
	// byte is checked against len before it is read. Options of the classes and types of `own` are known.
	enum drop_reason (*read)(const uint8_t *bytes, uint32_t len,
	                         const struct encap_options *own, uint32_t *vni, unsigned *header);
};

extern const struct encap encap_vxlan, encap_geneve, encap_gre;

// Takes Geneve options one behind the other. -E2BIG: beyond ENCAP_OPTIONS_MAX bytes; -EINVAL: the option that begins at
// byte *at is cut off, or has reserved bits set; -EEXIST: its class and type were there before.
int geneve_options_set(struct encap_options *ret, const uint8_t *bytes, size_t len, unsigned *at);
