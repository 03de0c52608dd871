// SPDX-License-Identifier: BSD-3-Clause
//
// stream_tls: streams over TLS. All that they need of it is in the table below.

#include "base/stream_priv.h"
#include "base/tls.h"

static const struct stream_wire wire = {
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.wants_write = tls_wants_write,
	.has_more = tls_has_more,
	.free = tls_free,
};

struct stream *stream_new_tls(struct event_base *base, int fd, struct tls *tls,
                              const struct stream_ops *ops, void *user)
{
	return stream_new_on(base, fd, tls ? &wire : NULL, tls, ops, user);
}
