// Signatures of the provider (provider-signature(7)): hashes here, and has the digest signed there;
// some signers want the message instead, so they get that, too.
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "remote-key.h"

// Of TLS 1.3 it is less than 200 bytes, of TLS 1.2 the handshake so far.
#define MAX_MESSAGE_BYTES (128 * 1024)

struct signing {
  struct remote_key *key;
  EVP_MD *hash;
  EVP_MD_CTX *hashing;
  int padding;
  int salt_bytes;
};

static void *signing_create(void *provider, const char *properties) {
  (void)provider;
  (void)properties;
  struct signing *signing = OPENSSL_zalloc(sizeof *signing);
  if (signing == NULL) return NULL;
  signing->padding = RSA_PKCS1_PADDING;
  signing->salt_bytes = RSA_PSS_SALTLEN_DIGEST;
  return signing;
}

static void signing_free(void *data) {
  struct signing *signing = data;
  if (signing == NULL) return;
  remote_key_release(signing->key);
  EVP_MD_CTX_free(signing->hashing);
  EVP_MD_free(signing->hash);
  OPENSSL_free(signing);
}

static void *signing_duplicate(void *data) {
  const struct signing *from = data;
  struct signing *to = OPENSSL_zalloc(sizeof *to);
  if (to == NULL) return NULL;
  to->padding = from->padding;
  to->salt_bytes = from->salt_bytes;
  if (from->key != NULL) {
    remote_key_hold(from->key);
    to->key = from->key;
  }
  if (from->hash != NULL && EVP_MD_up_ref(from->hash) == 1) to->hash = from->hash;
  if (from->hashing != NULL) {
    to->hashing = EVP_MD_CTX_new();
    if (to->hashing == NULL || EVP_MD_CTX_copy_ex(to->hashing, from->hashing) != 1) {
      signing_free(to);
      return NULL;
    }
  }
  return to;
}

static int set_hash(struct signing *signing, const char *name) {
  EVP_MD *hash = EVP_MD_fetch(NULL, name, NULL);
  if (hash == NULL) return 0;
  EVP_MD_free(signing->hash);
  signing->hash = hash;
  return 1;
}

static int set_padding(struct signing *signing, const OSSL_PARAM *param) {
  int padding = 0;
  if (param->data_type == OSSL_PARAM_UTF8_STRING) {
    if (strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0) padding = RSA_PKCS1_PSS_PADDING;
    if (strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0) padding = RSA_PKCS1_PADDING;
  } else if (OSSL_PARAM_get_int(param, &padding) != 1) {
    return 0;
  }
  if (padding != RSA_PKCS1_PSS_PADDING && padding != RSA_PKCS1_PADDING) return 0;
  signing->padding = padding;
  return 1;
}

static int set_salt(struct signing *signing, const OSSL_PARAM *param) {
  if (param->data_type != OSSL_PARAM_UTF8_STRING) {
    return OSSL_PARAM_get_int(param, &signing->salt_bytes);
  }
  if (strcmp(param->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) != 0) return 0;
  signing->salt_bytes = RSA_PSS_SALTLEN_DIGEST;
  return 1;
}

static int signing_set_params(void *data, const OSSL_PARAM params[]) {
  struct signing *signing = data;
  if (params == NULL) return 1;
  const OSSL_PARAM *hash = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
  const OSSL_PARAM *padding = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
  const OSSL_PARAM *salt = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
  if (hash != NULL &&
      (hash->data_type != OSSL_PARAM_UTF8_STRING || set_hash(signing, hash->data) != 1)) {
    return 0;
  }
  return (padding == NULL || set_padding(signing, padding) == 1) &&
         (salt == NULL || set_salt(signing, salt) == 1);
}

static const OSSL_PARAM *signing_settable_params(void *data, void *provider) {
  (void)data;
  (void)provider;
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
      OSSL_PARAM_END};
  return params;
}

static int sign_init(void *data, void *key, const OSSL_PARAM params[]) {
  struct signing *signing = data;
  if (key != NULL) {
    remote_key_hold(key);
    remote_key_release(signing->key);
    signing->key = key;
  }
  return signing->key != NULL && signing->key->public_key != NULL &&
         signing_set_params(signing, params);
}

static size_t longest_signature(const struct signing *signing) {
  return (size_t)EVP_PKEY_get_size(signing->key->public_key);
}

/** `message` is NULL where it is not known. */
static int sign(const struct signing *signing, unsigned char *signature, size_t *signature_bytes,
                size_t capacity, const unsigned char *digest, size_t digest_bytes,
                const unsigned char *message, size_t message_bytes) {
  // Only whole digests ever leave: the signer must know what kind of thing it signs.
  if (signing->hash == NULL || digest_bytes != (size_t)EVP_MD_get_size(signing->hash)) {
    ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "remote key: not a digest");
    return 0;
  }
  const int pss = signing->key->type == KEY_RSA && signing->padding == RSA_PKCS1_PSS_PADDING;
  const struct sign_request request = {
      .digest = digest,
      .digest_bytes = digest_bytes,
      .message = message_bytes <= MAX_MESSAGE_BYTES ? message : NULL,
      .message_bytes = message_bytes,
      .hash = EVP_MD_get0_name(signing->hash),
      .scheme = signing->key->type == KEY_EC ? "ecdsa" : pss ? "rsa-pss" : "rsa-pkcs1",
      .salt_bytes =
          signing->salt_bytes == RSA_PSS_SALTLEN_DIGEST ? (int)digest_bytes : signing->salt_bytes,
  };
  const size_t longest = longest_signature(signing);
  return sign_remotely(signing->key, &request, signature, signature_bytes,
                       capacity < longest ? capacity : longest);
}

static int sign_digest(void *data, unsigned char *signature, size_t *signature_bytes,
                       size_t capacity, const unsigned char *digest, size_t digest_bytes) {
  if (signature == NULL) {
    *signature_bytes = longest_signature(data);
    return 1;
  }
  return sign(data, signature, signature_bytes, capacity, digest, digest_bytes, NULL, 0);
}

static int digest_sign_init(void *data, const char *hash, void *key, const OSSL_PARAM params[]) {
  struct signing *signing = data;
  if (sign_init(signing, key, params) != 1) return 0;
  if (set_hash(signing, hash != NULL && *hash != '\0' ? hash : "SHA256") != 1) return 0;
  if (signing->hashing == NULL) signing->hashing = EVP_MD_CTX_new();
  return signing->hashing != NULL && EVP_DigestInit_ex2(signing->hashing, signing->hash, NULL);
}

static int digest_sign_update(void *data, const unsigned char *bytes, size_t count) {
  return EVP_DigestUpdate(((struct signing *)data)->hashing, bytes, count);
}

static int digest_sign_final(void *data, unsigned char *signature, size_t *signature_bytes,
                             size_t capacity) {
  struct signing *signing = data;
  if (signature == NULL) return sign_digest(signing, NULL, signature_bytes, 0, NULL, 0);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_bytes = 0;
  return EVP_DigestFinal_ex(signing->hashing, digest, &digest_bytes) == 1 &&
         sign_digest(signing, signature, signature_bytes, capacity, digest, digest_bytes);
}

/** A whole message at once, which is how TLS signs. */
static int digest_sign(void *data, unsigned char *signature, size_t *signature_bytes,
                       size_t capacity, const unsigned char *message, size_t message_bytes) {
  const struct signing *signing = data;
  if (signature == NULL) return sign_digest(data, NULL, signature_bytes, 0, NULL, 0);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_bytes = 0;
  return EVP_Digest(message, message_bytes, digest, &digest_bytes, signing->hash, NULL) == 1 &&
         sign(signing, signature, signature_bytes, capacity, digest, digest_bytes, message,
              message_bytes);
}

const OSSL_DISPATCH signature_functions[] = {
    DISPATCH(OSSL_FUNC_SIGNATURE_NEWCTX, signing_create),
    DISPATCH(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
    DISPATCH(OSSL_FUNC_SIGNATURE_DUPCTX, signing_duplicate),
    DISPATCH(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),
    DISPATCH(OSSL_FUNC_SIGNATURE_SIGN, sign_digest),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, digest_sign_update),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, digest_sign_final),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, digest_sign),
    DISPATCH(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
    DISPATCH(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable_params),
    {0, NULL}};
