// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// call is what one sendto does: how many packets the kernel takes, how many it
// completes, and what it returns.
type call struct {
	takes, completes int
	errno            unix.Errno
}

// Kick calls the kernel until the ring is empty or nothing moves any more, and
// collects in between.
func TestKick(t *testing.T) {
	const packets = 8
	for _, tt := range []struct {
		name  string
		calls []call // the last one repeats
		want  int    // number of calls
		left  int    // packets the kernel still has
		err   error
	}{
		{"all at once", []call{{8, 8, 0}}, 1, 0, nil},
		{"in parts", []call{{3, 0, unix.EAGAIN}, {3, 5, unix.EAGAIN}, {2, 3, 0}}, 3, 0, nil},
		{"queue discipline drops", []call{{1, 1, unix.EBUSY}}, 8, 0, nil},
		{"no memory for a while", []call{{0, 0, unix.ENOBUFS}, {0, 0, unix.ENOBUFS}, {8, 8, 0}}, 3, 0, nil},
		{"interrupted", []call{{0, 0, unix.EINTR}, {8, 8, 0}}, 2, 0, nil},
		{"success that moves nothing", []call{{0, 0, 0}}, 3, 8, nil},
		{"completion ring full", []call{{4, 4, unix.EAGAIN}, {0, 0, unix.EAGAIN}, {0, 0, unix.EAGAIN}, {4, 4, 0}}, 4, 0, nil},
		{"busy for good", []call{{2, 0, unix.EAGAIN}, {0, 0, unix.EAGAIN}}, 4, 8, nil},
		{"link down", []call{{2, 2, unix.EAGAIN}, {0, 0, unix.ENETDOWN}}, 2, 6, ErrLinkDown},
		{"device gone", []call{{0, 0, unix.ENXIO}}, 1, 8, ErrDeviceGone},
		{"something else", []call{{0, 0, unix.EIO}}, 1, 8, unix.EIO},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, k := newFake(rand.New(rand.NewPCG(1, 1)), packets, packets, 0)
			c, calls := s.umem.NewCache(), 0
			k.tx.flags.Store(1)
			s.TX.kick = func() unix.Errno {
				now := tt.calls[min(calls, len(tt.calls)-1)]
				calls++
				for range now.takes {
					d, _ := k.tx.take()
					k.sent = append(k.sent, d.Addr)
				}
				for range now.completes {
					k.completion.put(pick(k.rng, &k.sent))
				}
				k.tx.consumer.Store(k.tx.cursor)
				k.completion.producer.Store(k.completion.cursor)
				return now.errno
			}
			descs, _ := s.TX.Reserve(packets)
			c.GetAll(descs)
			for i := range descs {
				descs[i].Len = 60
			}
			if err := s.TX.Submit(packets); err != nil {
				t.Fatal(err)
			}
			if err := s.TX.Kick(c); !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if left := s.umem.Counts().Sending; calls != tt.want || left != tt.left {
				t.Errorf("%d calls and %d packets left, want %d and %d", calls, left, tt.want, tt.left)
			}
		})
	}
}

// Without the flag there is no call, and a kernel that has no flags is called
// each time.
func TestKickOnlyIfAsked(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(s *Socket, k *fakeKernel)
		want  int
	}{
		{"awake", func(s *Socket, k *fakeKernel) {}, 0},
		{"asleep", func(s *Socket, k *fakeKernel) { k.tx.flags.Store(1); k.fill.flags.Store(1) }, maxIdleKicks + 1},
		{"no flags", func(s *Socket, k *fakeKernel) { s.TX.ring.flags, s.Fill.ring.flags = nil, nil }, maxIdleKicks + 1},
	} {
		s, k := newFake(rand.New(rand.NewPCG(1, 1)), 8, 4, 0)
		tt.setup(s, k)
		c, calls := s.umem.NewCache(), 0
		s.TX.kick = func() unix.Errno { calls++; return 0 }
		s.Fill.kick = s.TX.kick
		addr, _ := c.Get()
		if err := submit(s, Desc{addr, 60, 0}); err != nil {
			t.Fatal(err)
		}
		if err := s.TX.Kick(c); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Fill.Refill(c); err != nil {
			t.Fatal(err)
		}
		if calls != tt.want {
			t.Errorf("%s: %d calls, want %d", tt.name, calls, tt.want)
		}
	}
}

// The fragments of a packet are counted from one Submit to the next, and those
// that are refused don't count.
func TestTooManyFragments(t *testing.T) {
	s, _ := newFake(rand.New(rand.NewPCG(1, 1)), 64, 64, 0)
	s.options.MultiBuffer, s.TX.allowed = true, Continued
	c := s.umem.NewCache()
	for _, tt := range []struct {
		fragments, last int // of which the last ends a packet, or −1
		ok              bool
	}{
		{10, -1, true}, {9, -1, false}, {9, 8, false}, {8, -1, true}, {1, -1, false}, {1, 0, false},
	} {
		descs := make([]Desc, tt.fragments)
		c.GetAll(descs)
		for i := range descs {
			descs[i].Len, descs[i].Options = 100, Continued
		}
		if tt.last >= 0 {
			descs[tt.last].Options = 0
		}
		n, err := s.TX.Send(descs)
		if (err == nil) != tt.ok || err == nil && n != len(descs) {
			t.Errorf("%+v: %d, %v", tt, n, err)
		}
		if err != nil {
			checkChunkError(t, err, "at most 18")
			c.PutAll(descs)
		}
	}
}

func TestWholePackets(t *testing.T) {
	const more = Continued
	for _, tt := range []struct {
		a, b         []uint32 // options
		wantA, wantB int
	}{
		{nil, nil, 0, 0},
		{[]uint32{0, 0}, nil, 2, 0},
		{[]uint32{0, more}, nil, 1, 0},
		{[]uint32{0, more}, []uint32{more, 0, more}, 2, 2},
		{[]uint32{0, more}, []uint32{more}, 1, 0},
		{[]uint32{more, more}, nil, 2, 0}, // no whole one: the program must put it together
		{[]uint32{more}, []uint32{more}, 1, 1},
	} {
		descs := func(options []uint32) (d []Desc) {
			for _, o := range options {
				d = append(d, Desc{Options: o})
			}
			return d
		}
		if a, b := wholePackets(descs(tt.a), descs(tt.b)); len(a) != tt.wantA || len(b) != tt.wantB {
			t.Errorf("%v %v: %d and %d, want %d and %d", tt.a, tt.b, len(a), len(b), tt.wantA, tt.wantB)
		}
	}
}
