// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"clearway/dataplane"
)

// The defaults that are no zero values. Those of limits are the data path's.
const (
	defaultBPFFS   = "/sys/fs/bpf/clearway"
	defaultSocket  = "/run/clearway/clearway.sock"
	defaultMetrics = "127.0.0.1:9450"
	defaultLog     = "info"
)

// validator turns raw values into checked ones. What is wrong is reported and
// left out of the result.
type validator struct {
	*report
	named []named
}

// config reads and checks the mapping at the top level. whole is false when
// parts of the text are missing from it.
func (v *validator) config(top *yaml.Node, whole bool) *Config {
	c := raw{forward: rawForward{place: at(top)}}
	var required []string
	if whole {
		required = []string{"interfaces"}
	}
	r := &reader{v.report}
	r.mapping(top, "", topLevel(r, &c), required...)

	out := &Config{
		Runtime:    v.runtime(c.runtime),
		Interfaces: v.interfaces(c.interfaces),
		Limits:     v.limits(c.limits, whole),
	}
	if most := out.Limits.Interfaces; len(out.Interfaces) > most {
		v.tooMany(v.named[most].place, len(out.Interfaces), "interfaces", "interfaces", most)
	}
	out.Forward = v.forward(c.forward, out.Limits, c.limits.allow)
	taken := make(claims)
	out.Balance = v.balance(c.balance, out.Limits, taken)
	out.Punt = v.punt(c.punt, taken)
	if len(out.Forward.Allow) == 0 && len(out.Balance.Services) == 0 && len(out.Punt) == 0 && v.errors == 0 {
		v.warnf(c.forward.place, "forward.allow is empty: every packet is left to Linux")
	}
	out.named = v.named
	return out
}

func (v *validator) runtime(c rawRuntime) Runtime {
	r := Runtime{
		BPFFS:   v.path("runtime.bpffs", c.bpffs, defaultBPFFS),
		Socket:  v.path("runtime.socket", c.socket, defaultSocket),
		Metrics: v.metrics(c.metrics),
	}
	const longest = 107 // sizeof(sockaddr_un.sun_path) - 1, include/uapi/linux/un.h
	if c.socket != nil && len(r.Socket) > longest {
		v.errorf(c.socket.place, "runtime.socket has %d bytes; the kernel takes at most %d", len(r.Socket), longest)
	}
	level := v.choice("runtime.log", c.log, defaultLog, "debug", "info", "warn", "error")
	if err := r.Log.UnmarshalText([]byte(level)); err != nil {
		r.Log = slog.LevelInfo // it was reported
	}
	return r
}

// metrics is an IP and port, or off. YAML 1.1 reads off as false, and so may
// the tool that wrote the file.
func (v *validator) metrics(value *item[string]) string {
	if value == nil {
		return defaultMetrics
	}
	if strings.EqualFold(value.value, "off") || strings.EqualFold(value.value, "false") {
		return ""
	}
	address, err := netip.ParseAddrPort(value.value)
	if err != nil || address.Port() == 0 {
		v.errorf(value.place, "runtime.metrics must be an IP address and a port, as in %s, or off; not %s",
			defaultMetrics, quote(value.value))
		return ""
	}
	return address.String()
}

func (v *validator) interfaces(list []rawInterface) []Interface {
	var out []Interface
	first := map[string]int{} // name → line
	for _, c := range list {
		mode := v.choice("interfaces[].mode", c.mode, "auto", "auto", "native", "generic")
		if c.name == nil || !v.interfaceName("interfaces[].name", c.name) {
			continue
		}
		if line, twice := first[c.name.value]; twice {
			v.errorf(c.name.place, "interface %s is on line %d already", quote(c.name.value), line)
			continue
		}
		first[c.name.value] = c.name.line
		out = append(out, Interface{
			Name:                 c.name.value,
			Mode:                 dataplane.Mode(mode),
			AllowPartialChecksum: isSet(c.allowPartialChecksum),
		})
	}
	return out
}

// interfaceName applies the rules of dev_valid_name in net/core/dev.c, and
// notes the name for CheckMachine.
func (v *validator) interfaceName(path string, name *item[string]) bool {
	const longest = 15 // IFNAMSIZ - 1
	bad := func(r rune) bool { return r == '/' || r == ':' || unicode.IsSpace(r) || unicode.IsControl(r) }
	s := name.value
	if s == "" || len(s) > longest || s == "." || s == ".." || strings.ContainsFunc(s, bad) {
		v.errorf(name.place, "%s %s can't be the name of an interface: 1 to %d bytes, no space, slash or colon",
			path, quote(s), longest)
		return false
	}
	v.named = append(v.named, named{name.place, s, &Problem{
		Line: name.line, Column: name.column,
		Message: fmt.Sprintf("there is no interface %s on this machine", quote(s)),
	}})
	return true
}

// limits checks each limit; where they are not clear, it returns the largest,
// so that nothing is measured by a limit that isn't meant. L3 interfaces are
// numbered in 16 bits, from 1; an ifindex above 24 bits would cost gigabytes.
func (v *validator) limits(c rawLimits, whole bool) Limits {
	most := Limits{
		Allow: 4_000_000, Interfaces: 4096, L3Interfaces: 65535, Ifindex: 1<<24 - 1,
		Services: 1_000_000, Backends: 4_000_000, Flows: 1 << 24,
	}
	before := v.errors
	out := Limits{
		Allow:        v.number("limits.allow", c.allow, dataplane.DefaultAllow, 1, most.Allow),
		Interfaces:   v.number("limits.interfaces", c.interfaces, dataplane.DefaultInterfaces, 1, most.Interfaces),
		L3Interfaces: v.number("limits.l3-interfaces", c.l3Interfaces, dataplane.DefaultL3Interfaces, 1, most.L3Interfaces),
		Ifindex:      v.number("limits.ifindex", c.ifindex, dataplane.DefaultIfindex, 1, most.Ifindex),
		Services:     v.number("limits.services", c.services, dataplane.DefaultServices, 1, most.Services),
		Backends:     v.number("limits.backends", c.backends, dataplane.DefaultBackends, 1, most.Backends),
		Flows:        v.number("limits.flows", c.flows, dataplane.DefaultFlows, 1, most.Flows),
	}
	if c.broken || !whole || v.errors > before {
		return most
	}
	return out
}

// path is absolute, and as short as it can be written.
func (v *validator) path(path string, value *item[string], otherwise string) string {
	if value == nil {
		return otherwise
	}
	s := value.value
	switch {
	case strings.ContainsFunc(s, unicode.IsControl):
		v.errorf(value.place, "%s %s holds a control character", path, quote(s))
	case !filepath.IsAbs(s):
		v.errorf(value.place, "%s must be an absolute path, not %s", path, quote(s))
	case filepath.Clean(s) != s:
		v.errorf(value.place, "%s must be written as %s, not %s", path, quote(filepath.Clean(s)), quote(s))
	case s == "/":
		v.errorf(value.place, "%s can't be the root directory", path)
	default:
		return s
	}
	return otherwise
}

func (v *validator) choice(path string, value *item[string], otherwise string, choices ...string) string {
	if value == nil {
		return otherwise
	}
	if slices.Contains(choices, value.value) {
		return value.value
	}
	v.errorf(value.place, "%s must be one of %s; not %s", path, strings.Join(choices, ", "), quote(value.value))
	return otherwise
}

func (v *validator) number(path string, value *item[int], otherwise, least, most int) int {
	if value == nil {
		return otherwise
	}
	if value.value < least || value.value > most {
		v.errorf(value.place, "%s must be from %d to %d", path, least, most)
		return otherwise
	}
	return value.value
}

// tooMany reports n things where a limit allows fewer.
func (v *validator) tooMany(where place, n int, what, key string, limit int) {
	v.errorf(where, "%d %s, but limits.%s is %d; raise it to at least %d", n, what, key, limit, n)
}

func isSet(value *item[bool]) bool { return value != nil && value.value }

// missing are the problems of all names, for their text to be filled in.
func (v *validator) missing() []*Problem {
	var all []*Problem
	for _, n := range v.named {
		all = append(all, n.missing)
	}
	return all
}
