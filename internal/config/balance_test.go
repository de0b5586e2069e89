// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// services is a config whose services begin on line 4. The least service has
// six lines.
func services(list ...string) string { return eth0 + balanceText(list...) }

// service is a config with one, see serviceText.
func service(pairs ...string) string { return services(serviceText(pairs...)) }

func TestBalance(t *testing.T) {
	balance := func(text string) string { return eth0 + "forward: {allow: [::/0]}\nbalance: {" + text + "}\n" }
	for _, r := range []row{
		{"bad outer map", balance("outer-map: flat"), []string{
			`3:22: balance.outer-map must be one of array, hash; not "flat"`}},
		{"bad seeds", balance("seed: -1"), []string{
			`3:17: balance.seed must be a whole number from 0 to 18446744073709551615; not "-1"`}},
		{"bad seed beyond", balance("seed: 18446744073709551616"), []string{
			`3:17: balance.seed must be a whole number from 0 to 18446744073709551615; not "18446744073709551616"`}},
		{"OK largest seed", balance("seed: 18446744073709551615"), nil},
		{"bad numbers below", balance("gue-port: 0, icmp-rate: 0"), []string{
			"3:21: balance.gue-port must be from 1 to 65535",
			"3:35: balance.icmp-rate must be from 1 to 1000000"}},
		{"bad numbers above", balance("gue-port: 65536, icmp-rate: 1000001"), []string{
			"3:21: balance.gue-port must be from 1 to 65535",
			"3:39: balance.icmp-rate must be from 1 to 1000000"}},
		{"bad families of sources", balance("source4: '100::/96', source6: 10.0.0.0/8"), []string{
			"3:20: balance.source4 must be a prefix of IPv4, not 100::/96",
			"3:41: balance.source6 must be a prefix of IPv6, not 10.0.0.0/8"}},
		{"bad sources that are none", balance("source4: 172.16.0.0, source6: x"), []string{
			`3:20: balance.source4: "172.16.0.0" is no prefix; for the one address write 172.16.0.0/32`,
			`3:41: balance.source6: "x" is no prefix; it needs an address and a length, as in 192.0.2.0/24 or 2001:db8::/32`}},
		{"bad sources of one address", balance("source4: 10.0.0.1/32, source6: '2001:db8::1/128'"), []string{
			"3:20: balance.source4 10.0.0.1/32 is a single address; receivers spread flows by it, so make it at most /24",
			"3:42: balance.source6 2001:db8::1/128 is a single address; receivers spread flows by it, so make it at most /120"}},
		{"bad sources that can't be", balance("source4: 0.0.0.0/0, source6: '::/0'"), []string{
			"3:20: balance.source4 0.0.0.0/0 contains 0.0.0.0, which is the unspecified address; no packet can come from there",
			"3:40: balance.source6 ::/0 contains ::, which is the unspecified address; no packet can come from there"}},
		{"bad sources that hold some that can't be", balance("source4: 126.0.0.0/7, source6: 'fe00::/7'"), []string{
			"3:20: balance.source4 126.0.0.0/7 contains 127.255.255.255, which is a loopback address; no packet can come from there",
			"3:42: balance.source6 fe00::/7 contains ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, which is a multicast address; no packet can come from there"}},
		{"bad multicast sources", balance("source4: 128.0.0.0/1, source6: 'ff00::/8'"), []string{
			"3:20: balance.source4 128.0.0.0/1 contains 255.255.255.255, which is the broadcast address; no packet can come from there",
			"3:42: balance.source6 ff00::/8 contains ff00::, which is a multicast address; no packet can come from there"}},
		{"bad source of loopback", balance("source4: 127.0.0.0/8"), []string{
			"3:20: balance.source4 127.0.0.0/8 contains 127.0.0.0, which is a loopback address; no packet can come from there"}},
		{"OK sources with bits beyond", balance("source4: 10.1.2.3/16, source6: '2001:db8::1/96'"), []string{
			"3:20: warning: 10.1.2.3/16 has bits beyond its length; it is taken as 10.1.0.0/16",
			"3:42: warning: 2001:db8::1/96 has bits beyond its length; it is taken as 2001:db8::/96"}},
		{"OK small sources", balance("source4: 10.0.0.0/31, source6: '2001:db8::/121'"), []string{
			"3:20: warning: balance.source4 10.0.0.0/31 has 2 addresses, by which receivers spread flows unevenly; make it at most /24",
			"3:42: warning: balance.source6 2001:db8::/121 has 128 addresses, by which receivers spread flows unevenly; make it at most /120"}},
		{"OK least sources without a warning", balance("source4: 10.0.0.0/24, source6: '2001:db8::/120'"), nil},
		{"OK no services, no allow", eth0 + "balance:\n", []string{
			"1:1: warning: forward.allow is empty: every packet is left to Linux"}},
		{"bad kinds", balance("services: {}, outer-map: [], seed: 1.5"), []string{
			"3:21: balance.services must be a list, not a mapping",
			"3:36: balance.outer-map must be a single value, not a list",
			`3:46: balance.seed must be a whole number from 0 to 18446744073709551615; not "1.5"`}},
		{"bad services that are none", balance("services: [web, ~, []]"), []string{
			`3:22: balance.services[] must be a mapping of keys to values, not "web"`,
			"3:27: balance.services[].name is missing",
			"3:27: balance.services[].address is missing",
			"3:27: balance.services[].protocol is missing",
			"3:27: balance.services[].ports is missing",
			"3:30: balance.services[] must be a mapping of keys to values, not a list"}},
		{"bad service keys", service("port", "80", "tablesize", "251", "health", "{typ: tcp}", "backends", "[10.0.0.1, {adress: 10.0.0.2}, {weight: 1}]"), []string{
			`8:14: unknown key "typ"; did you mean "type"?`,
			`9:16: balance.services[].backends[] must be a mapping of keys to values, not "10.0.0.1"`,
			`9:27: unknown key "adress"; did you mean "address"?`,
			"9:46: balance.services[].backends[].address is missing",
			`10:5: unknown key "port"; did you mean "ports"?`,
			`11:5: unknown key "tablesize"; did you mean "table-size"?`}},
		{"bad everything missing", services("{}"), []string{
			"4:5: balance.services[].name is missing",
			"4:5: balance.services[].address is missing",
			"4:5: balance.services[].protocol is missing",
			"4:5: balance.services[].ports is missing"}},
		{"bad several services at once", services(serviceText("mode", "nat"), serviceText("address", "x"), serviceText("settle", "6")), []string{
			`10:11: balance.services[].mode must be one of ipip, gue, l2; not "nat"`,
			`11:11: service "web" is on line 4 already; each needs a name of its own`,
			`12:14: balance.services[].address: "x" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`,
			`17:11: service "web" is on line 4 already; each needs a name of its own`,
			"20:13: tcp port 80 of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them",
			`23:13: balance.services[].settle must be a time with its unit, as in 500ms, 10s or 6m; not "6"`}},
	} {
		t.Run(r.name, r.run)
	}
}

// TestTogether holds services against each other and against the limits.
func TestTogether(t *testing.T) {
	other := func(pairs ...string) string {
		return serviceText(append([]string{"name", "b", "address", "192.0.2.2"}, pairs...)...)
	}
	limits := func(text string) string { return "limits: {" + text + "}\n" }
	for _, r := range []row{
		{"bad name twice", services(serviceText(), other("name", "web"), other("name", "web", "ports", "[81]")), []string{
			`10:11: service "web" is on line 4 already; each needs a name of its own`,
			`16:11: service "web" is on line 4 already; each needs a name of its own`}},
		{"bad port twice", services(serviceText("ports", "[80, 443]"), other(), serviceText("name", "c", "ports", "[81, 443, 80]")), []string{
			"19:17: tcp port 443 of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them",
			"19:22: tcp port 80 of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them"}},
		{"bad any twice", services(serviceText("ports", "any", "health", "{type: tcp, port: 80}"), serviceText("name", "b", "ports", "any", "health", "{type: tcp, port: 80}")), []string{
			"13:12: any tcp port of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them"}},
		{"bad address written in two ways", services(serviceText("address", "'2001:db8::1'"), serviceText("name", "b", "address", "'2001:DB8:0::0:1'")), []string{
			"13:13: tcp port 80 of 2001:db8::1 belongs to the service on line 7 already; take it out of one of them"}},
		{"bad port twice where both are wrong", services(serviceText("mode", "x"), serviceText("name", "b", "ports", "[80, 0]")), []string{
			`10:11: balance.services[].mode must be one of ipip, gue, l2; not "x"`,
			"14:13: tcp port 80 of 192.0.2.1 belongs to the service on line 7 already; take it out of one of them",
			"14:17: balance.services[].ports[] must be from 1 to 65535"}},
		{"OK any beside a port", services(serviceText(), serviceText("name", "b", "ports", "any", "health", "{type: tcp, port: 80}")), nil},
		{"OK protocols apart", services(serviceText(), serviceText("name", "b", "protocol", "udp", "health", "{type: tcp, port: 80}")), nil},
		{"OK names that differ in case", services(serviceText(), other("name", "Web")), nil},
		{"bad more services than the limit", services(serviceText(), other(), other("name", "c", "ports", "[81]")) + limits("services: 1"), []string{
			"10:5: 3 services, but limits.services is 1; raise it to at least 3"}},
		{"OK as many as the limits", services(serviceText(), other()) + limits("services: 2, backends: 2"), nil},
		{"bad more backends than the limit", services(serviceText(), other("backends", "[{address: 10.0.0.1}, {address: 10.0.0.2}]"), other("name", "c", "ports", "[81]")) + limits("backends: 2"), []string{
			"10:5: 4 backends of all services, but limits.backends is 2; raise it to at least 4"}},
		{"bad limits hold nothing against services", services(serviceText(), other()) + limits("services: 0, backends: 0, flows: 0"), []string{
			"16:20: limits.services must be from 1 to 1000000",
			"16:33: limits.backends must be from 1 to 4000000",
			"16:43: limits.flows must be from 1 to 16777216"}},
		{"bad limits above", services(serviceText()) + limits("services: 1000001, backends: 4000001, flows: 16777217"), []string{
			"10:20: limits.services must be from 1 to 1000000",
			"10:39: limits.backends must be from 1 to 4000000",
			"10:55: limits.flows must be from 1 to 16777216"}},
		{"OK limits at the ends", services(serviceText()) + limits("services: 1000000, backends: 4000000, flows: 1"), nil},
	} {
		t.Run(r.name, r.run)
	}
}
