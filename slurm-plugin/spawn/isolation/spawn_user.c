/* Makes the command's process become its user, with no way to become anybody else again. */
#include "spawn_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define GROUPS_BUFFER 16384

/*
 * Sets the groups that the system gives the user, or those of the request if the system knows
 * neither the name nor the uid. A user may have been renamed since the submission: then the uid
 * identifies them.
 */
static bool set_groups(const struct spawn_request *request, struct failure *failure)
{
	static char buffer[GROUPS_BUFFER];
	struct passwd entry, *found = NULL;
	if (request->user != NULL) {
		int error = getpwnam_r(request->user, &entry, buffer, sizeof buffer, &found);
		if (found == NULL && error != 0 && error != ENOENT)
			return fail(failure, STAGE_USER, error, "user %.64s cannot be looked up: %s",
				    request->user, strerror(error));
	}
	if (found != NULL && found->pw_uid != request->uid)
		return fail(failure, STAGE_USER, EINVAL, "user %.64s has uid %u on this node, not %u",
			    request->user, (unsigned)found->pw_uid, (unsigned)request->uid);
	if (found == NULL && request->user != NULL) {
		int error = getpwuid_r(request->uid, &entry, buffer, sizeof buffer, &found);
		if (found == NULL && error != 0 && error != ENOENT)
			return fail(failure, STAGE_USER, error, "uid %u cannot be looked up: %s",
				    (unsigned)request->uid, strerror(error));
	}
	int result = found != NULL ? initgroups(found->pw_name, request->gid)
				   : setgroups(request->group_count, request->groups);
	if (result != 0)
		return fail(failure, STAGE_USER, errno, "the groups of uid %u cannot be set: %s",
			    (unsigned)request->uid, strerror(errno));
	return true;
}

/* Whether there is truly no way back to the former user. */
static bool is_settled(const struct spawn_request *request)
{
	uid_t uid, effective_uid, saved_uid;
	gid_t gid, effective_gid, saved_gid;
	if (getresuid(&uid, &effective_uid, &saved_uid) != 0 ||
	    getresgid(&gid, &effective_gid, &saved_gid) != 0)
		return false;
	if (uid != request->uid || effective_uid != uid || saved_uid != uid || gid != request->gid ||
	    effective_gid != gid || saved_gid != gid)
		return false;
	return uid == 0 || setuid(0) != 0;
}

bool spawn_user_become(const struct spawn_request *request, struct failure *failure)
{
	if (request->uid == 0 && !request->allow_root)
		return fail(failure, STAGE_USER, EPERM, "commands of root are refused");
	if (geteuid() != 0) {
		if (request->uid != geteuid() || request->gid != getegid())
			return fail(failure, STAGE_USER, EPERM,
				    "the executor runs as uid %u and cannot become uid %u with gid %u",
				    (unsigned)geteuid(), (unsigned)request->uid, (unsigned)request->gid);
	} else if (!set_groups(request, failure)) {
		return false;
	} else if (setresgid(request->gid, request->gid, request->gid) != 0 ||
		   setresuid(request->uid, request->uid, request->uid) != 0) {
		return fail(failure, STAGE_USER, errno, "uid %u with gid %u cannot be set: %s",
			    (unsigned)request->uid, (unsigned)request->gid, strerror(errno));
	}
	if (!is_settled(request))
		return fail(failure, STAGE_USER, EPERM, "uid %u could become another user again",
			    (unsigned)request->uid);
	if (!request->new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(failure, STAGE_USER, errno, "no_new_privs cannot be set: %s", strerror(errno));
	return true;
}
