/* Stands before the system's library (LD_PRELOAD) and counts the steps by which a process changes the files of one
 * folder. At one of them it fails or stops the process. Nothing of this is part of the program.
 *
 *   FAULT_FOLDER  the folder, as realpath gives it
 *   FAULT_LOG     where the name of each step goes, a line each
 *   FAULT_STEP    the step, from 1; 0 or absent: none
 *   FAULT_KIND    stop    SIGKILL in the middle of the step
 *                 broken  the step fails with EIO
 *                 full    from this step on, whatever takes room fails with ENOSPC
 *   FAULT_CLOCK   seconds since 1970 that the clock says, whatever the time is
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum outcome { GO_ON, FAIL, HALF };

static long n_steps;

static int inside(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    char here[4096];
    if (!folder || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(here, sizeof here)) return 0;
        path = here;
    }
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int inside_file(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return path[0] == '/' && inside(path);
}

/* Counts a step. HALF is for writes, half of which are done. */
static enum outcome step(const char *name, int takes_room) {
    const char *at = getenv("FAULT_STEP"), *kind = getenv("FAULT_KIND"), *log = getenv("FAULT_LOG");
    long wanted = at ? atol(at) : 0, n = __atomic_add_fetch(&n_steps, 1, __ATOMIC_SEQ_CST);
    if (log) {
        int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0666);
        char line[64];
        int length = snprintf(line, sizeof line, "%s\n", name);
        syscall(SYS_write, file, line, length);
        close(file);
    }
    if (wanted == 0 || n < wanted || !kind) return GO_ON;
    if (strcmp(kind, "full") == 0) {
        errno = ENOSPC;
        return !takes_room ? GO_ON : n == wanted ? HALF : FAIL;
    }
    if (n > wanted) return GO_ON;
    errno = EIO;
    return strcmp(kind, "stop") == 0 ? HALF : FAIL;
}

static void stop_if_wanted(void) {
    const char *kind = getenv("FAULT_KIND");
    if (kind && strcmp(kind, "stop") == 0) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* Of a step that is done or not done: stops, or says whether it shall be done. */
static int may(const char *name, int takes_room) {
    enum outcome outcome = step(name, takes_room);
    if (outcome == HALF) stop_if_wanted();
    return outcome == GO_ON;
}

ssize_t write(int file, const void *bytes, size_t n) {
    ssize_t (*next)(int, const void *, size_t) = NEXT(write);
    if (!inside_file(file)) return next(file, bytes, n);
    enum outcome outcome = step("write", 1);
    if (outcome == FAIL) return -1;
    if (outcome == GO_ON) return next(file, bytes, n);
    ssize_t done = n > 1 ? next(file, bytes, n / 2) : 0;
    stop_if_wanted();
    if (done > 0) return done;
    errno = ENOSPC;
    return -1;
}

ssize_t writev(int file, const struct iovec *pieces, int n) {
    if (n > 0 && inside_file(file)) return write(file, pieces[0].iov_base, pieces[0].iov_len);
    return NEXT(writev)(file, pieces, n);
}

int fsync(int file) {
    return inside_file(file) && !may("fsync", 0) ? -1 : NEXT(fsync)(file);
}

int fdatasync(int file) {
    return inside_file(file) && !may("fsync", 0) ? -1 : NEXT(fdatasync)(file);
}

int rename(const char *from, const char *to) {
    return inside(to) && !may("rename", 0) ? -1 : NEXT(rename)(from, to);
}

int unlink(const char *path) {
    return inside(path) && !may("unlink", 0) ? -1 : NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    return inside(path) && !may("mkdir", 1) ? -1 : NEXT(mkdir)(path, mode);
}

int flock(int file, int how) {
    return inside_file(file) && !may("flock", 0) ? -1 : NEXT(flock)(file, how);
}

int fchmod(int file, mode_t mode) {
    return inside_file(file) && !may("fchmod", 0) ? -1 : NEXT(fchmod)(file, mode);
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...) {                                       \
        va_list more;                                                                  \
        va_start(more, flags);                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                      \
        va_end(more);                                                                  \
        if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && inside(path) && !may("open", (flags & O_CREAT) != 0)) \
            return -1;                                                                 \
        return NEXT(name)(path, flags, mode);                                          \
    }
OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t clock, struct timespec *time) {
    const char *fixed = getenv("FAULT_CLOCK");
    int result = NEXT(clock_gettime)(clock, time);
    if (fixed && clock == CLOCK_REALTIME) {
        time->tv_sec = atol(fixed);
        time->tv_nsec = 0;
    }
    return result;
}
