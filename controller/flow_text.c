// SPDX-License-Identifier: BSD-3-Clause
//
// flow_text: parses words separated by commas, each "word" or "word=value".
//
// A protocol's name implies what it rides on: "tcp" means IPv4 or IPv6 with protocol 6, so ports need
// no more than "tcp,dport=80".

#include "controller/flow_text.h"

#include "base/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *key, *field; // For the refusal.
	struct refusal *refusal;
	struct flow_text *text;
};

typedef int (*word_fn)(struct scan *scan, const char *value);

struct word {
	const char *name;
	bool has_value;
	word_fn apply;
};

static int bad(struct scan *scan, const char *value, const char *wanted)
{
	return refuse(scan->refusal, -EINVAL, scan->key, scan->field, "%s: '%s' is not %s",
	              scan->key, value, wanted);
}

static int number(struct scan *scan, const char *value, uint32_t least, uint32_t most,
                  uint32_t *ret)
{
	char *end, wanted[64];
	unsigned long parsed;

	errno = 0;
	parsed = strtoul(value, &end, 0);
	if (errno == 0 && *value >= '0' && *value <= '9' && *end == '\0' && parsed >= least &&
	    parsed <= most) {
		*ret = (uint32_t)parsed;
		return 0;
	}
	snprintf(wanted, sizeof(wanted), "a number from %u to %u", least, most);
	return bad(scan, value, wanted);
}

static int name_into(struct scan *scan, const char *value, char *buf, uint32_t field)
{
	if (*value == '\0' || strlen(value) >= 64)
		return bad(scan, value, "a name");
	snprintf(buf, 64, "%s", value);
	scan->text->fields |= field;
	return 0;
}

static int mac_into(struct scan *scan, const char *value, struct mac *mac, uint32_t field)
{
	if (mac_parse(value, mac) < 0)
		return bad(scan, value, "a MAC address");
	scan->text->fields |= field;
	return 0;
}

static int prefix_into(struct scan *scan, const char *value, struct ip_prefix *prefix,
                       uint32_t field)
{
	if (prefix_parse(value, prefix) < 0)
		return bad(scan, value, "an address or prefix");
	*prefix = prefix_network(*prefix);
	scan->text->fields |= field;
	return 0;
}

static int number_into(struct scan *scan, const char *value, uint32_t least, uint32_t most,
                       uint16_t *into, uint32_t field)
{
	uint32_t parsed;
	int err = number(scan, value, least, most, &parsed);

	if (err < 0)
		return err;
	*into = (uint16_t)parsed;
	scan->text->fields |= field;
	return 0;
}

static int on_port(struct scan *scan, const char *value)
{
	return name_into(scan, value, scan->text->port, FLOW_PORT);
}

static int on_net(struct scan *scan, const char *value)
{
	return name_into(scan, value, scan->text->net, FLOW_NET);
}

static int on_vlan(struct scan *scan, const char *value)
{
	return number_into(scan, value, 1, 4094, &scan->text->vid, FLOW_VID);
}

static int on_eth_src(struct scan *scan, const char *value)
{
	return mac_into(scan, value, &scan->text->eth_src, FLOW_ETH_SRC);
}

static int on_eth_dst(struct scan *scan, const char *value)
{
	return mac_into(scan, value, &scan->text->eth_dst, FLOW_ETH_DST);
}

static int on_eth_type(struct scan *scan, const char *value)
{
	return number_into(scan, value, 0x600, 0xffff, &scan->text->eth_type, FLOW_ETH_TYPE);
}

static int on_src(struct scan *scan, const char *value)
{
	return prefix_into(scan, value, &scan->text->ip_src, FLOW_IP_SRC);
}

static int on_dst(struct scan *scan, const char *value)
{
	return prefix_into(scan, value, &scan->text->ip_dst, FLOW_IP_DST);
}

static int on_sport(struct scan *scan, const char *value)
{
	return number_into(scan, value, 1, 65535, &scan->text->l4_src, FLOW_L4_SRC);
}

static int on_dport(struct scan *scan, const char *value)
{
	return number_into(scan, value, 1, 65535, &scan->text->l4_dst, FLOW_L4_DST);
}

static int on_proto(struct scan *scan, const char *value)
{
	uint32_t parsed;
	int err = number(scan, value, 0, 255, &parsed);

	if (err < 0)
		return err;
	scan->text->ip_proto = (uint8_t)parsed;
	scan->text->fields |= FLOW_IP_PROTO;
	return 0;
}

static int protocol(struct scan *scan, uint8_t ip_proto)
{
	scan->text->ip_proto = ip_proto;
	scan->text->fields |= FLOW_IP_PROTO;
	return 0;
}

static int on_tcp(struct scan *scan, const char *value)
{
	return protocol(scan, 6);
}

static int on_udp(struct scan *scan, const char *value)
{
	return protocol(scan, 17);
}

static int on_icmp(struct scan *scan, const char *value)
{
	return protocol(scan, 1);
}

static int on_icmp6(struct scan *scan, const char *value)
{
	return protocol(scan, 58);
}

static int eth_type(struct scan *scan, uint16_t type)
{
	scan->text->eth_type = type;
	scan->text->fields |= FLOW_ETH_TYPE;
	return 0;
}

static int on_ip(struct scan *scan, const char *value)
{
	return eth_type(scan, 0x0800);
}

static int on_ip6(struct scan *scan, const char *value)
{
	return eth_type(scan, 0x86dd);
}

static int on_arp(struct scan *scan, const char *value)
{
	return eth_type(scan, 0x0806);
}

static int on_any(struct scan *scan, const char *value)
{
	return 0;
}

static int on_drop(struct scan *scan, const char *value)
{
	scan->text->drop = true;
	return 0;
}

static int on_normal(struct scan *scan, const char *value)
{
	scan->text->normal = true;
	return 0;
}

static int on_output(struct scan *scan, const char *value)
{
	return name_into(scan, value, scan->text->output, 0);
}

static int on_set_src(struct scan *scan, const char *value)
{
	scan->text->has_set_src = true;
	return mac_into(scan, value, &scan->text->set_src, 0);
}

static int on_set_dst(struct scan *scan, const char *value)
{
	scan->text->has_set_dst = true;
	return mac_into(scan, value, &scan->text->set_dst, 0);
}

static const struct word match_words[] = {
	{"any", false, on_any},
	{"port", true, on_port},
	{"net", true, on_net},
	{"vlan", true, on_vlan},
	{"eth_src", true, on_eth_src},
	{"eth_dst", true, on_eth_dst},
	{"eth_type", true, on_eth_type},
	{"src", true, on_src},
	{"dst", true, on_dst},
	{"proto", true, on_proto},
	{"sport", true, on_sport},
	{"dport", true, on_dport},
	{"tcp", false, on_tcp},
	{"udp", false, on_udp},
	{"icmp", false, on_icmp},
	{"icmp6", false, on_icmp6},
	{"ip", false, on_ip},
	{"ip6", false, on_ip6},
	{"arp", false, on_arp},
	{NULL, false, NULL},
};

static const struct word action_words[] = {
	{"drop", false, on_drop},          {"normal", false, on_normal},
	{"output", true, on_output},       {"set_eth_src", true, on_set_src},
	{"set_eth_dst", true, on_set_dst}, {NULL, false, NULL},
};

static int apply_word(struct scan *scan, const struct word *words, char *word)
{
	char *value = strchr(word, '=');
	struct suggest suggest;

	if (value)
		*value++ = '\0';
	suggest_init(&suggest, word);
	for (const struct word *known = words; known->name; known++) {
		suggest_consider(&suggest, known->name);
		if (strcmp(known->name, word) != 0)
			continue;
		if (known->has_value != (value != NULL))
			return refuse(scan->refusal, -EINVAL, scan->key, scan->field, "%s: '%s' %s",
			              scan->key, word, value ? "takes no value" : "needs a value");
		return known->apply(scan, value);
	}
	refuse(scan->refusal, -EINVAL, scan->key, scan->field, "%s: '%s' is not known in %s",
	       scan->key, word, scan->field);
	if (suggest.best)
		fail_hint(&scan->refusal->fail, "did you mean '%s'?", suggest.best);
	return -EINVAL;
}

static int parse_words(struct scan *scan, const struct word *words, const char *text)
{
	char copy[512], *rest = copy, *word;
	int err = 0;

	if (strlen(text) >= sizeof(copy))
		return refuse(scan->refusal, -E2BIG, scan->key, scan->field,
		              "%s: the %s is too long", scan->key, scan->field);
	snprintf(copy, sizeof(copy), "%s", text);
	while (err == 0 && (word = strsep(&rest, ", ")))
		if (*word)
			err = apply_word(scan, words, word);
	return err;
}

int flow_text_parse(const char *key, const Weft__FlowIntent *flow, struct flow_text *ret,
                    struct refusal *refusal)
{
	struct flow_text text = {0};
	struct scan scan = {.key = key, .field = "match", .refusal = refusal, .text = &text};
	int err = parse_words(&scan, match_words, flow->match ? flow->match : "");

	if (err < 0)
		return err;
	scan.field = "actions";
	err = parse_words(&scan, action_words, flow->actions ? flow->actions : "drop");
	if (err < 0)
		return err;
	if (text.drop + text.normal + (text.output[0] != '\0') != 1)
		return refuse(refusal, -EINVAL, key, "actions",
		              "%s: the actions must end in exactly one of drop, normal and output",
		              key);
	if (text.fields & (FLOW_L4_SRC | FLOW_L4_DST) &&
	    (!(text.fields & FLOW_IP_PROTO) || (text.ip_proto != 6 && text.ip_proto != 17))) {
		refuse(refusal, -EINVAL, key, "match", "%s: sport and dport need tcp or udp", key);
		return -EINVAL;
	}
	*ret = text;
	return 0;
}
