// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// check refuses a state that does not fit together or into its limits.
func (s State) check() error {
	if err := s.checkPorts(); err != nil {
		return err
	}
	for _, l := range s.L3 {
		devices := slices.Concat(l.arrivesOn(), []int{l.Ifindex, l.Port})
		if top := slices.Max(devices); top > s.Limits.Ifindex {
			return &LimitError{Limit: "ifindex", Have: s.Limits.Ifindex, Want: top}
		}
		if slices.Min(devices) <= 0 {
			return fmt.Errorf("L3 interface %s: no interface has an index below 1", l.Name)
		}
		if l.VID > 4094 {
			return fmt.Errorf("L3 interface %s: VLAN ID %d is above 4094", l.Name, l.VID)
		}
	}
	for _, r := range s.MSS {
		if r.Prefix.IsValid() && r.Prefix != r.Prefix.Masked() {
			return fmt.Errorf("mss-clamp: prefix %v is not masked", r.Prefix)
		}
	}
	if err := s.checkServices(); err != nil {
		return err
	}
	if err := s.checkPunt(); err != nil {
		return err
	}
	return checkClasses(s.Classes, s.Limits)
}

func (s State) checkPorts() error {
	names, devices := map[string]bool{}, map[int]string{}
	for _, p := range s.Ports {
		other, taken := devices[p.Ifindex]
		switch {
		case p.Name == "" || strings.Contains(p.Name, "/"):
			return fmt.Errorf("port %q: no interface can have this name", p.Name)
		case names[p.Name]:
			return fmt.Errorf("port %s: named twice", p.Name)
		case taken:
			return fmt.Errorf("port %s: the same interface as port %s", p.Name, other)
		case p.Ifindex <= 0:
			return fmt.Errorf("port %s: no interface has an index below 1", p.Name)
		case p.Ifindex > s.Limits.Ifindex:
			return &LimitError{Limit: "ifindex", Have: s.Limits.Ifindex, Want: p.Ifindex}
		case !slices.Contains([]Mode{"", Auto, Native, Generic}, p.Mode):
			return fmt.Errorf("port %s: mode %q is none of auto, native, generic", p.Name, p.Mode)
		}
		names[p.Name], devices[p.Ifindex] = true, p.Name
	}
	return nil
}

// checkClasses refuses prefixes that the table can't hold as they are.
func checkClasses(classes map[netip.Prefix]Class, l Limits) error {
	listed := 0
	for p, c := range classes {
		if !p.IsValid() || p != p.Masked() || p.Addr().Zone() != "" {
			return fmt.Errorf("prefix %v: not a masked IPv4 or IPv6 prefix", p)
		}
		if c&(Allow|Block) != 0 {
			listed++
		}
	}
	if listed > l.Allow {
		return &LimitError{Limit: "allow", Have: l.Allow, Want: listed}
	}
	return nil
}
