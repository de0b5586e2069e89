// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestChangeInterface(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	h := lab.Host("router")
	mac := net.HardwareAddr{2, 1, 2, 3, 4, 5}
	before, err := h.Interface("eth1")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		h.SetUp("eth1", false), // a device that is up can't be renamed before Linux 6.2
		h.Rename("eth1", "wan"),
		h.SetMTU("wan", 1400),
		h.SetMAC("wan", mac))
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Interface("wan")
	if err != nil {
		t.Fatal(err)
	}
	if got.Index != before.Index || got.MTU != 1400 || got.Up || !bytes.Equal(got.MAC, mac) {
		t.Errorf("got %+v", got)
	}
	if err := h.SetUp("wan", true); err != nil {
		t.Fatal(err)
	}
	if err := h.WaitUp(t.Context(), "wan"); err != nil {
		t.Error(err)
	}
	if _, err := h.Interface("eth1"); err == nil {
		t.Error("eth1 is still there")
	}
	if err := h.DeleteDevice("wan"); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Host("server1").Interface("eth0"); err == nil {
		t.Error("the other end is still there")
	}
}

func TestWaitUpEndsWithContext(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	if err := lab.Host("server1").SetUp("eth0", false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := lab.Host("router").WaitUp(ctx, "eth1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// An address works as soon as it was added, and not after it was deleted.
func TestAddresses(t *testing.T) {
	h := topotest.New(t, topo.Demo()).Host("router")
	for _, s := range []string{"10.9.9.1/24", "2001:db8:9::1/64"} {
		a := prefix(s)
		listen := func() error {
			p, err := h.ListenPacket(t.Context(), "udp", netipPort(a.Addr()))
			if err == nil {
				err = p.Close()
			}
			return err
		}
		for range 20 {
			if err := h.AddAddress("eth0", a); err != nil {
				t.Fatal(err)
			}
			if err := listen(); err != nil {
				t.Errorf("%v isn't there: %v", a, err)
			}
			if err := h.DeleteAddress("eth0", a); err != nil {
				t.Fatal(err)
			}
			if err := listen(); !errors.Is(err, unix.EADDRNOTAVAIL) {
				t.Errorf("%v is still there: %v", a, err)
			}
		}
	}
}

// Each kind can be made, with what belongs to it, unless the kernel doesn't
// have it: then it says so.
func TestDevices(t *testing.T) {
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "a"}, {Name: "b"}},
		Links: []topo.Link{{A: topo.End{Host: "a", Name: "eth0"}, B: topo.End{Host: "b", Name: "eth0"}}},
	})
	h := lab.Host("a")
	addresses := []topo.Device{
		{Name: "dummy0", Kind: topo.Dummy},
		{Name: "vlan100", Kind: topo.VLAN, Parent: "eth0", VID: 100},
		{Name: "vlan200", Kind: topo.VLAN, Parent: "eth0", VID: 200, ServiceTag: true},
		{Name: "vrf1", Kind: topo.VRF, Table: 1001, Members: []string{"eth0"}},
		{Name: "bond0", Kind: topo.Bond, Members: []string{"eth0"}},
		{Name: "bond1", Kind: topo.Bond, ActiveBackup: true, Members: []string{"eth0"}},
		{Name: "br0", Kind: topo.Bridge, Members: []string{"eth0"}},
	}
	for _, d := range addresses {
		t.Run(d.Name, func(t *testing.T) {
			d.Addresses = append(d.Addresses, prefix("10.1.1.1/24"), prefix("2001:db8:1::1/64"))
			err := h.AddDevice(d)
			if errors.Is(err, unix.EOPNOTSUPP) {
				t.Logf("this kernel has no %s: %v", d.Kind, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if i, err := h.Interface(d.Name); err != nil || i.Name != d.Name {
				t.Errorf("got %+v, %v", i, err)
			}
			if err := h.DeleteDevice(d.Name); err != nil {
				t.Error(err)
			}
		})
	}
	for _, bad := range []topo.Device{
		{Name: "v", Kind: topo.VLAN, Parent: "eth9", VID: 1},
		{Name: "w", Kind: "wormhole"},
		{Name: "b", Kind: topo.Bridge, Members: []string{"eth9"}},
	} {
		if err := h.AddDevice(bad); err == nil {
			t.Errorf("%+v was added", bad)
		}
	}
}

func TestSysctls(t *testing.T) {
	h := one(t, topo.HostSpec{Forward: true, Sysctls: map[string]string{"net.ipv4.conf.all.rp_filter": "2"}})
	if err := h.SetSysctl("net/ipv4/conf/lo/rp_filter", "1"); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1",
		"net.ipv4.conf.all.rp_filter": "2", "net.ipv4.conf.lo.rp_filter": "1",
		"net.ipv6.conf.default.accept_ra": "0",
	} {
		if got, err := h.Sysctl(key); err != nil || got != want {
			t.Errorf("%s is %q, not %q: %v", key, got, want, err)
		}
	}
	if _, err := h.Sysctl("net.ipv4.nonsense"); err == nil {
		t.Error("read a sysctl that doesn't exist")
	}
}
