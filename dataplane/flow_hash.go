// SPDX-License-Identifier: Apache-2.0

package dataplane

// hashFactor is HASH_FACTOR in bpf/hash.h.
const hashFactor = 0x9fb21c651e98df25

// flowHash is flow_hash in bpf/hash.h.
func flowHash(s pipelineService, f pipelineFlowKey) uint32 {
	a := f.Source
	word := func(low, high uint32) uint64 { return uint64(high)<<32 | uint64(low) }
	if s.Flags&uint32(pipelineServiceBitSERVICE_IPV6) == 0 {
		return uint32(hashMix(s.Seed^word(f.Ports, a[0])) >> 32)
	}
	h := hashStep(s.Seed ^ word(a[0], a[1]))
	h = hashStep(h ^ word(a[2], a[3]))
	return uint32(hashMix(h^uint64(f.Ports)) >> 32)
}

func hashMix(x uint64) uint64 {
	x ^= x >> 32
	x *= hashFactor
	x ^= x >> 29
	x *= hashFactor
	return x ^ x>>32
}

func hashStep(x uint64) uint64 {
	x *= hashFactor
	return x ^ x>>32
}

// slotOf is the slot of a flow in a table.
func slotOf(hash, size uint32) int { return int(uint64(hash) * uint64(size) >> 32) }
