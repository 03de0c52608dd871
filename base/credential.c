// SPDX-License-Identifier: BSD-3-Clause
//
// credential: bundles in and out.
//
// A bundle was written by our own controller, yet carried by people: cut short, pasted together, of the
// wrong host. So each part is looked for, the key must fit the certificate, and the certificate must
// have been signed by the authority beside it; what does not hold is said here, with the file's name,
// rather than by the other end as a failed handshake.

#include "base/credential.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { BUNDLE_MAX = 64 << 10 };

void credential_fini(struct credential *credential)
{
	cert_pair_fini(&credential->own);
	X509_free(credential->authority);
	*credential = (struct credential){0};
}

// Private keys are not locked by a passphrase; one that is must not make a daemon ask for it.
static int no_passphrase(char *buf, int size, int writing, void *user)
{
	return -1;
}

// The rest of the line after "WORD: ", if a line before the first PEM block has it.
static void read_line(const char *text, size_t len, const char *word, char *ret, size_t size)
{
	const char *end = memmem(text, len, "-----BEGIN", 10);
	size_t word_len = strlen(word);

	if (!end)
		end = text + len;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((newline ? newline : end) - text);

		if (line > word_len && line - word_len < size && !memcmp(text, word, word_len)) {
			memcpy(ret, text + word_len, line - word_len);
			ret[line - word_len] = '\0';
			return;
		}
		text += line + 1;
	}
}

// All certificates and the key, wherever they stand.
static void read_blocks(const char *text, size_t len, struct credential *credential)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);

	while (bio) {
		X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

		if (!certificate)
			break;
		if (X509_check_ca(certificate) == 1 && !credential->authority)
			credential->authority = certificate;
		else if (X509_check_ca(certificate) != 1 && !credential->own.certificate)
			credential->own.certificate = certificate;
		else
			X509_free(certificate);
	}
	BIO_free(bio);
	bio = BIO_new_mem_buf(text, (int)len);
	if (bio)
		credential->own.key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
}

static int check(const struct credential *credential, struct fail *fail)
{
	EVP_PKEY *authority_key;

	if (!credential->own.certificate)
		return fail_set(fail, -EBADMSG, "there is no certificate in it");
	if (!credential->own.key)
		return fail_set(fail, -EBADMSG, "there is no private key in it");
	if (!credential->authority)
		return fail_set(fail, -EBADMSG, "there is no certificate of an authority in it");
	if (X509_check_private_key(credential->own.certificate, credential->own.key) != 1) {
		ERR_clear_error();
		return fail_set(fail, -EBADMSG, "its private key is not that of its certificate");
	}
	authority_key = X509_get0_pubkey(credential->authority);
	if (!authority_key || X509_verify(credential->own.certificate, authority_key) != 1) {
		ERR_clear_error();
		return fail_set(fail, -EBADMSG,
		                "its certificate was not signed by the authority beside it");
	}
	return 0;
}

int credential_parse(const char *text, size_t len, struct credential *ret, struct fail *fail)
{
	struct credential credential = {0};
	int code;

	if (len > BUNDLE_MAX)
		return fail_set(fail, -EFBIG, "it has %zu bytes, %d at most", len, BUNDLE_MAX);
	read_line(text, len, "Controller: ", credential.address, sizeof(credential.address));
	read_blocks(text, len, &credential);
	code = check(&credential, fail);
	if (code == 0 && cert_read(credential.own.certificate, &credential.facts) < 0)
		code = fail_set(fail, -EBADMSG, "its certificate does not say which host it is of");
	if (code < 0)
		credential_fini(&credential);
	else
		*ret = credential;
	return code;
}

static int check_file(int fd, struct fail *fail)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(fail, -errno, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return fail_set(fail, -EINVAL, "it is no file");
	if (st.st_mode & 077) {
		fail_set(fail, -EACCES, "others may read the private key in it (its mode is %04o)",
		         (unsigned)st.st_mode & 07777);
		fail_hint(fail, "chmod 600, and enrol the host again if others may have read it");
		return -EACCES;
	}
	return 0;
}

static int load(const char *path, struct credential *ret, struct fail *fail)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	auto_free char *text = malloc(BUNDLE_MAX + 1);
	size_t len = 0;
	ssize_t got = 1;
	int code;

	if (fd < 0)
		// cppcheck-suppress memleak; auto_free
		return fail_errno(fail, -errno, "cannot open it");
	if (!text)
		return fail_set(fail, -ENOMEM, "out of memory");
	code = check_file(fd, fail);
	if (code < 0)
		// cppcheck-suppress memleak; auto_free
		return code;
	while (got > 0 && len < BUNDLE_MAX + 1) {
		got = read(fd, text + len, BUNDLE_MAX + 1 - len);
		if (got < 0)
			return fail_errno(fail, -errno, "cannot read it");
		len += (size_t)got;
	}
	code = credential_parse(text, len, ret, fail);
	explicit_bzero(text, len);
	return code;
}

int credential_load(const char *path, struct credential *ret, struct fail *fail)
{
	int code = load(path, ret, fail);

	if (code < 0)
		fail_prefix(fail, "bundle '%s'", path);
	return code;
}

static bool write_all(BIO *bio, const struct credential *credential)
{
	char until[CERT_TIME];
	const struct cert_facts *facts = &credential->facts;

	if (BIO_printf(bio,
	               "Weft bundle. It holds a private key: whoever can read it is this host.\n"
	               "Host: %s\nSerial: %s\nValid until: %s\n",
	               facts->name, facts->serial, cert_time(facts->not_after, until)) < 0)
		return false;
	if (credential->address[0] && BIO_printf(bio, "Controller: %s\n", credential->address) < 0)
		return false;
	return PEM_write_bio_X509(bio, credential->own.certificate) == 1 &&
	       PEM_write_bio_X509(bio, credential->authority) == 1 &&
	       PEM_write_bio_PrivateKey(bio, credential->own.key, NULL, NULL, 0, NULL, NULL) == 1;
}

char *credential_write(const struct credential *credential)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *bytes, *text = NULL;

	if (bio && write_all(bio, credential)) {
		long len = BIO_get_mem_data(bio, &bytes);

		text = len > 0 ? strndup(bytes, (size_t)len) : NULL;
	}
	BIO_free(bio);
	return text;
}
