// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// The router of the rows: eth0 and eth1, each untagged and with one VLAN.
//
//	10.1.0.0/24  2001:db8:1::/64   eth0 (1)
//	10.2.0.0/24  2001:db8:2::/64   eth0.100 (2)
//	10.3.0.0/24  2001:db8:3::/64   eth1 (3), MTU 1400
//	10.4.0.0/24  2001:db8:4::/64   eth1.200 (4)
//	203.0.113.0/24                 via 10.3.0.2
//
// The last byte of an address is that of its neighbour's MAC; .9 is silent.
var (
	mac0 = dataplane.MAC{2, 0, 0, 0, 0, 0xa0}
	mac1 = dataplane.MAC{2, 0, 0, 0, 0, 0xa1}
	host = dataplane.MAC{2, 0, 0, 0, 1, 5}
)

func newModel() *Model {
	l3 := []dataplane.L3Interface{
		{Name: "eth0", Ifindex: 1, Port: 1, MAC: mac0, MTU: 1500},
		{Name: "eth0.100", Ifindex: 2, Port: 1, VID: 100, MAC: mac0, MTU: 1500},
		{Name: "eth1", Ifindex: 3, Port: 3, MAC: mac1, MTU: 1400},
		{Name: "eth1.200", Ifindex: 4, Port: 3, VID: 200, MAC: mac1, MTU: 1400},
	}
	fib := &TableFIB{
		Interfaces: map[int]FIBInterface{},
		Neighbours: map[Neighbour]dataplane.MAC{},
	}
	classes := Martians()
	for i := range l3 {
		l := &l3[i]
		l.Forward4, l.Forward6, l.Up, l.RedirectNative = true, true, true, true
		fib.Interfaces[l.Ifindex] = FIBInterface{MAC: l.MAC, MTU: l.MTU, Forward4: true, Forward6: true}
		n := byte(l.Ifindex)
		for _, prefix := range []netip.Prefix{
			netip.PrefixFrom(netip.AddrFrom4([4]byte{10, n}), 24),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, n}), 64),
		} {
			fib.Routes = append(fib.Routes, Route{Prefix: prefix, Egress: l.Ifindex})
			classes[prefix] = dataplane.Allow
			router := nth(prefix, 1)
			classes[netip.PrefixFrom(router, router.BitLen())] = dataplane.Local
			for last := 2; last < 9; last++ {
				fib.Neighbours[Neighbour{l.Ifindex, nth(prefix, last)}] = dataplane.MAC{2, 0, 0, 0, n, byte(last)}
			}
		}
	}
	fib.Routes = append(fib.Routes, Route{
		Prefix: netip.MustParsePrefix("203.0.113.0/24"), Egress: 3, Gateway: netip.MustParseAddr("10.3.0.2"),
	})
	return &Model{
		State: dataplane.State{
			Ports:   []dataplane.Port{{Name: "eth0", Ifindex: 1, Mode: dataplane.Native}, {Name: "eth1", Ifindex: 3, Mode: dataplane.Generic}},
			L3:      l3,
			Classes: classes,
		},
		FIB: fib.Lookup,
	}
}

// to0 starts a frame from a host to eth0's MAC.
func to0() *testkit.Frame { return testkit.NewFrame(mac0, host) }

// udp4 and udp6 would be forwarded from eth0 to eth1.
func udp4() *testkit.Frame { return to0().IPv4("10.1.0.5", "10.3.0.7").UDP(7, 9).Payload(20) }
func udp6() *testkit.Frame {
	return to0().IPv6("2001:db8:1::5", "2001:db8:3::7").UDP(7, 9).Payload(20)
}

// row is a frame into eth0 and what should become of it.
type row struct {
	name  string
	frame []byte
	edit  func(m *Model) // nil: the router as it is
	want  string         // reason
}

func runRows(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := newModel()
			if row.edit != nil {
				row.edit(m)
			}
			got := m.Run(1, row.frame)
			if got.Reason != row.want {
				t.Errorf("got %s, want %s", got.Reason, row.want)
			}
			if (got.Out != nil) != (got.Reason == "forward") {
				t.Errorf("%s with output %x", got.Reason, got.Out)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	tests := map[string]string{
		"drop_blocked": "drop", "drop_blackhole": "drop",
		"dry_run_block": "pass", "dry_run": "pass", "pass_no_route": "pass",
	}
	for reason, want := range tests {
		if got := verdict(reason); got != want {
			t.Errorf("verdict(%s) = %s, want %s", reason, got, want)
		}
	}
	got := newModel().Run(1, udp4().Bytes())
	if got.Verdict != "redirect" || got.Egress != 3 || got.Device != 3 {
		t.Errorf("forwarded with %+v", got)
	}
	m := newModel()
	m.NoFinalize = true
	if got := m.Run(1, udp4().Bytes()); got.Verdict != "pass" || got.Reason != "pass_no_finalize" {
		t.Errorf("without finalize: %+v", got)
	}
}
