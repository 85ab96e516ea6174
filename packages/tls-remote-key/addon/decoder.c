// Decoder of the provider (provider-decoder(7)): from the PEM text that stands for a key to the key.
// The text holds this copy's token and the SubjectPublicKeyInfo, and nothing that is secret.
// PEM headers would not do: OpenSSL takes long ones for encryption and gives up.
#define _GNU_SOURCE
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "remote-key.h"

#define MAX_PEM_BYTES 16384

static void *decoder_create(void *provider) { return provider; }
static void decoder_free(void *decoder) { (void)decoder; }

static int decoder_does_selection(void *provider, int selection) {
  (void)provider;
  (void)selection;
  return 1;
}

static struct remote_key *decode_body(enum key_type wanted, const unsigned char *body, long bytes) {
  if (bytes <= TOKEN_BYTES || CRYPTO_memcmp(body, instance_token, TOKEN_BYTES) != 0) return NULL;
  const unsigned char *spki = body + TOKEN_BYTES;
  const unsigned char *end = spki;
  const long spki_bytes = bytes - TOKEN_BYTES;
  EVP_PKEY *public_key = d2i_PUBKEY(NULL, &end, spki_bytes);
  if (public_key == NULL) return NULL;
  const char *name = wanted == KEY_EC ? "EC" : "RSA";
  struct remote_key *key = NULL;
  if (end == spki + spki_bytes && EVP_PKEY_is_a(public_key, name)) {
    key = remote_key_new(wanted, public_key, spki, (size_t)spki_bytes);
  }
  if (key == NULL) EVP_PKEY_free(public_key);
  return key;
}

static struct remote_key *decode_pem(enum key_type wanted, const unsigned char *text, size_t bytes) {
  if (memmem(text, bytes, PEM_NAME, strlen(PEM_NAME)) == NULL) return NULL;
  BIO *source = BIO_new_mem_buf(text, (int)bytes);
  if (source == NULL) return NULL;
  char *name = NULL;
  char *header = NULL;
  unsigned char *body = NULL;
  long body_bytes = 0;
  struct remote_key *key = NULL;
  if (PEM_read_bio(source, &name, &header, &body, &body_bytes) == 1 && strcmp(name, PEM_NAME) == 0) {
    key = decode_body(wanted, body, body_bytes);
  }
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(body);
  BIO_free(source);
  return key;
}

/** Always 1: what is not ours is left to other decoders. */
static int decode(enum key_type wanted, OSSL_CORE_BIO *source, OSSL_CALLBACK *callback,
                  void *argument) {
  unsigned char *text = OPENSSL_malloc(MAX_PEM_BYTES);
  if (text == NULL) return 1;
  size_t bytes = 0;
  size_t got = 0;
  while (bytes < MAX_PEM_BYTES &&
         core_bio_read(source, text + bytes, MAX_PEM_BYTES - bytes, &got) == 1 && got > 0) {
    bytes += got;
  }
  ERR_set_mark();
  struct remote_key *key = decode_pem(wanted, text, bytes);
  ERR_pop_to_mark();
  OPENSSL_free(text);
  if (key == NULL) return 1;
  int object = OSSL_OBJECT_PKEY;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                       wanted == KEY_EC ? "EC" : "RSA", 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
      OSSL_PARAM_construct_end()};
  const int taken = callback(params, argument);
  // The key management has set it to NULL when it took it over.
  remote_key_release(key);
  return taken;
}

static int decode_ec(void *decoder, OSSL_CORE_BIO *source, int selection, OSSL_CALLBACK *callback,
                     void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument) {
  (void)decoder, (void)selection, (void)passphrase, (void)passphrase_argument;
  return decode(KEY_EC, source, callback, argument);
}

static int decode_rsa(void *decoder, OSSL_CORE_BIO *source, int selection, OSSL_CALLBACK *callback,
                      void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument) {
  (void)decoder, (void)selection, (void)passphrase, (void)passphrase_argument;
  return decode(KEY_RSA, source, callback, argument);
}

#define DECODER_FUNCTIONS(type)                                                \
  const OSSL_DISPATCH type##_decoder_functions[] = {                           \
      DISPATCH(OSSL_FUNC_DECODER_NEWCTX, decoder_create),                      \
      DISPATCH(OSSL_FUNC_DECODER_FREECTX, decoder_free),                       \
      DISPATCH(OSSL_FUNC_DECODER_DOES_SELECTION, decoder_does_selection),      \
      DISPATCH(OSSL_FUNC_DECODER_DECODE, decode_##type),                       \
      {0, NULL}}

DECODER_FUNCTIONS(ec);
DECODER_FUNCTIONS(rsa);
