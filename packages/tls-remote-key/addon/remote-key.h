// Private keys of TLS that live elsewhere: what the parts of the addon share.
#ifndef REMOTE_KEY_H
#define REMOTE_KEY_H

#include <stdatomic.h>
#include <stddef.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/evp.h>

// Must sort after "default": fetches without properties take the first provider by name.
#define PROVIDER_NAME "remotekey"
#define PEM_NAME "REMOTE PRIVATE KEY"
#define KEY_ID_BYTES 32
// Tells the PEM texts of this copy of the addon from those of another copy in the same process.
#define TOKEN_BYTES 16
#define DISPATCH(id, function) { id, (void (*)(void))(function) }

enum key_type { KEY_EC = 1, KEY_RSA = 2 };

/** A key: its public half, and by what its signer is found. */
struct remote_key {
  atomic_int references;
  enum key_type type;
  EVP_PKEY *public_key;
  /** SHA-256 of the SubjectPublicKeyInfo. */
  unsigned char id[KEY_ID_BYTES];
};

/** What is to be signed. */
struct sign_request {
  const unsigned char *digest;
  size_t digest_bytes;
  /** What the digest is of; NULL where it came in pieces, or is longer than is handed on. */
  const unsigned char *message;
  size_t message_bytes;
  /** OpenSSL's name of the hash: "SHA2-256". */
  const char *hash;
  /** "ecdsa", "rsa-pss" or "rsa-pkcs1". */
  const char *scheme;
  /** Bytes of salt, of RSA-PSS only. */
  int salt_bytes;
};

/** A new key, or NULL. Takes over `public_key` when it succeeds. */
struct remote_key *remote_key_new(enum key_type type, EVP_PKEY *public_key,
                                  const unsigned char *spki, size_t spki_bytes);
void remote_key_hold(struct remote_key *key);
void remote_key_release(struct remote_key *key);

/** Has the signer of the key sign on this thread, blocking. 1, or 0 with an OpenSSL error raised. */
int sign_remotely(const struct remote_key *key, const struct sign_request *request,
                  unsigned char *signature, size_t *signature_bytes, size_t capacity);

extern unsigned char instance_token[TOKEN_BYTES];
extern OSSL_FUNC_BIO_read_ex_fn *core_bio_read;

extern const OSSL_DISPATCH ec_key_functions[];
extern const OSSL_DISPATCH rsa_key_functions[];
extern const OSSL_DISPATCH signature_functions[];
extern const OSSL_DISPATCH ec_decoder_functions[];
extern const OSSL_DISPATCH rsa_decoder_functions[];

/** Adds the provider to OpenSSL's default library context, once in a process. 1, or 0. */
int provide_remote_keys(void);

#endif
