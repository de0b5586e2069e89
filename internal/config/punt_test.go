// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"strings"
	"testing"

	"clearway/dataplane"
	"clearway/punt"
)

// leastPuntRule is what puntText makes.
func leastPuntRule() PuntRule {
	return PuntRule{Name: "a", Protocol: dataplane.UDP, Address: netip.MustParseAddr("192.0.2.53"), Port: 53}
}

// puntText is the section of some rules, a line each, their keys from column 4
// on. Keys in flow style come in place of those of the least rule.
func puntText(rules ...string) string {
	text := "punt:\n"
	for _, rule := range rules {
		var keys []string
		if rule != "" {
			keys = append(keys, rule)
		}
		for _, key := range []string{"name: a", "protocol: udp", "address: 192.0.2.53", "port: 53"} {
			if name, _, _ := strings.Cut(key, " "); !strings.Contains(rule, name) {
				keys = append(keys, key)
			}
		}
		text += "- {" + strings.Join(keys, ", ") + "}\n"
	}
	return text
}

// puntRule is a change to the least rule.
func puntRule(change func(*PuntRule)) func(*Config) {
	return func(c *Config) {
		rule := leastPuntRule()
		change(&rule)
		c.Punt = []PuntRule{rule}
	}
}

func TestPunt(t *testing.T) {
	for _, r := range []row{
		{"OK without allow", eth0 + puntText(""), nil},
		{"OK null, which lets nothing in", eth0 + "punt:\n", []string{"1:1: " + emptyAllow}},
		{"bad kind", eth0 + "punt: {}\n", []string{"2:7: punt must be a list, not a mapping"}},
		{"bad rules that are none", eth0 + "punt: [dns, ~]\n", []string{
			`2:8: punt[] must be a mapping of keys to values, not "dns"`,
			"2:13: punt[].name is missing",
			"2:13: punt[].protocol is missing",
			"2:13: punt[].address is missing",
			"2:13: punt[].port is missing"}},
		{"bad key", eth0 + puntText("ports: [53]"), []string{
			`3:4: unknown key "ports"; did you mean "port"?`}},
		{"bad name", eth0 + puntText("name: 'a b'"), []string{
			`3:10: punt[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not "a b"`}},
		{"bad protocol", eth0 + puntText("protocol: icmp"), []string{
			`3:14: punt[].protocol must be one of tcp, udp; not "icmp"`}},
		{"bad address", eth0 + puntText("address: 192.0.2.0/24"), []string{
			`3:13: punt[].address: "192.0.2.0/24" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`}},
		{"bad kind of address", eth0 + puntText("address: 224.0.0.251"), []string{
			"3:13: punt[].address 224.0.0.251 is a multicast address; take a unicast address that routers know"}},
		{"bad ports", eth0 + puntText("name: a, port: 0", "name: b, port: 65536", "name: c, port: -1", "name: d, port: dns", "name: e, port: Any", "name: f, port: 53.0"), []string{
			`3:19: punt[].port must be from 1 to 65535, or any; not "0"`,
			`4:19: punt[].port must be from 1 to 65535, or any; not "65536"`,
			`5:19: punt[].port must be from 1 to 65535, or any; not "-1"`,
			`6:19: punt[].port must be from 1 to 65535, or any; not "dns"`,
			`7:19: punt[].port must be from 1 to 65535, or any; not "Any"`,
			`8:19: punt[].port must be from 1 to 65535, or any; not "53.0"`}},
		{"bad list of ports", eth0 + puntText("port: [53, 54]"), []string{
			"3:10: punt[].port must be a single value, not a list"}},
		{"bad everything at once", eth0 + "punt: [{name: '', protocol: x, address: y, port: z}]\n", []string{
			`2:15: punt[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not ""`,
			`2:29: punt[].protocol must be one of tcp, udp; not "x"`,
			`2:41: punt[].address: "y" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`,
			`2:50: punt[].port must be from 1 to 65535, or any; not "z"`}},
	} {
		t.Run(r.name, r.run)
	}
}

// TestPuntTogether holds rules against each other and against services. The
// least service is on lines 4 to 9.
func TestPuntTogether(t *testing.T) {
	const web = ", address: 192.0.2.1, protocol: tcp"
	anyService := service("ports", "any", "health", "{type: tcp, port: 1}")
	for _, r := range []row{
		{"bad name twice", eth0 + puntText("", "port: 54"), []string{
			`4:20: punt rule "a" is on line 3 already; each needs a name of its own`}},
		{"bad port twice", eth0 + puntText("", "name: b"), []string{
			"4:55: udp port 53 of 192.0.2.53 belongs to the punt rule on line 3 already; take it out of one of them"}},
		{"bad any twice", eth0 + puntText("port: any", "port: any, name: b"), []string{
			"4:10: any udp port of 192.0.2.53 belongs to the punt rule on line 3 already; take it out of one of them"}},
		{"bad address written in two ways", eth0 + puntText("address: '2001:db8::1'", "name: b, port: 53, address: '2001:DB8:0::1'"), []string{
			"4:19: udp port 53 of 2001:db8::1 belongs to the punt rule on line 3 already; take it out of one of them"}},
		{"bad port twice where the name is wrong too", eth0 + puntText("name: ''", "name: b, port: 53"), []string{
			`3:10: punt[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not ""`,
			"4:19: udp port 53 of 192.0.2.53 belongs to the punt rule on line 3 already; take it out of one of them"}},
		{"OK a port beside any", eth0 + puntText("", "name: b, port: any"), nil},
		{"OK protocols and addresses apart", eth0 + puntText("", "name: b, protocol: tcp", "name: c, address: 192.0.2.54"), nil},
		{"OK names that differ in case", eth0 + puntText("", "name: A, port: 54"), nil},

		{"bad port of a service", service() + puntText("port: 80"+web), []string{
			"11:10: tcp port 80 of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them"}},
		{"bad any of a service", anyService + puntText("port: any"+web), []string{
			"11:10: any tcp port of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them"}},
		{"bad any over ports of services", services(serviceText("ports", "[443, 80]"), serviceText("name", "b", "ports", "[22]")) + puntText("port: any"+web), []string{
			"17:10: any tcp port of 192.0.2.1 includes port 80, which belongs to the service on line 7, and no packet would get there; " +
				"give the rule one port, or take the port out of the service"}},
		{"OK any port of another protocol", service() + puntText("port: any, address: 192.0.2.1"), nil},
		{"OK any port of another address", service() + puntText("port: any, protocol: tcp"), nil},
		{"OK another port of a service's address", service() + puntText("port: 443"+web), nil},
		{"OK a port out of a service's any", anyService + puntText("port: 443"+web), nil},
		{"OK the name of a service", service() + puntText("name: web"), nil},
	} {
		t.Run(r.name, r.run)
	}
}

// Programs look for the daemon where it is if nobody says otherwise.
func TestDefaultSocketIsThatOfPunt(t *testing.T) {
	if defaultSocket != punt.DefaultControl {
		t.Errorf("%s, package punt has %s", defaultSocket, punt.DefaultControl)
	}
}
