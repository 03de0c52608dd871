// SPDX-License-Identifier: BSD-3-Clause
//
// agent_object: decodes one object with bounded memory; a few hundred bytes each in the usual case.
//
// The packed bytes are kept as they came, since the digest both ends compare is over them. A patched
// object is packed anew, in the canonical order that the controller's encoder uses as well.

#include "datapath/agent_object.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "datapath/agent_check.h"
#include "datapath/agent_impair.h"
#include "datapath/agent_wire.h"
#include "datapath/nat_count.h"
#include "proto/decode.h"
#include "proto/digest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// The body of kind N is the field N + 9 of Object.
enum { BODY_OFFSET = WEFT__OBJECT__BODY_BRIDGE - WEFT__KIND__KIND_BRIDGE };

_Static_assert((int)WEFT__KIND__KIND_IMPAIRMENT + BODY_OFFSET == (int)WEFT__OBJECT__BODY_IMPAIRMENT,
               "kinds and bodies are numbered alike");

static const char *const kind_names[AGENT_KINDS] = {
	[WEFT__KIND__KIND_NONE] = "object",
	[WEFT__KIND__KIND_BRIDGE] = "bridge",
	[WEFT__KIND__KIND_PORT] = "port",
	[WEFT__KIND__KIND_VLAN_MEMBER] = "vlan-member",
	[WEFT__KIND__KIND_FDB_ENTRY] = "fdb-entry",
	[WEFT__KIND__KIND_VRF] = "vrf",
	[WEFT__KIND__KIND_INTERFACE] = "interface",
	[WEFT__KIND__KIND_ROUTE] = "route",
	[WEFT__KIND__KIND_NEIGHBOUR] = "neighbour",
	[WEFT__KIND__KIND_NAT_RULE] = "nat-rule",
	[WEFT__KIND__KIND_PORT_FORWARD] = "port-forward",
	[WEFT__KIND__KIND_DHCP_SCOPE] = "dhcp-scope",
	[WEFT__KIND__KIND_DHCP_RESERVATION] = "dhcp-reservation",
	[WEFT__KIND__KIND_DNS_ZONE] = "dns-zone",
	[WEFT__KIND__KIND_DNS_RECORD] = "dns-record",
	[WEFT__KIND__KIND_FLOW_RULE] = "flow-rule",
	[WEFT__KIND__KIND_ADDRESS] = "address",
	[WEFT__KIND__KIND_IMPAIRMENT] = "impairment",
};

bool agent_kind_is_known(uint32_t kind)
{
	return kind > WEFT__KIND__KIND_NONE && kind < AGENT_KINDS && kind_names[kind];
}

const char *agent_kind_name(uint32_t kind)
{
	return agent_kind_is_known(kind) ? kind_names[kind] : "object";
}

const char *agent_object_name(const struct agent_object *object, char buf[static OBJECT_NAME])
{
	if (object->message && object->message->name && object->message->name[0])
		snprintf(buf, OBJECT_NAME, "%s", object->message->name);
	else
		snprintf(buf, OBJECT_NAME, "%s %llu", agent_kind_name(object->kind),
		         (unsigned long long)object->id);
	return buf;
}

int agent_object_refuse(const struct agent_object *object, struct apply_result *result, int code,
                        const char *field, const char *format, ...)
{
	char name[OBJECT_NAME], text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(result->field, sizeof(result->field), "%s", field);
	result->code =
		fail_set(&result->fail, code, "%s: %s", agent_object_name(object, name), text);
	return result->code;
}

int agent_ip(const ProtobufCBinaryData *bytes, struct ip_addr *ret)
{
	struct ip_addr addr;
	uint32_t be;

	if (bytes->len == sizeof(be)) {
		memcpy(&be, bytes->data, sizeof(be));
		*ret = ip_from4(be);
		return 0;
	}
	if (bytes->len != sizeof(addr))
		return -EINVAL;
	addr = ip_from6(bytes->data);
	if (ip_is4(addr))
		return -EINVAL;
	*ret = addr;
	return 0;
}

int agent_mac(const ProtobufCBinaryData *bytes, struct mac *ret)
{
	if (bytes->len != sizeof(ret->b))
		return -EINVAL;
	memcpy(ret->b, bytes->data, sizeof(ret->b));
	return 0;
}

int agent_prefix(const Weft__Prefix *prefix, struct ip_prefix *ret)
{
	struct ip_prefix value;

	if (agent_ip(&prefix->addr, &value.addr) < 0)
		return -EINVAL;
	if (prefix->len > (ip_is4(value.addr) ? 32 : 128))
		return -EINVAL;
	value.len = (uint8_t)prefix->len;
	*ret = value;
	return 0;
}

static struct agent_object *allocate(const struct apply_op *op, const uint8_t *packed, size_t len)
{
	struct agent_object *object = malloc(sizeof(*object) + len);

	if (!object)
		return NULL;
	*object = (struct agent_object){.kind = op->kind, .id = op->id, .len = len};
	if (len > 0)
		memcpy(object->packed, packed, len);
	agent_arena_init(&object->arena, len * DECODE_FACTOR + DECODE_FLOOR);
	return object;
}

void agent_object_free(struct agent_object *object)
{
	if (!object)
		return;
	agent_arena_fini(&object->arena);
	nat_count_give(object->begun);
	agent_impair_free(object->impair);
	free(object->links);
	free(object);
}

static int decode(struct agent_object *object, struct apply_result *result)
{
	uint32_t critical;

	object->message =
		weft__object__unpack(&object->arena.allocator, object->len, object->packed);
	if (!object->message)
		return agent_object_refuse(object, result, -EBADMSG, "object",
		                           "the packed object is cut short, lacks a required "
		                           "field or asks for too much memory");
	if (object->message->id != object->id)
		return agent_object_refuse(object, result, -EBADMSG, "id",
		                           "the operation says id %llu, the object %llu",
		                           (unsigned long long)object->id,
		                           (unsigned long long)object->message->id);
	if ((int)object->message->body_case != (int)object->kind + BODY_OFFSET)
		return agent_object_refuse(object, result, -EBADMSG, "body",
		                           "the operation is for a %s, the object is none",
		                           agent_kind_name(object->kind));
	critical = agent_wire_critical(&object->message->base);
	if (critical)
		return agent_object_refuse(object, result, -EOPNOTSUPP, "object",
		                           "needs the field %u, which this datapath does not know",
		                           critical);
	return 0;
}

// Packs what a patch made, in canonical order. NULL: no memory.
static struct agent_object *repack(const struct agent_object *merged, const struct apply_op *op)
{
	size_t len = weft__object__get_packed_size(merged->message);
	auto_free uint8_t *packed = malloc(len + 1);

	if (!packed)
		return NULL;
	weft__object__pack(merged->message, packed);
	return allocate(op, packed, len);
}

static int patch(const struct apply_op *op, const struct agent_object *held,
                 struct agent_object **ret, struct apply_result *result)
{
	auto_free uint8_t *joined = NULL;
	size_t joined_len;
	int code = agent_wire_merge(held->packed, held->len, op->object, op->len,
	                            (uint32_t)op->kind + BODY_OFFSET, &joined, &joined_len);

	if (code < 0)
		return agent_object_refuse(held, result, code == -EINVAL ? -EBADMSG : code,
		                           "object", "the patch cannot be joined with the object");
	if (joined_len > OBJECT_BYTES_MAX)
		return agent_object_refuse(held, result, -EMSGSIZE, "object",
		                           "would have %zu bytes, %u at most", joined_len,
		                           (unsigned)OBJECT_BYTES_MAX);

	struct agent_object *merged = allocate(op, joined, joined_len);

	if (!merged)
		return agent_object_refuse(held, result, -ENOMEM, "object", "out of memory");
	code = decode(merged, result);
	if (code == 0) {
		*ret = repack(merged, op);
		if (!*ret)
			code = agent_object_refuse(held, result, -ENOMEM, "object",
			                           "out of memory");
	}
	agent_object_free(merged);
	return code;
}

static int make(const struct apply_op *op, const struct agent_object *held,
                struct agent_object **ret, struct apply_result *result)
{
	// Stands for the object in messages until there is one.
	struct agent_object nobody = {.kind = op->kind, .id = op->id};

	if (op->len > OBJECT_BYTES_MAX)
		return agent_object_refuse(&nobody, result, -EMSGSIZE, "object",
		                           "has %zu bytes, %u at most", op->len,
		                           (unsigned)OBJECT_BYTES_MAX);
	if (op->verb == WEFT__OP_VERB__OP_PATCH)
		return patch(op, held, ret, result);
	*ret = allocate(op, op->object, op->len);
	if (!*ret)
		return agent_object_refuse(&nobody, result, -ENOMEM, "object", "out of memory");
	return 0;
}

// A new version goes on counting where the one before stands. 0 or -ENOMEM.
static int begin_count(struct agent_object *object, const struct agent_object *held)
{
	if (object->kind != WEFT__KIND__KIND_NAT_RULE &&
	    object->kind != WEFT__KIND__KIND_PORT_FORWARD)
		return 0;
	object->begun = held ? nat_count_take(held->begun) : nat_count_new();
	return object->begun ? 0 : -ENOMEM;
}

int agent_object_new(struct agent_store *store, const struct apply_op *op,
                     const struct agent_object *held, struct agent_object **ret,
                     struct apply_result *result)
{
	struct agent_object *object = NULL;
	int code = make(op, held, &object, result);

	if (code < 0)
		return code;
	code = decode(object, result);
	if (code == 0)
		code = agent_check(object, result);
	if (code == 0 && (begin_count(object, held) < 0 || agent_impair_make(object, held) < 0 ||
	                  agent_object_link(store, object) < 0))
		code = agent_object_refuse(object, result, -ENOMEM, "object", "out of memory");
	if (code < 0) {
		agent_object_free(object);
		return code;
	}
	object->hash =
		digest_object((uint32_t)object->kind, object->id, object->packed, object->len);
	*ret = object;
	return 0;
}
