// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"net/netip"
)

// request is what an HTTP probe sends. Path and Host go in as they are: whoever
// read the configuration has seen to it that they fit.
func request(c Check) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: clearway\r\nAccept: */*\r\nConnection: close\r\n\r\n",
		c.Path, hostField(c))
}

// hostField is the host as HTTP names it (RFC 9110, section 7.2): the one that
// was given, or the target's address, with its port if that isn't the scheme's.
func hostField(c Check) string {
	if c.Host != "" {
		if a, err := netip.ParseAddr(c.Host); err == nil {
			return uriHost(a)
		}
		return c.Host
	}
	usual := c.Type == "http" && c.Target.Port() == 80 || c.Type == "https" && c.Target.Port() == 443
	if usual {
		return uriHost(c.Target.Addr())
	}
	return c.Target.String()
}

// serverName is the host as TLS names it.
func serverName(c Check) string {
	if c.Host != "" {
		return c.Host
	}
	return c.Target.Addr().String()
}

// uriHost is an address as it stands in a URI (RFC 3986, section 3.2.2).
func uriHost(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
