/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map that both objects share; see maps.h. */
#pragma once
#include "abi.h"

/* By ifindex as in xdp_md: the ports. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port);
} ports SEC(".maps");
