// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

// jumboLab is the demonstration lab with 9000 bytes everywhere but on the way
// to server2.
func jumboLab() *topo.Lab {
	lab := topo.Demo()
	lab.Links[0].MTU, lab.Links[1].MTU = 9000, 9000
	return lab
}

// Frames longer than a page are forwarded, or left to Linux, in whatever mode:
// none is lost.
func TestJumbo(t *testing.T) {
	testkit.RequireKernel(t, "5.18", "native XDP for frames longer than a page")
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			r := newRouter(t, topotest.New(t, jumboLab()))
			c := demo()
			for i := range c.interfaces {
				c.interfaces[i] += ", mode: " + mode
			}
			c.allow = append(c.allow, "203.0.113.0/24", "2001:db8:200::/64")
			r.run(c)
			for _, size := range []int{1472, 3000, 4000, 8972} {
				r.passesFast(size)
			}
			report, err := wire.Transfer{From: r.lab.Host("client"), To: r.lab.Host("server1"),
				Server: netip.AddrPortFrom(topo.DemoServer16, 80), Bytes: 4 << 20}.Run(t.Context())
			if err != nil || report.MSS < 8000 {
				t.Errorf("TCP with segments of %d bytes: %v", report.MSS, err)
			}
			r.isTooBig(topo.DemoServer24, 3, 4) // RFC 792: fragmentation needed and DF set
			r.isTooBig(topo.DemoServer26, 2, 0) // RFC 4443: packet too big
		})
	}
}

// passesFast sends datagrams of a size, all of which must be forwarded and
// arrive.
func (r *router) passesFast(size int) {
	r.t.Helper()
	before := r.settled("eth0")["eth0 forward"]
	f := r.flow(2000)
	f.Size = size
	flow, err := f.Start(r.t.Context())
	r.must(err)
	for deadline := time.Now().Add(patience); flow.Sent() < 100 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	report, err := flow.Stop()
	if err != nil || report.Err() != nil || report.Sent < 100 {
		r.t.Errorf("%d bytes: %v: %v", size, report, err)
	}
	frame := loadFrame - loadSize + uint64(size)
	now := r.settled("eth0")["eth0 forward"]
	if now.Packets-before.Packets != report.Sent || now.Bytes-before.Bytes != report.Sent*frame {
		r.t.Errorf("%d datagrams of %d bytes were sent, and %d packets, %d bytes forwarded",
			report.Sent, size, now.Packets-before.Packets, now.Bytes-before.Bytes)
	}
}

// isTooBig sends what doesn't fit the way to a host. Linux must say so.
func (r *router) isTooBig(to netip.Addr, kind, code uint8) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	before := r.settled("eth0")
	reply, err := wire.Echo{From: r.lab.Host("client"), To: to, Size: 5000}.Send(ctx)
	if err != nil || reply.Type != kind || reply.Code != code {
		r.t.Errorf("to %v: type %d code %d came back: %v", to, reply.Type, reply.Code, err)
	}
	if n := r.settled("eth0").minus(before)["eth0 pass_mtu"].Packets; n != 1 {
		r.t.Errorf("to %v: %d packets pass_mtu, want 1", to, n)
	}
}
