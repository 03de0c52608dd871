// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_message: a DHCP message of RFC 2131 on the wire, read into plain fields and written from them.
//
// Addresses of the message are numbers in host order here; zero is "none". Any thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

enum dhcp_option {
	DHCP_OPTION_PAD = 0,
	DHCP_OPTION_MASK = 1,
	DHCP_OPTION_ROUTER = 3,
	DHCP_OPTION_DNS = 6,
	DHCP_OPTION_HOSTNAME = 12,
	DHCP_OPTION_DOMAIN = 15,
	DHCP_OPTION_MTU = 26,
	DHCP_OPTION_BROADCAST = 28,
	DHCP_OPTION_REQUESTED_IP = 50,
	DHCP_OPTION_LEASE_TIME = 51,
	DHCP_OPTION_OVERLOAD = 52,
	DHCP_OPTION_TYPE = 53,
	DHCP_OPTION_SERVER_ID = 54,
	DHCP_OPTION_PARAMETERS = 55,
	DHCP_OPTION_MESSAGE = 56,
	DHCP_OPTION_T1 = 58,
	DHCP_OPTION_T2 = 59,
	DHCP_OPTION_CLIENT_ID = 61,
	DHCP_OPTION_SEARCH = 119,
	DHCP_OPTION_ROUTES = 121,
	DHCP_OPTION_END = 255,
};

enum { DHCP_OP_REQUEST = 1, DHCP_OP_REPLY = 2 };

enum {
	DHCP_SERVER_PORT = 67,
	DHCP_CLIENT_PORT = 68,
	DHCP_FLAG_BROADCAST = 0x8000,
	DHCP_FIXED = 240,       // bytes before the first option, magic included
	DHCP_MIN_MESSAGE = 300, // replies are padded to BOOTP's size, which old clients insist on
	DHCP_MAX_MESSAGE = 548, // what any client must take (576 of IP)
};

// What a client said.
struct dhcp_message {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, giaddr;
	uint8_t chaddr[6];
	uint32_t requested_ip;
	uint32_t server_id;
	uint32_t lease_time;   // 0: not asked
	uint8_t client_id_len; // 0: none
	uint8_t client_id[64]; // a longer one is folded into this, see the .c
	uint8_t hostname_len;
	char hostname[64]; // with a NUL; not yet checked for what a name may hold
	uint8_t wanted_count;
	uint8_t wanted[128]; // parameter request list, in the client's order
};

enum dhcp_parse {
	DHCP_PARSE_OK,
	DHCP_PARSE_MALFORMED,
	DHCP_PARSE_FOREIGN, // well-formed, but not of Ethernet, a reply, or plain BOOTP
};

enum dhcp_parse dhcp_message_parse(const uint8_t *bytes, size_t len, struct dhcp_message *ret);

// What the server says; the message is written into `bytes` as it goes.
struct dhcp_writer {
	uint8_t bytes[DHCP_MAX_MESSAGE];
	size_t len;
	bool full; // an option did not fit and was left out
};

// Begins a reply to the message: fixed fields and the message type.
void dhcp_writer_begin(struct dhcp_writer *writer, const struct dhcp_message *to,
                       enum dhcp_type type, uint32_t yiaddr);
void dhcp_writer_put(struct dhcp_writer *writer, uint8_t option, const void *value, size_t len);
void dhcp_writer_put32(struct dhcp_writer *writer, uint8_t option, uint32_t value);
void dhcp_writer_put16(struct dhcp_writer *writer, uint8_t option, uint16_t value);
// Ends the options and pads.
void dhcp_writer_end(struct dhcp_writer *writer);
