// SPDX-License-Identifier: BSD-3-Clause
//
// tls_words: why a connection was refused, in the words of whoever has to renew the certificate.
//
// A refusal by the other end is an alert (RFC 8446 6.2), a number; the sentence then says what our own
// certificate is, since that is what the reader can look at and renew.

#include "base/clock.h"
#include "base/tls_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

void tls_say_untrusted(struct tls *tls, int error)
{
	const struct cert_facts *peer = &tls->peer;
	char from[CERT_TIME], until[CERT_TIME], now[CERT_TIME];

	cert_time(peer->not_before, from);
	cert_time(peer->not_after, until);
	cert_time((int64_t)(clock_wall() / NSEC_PER_SEC), now);
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		fail_set(&tls->refused, -EKEYEXPIRED,
		         "the certificate %s of '%s' was valid until %s, and it is %s",
		         peer->serial, peer->name, until, now);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		fail_set(&tls->refused, -EKEYREJECTED,
		         "the certificate %s of '%s' is valid only from %s until %s, and it is %s",
		         peer->serial, peer->name, from, until, now);
		fail_hint(&tls->refused, "compare the clocks of the two machines");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_AKID_SKID_MISMATCH:
	case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
		fail_set(&tls->refused, -EKEYREJECTED,
		         "the certificate %s of '%s', valid until %s, is of another authority: of "
		         "'%s', not of our '%s'",
		         peer->serial, peer->name, until, peer->issuer, tls->end->authority);
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		fail_set(&tls->refused, -EKEYREJECTED,
		         "the certificate %s of '%s', valid until %s, is not one of a %s",
		         peer->serial, peer->name, until,
		         tls->end->peer == CERT_HOST ? "host" : "controller");
		break;
	default:
		fail_set(&tls->refused, -EKEYREJECTED,
		         "the certificate %s of '%s', valid until %s, is no good: %s", peer->serial,
		         peer->name, until, X509_verify_cert_error_string(error));
	}
}

static void say_alert(const struct tls *tls, int alert, struct fail *fail)
{
	const struct cert_facts *own = &tls->end->own;
	const char *why;
	char until[CERT_TIME];

	switch (alert) {
	case SSL_AD_CERTIFICATE_EXPIRED:
		why = "it has expired";
		break;
	case SSL_AD_CERTIFICATE_REVOKED:
		why = "it was revoked";
		break;
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_DECRYPT_ERROR:
		why = "it is of another authority";
		break;
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_HANDSHAKE_FAILURE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_ACCESS_DENIED:
		why = SSL_alert_desc_string_long(alert);
		break;
	default:
		fail_set(fail, -ECONNREFUSED, "the other end refused the connection: %s",
		         SSL_alert_desc_string_long(alert));
		return;
	}
	fail_set(fail, -EKEYREJECTED,
	         "the other end refused our certificate %s of '%s', valid until %s: %s",
	         own->serial, own->name, cert_time(own->not_after, until), why);
	fail_hint(fail, "'weft host enrol' makes a new bundle; the controller's events tell more");
}

void tls_say_error(const struct tls *tls, struct fail *fail)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);

	if (tls->refused.code) {
		*fail = tls->refused;
	} else if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
		fail_set(fail, -EPROTO, "TLS failed: %s", ERR_reason_error_string(error));
	} else if (reason > SSL_AD_REASON_OFFSET) {
		say_alert(tls, reason - SSL_AD_REASON_OFFSET, fail);
	} else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		fail_set(fail, -ECONNRESET, "the connection was cut");
	} else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		fail_set(fail, -EKEYREJECTED, "the other end shows no certificate");
		fail_hint(fail, "give the datapath the bundle that 'weft host enrol' wrote");
	} else if (reason == SSL_R_UNSUPPORTED_PROTOCOL) {
		fail_set(fail, -EPROTONOSUPPORT, "the other end offers no TLS 1.3");
	} else if (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_WRONG_VERSION_NUMBER ||
	           reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_UNEXPECTED_MESSAGE ||
	           reason == SSL_R_BAD_RECORD_TYPE) {
		fail_set(fail, -EPROTO, "the other end does not speak TLS");
	} else {
		fail_set(fail, -EPROTO, "TLS failed: %s", ERR_reason_error_string(error));
	}
}
