// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

// news is a message of rtnetlink about a device.
func news(kind uint16, family byte, ifindex int32, flags uint32) []byte {
	b := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	b[16] = family
	binary.NativeEndian.PutUint32(b[20:], uint32(ifindex))
	binary.NativeEndian.PutUint32(b[24:], flags)
	return b
}

func TestLinkState(t *testing.T) {
	const running = unix.IFF_UP | unix.IFF_RUNNING
	down, up := news(unix.RTM_NEWLINK, 0, 7, unix.IFF_UP), news(unix.RTM_NEWLINK, 0, 7, running)
	gone := news(unix.RTM_DELLINK, 0, 7, 0)
	for _, tt := range []struct {
		name string
		news [][]byte
		want error
	}{
		{"nothing", nil, nil},
		{"no carrier", [][]byte{down}, ErrLinkDown},
		{"down", [][]byte{news(unix.RTM_NEWLINK, 0, 7, 0)}, ErrLinkDown},
		{"back", [][]byte{down, up}, nil},
		{"gone", [][]byte{down, gone}, ErrDeviceGone},
		{"another of that number", [][]byte{gone, up}, ErrDeviceGone},
		{"another device", [][]byte{news(unix.RTM_DELLINK, 0, 8, 0), news(unix.RTM_NEWLINK, 0, 6, 0)}, nil},
		{"out of a bridge", [][]byte{news(unix.RTM_DELLINK, unix.AF_BRIDGE, 7, running)}, nil},
	} {
		l := link{ifindex: 7}
		l.parse(slices.Concat(tt.news...))
		if err := l.err(); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Whatever comes, it is read without a fault.
func TestLinkParseGarbage(t *testing.T) {
	rng := testkit.Rand(t)
	for range 20000 {
		b := slices.Concat(news(unix.RTM_NEWLINK, 0, 7, 0), news(unix.NLMSG_ERROR, 0, 7, 0))
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		l := link{ifindex: 7}
		l.parse(b[:rng.IntN(len(b)+1)])
	}
}
