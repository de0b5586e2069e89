// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// quiet makes hosts predictable: nothing is filtered or limited that a lab
// didn't ask for, and no device speaks before it is spoken to. What remains is
// that a router sends each IPv4 address at most five errors about routes that
// don't lead anywhere, and one more each second.
var quiet = map[string]string{
	"net.ipv4.conf.all.rp_filter":                "0",
	"net.ipv4.conf.default.rp_filter":            "0",
	"net.ipv4.conf.all.log_martians":             "0",
	"net.ipv4.conf.default.log_martians":         "0",
	"net.ipv4.icmp_ratemask":                     "0",
	"net.ipv6.icmp.ratelimit":                    "0",
	"net.ipv6.conf.default.accept_dad":           "0",
	"net.ipv6.conf.default.accept_ra":            "0",
	"net.ipv6.conf.default.router_solicitations": "0",
}

// configure prepares a host that has no devices yet but loopback.
func (h *Host) configure(spec HostSpec) error {
	forward := "0"
	if spec.Forward {
		forward = "1"
	}
	settings := maps.Clone(quiet)
	settings["net.ipv4.ip_forward"] = forward
	settings["net.ipv6.conf.all.forwarding"] = forward
	maps.Copy(settings, spec.Sysctls)
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if err := h.SetSysctl(key, settings[key]); err != nil {
			return err
		}
	}
	return h.SetUp("lo", true)
}

// SetSysctl sets a kernel setting of the host, such as "net.ipv4.ip_forward".
// A key with slashes is taken as a path below /proc/sys, which is the way to
// write a device name that has dots.
func (h *Host) SetSysctl(key, value string) error {
	return h.doing("setting "+key, func() error {
		return h.Do(func() error { return os.WriteFile(sysctlPath(key), []byte(value), 0) })
	})
}

// Sysctl returns a kernel setting of the host.
func (h *Host) Sysctl(key string) (value string, err error) {
	err = h.doing("reading "+key, func() error {
		return h.Do(func() error {
			b, err := os.ReadFile(sysctlPath(key))
			value = strings.TrimSpace(string(b))
			return err
		})
	})
	return value, err
}

func sysctlPath(key string) string {
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	return filepath.Join("/proc/sys", key)
}

// doing adds the host and what was tried to the error of fn.
func (h *Host) doing(what string, fn func() error) error {
	if err := fn(); err != nil {
		return fmt.Errorf("%s: %s: %w", h.name, what, err)
	}
	return nil
}
