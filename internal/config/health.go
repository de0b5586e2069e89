// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"clearway/dataplane"
)

// The defaults of a health check that are no zero values.
const (
	defaultInterval = 2 * time.Second
	defaultTimeout  = time.Second
	defaultRise     = 2
	defaultFall     = 3
	defaultPath     = "/"
)

// health checks how the backends of s, whose ports are known, are checked.
func (v *validator) health(path string, service rawService, s Service) *Health {
	c := service.health
	if c == nil {
		return nil
	}
	const most = 100 // results in a row
	h := Health{
		Type:     v.choice(path+".type", c.kind, "", "tcp", "http", "https"),
		Port:     v.healthPort(path+".port", service, s),
		Interval: v.duration(path+".interval", c.interval, defaultInterval, 100*time.Millisecond, time.Hour),
		Rise:     v.number(path+".rise", c.rise, defaultRise, 1, most),
		Fall:     v.number(path+".fall", c.fall, defaultFall, 1, most),
	}
	h.Timeout = v.duration(path+".timeout", c.timeout, min(defaultTimeout, h.Interval), 10*time.Millisecond, time.Hour)
	if h.Timeout > h.Interval {
		v.errorf(c.timeout.place, "%s %s is longer than the interval of %s; a check must end before the next begins",
			path+".timeout", plain(h.Timeout), plain(h.Interval))
	}
	switch h.Type {
	case "tcp":
		v.onlyHTTP(path+".path", c.path)
		v.onlyHTTP(path+".host", c.host)
	case "http", "https":
		h.Path = v.httpPath(path+".path", c.path)
		h.Host = v.host(path+".host", c.host)
	}
	return &h
}

// healthPort is the first of the service unless it is given. Checks are TCP, so
// that a port of UDP says nothing of where they go.
func (v *validator) healthPort(path string, c rawService, s Service) uint16 {
	switch {
	case c.health.port != nil:
		return uint16(v.number(path, c.health.port, 0, 1, 65535))
	case c.ports == nil, s.Protocol == 0: // which has been reported
	case c.ports.value.any:
		v.errorf(c.health.place, "%s is missing; there is none to take from ports, which is any", path)
	case s.Protocol == dataplane.UDP:
		v.errorf(c.health.place, "%s is missing; checks are TCP, and ports are of UDP", path)
	case len(s.Ports) > 0:
		return s.Ports[0]
	}
	return 0
}

func (v *validator) onlyHTTP(path string, value *item[string]) {
	if value != nil {
		v.errorf(value.place, "%s has no effect with type tcp; take it out, or make the type http or https", path)
	}
}

// httpPath is the target of a request in its usual form (RFC 9112, section
// 3.2.1).
func (v *validator) httpPath(path string, value *item[string]) string {
	if value == nil {
		return defaultPath
	}
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }
	s := value.value
	if _, err := url.ParseRequestURI(s); err != nil || !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, bad) {
		v.errorf(value.place, "%s must begin with a slash and be percent-encoded, as in /healthz?full=1; not %s", path, quote(s))
		return defaultPath
	}
	return s
}

// host is what the checks send as the host's name: one of DNS, or an address.
func (v *validator) host(path string, value *item[string]) string {
	if value == nil {
		return ""
	}
	const longest = 253 // of a name of DNS, RFC 1035
	s := value.value
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" || isName(s, longest) {
		return s
	}
	v.errorf(value.place, "%s must be a host name or an address, without a port; not %s", path, quote(s))
	return ""
}
