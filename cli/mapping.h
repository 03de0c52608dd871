// SPDX-License-Identifier: BSD-3-Clause
//
// mapping: a port forward as people write it: OUTSIDE_PORT:GUEST:INSIDE_PORT. One thread.

#pragma once

struct fail;

struct mapping {
	char outside[16], inside[64], inside_port[16]; // `inside` is a guest or an address.
};

// "8080:h2:80"; an IPv6 address stands in brackets: "8080:[fd00::2]:80". -EINVAL.
int mapping_parse(const char *text, struct mapping *ret, struct fail *fail);
