// The addon's face to JavaScript: registers signers, and calls them from within TLS.
#include <stdlib.h>
#include <string.h>

#include <node_api.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "remote-key.h"

#define MAX_REASON_BYTES 200

struct signer {
  struct signer *next;
  napi_env env;
  napi_ref function;
  unsigned char id[KEY_ID_BYTES];
};

// Of this thread: a JavaScript function can be called on its own thread only.
static _Thread_local struct signer *signers;
static _Thread_local int signing;

static struct signer **find_signer(const unsigned char *id) {
  struct signer **link = &signers;
  while (*link != NULL && memcmp((*link)->id, id, KEY_ID_BYTES) != 0) link = &(*link)->next;
  return link;
}

static void raise_exception(napi_env env) {
  char message[MAX_REASON_BYTES] = "the signer threw";
  napi_value error;
  napi_value text;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok &&
      napi_coerce_to_string(env, error, &text) == napi_ok) {
    napi_get_value_string_utf8(env, text, message, sizeof message, NULL);
  }
  // A toString that throws leaves one more.
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_get_and_clear_last_exception(env, &error);
  }
  ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "remote key: %s", message);
}

/** A Buffer, or undefined. */
static napi_status message_argument(napi_env env, const struct sign_request *request,
                                    napi_value *message) {
  if (request->message == NULL) return napi_get_undefined(env, message);
  return napi_create_buffer_copy(env, request->message_bytes, request->message, NULL, message);
}

/** napi_call_function, not napi_make_callback: nothing else may run inside the handshake. */
static int call_signer(const struct signer *signer, const struct sign_request *request,
                       unsigned char *signature, size_t *signature_bytes, size_t capacity) {
  napi_env env = signer->env;
  napi_value function, nothing, result, arguments[5];
  bool is_buffer = false;
  void *data = NULL;
  size_t bytes = 0;
  if (napi_get_reference_value(env, signer->function, &function) != napi_ok ||
      napi_get_undefined(env, &nothing) != napi_ok ||
      napi_create_buffer_copy(env, request->digest_bytes, request->digest, NULL, &arguments[0]) !=
          napi_ok ||
      napi_create_string_utf8(env, request->hash, NAPI_AUTO_LENGTH, &arguments[1]) != napi_ok ||
      napi_create_string_utf8(env, request->scheme, NAPI_AUTO_LENGTH, &arguments[2]) != napi_ok ||
      napi_create_int32(env, request->salt_bytes, &arguments[3]) != napi_ok ||
      message_argument(env, request, &arguments[4]) != napi_ok ||
      napi_call_function(env, nothing, function, 5, arguments, &result) != napi_ok ||
      napi_is_buffer(env, result, &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(env, result, &data, &bytes) != napi_ok) {
    return 0;
  }
  if (bytes == 0 || bytes > capacity) return 0;
  memcpy(signature, data, bytes);
  *signature_bytes = bytes;
  return 1;
}

int sign_remotely(const struct remote_key *key, const struct sign_request *request,
                  unsigned char *signature, size_t *signature_bytes, size_t capacity) {
  const struct signer *signer = *find_signer(key->id);
  if (signer == NULL) {
    ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "remote key: no signer on this thread");
    return 0;
  }
  if (signing) {
    ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "remote key: a signer must not use TLS");
    return 0;
  }
  // The signer may unregister itself, which frees it.
  const struct signer held = *signer;
  napi_env env = held.env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return 0;
  signing = 1;
  const int done = call_signer(&held, request, signature, signature_bytes, capacity);
  signing = 0;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    raise_exception(env);
  } else if (!done) {
    ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "remote key: the signer gave no signature");
  }
  napi_close_handle_scope(env, scope);
  return done && !pending;
}

/** The 32 bytes of the key's id, or NULL with a TypeError pending. */
static const unsigned char *id_argument(napi_env env, napi_value argument) {
  bool is_buffer = false;
  void *data = NULL;
  size_t bytes = 0;
  if (napi_is_buffer(env, argument, &is_buffer) == napi_ok && is_buffer &&
      napi_get_buffer_info(env, argument, &data, &bytes) == napi_ok && bytes == KEY_ID_BYTES) {
    return data;
  }
  napi_throw_type_error(env, NULL, "id: expected a Buffer of 32 bytes");
  return NULL;
}

static napi_value register_signer(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return NULL;
  const unsigned char *id = id_argument(env, arguments[0]);
  if (id == NULL) return NULL;
  if (napi_typeof(env, arguments[1], &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, NULL, "signer: expected a function");
    return NULL;
  }
  if (*find_signer(id) != NULL) {
    napi_throw_error(env, NULL, "a signer of this key is registered");
    return NULL;
  }
  struct signer *signer = calloc(1, sizeof *signer);
  if (signer == NULL || napi_create_reference(env, arguments[1], 1, &signer->function) != napi_ok) {
    free(signer);
    napi_throw_error(env, NULL, "no memory for a signer");
    return NULL;
  }
  signer->env = env;
  memcpy(signer->id, id, KEY_ID_BYTES);
  signer->next = signers;
  signers = signer;
  return NULL;
}

static napi_value unregister_signer(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok) return NULL;
  const unsigned char *id = id_argument(env, argument);
  if (id == NULL) return NULL;
  struct signer **link = find_signer(id);
  struct signer *signer = *link;
  if (signer != NULL) {
    *link = signer->next;
    napi_delete_reference(env, signer->function);
    free(signer);
  }
  return NULL;
}

static void forget_signers(void *env) {
  struct signer **link = &signers;
  while (*link != NULL) {
    struct signer *signer = *link;
    if (signer->env != env) {
      link = &signer->next;
      continue;
    }
    *link = signer->next;
    free(signer);
  }
}

static int set_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

NAPI_MODULE_INIT() {
  if (OPENSSL_version_major() < 3) {
    napi_throw_error(env, NULL, "OpenSSL 3 or newer is needed");
    return NULL;
  }
  if (!provide_remote_keys()) {
    napi_throw_error(env, NULL, "OpenSSL did not accept the provider");
    return NULL;
  }
  napi_value token;
  if (napi_add_env_cleanup_hook(env, forget_signers, env) != napi_ok ||
      !set_function(env, exports, "register", register_signer) ||
      !set_function(env, exports, "unregister", unregister_signer) ||
      napi_create_buffer_copy(env, TOKEN_BYTES, instance_token, NULL, &token) != napi_ok ||
      napi_set_named_property(env, exports, "token", token) != napi_ok) {
    return NULL;
  }
  return exports;
}
