// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_message: the wire format of RFC 2131 and of the options of RFC 2132 that we use.
//
// Options stand in up to three fields: behind the fixed part and, when the overload option says so,
// in `file` and `sname`, read in this order. The first option of a code counts, except for the
// parameter list, which may go on in a second one (RFC 3396). An option whose length is wrong makes
// the whole message malformed: a client that errs there would not understand the answer either.
// Cost: one walk over the message.

#include "datapath/dhcp_message.h"

#include "base/bytes.h"

#include <string.h>

enum {
	OFFSET_XID = 4,
	OFFSET_SECS = 8,
	OFFSET_FLAGS = 10,
	OFFSET_CIADDR = 12,
	OFFSET_YIADDR = 16,
	OFFSET_GIADDR = 24,
	OFFSET_CHADDR = 28,
	OFFSET_SNAME = 44,
	OFFSET_FILE = 108,
	OFFSET_MAGIC = 236,
	SNAME_LEN = 64,
	FILE_LEN = 128,
	CHADDR_LEN = 16,
	MAGIC = 0x63825363,
	HTYPE_ETHERNET = 1,
};

enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

struct reading {
	struct dhcp_message *message;
	uint8_t type;
	uint8_t overload;
	uint8_t seen[256 / 8]; // codes met so far
};

static bool seen_before(struct reading *reading, uint8_t code)
{
	uint8_t bit = (uint8_t)(1u << code % 8);
	bool seen = reading->seen[code / 8] & bit;

	reading->seen[code / 8] |= bit;
	return seen;
}

static void read_wanted(struct dhcp_message *message, const uint8_t *value, size_t len)
{
	size_t room = sizeof(message->wanted) - message->wanted_count;

	len = MIN(len, room);
	memcpy(message->wanted + message->wanted_count, value, len);
	message->wanted_count = (uint8_t)(message->wanted_count + len);
}

// A name longer than one label can be is no host name: it is left out, not refused. Some clients
// end it with a NUL.
static void read_hostname(struct dhcp_message *message, const uint8_t *value, size_t len)
{
	while (len > 0 && value[len - 1] == 0)
		len--;
	if (len >= sizeof(message->hostname))
		return;
	memcpy(message->hostname, value, len);
	message->hostname[len] = 0;
	message->hostname_len = (uint8_t)len;
}

static bool read_number(const uint8_t *value, size_t len, uint32_t *ret)
{
	if (len != 4)
		return false;
	*ret = load_be32(value);
	return true;
}

// RFC 2132 allows 255 bytes, the lease table has room for 64: of a longer one the end becomes a hash
// of the whole, so that two of them still differ. One of less than two bytes says nothing.
static void read_client_id(struct dhcp_message *message, const uint8_t *value, size_t len)
{
	size_t kept = MIN(len, sizeof(message->client_id));
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	if (len < 2)
		return;
	memcpy(message->client_id, value, kept);
	message->client_id_len = (uint8_t)kept;
	if (len == kept)
		return;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ value[i]) * UINT64_C(0x100000001b3);
	store_be64(message->client_id + kept - sizeof(hash), hash);
}

// Returns whether the option is well-formed.
static bool read_option(struct reading *reading, uint8_t code, const uint8_t *value, size_t len)
{
	struct dhcp_message *message = reading->message;

	if (seen_before(reading, code) && code != DHCP_OPTION_PARAMETERS)
		return true;
	switch (code) {
	case DHCP_OPTION_TYPE:
		reading->type = len == 1 ? value[0] : 0;
		return len == 1;
	case DHCP_OPTION_OVERLOAD:
		reading->overload = len == 1 ? value[0] : 0;
		return len == 1 && value[0] >= 1 && value[0] <= 3;
	case DHCP_OPTION_REQUESTED_IP:
		return read_number(value, len, &message->requested_ip);
	case DHCP_OPTION_SERVER_ID:
		return read_number(value, len, &message->server_id);
	case DHCP_OPTION_LEASE_TIME:
		return read_number(value, len, &message->lease_time);
	case DHCP_OPTION_CLIENT_ID:
		read_client_id(message, value, len);
		return true;
	case DHCP_OPTION_HOSTNAME:
		read_hostname(message, value, len);
		return true;
	case DHCP_OPTION_PARAMETERS:
		read_wanted(message, value, len);
		return true;
	default:
		return true;
	}
}

// Returns whether the field is well-formed. A missing end option is forgiven, as all servers do.
static bool read_field(struct reading *reading, const uint8_t *field, size_t len)
{
	size_t at = 0;

	while (at < len && field[at] != DHCP_OPTION_END) {
		uint8_t code = field[at++];

		if (code == DHCP_OPTION_PAD)
			continue;
		if (at == len)
			return false;

		size_t value_len = field[at++];

		if (value_len > len - at || !read_option(reading, code, field + at, value_len))
			return false;
		at += value_len;
	}
	return true;
}

static bool read_options(struct reading *reading, const uint8_t *bytes, size_t len)
{
	if (!read_field(reading, bytes + DHCP_FIXED, len - DHCP_FIXED))
		return false;
	// Fixed here: an overload option inside the overloaded fields means nothing.
	uint8_t overload = reading->overload;

	if (overload & OVERLOAD_FILE && !read_field(reading, bytes + OFFSET_FILE, FILE_LEN))
		return false;
	return !(overload & OVERLOAD_SNAME) || read_field(reading, bytes + OFFSET_SNAME, SNAME_LEN);
}

enum dhcp_parse dhcp_message_parse(const uint8_t *bytes, size_t len, struct dhcp_message *ret)
{
	struct dhcp_message message = {0};
	struct reading reading = {.message = &message};

	if (len < DHCP_FIXED || load_be32(bytes + OFFSET_MAGIC) != (uint32_t)MAGIC)
		return len >= OFFSET_MAGIC && bytes[0] == DHCP_OP_REQUEST ? DHCP_PARSE_FOREIGN
		                                                          : DHCP_PARSE_MALFORMED;
	if (bytes[0] != DHCP_OP_REQUEST || bytes[1] != HTYPE_ETHERNET)
		return DHCP_PARSE_FOREIGN;
	if (bytes[2] != sizeof(message.chaddr) || !read_options(&reading, bytes, len))
		return DHCP_PARSE_MALFORMED;
	if (!(reading.seen[DHCP_OPTION_TYPE / 8] & 1u << DHCP_OPTION_TYPE % 8))
		return DHCP_PARSE_FOREIGN;
	if (reading.type < DHCP_DISCOVER || reading.type > DHCP_INFORM)
		return DHCP_PARSE_MALFORMED;

	message.type = (enum dhcp_type)reading.type;
	message.xid = load_be32(bytes + OFFSET_XID);
	message.secs = load_be16(bytes + OFFSET_SECS);
	message.flags = load_be16(bytes + OFFSET_FLAGS);
	message.ciaddr = load_be32(bytes + OFFSET_CIADDR);
	message.giaddr = load_be32(bytes + OFFSET_GIADDR);
	memcpy(message.chaddr, bytes + OFFSET_CHADDR, sizeof(message.chaddr));
	*ret = message;
	return DHCP_PARSE_OK;
}

void dhcp_writer_begin(struct dhcp_writer *writer, const struct dhcp_message *to,
                       enum dhcp_type type, uint32_t yiaddr)
{
	uint8_t *bytes = writer->bytes;
	uint8_t type_byte = (uint8_t)type;

	memset(writer, 0, sizeof(*writer));
	bytes[0] = DHCP_OP_REPLY;
	bytes[1] = HTYPE_ETHERNET;
	bytes[2] = sizeof(to->chaddr);
	store_be32(bytes + OFFSET_XID, to->xid);
	store_be16(bytes + OFFSET_FLAGS, to->flags);
	// RFC 2131 table 3: only an ACK repeats the client's own address.
	store_be32(bytes + OFFSET_CIADDR, type == DHCP_ACK ? to->ciaddr : 0);
	store_be32(bytes + OFFSET_YIADDR, yiaddr);
	store_be32(bytes + OFFSET_GIADDR, to->giaddr);
	memcpy(bytes + OFFSET_CHADDR, to->chaddr, sizeof(to->chaddr));
	store_be32(bytes + OFFSET_MAGIC, MAGIC);
	writer->len = DHCP_FIXED;
	dhcp_writer_put(writer, DHCP_OPTION_TYPE, &type_byte, 1);
}

void dhcp_writer_put(struct dhcp_writer *writer, uint8_t option, const void *value, size_t len)
{
	// One byte stays free for the end option.
	if (len == 0 || len > 255 || writer->len + 2 + len + 1 > sizeof(writer->bytes)) {
		writer->full = writer->full || len > 0;
		return;
	}
	writer->bytes[writer->len++] = option;
	writer->bytes[writer->len++] = (uint8_t)len;
	memcpy(writer->bytes + writer->len, value, len);
	writer->len += len;
}

void dhcp_writer_put32(struct dhcp_writer *writer, uint8_t option, uint32_t value)
{
	uint8_t bytes[4];

	store_be32(bytes, value);
	dhcp_writer_put(writer, option, bytes, sizeof(bytes));
}

void dhcp_writer_put16(struct dhcp_writer *writer, uint8_t option, uint16_t value)
{
	uint8_t bytes[2];

	store_be16(bytes, value);
	dhcp_writer_put(writer, option, bytes, sizeof(bytes));
}

void dhcp_writer_end(struct dhcp_writer *writer)
{
	writer->bytes[writer->len++] = DHCP_OPTION_END;
	writer->len = MAX(writer->len, (size_t)DHCP_MIN_MESSAGE);
}
