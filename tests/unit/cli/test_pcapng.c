// SPDX-License-Identifier: BSD-3-Clause
//
// test_pcapng: what is written is read back by libpcap, and options are where the format has them.

#include "cli/pcapng.h"

#include "base/bytes.h"
#include "tests/unit/unit.h"

#include <pcap/pcap.h>

static const uint8_t frame[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0,
                                0,    0,    1,    8,    6,    1,    2, 3};

static const struct pcapng_packet plain = {
	.wall_ns = UINT64_C(1700000000123456789),
	.bytes = frame,
	.len = sizeof(frame),
	.wire_len = 60,
	.worker = UINT64_MAX,
};

// A file in memory; reading it back gives the same bytes.
static FILE *open_file(char **bytes, size_t *len)
{
	FILE *file = open_memstream(bytes, len);

	assert_non_null(file);
	assert_int_equal(pcapng_section(file, "weft", NULL), 0);
	return file;
}

static void libpcap_reads_packets_and_nanoseconds(void **state)
{
	char *bytes, error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const uint8_t *data;
	size_t len;
	FILE *file = open_file(&bytes, &len);

	assert_int_equal(pcapng_interface(file, "h1", "a guest", 262144, "arp"), 0);
	assert_int_equal(pcapng_packet(file, &plain), 0);
	for (uint32_t part = 0; part <= sizeof(frame); part++) {
		struct pcapng_packet packet = plain;

		packet.len = part;
		packet.comment = "dropped: flow_rule";
		packet.way = PCAPNG_OUT;
		packet.lost = 7;
		packet.worker = 3;
		assert_int_equal(pcapng_packet(file, &packet), 0);
	}
	assert_int_equal(pcapng_totals(file, &(struct pcapng_totals){.ended_ns = 5, .received = 2}),
	                 0);
	fclose(file);

	file = fmemopen(bytes, len, "r");
	pcap_t *pcap =
		pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);

	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(pcap, &header, &data), 1);
	assert_int_equal(header->ts.tv_sec, 1700000000);
	assert_int_equal(header->ts.tv_usec, 123456789);
	assert_int_equal(header->caplen, sizeof(frame));
	assert_int_equal(header->len, 60);
	assert_memory_equal(data, frame, sizeof(frame));
	for (uint32_t part = 0; part <= sizeof(frame); part++) {
		assert_int_equal(pcap_next_ex(pcap, &header, &data), 1);
		assert_int_equal(header->caplen, part);
		assert_memory_equal(data, frame, part);
	}
	assert_int_equal(pcap_next_ex(pcap, &header, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
	free(bytes);
}

// The value of the option in the block of the type, and its length; NULL without it.
static const uint8_t *find_option(const char *bytes, size_t len, uint32_t type, uint32_t fixed,
                                  uint16_t code, uint16_t *ret_len)
{
	const uint8_t *block = (const uint8_t *)bytes, *end = block + len;

	while (block < end && load_le32(block) != type)
		block += load_le32(block + 4);
	assert_true(block < end);

	const uint8_t *option = block + 8 + fixed;
	const uint8_t *last = block + load_le32(block + 4) - 4;

	assert_int_equal(load_le32(last), load_le32(block + 4));
	while (option < last) {
		uint16_t size = load_le16(option + 2);

		if (load_le16(option) == code) {
			*ret_len = size;
			return option + 4;
		}
		option += 4 + ALIGN_UP((size_t)size, (size_t)4);
	}
	return NULL;
}

static void flags_tell_direction_and_what_is_pending(void **state)
{
	struct pcapng_packet packet = plain;
	const uint8_t *value;
	uint16_t size = 0;
	char *bytes;
	size_t len;
	FILE *file = open_file(&bytes, &len);

	packet.way = PCAPNG_IN;
	packet.checksum_pending = packet.segments_pending = true;
	packet.lost = 5;
	assert_int_equal(pcapng_interface(file, "h1", NULL, 0, NULL), 0);
	assert_int_equal(pcapng_packet(file, &packet), 0);
	fclose(file);
	value = find_option(bytes, len, 6, 20 + ALIGN_UP(sizeof(frame), (size_t)4), 2, &size);
	assert_non_null(value);
	assert_int_equal(size, 4);
	assert_int_equal(load_le32(value), 1 | 1 << 9 | 1 << 11);
	value = find_option(bytes, len, 6, 20 + ALIGN_UP(sizeof(frame), (size_t)4), 4, &size);
	assert_non_null(value);
	assert_int_equal(load_le64(value), 5);
	assert_null(find_option(bytes, len, 6, 20 + ALIGN_UP(sizeof(frame), (size_t)4), 6, &size));
	free(bytes);
}

static void hostile_texts_are_cut_between_characters(void **state)
{
	char name[5000], *bytes;
	const uint8_t *value;
	uint16_t size = 0;
	size_t len;
	FILE *file = open_file(&bytes, &len);

	// Two bytes a character, from the second byte on: the cut would fall into one.
	memset(name, 0, sizeof(name));
	name[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	assert_int_equal(pcapng_interface(file, name, name, 0, name), 0);
	assert_int_equal(pcapng_interface(file, "\"\n\x1b[31m&<", "", 0, ""), 0);
	assert_int_equal(pcapng_packet(file, &plain), 0);
	fclose(file);
	value = find_option(bytes, len, 1, 8, 2, &size);
	assert_non_null(value);
	assert_int_equal(size, 1023);
	assert_memory_equal(value, name, size);

	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const uint8_t *data;
	pcap_t *pcap = pcap_fopen_offline(fmemopen(bytes, len, "r"), error);

	assert_non_null(pcap);
	assert_int_equal(pcap_next_ex(pcap, &header, &data), 1);
	pcap_close(pcap);
	free(bytes);
}

static void a_full_disk_is_told(void **state)
{
	FILE *file = fopen("/dev/full", "w");

	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	assert_true(pcapng_section(file, "weft", NULL) < 0);
	assert_true(pcapng_interface(file, "h1", NULL, 0, NULL) < 0);
	assert_true(pcapng_packet(file, &plain) < 0);
	assert_true(pcapng_totals(file, &(struct pcapng_totals){0}) < 0);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libpcap_reads_packets_and_nanoseconds),
		cmocka_unit_test(flags_tell_direction_and_what_is_pending),
		cmocka_unit_test(hostile_texts_are_cut_between_characters),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
