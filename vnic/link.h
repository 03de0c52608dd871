// SPDX-License-Identifier: BSD-3-Clause
//
// link: makes, moves, names, configures and watches the kernel's links (rtnetlink, libnl-3).
//
// Main thread. Every call opens what it needs in the namespace named and leaves the thread where it was.
// `netns` is a path as "/run/netns/h1", or NULL for our own.

#pragma once

#include "base/addr.h"
#include "base/fail.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link_state {
	unsigned ifindex;
	bool up;      // administratively
	bool running; // carrier
	uint32_t mtu;
	struct mac mac;
};

int link_get(const char *netns, const char *ifname, struct link_state *ret, struct fail *fail);
// Moves a link from our namespace into `netns` and names it; it is down afterwards.
int link_move(const char *ifname, const char *netns, const char *new_name, struct fail *fail);
int link_rename(const char *netns, const char *ifname, const char *new_name, struct fail *fail);
int link_set_mac(const char *netns, const char *ifname, const struct mac *mac, struct fail *fail);
int link_set_mtu(const char *netns, const char *ifname, uint32_t mtu, struct fail *fail);
int link_set_up(const char *netns, const char *ifname, bool up, struct fail *fail);
// Replaces the address if it is there already.
int link_add_address(const char *netns, const char *ifname, const struct ip_prefix *address,
                     struct fail *fail);
int link_remove_address(const char *netns, const char *ifname, const struct ip_prefix *address,
                        struct fail *fail);
int link_add_default_route(const char *netns, const char *ifname, const struct ip_addr *via,
                           struct fail *fail);
int link_remove_default_route(const char *netns, const char *ifname, const struct ip_addr *via,
                              struct fail *fail);
// link_announce.c. After its MAC became another: IPv6 addresses made from the old one (RFC 4291 appendix A) go, and
// the link-local one comes anew, upon which the kernel asks for the router's prefixes.
int link_follow_mac(const char *netns, const char *ifname, const struct mac *old,
                    struct fail *fail);
// Tells the neighbours each IPv4 address that it has (RFC 5227, 2.3).
int link_announce(const char *netns, const char *ifname, struct fail *fail);
int link_add_veth(const char *ifname, const char *peer, struct fail *fail);
int link_remove(const char *netns, const char *ifname, struct fail *fail);

// Watches links of our namespace; `changed` runs on the main thread from link_watch_read.
struct link_watch;
typedef void (*link_changed_fn)(void *user, const char *ifname, const struct link_state *state,
                                bool removed);
struct link_watch *link_watch_new(link_changed_fn changed, void *user); // NULL with errno
int link_watch_fd(const struct link_watch *watch);
void link_watch_read(struct link_watch *watch);
void link_watch_free(struct link_watch *watch);

// Runs `run` with the thread inside the namespace, then returns to where it was. Returns run's result.
int link_in_netns(const char *netns, int (*run)(void *user), void *user, struct fail *fail);
