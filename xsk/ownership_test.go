// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"clearway/internal/testkit"
)

// newOwned returns a socket on a fake kernel that does nothing, and a cache.
func newOwned(t *testing.T) (*Socket, *fakeKernel, *Cache) {
	t.Helper()
	s, k := newFake(rand.New(rand.NewPCG(1, 1)), 8, 8, 0)
	return s, k, s.umem.NewCache()
}

func mustGet(t *testing.T, c *Cache) uint64 {
	t.Helper()
	addr, ok := c.Get()
	if !ok {
		t.Fatal("no free chunk")
	}
	return addr
}

// submit submits descriptors as a program would.
func submit(s *Socket, descs ...Desc) error {
	_, err := s.TX.Send(descs)
	return err
}

// Whatever isn't the program's to give away is refused, by name, and nothing
// changes.
func TestRefusedDescriptors(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  func(s *Socket, c *Cache, addr uint64) Desc // addr is a chunk that the program has
		want string
	}{
		{"free", func(s *Socket, c *Cache, addr uint64) Desc { c.Put(addr); return Desc{addr, 60, 0} }, "the chunk is free"},
		{"sent before", func(s *Socket, c *Cache, addr uint64) Desc { submit(s, Desc{addr, 60, 0}); return Desc{addr, 60, 0} }, "the chunk is sending"},
		{"filling", func(s *Socket, c *Cache, addr uint64) Desc { c.Put(addr); s.Fill.Refill(c); return Desc{addr, 60, 0} }, "the chunk is filling"},
		{"outside", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{8 * 2048, 60, 0} }, "outside the UMEM of 16384 bytes"},
		{"far outside", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{1 << 63, 60, 0} }, "outside the UMEM"},
		{"nowhere", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{^uint64(0), 60, 0} }, "outside the UMEM"},
		{"empty", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{addr, 0, 0} }, "at least one byte"},
		{"too long", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{addr + 1, 2048, 0} }, "only 2047 bytes are left"},
		{"much too long", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{addr, 1<<32 - 1, 0} }, "only 2048 bytes are left"},
		{"unknown option", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{addr, 60, 1 << 7} }, "unknown options"},
		{"continued", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{addr, 60, Continued} }, "need Options.MultiBuffer"},
		{"no room for metadata", func(s *Socket, c *Cache, addr uint64) Desc { return Desc{addr, 60, Metadata} }, "UMEMOptions.Metadata"},
	} {
		for _, before := range []int{0, 1, 3} {
			t.Run(fmt.Sprint(tt.name, " after ", before), func(t *testing.T) {
				s, k, c := newOwned(t)
				var descs []Desc
				for range before {
					descs = append(descs, Desc{mustGet(t, c), 60, 0})
				}
				bad := tt.bad(s, c, mustGet(t, c))
				books, cursor := s.umem.Counts(), k.tx.producer.Load()
				checkChunkError(t, submit(s, append(descs, bad)...), tt.want)
				books.Received, books.Taken = books.Received+books.Taken, 0
				if now := s.umem.Counts(); (Counts{Free: now.Free, Received: now.Received + now.Taken, Filling: now.Filling, Sending: now.Sending}) != books {
					t.Errorf("chunks moved: %+v, before %+v", now, books)
				}
				if k.tx.producer.Load() != cursor {
					t.Error("something was submitted")
				}
				if err := submit(s, descs...); err != nil {
					t.Errorf("the good ones are refused afterwards: %v", err)
				}
			})
		}
	}
}

func checkChunkError(t *testing.T, err error, want string) {
	t.Helper()
	var e *ChunkError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want a ChunkError with %q", err, want)
	}
}

// A chunk that is twice in one batch is sent not even once.
func TestSameChunkTwiceInBatch(t *testing.T) {
	s, _, c := newOwned(t)
	addr := mustGet(t, c)
	checkChunkError(t, submit(s, Desc{addr, 60, 0}, Desc{addr + 100, 60, 0}), "the chunk is sending")
	if n := s.umem.Counts(); n.Sending != 0 || n.Received != 1 {
		t.Errorf("%+v", n)
	}
}

func TestDoubleFree(t *testing.T) {
	s, _, c := newOwned(t)
	addr := mustGet(t, c)
	if err := c.Put(addr + 300); err != nil { // anywhere inside
		t.Fatal(err)
	}
	checkChunkError(t, c.Put(addr), "the chunk is free")
	checkChunkError(t, c.Put(1<<40), "outside the UMEM")
	one, two := mustGet(t, c), mustGet(t, c)
	checkChunkError(t, c.PutAll([]Desc{{Addr: one}, {Addr: one}, {Addr: two}}), "the chunk is free")
	if n := s.umem.Counts(); n.Free != 8 {
		t.Errorf("PutAll gave up after an error: %+v", n)
	}
}

// A slow model of ownership, a map, agrees with the tags under random calls.
func TestOwnershipAgainstModel(t *testing.T) {
	rng := testkit.Rand(t)
	for range 200 {
		s, k, c := newOwned(t)
		held, sending := map[uint64]bool{}, map[uint64]bool{}
		for range 200 {
			addr := uint64(rng.IntN(10)) * 2048
			switch rng.IntN(4) {
			case 0:
				if got, ok := c.Get(); ok {
					if held[got] || sending[got] {
						t.Fatalf("Get returned %#x, which is in use", got)
					}
					held[got] = true
				} else if len(held)+len(sending) != 8 {
					t.Fatalf("Get found nothing, in use are %v and %v", held, sending)
				}
			case 1:
				if err := c.Put(addr); (err == nil) != held[addr] {
					t.Fatalf("Put of %#x: %v; held are %v", addr, err, held)
				}
				delete(held, addr)
			case 2:
				if s.TX.ring.next-k.tx.consumer.Load() == 8 {
					break
				}
				if err := submit(s, Desc{addr, 60, 0}); (err == nil) != held[addr] {
					t.Fatalf("submit of %#x: %v; held are %v", addr, err, held)
				} else if err == nil {
					delete(held, addr)
					sending[addr] = true
				}
			case 3: // the kernel completes one or what it never had
				k.tx.consumer.Store(k.tx.producer.Load())
				k.completion.put(addr)
				k.completion.producer.Store(k.completion.cursor)
				before := s.umem.Counts()
				s.Completion.Collect(c)
				if freed := s.umem.Counts().Free - before.Free; (freed == 1) != sending[addr] {
					t.Fatalf("completing %#x freed %d; sending are %v", addr, freed, sending)
				}
				delete(sending, addr)
			}
		}
	}
}

// Chunk numbers by multiplication are those by division.
func TestIndexAgainstDivision(t *testing.T) {
	rng := testkit.Rand(t)
	for _, size := range []uint64{2048, 2049, 3000, 3333, 4001, 4095, 4096} {
		g := newGeometry(size)
		for range 20000 {
			at := rng.Uint64() >> (12 + rng.IntN(40))
			if rng.IntN(2) == 0 {
				at = at/size*size + []uint64{0, 1, size - 1}[rng.IntN(3)]
			}
			if got := g.index(at); at < 1<<52 && got != at/size {
				t.Fatalf("chunk of %d by size %d: %d, want %d", at, size, got, at/size)
			}
			if at := rng.Uint64() | 1<<48; g.index(at) < 1<<36 { // whatever bits a bad address has
				t.Fatalf("address %#x is in chunk %d of size %d", at, g.index(at), size)
			}
		}
	}
}

func TestUMEMData(t *testing.T) {
	u, err := NewUMEM(UMEMOptions{Chunks: 2, ChunkSize: 2048})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		d        Desc
		len, cap int // −1: nil
	}{
		{Desc{0, 2048, 0}, 2048, 2048}, {Desc{2048, 1, 0}, 1, 2048}, {Desc{4095, 1, 0}, 1, 1}, {Desc{300, 0, 0}, 0, 1748},
		{Desc{0, 2049, 0}, -1, 0}, {Desc{4096, 0, 0}, -1, 0}, {Desc{2047, 2, 0}, -1, 0}, {Desc{4095, 1<<32 - 1, 0}, -1, 0}, {Desc{^uint64(0), 1, 0}, -1, 0},
		{Desc{^uint64(0) - 9, 5, 0}, -1, 0}, {Desc{^uint64(0), 1<<32 - 1, 0}, -1, 0},
	} {
		b := u.Data(tt.d)
		if b == nil && tt.len >= 0 || b != nil && (len(b) != tt.len || cap(b) != tt.cap) {
			t.Errorf("%+v: %d bytes of %d, want %d of %d", tt.d, len(b), cap(b), tt.len, tt.cap)
		}
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if b := u.Data(Desc{0, 10, 0}); b[0] != 0 {
		t.Error("bytes after Close")
	}
}
