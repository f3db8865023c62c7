/* Describes a process that hangs in the kernel: which it is and where it hangs. */
#include "spawn_describe.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util.h"

/* A process chooses its own name in /proc: characters that would control a terminal or end a line
 * are shown as `?`. */
static void print_value(const char *key, const char *value)
{
	(void)printf("%s=", key);
	for (const char *at = value; *at != '\0'; at++)
		(void)putchar(isprint((unsigned char)*at) ? *at : '?');
	(void)putchar('\n');
}

/* The text after `label` in a file of /proc/PID, up to the end of its line. */
static bool read_field(const char *pid, const char *file, const char *label, char *out, size_t size)
{
	char path[64], text[4096];
	if (!format(path, sizeof path, "/proc/%s/%s", pid, file) || !read_text(AT_FDCWD, path, text, sizeof text))
		return false;
	const char *found = label[0] == '\0' ? text : strstr(text, label);
	if (found == NULL)
		return false;
	found += strlen(label);
	found += strspn(found, " \t");
	return format(out, size, "%.*s", (int)strcspn(found, "\n"), found);
}

static bool read_link(const char *pid, const char *link, char *out)
{
	char path[64];
	ssize_t length = format(path, sizeof path, "/proc/%s/%s", pid, link) ? readlink(path, out, PATH_MAX - 1) : -1;
	if (length <= 0 || out[0] != '/')
		return false;
	out[length] = '\0';
	return true;
}

/* The target of a system call: a descriptor, or a path (relative to a folder's descriptor). */
struct target {
	long number;
	int descriptor, path; /* the position of each among the arguments; -1 if it takes none */
};

static const struct target targets[] = {
#ifdef SYS_open
    {SYS_open, -1, 0},	{SYS_creat, -1, 0},  {SYS_stat, -1, 0},	  {SYS_lstat, -1, 0}, {SYS_access, -1, 0},
    {SYS_mkdir, -1, 0}, {SYS_rmdir, -1, 0},  {SYS_unlink, -1, 0}, {SYS_rename, -1, 0}, {SYS_chmod, -1, 0},
    {SYS_chown, -1, 0}, {SYS_readlink, -1, 0},
#endif
    {SYS_openat, 0, 1},	  {SYS_unlinkat, 0, 1},	 {SYS_mkdirat, 0, 1},	{SYS_fchmodat, 0, 1},  {SYS_fchownat, 0, 1},
    {SYS_newfstatat, 0, 1}, {SYS_statx, 0, 1},	 {SYS_faccessat, 0, 1}, {SYS_utimensat, 0, 1}, {SYS_readlinkat, 0, 1},
    {SYS_renameat, 0, 1}, {SYS_execve, -1, 0},	 {SYS_truncate, -1, 0}, {SYS_chdir, -1, 0},    {SYS_statfs, -1, 0},
    {SYS_read, 0, -1},	  {SYS_write, 0, -1},	 {SYS_readv, 0, -1},	{SYS_writev, 0, -1},   {SYS_pread64, 0, -1},
    {SYS_pwrite64, 0, -1}, {SYS_fsync, 0, -1},	 {SYS_fdatasync, 0, -1}, {SYS_ftruncate, 0, -1}, {SYS_fallocate, 0, -1},
    {SYS_close, 0, -1},	  {SYS_fstat, 0, -1},	 {SYS_getdents64, 0, -1}, {SYS_flock, 0, -1},	{SYS_fcntl, 0, -1},
};

/* The current system call and its first two arguments. */
static const struct target *read_call(const char *pid, uint64_t arguments[2])
{
	char text[256];
	long number;
	unsigned long long first, second;
	if (!read_field(pid, "syscall", "", text, sizeof text) ||
	    sscanf(text, "%ld 0x%llx 0x%llx", &number, &first, &second) != 3)
		return NULL;
	arguments[0] = first;
	arguments[1] = second;
	for (size_t at = 0; at < sizeof targets / sizeof targets[0]; at++) {
		if (targets[at].number == number)
			return &targets[at];
	}
	return NULL;
}

/* Reads a string of at most PATH_MAX from its memory, page by page, because the next page may not
 * exist. */
static bool read_string(const char *pid, uint64_t address, char *out)
{
	const size_t page = 4096;
	size_t used = 0;
	while (used < PATH_MAX) {
		size_t part = page - (address + used) % page;
		if (part > PATH_MAX - used)
			part = PATH_MAX - used;
		struct iovec here = {.iov_base = out + used, .iov_len = part};
		struct iovec there = {.iov_base = (void *)(uintptr_t)(address + used), .iov_len = part};
		ssize_t got = process_vm_readv((pid_t)atoi(pid), &here, 1, &there, 1, 0);
		if (got <= 0)
			return false;
		if (memchr(out + used, '\0', (size_t)got) != NULL)
			return out[0] != '\0';
		used += (size_t)got;
	}
	return false;
}

static bool find_path(const char *pid, char *out, size_t size)
{
	char folder[PATH_MAX], path[PATH_MAX], link[32];
	uint64_t arguments[2];
	const struct target *call = read_call(pid, arguments);
	int descriptor = call != NULL && call->descriptor >= 0 ? (int)arguments[call->descriptor] : AT_FDCWD;
	if (call == NULL)
		return read_link(pid, "cwd", folder) && format(out, size, "%s", folder);
	if (!format(link, sizeof link, "fd/%d", descriptor) ||
	    !read_link(pid, descriptor == AT_FDCWD ? "cwd" : link, folder))
		folder[0] = '\0';
	if (call->path < 0)
		return folder[0] != '\0' && format(out, size, "%s", folder);
	if (!read_string(pid, arguments[call->path], path))
		return folder[0] != '\0' && format(out, size, "%s", folder);
	return path[0] == '/' ? format(out, size, "%s", path) : format(out, size, "%s/%s", folder, path);
}

/* By its login name, if the system's name service knows one. */
static void print_user(const char *pid)
{
	char value[256];
	uint64_t uid;
	if (!read_field(pid, "status", "\nUid:", value, sizeof value))
		return;
	value[strcspn(value, " \t")] = '\0';
	if (!parse_number(value, 0, UINT32_MAX, &uid))
		return;
	print_value("user", value);
	(void)fflush(stdout);
	const struct passwd *user = getpwuid((uid_t)uid);
	if (user != NULL)
		print_value("user", user->pw_name);
}

int spawn_describe(const char *pid)
{
	char value[2 * PATH_MAX];
	uint64_t number;
	if (!parse_number(pid, 2, 4194303, &number))
		return 2;
	/* A script run from memory is called by a descriptor: its interpreter says more. */
	if (read_link(pid, "exe", value))
		print_value("name", strrchr(value, '/') + 1);
	else if (read_field(pid, "comm", "", value, sizeof value))
		print_value("name", value);
	if (read_field(pid, "wchan", "", value, sizeof value) && strcmp(value, "0") != 0)
		print_value("waitsIn", value);
	(void)fflush(stdout); /* what follows may hang */
	if (find_path(pid, value, sizeof value))
		print_value("path", value);
	(void)fflush(stdout);
	print_user(pid);
	return fflush(stdout) == 0 ? 0 : 1;
}
