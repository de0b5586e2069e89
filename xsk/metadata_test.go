// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// udp returns a UDP packet with a checksum as it should be, and where the
// datagram starts.
func udp() (frame []byte, start int) {
	return testkit.NewFrame([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}).
		IPv4("192.0.2.1", "192.0.2.2").UDP(1000, 2000).Payload(100).Bytes(), 14 + 20
}

// pseudoSum is the sum of the pseudo header of a UDP packet over IPv4.
func pseudoSum(frame []byte, start int) uint16 {
	sum := uint32(17) + uint32(len(frame)-start)
	for i := 26; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(frame[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// The kernel computes the checksum that was asked for, and tells when it sent
// the packet.
func TestRequest(t *testing.T) {
	testkit.RequireKernel(t, "6.8", "TX metadata")
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{Metadata: true, SoftwareChecksum: true}, xsk.Options{})
		want, start := udp()
		frame := append([]byte(nil), want...)
		binary.BigEndian.PutUint16(frame[start+6:], pseudoSum(frame, start))
		descs, _ := from.TX.Reserve(1)
		from.cache.GetAll(descs)
		descs[0].Len = uint32(len(frame))
		copy(from.umem.Data(descs[0]), frame)
		err := from.umem.Request(&descs[0], xsk.Request{Checksum: true, ChecksumStart: uint16(start), ChecksumOffset: 6, Timestamp: true})
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if err := from.TX.Submit(1); err != nil {
			t.Fatal(err)
		}
		if err := from.TX.Kick(nil); err != nil {
			t.Fatal(err)
		}
		checkTimestamp(t, from, before)
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		got, err := to.receiveFragments(ctx, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if sum := binary.BigEndian.Uint16(got[0][start+6:]); sum != binary.BigEndian.Uint16(want[start+6:]) {
			t.Errorf("checksum %#x, want %#x", sum, want[start+6:start+8])
		}
	})
}

// checkTimestamp takes the completion of one packet sent after a time.
func checkTimestamp(t *testing.T, p *port, after time.Time) {
	t.Helper()
	for deadline := time.Now().Add(soon); ; {
		n := p.Completion.Each(p.umem, func(addr uint64) {
			if at := time.Unix(0, int64(p.umem.Timestamp(addr))); at.Before(after) || at.After(time.Now()) {
				t.Errorf("sent at %v, after %v", at, after)
			}
			if err := p.cache.Put(addr); err != nil {
				t.Error(err)
			}
		})
		if n == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no completion")
		}
	}
}

func TestBadRequest(t *testing.T) {
	with := newUMEM(t, xsk.UMEMOptions{Chunks: 2, Metadata: true})
	without := newUMEM(t, xsk.UMEMOptions{Chunks: 2})
	c := with.NewCache()
	chunk, _ := c.Get()
	for _, tt := range []struct {
		u *xsk.UMEM
		d xsk.Desc
	}{
		{with, xsk.Desc{Addr: chunk + 23, Len: 60}}, {with, xsk.Desc{Addr: 1 << 40, Len: 60}},
		{with, xsk.Desc{Addr: chunk + 24, Len: 4096}}, {without, xsk.Desc{Addr: 24, Len: 60}},
	} {
		d := tt.d
		var bad *xsk.ChunkError
		if err := tt.u.Request(&d, xsk.Request{}); !errors.As(err, &bad) || d != tt.d {
			t.Errorf("%+v: %v", tt.d, err)
		}
	}
	if with.Timestamp(chunk) != 0 || without.Timestamp(24) != 0 {
		t.Error("a timestamp that nobody asked for")
	}
}

// Requests on a UMEM without a socket's device in mind: packets without one go
// as ever.
func TestMetadataWithoutRequest(t *testing.T) {
	testkit.RequireKernel(t, "6.8", "TX metadata")
	_, from, to := connect(t, variant{xskprog.Native, false}, 0, xsk.UMEMOptions{Metadata: true, Headroom: 64}, xsk.Options{})
	stream(t, from, to, 500, 64)
}
