// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"clearway/dataplane"
)

// least is what eth0 and an allow make, with all defaults.
func least() *Config {
	return &Config{
		Runtime: Runtime{
			BPFFS: "/sys/fs/bpf/clearway", Socket: "/run/clearway/clearway.sock",
			Metrics: "127.0.0.1:9450", Log: slog.LevelInfo,
		},
		Interfaces: []Interface{{Name: "eth0", Mode: dataplane.Auto}},
		Forward:    Forward{Allow: []netip.Prefix{netip.MustParsePrefix("::/0")}},
		Balance: Balance{
			OuterMap: "array", GUEPort: 6080, ICMPRate: 1000,
			Source4: netip.MustParsePrefix("172.16.0.0/16"), Source6: netip.MustParsePrefix("100::/96"),
		},
		Limits: Limits{Allow: 65536, Interfaces: 64, L3Interfaces: 4096, Ifindex: 65535, Services: 4096, Backends: 65536, Flows: 262144},
	}
}

// keyRow shows what a key does: what a text makes of the least config.
type keyRow struct {
	key, name         string
	interfaces, allow string   // instead of those of least
	forward, text     string   // more keys of forward; more sections
	service           []string // more keys of the least service, and their values
	change            func(*Config)
	changeService     func(*Service)
}

var keyRows = []keyRow{
	{key: "runtime", name: "OK empty", text: "runtime: {}"},
	{key: "runtime.bpffs", text: "runtime: {bpffs: /bpf}", change: func(c *Config) { c.Runtime.BPFFS = "/bpf" }},
	{key: "runtime.socket", text: "runtime: {socket: /s}", change: func(c *Config) { c.Runtime.Socket = "/s" }},
	{key: "runtime.metrics", name: "OK IPv4", text: "runtime: {metrics: 0.0.0.0:1}", change: func(c *Config) { c.Runtime.Metrics = "0.0.0.0:1" }},
	{key: "runtime.metrics", name: "OK IPv6", text: "runtime: {metrics: '[0::1]:65535'}", change: func(c *Config) { c.Runtime.Metrics = "[::1]:65535" }},
	{key: "runtime.metrics", name: "OK off", text: "runtime: {metrics: off}", change: func(c *Config) { c.Runtime.Metrics = "" }},
	{key: "runtime.metrics", name: "OK off in quotes", text: `runtime: {metrics: "off"}`, change: func(c *Config) { c.Runtime.Metrics = "" }},
	{key: "runtime.metrics", name: "OK false", text: "runtime: {metrics: false}", change: func(c *Config) { c.Runtime.Metrics = "" }},
	{key: "runtime.metrics", name: "OK FALSE", text: "runtime: {metrics: FALSE}", change: func(c *Config) { c.Runtime.Metrics = "" }},
	{key: "runtime.log", name: "OK debug", text: "runtime: {log: debug}", change: func(c *Config) { c.Runtime.Log = slog.LevelDebug }},
	{key: "runtime.log", name: "OK info", text: "runtime: {log: info}", change: func(c *Config) { c.Runtime.Log = slog.LevelInfo }},
	{key: "runtime.log", name: "OK warn", text: "runtime: {log: warn}", change: func(c *Config) { c.Runtime.Log = slog.LevelWarn }},
	{key: "runtime.log", name: "OK error", text: "runtime: {log: error}", change: func(c *Config) { c.Runtime.Log = slog.LevelError }},

	{key: "interfaces", interfaces: "[{name: b}, {name: a}]", change: func(c *Config) {
		c.Interfaces = []Interface{{Name: "b", Mode: dataplane.Auto}, {Name: "a", Mode: dataplane.Auto}}
	}},
	{key: "interfaces[].name", interfaces: "[{name: 10}]", change: func(c *Config) { c.Interfaces[0].Name = "10" }},
	{key: "interfaces[].mode", name: "OK auto", interfaces: "[{name: eth0, mode: auto}]"},
	{key: "interfaces[].mode", name: "OK native", interfaces: "[{name: eth0, mode: native}]", change: func(c *Config) { c.Interfaces[0].Mode = dataplane.Native }},
	{key: "interfaces[].mode", name: "OK generic", interfaces: "[{name: eth0, mode: generic}]", change: func(c *Config) { c.Interfaces[0].Mode = dataplane.Generic }},
	{key: "interfaces[].allow-partial-checksum", name: "OK true", interfaces: "[{name: eth0, allow-partial-checksum: true}]", change: func(c *Config) { c.Interfaces[0].AllowPartialChecksum = true }},
	{key: "interfaces[].allow-partial-checksum", name: "OK false", interfaces: "[{name: eth0, allow-partial-checksum: false}]"},

	{key: "forward", name: "OK nothing but allow"},
	{key: "forward.allow", allow: "[::/0, 10.0.0.0/8, 9.1.2.3/32]", change: func(c *Config) {
		c.Forward.Allow = []netip.Prefix{netip.MustParsePrefix("::/0"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("9.1.2.3/32")}
	}},
	{key: "forward.block", forward: "block: ['2001:db8::/32']", change: func(c *Config) {
		c.Forward.Block = []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}
	}},
	{key: "forward.dry-run", name: "OK true", forward: "dry-run: true", change: func(c *Config) { c.Forward.DryRun = true }},
	{key: "forward.dry-run", name: "OK false", forward: "dry-run: false"},
	{key: "forward.hairpin", name: "OK True", forward: "hairpin: True", change: func(c *Config) { c.Forward.Hairpin = true }},
	{key: "forward.hairpin", name: "OK false", forward: "hairpin: false"},
	{key: "forward.fib", name: "OK kernel", forward: "fib: kernel"},
	{key: "forward.mss-clamp", forward: "mss-clamp: [{mss: 1400}, {mss: 1300, egress: b}]", change: func(c *Config) {
		c.Forward.MSSClamp = []MSSClamp{{MSS: 1400}, {MSS: 1300, Egress: "b"}}
	}},
	{key: "forward.mss-clamp[].mss", forward: "mss-clamp: [{mss: 65495}]", change: func(c *Config) { c.Forward.MSSClamp = []MSSClamp{{MSS: 65495}} }},
	{key: "forward.mss-clamp[].egress", forward: "mss-clamp: [{mss: 88, egress: eth1.100}]", change: func(c *Config) {
		c.Forward.MSSClamp = []MSSClamp{{MSS: 88, Egress: "eth1.100"}}
	}},
	{key: "forward.mss-clamp[].prefix", forward: "mss-clamp: [{mss: 88, prefix: 10.0.0.0/8}]", change: func(c *Config) {
		c.Forward.MSSClamp = []MSSClamp{{MSS: 88, Prefix: netip.MustParsePrefix("10.0.0.0/8")}}
	}},

	{key: "punt", name: "OK null", text: "punt:"},
	{key: "punt", name: "OK empty", text: "punt: []"},
	{key: "punt", name: "OK two", text: puntText("", "name: b, port: 54"), change: func(c *Config) {
		two := leastPuntRule()
		two.Name, two.Port = "b", 54
		c.Punt = []PuntRule{leastPuntRule(), two}
	}},
	{key: "punt[].name", text: puntText("name: A-z_0.9"), change: puntRule(func(r *PuntRule) { r.Name = "A-z_0.9" })},
	{key: "punt[].protocol", name: "OK tcp", text: puntText("protocol: tcp"), change: puntRule(func(r *PuntRule) { r.Protocol = dataplane.TCP })},
	{key: "punt[].protocol", name: "OK udp", text: puntText("protocol: udp"), change: puntRule(func(*PuntRule) {})},
	{key: "punt[].address", text: puntText("address: '2001:DB8::0:1'"), change: puntRule(func(r *PuntRule) { r.Address = netip.MustParseAddr("2001:db8::1") })},
	{key: "punt[].port", name: "OK least", text: puntText("port: 1"), change: puntRule(func(r *PuntRule) { r.Port = 1 })},
	{key: "punt[].port", name: "OK most", text: puntText("port: 65535"), change: puntRule(func(r *PuntRule) { r.Port = 65535 })},
	{key: "punt[].port", name: "OK any", text: puntText("port: any"), change: puntRule(func(r *PuntRule) { r.Port = 0 })},

	{key: "limits", name: "OK empty", text: "limits: {}"},
	{key: "limits.allow", text: "limits: {allow: 1}", change: func(c *Config) { c.Limits.Allow = 1 }},
	{key: "limits.interfaces", text: "limits: {interfaces: 4096}", change: func(c *Config) { c.Limits.Interfaces = 4096 }},
	{key: "limits.l3-interfaces", text: "limits: {l3-interfaces: 65535}", change: func(c *Config) { c.Limits.L3Interfaces = 65535 }},
	{key: "limits.ifindex", text: "limits: {ifindex: 16777215}", change: func(c *Config) { c.Limits.Ifindex = 16777215 }},
	{key: "limits.services", text: "limits: {services: 1}", change: func(c *Config) { c.Limits.Services = 1 }},
	{key: "limits.backends", text: "limits: {backends: 2}", change: func(c *Config) { c.Limits.Backends = 2 }},
	{key: "limits.flows", text: "limits: {flows: 16777216}", change: func(c *Config) { c.Limits.Flows = 16777216 }},
}

var ignoreNames = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func TestEachKey(t *testing.T) {
	for _, r := range slices.Concat(keyRows, balanceRows) {
		t.Run(r.key+" "+r.name, func(t *testing.T) {
			text := r.config()
			got, problems := Parse([]byte(text))
			if len(problems) > 0 {
				t.Fatalf("%s\n%s", text, problems.Error())
			}
			want, before := r.least(), r.least()
			if r.change != nil {
				r.change(want)
			}
			if r.changeService != nil {
				r.changeService(&want.Balance.Services[0])
			}
			changes := r.change != nil || r.changeService != nil
			if changes && cmp.Equal(want, before, ignoreNames) != (r.name == "OK info") {
				t.Error("the row changes nothing")
			}
			if diff := cmp.Diff(want, got, ignoreNames); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

// config is the text of a row.
func (r keyRow) config() string {
	if r.interfaces == "" {
		r.interfaces = "[{name: eth0}]"
	}
	if r.allow == "" {
		r.allow = "[::/0]"
	}
	text := fmt.Sprintf("interfaces: %s\nforward:\n  allow: %s\n  %s\n%s\n", r.interfaces, r.allow, r.forward, r.text)
	if r.service != nil {
		text += balanceText(serviceText(r.service...))
	}
	return text
}

// least is the least config, with the least service in rows about services.
func (r keyRow) least() *Config {
	c := least()
	if r.service != nil {
		c.Balance.Services = []Service{leastService()}
	}
	return c
}

// TestKeysAreCovered holds the keys that the reader takes, those that the
// reference explains and those that have a row here against each other.
func TestKeysAreCovered(t *testing.T) {
	rows := map[string]bool{}
	for _, r := range slices.Concat(keyRows, balanceRows) {
		rows[r.key] = true
	}
	reference := map[string]bool{}
	var top yaml.Node
	if err := yaml.Load(Reference, &top); err != nil {
		t.Fatal(err)
	}
	keysOf(top.Content[0], "", reference)
	want := slices.Sorted(maps.Keys(knownKeys()))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("rows (-known keys +rows):\n%s", diff)
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(reference))); diff != "" {
		t.Errorf("reference (-known keys +reference):\n%s", diff)
	}
}

// knownKeys asks the reader: it lists the keys of a mapping where it meets one
// that it doesn't know.
func knownKeys() map[string]bool {
	const unlike = "zzzzzzzz: 1"
	_, problems := Parse(fmt.Appendf(nil,
		"%[1]s\nruntime: {%[1]s}\ninterfaces: [{%[1]s}]\nforward: {%[1]s, mss-clamp: [{%[1]s}]}\nlimits: {%[1]s}\n"+
			"balance: {%[1]s, services: [{%[1]s, health: {%[1]s}, backends: [{%[1]s}]}]}\npunt: [{%[1]s}]\n", unlike))
	all := map[string]bool{}
	list := regexp.MustCompile(`^unknown key .*; (.*) has (.*)$`)
	for _, p := range problems {
		m := list.FindStringSubmatch(p.Message)
		if m == nil {
			continue
		}
		for key := range strings.SplitSeq(m[2], ", ") {
			all[join(strings.TrimPrefix(m[1], "the top level"), key)] = true
		}
	}
	return all
}

func keysOf(n *yaml.Node, path string, all map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := join(path, n.Content[i].Value)
			all[key] = true
			keysOf(n.Content[i+1], key, all)
		}
	case yaml.SequenceNode:
		for _, element := range n.Content {
			keysOf(element, path+"[]", all)
		}
	}
}
