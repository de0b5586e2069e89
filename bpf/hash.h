/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hashes of flows; dataplane/flow_hash.go has the same in Go. */
#pragma once
#include "maps.h"

#define HASH_FACTOR 0x9fb21c651e98df25ull

/* Even a low bit of x changes all of the upper half. */
static __always_inline __u64 hash_mix(__u64 x)
{
	x ^= x >> 32;
	x *= HASH_FACTOR;
	x ^= x >> 29;
	x *= HASH_FACTOR;
	return x ^ x >> 32;
}

static __always_inline __u64 hash_step(__u64 x)
{
	x *= HASH_FACTOR;
	return x ^ x >> 32;
}

static __always_inline __u32 flow_hash(const struct flow_key *f, __u64 seed, int ipv6)
{
	const __be32 *a = f->source;

	if (!ipv6)
		return hash_mix(seed ^ ((__u64)a[0] << 32 | f->ports)) >> 32;
	return hash_mix(hash_step(hash_step(seed ^ ((__u64)a[1] << 32 | a[0])) ^
				  ((__u64)a[3] << 32 | a[2])) ^ f->ports) >> 32;
}
