// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// prefixAt is a masked prefix and where it is written.
type prefixAt = item[netip.Prefix]

// prefixes checks a list. Each prefix is in the result once, in the order of
// the text.
func (v *validator) prefixes(path string, list []item[string]) []prefixAt {
	first := make(map[netip.Prefix]int, len(list)) // → line
	out := make([]prefixAt, 0, len(list))
	for _, text := range list {
		p, ok := v.prefix(path, text)
		if !ok {
			continue
		}
		if line, twice := first[p]; twice {
			v.warnf(text.place, "%s has %s on line %d already", path, p, line)
			continue
		}
		first[p] = text.line
		out = append(out, prefixAt{text.place, p})
	}
	return out
}

// prefix parses one prefix and masks it.
func (v *validator) prefix(path string, text item[string]) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text.value)
	if err != nil {
		v.errorf(text.place, "%s: %s is no prefix%s", path, quote(text.value), prefixHint(text.value))
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		v.errorf(text.place, "%s: %s is IPv4 written as IPv6; write it as IPv4", path, quote(text.value))
		return netip.Prefix{}, false
	}
	masked := p.Masked()
	if masked != p {
		v.warnf(text.place, "%s has bits beyond its length; it is taken as %s", p, masked)
	}
	return masked, true
}

// prefixHint says what a text that is no prefix lacks.
func prefixHint(text string) string {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return "; for the one address write " + netip.PrefixFrom(a, a.BitLen()).String()
	}
	address, length, _ := strings.Cut(text, "/")
	switch a, err := netip.ParseAddr(address); {
	case err != nil:
		return "; it needs an address and a length, as in 192.0.2.0/24 or 2001:db8::/32"
	case a.Zone() != "":
		return "; a prefix has no zone"
	case a.Is4():
		return "; the length " + quote(length) + " must be from 0 to 32"
	default:
		return "; the length " + quote(length) + " must be from 0 to 128"
	}
}

// overlaps reports blocks that take all of an allow away, and blocks that
// touch none.
func (v *validator) overlaps(allow, block []prefixAt) {
	sorted := slices.SortedFunc(slices.Values(allow), func(a, b prefixAt) int {
		return a.value.Compare(b.value)
	})
	outer := outermost(sorted)
	for _, b := range block {
		if inside := within(sorted, b.value); len(inside) > 0 {
			more := ""
			if len(inside) > 1 {
				more = fmt.Sprintf(" and %d more", len(inside)-1)
			}
			a := slices.MinFunc(inside, func(a, b prefixAt) int { return cmp.Compare(a.line, b.line) })
			v.errorf(b.place, "block %s swallows allow %s on line %d%s; take one of them out",
				b.value, a.value, a.line, more)
			continue
		}
		if v.errors > 0 || containing(outer, b.value) { // with errors, an allow may be missing
			continue
		}
		if slices.ContainsFunc(outer, func(a prefixAt) bool { return a.value.Addr().Is4() == b.value.Addr().Is4() }) {
			v.warnf(b.place, "block %s overlaps nothing in forward.allow; it drops only packets that an allowed source sends there", b.value)
		} else {
			v.warnf(b.place, "block %s has no effect: forward.allow has no prefix of its family", b.value)
		}
	}
}

// outermost leaves out of a sorted list what lies inside another of its
// prefixes.
func outermost(sorted []prefixAt) []prefixAt {
	var out []prefixAt
	for _, a := range sorted {
		if len(out) == 0 || !out[len(out)-1].value.Contains(a.value.Addr()) {
			out = append(out, a)
		}
	}
	return out
}

// within returns the part of a sorted list that p contains or equals. It is
// one run: prefixes sort by address, the shorter first.
func within(sorted []prefixAt, p netip.Prefix) []prefixAt {
	from := sort.Search(len(sorted), func(i int) bool { return sorted[i].value.Compare(p) >= 0 })
	run := sorted[from:]
	return run[:sort.Search(len(run), func(i int) bool { return !p.Contains(run[i].value.Addr()) })]
}

// containing tells whether one of the prefixes, sorted and disjoint, contains
// p, which contains none of them.
func containing(outer []prefixAt, p netip.Prefix) bool {
	after := sort.Search(len(outer), func(i int) bool { return outer[i].value.Compare(p) > 0 })
	return after > 0 && outer[after-1].value.Contains(p.Addr())
}

func bare[T any](list []item[T]) []T {
	out := make([]T, len(list))
	for i, value := range list {
		out[i] = value.value
	}
	return out
}
