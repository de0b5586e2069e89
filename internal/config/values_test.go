// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	runtime := func(text string) string { return eth0 + "forward: {allow: [::/0]}\nruntime: {" + text + "}\n" }
	limits := func(text string) string { return eth0 + "forward: {allow: [::/0]}\nlimits: {" + text + "}\n" }
	forward := func(text string) string { return eth0 + "forward: {allow: [::/0], " + text + "}\n" }
	const badMetrics = "runtime.metrics must be an IP address and a port, as in 127.0.0.1:9450, or off; not "
	const badName = " can't be the name of an interface: 1 to 15 bytes, no space, slash or colon"
	for _, r := range []row{
		{"bad relative paths", runtime("bpffs: a/b, socket: x.sock"), []string{
			`3:18: runtime.bpffs must be an absolute path, not "a/b"`,
			`3:31: runtime.socket must be an absolute path, not "x.sock"`}},
		{"bad unclean paths", runtime("bpffs: /a/../b, socket: /run//x/"), []string{
			`3:18: runtime.bpffs must be written as "/b", not "/a/../b"`,
			`3:35: runtime.socket must be written as "/run/x", not "/run//x/"`}},
		{"bad paths", runtime(`bpffs: /, socket: "/a\0b"`), []string{
			"3:18: runtime.bpffs can't be the root directory",
			`3:29: runtime.socket "/a\x00b" holds a control character`}},
		{"bad empty path", runtime(`bpffs: ""`), []string{`3:18: runtime.bpffs must be an absolute path, not ""`}},
		{"bad long socket", runtime("socket: /" + strings.Repeat("x", 107)), []string{
			"3:19: runtime.socket has 108 bytes; the kernel takes at most 107"}},
		{"OK longest socket", runtime("socket: /" + strings.Repeat("x", 106)), nil},
		{"bad metrics host", runtime("metrics: localhost:9450"), []string{"3:20: " + badMetrics + `"localhost:9450"`}},
		{"bad metrics without port", runtime("metrics: 127.0.0.1"), []string{"3:20: " + badMetrics + `"127.0.0.1"`}},
		{"bad metrics port 0", runtime("metrics: 127.0.0.1:0"), []string{"3:20: " + badMetrics + `"127.0.0.1:0"`}},
		{"bad metrics port 65536", runtime("metrics: 127.0.0.1:65536"), []string{"3:20: " + badMetrics + `"127.0.0.1:65536"`}},
		{"bad metrics all addresses", runtime(`metrics: ":9450"`), []string{"3:20: " + badMetrics + `":9450"`}},
		{"bad metrics on", runtime("metrics: on"), []string{"3:20: " + badMetrics + `"on"`}},
		{"bad log", runtime("log: INFO"), []string{
			`3:16: runtime.log must be one of debug, info, warn, error; not "INFO"`}},

		{"bad interface names", "interfaces: [{name: ''}, {name: .}, {name: ..}, {name: a/b}, {name: 'a:b'}, {name: a b}, {name: sixteen-bytes-ab}, {name: \"a\\e\"}]\n", []string{
			`1:21: interfaces[].name ""` + badName, `1:33: interfaces[].name "."` + badName,
			`1:44: interfaces[].name ".."` + badName, `1:56: interfaces[].name "a/b"` + badName,
			`1:69: interfaces[].name "a:b"` + badName, `1:84: interfaces[].name "a b"` + badName,
			`1:97: interfaces[].name "sixteen-bytes-ab"` + badName, `1:123: interfaces[].name "a\x1b"` + badName}},
		{"OK interface names", "interfaces: [{name: fifteen-bytes-a}, {name: eth0.100}, {name: 10}, {name: true}, {name: é}]\nforward: {allow: [::/0]}\n", nil},
		{"bad mode", "interfaces: [{name: a, mode: fast}, {name: b, mode: Native}]\n", []string{
			`1:30: interfaces[].mode must be one of auto, native, generic; not "fast"`,
			`1:53: interfaces[].mode must be one of auto, native, generic; not "Native"`}},
		{"bad duplicate interface", "interfaces:\n- name: a\n- name: b\n- name: a\n", []string{
			`4:9: interface "a" is on line 2 already`}},
		{"bad booleans", "interfaces: [{name: a, allow-partial-checksum: 1}]\nforward: {dry-run: yes, hairpin: \"true\"}\n", []string{
			`1:48: interfaces[].allow-partial-checksum must be true or false, not "1"`,
			`2:20: forward.dry-run must be true or false, not "yes"`,
			`2:34: forward.hairpin must be true or false, not "true"`}},
		{"bad fib", forward("fib: mine"), []string{`2:31: forward.fib must be one of kernel, own, compare; not "mine"`}},
		{"bad fib own", forward("fib: own"), []string{"2:31: forward.fib: own is not built yet; use kernel"}},
		{"bad fib compare", forward("fib: compare"), []string{"2:31: forward.fib: compare is not built yet; use kernel"}},

		{"bad MSS", forward("mss-clamp: [{mss: 87}, {mss: 65496, egress: a}, {mss: -1}]"), []string{
			"2:44: forward.mss-clamp[].mss must be from 88 to 65495",
			"2:55: forward.mss-clamp[].mss must be from 88 to 65495",
			"2:80: forward.mss-clamp[].mss must be from 88 to 65495"}},
		{"OK MSS ends of the range", forward("mss-clamp: [{mss: 88}, {mss: 65495, egress: a}]"), nil},
		{"bad MSS egress and prefix", forward("mss-clamp: [{mss: 1300, egress: a/b, prefix: x}]"), []string{
			`2:58: forward.mss-clamp[].egress "a/b"` + badName,
			`2:71: forward.mss-clamp[].prefix: "x" is no prefix; it needs an address and a length, as in 192.0.2.0/24 or 2001:db8::/32`}},
		{"bad MSS rules that collide", forward("mss-clamp: [\n {mss: 1300}, {mss: 1400},\n {mss: 1, egress: a}, {mss: 1300, egress: a, prefix: 10.0.0.0/8},\n {mss: 1400, egress: a, prefix: 10.1.0.0/8}]"), []string{
			"3:15: the mss-clamp on line 3 has the same egress and prefix; only one can hold",
			"4:8: forward.mss-clamp[].mss must be from 88 to 65495",
			"5:2: the mss-clamp on line 4 has the same egress and prefix; only one can hold",
			"5:33: warning: 10.1.0.0/8 has bits beyond its length; it is taken as 10.0.0.0/8"}},
		{"OK as many MSS rules as one address can have", forward("mss-clamp: [" + clamps(31) + "{mss: 1300, prefix: 10.0.0.0/8},\n {mss: 1300, prefix: 11.0.0.0/8}]"), nil},
		{"bad more MSS rules than one address can have", forward("mss-clamp: [" + clamps(31) + "{mss: 1300, prefix: 10.0.0.0/8},\n {mss: 1300, prefix: 10.0.0.0/9}]"), []string{
			"3:2: 33 rules of mss-clamp apply to the same addresses; at most 32 can"}},
		{"bad MSS rule with a typo collides with none", forward("mss-clamp: [{mss: 1300}, {mss: 1200, egres: a}]"), []string{
			`2:63: unknown key "egres"; did you mean "egress"?`}},

		{"bad limits below", limits("allow: 0, interfaces: 0, l3-interfaces: 0, ifindex: 0"), []string{
			"3:17: limits.allow must be from 1 to 4000000", "3:32: limits.interfaces must be from 1 to 4096",
			"3:50: limits.l3-interfaces must be from 1 to 65535", "3:62: limits.ifindex must be from 1 to 16777215"}},
		{"bad limits above", limits("allow: 4000001, interfaces: 4097, l3-interfaces: 65536, ifindex: 16777216"), []string{
			"3:17: limits.allow must be from 1 to 4000000", "3:38: limits.interfaces must be from 1 to 4096",
			"3:59: limits.l3-interfaces must be from 1 to 65535", "3:75: limits.ifindex must be from 1 to 16777215"}},
		{"OK limits at the ends", limits("allow: 4000000, interfaces: 4096, l3-interfaces: 1, ifindex: 16777215"), nil},
		{"bad numbers", limits(`allow: 1e3, interfaces: "64", l3-interfaces: many, ifindex: 0x10`), []string{
			`3:17: limits.allow must be a whole number, not "1e3"`, `3:34: limits.interfaces must be a whole number, not "64"`,
			`3:55: limits.l3-interfaces must be a whole number, not "many"`, `3:70: limits.ifindex must be a whole number, not "0x10"`}},
		{"bad number beyond 64 bits", limits("allow: 99999999999999999999"), []string{
			"3:17: limits.allow must be from 1 to 4000000"}},
		{"bad more interfaces than the limit", "interfaces: [{name: a}, {name: b},\n {name: c}]\nlimits: {interfaces: 1}\n", []string{
			"1:32: 3 interfaces, but limits.interfaces is 1; raise it to at least 3"}},
		{"OK as many interfaces as the limit", "interfaces: [{name: a}]\nlimits: {interfaces: 1}\nforward: {allow: [::/0]}", nil},
	} {
		t.Run(r.name, r.run)
	}
}

// clamps are n rules for all addresses, each with an egress of its own.
func clamps(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{mss: 1300, egress: e%d}, ", i)
	}
	return b.String()
}
