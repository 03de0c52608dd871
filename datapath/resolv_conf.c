// SPDX-License-Identifier: BSD-3-Clause
//
// resolv_conf: reads "nameserver" lines, leaves out what it does not understand.
//
// The file is looked at before each question that needs it and read only when it has changed, so a
// host that moves to another network needs to tell nobody.

#include "datapath/resolv_conf.h"

#include "base/addr.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 256 };

// Splits "address%scope#port" in place. False: the port is none.
static bool split(char *text, const char **scope, uint16_t *port)
{
	char *mark = strchr(text, '#');

	*port = RESOLVER_PORT;
	if (mark) {
		char *end;
		unsigned long value = strtoul(mark + 1, &end, 10);

		if (mark[1] < '0' || mark[1] > '9' || *end || value == 0 || value > UINT16_MAX)
			return false;
		*port = (uint16_t)value;
		*mark = 0;
	}
	mark = strchr(text, '%');
	*scope = mark ? mark + 1 : NULL;
	if (mark)
		*mark = 0;
	return true;
}

int resolver_parse(const char *text, union resolver *ret)
{
	union resolver resolver = {0};
	struct ip_addr ip;
	const char *scope;
	char copy[LINE];
	uint16_t port;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy) ||
	    !split(copy, &scope, &port) || ip_parse(copy, &ip) < 0 || ip_is_multicast(ip))
		return -EINVAL;
	if (ip_is4(ip)) {
		if (scope)
			return -EINVAL;
		resolver.in.sin_family = AF_INET;
		resolver.in.sin_port = htons(port);
		resolver.in.sin_addr.s_addr = ip_to4(ip);
	} else {
		resolver.in6.sin6_family = AF_INET6;
		resolver.in6.sin6_port = htons(port);
		memcpy(resolver.in6.sin6_addr.s6_addr, ip.b, sizeof(ip.b));
		if (scope && !(resolver.in6.sin6_scope_id = if_nametoindex(scope)))
			return -EINVAL;
	}
	*ret = resolver;
	return 0;
}

socklen_t resolver_len(const union resolver *resolver)
{
	return resolver->any.sa_family == AF_INET ? sizeof(resolver->in) : sizeof(resolver->in6);
}

static void read_line(struct resolv_conf *conf, char *line)
{
	static const char space[] = " \t\r\n";
	char *rest = NULL;
	const char *word = strtok_r(line, space, &rest);

	if (!word || strcmp(word, "nameserver") != 0 || conf->count == RESOLV_CONF_SERVERS)
		return;
	word = strtok_r(NULL, space, &rest);
	// There is no port in this file, and none is taken from it.
	if (word && !strchr(word, '#') && resolver_parse(word, &conf->servers[conf->count]) == 0)
		conf->count++;
}

void resolv_conf_refresh(struct resolv_conf *conf)
{
	char line[LINE];
	struct stat now;
	FILE *file = fopen(conf->path, "re");

	if (!file || fstat(fileno(file), &now) < 0) {
		conf->count = 0;
		conf->changed = (struct timespec){0};
		if (file)
			fclose(file);
		return;
	}
	if (now.st_ino != conf->inode || now.st_mtim.tv_sec != conf->changed.tv_sec ||
	    now.st_mtim.tv_nsec != conf->changed.tv_nsec) {
		conf->inode = now.st_ino;
		conf->changed = now.st_mtim;
		conf->count = 0;
		while (fgets(line, sizeof(line), file))
			read_line(conf, line);
	}
	fclose(file);
}
