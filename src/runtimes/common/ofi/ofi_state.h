/* An endpoint, and libfabric as it was found on this machine. */
#ifndef GLEANER_OFI_STATE_H
#define GLEANER_OFI_STATE_H

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#include "ofi.h"

#define OFI_MESSAGE_BYTES (FRAME_HEADER_BYTES + MAX_METADATA_BYTES + OFI_SMALL_BYTES)
#define OFI_SENDS 64
#define OFI_RECEIVES 64

struct ofi_library {
	int (*getinfo)(uint32_t version, const char *node, const char *service, uint64_t flags,
		       const struct fi_info *hints, struct fi_info **info);
	void (*freeinfo)(struct fi_info *info);
	struct fi_info *(*dupinfo)(const struct fi_info *info);
	int (*fabric)(struct fi_fabric_attr *attributes, struct fid_fabric **fabric, void *context);
	const char *(*strerror)(int error);
};

/* NULL if it is not installed. */
const struct ofi_library *ofi_library(void);

enum ofi_kind { OFI_SENDS_MESSAGE, OFI_RECEIVES_MESSAGE, OFI_RECEIVES_PAYLOAD };

/* What libfabric knows an operation by, which it may use itself: the first member. */
struct ofi_operation {
	struct fi_context2 context;
	enum ofi_kind kind;
};

struct ofi_send {
	struct ofi_operation operation;
	/* Among the free ones, or among those that libfabric does not take yet. */
	struct ofi_send *next;
	/* NULL: `message` is sent. */
	const uint8_t *payload;
	size_t bytes;
	uint8_t message[OFI_MESSAGE_BYTES];
};

struct ofi_receive {
	struct ofi_operation operation;
	struct ofi_receive *next;
	size_t bytes;
	uint8_t message[OFI_MESSAGE_BYTES];
};

struct ofi {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_cq *queue;
	struct fid_av *addresses;
	struct fid_ep *endpoint;
	fi_addr_t peer;
	int descriptor;
	/* The tags of messages; those of payloads are one more. */
	uint64_t send_tag, receive_tag;
	uint8_t own_proof[SHA256_BYTES], expected_proof[SHA256_BYTES];
	bool is_worker, is_proven, is_broken;

	struct ofi_send *free_sends, *first_unsent, *last_unsent;
	unsigned free_count, payloads_sent;
	/* Messages that have come, in their order. */
	struct ofi_receive *first_come, *last_come;
	struct ofi_operation payload;
	/* The size of the one that is being received. */
	size_t payload_bytes;
	bool awaits_payload, has_payload;
	size_t messages, wakes;

	struct ofi_send sends[OFI_SENDS];
	struct ofi_receive receives[OFI_RECEIVES];
};

/* ofi_open.c: the peer has the endpoint's shared memory, which nobody else needs to find. So none
 * is left of a process that is killed. */
void ofi_forget_name(const struct ofi *ofi);

/* ofi_frames.c */
bool ofi_post_receive(struct ofi *ofi, struct ofi_receive *receive);
bool ofi_send_proof(struct ofi *ofi);

#endif
