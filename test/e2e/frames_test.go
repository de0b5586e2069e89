// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

// frame begins a frame to a device of the router.
func (r *router) frame(device, source, destination string) *testkit.Frame {
	r.t.Helper()
	i, err := r.host().Interface(device)
	if err != nil {
		r.t.Fatal(err)
	}
	return testkit.NewFrame([6]byte(i.MAC), [6]byte{2, 0, 0, 0, 0, 1}).
		IPv4(source, destination).UDP(40000, 9).Payload(18)
}

func repeat(n int, f *testkit.Frame) [][]byte { return slices.Repeat([][]byte{f.Bytes()}, n) }

// send sends frames out of a device of a host.
func (r *router) send(host, device string, frames [][]byte) {
	r.t.Helper()
	s, err := wire.NewSender(r.lab.Host(host), device)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	if err := s.Send(frames...); err != nil {
		r.t.Fatal(err)
	}
}

// counts waits until all of want has been counted, in packets.
func (r *router) counts(want account) {
	r.t.Helper()
	r.within(2*time.Second, func() error {
		got := accountOf(r.status())
		for key, c := range want {
			if got[key].Packets != c.Packets {
				return fmt.Errorf("%s counts %d packets, want %d: %v", key, got[key].Packets, c.Packets, got)
			}
		}
		return nil
	})
}
