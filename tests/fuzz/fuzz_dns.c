// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_dns: guests that ask anything, resolvers that answer anything, hosts that solicit anything.
//
// The input is a list of steps: a byte of what to do, a byte of how many bytes follow, and those bytes:
// a query, an answer to the latest question that went upstream (its id put right unless told not to),
// a frame with its offsets, or seconds to sleep.

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/service_world.h"

enum { ACTION = 0x07, WRONG_ID = 0x08, ECHO = 0x10, CLIENT = 0xe0 };
enum { QUERY, QUERY6, ANSWER, DNS_FRAME, SOLICIT, SLEEP };

// With ECHO the bytes follow the question as it was asked, as in a real answer.
static void answer(struct service_world *world, uint8_t step, const uint8_t *bytes, size_t len)
{
	uint8_t message[2048 + 255];
	size_t at = 0;

	if (step & ECHO) {
		memcpy(message, world->query, world->query_len);
		at = world->query_len;
		if (at > 2)
			message[2] |= 0x80;
	}
	memcpy(message + at, bytes, len);
	at += len;
	if (at >= 2 && world->query_len >= 2 && !(step & WRONG_ID))
		memcpy(message, world->query, 2);
	service_upstream_answer(world->service, world->token, message, at, world->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct service_world world;

	service_world_open(&world);
	while (size >= 2) {
		uint8_t step = input[0];
		size_t len = MIN((size_t)input[1], size - 2);
		const uint8_t *bytes = input + 2;
		unsigned action = step & ACTION;

		if (action == QUERY || action == QUERY6)
			service_world_datagram(&world, PUNT_DNS, (step & CLIENT) >> 5,
			                       action == QUERY6, bytes, len);
		else if (action == ANSWER)
			answer(&world, step, bytes, len);
		else if (action == DNS_FRAME || action == SOLICIT)
			service_world_frame(&world,
			                    action == SOLICIT ? PUNT_ROUTER_SOLICIT : PUNT_DNS,
			                    bytes, len);
		else
			service_world_sleep(&world, len > 0 ? bytes[0] : 1);
		input += 2 + len;
		size -= 2 + len;
	}
	service_world_close(&world);
	return 0;
}
