// A disk that fails, for the trainer alone (or FAIL_PROGRAM): loaded before libc, it lets every FAIL_EVERY-th call of the kind FAIL_CALL (write, sync,
// rename, open) fail that concerns a file below FAIL_UNDER, with the errno FAIL_WITH; of the kind memory, every FAIL_EVERY-th piece of
// 32 KiB and more that is asked for as libtorch does; of the kind lock, locks; of the kind thread, threads. Of the kind clock, the wall
// clock goes wrong by FAIL_WITH seconds from the FAIL_EVERY-th question on; of the kind panic, the steady clock refuses the
// FAIL_EVERY-th question of a thread that is not the first, at which Rust panics. Each failure adds a byte to the file FAIL_TOLD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong calls;

static int due(const char *kind, const char *path) {
    const char *wanted = getenv("FAIL_CALL"), *under = getenv("FAIL_UNDER"), *told = getenv("FAIL_TOLD");
    const char *program = getenv("FAIL_PROGRAM");
    if (!program) program = "mocolab-train";
    if (!wanted || !under || !told || strcmp(wanted, kind) || strcmp(program_invocation_short_name, program)) return 0;
    if (strncmp(path, under, strlen(under))) return 0;
    return ++calls % strtoul(getenv("FAIL_EVERY"), NULL, 10) == 0;
}

static void tell(void) {
    int file = syscall(SYS_openat, AT_FDCWD, getenv("FAIL_TOLD"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    syscall(SYS_write, file, "x", 1);
    syscall(SYS_close, file);
    errno = atoi(getenv("FAIL_WITH"));
}

static int struck(const char *kind, const char *path) {
    if (!due(kind, path)) return 0;
    tell();
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

// A disk that is full takes a part first.
ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    if (!struck_file("write", file)) return real(file, bytes, count);
    return errno == ENOSPC && count > 1 ? real(file, bytes, count / 2) : -1;
}

int fsync(int file) {
    REAL(fsync);
    return struck_file("sync", file) ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return struck_file("sync", file) ? -1 : real(file);
}

// `path` in the folder that `folder` is open on, where it isn't a whole one.
static int struck_in(const char *kind, int folder, const char *path) {
    char name[64], whole[8192];
    if (path[0] == '/' || folder == AT_FDCWD) return struck(kind, path);
    snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(name, whole, 4095);
    if (length <= 0) return 0;
    snprintf(whole + length, sizeof whole - length, "/%s", path);
    return struck(kind, whole);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return struck("rename", to) ? -1 : real(from, to);
}

int renameat(int from, const char *old, int to, const char *new) {
    REAL(renameat);
    return struck_in("rename", to, new) ? -1 : real(from, old, to, new);
}

// What is written beside and had no name gets one so.
int linkat(int from, const char *old, int to, const char *new, int flags) {
    REAL(linkat);
    return struck_in("rename", to, new) ? -1 : real(from, old, to, new, flags);
}

#define MODE(flags) mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
#define FOR_WRITING(flags) ((flags & O_ACCMODE) != O_RDONLY)
#define OPEN(name) int name(const char *path, int flags, ...) { \
    MODE(flags) \
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    return FOR_WRITING(flags) && struck("open", path) ? -1 : real(path, flags, mode); }
#define OPENAT(name) int name(int folder, const char *path, int flags, ...) { \
    MODE(flags) \
    int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    return FOR_WRITING(flags) && struck_in("open", folder, path) ? -1 : real(folder, path, flags, mode); }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int posix_memalign(void **place, size_t alignment, size_t size) {
    REAL(posix_memalign);
    return size >= 32768 && struck("memory", "/") ? ENOMEM : real(place, alignment, size);
}

int flock(int file, int operation) {
    REAL(flock);
    return struck_file("lock", file) ? -1 : real(file, operation);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *), void *with) {
    REAL(pthread_create);
    return struck("thread", "/") ? EAGAIN : real(thread, attributes, begin, with);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    static atomic_int jumped, refused;
    if (clock == CLOCK_MONOTONIC && !refused && syscall(SYS_gettid) != getpid() && due("panic", "/") && !atomic_exchange(&refused, 1)) {
        tell();
        return -1;
    }
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && (jumped || struck("clock", "/"))) {
        jumped = 1;
        now->tv_sec += atol(getenv("FAIL_WITH"));
    }
    return result;
}
