// SPDX-License-Identifier: Apache-2.0

package dataplane

// Keys and flows as programs read and write them, in words of 64 bits.

func flowKeyWords(k pipelineFlowKey) [3]uint64 {
	return [3]uint64{
		uint64(k.Ports)<<32 | uint64(k.Service),
		uint64(k.Source[1])<<32 | uint64(k.Source[0]),
		uint64(k.Source[3])<<32 | uint64(k.Source[2]),
	}
}

func flowKeyOf(w [3]uint64) pipelineFlowKey {
	return pipelineFlowKey{Service: uint32(w[0]), Ports: uint32(w[0] >> 32),
		Source: [4]uint32{uint32(w[1]), uint32(w[1] >> 32), uint32(w[2]), uint32(w[2] >> 32)}}
}

func flowWord(f pipelineFlow) uint64 {
	return uint64(f.Seen)<<32 | uint64(f.Flags)<<16 | uint64(f.Backend)
}

func flowOf(w uint64) pipelineFlow {
	return pipelineFlow{Backend: uint16(w), Flags: uint16(w >> 16), Seen: uint32(w >> 32)}
}

// recordHash is record_hash in bpf/flows.h.
func recordHash(k pipelineFlowKey) uint64 {
	w := flowKeyWords(k)
	hash := hashStep(hashStep(w[0]) ^ w[1])
	if w[2] != 0 {
		hash = hashStep(hash ^ w[2])
	}
	return hash
}

// flowTag is flow_tag in bpf/flows.h.
func flowTag(hash uint64) uint16 { return uint16(hash<<1) & flowTagMask }
