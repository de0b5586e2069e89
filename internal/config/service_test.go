// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestService(t *testing.T) {
	const name63 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_123456.890"
	for _, r := range []row{
		{"bad empty name", service("name", "''"), []string{
			`4:11: balance.services[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not ""`}},
		{"bad name with a space", service("name", "a b"), []string{
			`4:11: balance.services[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not "a b"`}},
		{"bad name beyond ASCII", service("name", "größe"), []string{
			`4:11: balance.services[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not "größe"`}},
		{"bad long name", service("name", name63+"1"), []string{
			`4:11: balance.services[].name must be 1 to 63 of a-z, A-Z, 0-9, dot, hyphen and underscore; not "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_123456."…`}},
		{"OK longest name", service("name", name63), nil},
		{"bad address", service("address", "www.example.com"), []string{
			`5:14: balance.services[].address: "www.example.com" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`}},
		{"bad prefix", service("address", "192.0.2.1/32"), []string{
			`5:14: balance.services[].address: "192.0.2.1/32" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`}},
		{"bad address with a zone", service("address", "'fe80::1%eth0'"), []string{
			`5:14: balance.services[].address: "fe80::1%eth0" has a zone; take an address that holds on every link`}},
		{"bad address in IPv6 form", service("address", "'::ffff:192.0.2.1'"), []string{
			`5:14: balance.services[].address: "::ffff:192.0.2.1" is IPv4 written as IPv6; write it as 192.0.2.1`}},
		{"bad unspecified address", service("address", "0.0.0.0"), []string{
			"5:14: balance.services[].address 0.0.0.0 is the unspecified address; take a unicast address that routers know"}},
		{"bad address of this network", service("address", "0.1.2.3"), []string{
			"5:14: balance.services[].address 0.1.2.3 is an address of 0.0.0.0/8; take a unicast address that routers know"}},
		{"bad multicast address", service("address", "'ff02::1'"), []string{
			"5:14: balance.services[].address ff02::1 is a multicast address; take a unicast address that routers know"}},
		{"bad loopback address", service("address", "'::1'"), []string{
			"5:14: balance.services[].address ::1 is a loopback address; take a unicast address that routers know"}},
		{"bad link-local address", service("address", "169.254.1.1"), []string{
			"5:14: balance.services[].address 169.254.1.1 is a link-local address; take a unicast address that routers know"}},
		{"bad broadcast address", service("address", "255.255.255.255"), []string{
			"5:14: balance.services[].address 255.255.255.255 is the broadcast address; take a unicast address that routers know"}},
		{"OK class E", service("address", "250.1.2.3"), nil},
		{"bad protocol", service("protocol", "sctp"), []string{
			`6:15: balance.services[].protocol must be one of tcp, udp; not "sctp"`}},
		{"bad word for ports", service("ports", "all"), []string{
			`7:12: balance.services[].ports must be a list of ports, as in [80, 443], or any, not "all"`}},
		{"bad single port", service("ports", "80"), []string{
			`7:12: balance.services[].ports must be a list of ports, as in [80, 443], or any, not "80"`}},
		{"bad null ports", service("ports", "~"), []string{
			"7:12: balance.services[].ports has no value; it takes a list of ports, as in [80, 443], or any"}},
		{"bad empty ports", service("ports", "[]"), []string{
			"7:12: balance.services[].ports is empty; it takes a list of ports, as in [80, 443], or any"}},
		{"bad mapping for ports", service("ports", "{a: b}"), []string{
			"7:12: balance.services[].ports must be a list of ports, as in [80, 443], or any, not a mapping"}},
		{"bad ports", service("ports", "[0, 65536, -1, https, any, [1]]"), []string{
			"7:13: balance.services[].ports[] must be from 1 to 65535",
			"7:16: balance.services[].ports[] must be from 1 to 65535",
			"7:23: balance.services[].ports[] must be from 1 to 65535",
			`7:27: balance.services[].ports[] must be a whole number, not "https"`,
			`7:34: balance.services[].ports[] must be a whole number, not "any"`,
			"7:39: balance.services[].ports[] must be a single value, not a list"}},
		{"bad port twice", service("ports", "[80, 443, 80]"), []string{
			"7:22: the service has port 80 on line 7 already"}},
		{"OK most ports", service("ports", portList(32)), nil},
		{"bad more ports", service("ports", portList(33)), []string{
			"7:153: 33 ports; a service has at most 32: take any, or make several services of it"}},
		{"bad mode", service("mode", "nat"), []string{
			`10:11: balance.services[].mode must be one of ipip, gue, l2; not "nat"`}},
		{"bad affinity and tracking", service("affinity", "client", "tracking", "true"), []string{
			`10:15: balance.services[].affinity must be one of none, source; not "client"`,
			`11:15: balance.services[].tracking must be one of changed, always, never; not "true"`}},
		{"bad times", service("settle", "6", "down-grace", "soon"), []string{
			`10:13: balance.services[].settle must be a time with its unit, as in 500ms, 10s or 6m; not "6"`,
			`11:17: balance.services[].down-grace must be a time with its unit, as in 500ms, 10s or 6m; not "soon"`}},
		{"bad times beyond", service("settle", "24h1s", "down-grace", "61m"), []string{
			"10:13: balance.services[].settle must be from 0s to 24h",
			"11:17: balance.services[].down-grace must be from 0s to 1h"}},
		{"bad times below", service("settle", "-1s", "down-grace", "-1ms"), []string{
			"10:13: balance.services[].settle must be from 0s to 24h",
			"11:17: balance.services[].down-grace must be from 0s to 1h"}},
		{"bad table below", service("table-size", "250"), []string{
			"10:17: balance.services[].table-size must be from 251 to 131071"}},
		{"bad table above", service("table-size", "131072"), []string{
			"10:17: balance.services[].table-size must be from 251 to 131071"}},
		{"bad table not prime", service("table-size", "65536"), []string{
			"10:17: balance.services[].table-size must be a prime: 65521 and 65537 are the nearest to 65536; usual are 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071"}},
		{"bad table not prime at the ends", services(serviceText("table-size", "252"), serviceText("name", "b", "ports", "[81]", "table-size", "131070")), []string{
			"10:17: balance.services[].table-size must be a prime: 251 and 257 are the nearest to 252; usual are 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071",
			"17:17: balance.services[].table-size must be a prime: 131063 and 131071 are the nearest to 131070; usual are 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071"}},
		{"OK no health check", service("health", ""), []string{
			"4:5: warning: service web has no health check: its backends are taken as always up"}},
		{"OK no health check, grace", service("health", "", "down-grace", "1s"), []string{
			"4:5: warning: service web has no health check: its backends are taken as always up",
			"9:17: warning: down-grace has no effect without a health check: no backend is ever down"}},
		{"OK no backends", service("backends", ""), []string{
			"4:5: warning: service web has no backends: its packets are dropped (drop_no_backend)"}},
		{"OK empty backends", service("backends", "[]", "health", ""), []string{
			"4:5: warning: service web has no backends: its packets are dropped (drop_no_backend)"}},
		{"OK all drain", service("backends", "[{address: 10.0.0.1, weight: 0}, {address: 10.0.0.2, weight: 0}]"), []string{
			"4:5: warning: all backends of service web have weight 0: none takes new flows"}},
		{"OK idle keys", service("tracking", "never", "settle", "1m", "down-grace", "1m"), []string{
			"11:13: warning: settle has no effect with tracking never: flows go with the table",
			"12:17: warning: down-grace has no effect with tracking never: flows go with the table"}},
	} {
		t.Run(r.name, r.run)
	}
}

// portList has n ports.
func portList(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(80 + i)
	}
	return "[" + strings.Join(list, ", ") + "]"
}
