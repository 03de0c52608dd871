// SPDX-License-Identifier: BSD-3-Clause
//
// model_noun: the checks of text that several nouns share.

#include "controller/model_noun.h"

#include "base/addr.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static int replace(const char *key, const char *field, char **text, const char *by,
                   struct refusal *refusal)
{
	char *copy = strdup(by);

	if (!copy)
		return refuse(refusal, -ENOMEM, key, field, "%s: out of memory", key);
	free(*text);
	*text = copy;
	return 0;
}

int model_canon_ip(const char *key, const char *field, char **text, struct refusal *refusal)
{
	char buf[IP_TEXT];
	struct ip_addr addr;

	if (!*text)
		return 0;
	if (ip_parse(*text, &addr) < 0)
		return refuse(refusal, -EINVAL, key, field, "%s: '%s' is not an IP address", key,
		              *text);
	return replace(key, field, text, ip_format(addr, buf), refusal);
}

int model_canon_mac(const char *key, const char *field, char **text, struct refusal *refusal)
{
	char buf[MAC_TEXT];
	struct mac mac;

	if (!*text)
		return 0;
	if (mac_parse(*text, &mac) < 0) {
		refuse(refusal, -EINVAL, key, field, "%s: '%s' is not a MAC address", key, *text);
		fail_hint(&refusal->fail, "write it as 02:00:00:00:00:01");
		return -EINVAL;
	}
	if (mac_is_multicast(mac) || mac_is_zero(mac))
		return refuse(refusal, -EINVAL, key, field,
		              "%s: the MAC %s is not one that a host can have", key, *text);
	return replace(key, field, text, mac_format(mac, buf), refusal);
}

int model_canon_prefix(const char *key, const char *field, char **text, struct refusal *refusal)
{
	char buf[PREFIX_TEXT];
	struct ip_prefix prefix;

	if (!*text)
		return 0;
	if (prefix_parse(*text, &prefix) < 0) {
		refuse(refusal, -EINVAL, key, field, "%s: '%s' is not a prefix", key, *text);
		fail_hint(&refusal->fail, "write it as 10.0.0.0/8 or 2001:db8::/32");
		return -EINVAL;
	}
	return replace(key, field, text, prefix_format(prefix_network(prefix), buf), refusal);
}

int model_check_domain(const char *key, const char *field, const char *text, bool dots,
                       struct refusal *refusal)
{
	size_t label = 0, len = strlen(text);
	bool good = len > 0 && len <= (dots ? 200 : 63);

	for (size_t i = 0; good && i < len; i++) {
		if (text[i] == '.') {
			good = dots && label > 0 && text[i - 1] != '-';
			label = 0;
			continue;
		}
		good = isalnum((unsigned char)text[i]) || text[i] == '_' ||
		       (text[i] == '-' && label > 0);
		good = good && ++label <= 63;
	}
	if (good && label > 0)
		return 0;
	refuse(refusal, -EINVAL, key, field, "%s: '%s' is not a name that DNS can carry", key,
	       text);
	fail_hint(&refusal->fail, "use letters, digits and hyphens%s",
	          dots ? ", with dots between the labels, as lan.test" : "");
	return -EINVAL;
}

int model_check_host_ip(const struct model *model, const char *key, const char *field,
                        const char *net, const char *text, struct refusal *refusal)
{
	const struct intent *owner = net ? model_get(model, NOUN_NET, net) : NULL;
	char buf[PREFIX_TEXT];
	struct net_plan plan;
	struct ip_prefix subnet;
	struct ip_addr addr;
	bool has;

	if (!text)
		return 0;
	if (!owner) {
		refuse(refusal, -EINVAL, key, field, "%s: an address needs a net", key);
		return -EINVAL;
	}
	if (ip_parse(text, &addr) < 0)
		return refuse(refusal, -EINVAL, key, field, "%s: '%s' is not an IP address", key,
		              text);
	if (ipam_plan(owner->key, owner->msg->net, &plan, refusal) < 0)
		return refusal->fail.code;
	has = ip_is4(addr) ? plan.has4 : plan.has6;
	subnet = ip_is4(addr) ? plan.subnet4 : plan.subnet6;
	if (!has)
		return refuse(refusal, -EINVAL, key, field,
		              "%s: net '%s' has no IPv%d subnet for the address %s", key, net,
		              ip_is4(addr) ? 4 : 6, text);
	if (!prefix_contains(subnet, addr)) {
		refuse(refusal, -EINVAL, key, field,
		       "%s: the address %s is outside the subnet %s of net '%s'", key, text,
		       prefix_format(subnet, buf), net);
		fail_hint(&refusal->fail, "choose one within %s", prefix_format(subnet, buf));
		return -EINVAL;
	}
	if (ip_equal(addr, subnet.addr) || (ip_is4(addr) && ip_equal(addr, prefix_last(subnet))))
		return refuse(refusal, -EINVAL, key, field,
		              "%s: %s is the first or last address of %s, which no host can have",
		              key, text, prefix_format(subnet, buf));
	return 0;
}
