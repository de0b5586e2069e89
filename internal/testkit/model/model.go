// SPDX-License-Identifier: Apache-2.0

// Package model is the reference model of the forward and the balance lane: the
// rules of their stages in plain Go, one after the other, slow and obvious. It was written
// from the rules and not from the programs in bpf/, so that comparing both
// means something.
//
// A frame's way: parse, own, balance for packets to a service, else admit and
// route, finalize; each stage may end it with a reason, which is spelt as in enum
// reason in bpf/abi.h.
package model

import (
	"net/netip"
	"slices"

	"clearway/dataplane"
)

// Model holds all that decides about a frame.
type Model struct {
	State dataplane.State // an Auto port counts as native: name the mode it has got
	FIB   func(Query) Answer

	NoFinalize bool // the tail call finds no program
}

// notModelled are faults of frames that lie where they can't grow, and the punt
// lane.
var notModelled = []string{"pass_no_headroom", "punt", "pass_no_socket"}

// Has says whether the model ever decides with a reason.
func Has(reason string) bool { return !slices.Contains(notModelled, reason) }

// Result is what happens to a frame.
type Result struct {
	Verdict string     // "pass", "drop", "redirect", or "tx": out where it came in
	Reason  string     // enumerator of enum reason
	Out     []byte     // the frame that leaves; nil if none does
	Egress  int        // L3 ifindex it leaves by, 0 unless forwarded or sent to a backend
	Device  int        // ifindex of the device that sends it, likewise
	Service string     // that it is for, by name, and
	Backend netip.Addr // the one that it is sent to
}

// Run decides about a frame that arrives on a port, all of it in the linear
// part of the buffer. The frame is not changed.
func (m *Model) Run(port int, frame []byte) Result {
	return m.RunSplit(port, frame, len(frame))
}

// RunSplit is Run for a multi-buffer frame, of which the first linear bytes
// are in the linear part.
func (m *Model) RunSplit(port int, frame []byte, linear int) Result {
	p := &packet{frame: frame, linear: min(linear, len(frame)), port: m.port(port)}
	if reason := first(p, m.parse, m.own); reason != "" {
		return Result{Verdict: verdict(reason), Reason: reason}
	}
	if r, served := m.balance(p); served {
		return r
	}
	if reason := first(p, m.admit, m.route); reason != "" {
		return Result{Verdict: verdict(reason), Reason: reason}
	}
	if m.NoFinalize {
		return Result{Verdict: "pass", Reason: "pass_no_finalize"}
	}
	return Result{
		Verdict: "redirect",
		Reason:  "forward",
		Out:     m.rewrite(p),
		Egress:  p.egress.Ifindex,
		Device:  p.egress.Port,
	}
}

// first is the first reason that one of the stages gives.
func first(p *packet, stages ...func(*packet) string) string {
	for _, stage := range stages {
		if reason := stage(p); reason != "" {
			return reason
		}
	}
	return ""
}

// verdict of a reason that is not forward: all pass but the drops.
func verdict(reason string) string {
	switch reason {
	case "drop_blocked", "drop_blackhole":
		return "drop"
	}
	return "pass"
}

// port finds a device that the program is attached to, or nil.
func (m *Model) port(ifindex int) *dataplane.Port {
	for i := range m.State.Ports {
		if m.State.Ports[i].Ifindex == ifindex {
			return &m.State.Ports[i]
		}
	}
	return nil
}
