// Stands for /dev/sev-guest, preloaded into a process: answers the ioctls out of files, with what a
// process behind the Unix socket FAKE_SEV_SIGNER signs (64 bytes of user data in, a report out), or
// with the errors that FAKE_SEV says. Only for tests.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEVICE "/dev/sev-guest"

struct guest_request {
  uint8_t version;
  uint64_t request;
  uint64_t response;
  uint32_t firmware_error;
  uint32_t vmm_error;
};
struct extended {
  uint8_t user_data[64];
  uint32_t vmpl;
  uint8_t reserved[28];
  uint64_t certificates;
  uint32_t certificates_bytes;
};

static int device = -1;
static int calls;

static long load(const char *name, void *to, long room) {
  const char *path = getenv(name);
  FILE *file = path == NULL ? NULL : fopen(path, "rb");
  if (file == NULL) return 0;
  long bytes = (long)fread(to, 1, (size_t)room, file);
  fclose(file);
  return bytes;
}

static int ask_signer(const char *path, const uint8_t *user_data, uint8_t *report) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  size_t got = 0;
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
      write(fd, user_data, 64) == 64) {
    ssize_t more;
    while (got < 1184 && (more = read(fd, report + got, 1184 - got)) > 0) got += (size_t)more;
  }
  if (fd >= 0) close(fd);
  return got == 1184 ? 0 : -1;
}

static int open_any(const char *path, int flags, mode_t mode) {
  static int (*real)(const char *, int, ...);
  if (real == NULL) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  if (strcmp(path, DEVICE) != 0) return real(path, flags, mode);
  device = real("/dev/null", O_RDWR | O_CLOEXEC);
  return device;
}

/** Whoever asks whether the device is there is told so. */
int access(const char *path, int mode) {
  static int (*real)(const char *, int);
  if (real == NULL) real = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
  return strcmp(path, DEVICE) == 0 ? 0 : real(path, mode);
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return open_any(path, flags, mode);
}

int ioctl(int fd, unsigned long code, ...) {
  static int (*real)(int, unsigned long, ...);
  if (real == NULL) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  va_list list;
  va_start(list, code);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (fd != device || device < 0) return real(fd, code, argument);
  calls++;
  struct guest_request *message = argument;
  struct extended *request = (struct extended *)(uintptr_t)message->request;
  uint8_t *response = (uint8_t *)(uintptr_t)message->response;
  const char *fault = getenv("FAKE_SEV");
  if (fault == NULL) fault = "";
  if (strcmp(fault, "firmware") == 0) {
    message->firmware_error = 0x16;
    errno = EIO;
    return -1;
  }
  if (strcmp(fault, "busy") == 0 && calls < 3) {
    message->vmm_error = 2;
    errno = EAGAIN;
    return -1;
  }
  if (strcmp(fault, "notty") == 0) {
    errno = ENOTTY;
    return -1;
  }
  static uint8_t table[16384];
  const long table_bytes = load("FAKE_SEV_TABLE", table, sizeof table);
  const uint32_t pages = ((uint32_t)table_bytes + 4095) / 4096 * 4096;
  if ((code & 0xff) == 2 && pages > 0 && request->certificates_bytes < pages) {
    request->certificates_bytes = strcmp(fault, "endless") == 0 ? 1u << 30 : pages;
    message->vmm_error = 1;
    errno = EIO;
    return -1;
  }
  if ((code & 0xff) == 2 && pages > 0) {
    memset((void *)(uintptr_t)request->certificates, 0, pages);
    memcpy((void *)(uintptr_t)request->certificates, table, (size_t)table_bytes);
  }
  const uint32_t status = strcmp(fault, "status") == 0 ? 0x27 : 0;
  const uint32_t size = strcmp(fault, "size") == 0 ? 1000 : 1184;
  memcpy(response, &status, 4);
  memcpy(response + 4, &size, 4);
  const char *signer = getenv("FAKE_SEV_SIGNER");
  if (signer != NULL) return ask_signer(signer, request->user_data, response + 32);
  load("FAKE_SEV_REPORT", response + 32, 1184);
  memcpy(response + 32 + 0x50, request->user_data, 64);
  memcpy(response + 32 + 0x30, &request->vmpl, 4);
  return 0;
}
