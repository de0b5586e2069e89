// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse holds what must be true of every text: no panic, a config or
// errors but never both, places inside the text, and a sound config.
func FuzzParse(f *testing.F) {
	f.Add(Reference)
	f.Add([]byte(machineText))
	for _, text := range []string{
		"", "a: &a [*a]", "{{{{", "? [a]\n: b", "---\n---\n", "%YAML 9.0\n---\n", "a: |\n b\n", "\ufeff- !!int x", "runtime: {log: [\ninterfaces: [}\r",
		"interfaces: [{name: a}]\nforward: {allow: [0.0.0.0/0, ::/0], block: [1.2.3.4/31]}\nlimits: {allow: 1}\nruntime: {metrics: off}\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := slices.Clone(data)
		c, problems := Parse(data)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
		if (c == nil) != problems.HasErrors() {
			t.Fatalf("config %t, but %s", c != nil, problems.Error())
		}
		lines := 1 + bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r"))
		for _, p := range problems {
			whole := strings.HasSuffix(p.Message, "are not shown")
			if p.Line < 1 && !whole || p.Line > lines+1 || p.Caret > utf8.RuneCountInString(p.Text) || p.Message == "" {
				t.Fatalf("of %d lines: %+v", lines, p)
			}
		}
		if text := problems.Error(); !utf8.ValidString(text) {
			t.Fatalf("not UTF-8: %q", text)
		}
		none := func(string) bool { return false }
		if _, all := Check(data, none); len(all) < len(problems) {
			t.Fatalf("Check finds less: %s", all.Error())
		}
		if c != nil {
			checkSound(t, c)
		}
	})
}

func checkSound(t *testing.T, c *Config) {
	if len(c.Interfaces) == 0 || len(c.Interfaces) > c.Limits.Interfaces || len(c.Forward.Allow)+len(c.Forward.Block) > c.Limits.Allow {
		t.Fatalf("limits: %+v", c)
	}
	for _, p := range slices.Concat(c.Forward.Allow, c.Forward.Block) {
		if p != p.Masked() {
			t.Fatalf("prefix %v", p)
		}
	}
	for _, b := range c.Forward.Block {
		for _, a := range c.Forward.Allow {
			if b.Bits() <= a.Bits() && b.Overlaps(a) {
				t.Fatalf("block %v, allow %v", b, a)
			}
		}
	}
	for _, m := range c.Forward.MSSClamp {
		if m.MSS < 88 || m.MSS > 65495 {
			t.Fatalf("MSS %d", m.MSS)
		}
	}
}
