// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"

	"clearway/xsk"
)

// sockets works with package xsk.
type sockets struct {
	*task
	in, out *xsk.Socket
	cache   *xsk.Cache
}

var errFull = errors.New("the TX ring is full")

func newSockets(t *task) (contender, error) {
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: chunks})
	if err != nil {
		return nil, err
	}
	for i := range umem.Options().Chunks {
		copy(umem.Chunk(uint64(i*umem.Options().ChunkSize)), t.frame)
	}
	s := &sockets{task: t, cache: umem.NewCache()}
	for _, p := range []struct {
		device string
		fill   int
		to     **xsk.Socket
	}{{t.in, ringSize, &s.in}, {t.out, 1, &s.out}} {
		i, err := net.InterfaceByName(p.device)
		if err != nil {
			return nil, fmt.Errorf("finding %s: %w", p.device, err)
		}
		*p.to, err = xsk.Open(umem, xsk.Options{
			Ifindex: i.Index, Mode: xsk.Copy, Fill: p.fill,
			RXSize: ringSize, TXSize: ringSize, FillSize: ringSize, CompletionSize: ringSize,
		})
		if err != nil {
			return nil, err
		}
	}
	m, err := ebpf.NewMapFromFD(socketsFD)
	if err != nil {
		return nil, err
	}
	return s, m.Put(uint32(0), uint32(s.in.FD()))
}

// each hands fn the packets of a generated burst, in batches.
func (s *sockets) each(fn func(a, b []xsk.Desc) error) error {
	if err := s.generate(); err != nil {
		return err
	}
	for got := 0; got < burst; {
		a, b := s.in.RX.Peek(s.batch)
		n := len(a) + len(b)
		if n == 0 {
			yield()
			continue
		}
		if err := fn(a, b); err != nil {
			return err
		}
		s.in.RX.Release(n)
		if _, err := s.in.Fill.Refill(s.cache); err != nil {
			return err
		}
		got += n
	}
	return nil
}

func (s *sockets) receive() error {
	return s.each(func(a, b []xsk.Desc) error {
		if err := s.cache.PutAll(a); err != nil {
			return err
		}
		return s.cache.PutAll(b)
	})
}

func (s *sockets) send() error {
	for range burst / s.batch {
		if err := s.sendBatch(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sockets) sendBatch() error {
	a, b := s.out.TX.Reserve(s.batch)
	for _, span := range [2][]xsk.Desc{a, b} {
		if s.cache.GetAll(span) < len(span) {
			return errors.New("no chunk is free")
		}
		for i := range span {
			span[i].Len = uint32(s.size)
		}
	}
	if len(a)+len(b) < s.batch {
		return errFull
	}
	if err := s.out.TX.Submit(s.batch); err != nil {
		return err
	}
	return s.out.TX.Kick(s.cache)
}

func (s *sockets) forward() error {
	return s.each(func(a, b []xsk.Desc) error {
		for _, span := range [2][]xsk.Desc{a, b} {
			switch sent, err := s.out.TX.Send(span); {
			case err != nil:
				return err
			case sent < len(span):
				return errFull
			}
		}
		return s.out.TX.Kick(s.cache)
	})
}
