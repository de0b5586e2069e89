// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clearway/internal/testkit"
)

func TestPrefixes(t *testing.T) {
	forward := func(lines ...string) string { return eth0 + "forward:\n  " + strings.Join(lines, "\n  ") + "\n" }
	const lacks = "; it needs an address and a length, as in 192.0.2.0/24 or 2001:db8::/32"
	const onlySource = " overlaps nothing in forward.allow; it drops only packets that an allowed source sends there"
	for _, r := range []row{
		{"bad prefixes", forward("allow: [10.0.0.1, '2001:db8::1', x, '', 10.0.0/8, 010.0.0.0/8, 10.0.0.0/33]",
			"block: ['2001:db8::/129', 10.0.0.0/, 10.0.0.0/-1, 'fe80::%eth0/64', 'fe80::1%eth0', '::ffff:10.0.0.0/104']"), []string{
			`3:11: forward.allow: "10.0.0.1" is no prefix; for the one address write 10.0.0.1/32`,
			`3:21: forward.allow: "2001:db8::1" is no prefix; for the one address write 2001:db8::1/128`,
			`3:36: forward.allow: "x" is no prefix` + lacks,
			`3:39: forward.allow: "" is no prefix` + lacks,
			`3:43: forward.allow: "10.0.0/8" is no prefix` + lacks,
			`3:53: forward.allow: "010.0.0.0/8" is no prefix` + lacks,
			`3:66: forward.allow: "10.0.0.0/33" is no prefix; the length "33" must be from 0 to 32`,
			`4:11: forward.block: "2001:db8::/129" is no prefix; the length "129" must be from 0 to 128`,
			`4:29: forward.block: "10.0.0.0/" is no prefix; the length "" must be from 0 to 32`,
			`4:40: forward.block: "10.0.0.0/-1" is no prefix; the length "-1" must be from 0 to 32`,
			`4:53: forward.block: "fe80::%eth0/64" is no prefix; a prefix has no zone`,
			`4:71: forward.block: "fe80::1%eth0" is no prefix; a prefix has no zone`,
			`4:87: forward.block: "::ffff:10.0.0.0/104" is IPv4 written as IPv6; write it as IPv4`}},
		{"OK unaligned and twice", forward("allow: [10.1.2.3/8, 10.0.0.0/8, '2001:db8::1/32', 2001:DB8::/32]"), []string{
			"3:11: warning: 10.1.2.3/8 has bits beyond its length; it is taken as 10.0.0.0/8",
			"3:23: warning: forward.allow has 10.0.0.0/8 on line 3 already",
			"3:35: warning: 2001:db8::1/32 has bits beyond its length; it is taken as 2001:db8::/32",
			"3:53: warning: forward.allow has 2001:db8::/32 on line 3 already"}},
		{"OK nested in one list", forward("allow: [10.0.0.0/8, 10.1.0.0/16]"), nil},
		{"OK block inside an allow", forward("allow: [10.0.0.0/8, ::/0]", "block: [10.1.0.0/16, 10.0.0.0/9, fd00::/8]"), nil},
		{"bad block equals an allow", forward("block: [10.0.0.0/8]", "allow:", "- 11.0.0.0/8", "- 10.0.0.0/8"), []string{
			"3:11: block 10.0.0.0/8 swallows allow 10.0.0.0/8 on line 6; take one of them out"}},
		{"bad block contains allows", forward("allow:", "- 10.2.0.0/16", "- 10.1.0.0/16", "- 11.0.0.0/8", "block: [10.0.0.0/8]"), []string{
			"7:11: block 10.0.0.0/8 swallows allow 10.2.0.0/16 on line 4 and 1 more; take one of them out"}},
		{"bad block of everything", forward("allow: [10.0.0.0/8, fd00::/8]", "block: [0.0.0.0/0, ::/0]"), []string{
			"4:11: block 0.0.0.0/0 swallows allow 10.0.0.0/8 on line 3; take one of them out",
			"4:22: block ::/0 swallows allow fd00::/8 on line 3; take one of them out"}},
		{"bad block of an allow inside another", forward("allow: [10.0.0.0/8, 10.1.0.0/16]", "block: [10.1.0.0/16]"), []string{
			"4:11: block 10.1.0.0/16 swallows allow 10.1.0.0/16 on line 3; take one of them out"}},
		{"OK block beside all allows", forward("allow: [10.0.0.0/8]", "block: [11.0.0.0/8, 9.255.255.255/32, fd00::/8]"), []string{
			"4:11: warning: block 11.0.0.0/8" + onlySource,
			"4:23: warning: block 9.255.255.255/32" + onlySource,
			"4:41: warning: block fd00::/8 has no effect: forward.allow has no prefix of its family"}},
		{"OK no allow", forward("block: [10.0.0.0/8]"), []string{
			"2:1: " + emptyAllow,
			"3:11: warning: block 10.0.0.0/8 has no effect: forward.allow has no prefix of its family"}},
		{"OK empty allow", forward("allow: []"), []string{"2:1: " + emptyAllow}},
		{"bad allow is not called empty", forward("allow: [x]", "block: [11.0.0.0/8]"), []string{
			`3:11: forward.allow: "x" is no prefix` + lacks}},
		{"bad more prefixes than the limit", forward("allow: [10.0.0.0/8, 11.0.0.0/8]", "block: [10.1.0.0/16]") + "limits:\n  allow: 2\n", []string{
			"6:10: forward.allow and forward.block hold 3 prefixes, but limits.allow is 2; raise it to at least 3"}},
		{"OK as many prefixes as the limit", forward("allow: [10.0.0.0/8, 10.0.0.0/8]", "block: [10.1.0.0/16]") + "limits:\n  allow: 2\n", []string{
			"3:23: warning: forward.allow has 10.0.0.0/8 on line 3 already"}},
		{"bad limit measures nothing", forward("allow: [10.0.0.0/8, 11.0.0.0/8]") + "limits: {allow: 1, allow: 2}\n", []string{
			`4:20: duplicate key "allow"; it is on line 4 already`}},
	} {
		t.Run(r.name, r.run)
	}
}

func TestDefaultLimitIsExceeded(t *testing.T) {
	text := eth0 + "forward: {allow: [" + strings.Join(manyPrefixes(65537), ", ") + "]}\n"
	_, problems := Parse([]byte(text))
	want := []string{"2:1: forward.allow and forward.block hold 65537 prefixes, but limits.allow is 65536; raise it to at least 65537"}
	if diff := cmp.Diff(want, short(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	// The limits of a section that can't be read are not known.
	_, problems = Parse([]byte(text + "limits: {allow: 100000\n"))
	if got := short(problems); len(got) != 1 || !strings.HasPrefix(got[0], "3:9: YAML syntax: ") {
		t.Errorf("problems: %q", got)
	}
}

func manyPrefixes(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255))
	}
	return all
}

// TestOverlapsAgreeWithOracle compares the sorted searches with a look at each
// pair, on few addresses so that prefixes meet.
func TestOverlapsAgreeWithOracle(t *testing.T) {
	rng := testkit.Rand(t)
	some := func() []prefixAt {
		var list []prefixAt
		seen := map[netip.Prefix]bool{}
		for range rng.IntN(12) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(4)) << 6, byte(rng.IntN(4)) << 6})
			if rng.IntN(3) == 0 {
				a = netip.AddrFrom16([16]byte{0xfd, 14: byte(rng.IntN(4)) << 6, 15: byte(rng.IntN(4)) << 6})
			}
			p := netip.PrefixFrom(a, rng.IntN(a.BitLen()+1))
			if rng.IntN(2) == 0 {
				p = netip.PrefixFrom(a, a.BitLen()-rng.IntN(17))
			}
			if p = p.Masked(); !seen[p] {
				seen[p] = true
				list = append(list, prefixAt{place{line: len(list) + 1}, p})
			}
		}
		return list
	}
	kinds := map[string]int{}
	for range 20000 {
		allow, block := some(), some()
		for _, b := range block {
			v := validator{report: &report{}}
			v.overlaps(allow, []prefixAt{b})
			got := "fine"
			if len(v.problems) > 0 {
				got = v.problems[0].Message
			}
			kind, want := oracleOverlap(allow, b.value)
			if kinds[kind]++; got != want {
				t.Fatalf("allow %v, block %v: got %q, want %q", bare(allow), b.value, got, want)
			}
		}
	}
	for _, kind := range []string{"swallows", "inside", "beside", "family"} {
		if kinds[kind] < 100 {
			t.Errorf("%q came up %d times only", kind, kinds[kind])
		}
	}
}

func oracleOverlap(allow []prefixAt, b netip.Prefix) (kind, message string) {
	var swallowed []prefixAt
	overlaps, family := false, false
	for _, a := range allow {
		overlaps = overlaps || a.value.Overlaps(b)
		family = family || a.value.Addr().BitLen() == b.Addr().BitLen()
		if a.value.Overlaps(b) && b.Bits() <= a.value.Bits() {
			swallowed = append(swallowed, a)
		}
	}
	switch {
	case len(swallowed) > 0:
		more := ""
		if n := len(swallowed) - 1; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		return "swallows", fmt.Sprintf("block %s swallows allow %s on line %d%s; take one of them out",
			b, swallowed[0].value, swallowed[0].line, more)
	case overlaps:
		return "inside", "fine"
	case family:
		return "beside", fmt.Sprintf("block %s overlaps nothing in forward.allow; it drops only packets that an allowed source sends there", b)
	}
	return "family", fmt.Sprintf("block %s has no effect: forward.allow has no prefix of its family", b)
}
