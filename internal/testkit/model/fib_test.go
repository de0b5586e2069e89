// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"testing"

	"clearway/dataplane"
)

func TestTableFIB(t *testing.T) {
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	fib := &TableFIB{
		Interfaces: map[int]FIBInterface{
			1: {MAC: mac0, MTU: 1500, Forward4: true},
			2: {MAC: mac1, MTU: 1400, Forward6: true},
			3: {MTU: 1500, Down: true},
		},
		Routes: []Route{
			{Prefix: prefix("0.0.0.0/0"), Egress: 2, Gateway: addr("10.2.0.1")},
			{Prefix: prefix("10.2.0.0/24"), Egress: 2},
			{Prefix: prefix("10.2.0.5/32"), Type: LocalRoute},
			{Prefix: prefix("10.3.0.0/16"), Type: BlackholeRoute},
			{Prefix: prefix("10.4.0.0/16"), Type: UnreachableRoute},
			{Prefix: prefix("10.5.0.0/16"), Type: ProhibitRoute},
			{Prefix: prefix("10.6.0.0/16"), Egress: 2, Gateway: addr("10.2.0.1"), MTU: 1000},
			{Prefix: prefix("10.7.0.0/16"), Egress: 2, Encap: true},
			{Prefix: prefix("10.8.0.0/16"), Egress: 3},
			{Prefix: prefix("10.9.0.0/16"), Egress: 4},
			{Prefix: prefix("2001:db8::/64"), Type: Unicast, Egress: 1, Gateway: addr("fe80::1")},
			{Prefix: prefix("2001:db8::/64"), Type: BlackholeRoute},
		},
		Neighbours: map[Neighbour]dataplane.MAC{
			{2, addr("10.2.0.1")}: {1},
			{2, addr("10.2.0.7")}: {7},
			{1, addr("fe80::1")}:  {6},
		},
	}
	gateway := Answer{Egress: 2, SMAC: mac1, DMAC: dataplane.MAC{1}}
	tests := []struct {
		name    string
		ifindex int
		dst     string
		length  int
		want    Answer
	}{
		{"no device", 9, "10.2.0.7", 0, Answer{Code: NoDevice}},
		{"IPv4 forwarding off", 2, "10.2.0.7", 0, Answer{Code: ForwardingDisabled}},
		{"IPv6 forwarding off", 1, "2001:db8::1", 0, Answer{Code: ForwardingDisabled}},
		{"on the link", 1, "10.2.0.7", 0, Answer{Egress: 2, SMAC: mac1, DMAC: dataplane.MAC{7}}},
		{"silent", 1, "10.2.0.8", 0, Answer{Code: NoNeighbour, Egress: 2}},
		{"default", 1, "192.0.2.1", 1400, gateway},
		{"too big", 1, "192.0.2.1", 1401, Answer{Code: FragNeeded}},
		{"too big before silent", 1, "10.2.0.8", 1401, Answer{Code: FragNeeded}},
		{"the route's MTU", 1, "10.6.0.1", 1000, gateway},
		{"too big for the route", 1, "10.6.0.1", 1001, Answer{Code: FragNeeded}},
		{"local", 1, "10.2.0.5", 0, Answer{Code: NotForwarded}},
		{"blackhole", 1, "10.3.0.5", 0, Answer{Code: Blackhole}},
		{"unreachable", 1, "10.4.0.5", 0, Answer{Code: Unreachable}},
		{"prohibit", 1, "10.5.0.5", 0, Answer{Code: Prohibit}},
		{"encapsulation", 1, "10.7.0.5", 0, Answer{Code: UnsupportedEncap}},
		{"a device that is down has no routes", 1, "10.8.0.5", 0, gateway},
		{"nor has one that doesn't exist", 1, "10.9.0.5", 0, gateway},
		{"IPv6, the first of equal prefixes", 2, "2001:db8::1", 0, Answer{Egress: 1, SMAC: mac0, DMAC: dataplane.MAC{6}}},
		{"no route", 2, "2001:db9::1", 0, Answer{Code: NotForwarded}},
	}
	for _, test := range tests {
		if got := fib.Lookup(Query{Ifindex: test.ifindex, Dst: addr(test.dst), Length: test.length}); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
