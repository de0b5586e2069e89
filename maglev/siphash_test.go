// SPDX-License-Identifier: Apache-2.0

package maglev

import "testing"

// TestSipHash holds it to the vectors that its authors publish: the key is 00 01
// ... 0f, message n is 00 01 ... of n bytes. The one of 15 bytes is also worked
// out in the paper's appendix A.
func TestSipHash(t *testing.T) {
	message := "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18"
	for n, want := range []uint64{
		0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7,
		0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0,
		0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee,
		0xa129ca6149be45e5, 0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
		0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8, 0xb8ad50c6f649af94,
	} {
		if got := sipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908, message[:n]); got != want {
			t.Errorf("%d bytes: got %#016x, want %#016x", n, got, want)
		}
	}
}
