// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"clearway/dataplane"
	"clearway/maglev"
)

// FuzzParse holds what must be true of every text: no panic, a config or
// errors but never both, places inside the text, and a sound config.
func FuzzParse(f *testing.F) {
	f.Add(Reference)
	f.Add([]byte(machineText))
	f.Add([]byte(services(serviceText(), serviceText("name", "b", "mode", "l2", "tracking", "always", "ports", "any", "health", "{type: https, port: 1, timeout: 1m}"))))
	f.Add([]byte(service("table-size", "251", "settle", "1h", "backends", "[{address: '2001:db8::1', weight: 0}, {address: 10.0.0.1}]") + "limits: {services: 1, backends: 1}\n"))
	f.Add([]byte(services(serviceText()) + puntText("", "name: b, port: any", "name: c, address: 192.0.2.1, protocol: tcp, port: 80")))
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
			checkBalance(t, c)
			checkPunt(t, c)
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

func checkBalance(t *testing.T, c *Config) {
	backends := 0
	names := map[string]bool{}
	for _, s := range c.Balance.Services {
		backends += len(s.Backends)
		if s.Name == "" || len(s.Name) > 63 || names[s.Name] || notUnicast(s.Address) != "" || !s.Address.IsValid() {
			t.Fatalf("service %+v", s)
		}
		names[s.Name] = true
		if !maglev.IsPrime(s.TableSize) || s.TableSize > dataplane.MaxTableSize || s.TableSize < len(s.Backends) {
			t.Fatalf("%d slots, %d backends", s.TableSize, len(s.Backends))
		}
		if h := s.Health; h != nil && (h.Port == 0 || h.Timeout > h.Interval || h.Rise < 1 || h.Fall < 1 || (h.Type == "tcp") != (h.Path == "")) {
			t.Fatalf("health %+v", h)
		}
		for i, b := range s.Backends {
			twice := slices.ContainsFunc(s.Backends[:i], func(o Backend) bool { return o.Address == b.Address })
			if notUnicast(b.Address) != "" || b.Address == s.Address || twice {
				t.Fatalf("backend %+v of %+v", b, s)
			}
		}
	}
	if len(names) > c.Limits.Services || backends > c.Limits.Backends {
		t.Fatalf("%d services, %d backends: %+v", len(names), backends, c.Limits)
	}
}

// checkPunt compares all with all.
func checkPunt(t *testing.T, c *Config) {
	for i, r := range c.Punt {
		if r.Name == "" || len(r.Name) > 63 || r.Protocol != dataplane.TCP && r.Protocol != dataplane.UDP || !r.Address.IsValid() || notUnicast(r.Address) != "" {
			t.Fatalf("rule %+v", r)
		}
		for _, other := range c.Punt[:i] {
			if r.Name == other.Name || r.Address == other.Address && r.Protocol == other.Protocol && r.Port == other.Port {
				t.Fatalf("rules %+v and %+v", r, other)
			}
		}
		for _, s := range c.Balance.Services {
			if s.Address == r.Address && s.Protocol == r.Protocol && (slices.Contains(s.Ports, r.Port) || r.Port == 0) {
				t.Fatalf("rule %+v and service %+v", r, s)
			}
		}
	}
}
