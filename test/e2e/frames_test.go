// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"slices"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

// patience is how long the daemon may take to follow a change of the machine.
var patience = findPatience()

// findPatience gives the emulated machines of test/kernels more time.
func findPatience() time.Duration {
	if os.Getenv("CLEARWAY_KERNEL") != "" {
		return 20 * time.Second
	}
	return 2 * time.Second
}

// frame begins a UDP datagram to a device of the router.
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

// send sends frames out of the first device of a host.
func (r *router) send(host string, frames [][]byte) {
	r.t.Helper()
	s, err := wire.NewSender(r.lab.Host(host), "eth0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	if err := s.Send(frames...); err != nil {
		r.t.Fatal(err)
	}
}

// path is what a datagram takes through the router.
type path struct {
	from                string // the host that sends it
	in                  string // the router's device that it comes in by
	source, destination string
}

var (
	toServer1   = path{"client", "eth0", "192.0.2.2", "198.51.100.2"}
	toServer2   = path{"client", "eth0", "192.0.2.2", "203.0.113.2"}
	fromServer2 = path{"server2", "eth2", "203.0.113.2", "192.0.2.2"}
	toClient    = path{"server1", "eth1", "198.51.100.2", "192.0.2.2"}
)

// to is the path to another destination.
func (p path) to(destination string) path {
	p.destination = destination
	return p
}

// ends waits until the packets of a path end with a reason.
func (r *router) ends(p path, reason string, change ...func(*testkit.Frame)) {
	r.t.Helper()
	const n = 4
	r.within(patience, func() error {
		before := r.settled(p.in)
		f := r.frame(p.in, p.source, p.destination)
		for _, c := range change {
			c(f)
		}
		r.send(p.from, repeat(n, f))
		became := r.settled(p.in).minus(before)
		if got := became[p.in+" "+reason].Packets; got < n {
			return fmt.Errorf("%v: %d of %d packets %s: %v", p, got, n, reason, became)
		}
		return nil
	})
}

// counts waits until all of want has been counted, in packets.
func (r *router) counts(want account) {
	r.t.Helper()
	r.within(patience, func() error {
		got := accountOf(r.status())
		for key, c := range want {
			if got[key].Packets != c.Packets {
				return fmt.Errorf("%s counts %d packets, want %d: %v", key, got[key].Packets, c.Packets, got)
			}
		}
		return nil
	})
}
