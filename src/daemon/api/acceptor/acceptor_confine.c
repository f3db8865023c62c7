// The program reads what strangers send. So it becomes nobody where it may (gleanerd's unit has no
// right to), and from then on the kernel grants only the system calls of its loop: it opens no
// file, and starts no program.
#include "acceptor_confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Owns no files. */
#define NOBODY 65534

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

static const int allowed[] = {
    SYS_accept4,    SYS_brk,       SYS_clock_gettime, SYS_close,    SYS_epoll_ctl,
    SYS_epoll_pwait, SYS_exit,     SYS_exit_group,    SYS_mmap,     SYS_mremap,
    SYS_munmap,     SYS_recvfrom,  SYS_restart_syscall, SYS_rt_sigreturn, SYS_sendmsg,
    SYS_sendto,     SYS_setsockopt, SYS_write,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
};
enum { ALLOWED = sizeof allowed / sizeof allowed[0] };

/** Any other system call fails with EPERM. */
static bool allow_only_the_loop(void) {
#if defined(MACHINE) && !defined(__SANITIZE_ADDRESS__)
  struct sock_filter filter[ALLOWED + 6] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
  };
  for (int index = 0; index < ALLOWED; index++)
    filter[4 + index] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[index],
                                                     ALLOWED - index, 0);
  filter[4 + ALLOWED] =
      (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  filter[5 + ALLOWED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = ALLOWED + 6, .filter = filter};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
  return true;
#endif
}

const char *confine(void) {
  if (geteuid() == 0 && setgroups(0, NULL) == 0 &&
      (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0))
    return "cannot become an ordinary user";
  // Others of that user may not look into it: the connections carry users' tokens.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return "cannot give up rights";
  // The next gleanerd wants the port as soon as this one was killed. Becoming another user ends
  // this setting, so it comes after.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return "cannot follow gleanerd's end";
  return allow_only_the_loop() ? NULL : "cannot limit the system calls";
}
