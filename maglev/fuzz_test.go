// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// FuzzBuild compares a table with the paper's pseudocode, or the error with what
// is wrong. Backends are separated by line feeds; each is its weight in two
// bytes, shifted by the last four bits of the second, then its name.
func FuzzBuild(f *testing.F) {
	f.Add(uint16(7), uint64(1), "\x01\x00b0\n\x01\x00b1\n\x02\x00b2")
	f.Add(uint16(251), uint64(0), "\xff\xffheavy\n\x01\x00light\n\x00\x00drained")
	f.Add(uint16(2), ^uint64(0), "\x01\x01same\n\x02\x02same")
	f.Add(uint16(4), uint64(1), "\x01\x01a")
	f.Add(uint16(5), uint64(1), "")
	f.Fuzz(func(t *testing.T, size uint16, seed uint64, text string) {
		if size %= 1024; len(text) > 4096 {
			return
		}
		backends := fuzzBackends(text)
		table, err := Build(int(size), seed, backends)
		if want := wrong(int(size), backends); !errors.Is(err, want) {
			t.Fatalf("size %d, %+v: got %v, want %v", size, backends, err, want)
		}
		if err == nil && !slices.Equal(table, oracle(int(size), seed, backends)) {
			t.Fatalf("size %d, seed %d, %+v: got %v", size, seed, backends, table)
		}
	})
}

func fuzzBackends(text string) []Backend {
	var backends []Backend
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) >= 2 {
			backends = append(backends, Backend{line[2:], uint32(line[0]) << (line[1] & 15)})
		}
	}
	return backends
}

// wrong is the first thing that is wrong, nil if nothing is.
func wrong(size int, backends []Backend) error {
	weighted, names := 0, map[string]bool{}
	for _, b := range backends {
		names[b.Name] = true
		if b.Weight > 0 {
			weighted++
		}
	}
	divisors := 0
	for d := 1; d <= size; d++ {
		if size%d == 0 {
			divisors++
		}
	}
	switch {
	case divisors != 2:
		return ErrNotPrime
	case weighted == 0:
		return ErrNoBackend
	case weighted > size:
		return ErrTooSmall
	case len(names) < len(backends):
		return ErrDuplicate
	}
	return nil
}
