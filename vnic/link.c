// SPDX-License-Identifier: BSD-3-Clause
//
// link: one netlink socket per call, opened inside the namespace that is meant.
//
// A socket belongs to the namespace it was opened in, for good. So the thread visits a namespace only
// for as long as socket(2) takes, and is home again before anything is asked that may fail.

#include "vnic/link.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <stdio.h>

// One call's socket and what it found.
struct request {
	struct nl_sock *sock;
	struct rtnl_link *link;   // as the kernel has it
	struct rtnl_link *change; // what is to differ
	const char *ifname;
};

// libnl has numbers of its own for the kernel's errors.
static int errno_of(int nl_error)
{
	static const int table[] = {
		[NLE_INTR] = EINTR,           [NLE_AGAIN] = EAGAIN,
		[NLE_NOADDR] = EADDRNOTAVAIL, [NLE_EXIST] = EEXIST,
		[NLE_INVAL] = EINVAL,         [NLE_RANGE] = ERANGE,
		[NLE_OPNOTSUPP] = EOPNOTSUPP, [NLE_OBJ_NOTFOUND] = ENODEV,
		[NLE_PERM] = EPERM,           [NLE_BUSY] = EBUSY,
		[NLE_NOMEM] = ENOMEM,         [NLE_NOACCESS] = EACCES,
		[NLE_NODEV] = ENODEV,         [NLE_IMMUTABLE] = EPERM,
	};
	unsigned number = (unsigned)(nl_error < 0 ? -nl_error : nl_error);

	if (number < sizeof(table) / sizeof(table[0]) && table[number])
		return -table[number];
	return -EIO;
}

static int report(int nl_error, struct fail *fail, const char *what, const char *ifname)
{
	int error = errno_of(nl_error);

	fail_set(fail, error, "interface '%s': %s: %s", ifname, what,
	         error == -EIO ? nl_geterror(nl_error) : strerrordesc_np(-error));
	if (error == -EPERM)
		fail_hint(fail, "run as root, or give the program CAP_NET_ADMIN");
	if (error == -ENODEV)
		fail_hint(fail, "'ip link' shows those there are");
	return error;
}

int link_in_netns(const char *netns, int (*run)(void *user), void *user, struct fail *fail)
{
	if (!netns)
		return run(user);

	auto_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_close int there = open(netns, O_RDONLY | O_CLOEXEC);

	if (there < 0)
		return fail_errno(fail, errno, "network namespace '%s'", netns);
	// Going home first, which changes nothing, proves that there will be a way back.
	if (home < 0 || setns(home, CLONE_NEWNET) < 0 || setns(there, CLONE_NEWNET) < 0) {
		int error = errno;

		fail_errno(fail, error, "cannot enter the network namespace '%s'", netns);
		if (error == EPERM)
			fail_hint(fail, "run as root, or give the program CAP_SYS_ADMIN");
		else if (error == EINVAL)
			fail_hint(fail, "the file is no network namespace (any more)");
		return -error;
	}

	int result = run(user);
	int back = setns(home, CLONE_NEWNET);

	assert(back == 0);
	return result;
}

static int connect_socket(void *user)
{
	return nl_connect(user, NETLINK_ROUTE);
}

static void request_end(struct request *request)
{
	if (request->change)
		rtnl_link_put(request->change);
	if (request->link)
		rtnl_link_put(request->link);
	if (request->sock)
		nl_socket_free(request->sock);
}

static int request_open(struct request *request, const char *netns, struct fail *fail)
{
	request->sock = nl_socket_alloc();
	request->change = rtnl_link_alloc();
	if (!request->sock || !request->change)
		return fail_set(fail, -ENOMEM, "interface '%s': out of memory", request->ifname);

	struct fail entering = {0};
	int error = link_in_netns(netns, connect_socket, request->sock, &entering);

	if (entering.code) {
		if (fail)
			*fail = entering;
		return entering.code;
	}
	return error < 0 ? report(error, fail, "cannot open netlink", request->ifname) : 0;
}

// Opens the socket and finds the link. => request_end() follows in any case.
static int request_begin(struct request *request, const char *netns, const char *ifname,
                         struct fail *fail)
{
	*request = (struct request){.ifname = ifname};

	int error = request_open(request, netns, fail);

	if (error)
		return error;
	error = rtnl_link_get_kernel(request->sock, 0, ifname, &request->link);
	if (error < 0)
		return report(error, fail, "cannot find it", ifname);
	return 0;
}

// The kernel is told only what differs, so two callers do not undo each other's settings.
static int request_change(struct request *request, const char *what, struct fail *fail)
{
	int error = rtnl_link_change(request->sock, request->link, request->change, 0);

	return error < 0 ? report(error, fail, what, request->ifname) : 0;
}

// Carrier is what counts for a frame, hence LOWER_UP; RUNNING also waits for protocols like 802.1X.
static void read_state(struct rtnl_link *link, struct link_state *ret)
{
	unsigned flags = rtnl_link_get_flags(link);
	struct nl_addr *address = rtnl_link_get_addr(link);

	*ret = (struct link_state){
		.ifindex = (unsigned)rtnl_link_get_ifindex(link),
		.up = flags & IFF_UP,
		.running = flags & IFF_LOWER_UP,
		.mtu = rtnl_link_get_mtu(link),
	};
	if (address && nl_addr_get_len(address) == sizeof(ret->mac))
		memcpy(&ret->mac, nl_addr_get_binary_addr(address), sizeof(ret->mac));
}

int link_get(const char *netns, const char *ifname, struct link_state *ret, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);

	if (!error)
		read_state(request.link, ret);
	request_end(&request);
	return error;
}

int link_move(const char *ifname, const char *netns, const char *new_name, struct fail *fail)
{
	auto_close int there = open(netns, O_RDONLY | O_CLOEXEC);
	struct link_state taken;
	struct request request;

	if (there < 0)
		return fail_errno(fail, errno, "network namespace '%s'", netns);

	// The kernel moves first and names then; a name that is taken would leave the link over there.
	if (link_get(netns, new_name, &taken, NULL) == 0)
		return fail_set(fail, -EEXIST, "interface '%s': '%s' has an interface '%s' already",
		                ifname, netns, new_name);

	int error = request_begin(&request, NULL, ifname, fail);

	if (!error) {
		rtnl_link_set_ns_fd(request.change, there);
		rtnl_link_set_name(request.change, new_name);
		error = request_change(&request, "cannot move it", fail);
	}
	request_end(&request);
	return error;
}

int link_rename(const char *netns, const char *ifname, const char *new_name, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);

	if (!error) {
		rtnl_link_set_name(request.change, new_name);
		error = request_change(&request, "cannot rename it", fail);
	}
	request_end(&request);
	return error;
}

int link_set_mac(const char *netns, const char *ifname, const struct mac *mac, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);
	struct nl_addr *address = nl_addr_build(AF_LLC, mac->b, sizeof(mac->b));

	if (!error && !address)
		error = fail_set(fail, -ENOMEM, "interface '%s': out of memory", ifname);
	if (!error) {
		rtnl_link_set_addr(request.change, address);
		error = request_change(&request, "cannot set its MAC", fail);
	}
	nl_addr_put(address);
	request_end(&request);
	return error;
}

int link_set_mtu(const char *netns, const char *ifname, uint32_t mtu, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);

	if (!error) {
		rtnl_link_set_mtu(request.change, mtu);
		error = request_change(&request, "cannot set its MTU", fail);
	}
	request_end(&request);
	return error;
}

int link_set_up(const char *netns, const char *ifname, bool up, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);

	if (!error) {
		if (up)
			rtnl_link_set_flags(request.change, IFF_UP);
		else
			rtnl_link_unset_flags(request.change, IFF_UP);
		error = request_change(&request, up ? "cannot set it up" : "cannot set it down",
		                       fail);
	}
	request_end(&request);
	return error;
}

// The address in libnl's form; NULL without memory.
static struct nl_addr *nl_address(const struct ip_addr *address)
{
	if (!ip_is4(*address))
		return nl_addr_build(AF_INET6, address->b, 16);

	uint32_t bytes = ip_to4(*address);

	return nl_addr_build(AF_INET, &bytes, 4);
}

// An interface of ours has addresses of which we are sure; REPLACE makes a second call harmless.
static int fill_address(struct rtnl_addr *to, const struct ip_prefix *address)
{
	bool is_ip4 = ip_is4(address->addr);
	struct nl_addr *local = nl_address(&address->addr);
	struct ip_addr last = prefix_last(*address);
	struct nl_addr *broadcast = is_ip4 && address->len < 31 ? nl_address(&last) : NULL;
	int error = local ? rtnl_addr_set_local(to, local) : -NLE_NOMEM;

	rtnl_addr_set_prefixlen(to, address->len);
	// Set by us and known to be nobody else's: without the second in which IPv6 would ask around.
	if (!is_ip4)
		rtnl_addr_set_flags(to, IFA_F_NODAD);
	if (!error && broadcast)
		error = rtnl_addr_set_broadcast(to, broadcast);
	nl_addr_put(broadcast);
	nl_addr_put(local);
	return error;
}

static int change_address(const char *netns, const char *ifname, const struct ip_prefix *address,
                          bool on, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);
	struct rtnl_addr *addr = rtnl_addr_alloc();

	if (!error) {
		char text[PREFIX_TEXT];
		char what[PREFIX_TEXT + 32];
		int failed = addr ? fill_address(addr, address) : -NLE_NOMEM;

		if (!failed) {
			rtnl_addr_set_ifindex(addr, rtnl_link_get_ifindex(request.link));
			failed =
				on ? rtnl_addr_add(request.sock, addr, NLM_F_CREATE | NLM_F_REPLACE)
				   : rtnl_addr_delete(request.sock, addr, 0);
		}
		snprintf(what, sizeof(what), "cannot %s the address %s", on ? "add" : "remove",
		         prefix_format(*address, text));
		error = failed < 0 ? report(failed, fail, what, ifname) : 0;
	}
	rtnl_addr_put(addr);
	request_end(&request);
	return error;
}

int link_add_address(const char *netns, const char *ifname, const struct ip_prefix *address,
                     struct fail *fail)
{
	return change_address(netns, ifname, address, true, fail);
}

int link_remove_address(const char *netns, const char *ifname, const struct ip_prefix *address,
                        struct fail *fail)
{
	return change_address(netns, ifname, address, false, fail);
}

static int fill_default_route(struct rtnl_route *route, const struct ip_addr *via, int ifindex)
{
	static const struct ip_addr any6 = {{0}};
	struct ip_addr any4 = ip_from4(0);
	struct nl_addr *gateway = nl_address(via);
	struct nl_addr *any = nl_address(ip_is4(*via) ? &any4 : &any6);
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	int error = gateway && any && hop ? 0 : -NLE_NOMEM;

	if (!error) {
		nl_addr_set_prefixlen(any, 0);
		rtnl_route_set_scope(route, RT_SCOPE_UNIVERSE);
		rtnl_route_set_table(route, RT_TABLE_MAIN);
		rtnl_route_set_protocol(route, RTPROT_STATIC);
		error = rtnl_route_set_dst(route, any);
		rtnl_route_nh_set_ifindex(hop, ifindex);
		rtnl_route_nh_set_gateway(hop, gateway);
		rtnl_route_add_nexthop(route, hop);
		hop = NULL; // the route's now
	}
	if (hop)
		rtnl_route_nh_free(hop);
	nl_addr_put(any);
	nl_addr_put(gateway);
	return error;
}

static int change_default_route(const char *netns, const char *ifname, const struct ip_addr *via,
                                bool on, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);
	struct rtnl_route *route = rtnl_route_alloc();

	if (!error) {
		char text[IP_TEXT];
		char what[IP_TEXT + 40];
		int ifindex = rtnl_link_get_ifindex(request.link);
		int failed = route ? fill_default_route(route, via, ifindex) : -NLE_NOMEM;

		if (!failed)
			failed = on ? rtnl_route_add(request.sock, route,
			                             NLM_F_CREATE | NLM_F_REPLACE)
			            : rtnl_route_delete(request.sock, route, 0);
		snprintf(what, sizeof(what), "cannot %s the default route via %s",
		         on ? "add" : "remove", ip_format(*via, text));
		error = failed < 0 ? report(failed, fail, what, ifname) : 0;
	}
	if (route)
		rtnl_route_put(route);
	request_end(&request);
	return error;
}

int link_add_default_route(const char *netns, const char *ifname, const struct ip_addr *via,
                           struct fail *fail)
{
	return change_default_route(netns, ifname, via, true, fail);
}

int link_remove_default_route(const char *netns, const char *ifname, const struct ip_addr *via,
                              struct fail *fail)
{
	return change_default_route(netns, ifname, via, false, fail);
}

int link_add_veth(const char *ifname, const char *peer, struct fail *fail)
{
	struct request request = {.ifname = ifname};
	int error = request_open(&request, NULL, fail);
	struct rtnl_link *veth = rtnl_link_veth_alloc();
	struct rtnl_link *other = veth ? rtnl_link_veth_get_peer(veth) : NULL;

	if (!error && !other)
		error = fail_set(fail, -ENOMEM, "interface '%s': out of memory", ifname);
	if (!error) {
		rtnl_link_set_name(veth, ifname);
		rtnl_link_set_name(other, peer);

		int failed = rtnl_link_add(request.sock, veth, NLM_F_CREATE | NLM_F_EXCL);

		if (failed < 0)
			error = report(failed, fail, "cannot make the veth pair", ifname);
	}
	if (error == -EEXIST)
		fail_hint(fail, "'%s' or '%s' is there already", ifname, peer);
	if (other)
		rtnl_link_put(other);
	if (veth)
		rtnl_link_veth_release(veth);
	request_end(&request);
	return error;
}

int link_remove(const char *netns, const char *ifname, struct fail *fail)
{
	struct request request;
	int error = request_begin(&request, netns, ifname, fail);

	if (!error) {
		int failed = rtnl_link_delete(request.sock, request.link);

		error = failed < 0 ? report(failed, fail, "cannot remove it", ifname) : 0;
	}
	request_end(&request);
	return error;
}
