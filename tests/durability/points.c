#include "durability/points.h"

#include "base/bytes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct points own, *points = &own;
static const char *excepted;

void points_share(struct points *shared)
{
    points = shared;
}

void points_except(const char *thread)
{
    excepted = thread;
}

void points_arm(unsigned at, enum point_how as)
{
    points->how = as;
    points->left = at;
}

static bool is_excepted(void)
{
    char name[16];
    return excepted != NULL && pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
           strcmp(name, excepted) == 0;
}

/* True: this is the one. */
static bool is_chosen(void)
{
    unsigned now = points->left;
    if (now == 0 || is_excepted())
        return false;
    while (now != 0 && !atomic_compare_exchange_weak(&points->left, &now, now - 1))
        ;
    return now == 1;
}

static void end_if(bool chosen, enum point_how as)
{
    if (chosen && points->how == as)
        _exit(POINT_STATUS);
}

static usize part_of(bool chosen, usize size)
{
    return chosen && points->how == POINT_HALF ? size / 2 : size;
}

ssize_t counted_pwrite(int fd, const void *data, usize size, off_t offset) __asm__("pwrite");
ssize_t counted_pwrite64(int fd, const void *data, usize size, off_t offset) __asm__("pwrite64");
int counted_fdatasync(int fd) __asm__("fdatasync");
int counted_rename(const char *from, const char *to) __asm__("rename");
ssize_t counted_send(int fd, const void *data, usize size, int flags) __asm__("send");
ssize_t counted_recv(int fd, void *data, usize size, int flags) __asm__("recv");

ssize_t counted_pwrite64(int fd, const void *data, usize size, off_t offset)
{
    bool chosen = is_chosen();
    end_if(chosen, POINT_BEFORE);
    ssize_t put = syscall(SYS_pwrite64, fd, data, part_of(chosen, size), offset);
    if (chosen)
        _exit(POINT_STATUS);
    return put;
}

ssize_t counted_pwrite(int fd, const void *data, usize size, off_t offset)
{
    return counted_pwrite64(fd, data, size, offset);
}

int counted_fdatasync(int fd)
{
    bool chosen = is_chosen();
    end_if(chosen, POINT_BEFORE);
    int result = (int)syscall(SYS_fdatasync, fd);
    if (chosen)
        _exit(POINT_STATUS);
    return result;
}

int counted_rename(const char *from, const char *to)
{
    bool chosen = is_chosen();
    end_if(chosen, POINT_BEFORE);
    int result = (int)syscall(SYS_rename, from, to);
    if (chosen)
        _exit(POINT_STATUS);
    return result;
}

ssize_t counted_send(int fd, const void *data, usize size, int flags)
{
    bool chosen = is_chosen();
    end_if(chosen, POINT_BEFORE);
    ssize_t put = syscall(SYS_sendto, fd, data, part_of(chosen, size), flags, NULL, 0);
    if (chosen)
        _exit(POINT_STATUS);
    return put;
}

ssize_t counted_recv(int fd, void *data, usize size, int flags)
{
    bool chosen = is_chosen();
    end_if(chosen, POINT_BEFORE);
    ssize_t got = syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
    if (chosen)
        _exit(POINT_STATUS);
    return got;
}
