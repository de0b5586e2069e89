// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"bytes"
	"math"
	"testing"

	"clearway/internal/testkit"
)

// Ports, numbers and checksums are right, whatever was in the frame before.
func TestSequencer(t *testing.T) {
	rng := testkit.Rand(t)
	numbers := []uint64{0, 1, 0xffff, 0x10000, math.MaxUint32, math.MaxUint64, 0xffff0000ffff0000}
	for range 200000 { // enough for a checksum of 0 to come up
		numbers = append(numbers, rng.Uint64()>>rng.IntN(64))
	}
	for _, v4 := range []bool{true, false} {
		const port = 65535 // so that a higher one wraps
		frame := template(v4, port, LeastFrame(v4)+rng.IntN(64))
		s, err := newSequencer(frame)
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.Clone(frame)
		for i, n := range numbers {
			shift := uint16(i % 3)
			s.shift(shift).write(got, n)
			if want := numberedCopy(frame, port+shift, n); !bytes.Equal(got, want) {
				t.Fatalf("number %#x, port + %d\n%s", n, shift, testkit.Diff(want, got))
			}
		}
	}
}

func TestSequencerBadFrame(t *testing.T) {
	for name, frame := range map[string][]byte{
		"none": nil, "short IPv4": template(true, 1, 50)[:49], "short IPv6": template(false, 1, 70)[:69], "long": make([]byte, MaxFrame+1),
	} {
		if _, err := newSequencer(frame); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
