// SPDX-License-Identifier: BSD-3-Clause
//
// link_watch: a subscription to the kernel's news about links.
//
// When the kernel had more to say than our buffer holds, news are lost. Then everything is asked for
// once more; the answers come by the same socket and look like news, so the owner needs to know nothing
// of it. Only a removal that was lost stays unknown until the owner looks.

#include "vnic/link.h"

#include <errno.h>
#include <linux/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdlib.h>

enum { WATCH_BUFFER = 1 << 20 };

struct link_watch {
	struct nl_sock *sock;
	link_changed_fn changed;
	void *user;
};

static void read_link(struct link_watch *watch, struct nl_msg *msg, bool is_removed)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);
	struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *name = nlmsg_find_attr(header, sizeof(*info), IFLA_IFNAME);
	struct nlattr *mtu = nlmsg_find_attr(header, sizeof(*info), IFLA_MTU);
	struct nlattr *address = nlmsg_find_attr(header, sizeof(*info), IFLA_ADDRESS);
	struct link_state state = {
		.ifindex = (unsigned)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.running = info->ifi_flags & IFF_LOWER_UP,
		.mtu = mtu ? nla_get_u32(mtu) : 0,
	};

	// Bridges speak of their ports in the same terms, under a family of their own.
	if (!name || info->ifi_family != AF_UNSPEC)
		return;
	if (address && nla_len(address) == sizeof(state.mac))
		memcpy(&state.mac, nla_data(address), sizeof(state.mac));
	watch->changed(watch->user, nla_get_string(name), &state, is_removed);
}

static int on_message(struct nl_msg *msg, void *user)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);

	if (!nlmsg_valid_hdr(header, sizeof(struct ifinfomsg)))
		return NL_SKIP;
	if (header->nlmsg_type == RTM_NEWLINK || header->nlmsg_type == RTM_DELLINK)
		read_link(user, msg, header->nlmsg_type == RTM_DELLINK);
	return NL_OK;
}

struct link_watch *link_watch_new(link_changed_fn changed, void *user)
{
	struct link_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->changed = changed;
	watch->user = user;
	watch->sock = nl_socket_alloc();
	if (!watch->sock) {
		link_watch_free(watch);
		errno = ENOMEM;
		return NULL;
	}
	nl_socket_disable_seq_check(watch->sock);
	nl_socket_modify_cb(watch->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, watch);
	if (nl_connect(watch->sock, NETLINK_ROUTE) < 0 ||
	    nl_socket_add_membership(watch->sock, RTNLGRP_LINK) < 0 ||
	    nl_socket_set_nonblocking(watch->sock) < 0) {
		link_watch_free(watch);
		errno = EIO;
		return NULL;
	}
	nl_socket_set_buffer_size(watch->sock, WATCH_BUFFER, 0);
	return watch;
}

int link_watch_fd(const struct link_watch *watch)
{
	return nl_socket_get_fd(watch->sock);
}

void link_watch_read(struct link_watch *watch)
{
	struct ifinfomsg all = {.ifi_family = AF_UNSPEC};

	for (;;) {
		int error = nl_recvmsgs_default(watch->sock);

		if (error == -NLE_NOMEM) // the kernel's ENOBUFS: news were lost
			error = nl_send_simple(watch->sock, RTM_GETLINK, NLM_F_DUMP, &all,
			                       sizeof(all));
		if (error < 0)
			return;
	}
}

void link_watch_free(struct link_watch *watch)
{
	if (!watch)
		return;
	if (watch->sock)
		nl_socket_free(watch->sock);
	free(watch);
}
