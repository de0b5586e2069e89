// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// describe tells people what differs between two states; changed are the
// prefixes whose classes differ.
func describe(before, after State, changed []netip.Prefix, links map[string]*portLink) []string {
	lines := describePorts(before.Ports, after.Ports, links)
	lines = append(lines, describeL3(before.L3, after.L3)...)
	for _, c := range classNames {
		lines = append(lines, describeClass(before.Classes, after.Classes, changed, c.bit, c.name)...)
	}
	if !slices.Equal(before.MSS, after.MSS) {
		lines = append(lines, fmt.Sprintf("mss-clamp: %d rules, were %d", len(after.MSS), len(before.MSS)))
	}
	lines = append(lines, describeOptions(before.Options, after.Options)...)
	lines = append(lines, describePunt(before.Punt, after.Punt)...)
	return append(lines, describeLimits(before.Limits, after.Limits)...)
}

func describeOptions(before, after Options) []string {
	var lines []string
	for _, o := range []struct {
		name    string
		was, is bool
	}{
		{"dry-run", before.DryRun, after.DryRun},
		{"hairpin", before.Hairpin, after.Hairpin},
		{"pass_policy for all of IPv4", before.Policy4, after.Policy4},
		{"pass_policy for all of IPv6", before.Policy6, after.Policy6},
	} {
		if o.was != o.is {
			lines = append(lines, fmt.Sprintf("%s: %t", o.name, o.is))
		}
	}
	return lines
}

func describePunt(before, after []PuntRule) []string {
	var lines []string
	old := make(map[string]PuntRule, len(before))
	for _, r := range before {
		old[r.Name] = r
	}
	for _, r := range after {
		was, had := old[r.Name]
		switch {
		case !had:
			lines = append(lines, fmt.Sprintf("+ punt rule %s (%v)", r.Name, r.claim()))
		case was != r:
			lines = append(lines, fmt.Sprintf("~ punt rule %s: %v, was %v", r.Name, r.claim(), was.claim()))
		}
		delete(old, r.Name)
	}
	for name := range old {
		lines = append(lines, "- punt rule "+name)
	}
	if len(lines) > mostListed {
		return []string{fmt.Sprintf("punt rules: %d changed", len(lines))}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:], b[2:]) }) // by name
	return lines
}

func describeLimits(before, after Limits) []string {
	var lines []string
	for _, l := range []struct {
		name    string
		was, is int
	}{
		{"allow", before.Allow, after.Allow},
		{"interfaces", before.Interfaces, after.Interfaces},
		{"l3-interfaces", before.L3Interfaces, after.L3Interfaces},
		{"ifindex", before.Ifindex, after.Ifindex},
		{"services", before.Services, after.Services},
		{"backends", before.Backends, after.Backends},
		{"flows", before.Flows, after.Flows},
	} {
		if l.was != l.is {
			lines = append(lines, fmt.Sprintf("limits.%s: %d", l.name, l.is))
		}
	}
	return lines
}

func describePorts(before, after []Port, links map[string]*portLink) []string {
	var lines []string
	for _, p := range after {
		l := links[p.Name]
		if slices.Contains(before, p) {
			continue
		}
		mode := p.Mode
		if l != nil { // not so before it is attached
			mode = l.Mode
		}
		mark := "+"
		if hasPort(before, p.Name) {
			mark = "~"
		}
		lines = append(lines, fmt.Sprintf("%s port %s (%s)", mark, p.Name, mode))
	}
	for _, p := range before {
		if !hasPort(after, p.Name) {
			lines = append(lines, "- port "+p.Name)
		}
	}
	return lines
}

func hasPort(ports []Port, name string) bool {
	return slices.ContainsFunc(ports, func(p Port) bool { return p.Name == name })
}

func describeL3(before, after []L3Interface) []string {
	var lines []string
	old := map[int]L3Interface{}
	for _, l := range before {
		old[l.Ifindex] = l
	}
	for _, l := range after {
		was, had := old[l.Ifindex]
		switch {
		case !had:
			lines = append(lines, "+ L3 interface "+l.Name)
		case !reflect.DeepEqual(was, l):
			lines = append(lines, "~ L3 interface "+l.Name)
		}
		delete(old, l.Ifindex)
	}
	for _, l := range old {
		lines = append(lines, "- L3 interface "+l.Name)
	}
	slices.Sort(lines)
	return lines
}

// mostListed is how many prefixes are named one by one.
const mostListed = 10

func describeClass(before, after map[netip.Prefix]Class, changed []netip.Prefix, bit Class, name string) []string {
	var added, removed []netip.Prefix
	for _, p := range changed {
		switch was, is := before[p]&bit != 0, after[p]&bit != 0; {
		case is && !was:
			added = append(added, p)
		case was && !is:
			removed = append(removed, p)
		}
	}
	return append(listPrefixes("+ "+name, added), listPrefixes("- "+name, removed)...)
}

func listPrefixes(what string, prefixes []netip.Prefix) []string {
	if len(prefixes) == 0 {
		return nil
	}
	if len(prefixes) > mostListed {
		return []string{fmt.Sprintf("%s: %d prefixes", what, len(prefixes))}
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	var names []string
	for _, p := range prefixes {
		names = append(names, p.String())
	}
	return []string{what + " " + strings.Join(names, " ")}
}
