// SPDX-License-Identifier: BSD-3-Clause
//
// kit: intents from one line of text, for tests: "net lan mode=nat subnet=10.0.0.0/24 dhcp=1".

#pragma once

#include "controller/derive.h"
#include "controller/model.h"

#include "tests/unit/unit.h"

extern const struct instance kit_instance;

// => Free with weft__intent__free_unpacked().
Weft__Intent *kit_message(const char *line);
struct intent *kit_intent(const char *line);

// A batch of lines, ended by NULL; a line that begins with "-" removes: "-net lan". The batch stays
// open for the caller when it was settled; 0 or what refused it.
int kit_batch(struct model *model, struct refusal *refusal, ...);

// One line that must be accepted.
void kit_put(struct model *model, const char *line);
// One line that must be refused so; the sentence must hold the words, and the model stay as it is.
void kit_refused(struct model *model, const char *line, int code, const char *field,
                 const char *words);

// "kind count" for each kind that there is, in the order of kinds, as "bridge=1 port=2".
const char *kit_counts(const struct desired *desired, char *buf, size_t size);

// The object of this kind and user's name, decoded; NULL when there is none. => Free it.
Weft__Object *kit_object(const struct desired *desired, Weft__Kind kind, const char *name);
