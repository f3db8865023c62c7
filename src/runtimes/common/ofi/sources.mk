# What to build for libfabric, in OFI. It is loaded where a program runs; where its headers are not
# installed, programs are built that say so.
HAS_LIBFABRIC := $(shell pkg-config --exists libfabric 2>/dev/null && echo yes)
ifeq ($(HAS_LIBFABRIC),yes)
OFI = ofi_open.c ofi_frames.c ofi_library.c
else
$(info libfabric-dev is not installed: building without libfabric)
OFI = ofi_absent.c
endif
