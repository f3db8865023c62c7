/* The keys of a request: the valid values of each, and the keys that every request must have. */
#include "spawn_fields.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "proc_tree.h"
#include "spawn_limits.h"
#include "spawn_lists.h"
#include "util.h"

typedef bool take(struct spawn_request *request, char *value, size_t length);

static bool take_flag(const char *value, bool *flag)
{
	*flag = true;
	return strcmp(value, "1") == 0;
}

static bool take_path(const char *value, const char **path)
{
	*path = value;
	return value[0] != '\0' && strlen(value) < 4096;
}

/* For the short functions below: `request`, `value` and `length` exist, used or not. */
#define TAKE(name) \
	static bool name(struct spawn_request *request, __attribute__((unused)) char *value, \
			 __attribute__((unused)) size_t length)

TAKE(take_groups) { return spawn_groups_take(request, value); }
TAKE(take_cpus) { return spawn_cpus_take(request, value); }
TAKE(take_uid) { return spawn_id_take(value, &request->uid); }
TAKE(take_gid) { return spawn_id_take(value, &request->gid); }
TAKE(take_allow_root) { return take_flag(value, &request->allow_root); }
TAKE(take_idle) { return take_flag(value, &request->idle); }
TAKE(take_shared_session) { return take_flag(value, &request->shared_session); }
TAKE(take_keeps_children) { return take_flag(value, &request->keeps_children); }
TAKE(take_new_privs) { return take_flag(value, &request->new_privs); }
TAKE(take_poll_memory) { return take_flag(value, &request->poll_memory); }
TAKE(take_cwd) { return take_path(value, &request->cwd) && value[0] == '/'; }
TAKE(take_stdin) { return take_path(value, &request->stdin_path); }
TAKE(take_stdout) { return take_path(value, &request->stdout_path); }
TAKE(take_stderr) { return take_path(value, &request->stderr_path); }

TAKE(take_user)
{
	request->user = value;
	return value[0] != '\0' && length <= 256;
}

TAKE(take_open)
{
	request->append = strcmp(value, "append") == 0;
	return request->append || strcmp(value, "truncate") == 0;
}

TAKE(take_keep_since) { return parse_number(value, 1, INT64_MAX / 1000000, &request->keep_since_ms); }
TAKE(take_limit) { return spawn_limits_take(request, value); }

TAKE(take_umask)
{
	unsigned mask = 0;
	if (length < 1 || length > 4)
		return false;
	for (size_t at = 0; at < length; at++) {
		if (value[at] < '0' || value[at] > '7')
			return false;
		mask = mask * 8 + (unsigned)(value[at] - '0');
	}
	request->umask = (mode_t)mask;
	return mask <= 0777;
}

TAKE(take_nice)
{
	request->has_nice = true;
	return parse_signed(value, -20, 19, &request->nice);
}

TAKE(take_oom_score)
{
	request->has_oom_score = true;
	return parse_signed(value, -1000, 1000, &request->oom_score);
}

TAKE(take_join)
{
	if (request->join_count == REQUEST_MAX_JOINS ||
	    (!is_cgroup_file(value, "cgroup.procs") && !is_cgroup_file(value, "tasks")))
		return false;
	request->joins[request->join_count++] = value;
	return length < 1024;
}

TAKE(take_kill)
{
	request->kill_path = value;
	return length < 1024 && is_cgroup_file(value, "cgroup.kill");
}

TAKE(take_memory)
{
	uint64_t megabytes;
	if (!parse_number(value, 1, 1u << 30, &megabytes))
		return false;
	request->memory_bytes = megabytes << 20;
	return true;
}

TAKE(take_max_processes)
{
	/* more are not read */
	return parse_number(value, 1, PROC_LIST_MAX - 1, &request->max_processes);
}

TAKE(take_checkpoint) { return take_path(value, &request->checkpoint_path) && value[0] == '/'; }
TAKE(take_remove) { return take_path(value, &request->remove_path) && value[0] == '/'; }
TAKE(take_temporary)
{
	const char *name = strrchr(value, '/');
	return take_path(value, &request->temporary_path) && value[0] == '/' && name != value && name[1] != '\0' &&
	       name[1] != '.';
}

TAKE(take_temporary_mb) { return parse_number(value, 1, 1u << 30, &request->temporary_mb); }
TAKE(take_start) { return parse_number(value, 1, 3600000, &request->start_ms); }
TAKE(take_no_user_namespaces) { return take_flag(value, &request->no_user_namespaces); }
TAKE(take_no_rare_calls) { return take_flag(value, &request->no_rare_calls); }
TAKE(take_notice_main) { return take_flag(value, &request->notice_main); }

TAKE(take_private_directory)
{
	if (request->private_count == REQUEST_MAX_PRIVATE || value[0] != '/' || length < 2 || length >= 4096 ||
	    strstr(value, "..") != NULL)
		return false;
	request->private_directories[request->private_count++] = value;
	return true;
}

/* A file's name in /etc/pam.d. */
TAKE(take_pam_service)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	request->pam_service = value;
	return length >= 1 && length <= 64 && strspn(value, allowed) == length;
}

TAKE(take_worker_socket)
{
	request->worker_socket = value;
	return value[0] == '/' && length < sizeof((struct sockaddr_un *)0)->sun_path;
}

TAKE(take_worker_id) { return parse_number(value, 1, UINT32_MAX, &request->worker_id); }

TAKE(take_notice)
{
	uint64_t number;
	if (!parse_number(value, 1, 64, &number))
		return false;
	request->notice_signal = (int)number;
	return true;
}

TAKE(take_env)
{
	const char *equals = strchr(value, '=');
	if (equals == NULL || equals == value || request->env_count == REQUEST_MAX_STRINGS)
		return false;
	request->env[request->env_count++] = value;
	return true;
}

TAKE(take_arg)
{
	if (request->arg_count == REQUEST_MAX_STRINGS)
		return false;
	request->args[request->arg_count++] = value;
	return true;
}

TAKE(take_script)
{
	request->script = (const uint8_t *)value;
	request->script_length = length;
	return length > 0;
}

TAKE(take_input)
{
	request->input = (const uint8_t *)value;
	request->input_length = length;
	return length > 0;
}

static const struct field {
	const char *key;
	take *take;
	bool repeated;
} fields[] = {
    {"env", take_env, true},
    {"arg", take_arg, true},
    {"join", take_join, true},
    {"limit", take_limit, true},
    {"privateDirectory", take_private_directory, true},
    {"uid", take_uid, false},
    {"gid", take_gid, false},
    {"user", take_user, false},
    {"groups", take_groups, false},
    {"allowRoot", take_allow_root, false},
    {"cwd", take_cwd, false},
    {"stdin", take_stdin, false},
    {"stdout", take_stdout, false},
    {"stderr", take_stderr, false},
    {"open", take_open, false},
    {"keepSinceMs", take_keep_since, false},
    {"umask", take_umask, false},
    {"nice", take_nice, false},
    {"idle", take_idle, false},
    {"sharedSession", take_shared_session, false},
    {"keepsChildren", take_keeps_children, false},
    {"oomScoreAdj", take_oom_score, false},
    {"cpus", take_cpus, false},
    {"kill", take_kill, false},
    {"memoryMb", take_memory, false},
    {"pollMemory", take_poll_memory, false},
    {"maxProcesses", take_max_processes, false},
    {"newPrivs", take_new_privs, false},
    {"checkpoint", take_checkpoint, false},
    {"removeCheckpoint", take_remove, false},
    {"temporary", take_temporary, false},
    {"temporaryMb", take_temporary_mb, false},
    {"startMs", take_start, false},
    {"pamService", take_pam_service, false},
    {"noUserNamespaces", take_no_user_namespaces, false},
    {"noRareCalls", take_no_rare_calls, false},
    {"notice", take_notice, false},
    {"noticeMain", take_notice_main, false},
    {"workerSocket", take_worker_socket, false},
    {"workerId", take_worker_id, false},
    {"script", take_script, false},
    {"input", take_input, false},
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])
_Static_assert(FIELD_COUNT <= 64, "each field has a bit");

bool spawn_field_take(struct spawn_request *request, const char *key, char *value, size_t length, uint64_t *seen,
		      struct failure *failure)
{
	for (size_t at = 0; at < FIELD_COUNT; at++) {
		const struct field *field = &fields[at];
		if (strcmp(field->key, key) != 0)
			continue;
		if (!field->repeated && (*seen >> at & 1) != 0)
			return fail(failure, STAGE_REQUEST, EINVAL, "%s was given twice", key);
		*seen |= 1ull << at;
		bool may_have_nul = field->take == take_script || field->take == take_input;
		bool has_nul = !may_have_nul && strlen(value) != length;
		if (has_nul || !field->take(request, value, length))
			return fail(failure, STAGE_REQUEST, EINVAL, "the value of %s is invalid", key);
		return true;
	}
	return fail(failure, STAGE_REQUEST, EINVAL, "%.40s is not a key of a request", key);
}

bool spawn_fields_check(const struct spawn_request *request, uint64_t seen, struct failure *failure)
{
	static const char *const required[] = {"uid", "gid", "cwd"};
	for (size_t need = 0; need < sizeof required / sizeof required[0]; need++) {
		for (size_t field = 0; field < FIELD_COUNT; field++) {
			if (strcmp(fields[field].key, required[need]) == 0 && (seen >> field & 1) == 0)
				return fail(failure, STAGE_REQUEST, EINVAL, "%s is missing", required[need]);
		}
	}
	if (request->poll_memory && request->memory_bytes == 0)
		return fail(failure, STAGE_REQUEST, EINVAL, "pollMemory needs memoryMb");
	if ((request->arg_count > 0) == (request->remove_path != NULL))
		return fail(failure, STAGE_REQUEST, EINVAL, "either arg or removeCheckpoint is needed");
	if (request->temporary_mb > 0 && request->temporary_path == NULL)
		return fail(failure, STAGE_REQUEST, EINVAL, "temporaryMb needs temporary");
	if ((request->worker_socket != NULL) != (request->worker_id != 0))
		return fail(failure, STAGE_REQUEST, EINVAL, "workerSocket and workerId need each other");
	if (request->worker_socket != NULL && (request->script != NULL || request->arg_count == 0))
		return fail(failure, STAGE_REQUEST, EINVAL, "a worker needs arg, and no script");
	if (request->arg_count > 0 && request->args[0][0] == '\0')
		return fail(failure, STAGE_REQUEST, EINVAL, "the first arg is empty");
	if (request->script != NULL && (request->script_length < 3 || memcmp(request->script, "#!", 2) != 0))
		return fail(failure, STAGE_EXEC, ENOEXEC,
			    "the script does not begin with #!, so it names no interpreter");
	return true;
}
