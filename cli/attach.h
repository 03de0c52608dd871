// SPDX-License-Identifier: BSD-3-Clause
//
// attach: how a virtual machine is told to plug into a port: arguments and configuration of the programs that
// run machines. One thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>

struct fail;

// What there is to know of the port and of the machine that is to have it.
struct attach {
	const char *name;
	const char *socket;
	const char *mac;     // "" when the port has none
	bool weft_listens;   // at the socket; else the machine does
	unsigned pairs;      // of queues the machine is to have
	unsigned port_pairs; // that the port has
	unsigned mtu;        // offered to the guest
	const char *memory;  // of the machine, "1G"
	bool tcg;            // it runs without KVM
};

enum { ATTACH_TEXT = 4096 };

// The words that follow the program's name, each ended by a zero, behind the last an empty one; for libvirt the
// fragments of the domain's XML: the interface, what shares the memory and, if need be, what QEMU is to be told past
// libvirt. -EOPNOTSUPP with a reason when a machine of this kind
// cannot be attached to the port as it is.
typedef int (*attach_fn)(const struct attach *attach, char text[static ATTACH_TEXT],
                         struct fail *fail);

struct attach_kind {
	const char *name; // NULL ends the array
	attach_fn words;
	bool is_xml;
};
extern const struct attach_kind attach_kinds[];

// "1G", "512M": what the programs read as a size of memory.
bool attach_is_memory(const char *text);
