/* Denies the command those system calls that a site does not allow to functions, with a seccomp
 * filter. */
#include "spawn_calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#define FOREIGN_CALLS 0x40000000u /* x32: the same kernel, other numbers */
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#define FOREIGN_CALLS UINT32_MAX
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define OWN_ARCHITECTURE AUDIT_ARCH_PPC64LE
#define FOREIGN_CALLS UINT32_MAX
#else
#define OWN_ARCHITECTURE 0 /* its filter was never tested */
#define FOREIGN_CALLS 0
#endif

/* System calls that attacks on kernels begin with, and that programs work without: those of
 * profilers and kernel debuggers, and io_uring. */
static const uint32_t rare[] = {
    SYS_bpf,	   SYS_perf_event_open,	  SYS_userfaultfd,   SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_add_key,   SYS_request_key,	  SYS_keyctl,	     SYS_init_module,	 SYS_finit_module,   SYS_delete_module,
    SYS_kexec_load, SYS_open_by_handle_at, SYS_fanotify_init,
};
#define RARE_COUNT (sizeof rare / sizeof rare[0])
#define FILTER_MAX (3 * RARE_COUNT + 24)

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short length;
};

static void add(struct filter *filter, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false)
{
	filter->code[filter->length++] = (struct sock_filter)BPF_JUMP(code, value, if_true, if_false);
}

static void load(struct filter *filter, size_t offset)
{
	add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct filter *filter, uint32_t value)
{
	add(filter, BPF_RET | BPF_K, value, 0, 0);
}

static uint32_t refusal(int error)
{
	return SECCOMP_RET_ERRNO | (uint32_t)error;
}

static void refuse_call(struct filter *filter, uint32_t number, int error)
{
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
	answer(filter, refusal(error));
}

/* Refuses the call if its first argument has CLONE_NEWUSER; then reloads the number for the next
 * rules. */
static void refuse_new_user(struct filter *filter, uint32_t number)
{
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4);
	load(filter, offsetof(struct seccomp_data, args) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
	add(filter, BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1);
	answer(filter, refusal(EPERM));
	load(filter, offsetof(struct seccomp_data, nr));
}

static void write_filter(struct filter *filter, const struct spawn_request *request)
{
	/* 32-bit programs use other numbers for system calls, so their calls cannot be
	 * distinguished. */
	load(filter, offsetof(struct seccomp_data, arch));
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0);
	answer(filter, refusal(ENOSYS));
	load(filter, offsetof(struct seccomp_data, nr));
	add(filter, BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, 0, 1);
	answer(filter, refusal(ENOSYS));
	if (request->no_user_namespaces) {
		refuse_new_user(filter, SYS_unshare);
		refuse_new_user(filter, SYS_clone);
		/* its flags are in memory; libc then uses clone */
		refuse_call(filter, SYS_clone3, ENOSYS);
	}
	for (size_t at = 0; request->no_rare_calls && at < RARE_COUNT; at++)
		refuse_call(filter, rare[at], EPERM);
	answer(filter, SECCOMP_RET_ALLOW);
}

bool spawn_calls_refuse(const struct spawn_request *request, struct failure *failure)
{
	static struct filter filter;
	if (!request->no_user_namespaces && !request->no_rare_calls)
		return true;
	if (OWN_ARCHITECTURE == 0)
		return fail(failure, STAGE_USER, ENOTSUP, "system calls cannot be refused on this kind of processor");
	write_filter(&filter, request);
	const struct sock_fprog program = {.len = filter.length, .filter = filter.code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		return fail(failure, STAGE_USER, errno, "system calls cannot be refused: %s", strerror(errno));
	return true;
}
