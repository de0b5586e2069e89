// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package netstate

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"clearway/dataplane"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// These run in the machines of test/kernels, which have devices that not every
// kernel has, and no programs such as ip.

func TestKernelStackedLinks(t *testing.T) {
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "router", Forward: true, Devices: []topo.Device{
			{Name: "eth0.7", Kind: topo.VLAN, Parent: "eth0", VID: 7, Addresses: prefixes("10.7.0.1/24")},
			{Name: "eth0.8", Kind: topo.VLAN, Parent: "eth0", VID: 8, ServiceTag: true},
			{Name: "red", Kind: topo.VRF, Table: 77, Members: []string{"eth0.7"}},
			{Name: "bond0", Kind: topo.Bond, Members: []string{"eth1", "eth2"}, ActiveBackup: true},
			{Name: "bond0.9", Kind: topo.VLAN, Parent: "bond0", VID: 9},
			{Name: "br0", Kind: topo.Bridge, Members: []string{"eth3"}},
		}}, {Name: "b"}},
		Links: []topo.Link{
			{A: end("router", "eth0", "10.0.0.1/24"), B: end("b", "eth0")},
			{A: end("router", "eth1"), B: end("b", "eth1")},
			{A: end("router", "eth2"), B: end("b", "eth2")},
			{A: end("router", "eth3"), B: end("b", "eth3")},
		},
	})
	v := read(t, lab.Host("router"))
	get := func(name string) Link {
		l := v.ByName(name)
		if l == nil {
			t.Fatalf("no link %s", name)
		}
		return *l
	}
	red, bond, eth0 := get("red"), get("bond0"), get("eth0")
	if l := get("eth0.7"); l.Type != "vlan" || l.Parent != eth0.Index || l.VID != 7 || l.VLANProtocol != 0x8100 ||
		l.Master != red.Index || l.MasterType != "vrf" || !l.Up || !l.Forward4 || !l.Forward6 {
		t.Errorf("eth0.7 is %+v", l)
	}
	if l := get("eth0.8"); l.VID != 8 || l.VLANProtocol != 0x88a8 {
		t.Errorf("eth0.8 is %+v", l)
	}
	if l := get("bond0.9"); l.Parent != bond.Index || l.VID != 9 {
		t.Errorf("bond0.9 is %+v", l)
	}
	if l := get("eth3"); l.MasterType != "bridge" {
		t.Errorf("eth3 is %+v", l)
	}
	if a, b := get("eth1"), get("eth2"); a.Master != bond.Index || b.MasterType != "bond" || a.Backup == b.Backup {
		t.Errorf("of the bond's members one is active: %+v, %+v", a, b)
	}
	if bond.Type != "bond" || red.Type != "vrf" || !bond.Ethernet {
		t.Errorf("bond %+v, VRF %+v", bond, red)
	}
	if !slices.Contains(v.Local, prefixes("10.7.0.1/32")[0]) {
		t.Errorf("the VRF's address is not local: %v", v.Local)
	}
}

// The machine's own ports.
func TestKernelHardware(t *testing.T) {
	v, err := Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eth0 := v.ByName("eth0")
	if eth0 == nil || eth0.Driver != "virtio_net" || eth0.Type != "" || !eth0.Ethernet || eth0.LRO || eth0.MAC == (dataplane.MAC{}) {
		t.Fatalf("eth0 is %+v", eth0)
	}
}

// A native program on its peer lets a veth take native redirects, however this
// kernel tells of it.
func TestKernelRedirect(t *testing.T) {
	for napi, want := range map[topo.NAPI]bool{topo.NAPIByXDP: true, topo.NAPINone: false} {
		lab := topotest.New(t, &topo.Lab{
			Hosts: []topo.HostSpec{{Name: "router"}, {Name: "b"}},
			Links: []topo.Link{{A: end("router", "eth0"), B: topo.End{Host: "b", Name: "eth0", NAPI: napi}}},
		})
		l := link(t, lab.Host("router"), "eth0")
		if l.RedirectNative != want || l.PartialChecksum || l.Peer.Name != "eth0" {
			t.Errorf("NAPI %v: %+v", napi, l)
		}
	}
}

func TestKernelRoutesAndRules(t *testing.T) {
	router := newLab(t).Host("router")
	_, changes, _ := watch(t, router)
	settled(changes)
	via := netip.MustParseAddr("10.1.0.2")
	err := errors.Join(
		router.SetSysctl("net.ipv4.conf.all.rp_filter", "1"),
		router.AddRoute(topo.Route{To: prefixes("192.0.2.0/24")[0], Via: via, MTU: 1400}),
		router.AddRoute(topo.Route{To: prefixes("192.0.2.128/25")[0], Via: via}),
		router.AddRoute(topo.Route{To: prefixes("198.51.100.0/24")[0], Via: via, MTU: 1400, LockMTU: true}),
		router.AddRoute(topo.Route{To: prefixes("2001:db8::/32")[0], Device: "eth1", MTU: 1400}),
		router.AddRule(topo.Rule{Mark: 7, Table: 5}),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !told(changes, time.Second) {
		t.Error("not told")
	}
	v := read(t, router)
	want := []Exception{
		{Prefix: prefixes("192.0.2.0/24")[0], Exception: true, Reason: "mtu 1400"},
		{Prefix: prefixes("192.0.2.128/25")[0]},
		{Prefix: prefixes("2001:db8::/32")[0], Exception: true, Reason: "mtu 1400"},
	}
	if !slices.Equal(v.Exceptions, want) {
		t.Errorf("exceptions %v", v.Exceptions)
	}
	if !v.Rules4 || v.Rules6 || v.XFRM4 || v.XFRM6 {
		t.Errorf("rules %v %v, policies %v %v", v.Rules4, v.Rules6, v.XFRM4, v.XFRM6)
	}
	if l := v.ByName("eth0"); l.RPFilter != dataplane.RPFilterStrict || l.Forward4 || l.Forward6 {
		t.Errorf("eth0 is %+v", *l)
	}
	err = router.Do(func() error {
		got, err := Find(t.Context(), Lookup{Destination: netip.MustParseAddr("192.0.2.1")})
		if want := "unicast 192.0.2.1/32 via 10.1.0.2 dev eth1 table main mtu 1400"; got != want {
			t.Errorf("found %q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKernelVLANOffload(t *testing.T) {
	router := newLab(t).Host("router")
	eth0 := link(t, router, "eth0").Index
	for _, on := range []bool{true, false} {
		if err := router.Do(func() error { return SetVLANOffload(eth0, on) }); err != nil {
			t.Fatal(err)
		}
		if l := link(t, router, "eth0"); l.RXVLANOffload != on {
			t.Errorf("switched to %v, but is %v", on, l.RXVLANOffload)
		}
	}
}
