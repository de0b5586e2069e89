// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

func TestHealth(t *testing.T) {
	for _, r := range []row{
		{"bad null", service("health", "~"), []string{
			"8:13: balance.services[].health.type is missing"}},
		{"bad kind", service("health", "http"), []string{
			`8:13: balance.services[].health must be a mapping of keys to values, not "http"`}},
		{"bad type", service("health", "{type: icmp}"), []string{
			`8:20: balance.services[].health.type must be one of tcp, http, https; not "icmp"`}},
		{"bad ports", service("health", "{type: tcp, port: 0}"), []string{
			"8:31: balance.services[].health.port must be from 1 to 65535"}},
		{"bad port beyond", service("health", "{type: tcp, port: 65536}"), []string{
			"8:31: balance.services[].health.port must be from 1 to 65535"}},
		{"bad any without a port", service("ports", "any"), []string{
			"8:5: balance.services[].health.port is missing; there is none to take from ports, which is any"}},
		{"bad UDP without a port", service("protocol", "udp"), []string{
			"8:5: balance.services[].health.port is missing; checks are TCP, and ports are of UDP"}},
		{"bad no port where ports are wrong", service("ports", "[https]"), []string{
			`7:13: balance.services[].ports[] must be a whole number, not "https"`}},
		{"bad path and host with tcp", service("health", "{type: tcp, path: /, host: a}"), []string{
			"8:31: balance.services[].health.path has no effect with type tcp; take it out, or make the type http or https",
			"8:40: balance.services[].health.host has no effect with type tcp; take it out, or make the type http or https"}},
		{"bad path without a slash", service("health", "{type: http, path: healthz}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "healthz"`}},
		{"bad path with a space", service("health", "{type: http, path: /a b}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "/a b"`}},
		{"bad path with a fragment", service("health", "{type: http, path: '/a#b'}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "/a#b"`}},
		{"bad path beyond ASCII", service("health", "{type: http, path: /größe}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "/größe"`}},
		{"bad path with an escape that is none", service("health", "{type: http, path: /a%zz}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "/a%zz"`}},
		{"bad path with a line end", service("health", `{type: http, path: "/a\r\nb: c"}`), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "/a\r\nb: c"`}},
		{"bad empty path", service("health", "{type: http, path: ''}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not ""`}},
		{"bad whole URL", service("health", "{type: http, path: 'http://a/'}"), []string{
			`8:32: balance.services[].health.path must begin with a slash and be percent-encoded, as in /healthz?full=1; not "http://a/"`}},
		{"bad host with a port", service("health", "{type: https, host: 'a:80'}"), []string{
			`8:33: balance.services[].health.host must be a host name or an address, without a port; not "a:80"`}},
		{"bad host with a line end", service("health", `{type: http, host: "a\r\nb"}`), []string{
			`8:32: balance.services[].health.host must be a host name or an address, without a port; not "a\r\nb"`}},
		{"bad empty host", service("health", "{type: http, host: ''}"), []string{
			`8:32: balance.services[].health.host must be a host name or an address, without a port; not ""`}},
		{"bad host with a zone", service("health", "{type: http, host: 'fe80::1%a'}"), []string{
			`8:32: balance.services[].health.host must be a host name or an address, without a port; not "fe80::1%a"`}},
		{"bad times below", service("health", "{type: tcp, interval: 99ms, timeout: 9ms}"), []string{
			"8:35: balance.services[].health.interval must be from 100ms to 1h",
			"8:50: balance.services[].health.timeout must be from 10ms to 1h"}},
		{"bad times above", service("health", "{type: tcp, interval: 61m, timeout: 61m}"), []string{
			"8:35: balance.services[].health.interval must be from 100ms to 1h",
			"8:49: balance.services[].health.timeout must be from 10ms to 1h"}},
		{"bad times without units", service("health", "{type: tcp, interval: 2, timeout: 1}"), []string{
			`8:35: balance.services[].health.interval must be a time with its unit, as in 500ms, 10s or 6m; not "2"`,
			`8:47: balance.services[].health.timeout must be a time with its unit, as in 500ms, 10s or 6m; not "1"`}},
		{"bad timeout longer than the interval", service("health", "{type: tcp, interval: 1m, timeout: 61s}"), []string{
			"8:48: balance.services[].health.timeout 1m1s is longer than the interval of 1m; a check must end before the next begins"}},
		{"bad timeout longer than the default interval", service("health", "{type: tcp, timeout: 3s}"), []string{
			"8:34: balance.services[].health.timeout 3s is longer than the interval of 2s; a check must end before the next begins"}},
		{"bad counts", service("health", "{type: tcp, rise: 0, fall: 101}"), []string{
			"8:31: balance.services[].health.rise must be from 1 to 100",
			"8:40: balance.services[].health.fall must be from 1 to 100"}},
	} {
		t.Run(r.name, r.run)
	}
}
