#ifndef SCALED_STORAGE_CLINUX_H
#define SCALED_STORAGE_CLINUX_H

/* Linux interfaces that Swift's Glibc module lacks. */

#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <unistd.h>

/* accept4(2) is hidden behind _GNU_SOURCE, which the module's importer cannot set. */
static inline int scaled_accept4(int descriptor) {
  return (int)syscall(SYS_accept4, descriptor, (void *)0, (void *)0, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* pidfd_open(2) and pidfd_send_signal(2), which glibc 2.36 declares only under _GNU_SOURCE. */
static inline int scaled_pidfd_open(pid_t process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}

static inline int scaled_pidfd_send_signal(int descriptor, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, descriptor, signal, (void *)0, 0);
}

/* POSIX_SPAWN_SETSID of glibc 2.26, declared only under _GNU_SOURCE. */
static const int scaled_posix_spawn_setsid = 0x80;

/* glibc 2.34 and later; declared only under _GNU_SOURCE. */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);

static inline int scaled_add_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

#endif
