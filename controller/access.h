// SPDX-License-Identifier: BSD-3-Clause
//
// access: which hosts on other machines may come in: it enrols and revokes them, judges what they show at the
// gate, and tells of those that were turned away. Main thread.

#pragma once

#include "controller/record.h"
#include "controller/refusal.h"
#include "controller/store.h"

#include <stdbool.h>
#include <stdint.h>

struct access;
struct model;
struct event_base;
struct store;
struct tls;

struct access_env {
	void *user;
	struct event_base *base;
	struct store *store;
	const char *state_dir;
	const char *listen; // "ADDRESS:PORT"; NULL: nobody can come in.
	const char *plain;  // "HOST@ADDRESS:PORT" on this machine, without TLS; or NULL.
	// Whether hosts of this name are let in at all.
	bool (*knows)(void *user, const char *host);
	// It has come in; descriptor and tls change hands.
	void (*arrived)(void *user, const char *host, int fd, struct tls *tls, const char *from);
	// It may not be here any more.
	void (*cut)(void *user, const char *host, const char *why);
	void (*told)(void *user, const char *type, const char *object, const char *text);
};

int access_open(const struct access_env *env, struct access **ret, struct fail *fail);
void access_close(struct access *access); // NULL is fine.

const char *access_address(const struct access *access); // Where hosts come in; NULL: nowhere.

// A bundle for the host, to be freed; records what was signed. NULL with the refusal. The address is
// where the host finds us; NULL: where we listen.
char *access_enrol(struct access *access, const char *host, int64_t valid_seconds,
                   const char *address, struct certificate_row *ret, struct refusal *refusal);

// Nothing that was signed for the host until now holds any more, and if it is here it goes. How many that
// were.
int access_revoke(struct access *access, const char *host, unsigned *ret, struct fail *fail);

// Refuses the open batch where something in it needs a host of another machine that is not in, and that cannot come
// in as its certificate is: 0 or -EKEYREJECTED with the object and the reason. `is_in` tells whether a host is.
int access_check_need(const struct access *access, const struct model *model,
                      bool (*is_in)(void *user, const char *host), void *user,
                      struct refusal *refusal);

// Adds to the host's record what is known of its certificate, and why it was turned away.
void access_describe(const struct access *access, const char *host, Weft__Record *record);
