// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"net/netip"
	"testing"
	"time"

	"clearway/internal/topo"
)

// Answer has a program on a host answer what Linux gives it at a UDP address, until
// the test ends: "Linux: " and what came.
func Answer(t testing.TB, h *topo.Host, at netip.AddrPort) {
	t.Helper()
	c, err := h.ListenPacket(t.Context(), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(append([]byte("Linux: "), b[:n]...), from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
}

// Ask sends a question from a host to a UDP address until there is an answer, which
// it returns; after ten seconds without one it is empty.
func Ask(t testing.TB, h *topo.Host, to netip.AddrPort, question string) string {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 1500)
	for range 10 {
		c.Write([]byte(question))
		c.SetReadDeadline(time.Now().Add(time.Second))
		if n, err := c.Read(b); err == nil {
			return string(b[:n])
		}
	}
	return ""
}
