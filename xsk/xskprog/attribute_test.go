// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

func TestFind(t *testing.T) {
	b := slices.Concat(attribute(1, []byte("abc")), attribute(2|unix.NLA_F_NESTED, attribute(3, word(7))), attribute(4))
	for kind, want := range map[uint16]string{1: "abc", 2: string(attribute(3, word(7))), 4: ""} {
		if got := find(b, kind); string(got) != want {
			t.Errorf("attribute %d: %q, want %q", kind, got, want)
		}
	}
	if find(b, 5) != nil || find(find(b, 2), 1) != nil {
		t.Error("found what isn't there")
	}
}

// Answers of the kernel, with and without words.
func TestAnswer(t *testing.T) {
	errno := unix.EINVAL
	head := append(word(-uint32(errno)), make([]byte, unix.SizeofNlMsghdr)...)
	text := attribute(unix.NLMSGERR_ATTR_MSG, []byte("Peer MTU is too large\x00"))
	for _, tt := range []struct {
		flags uint16
		b     []byte
		want  string
	}{
		{0, append(word(0), make([]byte, 16)...), ""},
		{0, head, "invalid argument"},
		{unix.NLM_F_ACK_TLVS, slices.Concat(head, text), "invalid argument: Peer MTU is too large"},
		{0, slices.Concat(head, text), "invalid argument"}, // the request comes back, not words
		{unix.NLM_F_ACK_TLVS, head[:10], "invalid argument"},
		{unix.NLM_F_ACK_TLVS, []byte{1, 2}, "short answer"},
	} {
		err := answer(tt.flags, tt.b)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%x: %v, want %q", tt.b, err, tt.want)
		}
	}
	if !errors.Is(answer(0, head), unix.EINVAL) {
		t.Error("the number is lost")
	}
}

// Whatever comes, it is read without a fault.
func TestGarbage(t *testing.T) {
	rng := testkit.Rand(t)
	for range 20000 {
		b := slices.Concat(make([]byte, 20), attribute(1, []byte("abcdef")), attribute(2, attribute(1, word(9))))
		for range 1 + rng.IntN(6) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		b = b[:rng.IntN(len(b)+1)]
		find(b, 1)
		answer(unix.NLM_F_ACK_TLVS, b)
	}
}
