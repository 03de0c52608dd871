// SPDX-License-Identifier: BSD-3-Clause
//
// quiesce: when has every worker let go of what it saw? liburcu's QSBR behind a few calls.
//
// A reader is a thread that registered; it may look at published things between two quiescent
// points, and not at all while it is offline. Readers: the four calls on top, each for itself. Main
// thread: the rest.

#pragma once

typedef void (*quiesce_free_fn)(void *piece);

void quiesce_register(void); // The thread is online from then on.
void quiesce_unregister(void);
void quiesce_offline(void); // Before it sleeps: nobody waits for it.
void quiesce_online(void);
// "I hold nothing of what I saw so far."
void quiesce_point(void);

// Returns once every online reader has passed a quiescent point, and frees what quiesce_free()
// took before the call.
void quiesce_synchronize(void);

// Frees the piece with `release` once no reader can see it: at the end of the next
// quiesce_synchronize(); at once, after waiting, when there is no memory to remember it by.
// => The piece is not published any more.
void quiesce_free(void *piece, quiesce_free_fn release);
