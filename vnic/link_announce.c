// SPDX-License-Identifier: BSD-3-Clause
//
// link_announce: what the neighbours of an interface must hear when its MAC or its addresses become others.
//
// They would find out by themselves, but only after they have sent to the old place for half a minute. The
// announcement is a request for one's own address, since not everybody learns from answers nobody asked for.

#include "vnic/link.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netlink/route/addr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ADDRESSES_MOST = 64, EUI_LEN = 8 };

// The addresses of one interface.
struct found {
	unsigned ifindex;
	size_t count;
	struct ip_prefix items[ADDRESSES_MOST];
};

static int connect_socket(void *user)
{
	return nl_connect(user, NETLINK_ROUTE);
}

static void note(struct nl_object *object, void *user)
{
	struct rtnl_addr *addr = (struct rtnl_addr *)object;
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct found *found = user;
	struct ip_prefix *item = &found->items[found->count];
	uint32_t four;

	if (!local || (unsigned)rtnl_addr_get_ifindex(addr) != found->ifindex ||
	    found->count == ADDRESSES_MOST)
		return;
	item->len = (uint8_t)rtnl_addr_get_prefixlen(addr);
	if (nl_addr_get_len(local) == 16) {
		item->addr = ip_from6(nl_addr_get_binary_addr(local));
	} else {
		memcpy(&four, nl_addr_get_binary_addr(local), sizeof(four));
		item->addr = ip_from4(four);
	}
	found->count++;
}

static int find_addresses(const char *netns, unsigned ifindex, struct found *found,
                          struct fail *fail)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_cache *cache = NULL;
	int err = sock ? link_in_netns(netns, connect_socket, sock, fail) : -ENOMEM;

	*found = (struct found){.ifindex = ifindex};
	if (err == 0)
		err = rtnl_addr_alloc_cache(sock, &cache) < 0 ? -EIO : 0;
	if (err == 0)
		nl_cache_foreach(cache, note, found);
	if (cache)
		nl_cache_free(cache);
	if (sock)
		nl_socket_free(sock);
	return err < 0 ? fail_errno(fail, err, "the addresses of an interface cannot be read") : 0;
}

static void make_eui(const struct mac *mac, uint8_t eui[static EUI_LEN])
{
	memcpy(eui, mac->b, 3);
	eui[0] ^= 2;
	eui[3] = 0xff;
	eui[4] = 0xfe;
	memcpy(eui + 5, mac->b + 3, 3);
}

int link_follow_mac(const char *netns, const char *ifname, const struct mac *old, struct fail *fail)
{
	struct ip_prefix own = {.len = 64};
	uint8_t before[EUI_LEN], bytes[16] = {0xfe, 0x80};
	bool had_own = false;
	struct link_state state;
	struct found found;
	int err = link_get(netns, ifname, &state, fail);

	if (err == 0)
		err = find_addresses(netns, state.ifindex, &found, fail);
	make_eui(old, before);
	for (size_t i = 0; err == 0 && i < found.count; i++) {
		const struct ip_prefix *item = &found.items[i];

		if (ip_is4(item->addr) || memcmp(item->addr.b + 8, before, EUI_LEN) != 0)
			continue;
		had_own = had_own || ip_is_link_local(item->addr);
		err = link_remove_address(netns, ifname, item, fail);
	}
	if (err < 0 || !had_own)
		return err;
	make_eui(&state.mac, bytes + 8);
	own.addr = ip_from6(bytes);
	return link_add_address(netns, ifname, &own, fail);
}

static int open_socket(void *user)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int announce_one(int fd, const struct link_state *state, const struct ip_addr *ip)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)state->ifindex,
		.sll_halen = ETH_ALEN,
	};
	struct ether_arp arp = {
		.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
	                   .ar_pro = htons(ETH_P_IP),
	                   .ar_hln = ETH_ALEN,
	                   .ar_pln = 4,
	                   .ar_op = htons(ARPOP_REQUEST)},
	};
	uint32_t address = ip_to4(*ip);

	memset(to.sll_addr, 0xff, ETH_ALEN);
	memcpy(arp.arp_sha, state->mac.b, ETH_ALEN);
	memcpy(arp.arp_spa, &address, 4);
	memcpy(arp.arp_tpa, &address, 4);
	return sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno
	                                                                                : 0;
}

int link_announce(const char *netns, const char *ifname, struct fail *fail)
{
	struct link_state state;
	struct found found;
	int err = link_get(netns, ifname, &state, fail);

	if (err == 0)
		err = find_addresses(netns, state.ifindex, &found, fail);
	if (err < 0)
		return err;

	auto_close int fd = link_in_netns(netns, open_socket, NULL, fail);

	if (fd < 0)
		return fail->code < 0 ? fail->code : fail_errno(fail, fd, "interface '%s'", ifname);
	for (size_t i = 0; err == 0 && i < found.count; i++)
		if (ip_is4(found.items[i].addr))
			err = announce_one(fd, &state, &found.items[i].addr);
	return err < 0 ? fail_errno(fail, err, "interface '%s': cannot announce itself", ifname)
	               : 0;
}
