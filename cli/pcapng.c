// SPDX-License-Identifier: BSD-3-Clause
//
// pcapng: each block is put together in parts, its length known before the first byte goes out.
//
// Block types, option codes and flag bits are those of draft-ietf-opsawg-pcapng (4.1 to 4.6). Texts from
// outside (names, filters) are cut to what an option can hold; everything is padded to 32 bits with zeroes.

#include "cli/pcapng.h"

#include "base/bytes.h"

#include <errno.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_TOTALS = 5,
	BLOCK_PACKET = 6,
	MAGIC = 0x1a2b3c4d,
	LINK_ETHERNET = 1,
	BLOCK_FRAME = 12, // type, and the length twice

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_OS = 3,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	PACKET_LOST = 4,
	PACKET_QUEUE = 6,
	TOTALS_BEGAN = 2,
	TOTALS_ENDED = 3,
	TOTALS_RECEIVED = 4,
	TOTALS_LOST = 5,

	FLAG_IN = 1,
	FLAG_OUT = 2,
	FLAG_CHECKSUM_NOT_READY = 1 << 9,
	FLAG_SEGMENTATION_OFFLOADED = 1 << 11,

	NANOSECONDS = 9, // 10^-9
	FILTER_TEXT = 0, // a text rather than a program

	OPTIONS_ROOM = 4096,
	TEXT_MAX = 1024, // of an option
};

struct options {
	uint8_t bytes[OPTIONS_ROOM];
	uint32_t len;
};

static uint32_t padded(uint32_t len)
{
	return ALIGN_UP(len, 4u);
}

static void put_head(struct options *options, uint16_t code, uint16_t len)
{
	memcpy(options->bytes + options->len, &code, 2);
	memcpy(options->bytes + options->len + 2, &len, 2);
	options->len += 4;
}

static void put_option(struct options *options, uint16_t code, const void *value, uint32_t len)
{
	// Few options of bounded texts always fit.
	if (options->len + 8 + padded(len) > OPTIONS_ROOM)
		return;
	put_head(options, code, (uint16_t)len);
	memset(options->bytes + options->len, 0, padded(len));
	memcpy(options->bytes + options->len, value, len);
	options->len += padded(len);
}

// Not in the middle of a character of UTF-8.
static uint32_t text_len(const char *text)
{
	size_t len = strnlen(text, TEXT_MAX + 1);

	if (len <= TEXT_MAX)
		return (uint32_t)len;
	len = TEXT_MAX;
	while (len && ((uint8_t)text[len] & 0xc0) == 0x80)
		len--;
	return (uint32_t)len;
}

static void put_text(struct options *options, uint16_t code, const char *text)
{
	if (text && *text)
		put_option(options, code, text, text_len(text));
}

static void put_number(struct options *options, uint16_t code, uint64_t value)
{
	put_option(options, code, &value, sizeof(value));
}

// Times of Interface Statistics are two halves, the upper one first, in either byte order.
static void put_time(struct options *options, uint16_t code, uint64_t ns)
{
	uint32_t halves[2] = {(uint32_t)(ns >> 32), (uint32_t)ns};

	put_option(options, code, halves, sizeof(halves));
}

static void put_end(struct options *options)
{
	if (options->len)
		put_head(options, OPTION_END, 0);
}

// What stands in every block of a kind, bytes that may follow it, and options.
static int write_block(FILE *file, uint32_t type, const void *fixed, uint32_t fixed_len,
                       const uint8_t *bytes, uint32_t len, const struct options *options)
{
	static const uint8_t zeroes[4];
	uint32_t total = BLOCK_FRAME + fixed_len + padded(len) + options->len;
	const struct {
		const void *from;
		size_t len;
	} parts[] = {
		{&type, 4},
		{&total, 4},
		{fixed, fixed_len},
		{bytes, len},
		{zeroes, padded(len) - len},
		{options->bytes, options->len},
		{&total, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].len && fwrite(parts[i].from, parts[i].len, 1, file) != 1)
			return errno ? -errno : -EIO;
	return 0;
}

int pcapng_section(FILE *file, const char *application, const char *comment)
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		uint64_t len;
	} fixed = {.magic = MAGIC, .major = 1, .len = UINT64_MAX};
	struct options options = {.len = 0};

	put_text(&options, OPTION_COMMENT, comment);
	put_text(&options, SECTION_OS, "Linux");
	put_text(&options, SECTION_APPLICATION, application);
	put_end(&options);
	return write_block(file, BLOCK_SECTION, &fixed, sizeof(fixed), NULL, 0, &options);
}

int pcapng_interface(FILE *file, const char *name, const char *description, uint32_t snap,
                     const char *filter)
{
	struct {
		uint16_t link, reserved;
		uint32_t snap;
	} fixed = {.link = LINK_ETHERNET, .snap = snap};
	struct options options = {.len = 0};
	const uint8_t resolution = NANOSECONDS;

	put_text(&options, INTERFACE_NAME, name);
	put_text(&options, INTERFACE_DESCRIPTION, description);
	put_option(&options, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	if (filter && *filter) {
		char value[1 + TEXT_MAX] = {FILTER_TEXT};
		uint32_t len = text_len(filter);

		memcpy(value + 1, filter, len);
		put_option(&options, INTERFACE_FILTER, value, 1 + len);
	}
	put_end(&options);
	return write_block(file, BLOCK_INTERFACE, &fixed, sizeof(fixed), NULL, 0, &options);
}

static uint32_t flags_of(const struct pcapng_packet *packet)
{
	static const uint32_t ways[] = {
		[PCAPNG_UNKNOWN] = 0, [PCAPNG_IN] = FLAG_IN, [PCAPNG_OUT] = FLAG_OUT};

	return ways[packet->way] | (packet->checksum_pending ? FLAG_CHECKSUM_NOT_READY : 0u) |
	       (packet->segments_pending ? FLAG_SEGMENTATION_OFFLOADED : 0u);
}

int pcapng_packet(FILE *file, const struct pcapng_packet *packet)
{
	struct {
		uint32_t interface, time_high, time_low, len, wire_len;
	} fixed = {
		.interface = packet->interface,
		.time_high = (uint32_t)(packet->wall_ns >> 32),
		.time_low = (uint32_t)packet->wall_ns,
		.len = packet->len,
		.wire_len = packet->wire_len,
	};
	struct options options = {.len = 0};
	uint32_t flags = flags_of(packet);
	uint32_t queue = (uint32_t)packet->worker;

	put_text(&options, OPTION_COMMENT, packet->comment);
	if (flags)
		put_option(&options, PACKET_FLAGS, &flags, sizeof(flags));
	if (packet->lost)
		put_number(&options, PACKET_LOST, packet->lost);
	if (packet->worker != UINT64_MAX)
		put_option(&options, PACKET_QUEUE, &queue, sizeof(queue));
	put_end(&options);
	return write_block(file, BLOCK_PACKET, &fixed, sizeof(fixed), packet->bytes, packet->len,
	                   &options);
}

int pcapng_totals(FILE *file, const struct pcapng_totals *totals)
{
	struct {
		uint32_t interface, time_high, time_low;
	} fixed = {
		.interface = totals->interface,
		.time_high = (uint32_t)(totals->ended_ns >> 32),
		.time_low = (uint32_t)totals->ended_ns,
	};
	struct options options = {.len = 0};

	put_time(&options, TOTALS_BEGAN, totals->began_ns);
	put_time(&options, TOTALS_ENDED, totals->ended_ns);
	put_number(&options, TOTALS_RECEIVED, totals->received);
	put_number(&options, TOTALS_LOST, totals->lost);
	put_end(&options);
	return write_block(file, BLOCK_TOTALS, &fixed, sizeof(fixed), NULL, 0, &options);
}
