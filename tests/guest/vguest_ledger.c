// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_ledger: a ring of bits that moves along with the highest number.
//
// A number beyond the highest clears the bits in between, at most one lap of them, so that a wild number of
// a damaged frame costs no more.

#include "tests/guest/vguest_ledger.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

int vguest_ledger_init(struct vguest_ledger *ledger)
{
	*ledger = (struct vguest_ledger){.seen = calloc(VGUEST_LEDGER / 64, sizeof(uint64_t))};
	return ledger->seen ? 0 : -ENOMEM;
}

void vguest_ledger_fini(struct vguest_ledger *ledger)
{
	free(ledger->seen);
	ledger->seen = NULL;
}

static uint64_t *word_of(struct vguest_ledger *ledger, uint64_t number)
{
	return &ledger->seen[number % VGUEST_LEDGER / 64];
}

void vguest_ledger_enter(struct vguest_ledger *ledger, uint64_t number)
{
	uint64_t bit = UINT64_C(1) << number % 64;

	if (number >= ledger->next) {
		uint64_t from =
			MAX(ledger->next, number < VGUEST_LEDGER ? 0 : number - VGUEST_LEDGER + 1);

		for (uint64_t i = from; i <= number; i++)
			*word_of(ledger, i) &= ~(UINT64_C(1) << i % 64);
		ledger->next = number + 1;
	} else if (ledger->next - number > VGUEST_LEDGER) {
		ledger->reordered++;
		ledger->unique++;
		return;
	} else if (*word_of(ledger, number) & bit) {
		ledger->doubled++;
		return;
	} else {
		ledger->reordered++;
	}
	*word_of(ledger, number) |= bit;
	ledger->unique++;
}
