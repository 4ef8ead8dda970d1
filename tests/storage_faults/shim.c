/* Makes the n-th write, sync, truncation or deletion of a database fail in a process that knows nothing of it (LD_PRELOAD).
 *
 * Only files named chat.db and chat.db-wal are touched. Beside them lies chat.db.faults, eight ints that a test has mapped too:
 * [0] calls left until the fault, 0: none    [1] errno    [2] mode, see below    [3] which operations count (bits of `enum op`)
 * [4] out: what was struck (op + 1)          [5] out: calls seen    [6] set while every later call fails too
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum op { OP_WRITE, OP_SYNC, OP_TRUNCATE, OP_UNLINK };
enum mode { MODE_ONCE, MODE_ALL_LATER, MODE_LATER_WRITES, MODE_SHORT };

static volatile int *control;

static int is_ours(const char *path, char *database)
{
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, "-wal") == 0)
        length -= 4;
    if (length < 8 || length > PATH_MAX - 16 || strncmp(path + length - 8, "/chat.db", 8) != 0)
        return 0;
    memcpy(database, path, length);
    database[length] = 0;
    return 1;
}

static int find_control(const char *database)
{
    char path[PATH_MAX + 16];
    void *mapped;
    int fd;
    if (control)
        return 1;
    snprintf(path, sizeof path, "%s.faults", database);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return 0;
    mapped = mmap(0, 8 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        return 0;
    control = mapped;
    return 1;
}

static int by_path(const char *path)
{
    char database[PATH_MAX];
    return is_ours(path, database) && find_control(database);
}

static int by_fd(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return by_path(path);
}

/* 0: go on; 1: fail; 2: write half of it. */
static int struck(enum op op)
{
    if (control[6] && (control[2] == MODE_ALL_LATER || op == OP_WRITE)) {
        int stays = control[2] == MODE_ALL_LATER || control[2] == MODE_LATER_WRITES;
        if (!stays)
            control[6] = 0; /* the write behind a short one */
        errno = control[1];
        return 1;
    }
    if (!(control[3] & (1 << op)))
        return 0;
    control[5]++;
    if (control[0] <= 0 || __sync_sub_and_fetch(&control[0], 1) != 0)
        return 0;
    control[4] = op + 1;
    control[6] = control[2] != MODE_ONCE;
    errno = control[1];
    return control[2] == MODE_SHORT && op == OP_WRITE ? 2 : 1;
}

#define REAL(type, name, ...)                                                                                                  \
    static type (*real)(__VA_ARGS__);                                                                                          \
    if (!real)                                                                                                                 \
        real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name);

#define WRITES_AT(name, offset_type)                                                                                           \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset)                                                    \
    {                                                                                                                          \
        int fault;                                                                                                             \
        REAL(ssize_t, #name, int, const void *, size_t, offset_type)                                                           \
        fault = by_fd(fd) ? struck(OP_WRITE) : 0;                                                                              \
        return fault == 1 ? -1 : real(fd, data, fault == 2 ? (size + 1) / 2 : size, offset);                                   \
    }

WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size)
{
    int fault;
    REAL(ssize_t, "write", int, const void *, size_t)
    fault = by_fd(fd) ? struck(OP_WRITE) : 0;
    return fault == 1 ? -1 : real(fd, data, fault == 2 ? (size + 1) / 2 : size);
}

#define SYNCS(name)                                                                                                            \
    int name(int fd)                                                                                                           \
    {                                                                                                                          \
        REAL(int, #name, int)                                                                                                  \
        return by_fd(fd) && struck(OP_SYNC) ? -1 : real(fd);                                                                   \
    }

SYNCS(fsync)
SYNCS(fdatasync)

#define TRUNCATES(name, offset_type)                                                                                           \
    int name(int fd, offset_type size)                                                                                         \
    {                                                                                                                          \
        REAL(int, #name, int, offset_type)                                                                                     \
        return by_fd(fd) && struck(OP_TRUNCATE) ? -1 : real(fd, size);                                                         \
    }

TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

int unlink(const char *path)
{
    REAL(int, "unlink", const char *)
    return by_path(path) && struck(OP_UNLINK) ? -1 : real(path);
}
