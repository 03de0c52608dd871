// SPDX-License-Identifier: BSD-3-Clause
//
// dns_message: a query of RFC 1035 as the server needs it, and the writing of an answer.
//
// Any thread.

#pragma once

#include "datapath/dns_name.h"

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_IXFR = 251,
	DNS_TYPE_AXFR = 252,
	DNS_TYPE_ANY = 255,
};

enum { DNS_CLASS_IN = 1, DNS_CLASS_ANY = 255 };

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

enum dns_flag {
	DNS_QR = 0x8000,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_CD = 0x0010,
	DNS_OPCODE = 0x7800,
	DNS_RCODE = 0x000f,
};

enum {
	DNS_HEADER = 12,
	DNS_UDP_MIN = 512,
	DNS_UDP_MAX = 1232, // our EDNS size, which fits every link that IPv6 runs on
};

struct dns_query {
	uint16_t id, flags;
	struct dns_name name;
	uint16_t type, class;
	size_t question_len; // bytes behind the header that hold the question; 0: none was readable
	bool edns;
	bool dnssec_ok;
	uint8_t edns_version;
	uint16_t udp_size; // what the client takes, at least DNS_UDP_MIN
};

enum dns_parse {
	DNS_PARSE_OK,
	DNS_PARSE_MALFORMED, // no header, or not a query: silence
	DNS_PARSE_BROKEN,    // a query that cannot be read: FORMERR
	DNS_PARSE_UNKNOWN,   // another opcode: NOTIMP
};

// Fills in what it could read, also when the rest is broken.
enum dns_parse dns_query_parse(const uint8_t *bytes, size_t len, struct dns_query *ret);
// Whether the message is an answer with exactly this question; letter case does not count.
bool dns_answer_matches(const uint8_t *bytes, size_t len, const uint8_t *query, size_t query_len);
// Cuts an answer down to its question and sets TC. Returns the new length.
size_t dns_answer_truncate(uint8_t *bytes, size_t len);

enum dns_section { DNS_ANSWER, DNS_AUTHORITY };

// An answer that grows in place. What does not fit sets TC and is left out.
struct dns_writer {
	uint8_t bytes[DNS_UDP_MAX];
	size_t len, limit;
	bool truncated;
};

// Begins the answer to the query that stands in `bytes`; the question comes back letter by letter.
void dns_writer_begin(struct dns_writer *writer, const struct dns_query *query,
                      const uint8_t *bytes, enum dns_rcode rcode, bool authoritative);
// Owner NULL: the name that was asked for.
void dns_writer_address(struct dns_writer *writer, const struct dns_name *owner, struct ip_addr ip,
                        uint32_t ttl);
// A record whose data is one name: PTR, NS.
void dns_writer_name(struct dns_writer *writer, enum dns_type type, const struct dns_name *name,
                     uint32_t ttl);
void dns_writer_soa(struct dns_writer *writer, enum dns_section section,
                    const struct dns_name *zone, const struct dns_name *server, uint32_t serial,
                    uint32_t ttl);
void dns_writer_end(struct dns_writer *writer, const struct dns_query *query, enum dns_rcode rcode);
