import type {
  ArgumentCondition,
  ProfileEntry,
  ProfileScope,
  SeccompAction,
  SeccompProfile,
} from './seccomp-profile.ts';

/**
 * What QEMU may ask of the kernel unless the configuration names a profile: what both Docker's and Podman's defaults let
 * a container without capabilities do, less what a machine emulator has no use for (ptrace, other people's memory,
 * io_uring and kinds of sockets), and with the calls for NUMA memory, which only Podman's allows: they are within the
 * pod's cpuset. docs/seccomp.md says what QEMU cannot do with it.
 */
const allowed = `
  accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown clock_adjtime clock_getres
  clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create
  epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group
  faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr
  flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futimesat get_mempolicy
  get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
  getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
  getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch io_cancel io_destroy io_getevents io_setup io_submit ioprio_get ioprio_set kill
  landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listxattr
  llistxattr lremovexattr lseek lsetxattr lstat madvise mbind membarrier memfd_create memfd_secret mincore mkdir
  mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
  mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at
  nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
  pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pwrite64 pwritev
  pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename
  renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
  rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
  sendfile sendmmsg sendmsg sendto set_mempolicy set_robust_list set_thread_area set_tid_address setfsgid setfsuid
  setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt
  setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice stat statfs
  statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
  timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate
  umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid write writev
`;

/** Known, and forbidden: EPERM, where a call that is not known here does not exist (ENOSYS). */
const forbidden = `
  acct add_key bpf chroot clock_settime create_module delete_module fanotify_init fanotify_mark finit_module fsconfig
  fsmount fsopen fspick init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie migrate_pages
  modify_ldt mount mount_setattr move_mount move_pages open_by_handle_at open_tree perf_event_open pidfd_getfd
  pivot_root process_madvise process_vm_readv process_vm_writev ptrace query_module quotactl quotactl_fd reboot
  request_key setdomainname sethostname setns settimeofday swapoff swapon syslog umount2 unshare userfaultfd vhangup
  vmsplice
`;

const ENOSYS = 38;
const allow: SeccompAction = { kind: 'allow', errno: 0 };
const deny: SeccompAction = { kind: 'errno', errno: 1 };
const absent: SeccompAction = { kind: 'errno', errno: ENOSYS };
const always: ProfileScope = { capabilities: [], architectures: [], minKernel: null };

/** CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID and -NET. */
const NAMESPACE_FLAGS = 0x7e02_0000n;
const TIOCSTI = 0x5412n;
const TIOCLINUX = 0x541cn;
/** AF_UNIX, AF_INET, AF_INET6. */
const SOCKET_FAMILIES = [1n, 2n, 10n];
const AF_NETLINK = 16n;
/** NETLINK_ROUTE, _KOBJECT_UEVENT (libusb), _GENERIC and _RDMA; not _AUDIT. */
const NETLINK_PROTOCOLS = [0n, 15n, 16n, 20n];
/** PER_LINUX, PER_LINUX32, each with UNAME26 or not; and the question for the present one. */
const PERSONALITIES = [0n, 8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn];
/** What the kernel sees of an `int`: comparing all 64 bits of the register would let other values of it pass. */
const INT = 0xffff_ffffn;
const ALL = 0xffff_ffff_ffff_ffffn;

const masked = (index: number, mask: bigint, value: bigint): ArgumentCondition => ({
  index,
  operator: 'MASKED_EQ',
  value: mask,
  valueTwo: value,
});

const entry = (
  names: string,
  action: SeccompAction,
  ...conditions: readonly ArgumentCondition[]
): ProfileEntry => ({
  names: names.trim().split(/\s+/),
  action,
  conditions,
  includes: always,
  excludes: always,
});

export const defaultProfile: SeccompProfile = {
  defaultAction: absent,
  flags: 0,
  entries: [
    entry(allowed, allow),
    entry(forbidden, deny),
    entry('clone', allow, masked(0, NAMESPACE_FLAGS, 0n)),
    // Its flags are in memory, where no filter sees them; without it, libcs use clone.
    entry('clone3', absent),
    ...SOCKET_FAMILIES.map((family) => entry('socket', allow, masked(0, INT, family))),
    ...NETLINK_PROTOCOLS.map((protocol) =>
      entry('socket', allow, masked(0, INT, AF_NETLINK), masked(2, INT, protocol)),
    ),
    ...PERSONALITIES.map((value) => entry('personality', allow, masked(0, ALL, value))),
    // Input for a terminal that QEMU shares with others.
    ...[TIOCSTI, TIOCLINUX].map((request) => entry('ioctl', deny, masked(1, INT, request))),
    entry('ioctl', allow),
  ],
};
