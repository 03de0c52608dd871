// SPDX-License-Identifier: BSD-3-Clause
//
// authority: one key on disk, and short-lived certificates in memory.
//
// The controller's own certificate is made anew at each start and whenever half its time has gone, or the
// clock has been set back before its beginning: it needs no care and leaves no file. Certificates
// begin an hour ago, since the clocks of two machines are never equal. None outlives the authority.

#include "controller/authority.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/credential.h"
#include "base/path.h"
#include "base/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR INT64_C(3600)
#define AUTHORITY_SECONDS (20 * 365 * 24 * HOUR)
#define CONTROLLER_SECONDS (30 * 24 * HOUR)

struct authority {
	char dir[PATH_MAX], path[PATH_MAX];
	char label[64];
	struct cert_pair pair; // {0} until it is needed.
	struct tls_end *end;
	int64_t end_from,
		end_until; // When its certificate was made, and when it is time for another.
};

static int64_t now(void)
{
	return (int64_t)(clock_wall() / NSEC_PER_SEC);
}

static int no_passphrase(char *buf, int size, int writing, void *user)
{
	return -1;
}

static int check_file(int fd, struct fail *fail)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(fail, -errno, "cannot look at it");
	if (st.st_mode & 077) {
		fail_set(fail, -EACCES, "others may read the private key in it (its mode is %04o)",
		         (unsigned)st.st_mode & 07777);
		fail_hint(fail, "if others have read it, remove it and enrol all hosts again");
		return -EACCES;
	}
	return 0;
}

static int read_pair(FILE *file, struct cert_pair *ret, struct fail *fail)
{
	struct cert_pair pair = {0};

	pair.certificate = PEM_read_X509(file, NULL, no_passphrase, NULL);
	rewind(file);
	pair.key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
	ERR_clear_error();
	if (pair.certificate && pair.key &&
	    X509_check_private_key(pair.certificate, pair.key) == 1 &&
	    X509_check_ca(pair.certificate) == 1) {
		*ret = pair;
		return 0;
	}
	ERR_clear_error();
	cert_pair_fini(&pair);
	fail_set(fail, -EBADMSG, "it holds no authority with its private key");
	fail_hint(fail, "put a copy of it in its place; or remove it and enrol all hosts again");
	return -EBADMSG;
}

// 0 as well when there is none yet.
static int load(struct authority *authority, struct fail *fail)
{
	FILE *file = fopen(authority->path, "re");
	int code;

	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return fail_errno(fail, -errno, "cannot read the authority '%s'", authority->path);
	code = check_file(fileno(file), fail);
	if (code == 0)
		code = read_pair(file, &authority->pair, fail);
	fclose(file);
	if (code < 0)
		fail_prefix(fail, "the authority '%s'", authority->path);
	return code;
}

// A file of its own name first: whoever reads the right name finds a whole authority, or none.
static int write_pair(const struct authority *authority, const struct cert_pair *pair)
{
	char path[PATH_MAX];
	int fd = -1, code = 0;
	FILE *file;

	if (path_join(path, sizeof(path), authority->dir, "authority.new") < 0)
		return -ENAMETOOLONG;
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!file) {
		code = -errno;
		if (fd >= 0)
			close(fd);
		return code;
	}
	if (fchmod(fd, 0600) < 0)
		code = -errno;
	else if (PEM_write_X509(file, pair->certificate) != 1 ||
	         PEM_write_PrivateKey(file, pair->key, NULL, NULL, 0, NULL, NULL) != 1 ||
	         fflush(file) != 0 || fsync(fd) < 0)
		code = errno ? -errno : -EIO;
	if (fclose(file) != 0 && code == 0)
		code = -errno;
	if (code == 0 && rename(path, authority->path) < 0)
		code = -errno;
	if (code < 0)
		unlink(path);
	return code;
}

static int sync_dir(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int make(struct authority *authority, struct fail *fail)
{
	struct cert_pair pair;
	char name[96];
	int code;

	if (authority->pair.key)
		return 0;
	code = load(authority, fail);
	if (code < 0 || authority->pair.key)
		return code;
	snprintf(name, sizeof(name), "Weft authority %s", authority->label);
	code = cert_make_authority(name, now() - HOUR, now() + AUTHORITY_SECONDS, &pair, fail);
	if (code < 0)
		return code;
	code = path_make_dirs(authority->dir, 0700);
	if (code == 0)
		code = write_pair(authority, &pair);
	if (code == 0)
		code = sync_dir(authority->dir);
	if (code < 0) {
		cert_pair_fini(&pair);
		return fail_errno(fail, code, "cannot write the authority '%s'", authority->path);
	}
	authority->pair = pair;
	return 0;
}

static int issue(struct authority *authority, enum cert_role role, const char *host,
                 int64_t valid_seconds, struct credential *ret, struct fail *fail)
{
	struct credential credential = {0};
	struct cert_wish wish = {
		.role = role, .name = host, .not_before = now() - HOUR, .not_after = INT64_MAX};
	struct cert_facts facts;
	int code = make(authority, fail);

	if (code < 0)
		return code;
	cert_read(authority->pair.certificate, &facts);
	wish.not_after =
		facts.not_after - now() < valid_seconds ? facts.not_after : now() + valid_seconds;
	code = cert_issue(&authority->pair, &wish, &credential.own, fail);
	if (code < 0)
		return code;
	credential.authority = authority->pair.certificate;
	X509_up_ref(credential.authority);
	cert_read(credential.own.certificate, &credential.facts);
	*ret = credential;
	return 0;
}

int authority_enrol(struct authority *authority, const char *host, int64_t valid_seconds,
                    struct credential *ret, struct fail *fail)
{
	return issue(authority, CERT_HOST, host, valid_seconds, ret, fail);
}

struct tls_end *authority_end(struct authority *authority, struct fail *fail)
{
	struct credential own;
	struct tls_end *end;

	if (authority->end && now() >= authority->end_from && now() < authority->end_until)
		return authority->end;
	if (issue(authority, CERT_CONTROLLER, NULL, CONTROLLER_SECONDS, &own, fail) < 0)
		return NULL;
	end = tls_end_new(&own, CERT_HOST, fail);
	credential_fini(&own);
	if (!end)
		return NULL;
	tls_end_free(authority->end);
	authority->end = end;
	authority->end_from = now() - HOUR;
	authority->end_until = now() + CONTROLLER_SECONDS / 2;
	return end;
}

int authority_open(const char *state_dir, const char *label, struct authority **ret,
                   struct fail *fail)
{
	struct authority *authority = calloc(1, sizeof(*authority));

	if (!authority)
		return fail_set(fail, -ENOMEM, "out of memory");
	snprintf(authority->label, sizeof(authority->label), "%s", label);
	if (path_join(authority->dir, sizeof(authority->dir), state_dir, "pki") < 0 ||
	    path_join(authority->path, sizeof(authority->path), authority->dir, "authority.pem") <
	            0) {
		authority_close(authority);
		return fail_set(fail, -ENAMETOOLONG, "the path '%s' is too long", state_dir);
	}
	*ret = authority;
	return 0;
}

void authority_close(struct authority *authority)
{
	if (!authority)
		return;
	tls_end_free(authority->end);
	cert_pair_fini(&authority->pair);
	free(authority);
}
