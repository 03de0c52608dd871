// SPDX-License-Identifier: BSD-3-Clause
//
// agent_object: one object of the controller as the datapath holds it: packed, decoded, linked.
//
// Immutable once made. Main thread only.

#pragma once

#include "datapath/agent_apply.h"
#include "datapath/agent_arena.h"
#include "datapath/agent_store.h"
#include "proto/objects.pb-c.h"

#include <stddef.h>
#include <stdint.h>

enum { OBJECT_BYTES_MAX = 64 << 10, OBJECT_LINKS_MAX = 160 };

struct agent_object {
	Weft__Kind kind;
	uint64_t id;
	uint64_t hash;                                   // proto/digest.h
	struct agent_object *bucket_next, **bucket_back; // in its bucket, while it is held
	Weft__Object *message;                           // decoded, in the arena
	struct agent_arena arena;
	struct nat_count *begun; // of NAT rules and port forwards: shared with the version before
	struct impair_setting
		*impair; // of impairments; owned, but shares frames with the version before
	struct agent_link *links; // to what it refers to, claims and is listed under; owned
	unsigned link_count;
	size_t len;
	uint8_t packed[];
};

// Decodes the op's bytes, checks every field that can be judged alone, and makes the links (their nodes
// too). The held object (or NULL) is what a patch is laid over. On failure fills code, field and
// sentence of the result.
int agent_object_new(struct agent_store *store, const struct apply_op *op,
                     const struct agent_object *held, struct agent_object **ret,
                     struct apply_result *result);
// => No node holds it. NULL is fine.
void agent_object_free(struct agent_object *object);
// Makes links; for agent_object_new. 0 or -ENOMEM.
int agent_object_link(struct agent_store *store, struct agent_object *object);

// The key that a port with this interface claims; `netns` may be NULL.
struct agent_key agent_link_key(const char *ifname, const char *netns);

// The UDP port of a tunnel, its default filled in; 0: it has none.
uint16_t agent_tunnel_udp_port(const Weft__Tunnel *tunnel);
// The tunnel by which the peer's second address is reached.
uint64_t agent_backup_tunnel(const Weft__TunnelPeer *peer);

// "port/h1" as the controller named it, else "port 17".
enum { OBJECT_NAME = 80 };
const char *agent_object_name(const struct agent_object *object, char buf[static OBJECT_NAME]);
const char *agent_kind_name(uint32_t kind);
// Kinds have gaps between their numbers.
bool agent_kind_is_known(uint32_t kind);

// Fills the result: code, field, and the sentence behind the object's name. Returns the code.
int agent_object_refuse(const struct agent_object *object, struct apply_result *result, int code,
                        const char *field, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

// Plain values out of message fields; -EINVAL when the length is not theirs or, for a prefix, bits are
// asked for that the family does not have. An IPv4 address mapped into IPv6 is refused.
int agent_ip(const ProtobufCBinaryData *bytes, struct ip_addr *ret);
int agent_mac(const ProtobufCBinaryData *bytes, struct mac *ret);
int agent_prefix(const Weft__Prefix *prefix, struct ip_prefix *ret);
