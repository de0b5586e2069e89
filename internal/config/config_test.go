// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const machineText = `interfaces:
  - name: eth0
  - name: eth1
forward:
  allow: [::/0]
  mss-clamp:
    - {mss: 1400, egress: eth1}
    - {mss: 1300, egress: eth2}
`

// machine says which interfaces there are.
func machine(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func TestCheckMachine(t *testing.T) {
	c, problems := Parse([]byte(machineText))
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	for _, r := range []struct {
		name   string
		exists []string
		want   []string
	}{
		{"OK all there", []string{"eth0", "eth1", "eth2"}, nil},
		{"bad interface and its egress", []string{"eth0", "eth2"}, []string{
			`3:11: there is no interface "eth1" on this machine`,
			`7:27: there is no interface "eth1" on this machine`}},
		{"bad egress", []string{"eth0", "eth1"}, []string{
			`8:27: there is no interface "eth2" on this machine`}},
	} {
		t.Run(r.name, func(t *testing.T) {
			problems := c.CheckMachine(machine(r.exists...))
			if diff := cmp.Diff(r.want, short(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			checkPlaces(t, machineText, problems)
			all, more := Check([]byte(machineText), machine(r.exists...))
			if diff := cmp.Diff(problems, more); diff != "" || (all == nil) != problems.HasErrors() {
				t.Errorf("Check differs, config %t (-CheckMachine +Check):\n%s", all != nil, diff)
			}
		})
	}
}

func TestCheckFindsAllAtOnce(t *testing.T) {
	text := strings.Replace(machineText, "[::/0]", "[10.0.0.1/8, x]", 1)
	_, problems := Check([]byte(text), machine("eth0", "eth2"))
	want := []string{
		`3:11: there is no interface "eth1" on this machine`,
		"5:11: warning: 10.0.0.1/8 has bits beyond its length; it is taken as 10.0.0.0/8",
		`5:23: forward.allow: "x" is no prefix; it needs an address and a length, as in 192.0.2.0/24 or 2001:db8::/32`,
		`7:27: there is no interface "eth1" on this machine`,
	}
	if diff := cmp.Diff(want, short(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	checkPlaces(t, text, problems)
}

// TestLargeConfigs holds the time of what would be slow if anything were
// quadratic in the size of the text. The bounds are ten times what one slow
// core takes.
func TestLargeConfigs(t *testing.T) {
	const n = 100_000
	list := manyPrefixes(2 * n)
	allow, block := list[:n], list[n:]
	limits := eth0 + "limits: {allow: 200000}\n"
	for _, r := range []struct{ name, text string }{
		{"OK one a line", limits + "forward:\n  allow:\n  - " + strings.Join(allow, "\n  - ") + "\n"},
		{"OK all on one line", limits + "forward: {allow: [" + strings.Join(allow, ", ") + "]}\n"},
		{"OK blocks beside allows", limits + "forward: {allow: [" + strings.Join(allow, ", ") + "], block: [" + strings.Join(block, ", ") + "]}\n"},
		{"bad each allow blocked", limits + "forward: {allow: [" + strings.Join(allow, ", ") + "], block: [" + strings.Join(allow, ", ") + "]}\n"},
		{"bad each prefix wrong", limits + "forward: {allow: [" + strings.Repeat("10.0.0.0, ", n) + "]}\n"},
		{"bad unknown keys", eth0 + "forward: {" + strings.Repeat("alow: [], ", n) + "}\n"},
		{"bad end", limits + "forward: {allow: [" + strings.Join(allow, ", ") + "\n"},
		{"bad depth", eth0 + "forward: {allow: " + strings.Repeat("[", n) + "\n"},
		{"bad depth that ends", eth0 + "forward: {allow: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}\n"},
		{"bad sections", strings.Repeat("runtime: {]\n", n)},
	} {
		t.Run(r.name, func(t *testing.T) {
			start := time.Now()
			c, problems := Parse([]byte(r.text))
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%d bytes took %v", len(r.text), took)
			} else {
				t.Logf("%d bytes, %d problems, %v", len(r.text), len(problems), took)
			}
			if isBad := strings.HasPrefix(r.name, "bad"); (c == nil) != isBad {
				t.Fatalf("config %t, problems %v", c != nil, problems[:min(3, len(problems))])
			}
			if c != nil && len(c.Forward.Allow) != n {
				t.Errorf("%d prefixes", len(c.Forward.Allow))
			}
		})
	}
}

// TestManyServices holds the time of ten thousand services with ten backends
// each. Loading them all has half a minute; reading the text is to be no part
// of that.
func TestManyServices(t *testing.T) {
	const n = 10_000
	flow := make([]string, n)
	block := make([]string, n)
	for i := range n {
		address := fmt.Sprintf("203.%d.%d.%d", i>>16, i>>8&255, i&255)
		flow[i] = fmt.Sprintf("{name: s%d, address: %s, protocol: tcp, ports: [80, 443], table-size: 1021, health: {type: http, path: /healthz}, backends: [", i, address)
		for b := range 10 {
			flow[i] += fmt.Sprintf("{address: 10.%d.%d.%d}, ", b, i>>8, i&255)
		}
		flow[i] += "]}"
		block[i] = serviceText("name", fmt.Sprint("s", i), "address", address, "backends", backendList(10))
	}
	const limits = "limits: {services: 10000, backends: 100000}\n"
	for name, text := range map[string]string{
		"one a line":     services(flow...) + limits,
		"one key a line": services(block...) + limits,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			c, problems := Parse([]byte(text))
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%d bytes took %v", len(text), took)
			} else {
				t.Logf("%d bytes, %v", len(text), took)
			}
			if len(problems) > 0 || len(c.Balance.Services) != n || len(c.Balance.Services[n-1].Backends) != 10 {
				t.Errorf("config %t, problems %v", c != nil, problems[:min(3, len(problems))])
			}
		})
	}
}
