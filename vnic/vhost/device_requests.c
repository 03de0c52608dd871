// SPDX-License-Identifier: BSD-3-Clause
//
// device_requests: one row a request: how long it is, what comes along, what it asks for, who carries it out.
//
// The table is the only place where a message is measured, so a function that carries a request out finds its
// payload there, and exactly the descriptors that belong to it.

#include "vnic/vhost/device_priv.h"

#include "base/bytes.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { IGNORED = 0xff }; // of fds: any number

typedef int (*carry_out_fn)(struct vhost_device *device, struct vhost_message *message,
                            struct fail *fail);

struct request {
	carry_out_fn carry_out;
	uint16_t size, size_max; // of the payload; size_max 0: exactly `size`
	uint8_t fds, fds_max;    // fds_max 0: exactly `fds`
	uint8_t protocol;        // feature that must have been agreed upon, 0: none
	bool answers;            // with the message's payload, as it is after
};

static int answer_u64(struct vhost_message *message, uint64_t value)
{
	message->u64 = value;
	message->size = sizeof(message->u64);
	return 0;
}

static int ignore(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return 0;
}

static int get_features(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	struct vhost_state *state = device_state(device);

	// Before the protocol's features can have told anything.
	if (!state->asked)
		state->plain = state->owned && device->config.pairs == 1;
	state->asked = true;
	return answer_u64(message, device_offered(device));
}

static int set_features(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	// There only a driver that begins anew sends this, and its rings of before are no more, though nothing
	// may have said so.
	if (device_state(device)->plain)
		device_stop_rings(device);
	return device_agree(device, message->u64, fail);
}

static int set_owner(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	device_state(device)->owned = true;
	return 0;
}

static int set_table(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return device_set_table(device, message, fail);
}

static int set_log_base(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	int error = device_set_log(device, message, fail);

	return error ? error : answer_u64(message, 0);
}

static int set_size(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return device_set_size(device, &message->state, fail);
}

static int set_address(struct vhost_device *device, struct vhost_message *message,
                       struct fail *fail)
{
	return device_set_address(device, &message->address, fail);
}

static int set_base(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return device_set_base(device, &message->state, fail);
}

static int get_base(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return device_get_base(device, &message->state, fail);
}

static int set_enabled(struct vhost_device *device, struct vhost_message *message,
                       struct fail *fail)
{
	return device_set_enabled(device, &message->state, fail);
}

// A ring's number, and a descriptor unless the message says that there is none.
static int take_ring_fd(struct vhost_message *message, int *ret_fd, struct fail *fail)
{
	bool none = message->u64 & VHOST_NO_FD;

	if (message->fd_count != !none)
		return fail_set(fail, -EINVAL, "%s came with %u descriptors, and says %s",
		                vhost_request_name(message->request), message->fd_count,
		                none ? "none" : "one");
	*ret_fd = none ? -1 : TAKE_FD(message->fds[0]);
	return 0;
}

static int set_ring_fd(struct vhost_device *device, struct vhost_message *message,
                       struct fail *fail)
{
	unsigned index = message->u64 & 0xff;
	int fd = -1;
	int error = take_ring_fd(message, &fd, fail);

	if (error)
		return error;
	switch (message->request) {
	case VHOST_SET_VRING_KICK:
		return device_set_kick(device, index, fd, fail);
	case VHOST_SET_VRING_CALL:
		return device_set_call(device, index, fd, fail);
	default:
		return device_set_err(device, index, fd, fail);
	}
}

static int get_protocol(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	return answer_u64(message, device_offered_protocol(device));
}

static int set_protocol(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	uint64_t unknown = message->u64 & ~device_offered_protocol(device);

	if (unknown)
		return fail_set(
			fail, -EOPNOTSUPP,
			"the front end wants protocol features that were not offered: 0x%llx",
			(unsigned long long)unknown);
	device_state(device)->protocol = message->u64;
	return 0;
}

// Front ends of a NIC count in pairs here, though the name says otherwise.
static int get_queue_num(struct vhost_device *device, struct vhost_message *message,
                         struct fail *fail)
{
	return answer_u64(message, device->config.pairs);
}

static int send_rarp(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	struct mac mac;

	memcpy(mac.b, message->bytes, sizeof(mac.b));
	if (mac_is_multicast(mac) || mac_is_zero(mac))
		return fail_set(fail, -EINVAL, "the front end announces no station's MAC address");
	device->config.announce(device->config.user, mac);
	return 0;
}

static int set_mtu(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	if (message->u64 < 68 || message->u64 > device->config.mtu) {
		fail_set(fail, -ERANGE, "the guest is to have an MTU of %llu, and the port's is %u",
		         (unsigned long long)message->u64, device->config.mtu);
		fail_hint(fail, "give the guest's NIC a host_mtu that is not above the port's");
		// The guest was promised it before, and its driver will not start.
		device->complains = true;
		return -ERANGE;
	}
	return 0;
}

static int set_backend_req(struct vhost_device *device, struct vhost_message *message,
                           struct fail *fail)
{
	vhost_kept_put(&device->kept, VHOST_SLOT_REQUEST, TAKE_FD(message->fds[0]));
	return 0;
}

static int get_config(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	const size_t header = offsetof(struct vhost_payload_config, bytes);

	if (message->size != header + message->config.size)
		return fail_set(fail, -EMSGSIZE, "GET_CONFIG of %u bytes has %u",
		                message->config.size, message->size);
	return device_get_config(device, &message->config, fail);
}

static int get_inflight(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	int fd = inflight_make(&message->area, fail);

	if (fd < 0)
		return fd;
	// The answer's descriptor; it is closed with the message.
	message->fds[0] = fd;
	message->fd_count = 1;
	return 0;
}

static int set_inflight(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	struct vhost_state *state = device_state(device);
	struct virtq_mark *marks = NULL;
	int error = inflight_map(message->fds[0], &message->area, &marks, fail);

	if (error)
		return error;
	device_withdraw(device, device_all_rings(device));
	inflight_unmap(device->inflight, state->inflight_queues);
	device->inflight = marks;
	vhost_kept_put(&device->kept, VHOST_SLOT_INFLIGHT, TAKE_FD(message->fds[0]));
	state->inflight_size = message->area.size;
	state->inflight_offset = message->area.offset;
	state->inflight_queues = message->area.queues;
	return device_offer(device, fail);
}

static int reset_device(struct vhost_device *device, struct vhost_message *message,
                        struct fail *fail)
{
	device_reset_rings(device);
	device_state(device)->status = 0;
	return 0;
}

static int get_slots(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return answer_u64(message, VHOST_REGIONS_MAX);
}

static int add_region(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return device_add_region(device, message, fail);
}

static int remove_region(struct vhost_device *device, struct vhost_message *message,
                         struct fail *fail)
{
	return device_remove_region(device, &message->slot.region, fail);
}

static int set_status(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	if (message->u64 > UINT8_MAX)
		return fail_set(fail, -EINVAL, "the front end sets a status of 0x%llx",
		                (unsigned long long)message->u64);
	// A reset; where the rings stood is asked for after it.
	if (message->u64 == 0)
		device_stop_rings(device);
	device_state(device)->status = (uint8_t)message->u64;
	return 0;
}

static int get_status(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	return answer_u64(message, device_state(device)->status);
}

enum {
	U64 = sizeof(uint64_t),
	STATE = sizeof(struct vhost_payload_state),
	ADDRESS = sizeof(struct vhost_payload_address),
	TABLE = sizeof(struct vhost_payload_table),
	SLOT = sizeof(struct vhost_payload_slot),
	LOG = offsetof(struct vhost_payload_area, queues),
	INFLIGHT = offsetof(struct vhost_payload_area, padding),
	INFLIGHT_PADDED = sizeof(struct vhost_payload_area),
	CONFIG = offsetof(struct vhost_payload_config, bytes),
	CONFIG_MAX = sizeof(struct vhost_payload_config),
};

static const struct request requests[VHOST_REQUESTS] = {
	[VHOST_GET_FEATURES] = {get_features, .answers = true},
	[VHOST_SET_FEATURES] = {set_features, .size = U64},
	[VHOST_SET_OWNER] = {.carry_out = set_owner},
	// Deprecated: what it resets was never agreed upon.
	[VHOST_RESET_OWNER] = {.carry_out = ignore},
	// User-Mode Linux counts regions that it does not tell of.
	[VHOST_SET_MEM_TABLE] = {set_table, .size = 8, .size_max = TABLE, .fds_max = IGNORED},
	[VHOST_SET_LOG_BASE] = {set_log_base, .size = LOG, .fds = 1,
                                .protocol = VHOST_PROTOCOL_LOG_SHMFD, .answers = true},
	// To tell that the log was written to, which nobody waits for.
	[VHOST_SET_LOG_FD] = {ignore, .fds_max = 1},
	[VHOST_SET_VRING_NUM] = {set_size, .size = STATE},
	[VHOST_SET_VRING_ADDR] = {set_address, .size = ADDRESS},
	[VHOST_SET_VRING_BASE] = {set_base, .size = STATE},
	[VHOST_GET_VRING_BASE] = {get_base, .size = STATE, .answers = true},
	[VHOST_SET_VRING_KICK] = {set_ring_fd, .size = U64, .fds_max = 1},
	[VHOST_SET_VRING_CALL] = {set_ring_fd, .size = U64, .fds_max = 1},
	[VHOST_SET_VRING_ERR] = {set_ring_fd, .size = U64, .fds_max = 1},
	[VHOST_GET_PROTOCOL_FEATURES] = {get_protocol, .answers = true},
	[VHOST_SET_PROTOCOL_FEATURES] = {set_protocol, .size = U64},
	[VHOST_GET_QUEUE_NUM] = {get_queue_num, .answers = true},
	[VHOST_SET_VRING_ENABLE] = {set_enabled, .size = STATE},
	[VHOST_SEND_RARP] = {send_rarp, .size = U64, .protocol = VHOST_PROTOCOL_RARP},
	[VHOST_NET_SET_MTU] = {set_mtu, .size = U64, .protocol = VHOST_PROTOCOL_MTU},
	[VHOST_SET_BACKEND_REQ_FD] = {set_backend_req, .fds = 1,
                                      .protocol = VHOST_PROTOCOL_BACKEND_REQ},
	[VHOST_GET_CONFIG] = {get_config, .size = CONFIG, .size_max = CONFIG_MAX,
                              .protocol = VHOST_PROTOCOL_CONFIG, .answers = true},
	// The guest of a plain front end may write here; there is nothing to be written.
	[VHOST_SET_CONFIG] = {ignore, .size = CONFIG, .size_max = CONFIG_MAX,
                              .protocol = VHOST_PROTOCOL_CONFIG},
	[VHOST_GET_INFLIGHT_FD] = {get_inflight, .size = INFLIGHT, .size_max = INFLIGHT_PADDED,
                                   .protocol = VHOST_PROTOCOL_INFLIGHT_SHMFD, .answers = true},
	[VHOST_SET_INFLIGHT_FD] = {set_inflight, .size = INFLIGHT, .size_max = INFLIGHT_PADDED,
                                   .fds = 1, .protocol = VHOST_PROTOCOL_INFLIGHT_SHMFD},
	[VHOST_RESET_DEVICE] = {reset_device, .protocol = VHOST_PROTOCOL_RESET_DEVICE},
	[VHOST_GET_MAX_MEM_SLOTS] = {get_slots, .protocol = VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS,
                                     .answers = true},
	[VHOST_ADD_MEM_REG] = {add_region, .size = SLOT, .fds = 1,
                               .protocol = VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS},
	[VHOST_REM_MEM_REG] = {remove_region, .size = SLOT, .fds_max = 1,
                               .protocol = VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS},
	[VHOST_SET_STATUS] = {set_status, .size = U64, .protocol = VHOST_PROTOCOL_STATUS},
	[VHOST_GET_STATUS] = {get_status, .protocol = VHOST_PROTOCOL_STATUS, .answers = true},
};

static const struct request *find(uint32_t number)
{
	if (number >= ARRAY_SIZE(requests) || !requests[number].carry_out)
		return NULL;
	return &requests[number];
}

static int measure(const struct vhost_device *device, const struct request *request,
                   const struct vhost_message *message, struct fail *fail)
{
	const char *name = vhost_request_name(message->request);
	unsigned size_max = MAX(request->size, request->size_max);
	unsigned fds_max = MAX(request->fds, request->fds_max);

	if (request->protocol && !device_speaks(device, request->protocol))
		return fail_set(fail, -EPROTO, "the front end sent %s, which was not agreed upon",
		                name);
	if (message->size < request->size || message->size > size_max)
		return fail_set(fail, -EMSGSIZE, "the front end's %s has %u bytes rather than %u",
		                name, message->size, request->size);
	if (message->fd_count < request->fds || message->fd_count > fds_max)
		return fail_set(fail, -EINVAL, "the front end's %s came with %u descriptors", name,
		                message->fd_count);
	return 0;
}

static int answer(struct vhost_device *device, const struct vhost_message *message, int with,
                  struct fail *fail)
{
	int error = vhost_message_answer(device->kept.fds[VHOST_SLOT_CONNECTION], message, with);

	if (error == -EAGAIN)
		fail_set(fail, -ETIMEDOUT, "the front end does not read our answers");
	return error;
}

// Whether the front end can live with this refusal, if it is told so.
static bool is_harmless(const struct request *request, int error, bool told)
{
	return error == -ERANGE || (!request && told);
}

int device_handle(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	const struct request *request = find(message->request);
	bool wants_ack = message->flags & VHOST_FLAG_NEED_REPLY;
	bool gives_fd = message->request == VHOST_GET_INFLIGHT_FD;
	int error, sent = 0;

	if (request)
		error = measure(device, request, message, fail);
	else
		error = fail_set(fail, -EOPNOTSUPP,
		                 "the front end sent request %u, which is not known here",
		                 message->request);
	if (!error)
		error = request->carry_out(device, message, fail);
	if (!error && request->answers)
		return answer(device, message, gives_fd ? message->fds[0] : -1, fail);
	// Asked only now, for the message may have been the one that agrees upon it.
	wants_ack = wants_ack && device_speaks(device, VHOST_PROTOCOL_REPLY_ACK);
	if (wants_ack) {
		answer_u64(message, error ? 1 : 0);
		sent = answer(device, message, -1, error ? NULL : fail);
	}
	if (error && !sent && is_harmless(request, error, wants_ack)) {
		device_note(device, fail);
		fail->code = 0;
		return 0;
	}
	return error ? error : sent;
}
