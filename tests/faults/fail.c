// A disk that fails, for the trainer alone: loaded before libc, it lets every FAIL_EVERY-th call of the kind FAIL_CALL (write, sync,
// open) fail that concerns a file below FAIL_UNDER, with the errno FAIL_WITH. Each failure adds a byte to the file FAIL_TOLD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_ulong calls;

static int struck(const char *kind, const char *path) {
    const char *wanted = getenv("FAIL_CALL"), *under = getenv("FAIL_UNDER"), *told = getenv("FAIL_TOLD");
    if (!wanted || !under || !told || strcmp(wanted, kind) || strcmp(program_invocation_short_name, "mocolab-train")) return 0;
    if (strncmp(path, under, strlen(under))) return 0;
    if (++calls % strtoul(getenv("FAIL_EVERY"), NULL, 10)) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_APPEND | O_CREAT, 0600);
    syscall(SYS_write, file, "x", 1);
    syscall(SYS_close, file);
    errno = atoi(getenv("FAIL_WITH"));
    return 1;
}

static int struck_file(const char *kind, int file) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return struck(kind, path);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    return struck_file("write", file) ? -1 : real(file, bytes, count);
}

int fsync(int file) {
    REAL(fsync);
    return struck_file("sync", file) ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return struck_file("sync", file) ? -1 : real(file);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, mode_t) = (int (*)(const char *, int, mode_t))dlsym(RTLD_NEXT, name);
    return (flags & O_ACCMODE) != O_RDONLY && struck("open", path) ? -1 : real(path, flags, mode);
}

#define OPEN(name) int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; va_end(rest); \
    return opened(#name, path, flags, mode); }
OPEN(open)
OPEN(open64)
