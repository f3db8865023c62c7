/* Reads the frames that an executor sends to glean-spawn. */
#include "spawn_frame.h"

#include "spawn_request.h"

uint32_t spawn_frame_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

enum frame_state spawn_frame_read(uint8_t *at, size_t left, struct frame *frame)
{
	if (left < FRAME_HEAD)
		return FRAME_CUT;
	const struct frame found = {
	    .length = spawn_frame_u32(at),
	    .id = spawn_frame_u32(at + 4),
	    .kind = (enum frame_kind)at[8],
	    .body = at + FRAME_HEAD,
	};
	switch (found.kind) {
	case FRAME_REQUEST:
		break;
	case FRAME_TERMINATE:
	case FRAME_TIME_LIMIT:
	case FRAME_REQUEUE:
	case FRAME_NOTICE:
	case FRAME_KILL:
		if (found.length == 0)
			break;
		return FRAME_BROKEN;
	case FRAME_SIGNAL:
		if (found.length == FRAME_SIGNAL_BODY)
			break;
		return FRAME_BROKEN;
	case FRAME_ADMIT:
		if (found.length > sizeof(uint32_t) && found.length <= FRAME_ADMIT_MAX)
			break;
		return FRAME_BROKEN;
	default:
		return FRAME_BROKEN;
	}
	if (found.length <= REQUEST_MAX && found.length > left - FRAME_HEAD)
		return FRAME_CUT;
	*frame = found;
	return found.length > REQUEST_MAX ? FRAME_TOO_LONG : FRAME_WHOLE;
}
