// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestStatesThatAreRefused(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	before := r.snapshot()
	for _, row := range []struct {
		name   string
		change func(s *State)
		want   string
	}{
		{"a port twice", func(s *State) { s.Ports[1].Name = "eth0" }, "named twice"},
		{"a device twice", func(s *State) { s.Ports[1].Ifindex = s.Ports[0].Ifindex }, "same interface as port eth0"},
		{"no name", func(s *State) { s.Ports[1].Name = "" }, "can have this name"},
		{"a path for a name", func(s *State) { s.Ports[1].Name = "../eth1" }, "can have this name"},
		{"no such mode", func(s *State) { s.Ports[1].Mode = "fast" }, `mode "fast"`},
		{"index 0", func(s *State) { s.Ports[1].Ifindex = 0 }, "index below 1"},
		{"L3 interface of index 0", func(s *State) { s.L3[1].Ifindex = 0 }, "index below 1"},
		{"L3 interface on no device", func(s *State) { s.L3[1].Port = -1 }, "index below 1"},
		{"VLAN ID", func(s *State) { s.L3[1].VID = 4095 }, "4095"},
		{"too many ports", func(s *State) { s.Limits.Interfaces = 2 }, "limits.interfaces is 2, but 3 are needed"},
		{"too many devices", func(s *State) { s.Limits.L3Interfaces = 2 }, "limits.l3-interfaces is 2, but 3 are needed"},
		{"index too high", func(s *State) { s.Limits.Ifindex = s.Ports[2].Ifindex - 1 }, "limits.ifindex"},
		{"too many prefixes", func(s *State) { s.Limits.Allow = 1 }, "limits.allow is 1, but 2 are needed"},
		{"MSS prefix", func(s *State) { s.MSS = []MSSRule{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}} }, "not masked"},
		{"a device that isn't there", func(s *State) { s.L3[1].Port = 999 }, "eth1: update: invalid argument: the interface has gone"},
		{"a port that isn't there", func(s *State) { s.Ports[1].Ifindex = 999 }, "attaching to eth1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := r.state
			s.Ports, s.L3 = slices.Clone(s.Ports), slices.Clone(s.L3)
			row.change(&s)
			if _, err := r.tryApply(s); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q in it", err, row.want)
			}
			r.checkSnapshot(before)
		})
	}
}

func TestClassesThatAreRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		prefix netip.Prefix
	}{
		{"no prefix", netip.Prefix{}},
		{"bits below the mask", netip.MustParsePrefix("192.0.2.1/24")},
		{"IPv6 bits below the mask", netip.MustParsePrefix("2001:db8::1/64")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := checkClasses(map[netip.Prefix]Class{row.prefix: Allow}, Limits{Allow: 1}); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The limit is of what the operator lists; addresses and routes of the machine
// don't use it up.
func TestLimitOfAllow(t *testing.T) {
	classes := map[netip.Prefix]Class{}
	for i := range 10 {
		classes[netip.MustParsePrefix(fmt.Sprintf("198.51.%d.0/24", i))] = Local | NotSource | Exception
	}
	classes[netip.MustParsePrefix("203.0.113.0/24")] = Allow
	classes[netip.MustParsePrefix("203.0.113.0/25")] = Block
	if err := checkClasses(classes, Limits{Allow: 2}); err != nil {
		t.Errorf("two of two: %v", err)
	}
	var limit *LimitError
	if err := checkClasses(classes, Limits{Allow: 1}); !errors.As(err, &limit) || *limit != (LimitError{"allow", 1, 2}) {
		t.Errorf("two of one: %v", err)
	}
}
