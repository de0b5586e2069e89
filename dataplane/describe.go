// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"iter"
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
	for was, is := range paired(before, after, func(r PuntRule) string { return r.Name }) {
		switch {
		case was == nil:
			lines = append(lines, fmt.Sprintf("+ punt rule %s (%v)", is.Name, is.claim()))
		case is == nil:
			lines = append(lines, "- punt rule "+was.Name)
		case *was != *is:
			lines = append(lines, fmt.Sprintf("~ punt rule %s: %v, was %v", is.Name, is.claim(), was.claim()))
		}
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
	for was, is := range paired(before, after, func(p Port) string { return p.Name }) {
		if is == nil {
			lines = append(lines, "- port "+was.Name)
			continue
		}
		if was != nil && *was == *is {
			continue
		}
		mode := is.Mode
		if l := links[is.Name]; l != nil { // not so before it is attached
			mode = l.Mode
		}
		mark := "+"
		if was != nil {
			mark = "~"
		}
		lines = append(lines, fmt.Sprintf("%s port %s (%s)", mark, is.Name, mode))
	}
	return lines
}

func describeL3(before, after []L3Interface) []string {
	var lines []string
	for was, is := range paired(before, after, func(l L3Interface) int { return l.Ifindex }) {
		switch {
		case was == nil:
			lines = append(lines, "+ L3 interface "+is.Name)
		case is == nil:
			lines = append(lines, "- L3 interface "+was.Name)
		case !reflect.DeepEqual(*was, *is):
			lines = append(lines, "~ L3 interface "+is.Name)
		}
	}
	slices.Sort(lines)
	return lines
}

// paired goes through two lists by key: what is in after, with what was in before
// or nil; then what is no longer there, with nil.
func paired[T any, K comparable](before, after []T, key func(T) K) iter.Seq2[*T, *T] {
	return func(yield func(was, is *T) bool) {
		left := make(map[K]*T, len(before))
		for i := range before {
			left[key(before[i])] = &before[i]
		}
		for i := range after {
			k := key(after[i])
			if !yield(left[k], &after[i]) {
				return
			}
			delete(left, k)
		}
		for i := range before {
			if was := &before[i]; left[key(*was)] == was && !yield(was, nil) {
				return
			}
		}
	}
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
