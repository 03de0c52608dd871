// SPDX-License-Identifier: BSD-3-Clause
//
// probe_name: the C library's own resolver, with the guest's resolv.conf in its place. Each address once.

#include "cli/probe_name.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

static bool read_address(const struct sockaddr *from, struct ip_addr *ret)
{
	if (from->sa_family == AF_INET)
		*ret = ip_from4(((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr);
	else if (from->sa_family == AF_INET6)
		*ret = ip_from6(&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr);
	else
		return false;
	return true;
}

static void add(struct probe_name_answer *answer, struct ip_addr ip)
{
	for (unsigned i = 0; i < answer->count; i++)
		if (ip_equal(answer->addresses[i], ip))
			return;
	if (answer->count < PROBE_NAME_ADDRESSES)
		answer->addresses[answer->count++] = ip;
}

void probe_name(const void *user, void *result)
{
	const struct probe_name_question *question = user;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct probe_name_answer *answer = result;
	struct addrinfo *list = NULL;
	struct ip_addr ip;

	answer->error = getaddrinfo(question->name, NULL, &hints, &list);
	if (answer->error)
		return;
	for (const struct addrinfo *at = list; at; at = at->ai_next)
		if (read_address(at->ai_addr, &ip))
			add(answer, ip);
	freeaddrinfo(list);
}
