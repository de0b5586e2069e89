// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strings"
	"testing"

	"clearway/internal/testkit"
)

// TestStageBalanceEmptySlot: with no program to call, a packet for a service is
// dropped, and counted as its service's.
func TestStageBalanceEmptySlot(t *testing.T) {
	r, g := newRowLab(t), emptySlotGroup()
	s := r.state.clone()
	g.change(&s)
	r.apply(t, s)
	r.emptySlot(t)
	var want Counter
	for _, row := range g.rows {
		t.Run(row.name, func(t *testing.T) {
			r.do(t, func() error { r.runRow(t, "finalize", row); return nil })
		})
		if atLeast(5, 14) { // by the live program, see runRow: the twin counts for itself
			want.add(Counter{1, uint64(len(row.in.Bytes()))})
		}
	}
	r.do(t, func() error {
		services, err := r.dp.Services()
		if err == nil && services[0].Dropped != want {
			t.Errorf("the service dropped %v, want %v", services[0].Dropped, want)
		}
		return err
	})
}

func emptySlotGroup() group {
	g := group{name: "no program to call", change: balanced(oneBackend("web", vip4, TCP, GUE, backend6, 80))}
	for _, in := range []*testkit.Frame{toVIP(vip4).TCP(1024, 80, testkit.SYN), toVIP(vip4).TCP(1024, 80, testkit.ACK).Payload(101)} {
		g.rows = append(g.rows, row{name: "TCP", in: in, reason: "drop_no_finalize"})
	}
	return g
}

// TestBalanceAccounts: what arrives for services is what their backends were
// sent, and what they dropped, in packets and bytes.
func TestBalanceAccounts(t *testing.T) {
	testkit.RequireKernel(t, "5.14", "a test run that is told its interface")
	r := newRowLab(t)
	for _, g := range []group{hopGroup(), refusedGroup(), l2Group(), emptySlotGroup()} {
		t.Run(g.name, func(t *testing.T) {
			s := r.state.clone()
			g.change(&s)
			r.apply(t, s)
			before := r.accounts(t)
			var want Counter
			for _, row := range g.rows {
				in := row.in.Bytes()
				r.do(t, func() error {
					ran, err := NewRunner(r.dp).Live(r.ingress(t, row), in, Placed{})
					if err == nil && !strings.HasPrefix(ran.Reason, "pass_") {
						want.add(Counter{1, uint64(len(in))})
					}
					return err
				})
			}
			after := r.accounts(t)
			if got := (Counter{after.Packets - before.Packets, after.Bytes - before.Bytes}); got != want || want.Packets == 0 {
				t.Errorf("services account for %v, want %v", got, want)
			}
		})
	}
}

// accounts is what all services sent and dropped.
func (r *rowLab) accounts(t *testing.T) (sum Counter) {
	t.Helper()
	r.do(t, func() error {
		services, err := r.dp.Services()
		for _, s := range services {
			sum.add(s.Dropped)
			for _, b := range s.Backends {
				sum.add(b.Sent)
			}
		}
		return err
	})
	return sum
}
