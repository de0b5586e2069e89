// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"context"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/xsk"
)

// testSocket is an AF_XDP socket of a program in user space.
type testSocket struct {
	*xsk.Socket
	umem   *xsk.UMEM
	cache  *xsk.Cache
	closed bool
}

// openSocket opens one on a queue of a host's device. It is closed when the test
// ends, or before.
func openSocket(t *testing.T, h *topo.Host, device string, queue int) *testSocket {
	t.Helper()
	return openSocketWith(t, h, device, xsk.Options{Queue: queue})
}

func openSocketWith(t *testing.T, h *topo.Host, device string, o xsk.Options) *testSocket {
	t.Helper()
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 1024, ChunkSize: 2048})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := umem.Close(); err != nil {
			t.Error(err)
		}
	})
	return openSocketOn(t, umem, h, device, o)
}

func openSocketOn(t *testing.T, umem *xsk.UMEM, h *topo.Host, device string, o xsk.Options) *testSocket {
	t.Helper()
	s := &testSocket{umem: umem, cache: umem.NewCache()}
	o.Ifindex, o.Mode = ifindexOf(t, h, device), xsk.Copy
	err := h.Do(func() (err error) {
		s.Socket, err = xsk.Open(umem, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close(t) })
	return s
}

func (s *testSocket) close(t *testing.T) {
	t.Helper()
	if s.closed {
		return
	}
	s.closed = true
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// next waits for packets, none if there are none in time.
func (s *testSocket) next(t *testing.T, wait time.Duration) (frames [][]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := s.RX.Wait(ctx); err != nil {
		if ctx.Err() == nil {
			t.Fatal(err)
		}
		return nil
	}
	a, b := s.RX.Peek(64)
	for _, span := range [2][]xsk.Desc{a, b} {
		for _, d := range span {
			frames = append(frames, bytes.Clone(s.umem.Data(d)))
		}
		if err := s.cache.PutAll(span); err != nil {
			t.Fatal(err)
		}
	}
	s.RX.Release(len(a) + len(b))
	if _, err := s.Fill.Refill(s.cache); err != nil {
		t.Fatal(err)
	}
	return frames
}
