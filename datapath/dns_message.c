// SPDX-License-Identifier: BSD-3-Clause
//
// dns_message: reads the question and the EDNS record of a query, writes answers.
//
// Of a query only the question and OPT matter; other records are walked over to find it. Each record
// takes at least eleven bytes, so the walk is bounded by the message, whatever its counts claim.

#include "datapath/dns_message.h"

#include "base/bytes.h"

enum { OFFSET_FLAGS = 2, OFFSET_QD = 4, OFFSET_AN = 6, OFFSET_NS = 8, OFFSET_AR = 10 };
enum { EDNS_DO = 0x8000, OPT_LEN = 11, POINTER_TO_QUESTION = 0xc000 | DNS_HEADER };
enum { SOA_REFRESH = 3600, SOA_RETRY = 600, SOA_EXPIRE = 86400 };

// The fixed part of a record behind its name.
static bool read_record(const uint8_t *bytes, size_t len, size_t *at, const uint8_t **fixed)
{
	if (!dns_name_skip(bytes, len, at) || len - *at < 10)
		return false;
	*fixed = bytes + *at;
	*at += 10;

	size_t data_len = load_be16(*fixed + 8);

	if (data_len > len - *at)
		return false;
	*at += data_len;
	return true;
}

// Returns whether the records are well-formed; there may be one OPT, at the root.
static bool read_edns(const uint8_t *bytes, size_t len, size_t at, struct dns_query *query)
{
	unsigned plain = load_be16(bytes + OFFSET_AN) + load_be16(bytes + OFFSET_NS);
	unsigned all = plain + load_be16(bytes + OFFSET_AR);

	for (unsigned i = 0; i < all; i++) {
		size_t start = at;
		const uint8_t *fixed;

		if (!read_record(bytes, len, &at, &fixed))
			return false;
		if (i < plain || load_be16(fixed) != DNS_TYPE_OPT)
			continue;
		if (query->edns || bytes[start] != 0)
			return false;
		query->edns = true;
		query->udp_size = MAX(load_be16(fixed + 2), (uint16_t)DNS_UDP_MIN);
		query->edns_version = fixed[5];
		query->dnssec_ok = load_be16(fixed + 6) & EDNS_DO;
	}
	return true;
}

enum dns_parse dns_query_parse(const uint8_t *bytes, size_t len, struct dns_query *ret)
{
	struct dns_query query = {.udp_size = DNS_UDP_MIN};
	enum dns_parse parse = DNS_PARSE_OK;
	size_t at = DNS_HEADER;

	if (len < DNS_HEADER || load_be16(bytes + OFFSET_FLAGS) & DNS_QR)
		return DNS_PARSE_MALFORMED;
	query.id = load_be16(bytes);
	query.flags = load_be16(bytes + OFFSET_FLAGS);
	if (query.flags & DNS_OPCODE) {
		parse = DNS_PARSE_UNKNOWN;
	} else if (load_be16(bytes + OFFSET_QD) != 1 ||
	           !dns_name_read(bytes, len, &at, &query.name) || len - at < 4) {
		parse = DNS_PARSE_BROKEN;
	} else {
		query.type = load_be16(bytes + at);
		query.class = load_be16(bytes + at + 2);
		at += 4;
		query.question_len = at - DNS_HEADER;
		if (!read_edns(bytes, len, at, &query))
			parse = DNS_PARSE_BROKEN;
	}
	*ret = query;
	return parse;
}

bool dns_answer_matches(const uint8_t *bytes, size_t len, const uint8_t *query, size_t query_len)
{
	struct dns_name asked, answered;
	size_t at = DNS_HEADER, query_at = DNS_HEADER;

	if (len < DNS_HEADER || !(load_be16(bytes + OFFSET_FLAGS) & DNS_QR) ||
	    load_be16(bytes + OFFSET_FLAGS) & DNS_OPCODE || load_be16(bytes + OFFSET_QD) != 1)
		return false;
	return dns_name_read(bytes, len, &at, &answered) &&
	       dns_name_read(query, query_len, &query_at, &asked) && len - at >= 4 &&
	       query_len - query_at >= 4 && dns_name_equal(&asked, &answered) &&
	       memcmp(bytes + at, query + query_at, 4) == 0;
}

size_t dns_answer_truncate(uint8_t *bytes, size_t len)
{
	size_t at = DNS_HEADER;

	if (!dns_name_skip(bytes, len, &at) || len - at < 4)
		return len;
	store_be16(bytes + OFFSET_FLAGS, load_be16(bytes + OFFSET_FLAGS) | DNS_TC);
	memset(bytes + OFFSET_AN, 0, DNS_HEADER - OFFSET_AN);
	return at + 4;
}

void dns_writer_begin(struct dns_writer *writer, const struct dns_query *query,
                      const uint8_t *bytes, enum dns_rcode rcode, bool authoritative)
{
	uint16_t kept = query->flags & (DNS_OPCODE | DNS_RD | DNS_CD);
	size_t limit = MIN((size_t)query->udp_size, sizeof(writer->bytes));

	memset(writer->bytes, 0, DNS_HEADER);
	store_be16(writer->bytes, query->id);
	store_be16(writer->bytes + OFFSET_FLAGS,
	           (uint16_t)(DNS_QR | DNS_RA | kept | (rcode & DNS_RCODE) |
	                      (authoritative ? DNS_AA : 0)));
	store_be16(writer->bytes + OFFSET_QD, query->question_len ? 1 : 0);
	memcpy(writer->bytes + DNS_HEADER, bytes + DNS_HEADER, query->question_len);
	writer->len = DNS_HEADER + query->question_len;
	writer->limit = limit - (query->edns ? OPT_LEN : 0);
	writer->truncated = false;
}

static void count(struct dns_writer *writer, size_t offset)
{
	store_be16(writer->bytes + offset, (uint16_t)(load_be16(writer->bytes + offset) + 1));
}

// Begins a record with room for its data, or returns NULL.
static uint8_t *add_record(struct dns_writer *writer, size_t section, const struct dns_name *owner,
                           uint16_t type, uint32_t ttl, size_t data_len)
{
	size_t owner_len = owner ? owner->len : 2;
	uint8_t *out = writer->bytes + writer->len;

	if (writer->len + owner_len + 10 + data_len > writer->limit) {
		writer->truncated = true;
		return NULL;
	}
	if (owner)
		memcpy(out, owner->wire, owner->len);
	else
		store_be16(out, POINTER_TO_QUESTION);
	out += owner_len;
	store_be16(out, type);
	store_be16(out + 2, DNS_CLASS_IN);
	store_be32(out + 4, ttl);
	store_be16(out + 8, (uint16_t)data_len);
	writer->len += owner_len + 10 + data_len;
	count(writer, section);
	return out + 10;
}

void dns_writer_address(struct dns_writer *writer, const struct dns_name *owner, struct ip_addr ip,
                        uint32_t ttl)
{
	bool four = ip_is4(ip);
	size_t len = four ? 4 : 16;
	uint8_t *out =
		add_record(writer, OFFSET_AN, owner, four ? DNS_TYPE_A : DNS_TYPE_AAAA, ttl, len);

	if (out)
		memcpy(out, ip.b + 16 - len, len);
}

void dns_writer_name(struct dns_writer *writer, enum dns_type type, const struct dns_name *name,
                     uint32_t ttl)
{
	uint8_t *out = add_record(writer, OFFSET_AN, NULL, (uint16_t)type, ttl, name->len);

	if (out)
		memcpy(out, name->wire, name->len);
}

void dns_writer_soa(struct dns_writer *writer, enum dns_section section,
                    const struct dns_name *zone, const struct dns_name *server, uint32_t serial,
                    uint32_t ttl)
{
	size_t offset = section == DNS_ANSWER ? OFFSET_AN : OFFSET_NS;
	// Server, an empty mailbox, five numbers.
	uint8_t *out = add_record(writer, offset, zone, DNS_TYPE_SOA, ttl, server->len + 1u + 20);

	if (!out)
		return;
	memcpy(out, server->wire, server->len);
	out += server->len;
	*out++ = 0;
	store_be32(out, serial);
	store_be32(out + 4, SOA_REFRESH);
	store_be32(out + 8, SOA_RETRY);
	store_be32(out + 12, SOA_EXPIRE);
	// What a resolver may keep of "there is no such name" (RFC 2308).
	store_be32(out + 16, ttl);
}

void dns_writer_end(struct dns_writer *writer, const struct dns_query *query, enum dns_rcode rcode)
{
	uint8_t *out = writer->bytes + writer->len;

	if (writer->truncated)
		store_be16(writer->bytes + OFFSET_FLAGS,
		           load_be16(writer->bytes + OFFSET_FLAGS) | DNS_TC);
	if (!query->edns)
		return;
	memset(out, 0, OPT_LEN);
	store_be16(out + 1, DNS_TYPE_OPT);
	store_be16(out + 3, DNS_UDP_MAX);
	out[5] = (uint8_t)(rcode >> 4);
	store_be16(out + 7, query->dnssec_ok ? EDNS_DO : 0);
	writer->len += OPT_LEN;
	count(writer, OFFSET_AR);
}
