// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_dhcp: guests that say anything to the DHCP server, in any order, while time goes on.
//
// The input is a list of steps: a byte of what to do and who does it, a byte of how many bytes follow,
// and those bytes: the options of a well-formed message, a whole payload, a frame with its offsets, or
// seconds to sleep.

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/service_world.h"

enum { ACTION = 0x03, CLIENT = 0x1c, BROADCAST = 0x20, CIADDR = 0x40 };
enum { OPTIONS, PAYLOAD, FRAME, SLEEP };

// Behind the fixed part stand the given options; a first byte may be the client's own address.
static void say_options(struct service_world *world, uint8_t step, const uint8_t *bytes, size_t len)
{
	uint8_t message[240 + 255] = {1, 1, 6};
	unsigned client = (step & CLIENT) >> 2;

	if (step & CIADDR && len > 0) {
		store_be32(message + 12, 0x0a4d0000 | bytes[0]);
		bytes++;
		len--;
	}
	message[10] = step & BROADCAST ? 0x80 : 0;
	message[28] = 2;
	message[33] = (uint8_t)(0x40 + client);
	store_be32(message + 236, 0x63825363);
	memcpy(message + 240, bytes, len);
	service_world_datagram(world, PUNT_DHCP4, client, false, message, 240 + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct service_world world;

	service_world_open(&world);
	while (size >= 2) {
		uint8_t step = input[0];
		size_t len = MIN((size_t)input[1], size - 2);
		const uint8_t *bytes = input + 2;

		if ((step & ACTION) == OPTIONS)
			say_options(&world, step, bytes, len);
		else if ((step & ACTION) == PAYLOAD)
			service_world_datagram(&world, PUNT_DHCP4, (step & CLIENT) >> 2, false,
			                       bytes, len);
		else if ((step & ACTION) == FRAME)
			service_world_frame(&world, PUNT_DHCP4, bytes, len);
		else
			service_world_sleep(&world, len > 0 ? bytes[0] * 4u : 1);
		input += 2 + len;
		size -= 2 + len;
	}
	service_world_close(&world);
	return 0;
}
