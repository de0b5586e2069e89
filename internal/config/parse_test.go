// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eth0 is the least that a config needs.
const eth0 = "interfaces: [{name: eth0}]\n"

// short prints problems as "line:column: message".
func short(problems Problems) []string {
	var lines []string
	for _, p := range problems {
		line := fmt.Sprintf("%d:%d: ", p.Line, p.Column)
		if p.Warning {
			line += "warning: "
		}
		lines = append(lines, line+p.Message)
	}
	return lines
}

// checkPlaces holds each problem against the text it is about.
func checkPlaces(t *testing.T, text string, problems Problems) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) {
			t.Errorf("line %d of %d: %s", p.Line, len(lines), p.Message)
		} else if p.Text != strings.TrimSuffix(lines[p.Line-1], "\r") || p.Caret != p.Column-1 {
			t.Errorf("line %d, column %d: shows %q with the caret after %d", p.Line, p.Column, p.Text, p.Caret)
		}
	}
}

// row is a text and the problems it must give, all of them.
type row struct {
	name, text string
	want       []string
}

func (r row) run(t *testing.T) {
	c, problems := Parse([]byte(r.text))
	if diff := cmp.Diff(r.want, short(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	checkPlaces(t, r.text, problems)
	isBad := strings.HasPrefix(r.name, "bad")
	if (c == nil) != isBad || problems.HasErrors() != isBad {
		t.Errorf("config %v, errors %t", c != nil, problems.HasErrors())
	}
}

const emptyAllow = "warning: forward.allow is empty: every packet is left to Linux"

func TestSyntax(t *testing.T) {
	for _, r := range []row{
		{"bad empty file", "", []string{"1:1: interfaces is missing"}},
		{"bad comment only", "# nothing\n", []string{"1:1: interfaces is missing"}},
		{"bad null document", "---\n", []string{"2:1: interfaces is missing"}},
		{"bad list at the top", "- a\n", []string{
			"1:1: the top level must be a mapping of keys to values, not a list"}},
		{"bad text at the top", "eth0\n", []string{
			`1:1: the top level must be a mapping of keys to values, not "eth0"`}},
		{"bad two documents", eth0 + "---\na: 1\n", []string{"2:1: a second YAML document; a config is one"}},
		{"bad open flow sequence", "interfaces: [{name: eth0}\nforward:\n  hairpin: 1\n", []string{
			"1:13: YAML syntax: did not find expected ',' or ']' while parsing a flow sequence that begins here",
			`3:12: forward.hairpin must be true or false, not "1"`}},
		{"bad open quote", "interfaces: [{name: \"eth0}]\n", []string{
			"1:21: YAML syntax: found unexpected end of stream while scanning a quoted scalar that begins here"}},
		{"bad value ends too early", eth0 + "runtime: {log: [\n", []string{
			"2:1: YAML syntax: did not find expected node content; what begins here ends too early"}},
		{"bad tab", eth0 + "forward:\n\tallow: [10.0.0.0/8]\n", []string{
			"3:1: YAML syntax: found character that cannot start any token; YAML is indented with spaces, this line with a tab"}},
		{"bad line without a colon", eth0 + "forward:\n  hairpin: true\n  allow\n", []string{
			"4:3: YAML syntax: could not find expected ':' while scanning a simple key that begins here"}},
		{"bad colon twice", eth0 + "runtime:\n  log: info: debug\n", []string{
			"3:12: YAML syntax: mapping values are not allowed in this context"}},
		{"bad syntax in two sections, values in others",
			"interfaces: [}\nforward:\n  allow: {\nruntime:\n  log: loud\nlimits: {allow: 0}\n", []string{
				"1:14: YAML syntax: did not find expected node content",
				"2:1: YAML syntax: did not find expected node content; what begins here ends too early",
				`5:8: runtime.log must be one of debug, info, warn, error; not "loud"`,
				"6:17: limits.allow must be from 1 to 4000000"}},
		{"bad syntax before the first section", "]\n" + eth0 + "punt: {}\n", []string{
			"1:1: YAML syntax: did not find expected node content", "3:7: punt must be a list, not a mapping"}},
		{"bad text before a broken section", "stray\n" + eth0 + "forward: [\n", []string{
			`1:1: "stray" stands outside any section`,
			"3:1: YAML syntax: did not find expected node content; what begins here ends too early"}},
		{"bad section again belongs to the one before", eth0 + "runtime: {log: loud}\nruntime: {]\n", []string{
			"3:11: YAML syntax: did not find expected node content"}},
		{"bad sections that don't fit together", " runtime: {}\n" + eth0, []string{
			"2:1: YAML syntax: did not find expected <document start>"}},
		{"bad CR LF lines are counted once", "interfaces:\r\n- name: eth0\r\n  mod: auto\r\n", []string{
			`3:3: unknown key "mod"; did you mean "mode"?`}},
		{"bad column counts characters, not bytes", "interfaces: [{name: eth0}, {größe: 1, name: eth1}]\n", []string{
			`1:29: unknown key "größe"; interfaces[] has allow-partial-checksum, mode, name`}},
		{"bad alias", eth0 + "forward: &f {}\nruntime: *f\n", []string{
			`3:10: runtime must be a mapping of keys to values, not the alias "*f" (aliases are not read: write the value out)`}},
		{"bad alias in itself", eth0 + "forward: &f {allow: [*f]}\n", []string{
			`2:22: forward.allow[] must be a single value, not the alias "*f" (aliases are not read: write the value out)`}},
		{"bad alias to nothing", eth0 + "runtime: *f\n", []string{"2:10: YAML syntax: unknown anchor 'f' referenced"}},
		{"bad merge", eth0 + "runtime: {<<: {log: info}}\n", []string{
			"2:11: a key must be a plain word, not a merge (<<)"}},
		{"bad key that is a list", eth0 + "runtime: {[a]: b}\n", []string{
			"2:11: a key must be a plain word, not a list"}},
		{"bad tag", eth0 + "runtime: {log: !level info}\n", []string{
			`2:16: runtime.log has the tag "!level"; write the value without one`}},
		{"OK sections without content", eth0 + "runtime:\nforward:\npunt:\nlimits:\n", []string{"3:1: " + emptyAllow}},
		{"OK document start and comments", "# a\n---\n" + eth0 + "# b\n...\n", []string{"3:1: " + emptyAllow}},
	} {
		t.Run(r.name, r.run)
	}
}

func TestShape(t *testing.T) {
	for _, r := range []row{
		{"bad unknown sections", "interface: [{name: eth0}]\nfirewall: {}\n", []string{
			`1:1: unknown key "interface"; did you mean "interfaces"?`,
			`2:1: unknown key "firewall"; the top level has balance, forward, interfaces, limits, punt, runtime`}},
		{"bad unknown keys", eth0 + "forward:\n  alow: []\n  dry_run: true\n  MSS-Clamp: []\n  allow: []\n", []string{
			`3:3: unknown key "alow"; did you mean "allow"?`,
			`4:3: unknown key "dry_run"; did you mean "dry-run"?`,
			`5:3: unknown key "MSS-Clamp"; did you mean "mss-clamp"?`}},
		{"bad misspelt required keys", "interfaces: [{nam: eth0}, {mod: auto}]\n", []string{
			`1:15: unknown key "nam"; did you mean "name"?`,
			"1:27: interfaces[].name is missing",
			`1:28: unknown key "mod"; did you mean "mode"?`}},
		{"bad key of another section", eth0 + "runtime: {hairpin: true}\n", []string{
			`2:11: unknown key "hairpin"; runtime has bpffs, log, metrics, socket`}},
		{"bad duplicate keys", eth0 + "runtime: {log: info, log: debug, log: warn}\nruntime: {}\n", []string{
			`2:22: duplicate key "log"; it is on line 2 already`,
			`2:34: duplicate key "log"; it is on line 2 already`,
			`3:1: duplicate key "runtime"; it is on line 2 already`}},
		{"bad kinds", "interfaces: eth0\nruntime: []\nforward: {allow: 10.0.0.0/8, block: {}, mss-clamp: {mss: 1}, fib: []}\nlimits: 7\n", []string{
			`1:13: interfaces must be a list, not "eth0"`,
			"2:10: runtime must be a mapping of keys to values, not a list",
			`3:18: forward.allow must be a list, not "10.0.0.0/8"`,
			"3:37: forward.block must be a list, not a mapping",
			"3:52: forward.mss-clamp must be a list, not a mapping",
			"3:67: forward.fib must be a single value, not a list",
			`4:9: limits must be a mapping of keys to values, not "7"`}},
		{"bad elements", "interfaces: [eth0, ~, {mode: auto}]\nforward: {allow: [~, [10.0.0.0/8]], mss-clamp: [1300, {egress: eth0}]}\n", []string{
			`1:14: interfaces[] must be a mapping of keys to values, not "eth0"`,
			"1:20: interfaces[].name is missing",
			"1:23: interfaces[].name is missing",
			"2:19: forward.allow[] has no value",
			"2:22: forward.allow[] must be a single value, not a list",
			`2:49: forward.mss-clamp[] must be a mapping of keys to values, not "1300"`,
			"2:55: forward.mss-clamp[].mss is missing"}},
		{"bad nulls", "interfaces:\n- name:\n  allow-partial-checksum:\nruntime: {log: , socket: ~}\nlimits: {allow: null}\n", []string{
			"2:8: interfaces[].name has no value",
			"3:26: interfaces[].allow-partial-checksum has no value",
			"4:16: runtime.log has no value",
			"4:26: runtime.socket has no value",
			"5:17: limits.allow has no value"}},
		{"bad empty interfaces", "interfaces: []\n", []string{"1:13: interfaces is empty; name at least one"}},
		{"bad null interfaces", "interfaces:\n", []string{"1:12: interfaces is empty; name at least one"}},
	} {
		t.Run(r.name, r.run)
	}
}
