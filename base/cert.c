// SPDX-License-Identifier: BSD-3-Clause
//
// cert: making and reading certificates, by OpenSSL.
//
// Everything that the strict checks of a verifier want is put in (RFC 5280): basic constraints, key
// usage, and the key identifiers that tie a certificate to its authority. The serial is random, 63 bits of
// it, so that it can be told apart from any other without a counter on disk.

#include "base/cert.h"

#include "base/fail.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char controller_uri[] = "weft://controller";
static const char host_uri[] = "weft://host/";

const char *cert_time(int64_t seconds, char buf[static CERT_TIME])
{
	time_t time = (time_t)seconds;
	struct tm parts;

	if (!gmtime_r(&time, &parts) || !strftime(buf, CERT_TIME, "%F %T UTC", &parts))
		snprintf(buf, CERT_TIME, "%lld", (long long)seconds);
	return buf;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm parts;

	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static void read_serial(X509 *certificate, char buf[static CERT_SERIAL])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	int len = ASN1_STRING_length(serial);
	const unsigned char *bytes = ASN1_STRING_get0_data(serial);

	buf[0] = '\0';
	for (int i = 0; i < len && 2 * i + 2 < CERT_SERIAL; i++)
		snprintf(buf + (ptrdiff_t)2 * i, 3, "%02x", bytes[i]);
}

void cert_common_name(X509_NAME *name, char buf[static CERT_ISSUER])
{
	buf[0] = '\0';
	X509_NAME_get_text_by_NID(name, NID_commonName, buf, CERT_ISSUER);
	for (char *c = buf; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
}

// Whether the text is the name of a host. Names come from the model, which knows more of them.
static int read_name(const unsigned char *text, size_t len, struct cert_facts *ret)
{
	size_t before = sizeof(host_uri) - 1;

	if (len == sizeof(controller_uri) - 1 && memcmp(text, controller_uri, len) == 0) {
		ret->role = CERT_CONTROLLER;
		snprintf(ret->name, sizeof(ret->name), "controller");
		return 0;
	}
	if (len <= before || len - before >= sizeof(ret->name) || memcmp(text, host_uri, before))
		return -EBADMSG;
	for (size_t i = before; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return -EBADMSG;
	ret->role = CERT_HOST;
	memcpy(ret->name, text + before, len - before);
	ret->name[len - before] = '\0';
	return 0;
}

int cert_read(X509 *certificate, struct cert_facts *ret)
{
	GENERAL_NAMES *names;
	int code = -EBADMSG;

	*ret = (struct cert_facts){
		.not_before = seconds_of(X509_get0_notBefore(certificate)),
		.not_after = seconds_of(X509_get0_notAfter(certificate)),
	};
	read_serial(certificate, ret->serial);
	cert_common_name(X509_get_issuer_name(certificate), ret->issuer);

	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	// One name, so that nobody can be two.
	if (names && sk_GENERAL_NAME_num(names) == 1) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);

		if (name->type == GEN_URI)
			code = read_name(ASN1_STRING_get0_data(name->d.ia5),
			                 (size_t)ASN1_STRING_length(name->d.ia5), ret);
	}
	GENERAL_NAMES_free(names);
	return code;
}

void cert_pair_fini(struct cert_pair *pair)
{
	X509_free(pair->certificate);
	EVP_PKEY_free(pair->key);
	*pair = (struct cert_pair){0};
}

static bool set_serial(X509 *certificate)
{
	uint64_t serial;

	if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		return false;
	serial = serial >> 1 | UINT64_C(1) << 62; // Positive, and always of the same length.
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1;
}

static bool set_subject(X509 *certificate, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Weft",
	                                  -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
	                                  -1, -1, 0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool done;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	done = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return done;
}

// The name goes in as it is, where the text form of an extension would read commas as its own.
static bool add_name(X509 *certificate, const struct cert_wish *wish)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *uri = ASN1_IA5STRING_new();
	char text[sizeof(host_uri) + CERT_NAME];
	bool done = false;

	snprintf(text, sizeof(text), "%s%s",
	         wish->role == CERT_CONTROLLER ? controller_uri : host_uri,
	         wish->role == CERT_CONTROLLER ? "" : wish->name);
	if (names && name && uri && ASN1_STRING_set(uri, text, -1) == 1) {
		GENERAL_NAME_set0_value(name, GEN_URI, uri);
		uri = NULL;
		if (sk_GENERAL_NAME_push(names, name) > 0) {
			name = NULL;
			done = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0,
			                         X509V3_ADD_APPEND) == 1;
		}
	}
	ASN1_IA5STRING_free(uri);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return done;
}

// Certificate and key with all but the extensions and the signature.
static bool begin(const char *name, int64_t not_before, int64_t not_after, struct cert_pair *pair)
{
	pair->certificate = X509_new();
	pair->key = EVP_EC_gen("P-256");
	return pair->certificate && pair->key &&
	       X509_set_version(pair->certificate, X509_VERSION_3) == 1 &&
	       set_serial(pair->certificate) && set_subject(pair->certificate, name) &&
	       ASN1_TIME_set(X509_getm_notBefore(pair->certificate), (time_t)not_before) &&
	       ASN1_TIME_set(X509_getm_notAfter(pair->certificate), (time_t)not_after) &&
	       X509_set_pubkey(pair->certificate, pair->key) == 1;
}

static bool sign(const struct cert_pair *pair, const struct cert_pair *authority)
{
	return X509_set_issuer_name(pair->certificate,
	                            X509_get_subject_name(authority->certificate)) == 1 &&
	       X509_sign(pair->certificate, authority->key, EVP_sha256()) > 0;
}

int cert_make_authority(const char *name, int64_t not_before, int64_t not_after,
                        struct cert_pair *ret, struct fail *fail)
{
	struct cert_pair pair = {0};

	if (begin(name, not_before, not_after, &pair) &&
	    add_extension(pair.certificate, pair.certificate, NID_basic_constraints,
	                  "critical,CA:TRUE,pathlen:0") &&
	    add_extension(pair.certificate, pair.certificate, NID_key_usage,
	                  "critical,keyCertSign") &&
	    add_extension(pair.certificate, pair.certificate, NID_subject_key_identifier, "hash") &&
	    sign(&pair, &pair)) {
		*ret = pair;
		return 0;
	}
	cert_pair_fini(&pair);
	return fail_set(fail, -EIO, "cannot make the authority '%s'", name);
}

int cert_issue(const struct cert_pair *authority, const struct cert_wish *wish,
               struct cert_pair *ret, struct fail *fail)
{
	bool is_host = wish->role == CERT_HOST;
	const char *name = is_host ? wish->name : "controller";
	struct cert_pair pair = {0};

	if (name[0] == '\0' || strlen(name) >= CERT_NAME)
		return fail_set(fail, -ENAMETOOLONG,
		                "a certificate holds a name of 1 to %d bytes, and '%s' has %zu",
		                CERT_NAME - 1, name, strlen(name));
	if (begin(name, wish->not_before, wish->not_after, &pair) &&
	    add_extension(pair.certificate, authority->certificate, NID_basic_constraints,
	                  "critical,CA:FALSE") &&
	    add_extension(pair.certificate, authority->certificate, NID_key_usage,
	                  "critical,digitalSignature") &&
	    add_extension(pair.certificate, authority->certificate, NID_ext_key_usage,
	                  is_host ? "clientAuth" : "serverAuth") &&
	    add_extension(pair.certificate, authority->certificate, NID_subject_key_identifier,
	                  "hash") &&
	    add_extension(pair.certificate, authority->certificate, NID_authority_key_identifier,
	                  "keyid:always") &&
	    add_name(pair.certificate, wish) && sign(&pair, authority)) {
		*ret = pair;
		return 0;
	}
	cert_pair_fini(&pair);
	return fail_set(fail, -EIO, "cannot make a certificate for '%s'", name);
}
