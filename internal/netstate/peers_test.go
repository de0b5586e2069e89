// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// Whether checksums may be partial and tags hidden is up to the peer, wherever
// that is.
func TestReadPeerFeatures(t *testing.T) {
	lab := newLab(t)
	router, a := lab.Host("router"), lab.Host("a")
	run(t, router, `ip link add v0 type veth peer name v1`) // in one namespace

	got := link(t, router, "eth0")
	if got.Peer.Name != "eth0" || got.Peer.Namespace == "" {
		t.Fatalf("the peer in another namespace is %+v", got.Peer)
	}
	if got.PartialChecksum || got.HiddenTags || got.RXVLANOffload || got.LRO {
		t.Errorf("all offloads are off, but: %+v", got)
	}
	out, err := a.Command(t.Context(), "nsenter", "--net="+got.Peer.Namespace, "ip", "-o", "link", "show", "eth0")
	if err != nil || !strings.Contains(string(out), "eth0") {
		t.Errorf("namespace %s: %v, %s", got.Peer.Namespace, err, out)
	}

	tests := []struct {
		host            *topo.Host
		command         string
		link            string
		partial, hidden bool
	}{
		{a, "ethtool -K eth0 tx on", "eth0", true, false},
		{a, "ethtool -K eth0 tx off txvlan on", "eth0", false, true},
		{a, "ethtool -K eth0 txvlan off", "eth0", false, false},
		{router, "ethtool -K eth0 tx on rx on txvlan on", "eth0", false, false}, // our own say nothing
		{router, "ethtool -K v1 tx on txvlan off", "v0", true, false},
		{router, "ethtool -K v1 tx off txvlan on", "v0", false, true},
	}
	for _, test := range tests {
		run(t, test.host, test.command)
		got := link(t, router, test.link)
		if got.PartialChecksum != test.partial || got.HiddenTags != test.hidden {
			t.Errorf("after %s: %s has partial checksums %v, hidden tags %v", test.command, test.link, got.PartialChecksum, got.HiddenTags)
		}
	}
}

// A peer that can't be found is taken to be as veths are by default.
func TestReadUnknownPeer(t *testing.T) {
	lab := newLab(t)
	t.Cleanup(func(globs []string) func() { return func() { namespaceGlobs = globs } }(namespaceGlobs))
	namespaceGlobs = nil
	got := link(t, lab.Host("router"), "eth0")
	if got.Peer != (Peer{}) || !got.PartialChecksum {
		t.Errorf("peer %+v, partial checksums %v", got.Peer, got.PartialChecksum)
	}
}

// A veth takes native redirects while its peer receives through NAPI.
func TestReadRedirect(t *testing.T) {
	for napi, want := range map[topo.NAPI]bool{topo.NAPIByXDP: true, topo.NAPINone: false} {
		lab := topotest.New(t, &topo.Lab{
			Hosts: []topo.HostSpec{{Name: "router"}, {Name: "b"}},
			Links: []topo.Link{{A: end("router", "eth0"), B: topo.End{Host: "b", Name: "eth0", NAPI: napi}}},
		})
		v := read(t, lab.Host("router"))
		got := v.ByName("eth0")
		if got.RedirectNative != want || got.RedirectFrags != want || !got.ReceiveFrags {
			t.Errorf("NAPI %v: redirect native %v, frags %v, receive frags %v", napi, got.RedirectNative, got.RedirectFrags, got.ReceiveFrags)
		}
		if lo := v.ByName("lo"); lo.RedirectNative {
			t.Error("lo takes native redirects")
		}
	}
}

// Kernels before 6.3 don't say; the rule for them must agree with what this
// one says about a peer with and without a native program.
func TestRedirectFallback(t *testing.T) {
	native, none := &device{nativeXDP: true}, &device{}
	tests := []struct {
		name    string
		d, peer *device
		want    bool
	}{
		{"veth, peer with a program", &device{Link: Link{Type: "veth"}}, native, true},
		{"veth, peer without", &device{Link: Link{Type: "veth"}, nativeXDP: true}, none, false},
		{"veth, peer unknown", &device{Link: Link{Type: "veth"}, nativeXDP: true}, nil, false},
		{"hardware with a program", &device{Link: Link{Driver: "ixgbe"}, nativeXDP: true}, nil, true},
		{"hardware without", &device{Link: Link{Driver: "ixgbe"}}, nil, false},
		{"hardware that can't", &device{Link: Link{Driver: "e1000e"}, nativeXDP: true}, nil, false},
		{"tap", &device{Link: Link{Type: "tun"}}, nil, true},
		{"bridge", &device{Link: Link{Type: "bridge"}, nativeXDP: true}, nil, false},
	}
	for _, test := range tests {
		if got := redirectFallback(test.d, test.peer); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// What the fallback goes by is read right.
func TestReadNativeProgram(t *testing.T) {
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "router"}, {Name: "b"}},
		Links: []topo.Link{{A: end("router", "eth0"), B: topo.End{Host: "b", Name: "eth0", NAPI: topo.NAPIByXDP}}},
	})
	err := lab.Host("router").Do(func() error {
		socket, err := dialRoute(t.Context())
		if err != nil {
			return err
		}
		defer socket.close()
		devices, err := socket.readDevices(t.Context(), new(View))
		for _, d := range devices {
			if d.Name == "eth0" && (d.nativeXDP || d.peer == nil || !d.peer.nativeXDP) {
				t.Errorf("native programs: %v, peer %+v", d.nativeXDP, d.peer)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSetVLANOffload(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, "ip link add br0 type bridge")
	set := func(index int, on bool) error {
		return router.Do(func() error { return SetVLANOffload(index, on) })
	}
	eth0 := link(t, router, "eth0").Index
	for _, on := range []bool{true, true, false, false} {
		if err := set(eth0, on); err != nil {
			t.Fatal(err)
		}
		features, err := router.Features("eth0")
		if err != nil {
			t.Fatal(err)
		}
		if l := link(t, router, "eth0"); features[rxVLANFeature] != on || l.RXVLANOffload != on || l.RXVLANFixed {
			t.Errorf("switched to %v: the kernel has %v, the View %v (fixed: %v)", on, features[rxVLANFeature], l.RXVLANOffload, l.RXVLANFixed)
		}
	}
	if err := set(4711, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a device that isn't there: %v", err)
	}
	if err := set(link(t, router, "br0").Index, true); err == nil || !strings.Contains(err.Error(), "driver") {
		t.Errorf("a device that can't: %v", err)
	}
}
