// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_attach: prints what a virtual machine needs to be told to plug into a port.
//
// Words come one option a line. For a terminal each line but the last ends in a backslash, so that they can be
// pasted behind the program's name; for a pipe it does not, so that $(weft attach ...) can stand there.

#include "cli/ask.h"
#include "cli/attach.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/fail.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct port_words {
	char kind[16], socket[PATH_MAX], mac[32];
};

static const struct attach_kind *find_kind(const char *name)
{
	const struct attach_kind *kind = attach_kinds;

	while (kind->name && strcmp(kind->name, name) != 0)
		kind++;
	return kind->name ? kind : NULL;
}

static int refuse(const struct invocation *call, struct fail *fail, int code)
{
	output_fail(call, fail);
	return code;
}

// What the flags ask of the machine. The exit code.
static int read_flags(const struct invocation *call, struct attach *ret)
{
	const char *memory = invocation_text(call, "memory");
	struct fail fail = {0};

	ret->memory = memory ? memory : "1G";
	ret->tcg = invocation_has(call, "tcg");
	if (!invocation_text(call, "print")) {
		fail_set(&fail, -EINVAL, "for which program port '%s' is to be described?",
		         call->arguments[0]);
		fail_hint(&fail, "weft attach %s --print qemu; weft help attach lists others",
		          call->arguments[0]);
		return refuse(call, &fail, EXIT_USAGE);
	}
	if (!attach_is_memory(ret->memory)) {
		fail_set(&fail, -EINVAL, "--memory: '%s' is no size of a machine's memory", memory);
		fail_hint(&fail, "512M, 2G");
		return refuse(call, &fail, EXIT_USAGE);
	}
	return EXIT_OK;
}

// What the port is. The exit code.
static int read_port(const struct invocation *call, const Weft__Record *port,
                     struct port_words *buf, struct attach *ret)
{
	unsigned offered = (unsigned)record_number(port, "queues");
	uint64_t wanted = invocation_number(call, "queues", offered);
	const char *kind = record_text(port, "attach", buf->kind, sizeof(buf->kind));
	struct fail fail = {0};
	char listener[16];

	if (strcmp(kind, "vhost") != 0) {
		fail_set(&fail, -EINVAL,
		         "port '%s' is a %s port, and virtual machines plug into vhost ports",
		         ret->name, kind);
		fail_hint(&fail, "weft port add NET --name NAME --vhost NAME.vu");
		return refuse(call, &fail, EXIT_ERROR);
	}
	if (wanted < 1 || wanted > offered) {
		fail_set(&fail, -ERANGE, "--queues: port '%s' has %u pairs of queues, not %llu",
		         ret->name, offered, (unsigned long long)wanted);
		fail_hint(&fail, "from 1 to %u; weft port set %s --queues COUNT changes the port",
		          offered, ret->name);
		return refuse(call, &fail, EXIT_ERROR);
	}
	ret->pairs = (unsigned)wanted;
	ret->port_pairs = offered;
	ret->mtu = (unsigned)record_number(port, "mtu");
	ret->socket = record_text(port, "socket", buf->socket, sizeof(buf->socket));
	ret->mac = record_text(port, "mac", buf->mac, sizeof(buf->mac));
	ret->weft_listens =
		strcmp(record_text(port, "listener", listener, sizeof(listener)), "weft") == 0;
	return EXIT_OK;
}

// As a shell reads it back.
static void print_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_=.,:/+@%";

	if (word[0] && strspn(word, plain) == strlen(word)) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*word);
	putchar('\'');
}

static const char *next_word(const char *word)
{
	return word + strlen(word) + 1;
}

static void print_words(const char *text)
{
	bool terminal = isatty(STDOUT_FILENO);

	for (const char *word = text; *word; word = next_word(word)) {
		const char *next = next_word(word);

		print_word(word);
		if (!*next)
			putchar('\n');
		else if (*next == '-' || word[0] != '-')
			fputs(terminal ? " \\\n" : "\n", stdout);
		else
			putchar(' ');
	}
}

static void print_xml(const char *text)
{
	printf("<!-- among the devices -->\n%s<!-- beside the devices -->\n", text);
	for (text = next_word(text); *text; text = next_word(text))
		fputs(text, stdout);
}

static int print_json(const struct invocation *call, const struct attach_kind *kind,
                      const struct attach *attach, const char *text)
{
	json_t *object = json_object(), *words = json_array();

	json_object_set_new(object, "port", json_string(attach->name));
	json_object_set_new(object, "print", json_string(kind->name));
	json_object_set_new(object, "socket", json_string(attach->socket));
	if (kind->is_xml) {
		json_object_set_new(object, "interface", json_string(text));
		json_object_set_new(object, "memory_backing", json_string(next_word(text)));
		json_object_set_new(object, "override", json_string(next_word(next_word(text))));
		json_decref(words);
	} else {
		for (const char *word = text; *word; word = next_word(word))
			json_array_append_new(words, json_string(word));
		json_object_set_new(object, "arguments", words);
	}
	json_dumpf(object, stdout, call->format == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT);
	putchar('\n');
	json_decref(object);
	return EXIT_OK;
}

static int show(const struct invocation *call, const Weft__Record *port)
{
	const struct attach_kind *kind = find_kind(invocation_text(call, "print"));
	struct attach attach = {.name = call->arguments[0]};
	char text[ATTACH_TEXT];
	struct port_words buf;
	struct fail fail = {0};
	int code = read_flags(call, &attach);

	if (code == EXIT_OK)
		code = read_port(call, port, &buf, &attach);
	if (code != EXIT_OK)
		return code;
	if (kind->words(&attach, text, &fail) < 0)
		return refuse(call, &fail, EXIT_ERROR);
	if (call->format != OUTPUT_TABLE)
		return print_json(call, kind, &attach, text);
	if (kind->is_xml)
		print_xml(text);
	else
		print_words(text);
	return EXIT_OK;
}

int cmd_attach(const struct invocation *call)
{
	struct ask_list list = {.what = "port", .name = call->arguments[0]};
	struct attach unused = {0};
	struct fail fail = {0};
	Weft__Reply *reply;
	// What is wrong with the words needs no controller to be said.
	int code = read_flags(call, &unused);

	if (code == EXIT_OK)
		code = ask_list(call, &list, &reply);
	if (code != EXIT_OK)
		return code;
	if (reply->n_records == 0) {
		fail_set(&fail, -ENOENT, "there is no port '%s'", call->arguments[0]);
		fail_hint(&fail, "weft port ls");
		code = refuse(call, &fail, EXIT_ERROR);
	} else {
		code = show(call, reply->records[0]);
	}
	client_reply_free(reply);
	return code;
}
