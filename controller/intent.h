// SPDX-License-Identifier: BSD-3-Clause
//
// intent: one thing the user wants, as a message that is never changed once made. Main thread.

#pragma once

#include "controller/noun.h"
#include "controller/refusal.h"
#include "proto/model.pb-c.h"

#include <stddef.h>
#include <stdint.h>

struct intent {
	enum noun noun;
	char key[KEY_SIZE];
	const char *name;  // Within msg.
	Weft__Intent *msg; // Owned.
	uint8_t *packed;   // The same, as it is stored; owned.
	size_t len;
};

// Copies. NULL with errno: EINVAL when there is no body.
struct intent *intent_new(const Weft__Intent *msg);
// From the store. NULL with errno: EBADMSG when the bytes are not an intent.
struct intent *intent_from_packed(const void *packed, size_t len);
void intent_free(struct intent *intent); // NULL is fine.

// What the old intent becomes: fields present in the change replace, those named in clear are
// forgotten, the rest stays. => The nouns are equal; free with weft__intent__free_unpacked().
int intent_merge(const struct intent *old, const Weft__Intent *change, char *const *clear,
                 size_t clear_count, Weft__Intent **ret, struct refusal *refusal);
