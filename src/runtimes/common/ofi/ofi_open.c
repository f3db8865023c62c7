/* Opens and closes an endpoint, and learns to know its peer. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ofi_state.h"
#include "proof.h"

#define API_VERSION FI_VERSION(1, 15)
/* What all providers can tell apart; the last one says what a message is. */
#define TAG_MASK 0x0000fffffffffffeu
#define QUEUE_SIZE (2 * (OFI_SENDS + OFI_RECEIVES))

static bool fails(const char *what, int error, char problem[OFI_MAX_PROBLEM_BYTES])
{
	if (error != 0)
		snprintf(problem, OFI_MAX_PROBLEM_BYTES, "libfabric: %s: %s", what, ofi_library()->strerror(-error));
	return error != 0;
}

/* The address of the connection's own end; empty if it has none. */
static void own_address(int connection, char *text, size_t size)
{
	static const char mapped[] = "::ffff:";
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof address;
	text[0] = '\0';
	if (getsockname(connection, (struct sockaddr *)&address, &length) != 0 ||
	    (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
	    getnameinfo((struct sockaddr *)&address, length, text, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
		text[0] = '\0';
	const size_t prefix = sizeof mapped - 1;
	if (strncmp(text, mapped, prefix) == 0)
		memmove(text, text + prefix, strlen(text + prefix) + 1);
}

/* Providers name shared memory after the process, and fail where a killed one of the same pid has
 * left its own. */
static bool own_name(char *name, size_t size)
{
	char random[SHA256_HEX];
	if (!nonce_make(random))
		return false;
	snprintf(name, size, "gleaner-%d-%.16s", (int)getpid(), random);
	return true;
}

static bool find_provider(struct ofi *ofi, const char *provider, int connection, char problem[OFI_MAX_PROBLEM_BYTES])
{
	const struct ofi_library *library = ofi_library();
	struct fi_info *hints = library->dupinfo(NULL);
	char address[NI_MAXHOST];
	if (hints == NULL)
		return false;
	hints->caps = FI_TAGGED;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->tx_attr->msg_order = hints->rx_attr->msg_order = FI_ORDER_SAS;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	/* It reads and writes no memory of its peer, so that none of these matter. */
	hints->domain_attr->mr_mode = FI_MR_ENDPOINT | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_VIRT_ADDR;
	hints->fabric_attr->prov_name = strdup(provider);
	own_address(connection, address, sizeof address);
	int error = address[0] == '\0' ? -FI_ENODATA
				       : library->getinfo(API_VERSION, address, NULL, FI_SOURCE | FI_NUMERICHOST, hints, &ofi->info);
	/* One whose network is not the connection's, or that has none, has addresses of its own. */
	if (error != 0)
		error = library->getinfo(API_VERSION, NULL, NULL, 0, hints, &ofi->info);
	if (error == 0 && ofi->info->addr_format == FI_ADDR_STR) {
		library->freeinfo(ofi->info);
		ofi->info = NULL;
		error = own_name(address, sizeof address)
				? library->getinfo(API_VERSION, address, NULL, FI_SOURCE, hints, &ofi->info)
				: -FI_EOTHER;
	}
	library->freeinfo(hints);
	if (error == -FI_ENODATA) {
		snprintf(problem, OFI_MAX_PROBLEM_BYTES,
			 "libfabric has no provider %s on this machine that sends tagged messages: see fi_info -p %s", provider,
			 provider);
		return false;
	}
	return !fails("fi_getinfo", error, problem);
}

static bool open_queue(struct ofi *ofi, char problem[OFI_MAX_PROBLEM_BYTES])
{
	struct fi_cq_attr attributes = { .size = QUEUE_SIZE, .format = FI_CQ_FORMAT_TAGGED, .wait_obj = FI_WAIT_FD };
	ofi->descriptor = -1;
	if (fi_cq_open(ofi->domain, &attributes, &ofi->queue, NULL) == 0 &&
	    fi_control(&ofi->queue->fid, FI_GETWAIT, &ofi->descriptor) == 0)
		return true;
	ofi->descriptor = -1;
	if (ofi->queue != NULL)
		fi_close(&ofi->queue->fid);
	ofi->queue = NULL;
	attributes.wait_obj = FI_WAIT_NONE;
	return !fails("fi_cq_open", fi_cq_open(ofi->domain, &attributes, &ofi->queue, NULL), problem);
}

static bool open_endpoint(struct ofi *ofi, char problem[OFI_MAX_PROBLEM_BYTES])
{
	struct fi_av_attr addresses = { .type = ofi->info->domain_attr->av_type };
	return !fails("fi_fabric", ofi_library()->fabric(ofi->info->fabric_attr, &ofi->fabric, NULL), problem) &&
	       !fails("fi_domain", fi_domain(ofi->fabric, ofi->info, &ofi->domain, NULL), problem) &&
	       open_queue(ofi, problem) &&
	       !fails("fi_av_open", fi_av_open(ofi->domain, &addresses, &ofi->addresses, NULL), problem) &&
	       !fails("fi_endpoint", fi_endpoint(ofi->domain, ofi->info, &ofi->endpoint, NULL), problem) &&
	       !fails("fi_ep_bind", fi_ep_bind(ofi->endpoint, &ofi->addresses->fid, 0), problem) &&
	       !fails("fi_ep_bind", fi_ep_bind(ofi->endpoint, &ofi->queue->fid, FI_SEND | FI_RECV), problem) &&
	       !fails("fi_enable", fi_enable(ofi->endpoint), problem);
}

struct ofi *ofi_open(const char *provider, int connection, char problem[OFI_MAX_PROBLEM_BYTES])
{
	snprintf(problem, OFI_MAX_PROBLEM_BYTES, "there is no memory");
	if (ofi_missing() != NULL) {
		snprintf(problem, OFI_MAX_PROBLEM_BYTES, "%s", ofi_missing());
		return NULL;
	}
	struct ofi *ofi = calloc(1, sizeof *ofi);
	if (ofi == NULL)
		return NULL;
	for (size_t at = 0; at < OFI_SENDS; at++) {
		ofi->sends[at].next = ofi->free_sends;
		ofi->free_sends = &ofi->sends[at];
	}
	ofi->free_count = OFI_SENDS;
	ofi->payload.kind = OFI_RECEIVES_PAYLOAD;
	if (find_provider(ofi, provider, connection, problem) && open_endpoint(ofi, problem)) {
		problem[0] = '\0';
		return ofi;
	}
	ofi_close(ofi);
	return NULL;
}

void ofi_forget_name(const struct ofi *ofi)
{
	char name[OFI_ADDRESS_BYTES] = "", path[sizeof "/dev/shm/" + OFI_ADDRESS_BYTES];
	size_t length = sizeof name - 1;
	if (ofi->info->addr_format != FI_ADDR_STR || fi_getname(&ofi->endpoint->fid, name, &length) != 0)
		return;
	const char *own = strstr(name, "gleaner-");
	if (own == NULL || strchr(own, '/') != NULL)
		return;
	snprintf(path, sizeof path, "/dev/shm/%s", own);
	(void)unlink(path); /* a provider may keep it elsewhere */
}

void ofi_address(const struct ofi *ofi, char address[OFI_ADDRESS_HEX])
{
	uint8_t name[OFI_ADDRESS_BYTES];
	size_t length = sizeof name;
	address[0] = '\0';
	if (fi_getname(&ofi->endpoint->fid, name, &length) == 0)
		hex_of(address, name, length);
}

/* HMAC of WHAT|SIDE|TOKEN. */
static void derive(uint8_t digest[SHA256_BYTES], const char *what, bool of_worker, const uint8_t key[SHA256_BYTES],
		   const char *token)
{
	char text[64 + SHA256_HEX];
	int length = snprintf(text, sizeof text, "gleaner-ofi-1|%s|%s|%s", what, of_worker ? "worker" : "client", token);
	hmac_sha256(digest, key, SHA256_BYTES, text, (size_t)length);
}

static uint64_t tag_of(bool of_worker, const uint8_t key[SHA256_BYTES], const char *token)
{
	uint8_t digest[SHA256_BYTES];
	uint64_t tag = 0;
	derive(digest, "tag", of_worker, key, token);
	for (size_t at = 0; at < sizeof tag; at++)
		tag = tag << 8 | digest[at];
	return tag & TAG_MASK;
}

static bool insert_peer(struct ofi *ofi, const char *hex)
{
	/* Providers read as much as their own addresses have. */
	uint8_t address[OFI_ADDRESS_BYTES] = { 0 }, own[OFI_ADDRESS_BYTES];
	size_t length = strlen(hex) / 2, own_length = sizeof own;
	bool is_text = ofi->info->addr_format == FI_ADDR_STR;
	return length > 0 && length < sizeof address && hex_read(address, length, hex) &&
	       fi_getname(&ofi->endpoint->fid, own, &own_length) == 0 && (is_text || length == own_length) &&
	       fi_av_insert(ofi->addresses, address, 1, &ofi->peer, 0, NULL) == 1;
}

bool ofi_begin(struct ofi *ofi, bool is_worker, const char *peer, const uint8_t key[SHA256_BYTES], const char *token)
{
	if (!insert_peer(ofi, peer))
		return false;
	ofi->send_tag = tag_of(is_worker, key, token);
	ofi->receive_tag = tag_of(!is_worker, key, token);
	ofi->is_worker = is_worker;
	derive(ofi->own_proof, "proof", is_worker, key, token);
	derive(ofi->expected_proof, "proof", !is_worker, key, token);
	for (size_t at = 0; at < OFI_RECEIVES; at++)
		if (!ofi_post_receive(ofi, &ofi->receives[at]))
			return false;
	return is_worker || ofi_send_proof(ofi);
}

void ofi_close(struct ofi *ofi)
{
	struct fid *const parts[] = {
		ofi->endpoint == NULL ? NULL : &ofi->endpoint->fid,
		ofi->addresses == NULL ? NULL : &ofi->addresses->fid,
		ofi->queue == NULL ? NULL : &ofi->queue->fid,
		ofi->domain == NULL ? NULL : &ofi->domain->fid,
		ofi->fabric == NULL ? NULL : &ofi->fabric->fid,
	};
	for (size_t at = 0; at < sizeof parts / sizeof *parts; at++)
		if (parts[at] != NULL)
			fi_close(parts[at]);
	if (ofi->info != NULL)
		ofi_library()->freeinfo(ofi->info);
	free(ofi);
}
