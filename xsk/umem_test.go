// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// Nothing that is called for each batch allocates.
func TestNoAllocations(t *testing.T) {
	s, k := newFake(rand.New(rand.NewPCG(1, 1)), 128, 64, 0)
	c := s.umem.NewCache()
	for i := range k.completion.entries {
		k.completion.entries[i] = uint64(i) * 2048
	}
	allocs := testing.AllocsPerRun(100, func() {
		a, b := s.RX.Peek(32)
		for _, span := range [2][]Desc{a, b} {
			c.PutAll(span)
		}
		s.RX.Release(len(a) + len(b))
		s.Fill.Refill(c)
		x, y := s.TX.Reserve(8)
		n := c.GetAll(x) + c.GetAll(y)
		for i := range x {
			x[i].Len = 60
		}
		s.TX.Submit(n)
		s.TX.Kick(c)
		s.Completion.Collect(c)
		for range n { // the kernel sends and receives
			d, _ := k.tx.take()
			k.completion.put(d.Addr)
			if chunk, ok := k.fill.take(); ok {
				k.rx.put(Desc{Addr: chunk, Len: 60})
			}
		}
		k.tx.consumer.Store(k.tx.cursor)
		k.fill.consumer.Store(k.fill.cursor)
		k.rx.producer.Store(k.rx.cursor)
		k.completion.producer.Store(k.completion.cursor)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
	if n := s.umem.Counts(); n.Unexpected != 0 || n.Filling == 0 {
		t.Errorf("the batches did nothing: %+v", n)
	}
}

// With unaligned chunks the kernel gives some addresses in two parts; the
// program sees plain ones.
func TestAddressesInTwoParts(t *testing.T) {
	s, k := newFake(rand.New(rand.NewPCG(1, 1)), 4, 4, 0)
	s.umem.chunks.unaligned = true
	if _, err := s.Fill.Refill(s.umem.NewCache()); err != nil {
		t.Fatal(err)
	}
	k.rx.put(Desc{Addr: 256<<48 | 2048, Len: 60})
	k.rx.put(Desc{Addr: 4096 + 256, Len: 60})
	k.rx.producer.Store(k.rx.cursor)
	for range 2 { // peeked again they are the same
		a, _ := s.RX.Peek(4)
		if len(a) != 2 || a[0].Addr != 2048+256 || a[1].Addr != 4096+256 {
			t.Fatalf("%+v", a)
		}
	}
	if n := s.umem.Counts(); n.Received != 2 || n.Unexpected != 0 {
		t.Errorf("%+v", n)
	}
}

// A UMEM isn't in children: its pages have the flag "dc", don't copy.
func TestUMEMNotInChildren(t *testing.T) {
	u, err := NewUMEM(UMEMOptions{Chunks: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head, found := fmt.Sprintf("%x-", u.mem.at), false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		found = found || strings.HasPrefix(line, head)
		if found && strings.HasPrefix(line, "VmFlags:") {
			if !strings.Contains(line+" ", " dc ") {
				t.Error(line)
			}
			return
		}
	}
	t.Errorf("no mapping starts at %s", head)
}
