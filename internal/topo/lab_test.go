// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestDemo(t *testing.T) {
	home := interfaces(t)
	lab := topotest.New(t, topo.Demo())
	if got := interfaces(t); !slices.Equal(got, home) {
		t.Errorf("the machine's own devices were %v and are %v", home, got)
	}
	for host, devices := range map[string][]string{
		"client": {"eth0"}, "router": {"eth0", "eth1", "eth2"}, "server1": {"eth0"}, "server2": {"eth0"},
	} {
		for _, device := range devices {
			i, err := lab.Host(host).Interface(device)
			if err != nil {
				t.Fatal(err)
			}
			if !i.Up || i.MTU != 1500 || len(i.MAC) != 6 || i.Name != device || i.Index == 0 || i.Program != 0 {
				t.Errorf("%s: %+v", host, i)
			}
		}
	}
}

// Frames must leave as they are and be received as they came, and devices take
// what is redirected to their peer.
func TestLinkFeatures(t *testing.T) {
	link := func(name string, napi topo.NAPI) topo.Link {
		return topo.Link{
			A: topo.End{Host: "a", Name: name, NAPI: napi}, B: topo.End{Host: "b", Name: name, NAPI: napi},
			MTU: 3000, Queues: 2,
		}
	}
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "a"}, {Name: "b"}},
		Links: []topo.Link{link("none", topo.NAPINone), link("gro", topo.NAPIByGRO), link("xdp", topo.NAPIByXDP)},
	})
	for _, host := range []string{"a", "b"} {
		for _, device := range []string{"none", "gro", "xdp"} {
			h := lab.Host(host)
			on, err := h.Features(device)
			if err != nil {
				t.Fatal(err)
			}
			for feature := range on {
				offload := strings.HasPrefix(feature, "tx-") || strings.HasPrefix(feature, "rx-")
				if offload && feature != "tx-lockless" && (feature != "rx-gro" || device != "gro") {
					t.Errorf("%s %s: %s is on", host, device, feature)
				}
			}
			if device == "gro" && !on["rx-gro"] {
				t.Errorf("%s %s: GRO is off", host, device)
			}
			i, err := h.Interface(device)
			if err != nil {
				t.Fatal(err)
			}
			if (i.Program != 0) != (device == "xdp") || i.MTU != 3000 {
				t.Errorf("%s: %+v", host, i)
			}
		}
	}
}

// A lab that can't be completed leaves nothing behind, wherever it fails.
// TestMain looks for files, threads and goroutines.
func TestFailedUp(t *testing.T) {
	testkit.RequireRoot(t)
	tests := []struct {
		name, want string
		change     func(l *topo.Lab)
	}{
		{"host twice", "two of that name", func(l *topo.Lab) { l.Hosts = append(l.Hosts, l.Hosts[0]) }},
		{"sysctl that isn't there", "net.ipv4.nonsense", func(l *topo.Lab) {
			l.Hosts[3].Sysctls = map[string]string{"net.ipv4.nonsense": "1"}
		}},
		{"link to nowhere", "no such host", func(l *topo.Lab) { l.Links[2].A.Host = "nobody" }},
		{"device twice", "eth1", func(l *topo.Lab) { l.Links[2].B.Name = "eth1" }},
		{"name too long", "", func(l *topo.Lab) { l.Links[2].B.Name = "a-name-of-17-byte" }},
		{"MTU too large", "", func(l *topo.Lab) { l.Links[1].MTU = 1 << 20 }},
		{"address twice", "adding 203.0.113.2/24", func(l *topo.Lab) {
			a := &l.Links[2].A
			a.Addresses = append(a.Addresses, a.Addresses[0])
		}},
		{"route without a way", "adding route", func(l *topo.Lab) {
			l.Hosts[3].Routes = []topo.Route{{To: prefix("10.0.0.0/8"), Device: "eth9"}}
		}},
		{"unknown kind", "unknown kind", func(l *topo.Lab) {
			l.Hosts[3].Devices = []topo.Device{{Name: "x", Kind: "wormhole"}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lab := topo.Demo()
			tt.change(lab)
			home := interfaces(t)
			err := lab.Up(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if err := lab.Close(); err != nil {
				t.Errorf("closing what never was: %v", err)
			}
			if got := interfaces(t); !slices.Equal(got, home) {
				t.Errorf("the machine's own devices were %v and are %v", home, got)
			}
		})
	}
}

// stopAfter is a context that ends after a number of looks at it, so that a
// test can end it in the middle of something.
type stopAfter struct {
	context.Context
	looks int
}

func (c *stopAfter) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestUpEndsWithContext(t *testing.T) {
	testkit.RequireRoot(t)
	for looks := range 11 { // four hosts, three links, four hosts again
		lab := topo.Demo()
		if err := lab.Up(&stopAfter{t.Context(), looks}); !errors.Is(err, context.Canceled) {
			t.Errorf("ended after %d steps: %v", looks, err)
			lab.Close()
		}
	}
}

func TestClose(t *testing.T) {
	testkit.RequireRoot(t)
	lab := topo.Demo()
	if err := lab.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lab.Up(t.Context()); err == nil {
		t.Error("a lab came up twice")
	}
	client := lab.Host("client")
	for range 2 {
		if err := lab.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing may reach for the machine's own namespace instead.
	_, ifErr := client.Interface("lo")
	_, cmdErr := client.Command(t.Context(), "true")
	_, dialErr := client.Dial(t.Context(), "tcp", "127.0.0.1:1")
	_, featErr := client.Features("lo")
	for what, err := range map[string]error{
		"Do":        client.Do(func() error { t.Error("it ran"); return nil }),
		"Interface": ifErr, "Command": cmdErr, "Dial": dialErr, "Features": featErr,
		"SetSysctl":  client.SetSysctl("net.ipv4.ip_forward", "0"),
		"AddAddress": client.AddAddress("lo", prefix("127.9.9.9/32")),
		"AddRoute":   client.AddRoute(topo.Route{To: prefix("127.9.9.9/32"), Device: "lo"}),
	} {
		if !errors.Is(err, topo.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	if err := lab.Up(t.Context()); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := lab.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnknownHostPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	topo.Demo().Host("client") // not up
}

// The derived MACs differ, and those that are given hold.
func TestMACs(t *testing.T) {
	given := net.HardwareAddr{2, 1, 2, 3, 4, 5}
	lab := topo.Demo()
	lab.Links[0].A.MAC = given
	topotest.New(t, lab)
	seen := make(map[string]bool)
	for _, l := range lab.Links {
		for _, end := range []topo.End{l.A, l.B} {
			i, err := lab.Host(end.Host).Interface(end.Name)
			if err != nil {
				t.Fatal(err)
			}
			if seen[i.MAC.String()] {
				t.Errorf("%v is there twice", i.MAC)
			}
			seen[i.MAC.String()] = true
		}
	}
	if !seen[given.String()] {
		t.Errorf("got %v, and not the given %v", seen, given)
	}
}
