/* SPDX-License-Identifier: Apache-2.0 */
/* Included before every source of the programs: their system calls go to the harness. */
#ifndef CALLS_H
#define CALLS_H

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define exit(status) fuzz_exit(status)
#define _exit(status) fuzz_exit(status)
#define clock_gettime(clock, time) fuzz_clock_gettime(clock, time)
#define nanosleep(time, left) fuzz_nothing(time)
#define poll(entries, count, timeout) fuzz_poll(entries, count, timeout)
#define send(fd, data, length, flags) fuzz_send(fd, data, length, flags)
#define recv(fd, data, length, flags) fuzz_recv(fd, data, length, flags)
#define recvmsg(fd, message, flags) fuzz_recvmsg(fd, message, flags)
#define write(fd, data, length) fuzz_write(fd, data, length)
#define read(fd, data, length) fuzz_read(fd, data, length)
#define fstat(fd, info) fuzz_fstat(fd, info)
#define mmap(address, length, protection, flags, fd, offset) fuzz_mmap(address, length, protection, flags, fd, offset)
#define ioctl(fd, request, value) fuzz_ioctl(fd, request, value)
#define syscall(...) fuzz_syscall(__VA_ARGS__, 0L, 0L, 0L, 0L, 0L, 0L)
#define fork() fuzz_fork()
#define kill(pid, number) fuzz_kill(pid, number)
#define sigaction(number, new, old) fuzz_nothing(new)
#define signal(number, action) fuzz_nothing(NULL)
#define sigprocmask(how, new, old) fuzz_nothing(new)
#define setrlimit(resource, limit) fuzz_nothing(limit)
#define getrlimit(resource, limit) fuzz_nothing(limit)

#endif
