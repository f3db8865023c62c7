/* Opens a PAM session for the command, as Slurm does with UsePAM: this is how sites give users
 * their limits.
 *
 * /etc/security/limits.conf is not read here: groups, ranges of ids, limits.d and the options of
 * pam_limits belong to that module, and a second parser would eventually differ from it. libpam is
 * loaded only if a site asks for it, so neither the build nor a node without it needs one. The
 * session is not closed again: it is for modules that change the process, as pam_limits does. */
#include "spawn_pam.h"

#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

/* As in security/_pam_types.h, which is the same in every release of Linux-PAM. */
#define PAM_SUCCESS 0
#define PAM_CONV_ERR 19
#define PAM_SILENT 0x8000
#define PAM_DATA_SILENT 0x40000000

struct pam_conv {
	int (*conv)(int count, const void **messages, void **answers, void *own);
	void *own;
};

struct pam {
	void *library;
	int (*start)(const char *service, const char *user, const struct pam_conv *conversation, void **handle);
	int (*open_session)(void *handle, int flags);
	int (*end)(void *handle, int status);
	const char *(*strerror)(void *handle, int status);
};

/* There is nobody to talk to. */
static int answer_nothing(int count, const void **messages, void **answers, void *own)
{
	(void)count, (void)messages, (void)answers, (void)own;
	return PAM_CONV_ERR;
}

static bool load(struct pam *pam)
{
	pam->library = dlopen("libpam.so.0", RTLD_NOW | RTLD_LOCAL);
	if (pam->library == NULL)
		return false;
	pam->start = dlsym(pam->library, "pam_start");
	pam->open_session = dlsym(pam->library, "pam_open_session");
	pam->end = dlsym(pam->library, "pam_end");
	pam->strerror = dlsym(pam->library, "pam_strerror");
	return pam->start != NULL && pam->open_session != NULL && pam->end != NULL && pam->strerror != NULL;
}

bool spawn_pam_open(const struct spawn_request *request, struct failure *failure)
{
	const struct pam_conv conversation = {.conv = answer_nothing};
	struct pam pam;
	void *handle = NULL;
	if (request->pam_service == NULL)
		return true;
	if (geteuid() != 0 || request->user == NULL)
		return fail(failure, STAGE_USER, EPERM,
			    "a PAM session (%s) needs an executor of root and a user with a name", request->pam_service);
	if (!load(&pam))
		return fail(failure, STAGE_USER, ENOENT, "libpam.so.0 cannot be loaded for the PAM session %s: install it",
			    request->pam_service);
	int status = pam.start(request->pam_service, request->user, &conversation, &handle);
	if (status == PAM_SUCCESS)
		status = pam.open_session(handle, PAM_SILENT);
	if (status != PAM_SUCCESS)
		return fail(failure, STAGE_USER, EPERM, "PAM refused the session %s of %.64s: %s", request->pam_service,
			    request->user, pam.strerror(handle, status));
	/* frees memory, and closes no session */
	(void)pam.end(handle, PAM_SUCCESS | PAM_DATA_SILENT);
	return true;
}
