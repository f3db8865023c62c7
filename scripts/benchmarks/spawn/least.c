// The least that a start costs in C: `least STEPS COMMANDS FOLDER CGROUP_FILE...` runs /bin/true
// that often, one after another. It does the first STEPS of what glean-spawn does for a command:
//   0 nothing: fork, exec, wait
//   1 the user nobody without a way back, the lowest priority
//   2 mounts and IPC of its own, with an empty /dev/shm
//   3 a folder of its own in FOLDER
//   4 its cgroups, which it joins before it runs
//   5 a supervisor of its own, in a session of its own, that adopts what the command leaves
// Nothing is parsed, looked up, reported, limited or cleaned up after a failure.

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 1, NAMESPACES, FOLDER, CGROUPS, SUPERVISOR };
#define NOBODY 65534

static int steps, group_count;
static char **groups;

static void check(int is_done, const char *what) {
  if (is_done) return;
  perror(what);
  _exit(2);
}

static void write_to(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
  close(fd);
}

static void run(int released) {
  const struct sched_param usual = {.sched_priority = 0};
  char *const arguments[] = {"/bin/true", NULL}, *const environment[] = {"PATH=/usr/bin:/bin", NULL};
  char byte;
  check(setsid() > 0, "setsid");
  if (steps >= CGROUPS) check(read(released, &byte, 1) == 1, "read");
  if (steps >= NAMESPACES) {
    check(unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0, "unshare");
    check(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "mount /");
    check(mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") == 0, "mount /dev/shm");
  }
  if (steps >= USER) {
    write_to("/proc/self/oom_score_adj", "1000");
    check(sched_setscheduler(0, SCHED_IDLE, &usual) == 0, "sched_setscheduler");
    check(setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0, "setresgid");
    check(setresuid(NOBODY, NOBODY, NOBODY) == 0, "setresuid");
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  }
  execve(arguments[0], arguments, environment);
  check(0, arguments[0]);
}

static void start(void) {
  int pair[2], status;
  check(pipe2(pair, O_CLOEXEC) == 0, "pipe");
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (pid == 0) run(pair[0]);
  for (int at = 0; steps >= CGROUPS && at < group_count; at++) {
    char text[16];
    snprintf(text, sizeof text, "%d", (int)pid);
    write_to(groups[at], text);
  }
  check(write(pair[1], "", 1) == 1, "write");
  check(waitpid(pid, &status, 0) == pid && status == 0, "the command failed");
  close(pair[0]);
  close(pair[1]);
}

static void supervise(void) {
  int status;
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (pid == 0) {
    check(setsid() > 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "supervisor");
    check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "supervisor");
    start();
    _exit(0);
  }
  check(waitpid(pid, &status, 0) == pid && status == 0, "the supervisor failed");
}

int main(int count, char **arguments) {
  if (count < 4) return 2;
  steps = atoi(arguments[1]);
  groups = arguments + 4;
  group_count = count - 4;
  check(chdir(arguments[3]) == 0, arguments[3]);
  for (int left = atoi(arguments[2]); left > 0; left--) {
    if (steps >= FOLDER) check(mkdir("own", 0700) == 0 && chown("own", NOBODY, NOBODY) == 0, "mkdir");
    if (steps >= SUPERVISOR)
      supervise();
    else
      start();
    if (steps >= FOLDER) check(rmdir("own") == 0, "rmdir");
  }
  return 0;
}
