// Attestation reports from /dev/sev-guest (linux/sev-guest.h), for kernels without configfs-tsm.
// Each request runs on a thread of the pool: the firmware may take its time.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <node_api.h>

#define REPORT_DATA_BYTES 64
#define RESPONSE_BYTES 4000
/** Bytes before the report in a response: status, size, reserved. */
#define RESPONSE_HEADER_BYTES 32
#define PAGE_BYTES 4096
/** The kernel allows no more than four pages of certificates. */
#define MAX_CERTIFICATES_BYTES (4 * PAGE_BYTES)
#define MESSAGE_VERSION 1
/** SNP_GUEST_VMM_ERR_INVALID_LEN: there was no room for the certificates. */
#define VMM_INVALID_LENGTH 1
#define MAX_PATH_BYTES 256

struct report_request {
  uint8_t user_data[REPORT_DATA_BYTES];
  uint32_t vmpl;
  uint8_t reserved[28];
};

struct extended_report_request {
  struct report_request data;
  uint64_t certificates_address;
  uint32_t certificates_bytes;
  uint32_t padding;
};

struct guest_request {
  uint8_t message_version;
  uint64_t request_data;
  uint64_t response_data;
  uint32_t firmware_error;
  uint32_t vmm_error;
};

_Static_assert(sizeof(struct report_request) == 96, "snp_report_req");
_Static_assert(sizeof(struct extended_report_request) == 112, "snp_ext_report_req");
_Static_assert(sizeof(struct guest_request) == 32, "snp_guest_request_ioctl");

#define SNP_GET_EXT_REPORT _IOWR('S', 0x2, struct guest_request)
#define SNP_GET_REPORT _IOWR('S', 0x0, struct guest_request)

/** One call of JavaScript: what goes in, and what came of it. */
struct call {
  napi_async_work work;
  napi_deferred deferred;
  char path[MAX_PATH_BYTES];
  int extended;
  struct extended_report_request request;
  uint8_t response[RESPONSE_BYTES];
  uint8_t certificates[MAX_CERTIFICATES_BYTES];
  size_t certificates_bytes;
  /** What failed, or NULL. */
  const char *step;
  int error_number;
  uint32_t firmware_error;
  uint32_t vmm_error;
};

static int request(int device, unsigned long code, struct call *call) {
  struct guest_request message = {
      .message_version = MESSAGE_VERSION,
      .request_data = (uint64_t)(uintptr_t)&call->request,
      .response_data = (uint64_t)(uintptr_t)call->response,
  };
  memset(call->response, 0, sizeof call->response);
  const int outcome = ioctl(device, code, &message);
  call->error_number = outcome < 0 ? errno : 0;
  call->firmware_error = message.firmware_error;
  call->vmm_error = message.vmm_error;
  return outcome;
}

static int request_extended(int device, struct call *call) {
  // Without room first: then the kernel says how much is needed.
  if (request(device, SNP_GET_EXT_REPORT, call) == 0) return 0;
  if (call->vmm_error != VMM_INVALID_LENGTH) return -1;
  if (call->request.certificates_bytes > sizeof call->certificates) return -1;
  call->certificates_bytes = call->request.certificates_bytes;
  call->request.certificates_address = (uint64_t)(uintptr_t)call->certificates;
  return request(device, SNP_GET_EXT_REPORT, call);
}

static void execute(napi_env env, void *data) {
  (void)env;
  struct call *call = data;
  const int device = open(call->path, O_RDWR | O_CLOEXEC);
  if (device < 0) {
    call->step = "open";
    call->error_number = errno;
    return;
  }
  const int outcome =
      call->extended ? request_extended(device, call) : request(device, SNP_GET_REPORT, call);
  if (outcome != 0) call->step = "ioctl";
  close(device);
}

static napi_value bytes_of(napi_env env, const void *data, size_t bytes) {
  napi_value value = NULL;
  napi_create_buffer_copy(env, bytes, data, NULL, &value);
  return value;
}

static void set_number(napi_env env, napi_value object, const char *name, double number) {
  napi_value value;
  if (napi_create_double(env, number, &value) == napi_ok) {
    napi_set_named_property(env, object, name, value);
  }
}

static napi_value outcome_of(napi_env env, const struct call *call) {
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  if (call->step == NULL) {
    napi_set_named_property(env, result, "response", bytes_of(env, call->response, RESPONSE_BYTES));
    napi_set_named_property(env, result, "certificates",
                            bytes_of(env, call->certificates, call->certificates_bytes));
    return result;
  }
  napi_value step;
  napi_create_string_utf8(env, call->step, NAPI_AUTO_LENGTH, &step);
  napi_set_named_property(env, result, "failed", step);
  set_number(env, result, "errno", call->error_number);
  set_number(env, result, "firmwareError", call->firmware_error);
  set_number(env, result, "vmmError", call->vmm_error);
  return result;
}

static void complete(napi_env env, napi_status status, void *data) {
  (void)status;
  struct call *call = data;
  napi_value result = outcome_of(env, call);
  if (result != NULL) napi_resolve_deferred(env, call->deferred, result);
  napi_delete_async_work(env, call->work);
  free(call);
}

/** getReport(path, reportData, vmpl, extended): Promise of what is above. */
static napi_value get_report(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return NULL;
  struct call *call = calloc(1, sizeof *call);
  if (call == NULL) {
    napi_throw_error(env, NULL, "no memory for a request");
    return NULL;
  }
  size_t path_bytes = 0;
  bool is_buffer = false;
  bool extended = false;
  void *report_data = NULL;
  size_t report_data_bytes = 0;
  if (count != 4 ||
      napi_get_value_string_utf8(env, arguments[0], call->path, sizeof call->path, &path_bytes) !=
          napi_ok ||
      // A longer path would have been cut.
      path_bytes == sizeof call->path - 1 ||
      napi_is_buffer(env, arguments[1], &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(env, arguments[1], &report_data, &report_data_bytes) != napi_ok ||
      report_data_bytes != REPORT_DATA_BYTES ||
      napi_get_value_uint32(env, arguments[2], &call->request.data.vmpl) != napi_ok ||
      napi_get_value_bool(env, arguments[3], &extended) != napi_ok) {
    free(call);
    napi_throw_type_error(env, NULL, "expected a path, 64 bytes, a number and a boolean");
    return NULL;
  }
  memcpy(call->request.data.user_data, report_data, REPORT_DATA_BYTES);
  call->extended = extended;
  napi_value promise;
  napi_value name;
  if (napi_create_string_utf8(env, "sev-guest", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_promise(env, &call->deferred, &promise) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, call, &call->work) != napi_ok ||
      napi_queue_async_work(env, call->work) != napi_ok) {
    free(call);
    napi_throw_error(env, NULL, "the request could not be started");
    return NULL;
  }
  return promise;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "getReport", NAPI_AUTO_LENGTH, get_report, NULL, &function) !=
          napi_ok ||
      napi_set_named_property(env, exports, "getReport", function) != napi_ok) {
    return NULL;
  }
  return exports;
}
