// The provider itself (provider-base(7)), in this process and without a file of its own.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include <openssl/provider.h>
#include <openssl/rand.h>

#include "remote-key.h"

#define EC_NAMES "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define PROPERTIES "provider=" PROVIDER_NAME

unsigned char instance_token[TOKEN_BYTES];
OSSL_FUNC_BIO_read_ex_fn *core_bio_read;

static const OSSL_ALGORITHM key_managements[] = {
    {EC_NAMES, PROPERTIES, ec_key_functions, NULL},
    {RSA_NAMES, PROPERTIES, rsa_key_functions, NULL},
    {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM signatures[] = {
    {"ECDSA", PROPERTIES, signature_functions, NULL},
    {RSA_NAMES, PROPERTIES, signature_functions, NULL},
    {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM decoders[] = {
    {EC_NAMES, PROPERTIES ",input=pem", ec_decoder_functions, NULL},
    {RSA_NAMES, PROPERTIES ",input=pem", rsa_decoder_functions, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache) {
  (void)provider;
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_KEYMGMT:
      return key_managements;
    case OSSL_OP_SIGNATURE:
      return signatures;
    case OSSL_OP_DECODER:
      return decoders;
    default:
      return NULL;
  }
}

static const OSSL_DISPATCH provider_functions[] = {
    DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

static int initialize(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
                      const OSSL_DISPATCH **functions, void **provider) {
  (void)handle;
  for (; core->function_id != 0; core++) {
    if (core->function_id == OSSL_FUNC_BIO_READ_EX) core_bio_read = OSSL_FUNC_BIO_read_ex(core);
  }
  static int context;
  *provider = &context;
  *functions = provider_functions;
  return core_bio_read != NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int provided;

static void provide(void) {
  // OpenSSL keeps pointers into this library, but Node unloads addons when a worker ends.
  Dl_info self;
  if (dladdr((void *)provide, &self) == 0) return;
  if (dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == NULL) return;
  // Has the default provider active before another one is.
  EVP_MD *hash = EVP_MD_fetch(NULL, "SHA256", NULL);
  if (hash == NULL) return;
  EVP_MD_free(hash);
  if (RAND_bytes(instance_token, sizeof instance_token) != 1) return;
  // Two copies of the addon in one process are two providers: with one name the second is ignored.
  char name[64];
  BIO_snprintf(name, sizeof name, PROVIDER_NAME "-%p", (void *)&provided);
  provided = OSSL_PROVIDER_add_builtin(NULL, name, initialize) == 1 &&
             // 1 keeps what is used when no provider is named.
             OSSL_PROVIDER_try_load(NULL, name, 1) != NULL;
}

int provide_remote_keys(void) {
  pthread_once(&once, provide);
  return provided;
}
