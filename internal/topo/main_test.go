// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// TestMain also plays the program that TestNothingSurvivesKill kills.
func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		victim()
		return
	}
	topotest.Main(m)
}

// one is a lab of a single host.
func one(t *testing.T, spec topo.HostSpec) *topo.Host {
	t.Helper()
	spec.Name = "one"
	return topotest.New(t, &topo.Lab{Hosts: []topo.HostSpec{spec}}).Host("one")
}

// interfaces lists the devices where the calling thread is.
func interfaces(t *testing.T) []string {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range list {
		names = append(names, fmt.Sprint(i.Index, i.Name))
	}
	slices.Sort(names)
	return names
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
