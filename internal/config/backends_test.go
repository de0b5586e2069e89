// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestBackends(t *testing.T) {
	for _, r := range []row{
		{"bad addresses", service("backends", "[{address: a.example}, {address: 0.0.0.0}, {address: 224.0.0.1}, {address: 127.0.0.1}, {address: 'fe80::1'}]"), []string{
			`9:26: balance.services[].backends[].address: "a.example" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`,
			"9:48: balance.services[].backends[].address 0.0.0.0 is the unspecified address; take a unicast address that routers know",
			"9:68: balance.services[].backends[].address 224.0.0.1 is a multicast address; take a unicast address that routers know",
			"9:90: balance.services[].backends[].address 127.0.0.1 is a loopback address; take a unicast address that routers know",
			"9:112: balance.services[].backends[].address fe80::1 is a link-local address; take a unicast address that routers know"}},
		{"bad weights", service("backends", "[{address: 10.0.0.1, weight: -1}, {address: 10.0.0.2, weight: 65536}, {address: 10.0.0.3, weight: 1.5}]"), []string{
			"9:44: balance.services[].backends[].weight must be from 0 to 65535",
			"9:77: balance.services[].backends[].weight must be from 0 to 65535",
			`9:113: balance.services[].backends[].weight must be a whole number, not "1.5"`}},
		{"bad backend twice", service("backends", "[{address: '2001:db8::1'}, {address: '2001:db8:0::1', weight: 2}]"), []string{
			"9:52: the service has backend 2001:db8::1 on line 9 already; give it more weight instead"}},
		{"bad backend is the service", service("backends", "[{address: 192.0.2.1}]"), []string{
			"9:26: balance.services[].backends[].address 192.0.2.1 is the service's own; write the address by which the machine itself is reached"}},
		{"bad families in mode l2", service("mode", "l2", "backends", "[{address: 10.0.0.1}, {address: '2001:db8::1'}]"), []string{
			"9:47: balance.services[].backends[].address 2001:db8::1 is not of the service's family, as mode l2 needs; take mode ipip or gue"}},
		{"OK families in mode l2", service("mode", "l2", "address", "'2001:db8::2'", "backends", "[{address: '2001:db8::1'}]"), nil},
		{"OK families in tunnels", service("mode", "gue", "backends", "[{address: 10.0.0.1}, {address: '2001:db8::1'}]"), nil},
		{"bad family where the address is wrong too", service("mode", "l2", "address", "x", "backends", "[{address: '2001:db8::1'}]"), []string{
			`5:14: balance.services[].address: "x" is no IP address; write it as in 192.0.2.1 or 2001:db8::1`}},
		{"OK as many as slots", service("table-size", "251", "backends", backendList(251)), []string{
			"261:17: warning: 251 slots for 251 backends make their shares uneven; take table-size 32749"}},
		{"bad more than slots", service("table-size", "251", "backends", backendList(252)), []string{
			"262:17: balance.services[].table-size is 251, less than the 252 backends; take 32749"}},
		{"bad more than slots by default", service("backends", backendList(16382)), []string{
			"4:5: balance.services[].table-size is 16381, less than the 16382 backends; take 131071"}},
		{"OK most with even shares", service("backends", backendList(163)), nil},
		{"OK more than have even shares", service("backends", backendList(164)), []string{
			"4:5: warning: 16381 slots for 164 backends make their shares uneven; take table-size 32749"}},
		{"OK more than can have even shares", service("table-size", "65537", "backends", backendList(1311)), []string{
			"1321:17: warning: 65537 slots for 1311 backends make their shares uneven; take table-size 131071"}},
		{"OK more than can have even shares in the largest", service("table-size", "131071", "backends", backendList(1311)), []string{
			"1321:17: warning: 131071 slots for 1311 backends make their shares uneven, and there is no larger table; make several services of it"}},
		{"OK most in the largest", service("table-size", "131071", "backends", backendList(1310)), nil},
		{"bad 32768 backends", service("backends", backendList(32768)), []string{
			"32777:7: 32768 backends; a service has at most 32767: spread them over several services"}},
		{"bad 65536 backends", service("backends", backendList(65536)), []string{
			"32777:7: 65536 backends; a service has at most 32767: spread them over several services"}},
		{"bad 65537 backends are over the limit too", service("backends", backendList(65537)), []string{
			"4:5: 65537 backends of all services, but limits.backends is 65536; raise it to at least 65537",
			"32777:7: 65537 backends; a service has at most 32767: spread them over several services"}},
	} {
		t.Run(r.name, r.run)
	}
}

// backendList has n backends that differ, one a line.
func backendList(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\n    - address: 10.%d.%d.%d", 1+i>>16, i>>8&255, i&255)
	}
	return b.String()
}
