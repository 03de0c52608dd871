// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_enrol: writes what a host on another machine needs to come in, and takes it back.
//
// The bundle holds a private key that nobody else has: its file is for its owner alone from the first
// moment, and takes the place of an older one only when it is whole.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t done = write(fd, text, left);

		if (done < 0 && errno != EINTR)
			return -errno;
		text += done > 0 ? done : 0;
		left -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

static int write_file(const char *path, const char *text)
{
	char beside[PATH_MAX];
	int code;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.new-%d", path, (int)getpid()) >=
	    sizeof(beside))
		return -ENAMETOOLONG;

	auto_close int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	code = fchmod(fd, 0600) < 0 ? -errno : write_all(fd, text);
	if (code == 0 && (fsync(fd) < 0 || rename(beside, path) < 0))
		code = -errno;
	if (code < 0)
		unlink(beside);
	return code;
}

static void say(const char *host, const char *path, uint64_t until)
{
	time_t end = (time_t)until;
	struct tm parts;
	char text[32] = "?";

	if (localtime_r(&end, &parts))
		strftime(text, sizeof(text), "%F %T", &parts);
	printf("host %s is enrolled until %s\n"
	       "its bundle is %s; there: weft-datapath --bundle PATH\n",
	       host, text, path);
}

// The bundle is in the file, and need not be seen as well.
static void take_bundle_away(Weft__Record *record, const char *path)
{
	for (size_t i = 0; i < record->n_fields; i++) {
		Weft__Field *field = record->fields[i];

		if (strcmp(field->key, "bundle") != 0)
			continue;
		explicit_bzero(field->text, strlen(field->text));
		free(field->key);
		free(field->text);
		field->key = strdup("file");
		field->text = strdup(path);
	}
}

static int keep(const struct invocation *call, Weft__Record *record)
{
	const Weft__Field *bundle = record_find(record, "bundle");
	const char *host = call->arguments[0], *path = invocation_text(call, "out");
	char beside[PATH_MAX];
	struct fail fail = {0};
	int code;

	if (!bundle || bundle->value_case != WEFT__FIELD__VALUE_TEXT)
		return EXIT_ERROR;
	if (!path) {
		snprintf(beside, sizeof(beside), "%s.bundle", host);
		path = beside;
	}
	if (strcmp(path, "-") == 0)
		return write_all(STDOUT_FILENO, bundle->text) < 0 ? EXIT_ERROR : EXIT_OK;
	code = write_file(path, bundle->text);
	if (code < 0) {
		fail_errno(&fail, code, "the bundle of host '%s' could not be written to '%s'",
		           host, path);
		fail_hint(&fail,
		          "enrol it again with another --out; 'weft host revoke' forgets this one");
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	if (call->format == OUTPUT_TABLE) {
		say(host, path, record_number(record, "until"));
		return EXIT_OK;
	}
	take_bundle_away(record, path);
	return output_record(call, record);
}

static int tell_revoked(const struct invocation *call, Weft__Record *record)
{
	if (call->format != OUTPUT_TABLE)
		return output_record(call, record);
	printf("host %s stays outside from now on\n", call->arguments[0]);
	return EXIT_OK;
}

// The answer to either question is one record.
static int ask_for_record(const struct invocation *call, Weft__Request *request,
                          int (*take)(const struct invocation *call, Weft__Record *record))
{
	Weft__Reply *reply;
	int code = ask(call, request, &reply);

	if (code != EXIT_OK)
		return code;
	code = reply->n_records == 1 ? take(call, reply->records[0]) : EXIT_ERROR;
	client_reply_free(reply);
	return code;
}

int cmd_host_enrol(const struct invocation *call)
{
	Weft__Request request = WEFT__REQUEST__INIT;
	Weft__Enrol enrol = WEFT__ENROL__INIT;

	enrol.host = (char *)call->arguments[0];
	enrol.has_valid_seconds = invocation_text(call, "valid") != NULL;
	enrol.valid_seconds = invocation_number(call, "valid", 0);
	enrol.address = (char *)invocation_text(call, "address");
	request.body_case = WEFT__REQUEST__BODY_ENROL;
	request.enrol = &enrol;
	return ask_for_record(call, &request, keep);
}

int cmd_host_revoke(const struct invocation *call)
{
	Weft__Request request = WEFT__REQUEST__INIT;
	Weft__Revoke revoke = WEFT__REVOKE__INIT;

	revoke.host = (char *)call->arguments[0];
	request.body_case = WEFT__REQUEST__BODY_REVOKE;
	request.revoke = &revoke;
	return ask_for_record(call, &request, tell_revoked);
}
