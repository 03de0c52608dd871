// SPDX-License-Identifier: BSD-3-Clause
//
// advert_message: ICMPv6 types 133 and 134 with the options a guest needs to live without DHCPv6.
//
// An advertisement has room for all prefixes an interface usually has; what does not fit is left
// out, the options that every guest needs go first.

#include "datapath/advert_message.h"

#include "base/bytes.h"
#include "datapath/dns_name.h"
#include "datapath/udp_frame.h"

enum {
	ETH_LEN = 14,
	IP6_LEN = 40,
	PROTOCOL_ICMP6 = 58,
	TYPE_SOLICIT = 133,
	TYPE_ADVERT = 134,
	SOLICIT_LEN = 8,
	ADVERT_LEN = 16,
	HOPS = 255, // nothing that was routed is believed
	GUEST_HOPS = 64,
};

enum nd_option {
	OPTION_SOURCE_MAC = 1,
	OPTION_PREFIX = 3,
	OPTION_MTU = 5,
	OPTION_RDNSS = 25,
	OPTION_DNSSL = 31,
};

enum {
	PREFIX_ON_LINK = 0x80,
	PREFIX_AUTONOMOUS = 0x40,
	VALID_SECONDS = 86400,
	PREFERRED_SECONDS = 14400,
	// A host keeps an address at least this long, whatever it is told (RFC 4862, 5.5.3 e).
	FORMER_SECONDS = 7200,
};

// Returns whether the options are well-formed; a source MAC needs a source address.
static bool check_options(const uint8_t *options, size_t len, bool unspecified)
{
	while (len > 0) {
		size_t size = len >= 2 ? options[1] * 8u : 0;

		if (size == 0 || size > len || (unspecified && options[0] == OPTION_SOURCE_MAC))
			return false;
		options += size;
		len -= size;
	}
	return true;
}

// Returns the length of the ICMPv6 message, or 0 when the frame does not hold one whole.
static size_t message_len(const struct service_frame *frame)
{
	const uint8_t *ip;
	size_t before, len;

	if (frame->len > sizeof(frame->bytes) || frame->l3 < ETH_LEN ||
	    frame->l4 < frame->l3 + IP6_LEN || frame->l4 + SOLICIT_LEN > frame->len)
		return 0;
	ip = frame->bytes + frame->l3;
	if (ip[0] >> 4 != 6)
		return 0;
	before = (size_t)(frame->l4 - frame->l3);
	len = (size_t)load_be16(ip + 4) + IP6_LEN;
	return len <= (size_t)frame->len - frame->l3 && len >= before + SOLICIT_LEN ? len - before
	                                                                            : 0;
}

enum drop_reason solicit_read(const struct service_frame *frame, struct solicit *ret)
{
	size_t len = message_len(frame);
	const uint8_t *ip, *icmp;
	struct solicit solicit;

	if (len == 0)
		return DROP_ND_MALFORMED;
	ip = frame->bytes + frame->l3;
	icmp = frame->bytes + frame->l4;
	memcpy(solicit.src_mac.b, frame->bytes + 6, 6);
	solicit.src = ip_from6(ip + 8);
	if (ip[7] != HOPS || icmp[0] != TYPE_SOLICIT || icmp[1] != 0 ||
	    ip_is_multicast(solicit.src) || ip_is4(solicit.src) ||
	    mac_is_multicast(solicit.src_mac) ||
	    !check_options(icmp + SOLICIT_LEN, len - SOLICIT_LEN, ip_is_unspecified(solicit.src)))
		return DROP_ND_MALFORMED;
	if (frame->flags & SERVICE_CHECK_SUM && ip_frame_sum(ip, PROTOCOL_ICMP6, icmp, len) != 0)
		return DROP_ICMP_CHECKSUM;
	*ret = solicit;
	return DROP_NONE;
}

// A message that grows in a frame.
struct writing {
	uint8_t *at, *end;
};

// Room for an option, zeroed, its type and length set; NULL when it does not fit.
static uint8_t *add_option(struct writing *writing, enum nd_option type, size_t len)
{
	uint8_t *option = writing->at;

	if (len > (size_t)(writing->end - writing->at))
		return NULL;
	memset(option, 0, len);
	option[0] = (uint8_t)type;
	option[1] = (uint8_t)(len / 8);
	writing->at += len;
	return option;
}

static void add_prefix(struct writing *writing, struct ip_prefix prefix, uint32_t valid,
                       uint32_t preferred)
{
	uint8_t *option = add_option(writing, OPTION_PREFIX, 32);
	struct ip_prefix net = prefix_network(prefix);

	if (!option)
		return;
	option[2] = net.len;
	option[3] = PREFIX_ON_LINK | PREFIX_AUTONOMOUS;
	store_be32(option + 4, valid);
	store_be32(option + 8, preferred);
	memcpy(option + 16, net.addr.b, 16);
}

static void add_prefixes(struct writing *writing, const struct advert_message *message)
{
	const struct interface *interface = message->interface;

	// Only of a /64 can a host make an address (RFC 4862, 5.5.3 d).
	for (uint32_t i = 0; i < interface->address_count; i++)
		if (!ip_is4(interface->addresses[i].addr) && interface->addresses[i].len == 64 &&
		    !ip_is_link_local(interface->addresses[i].addr))
			add_prefix(writing, interface->addresses[i], VALID_SECONDS,
			           PREFERRED_SECONDS);
	for (unsigned i = 0; i < message->former_count; i++)
		add_prefix(writing, message->former[i], FORMER_SECONDS, 0);
}

// The resolvers that are configured, else ourselves when a zone is served here.
static void add_rdnss(struct writing *writing, const struct advert_message *message,
                      uint32_t lifetime)
{
	const struct interface *interface = message->interface;
	struct ip_addr servers[ARRAY_SIZE(message->config->rdnss)];
	unsigned count = 0;
	uint8_t *option;

	for (unsigned i = 0; i < message->config->rdnss_count; i++)
		if (!ip_is4(message->config->rdnss[i]))
			servers[count++] = message->config->rdnss[i];
	for (uint32_t i = 0; message->config->rdnss_count == 0 && interface->dns && count == 0 &&
	                     i < interface->address_count;
	     i++)
		if (!ip_is4(interface->addresses[i].addr) &&
		    !ip_is_link_local(interface->addresses[i].addr))
			servers[count++] = interface->addresses[i].addr;
	if (count == 0)
		return;
	option = add_option(writing, OPTION_RDNSS, 8 + count * 16u);
	if (!option)
		return;
	store_be32(option + 4, lifetime);
	for (unsigned i = 0; i < count; i++)
		memcpy(option + 8 + i * 16, servers[i].b, 16);
}

static void add_dnssl(struct writing *writing, const struct advert_message *message,
                      uint32_t lifetime)
{
	struct dns_name name;
	uint8_t *option;

	if (message->config->search[0] == 0 || !dns_name_parse(message->config->search, &name))
		return;
	option = add_option(writing, OPTION_DNSSL, ALIGN_UP(8 + (size_t)name.len, 8));
	if (!option)
		return;
	store_be32(option + 4, lifetime);
	memcpy(option + 8, name.wire, name.len);
}

size_t advert_write(uint8_t frame[static ADVERT_FRAME_MAX], const struct advert_message *message,
                    const struct solicit *to)
{
	const struct interface *interface = message->interface;
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};
	struct udp_path path = {
		.src_mac = interface->mac,
		.src = ip_link_local_from_mac(interface->mac),
		.dst = to ? to->src : ip_from6(all_nodes),
	};
	uint8_t *icmp = frame + ETH_LEN + IP6_LEN;
	struct writing writing = {icmp + ADVERT_LEN, frame + ADVERT_FRAME_MAX};
	uint32_t lifetime = message->final ? 0 : message->config->lifetime_seconds;
	uint32_t dns_lifetime = message->final ? 0 : message->config->interval_seconds * 3;
	uint8_t *option;

	path.dst_mac = to ? to->src_mac : mac_from_group(path.dst);
	memset(icmp, 0, ADVERT_LEN);
	icmp[0] = TYPE_ADVERT;
	icmp[4] = GUEST_HOPS;
	store_be16(icmp + 6, (uint16_t)MIN(lifetime, 9000u)); // RFC 4861, 6.2.1
	option = add_option(&writing, OPTION_SOURCE_MAC, 8);
	memcpy(option + 2, interface->mac.b, 6);
	option = add_option(&writing, OPTION_MTU, 8);
	store_be32(option + 4, interface->mtu);
	add_prefixes(&writing, message);
	add_rdnss(&writing, message, dns_lifetime);
	add_dnssl(&writing, message, dns_lifetime);

	size_t len = (size_t)(writing.at - icmp);

	ip6_frame_header(frame, &path, PROTOCOL_ICMP6, HOPS, len);
	store_be16(icmp + 2, ip_frame_sum(frame + ETH_LEN, PROTOCOL_ICMP6, icmp, len));
	return ETH_LEN + IP6_LEN + len;
}
