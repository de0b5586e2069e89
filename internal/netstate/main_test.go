// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"net/netip"
	"strings"
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// newLab makes a router with two neighbours:
//
//	a eth0 ──── eth0 router eth1 ──── eth0 b
//	10.0.0.2    10.0.0.1 10.1.0.1    10.1.0.2
//	fd00::2     fd00::1   fd00:1::1  fd00:1::2
func newLab(t *testing.T) *topo.Lab {
	t.Helper()
	return topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "a"}, {Name: "router"}, {Name: "b"}},
		Links: []topo.Link{
			{A: end("a", "eth0", "10.0.0.2/24", "fd00::2/64"), B: end("router", "eth0", "10.0.0.1/24", "fd00::1/64")},
			{A: end("router", "eth1", "10.1.0.1/24", "fd00:1::1/64"), B: end("b", "eth0", "10.1.0.2/24", "fd00:1::2/64")},
		},
	})
}

func end(host, name string, addresses ...string) topo.End {
	e := topo.End{Host: host, Name: name, NAPI: topo.NAPINone}
	for _, a := range addresses {
		e.Addresses = append(e.Addresses, netip.MustParsePrefix(a))
	}
	return e
}

// run runs commands inside a host, one a line.
func run(t *testing.T, h *topo.Host, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		args := strings.Fields(line)
		if len(args) == 0 {
			continue
		}
		testkit.RequireTool(t, args[0])
		if out, err := h.Command(t.Context(), args[0], args[1:]...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// read reads the state inside a host.
func read(t *testing.T, h *topo.Host) View {
	t.Helper()
	var v View
	err := h.Do(func() (err error) {
		v, err = Read(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// link reads the state of one link inside a host.
func link(t *testing.T, h *topo.Host, name string) Link {
	t.Helper()
	l := read(t, h).ByName(name)
	if l == nil {
		t.Fatalf("%s has no link %s", h.Name(), name)
	}
	return *l
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
