#ifndef SCALED_STORAGE_COPENSSL_H
#define SCALED_STORAGE_COPENSSL_H

/* The one way to a digest that allocates nothing is called old. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

/* What OpenSSL offers as macros only, which Swift does not see. */

/* TLS 1.2 and 1.3, without renegotiation and compression; idle connections give their buffers
 * back. The server's order of ciphers decides, unless a client prefers ChaCha20 for its lack of
 * AES instructions. */
static inline int scaled_tls_prepare(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

/* The name that the client hopes to find (RFC 6066 section 3). */
static inline int scaled_tls_indicate_name(SSL *connection, const char *name) {
  return SSL_set_tlsext_host_name(connection, name) == 1;
}

/* SHA-256, into 32 bytes. */
static inline void scaled_sha256(const void *bytes, size_t count, void *digest) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes, count);
  SHA256_Final((unsigned char *)digest, &context);
}

/* Frees what OpenSSL has allocated for its caller. */
static inline void scaled_openssl_free(void *memory) { OPENSSL_free(memory); }

/* Tells OpenSSL that a read has to be tried again. */
static inline void scaled_bio_retry_read(BIO *bio) {
  BIO_clear_retry_flags(bio);
  BIO_set_retry_read(bio);
}

#endif
