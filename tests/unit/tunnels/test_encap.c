// SPDX-License-Identifier: BSD-3-Clause
//
// Headers of VXLAN, Geneve and GRE against bytes laid out by hand from the RFCs' figures.

#include "tests/unit/unit.h"

#include "tunnels/encap.h"

#include <errno.h>

enum { VNI = 0x123456 };

static const uint8_t vxlan_bytes[] = {0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0};
static const uint8_t geneve_bytes[] = {0, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 0};
static const uint8_t gre_bytes[] = {0x20, 0, 0x65, 0x58, 0x00, 0x12, 0x34, 0x56};

struct reading {
	enum drop_reason reason;
	uint32_t vni;
	unsigned header;
};

// What the end that reads sends itself; empty but where a test says otherwise.
static struct encap_options own;

// In a block of just that length, so that a sanitizer sees a read behind it.
static struct reading read_bytes(const struct encap *encap, const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct reading reading = {0};

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	reading.reason = encap->read(copy, (uint32_t)len, &own, &reading.vni, &reading.header);
	free(copy);
	return reading;
}

static void expect(const struct encap *encap, const void *bytes, size_t len, unsigned header)
{
	struct reading reading = read_bytes(encap, bytes, len);

	assert_int_equal(reading.reason, DROP_NONE);
	assert_int_equal(reading.vni, VNI);
	assert_int_equal(reading.header, header);
}

static void expect_refused(const struct encap *encap, const void *bytes, size_t len,
                           enum drop_reason reason)
{
	assert_int_equal(read_bytes(encap, bytes, len).reason, reason);
}

static void headers_are_as_in_the_rfcs(void **state)
{
	const struct {
		const struct encap *encap;
		const uint8_t *bytes;
	} kinds[] = {{&encap_vxlan, vxlan_bytes},
	             {&encap_geneve, geneve_bytes},
	             {&encap_gre, gre_bytes}};

	for (unsigned i = 0; i < 3; i++) {
		uint8_t header[ENCAP_HEADER_MAX];

		memset(header, 0xff, sizeof(header));
		kinds[i].encap->write(header, VNI, &own);
		assert_int_equal(kinds[i].encap->header, 8);
		assert_memory_equal(header, kinds[i].bytes, 8);
		expect(kinds[i].encap, header, 8, 8);
		for (size_t len = 0; len < 8; len++)
			expect_refused(kinds[i].encap, header, len, DROP_TUNNEL_MALFORMED);
	}
}

static void vxlan_wants_its_flag_and_ignores_the_rest(void **state)
{
	uint8_t bytes[8];

	memcpy(bytes, vxlan_bytes, 8);
	bytes[0] = 0;
	expect_refused(&encap_vxlan, bytes, 8, DROP_TUNNEL_MALFORMED);
	// Reserved bits, and the group policy extension.
	memcpy(bytes, "\x88\x40\x12\x34\x12\x34\x56\xff", 8);
	expect(&encap_vxlan, bytes, 8, 8);
	// VXLAN-GPE with IPv4 within, and with Ethernet.
	memcpy(bytes, "\x0c\x00\x00\x01\x12\x34\x56\x00", 8);
	expect_refused(&encap_vxlan, bytes, 8, DROP_TUNNEL_PROTOCOL);
	bytes[3] = 3;
	expect(&encap_vxlan, bytes, 8, 8);
}

static void geneve_options_are_skipped_unless_critical(void **state)
{
	// Two options: class 0x0102, type 3, 4 bytes; class 0x0102, type 4, none.
	uint8_t bytes[20] = {3,    0,    0x65, 0x58, 0x12, 0x34, 0x56, 0,    0x01, 0x02,
	                     0x03, 0x01, 0xaa, 0xbb, 0xcc, 0xdd, 0x01, 0x02, 0x04, 0x00};

	expect(&encap_geneve, bytes, sizeof(bytes), 20);
	for (size_t len = 8; len < sizeof(bytes); len++)
		expect_refused(&encap_geneve, bytes, len, DROP_TUNNEL_MALFORMED);
	bytes[18] |= 0x80;
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_OPTION);
	bytes[18] &= 0x7f;
	bytes[1] = 0x40;
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_OPTION);
	bytes[1] = 0x80;
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_PROTOCOL);
	bytes[1] = 0;
	// An option that is longer than all of them.
	bytes[11] = 5;
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_MALFORMED);
}

static void set_own(const void *bytes, size_t len)
{
	unsigned at;

	assert_int_equal(geneve_options_set(&own, bytes, len, &at), 0);
}

// RFC 8926, section 3.4: two bits of version and six of the options' length in words, then O and C.
static void geneve_header_counts_its_options(void **state)
{
	uint8_t header[ENCAP_HEADER_MAX], many[ENCAP_OPTIONS_MAX] = {0};

	set_own("\x01\x02\x03\x01\xaa\xbb\xcc\xdd\x01\x02\x04\x00", 12);
	memset(header, 0xff, sizeof(header));
	encap_geneve.write(header, VNI, &own);
	assert_memory_equal(header, "\x03\x00\x65\x58\x12\x34\x56\x00", 8);
	set_own("\x01\x02\x03\x00\x01\x02\x84\x00", 8);
	encap_geneve.write(header, VNI, &own);
	assert_memory_equal(header, "\x02\x40\x65\x58\x12\x34\x56\x00", 8);
	for (unsigned i = 0; i < ENCAP_OPTIONS_MAX / 4; i++)
		many[4 * i + 2] = (uint8_t)i;
	set_own(many, sizeof(many));
	encap_geneve.write(header, VNI, &own);
	assert_memory_equal(header, "\x3f\x00\x65\x58\x12\x34\x56\x00", 8);
	own = (struct encap_options){0};
}

static void geneve_knows_what_it_sends(void **state)
{
	// Critical: class 0x0102, type 0x83, 4 bytes; class 0x0102, type 0x84, none.
	uint8_t bytes[20] = {3,    0x40, 0x65, 0x58, 0x12, 0x34, 0x56, 0,    0x01, 0x02,
	                     0x83, 0x01, 0xaa, 0xbb, 0xcc, 0xdd, 0x01, 0x02, 0x84, 0x00};

	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_OPTION);
	set_own("\x01\x02\x83\x00", 4);
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_OPTION);
	set_own("\x01\x02\x84\x00\x01\x02\x83\x00", 8);
	expect(&encap_geneve, bytes, sizeof(bytes), 20);
	for (size_t len = 8; len < sizeof(bytes); len++)
		expect_refused(&encap_geneve, bytes, len, DROP_TUNNEL_MALFORMED);
	// The header says nothing of them: so old a sender is understood.
	bytes[1] = 0;
	expect(&encap_geneve, bytes, sizeof(bytes), 20);
	// Of what cannot be read through, nothing is taken.
	bytes[19] = 1;
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_MALFORMED);
	bytes[19] = 0;
	bytes[17] ^= 1;
	expect_refused(&encap_geneve, bytes, sizeof(bytes), DROP_TUNNEL_OPTION);
	own = (struct encap_options){0};
}

static void geneve_options_of_ours_are_checked(void **state)
{
	struct encap_options set;
	uint8_t many[ENCAP_OPTIONS_MAX + 4] = {0};
	unsigned at;

	assert_int_equal(geneve_options_set(&set, NULL, 0, &at), 0);
	assert_int_equal(set.len, 0);
	assert_int_equal(geneve_options_set(&set, many, sizeof(many), &at), -E2BIG);
	assert_int_equal(geneve_options_set(&set, many, 8, &at), -EEXIST);
	assert_int_equal(at, 4);
	assert_int_equal(geneve_options_set(&set, many, 7, &at), -EINVAL);
	assert_int_equal(at, 4);
	many[3] = 2;
	assert_int_equal(geneve_options_set(&set, many, 8, &at), -EINVAL);
	many[3] = 0x40;
	assert_int_equal(geneve_options_set(&set, many, 4, &at), -EINVAL);
	assert_int_equal(at, 0);
}

static void geneve_of_another_version_or_content_is_refused(void **state)
{
	uint8_t bytes[8];

	memcpy(bytes, geneve_bytes, 8);
	bytes[0] = 0x40;
	expect_refused(&encap_geneve, bytes, 8, DROP_TUNNEL_MALFORMED);
	memcpy(bytes, geneve_bytes, 8);
	bytes[2] = 0x08;
	bytes[3] = 0;
	expect_refused(&encap_geneve, bytes, 8, DROP_TUNNEL_PROTOCOL);
}

static void gre_reads_key_sequence_and_checksum(void **state)
{
	const uint8_t sequence[] = {0x30, 0, 0x65, 0x58, 0, 0x12, 0x34, 0x56, 0, 0, 0, 1};
	uint8_t checksum[] = {0xa0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56};
	uint32_t sum = 0xa000 + 0x6558 + 0x0012 + 0x3456;
	uint16_t field = (uint16_t) ~((sum & 0xffff) + (sum >> 16));

	expect(&encap_gre, sequence, sizeof(sequence), 12);
	for (size_t len = 8; len < sizeof(sequence); len++)
		expect_refused(&encap_gre, sequence, len, DROP_TUNNEL_MALFORMED);
	checksum[4] = (uint8_t)(field >> 8);
	checksum[5] = (uint8_t)field;
	expect(&encap_gre, checksum, sizeof(checksum), 12);
	checksum[4] ^= 1;
	expect_refused(&encap_gre, checksum, sizeof(checksum), DROP_TUNNEL_MALFORMED);
}

static void gre_without_a_key_or_of_another_kind_is_refused(void **state)
{
	expect_refused(&encap_gre, "\x00\x00\x65\x58", 4, DROP_VNI_UNKNOWN);
	expect_refused(&encap_gre, "\x20\x00\x65\x58\x01\x00\x00\x00", 8, DROP_VNI_UNKNOWN);
	expect_refused(&encap_gre, "\x20\x00\x08\x00\x00\x12\x34\x56", 8, DROP_TUNNEL_PROTOCOL);
	expect_refused(&encap_gre, "\x60\x00\x65\x58\x00\x12\x34\x56", 8, DROP_TUNNEL_MALFORMED);
	expect_refused(&encap_gre, "\x20\x01\x65\x58\x00\x12\x34\x56", 8, DROP_TUNNEL_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_as_in_the_rfcs),
		cmocka_unit_test(vxlan_wants_its_flag_and_ignores_the_rest),
		cmocka_unit_test(geneve_options_are_skipped_unless_critical),
		cmocka_unit_test(geneve_header_counts_its_options),
		cmocka_unit_test(geneve_knows_what_it_sends),
		cmocka_unit_test(geneve_options_of_ours_are_checked),
		cmocka_unit_test(geneve_of_another_version_or_content_is_refused),
		cmocka_unit_test(gre_reads_key_sequence_and_checksum),
		cmocka_unit_test(gre_without_a_key_or_of_another_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
