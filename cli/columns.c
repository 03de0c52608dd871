// SPDX-License-Identifier: BSD-3-Clause
//
// columns: the choice for each noun, in the order in which a person reads.

#include "cli/columns.h"

#include <stddef.h>
#include <string.h>

static const struct output_column net_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"mode", "MODE", OUTPUT_PLAIN},
	{"subnet", "SUBNET", OUTPUT_PLAIN},
	{"gateway", "GATEWAY", OUTPUT_PLAIN},
	{"subnet6", "SUBNET6", OUTPUT_PLAIN},
	{"vlan", "VLAN", OUTPUT_RIGHT},
	{"dhcp", "DHCP", OUTPUT_PLAIN},
	{"dns", "DNS", OUTPUT_PLAIN},
	{"ports", "PORTS", OUTPUT_RIGHT},
	{"nat_connections", "NAT-CONNS", OUTPUT_RIGHT},
	{0},
};

static const struct output_column port_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"host", "HOST", OUTPUT_PLAIN},
	{"state", "STATE", OUTPUT_PLAIN},
	{"attach", "KIND", OUTPUT_PLAIN},
	{"net", "NET", OUTPUT_PLAIN},
	{"trunk", "TRUNK", OUTPUT_PLAIN},
	{"native", "NATIVE", OUTPUT_RIGHT},
	{"ifname", "INTERFACE", OUTPUT_PLAIN},
	{"socket", "SOCKET", OUTPUT_PLAIN},
	{"link", "LINK", OUTPUT_PLAIN},
	{"mac", "MAC", OUTPUT_PLAIN},
	{"rx_packets", "RX-PKTS", OUTPUT_RIGHT},
	{"rx_bytes", "RX", OUTPUT_BYTES},
	{"tx_packets", "TX-PKTS", OUTPUT_RIGHT},
	{"tx_bytes", "TX", OUTPUT_BYTES},
	{"drops", "DROPS", OUTPUT_RIGHT},
	{"last_fault", "LAST FAULT", OUTPUT_PLAIN},
	{"error", "ERROR", OUTPUT_PLAIN},
	{0},
};

static const struct output_column guest_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},   {"kind", "KIND", OUTPUT_PLAIN},
	{"host", "HOST", OUTPUT_PLAIN},   {"net", "NET", OUTPUT_PLAIN},
	{"ip", "ADDRESS", OUTPUT_PLAIN},  {"mac", "MAC", OUTPUT_PLAIN},
	{"ports", "PORTS", OUTPUT_PLAIN}, {"run", "RUN", OUTPUT_PLAIN},
	{"lab", "LAB", OUTPUT_PLAIN},     {0},
};

static const struct output_column forward_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},         {"net", "NET", OUTPUT_PLAIN},
	{"protocol", "PROTOCOL", OUTPUT_PLAIN}, {"outside", "OUTSIDE", OUTPUT_PLAIN},
	{"outside_port", "PORT", OUTPUT_RIGHT}, {"guest", "GUEST", OUTPUT_PLAIN},
	{"inside", "INSIDE", OUTPUT_PLAIN},     {"inside_port", "PORT", OUTPUT_RIGHT},
	{"connections", "CONNS", OUTPUT_RIGHT}, {0},
};

static const struct output_column flow_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"priority", "PRIORITY", OUTPUT_RIGHT},
	{"match", "MATCH", OUTPUT_PLAIN},
	{"actions", "ACTIONS", OUTPUT_PLAIN},
	{"packets", "PACKETS", OUTPUT_RIGHT},
	{"bytes", "BYTES", OUTPUT_BYTES},
	{0},
};

static const struct output_column lease_columns[] = {
	{"net", "NET", OUTPUT_PLAIN},
	{"ip", "ADDRESS", OUTPUT_PLAIN},
	{"mac", "MAC", OUTPUT_PLAIN},
	{"hostname", "HOST", OUTPUT_PLAIN},
	{"port", "PORT", OUTPUT_PLAIN},
	{"kind", "KIND", OUTPUT_PLAIN},
	{"state", "STATE", OUTPUT_PLAIN},
	{"expires", "EXPIRES", OUTPUT_TIME},
	{0},
};

static const struct output_column gc_columns[] = {
	{"kind", "KIND", OUTPUT_PLAIN},
	{"name", "NAME", OUTPUT_PLAIN},
	{"why", "WHY", OUTPUT_PLAIN},
	{0},
};

static const struct output_column lab_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"description", "DESCRIPTION", OUTPUT_PLAIN},
	{"file", "FILE", OUTPUT_PLAIN},
	{"applied", "REVISION", OUTPUT_RIGHT},
	{0},
};

static const struct output_column host_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"kind", "KIND", OUTPUT_PLAIN},
	{"ip", "ADDRESS", OUTPUT_PLAIN},
	{"state", "STATE", OUTPUT_PLAIN},
	{"pid", "PID", OUTPUT_RIGHT},
	{"from", "FROM", OUTPUT_PLAIN},
	{"certificate", "CERTIFICATE", OUTPUT_PLAIN},
	{"certificate_until", "UNTIL", OUTPUT_TIME},
	{"software", "SOFTWARE", OUTPUT_PLAIN},
	{"generation", "GENERATION", OUTPUT_RIGHT},
	{"objects", "OBJECTS", OUTPUT_RIGHT},
	{"restarts", "RESTARTS", OUTPUT_RIGHT},
	{"last_gap_ms", "LAST-GAP-MS", OUTPUT_RIGHT},
	{"lag_us", "LAG-US", OUTPUT_RIGHT},
	{"trouble", "TROUBLE", OUTPUT_PLAIN},
	{"refused", "TURNED AWAY", OUTPUT_PLAIN},
	{0},
};

static const struct output_column history_columns[] = {
	{"revision", "REVISION", OUTPUT_RIGHT},
	{"time", "TIME", OUTPUT_TIME},
	{"state", "STATE", OUTPUT_PLAIN},
	{"command", "COMMAND", OUTPUT_PLAIN},
	{0},
};

static const struct output_column drop_columns[] = {
	{"time", "TIME", OUTPUT_TIME},      {"host", "HOST", OUTPUT_PLAIN},
	{"port", "PORT", OUTPUT_PLAIN},     {"reason", "REASON", OUTPUT_PLAIN},
	{"packet", "PACKET", OUTPUT_PLAIN}, {"len", "BYTES", OUTPUT_RIGHT},
	{"explain", "WHY", OUTPUT_PLAIN},   {0},
};

static const struct output_column event_columns[] = {
	{"time", "TIME", OUTPUT_TIME},  {"host", "HOST", OUTPUT_PLAIN},
	{"type", "TYPE", OUTPUT_PLAIN}, {"object", "OBJECT", OUTPUT_PLAIN},
	{"text", "WHAT", OUTPUT_PLAIN}, {0},
};

static const struct output_column link_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN}, {"a", "A", OUTPUT_PLAIN},
	{"b", "B", OUTPUT_PLAIN},       {"comment", "COMMENT", OUTPUT_PLAIN},
	{"lab", "LAB", OUTPUT_PLAIN},   {0},
};

static const struct output_column impair_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"effects", "EFFECTS", OUTPUT_PLAIN},
	{"timeline", "TIMELINE", OUTPUT_PLAIN},
	{"frames", "FRAMES", OUTPUT_RIGHT},
	{"lost", "LOST", OUTPUT_RIGHT},
	{"queue_full", "QUEUE-FULL", OUTPUT_RIGHT},
	{"held", "HELD", OUTPUT_RIGHT},
	{"seed", "SEED", OUTPUT_RIGHT},
	{0},
};

static const struct output_column conn_columns[] = {
	{"host", "HOST", OUTPUT_PLAIN},
	{"vrf", "ROUTER", OUTPUT_PLAIN},
	{"protocol", "PROTOCOL", OUTPUT_PLAIN},
	{"src", "SOURCE", OUTPUT_PLAIN},
	{"src_port", "PORT", OUTPUT_RIGHT},
	{"dst", "DESTINATION", OUTPUT_PLAIN},
	{"dst_port", "PORT", OUTPUT_RIGHT},
	{"nat", "NAT", OUTPUT_PLAIN},
	{"reply_src", "ANSWERS FROM", OUTPUT_PLAIN},
	{"reply_dst", "ANSWERS TO", OUTPUT_PLAIN},
	{"reply_dst_port", "PORT", OUTPUT_RIGHT},
	{"state", "STATE", OUTPUT_PLAIN},
	{"bytes", "SENT", OUTPUT_BYTES},
	{"reply_bytes", "GOT", OUTPUT_BYTES},
	{"left_seconds", "ENDS IN S", OUTPUT_RIGHT},
	{0},
};

static const struct output_column fdb_columns[] = {
	{"host", "HOST", OUTPUT_PLAIN},         {"bridge", "BRIDGE", OUTPUT_PLAIN},
	{"vlan", "VLAN", OUTPUT_RIGHT},         {"mac", "MAC", OUTPUT_PLAIN},
	{"port", "PORT", OUTPUT_PLAIN},         {"static", "STATIC", OUTPUT_PLAIN},
	{"age_seconds", "AGE S", OUTPUT_RIGHT}, {0},
};

static const struct output_column neighbour_columns[] = {
	{"host", "HOST", OUTPUT_PLAIN},
	{"interface", "NET", OUTPUT_PLAIN},
	{"ip", "ADDRESS", OUTPUT_PLAIN},
	{"mac", "MAC", OUTPUT_PLAIN},
	{"state", "STATE", OUTPUT_PLAIN},
	{"age_ms", "AGE MS", OUTPUT_RIGHT},
	{0},
};

static const struct output_column address_columns[] = {
	{"net", "NET", OUTPUT_PLAIN},
	{"ip", "ADDRESS", OUTPUT_PLAIN},
	{"mac", "MAC", OUTPUT_PLAIN},
	{"host", "HOST", OUTPUT_PLAIN},
	{"port", "PORT", OUTPUT_PLAIN},
	{"source", "SOURCE", OUTPUT_PLAIN},
	{0},
};

static const struct output_column worker_columns[] = {
	{"host", "HOST", OUTPUT_PLAIN},
	{"worker", "WORKER", OUTPUT_RIGHT},
	{"packets", "PACKETS", OUTPUT_RIGHT},
	{"batches", "BATCHES", OUTPUT_RIGHT},
	{"cache_hits", "CACHE HITS", OUTPUT_RIGHT},
	{"cache_misses", "MISSES", OUTPUT_RIGHT},
	{"sleeps", "SLEEPS", OUTPUT_RIGHT},
	{"busy_cycles", "BUSY CYCLES", OUTPUT_RIGHT},
	{0},
};

static const struct output_column tunnel_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"state", "STATE", OUTPUT_PLAIN},
	{"type", "TYPE", OUTPUT_PLAIN},
	{"local", "LOCAL", OUTPUT_PLAIN},
	{"port", "PORT", OUTPUT_RIGHT},
	{"drops", "DROPS", OUTPUT_RIGHT},
	{0},
};

static const struct output_column peer_columns[] = {
	{"name", "NAME", OUTPUT_PLAIN},
	{"host", "HOST", OUTPUT_PLAIN},
	{"state", "STATE", OUTPUT_PLAIN},
	{"tunnel", "TUNNEL", OUTPUT_PLAIN},
	{"remote", "REMOTE", OUTPUT_PLAIN},
	{"bfd_state", "BFD", OUTPUT_PLAIN},
	{"by", "BY", OUTPUT_PLAIN},
	{"mtu", "MTU", OUTPUT_RIGHT},
	{"macs", "MACS", OUTPUT_RIGHT},
	{"rx_packets", "RX-PKTS", OUTPUT_RIGHT},
	{"rx_bytes", "RX", OUTPUT_BYTES},
	{"tx_packets", "TX-PKTS", OUTPUT_RIGHT},
	{"tx_bytes", "TX", OUTPUT_BYTES},
	{"drops", "DROPS", OUTPUT_RIGHT},
	{0},
};

static const struct {
	const char *what;
	const struct output_column *columns;
} choices[] = {
	{"tunnel", tunnel_columns},
	{"peer", peer_columns},
	{"net", net_columns},
	{"port", port_columns},
	{"guest", guest_columns},
	{"forward", forward_columns},
	{"lease", lease_columns},
	{"lab", lab_columns},
	{"gc", gc_columns},
	{"host", host_columns},
	{"history", history_columns},
	{"events", event_columns},
	{"drops", drop_columns},
	{"flow", flow_columns},
	{"impair", impair_columns},
	{"link", link_columns},
	{"conn", conn_columns},
	{"fdb", fdb_columns},
	{"neighbour", neighbour_columns},
	{"address", address_columns},
	{"worker", worker_columns},
};

const struct output_column *columns_of(const char *what)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		if (strcmp(choices[i].what, what) == 0)
			return choices[i].columns;
	return NULL;
}
