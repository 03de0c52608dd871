// SPDX-License-Identifier: BSD-3-Clause
//
// agent_check: whether the fields of one object make sense by themselves. Main thread only.

#pragma once

#include "datapath/agent_object.h"

// 0, or -errno with field and sentence in the result.
int agent_check(const struct agent_object *object, struct apply_result *result);

// Parts of it, by kind.
int agent_check_port(const struct agent_object *object, struct apply_result *result);
int agent_check_flow_rule(const struct agent_object *object, struct apply_result *result);
int agent_check_service(const struct agent_object *object, struct apply_result *result);
int agent_check_tunnel(const struct agent_object *object, struct apply_result *result);
int agent_check_peer(const struct agent_object *object, struct apply_result *result);
int agent_check_member_vni(const struct agent_object *object, struct apply_result *result);

// Building blocks: the value is set only when it is good.
int agent_check_vid(const struct agent_object *object, struct apply_result *result, uint32_t vid,
                    uint32_t first);
int agent_check_mac(const struct agent_object *object, struct apply_result *result,
                    const char *field, const ProtobufCBinaryData *bytes);
// An address that a host may have.
int agent_check_host(const struct agent_object *object, struct apply_result *result,
                     const char *field, const ProtobufCBinaryData *bytes, struct ip_addr *ret);
// An address with the length of its subnet.
int agent_check_address(const struct agent_object *object, struct apply_result *result,
                        const char *field, const Weft__Prefix *prefix);
// A prefix with nothing behind its length.
int agent_check_prefix(const struct agent_object *object, struct apply_result *result,
                       const char *field, const Weft__Prefix *prefix);
