// SPDX-License-Identifier: Apache-2.0

package maglev

import "math/bits"

// sipHash is SipHash-2-4 of s under the key (k0, k1), from Aumasson and
// Bernstein, "SipHash: a fast short-input PRF", 2012, section 2. The halves of
// the key are what its 16 bytes are in little endian.
func sipHash(k0, k1 uint64, s string) uint64 {
	v := sipState{
		k0 ^ 0x736f6d6570736575,
		k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573,
	}
	// The last word holds the length modulo 256 in its upper byte.
	last := uint64(len(s)) << 56
	for ; len(s) >= 8; s = s[8:] {
		v.compress(littleEndian(s[:8]))
	}
	v.compress(last | littleEndian(s))
	v[2] ^= 0xff
	for range 4 {
		v.round()
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

type sipState [4]uint64

func (v *sipState) compress(word uint64) {
	v[3] ^= word
	v.round()
	v.round()
	v[0] ^= word
}

func (v *sipState) round() {
	v[0] += v[1]
	v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
	v[0] = bits.RotateLeft64(v[0], 32)
	v[2] += v[3]
	v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
	v[0] += v[3]
	v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
	v[2] += v[1]
	v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
	v[2] = bits.RotateLeft64(v[2], 32)
}

// littleEndian is the number in the bytes of s, of which there are 8 at most.
func littleEndian(s string) uint64 {
	var word uint64
	for i := len(s) - 1; i >= 0; i-- {
		word = word<<8 | uint64(s[i])
	}
	return word
}
