/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Constants set before loading. The verifier knows them and removes the code
 * that they switch off, calls that the kernel lacks included.
 */
#pragma once
#include "include/kernel.h"

/* Loaded with xdp.frags (kernel 5.18): a frame may have several buffers. */
const volatile __u32 frags;

/* The FIB helper can leave out the neighbour (kernel 6.3). */
const volatile __u32 skip_neigh;

/* This is the explain twin: it notes what it sees in trace. */
const volatile __u32 explain;

/* Entries of flows_lru. */
const volatile __u32 flow_sets;
