// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/netip"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

// What passes through the lab while something is done to the router.
const (
	loadRate  = 130_000 // packets a second, as wanted
	leastRate = 100_000 // and as they must be sent at least
	loadSize  = 64      // bytes of payload
	loadFrame = 14 + 20 + 8 + loadSize
)

// underLoad runs fn while loadRate packets a second are forwarded from the
// client to server1, and checks that not one was lost, doubled, altered or
// reordered, and that each was counted once. Where others keep the CPUs busy
// the load is too low to show anything: then fn is run again, for a while.
func (r *router) underLoad(fn func()) {
	r.t.Helper()
	const effort = 30 * time.Second
	var rate float64
	for start := time.Now(); time.Since(start) < effort; {
		rate = r.load(fn)
		if rate >= leastRate || r.t.Failed() {
			return
		}
	}
	r.t.Errorf("only %.0f packets a second could be sent, %d are needed", rate, leastRate)
}

// load is one try of underLoad. It returns the packets sent a second.
func (r *router) load(fn func()) float64 {
	r.t.Helper()
	before := r.settled("eth0")
	flow, err := r.flow(loadRate).Start(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	stop := func() wire.Report {
		report, err := flow.Stop()
		if err != nil {
			r.t.Error(err)
		}
		return report
	}
	done := false
	defer func() {
		if !done { // fn gave up
			stop()
		}
	}()
	time.Sleep(100 * time.Millisecond)
	fn()
	time.Sleep(100 * time.Millisecond)
	done = true
	report := stop()
	r.t.Log(report)
	if err := report.Err(); err != nil {
		r.t.Error(err)
	}
	counted := r.settled("eth0").minus(before)["eth0 forward"]
	if counted.Packets != report.Sent || counted.Bytes != report.Sent*loadFrame {
		r.t.Errorf("counted %d packets, %d bytes; %d and %d were sent", counted.Packets, counted.Bytes, report.Sent, report.Sent*loadFrame)
	}
	return report.Rate()
}

// flow is from the client to server1, IPv4.
func (r *router) flow(rate int) wire.Flow {
	return wire.Flow{
		From: r.lab.Host("client"), To: r.lab.Host("server1"), Rate: rate, Size: loadSize,
		Source:      netip.AddrPortFrom(topo.DemoClient4, 40000),
		Destination: netip.AddrPortFrom(topo.DemoServer14, 5000),
	}
}
