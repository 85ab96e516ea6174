// Key management of the provider (provider-keymgmt(7)): a key whose private half is never exported.
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "remote-key.h"

struct remote_key *remote_key_new(enum key_type type, EVP_PKEY *public_key,
                                  const unsigned char *spki, size_t spki_bytes) {
  struct remote_key *key = OPENSSL_zalloc(sizeof *key);
  if (key == NULL) return NULL;
  if (EVP_Digest(spki, spki_bytes, key->id, NULL, EVP_sha256(), NULL) != 1) {
    OPENSSL_free(key);
    return NULL;
  }
  atomic_init(&key->references, 1);
  key->type = type;
  key->public_key = public_key;
  return key;
}

void remote_key_hold(struct remote_key *key) { atomic_fetch_add(&key->references, 1); }

void remote_key_release(struct remote_key *key) {
  if (key == NULL || atomic_fetch_sub(&key->references, 1) != 1) return;
  EVP_PKEY_free(key->public_key);
  OPENSSL_free(key);
}

// Keys come from the decoder only; OpenSSL demands the function all the same.
static void *key_create(void *provider) {
  (void)provider;
  struct remote_key *key = OPENSSL_zalloc(sizeof *key);
  if (key != NULL) atomic_init(&key->references, 1);
  return key;
}

static void key_free(void *key) { remote_key_release(key); }

static int key_has(const void *data, int selection) {
  (void)selection;
  const struct remote_key *key = data;
  return key != NULL && key->public_key != NULL;
}

static int key_match(const void *left, const void *right, int selection) {
  (void)selection;
  const struct remote_key *a = left;
  const struct remote_key *b = right;
  return a->public_key != NULL && b->public_key != NULL &&
         EVP_PKEY_eq(a->public_key, b->public_key) == 1;
}

/** Takes over the key that the decoder refers to. */
static void *key_load(const void *reference, size_t bytes) {
  if (bytes != sizeof(struct remote_key *)) return NULL;
  struct remote_key **slot = (struct remote_key **)(uintptr_t)reference;
  struct remote_key *key = *slot;
  *slot = NULL;
  return key;
}

static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument) {
  const struct remote_key *key = data;
  // The pivot: no other provider can have the private half, so OpenSSL signs with ours.
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || key->public_key == NULL) return 0;
  return EVP_PKEY_export(key->public_key, selection, callback, argument);
}

static const OSSL_PARAM *ec_export_types(int selection) {
  static const OSSL_PARAM types[] = {
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END};
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static const OSSL_PARAM *rsa_export_types(int selection) {
  static const OSSL_PARAM types[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                     OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                     OSSL_PARAM_END};
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static int key_get_params(void *data, OSSL_PARAM params[]) {
  const struct remote_key *key = data;
  return key->public_key != NULL && EVP_PKEY_get_params(key->public_key, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider) {
  (void)provider;
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
      OSSL_PARAM_END};
  return params;
}

static const char *ec_operation_name(int operation) {
  return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

static const char *rsa_operation_name(int operation) {
  (void)operation;
  return "RSA";
}

#define KEY_FUNCTIONS(type)                                                              \
  const OSSL_DISPATCH type##_key_functions[] = {                                         \
      DISPATCH(OSSL_FUNC_KEYMGMT_NEW, key_create),                                       \
      DISPATCH(OSSL_FUNC_KEYMGMT_FREE, key_free),                                        \
      DISPATCH(OSSL_FUNC_KEYMGMT_HAS, key_has),                                          \
      DISPATCH(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                      \
      DISPATCH(OSSL_FUNC_KEYMGMT_LOAD, key_load),                                        \
      DISPATCH(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                    \
      DISPATCH(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, type##_export_types),                     \
      DISPATCH(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                            \
      DISPATCH(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),                  \
      DISPATCH(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, type##_operation_name),           \
      {0, NULL}}

KEY_FUNCTIONS(ec);
KEY_FUNCTIONS(rsa);
