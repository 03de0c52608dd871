// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_main: the command: plugs one or two guests into a switch, runs a load, prints what became of it.
//
// It exits with 0 when the load ran, 1 when it did not or when a ring was breached, 2 for a wrong command line.
// With --exact also loss, doubles, damage and changes of order are failures.

#include "base/bytes.h"
#include "base/fail.h"
#include "tests/guest/vguest_load.h"

#include <errno.h>
#include <getopt.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: vguest MODE --connect PATH|--listen PATH [SECOND PATH] [OPTION]...\n"
	"modes: pair  two guests, each sends to the other\n"
	"       send, sink, echo  one guest\n"
	"       info  prints what the back end offers\n"
	"       break  offers a buffer outside of its memory, and waits for the word that the ring is lost\n"
	"device: --packed --in-order --no-mrg --no-indirect --no-event-idx --no-csum --no-tso --no-uso\n"
	"        --protocol MASK --size N --queues N --regions N --slots --stale-base --mtu N\n"
	"        --rx-layout, --tx-layout joined|apart|pages|random|shreds --use-indirect --mixed\n"
	"        --rx-room N --strict --any-count\n"
	"load:   --len N[-M] --count N --seconds S --rate R --window N --burst N --flows N --vary to|tuple\n"
	"        --tcp --gso MSS --ip6 --checksum --one-way --verify --no-numbers --latency --sleep\n"
	"        --reconnect --stops N --quiet MS --to MAC --from MAC\n"
	"output: --json --exact\n";

enum option_code {
	CONNECT = 256,
	LISTEN,
	PACKED,
	IN_ORDER,
	NO_MRG,
	NO_INDIRECT,
	NO_EVENT_IDX,
	NO_CSUM,
	NO_TSO,
	NO_USO,
	PROTOCOL,
	SIZE,
	QUEUES,
	REGIONS,
	SLOTS,
	STALE_BASE,
	MTU,
	RX_LAYOUT,
	TX_LAYOUT,
	USE_INDIRECT,
	MIXED,
	RX_ROOM,
	STRICT,
	ANY_COUNT,
	LEN,
	COUNT,
	SECONDS,
	RATE,
	WINDOW,
	BURST,
	FLOWS,
	VARY,
	TCP,
	GSO,
	IP6,
	CHECKSUM,
	ONE_WAY,
	VERIFY,
	NO_NUMBERS,
	LATENCY,
	SLEEP,
	RECONNECT,
	STOPS,
	QUIET,
	TO,
	FROM,
	JSON,
	EXACT,
};

static const struct option options[] = {
	{"connect", required_argument, NULL, CONNECT},
	{"listen", required_argument, NULL, LISTEN},
	{"packed", no_argument, NULL, PACKED},
	{"in-order", no_argument, NULL, IN_ORDER},
	{"no-mrg", no_argument, NULL, NO_MRG},
	{"no-indirect", no_argument, NULL, NO_INDIRECT},
	{"no-event-idx", no_argument, NULL, NO_EVENT_IDX},
	{"no-csum", no_argument, NULL, NO_CSUM},
	{"no-tso", no_argument, NULL, NO_TSO},
	{"no-uso", no_argument, NULL, NO_USO},
	{"protocol", required_argument, NULL, PROTOCOL},
	{"size", required_argument, NULL, SIZE},
	{"queues", required_argument, NULL, QUEUES},
	{"regions", required_argument, NULL, REGIONS},
	{"slots", no_argument, NULL, SLOTS},
	{"stale-base", no_argument, NULL, STALE_BASE},
	{"mtu", required_argument, NULL, MTU},
	{"rx-layout", required_argument, NULL, RX_LAYOUT},
	{"tx-layout", required_argument, NULL, TX_LAYOUT},
	{"use-indirect", no_argument, NULL, USE_INDIRECT},
	{"mixed", no_argument, NULL, MIXED},
	{"rx-room", required_argument, NULL, RX_ROOM},
	{"strict", no_argument, NULL, STRICT},
	{"any-count", no_argument, NULL, ANY_COUNT},
	{"len", required_argument, NULL, LEN},
	{"count", required_argument, NULL, COUNT},
	{"seconds", required_argument, NULL, SECONDS},
	{"rate", required_argument, NULL, RATE},
	{"window", required_argument, NULL, WINDOW},
	{"burst", required_argument, NULL, BURST},
	{"flows", required_argument, NULL, FLOWS},
	{"vary", required_argument, NULL, VARY},
	{"tcp", no_argument, NULL, TCP},
	{"gso", required_argument, NULL, GSO},
	{"ip6", no_argument, NULL, IP6},
	{"checksum", no_argument, NULL, CHECKSUM},
	{"one-way", no_argument, NULL, ONE_WAY},
	{"verify", no_argument, NULL, VERIFY},
	{"no-numbers", no_argument, NULL, NO_NUMBERS},
	{"latency", no_argument, NULL, LATENCY},
	{"sleep", no_argument, NULL, SLEEP},
	{"reconnect", no_argument, NULL, RECONNECT},
	{"stops", required_argument, NULL, STOPS},
	{"quiet", required_argument, NULL, QUIET},
	{"to", required_argument, NULL, TO},
	{"from", required_argument, NULL, FROM},
	{"json", no_argument, NULL, JSON},
	{"exact", no_argument, NULL, EXACT},
	{0},
};

struct command {
	const char *mode;
	const char *paths[2];
	bool listen[2];
	unsigned path_count;
	struct vguest_nic_setup setup;
	struct vguest_load load;
	bool json, exact;
};

static const struct command defaults = {
	.setup = {.options = {.pairs = 1, .size = 256, .regions = 2}},
	.load = {.len = 64, .burst = 32, .flows = 1, .numbers = true, .quiet_ms = 500},
};

static void drop(struct command *command, uint64_t features)
{
	command->setup.options.features &= ~features;
}

static int parse_layout(const char *text, enum vguest_layout *layout)
{
	static const char *const names[] = {"joined", "apart", "pages", "random", "shreds"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*layout = (enum vguest_layout)i;
			return 0;
		}
	return -1;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
	              &mac[4], &mac[5]) == 6
	               ? 0
	               : -1;
}

static int take_path(struct command *command, const char *path, bool listen)
{
	if (command->path_count == ARRAY_SIZE(command->paths))
		return -1;
	command->listen[command->path_count] = listen;
	command->paths[command->path_count++] = path;
	return 0;
}

static int take_device_option(struct command *command, int code, const char *value)
{
	struct vguest_nic_setup *setup = &command->setup;
	struct vguest_options *device = &setup->options;

	switch (code) {
	case CONNECT:
	case LISTEN:
		return take_path(command, value, code == LISTEN);
	case PACKED:
		device->features |= VGUEST_BIT(VIRTIO_F_RING_PACKED);
		return 0;
	case IN_ORDER:
		device->features |= VGUEST_BIT(VGUEST_F_IN_ORDER);
		return 0;
	case NO_MRG:
		drop(command, VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF));
		return 0;
	case NO_INDIRECT:
		drop(command, VGUEST_BIT(VIRTIO_RING_F_INDIRECT_DESC));
		return 0;
	case NO_EVENT_IDX:
		drop(command, VGUEST_BIT(VIRTIO_RING_F_EVENT_IDX));
		return 0;
	case NO_CSUM:
		drop(command, VGUEST_BIT(VIRTIO_NET_F_CSUM) | VGUEST_BIT(VIRTIO_NET_F_GUEST_CSUM));
		// Segments need checksums: fall through.
		__attribute__((fallthrough));
	case NO_TSO:
		drop(command, VGUEST_BIT(VIRTIO_NET_F_GUEST_TSO4) |
		                      VGUEST_BIT(VIRTIO_NET_F_GUEST_TSO6) |
		                      VGUEST_BIT(VIRTIO_NET_F_GUEST_ECN) |
		                      VGUEST_BIT(VIRTIO_NET_F_HOST_TSO4) |
		                      VGUEST_BIT(VIRTIO_NET_F_HOST_TSO6) |
		                      VGUEST_BIT(VIRTIO_NET_F_HOST_ECN));
		__attribute__((fallthrough));
	case NO_USO:
		drop(command, VGUEST_BIT(VGUEST_F_GUEST_USO4) | VGUEST_BIT(VGUEST_F_GUEST_USO6) |
		                      VGUEST_BIT(VGUEST_F_HOST_USO));
		return 0;
	case PROTOCOL:
		device->protocol = strtoull(value, NULL, 0);
		return 0;
	case SIZE:
		device->size = (uint16_t)atoi(value);
		return device->size ? 0 : -1;
	case QUEUES:
		device->pairs = (uint16_t)atoi(value);
		return device->pairs && device->pairs <= VGUEST_PAIRS ? 0 : -1;
	case REGIONS:
		device->regions = (unsigned)atoi(value);
		return device->regions && device->regions <= VGUEST_REGIONS ? 0 : -1;
	case SLOTS:
		device->slots = true;
		return 0;
	case STALE_BASE:
		device->stale_base = true;
		return 0;
	case MTU:
		device->mtu = (uint16_t)atoi(value);
		return 0;
	case RX_LAYOUT:
		return parse_layout(value, &setup->rx_layout);
	case TX_LAYOUT:
		return parse_layout(value, &setup->tx_layout);
	case USE_INDIRECT:
		setup->indirect = true;
		return 0;
	case MIXED:
		setup->indirect = setup->mixed = true;
		return 0;
	case RX_ROOM:
		setup->rx_room = (uint32_t)atoi(value);
		return 0;
	case STRICT:
		setup->strict = true;
		return 0;
	case ANY_COUNT:
		setup->any_count = true;
		return 0;
	default:
		return 1;
	}
}

static int take_load_option(struct command *command, int code, const char *value)
{
	struct vguest_load *load = &command->load;

	switch (code) {
	case LEN:
		return sscanf(value, "%u-%u", &load->len, &load->len_to) >= 1 ? 0 : -1;
	case COUNT:
		load->count = strtoull(value, NULL, 0);
		return 0;
	case SECONDS:
		load->seconds = atof(value);
		return 0;
	case RATE:
		load->rate = atof(value);
		return 0;
	case WINDOW:
		load->window = (uint32_t)atoi(value);
		return 0;
	case BURST:
		load->burst = (uint32_t)atoi(value);
		return load->burst ? 0 : -1;
	case FLOWS:
		load->flows = (uint32_t)atoi(value);
		return 0;
	case VARY:
		load->vary = strcmp(value, "tuple") == 0 ? VGUEST_VARY_TUPLE : VGUEST_VARY_TO;
		return 0;
	case TCP:
		load->flow.tcp = true;
		return 0;
	case GSO:
		load->flow.gso_size = (uint16_t)atoi(value);
		load->flow.partial = true;
		return 0;
	case IP6:
		load->flow.ip6 = true;
		return 0;
	case CHECKSUM:
		load->flow.partial = true;
		return 0;
	case ONE_WAY:
		load->one_way = true;
		return 0;
	case VERIFY:
		load->verify = true;
		return 0;
	case NO_NUMBERS:
		load->numbers = false;
		return 0;
	case LATENCY:
		load->stamp = true;
		return 0;
	case SLEEP:
		load->sleep = true;
		return 0;
	case RECONNECT:
		load->reconnect = true;
		return 0;
	case STOPS:
		load->stops = (unsigned)atoi(value);
		return 0;
	case QUIET:
		load->quiet_ms = (uint32_t)atoi(value);
		return 0;
	case TO:
		return parse_mac(value, load->flow.destination);
	case FROM:
		return parse_mac(value, load->flow.source);
	case JSON:
		command->json = true;
		return 0;
	case EXACT:
		command->exact = true;
		return 0;
	default:
		return -1;
	}
}

static int parse(struct command *command, int argc, char **argv)
{
	static const char *const modes[] = {"pair", "send", "sink", "echo", "info", "break"};
	int code;

	*command = defaults;
	command->setup.options.features = VGUEST_FEATURES;
	command->setup.options.protocol = VGUEST_PROTOCOL;
	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
		int taken = take_device_option(command, code, optarg);

		if (taken > 0)
			taken = take_load_option(command, code, optarg);
		if (taken < 0)
			return -1;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(modes) && optind + 1 == argc; i++)
		if (strcmp(argv[optind], modes[i]) == 0)
			command->mode = modes[i];
	if (!command->mode || command->path_count != (command->mode[0] == 'p' ? 2 : 1))
		return -1;

	struct vguest_load *load = &command->load;

	load->echo = strcmp(command->mode, "echo") == 0;
	load->sink = strcmp(command->mode, "sink") == 0;
	load->numbers |= load->verify;
	command->setup.tx_room = load->echo ? 0 : MAX(load->len, load->len_to);
	return load->len >= vguest_frame_min(&load->flow) &&
	                       MAX(load->len, load->len_to) <= VGUEST_FRAME_MAX
	               ? 0
	               : -1;
}

static void print_result(const struct command *command, const struct vguest_result *result)
{
	double seconds = result->seconds > 0 ? result->seconds : 1;
	double packets = (double)MAX(result->received, 1);
	const char *format =
		command->json
			? "{\"seconds\": %.3f, \"sent\": %llu, \"received\": %llu, \"mpps\": %.4f, "
			  "\"gbps\": %.3f, \"lost\": %llu, \"doubled\": %llu, \"reordered\": %llu, "
			  "\"damaged\": %llu, \"foreign\": %llu, \"kicks\": %llu, \"calls\": %llu, "
			  "\"kicks_per_packet\": %.4f, \"calls_per_packet\": %.4f, "
			  "\"reconnects\": %llu, \"rings_used\": %u, \"gap_ms\": %.1f, \"p50_us\": %.1f, "
			  "\"p99_us\": %.1f, \"damage\": \"%s\", \"fault\": \"%s\"}\n"
			: "seconds %.3f sent %llu received %llu Mpps %.4f Gb/s %.3f\n"
			  "lost %llu doubled %llu reordered %llu damaged %llu foreign %llu\n"
			  "kicks %llu calls %llu per packet %.4f %.4f\n"
			  "reconnects %llu rings %u gap_ms %.1f p50_us %.1f p99_us %.1f\n%s%s\n";

	printf(format, result->seconds, (unsigned long long)result->sent,
	       (unsigned long long)result->received, (double)result->received / seconds / 1e6,
	       (double)result->bytes * 8 / seconds / 1e9, (unsigned long long)result->lost,
	       (unsigned long long)result->doubled, (unsigned long long)result->reordered,
	       (unsigned long long)result->damaged, (unsigned long long)result->foreign,
	       (unsigned long long)result->kicks, (unsigned long long)result->calls,
	       (double)result->kicks / packets, (double)result->calls / packets,
	       (unsigned long long)result->reconnects, result->rings_used, result->longest_gap_ms,
	       result->p50_us, result->p99_us, result->damage, result->fault);
}

static void print_info(const struct vguest *guest)
{
	printf("{\"offered\": \"%llx\", \"features\": \"%llx\", \"protocol_offered\": \"%llx\", "
	       "\"protocol\": \"%llx\", \"queues\": %llu, \"slots\": %llu}\n",
	       (unsigned long long)guest->offered, (unsigned long long)guest->features,
	       (unsigned long long)guest->protocol_offered, (unsigned long long)guest->protocol,
	       (unsigned long long)guest->queues_offered, (unsigned long long)guest->slots_offered);
}

// Breaks the ring that the guest sends by. Returns 0 when the back end says that it is lost.
static int break_ring(struct vguest_nic *nic, struct fail *fail)
{
	struct vguest_ring *ring = vguest_nic_tx(nic, 0)->ring;
	const struct vguest_piece outside = {.guest = nic->guest.memory.span, .len = 100};
	struct pollfd error = {.fd = ring->error_fd, .events = POLLIN};

	if (vguest_ring_add(ring, &outside, 1, 0, 0, VGUEST_DIRECT) < 0)
		return fail_set(fail, -ENOSPC, "no room in the ring");
	vguest_ring_publish(ring);
	if (poll(&error, 1, VGUEST_TIMEOUT_MS) <= 0)
		return fail_set(fail, -ETIMEDOUT, "nobody says that the ring is lost");
	return 0;
}

static int run(const struct command *command, struct vguest_nic *nics)
{
	struct vguest_result result;
	struct fail fail = {0};
	unsigned opened = 0;
	int done = 0;

	for (; opened < command->path_count && done == 0; opened += done == 0) {
		struct vguest_nic_setup setup = command->setup;

		setup.options.path = command->paths[opened];
		setup.options.listen = command->listen[opened];
		done = vguest_nic_open(&nics[opened], &setup, &fail);
	}
	if (done == 0 && strcmp(command->mode, "info") == 0) {
		print_info(&nics[0].guest);
	} else if (done == 0 && strcmp(command->mode, "break") == 0) {
		done = break_ring(&nics[0], &fail);
	} else if (done == 0) {
		done = vguest_load_run(nics, opened, &command->load, &result, &fail);
		print_result(command, &result);
		if (result.fault[0])
			done = -1;
		if (command->exact &&
		    (result.lost || result.doubled || result.reordered || result.damaged))
			done = -1;
	}
	for (unsigned i = 0; i < opened; i++)
		vguest_nic_close(&nics[i]);
	if (fail.code)
		fprintf(stderr, "vguest: %s\n", fail.what);
	return done < 0 ? 1 : 0;
}

static void on_signal(int signal)
{
	vguest_load_end();
}

int main(int argc, char **argv)
{
	struct command command;

	if (parse(&command, argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);

	struct vguest_nic *nics = calloc(2, sizeof(*nics));
	int status = nics ? run(&command, nics) : 1;

	free(nics);
	return status;
}
