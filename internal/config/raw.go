// SPDX-License-Identifier: Apache-2.0

package config

import "go.yaml.in/yaml/v4"

// The raw types mirror the text: what is written and where, before it is
// judged. A nil pointer is a key that isn't there, or has no usable value.
type raw struct {
	runtime    rawRuntime
	interfaces []rawInterface
	forward    rawForward
	balance    rawBalance
	punt       []rawPuntRule
	limits     rawLimits
}

type rawRuntime struct {
	bpffs, socket, metrics, log *item[string]
}

type rawInterface struct {
	name, mode           *item[string]
	allowPartialChecksum *item[bool]
}

type rawForward struct {
	place           // of the key
	allow, block    []item[string]
	dryRun, hairpin *item[bool]
	fib             *item[string]
	mssClamp        []rawMSSClamp
}

type rawMSSClamp struct {
	place
	broken         bool // something in it could not be read
	mss            *item[int]
	egress, prefix *item[string]
}

type rawPuntRule struct {
	broken                        bool // something in it could not be read
	name, protocol, address, port *item[string]
}

type rawLimits struct {
	broken                                   bool // something in it could not be read
	allow, interfaces, l3Interfaces, ifindex *item[int]
	services, backends, flows                *item[int]
}

// topLevel are the sections of a config. Both may be nil where only names count.
func topLevel(r *reader, c *raw) fields {
	return fields{
		"runtime":    func(e entry) { c.runtime.read(r, e) },
		"interfaces": func(e entry) { c.readInterfaces(r, e) },
		"forward":    func(e entry) { c.forward.read(r, e) },
		"balance":    func(e entry) { c.balance.read(r, e) },
		"punt":       func(e entry) { elements(r, &c.punt, (*rawPuntRule).read)(e) },
		"limits":     func(e entry) { c.limits.read(r, e) },
	}
}

func (c *rawRuntime) read(r *reader, e entry) {
	r.mapping(e.value, e.path, fields{
		"bpffs":   r.text(&c.bpffs),
		"socket":  r.text(&c.socket),
		"metrics": r.text(&c.metrics),
		"log":     r.text(&c.log),
	})
}

func (c *raw) readInterfaces(r *reader, e entry) {
	if isNull(e.value) || e.value.Kind == yaml.SequenceNode && len(e.value.Content) == 0 {
		r.errorf(at(e.value), "interfaces is empty; name at least one")
	}
	elements(r, &c.interfaces, (*rawInterface).read)(e)
}

func (c *rawInterface) read(r *reader, e entry) {
	r.mapping(e.value, e.path, fields{
		"name":                   r.text(&c.name),
		"mode":                   r.text(&c.mode),
		"allow-partial-checksum": r.boolean(&c.allowPartialChecksum),
	}, "name")
}

func (c *rawForward) read(r *reader, e entry) {
	c.place = at(e.key)
	r.mapping(e.value, e.path, fields{
		"allow":     r.texts(&c.allow),
		"block":     r.texts(&c.block),
		"dry-run":   r.boolean(&c.dryRun),
		"hairpin":   r.boolean(&c.hairpin),
		"fib":       r.text(&c.fib),
		"mss-clamp": elements(r, &c.mssClamp, (*rawMSSClamp).read),
	})
}

func (c *rawMSSClamp) read(r *reader, e entry) {
	c.place = at(e.value)
	c.broken = !r.mapping(e.value, e.path, fields{
		"mss":    r.number(&c.mss),
		"egress": r.text(&c.egress),
		"prefix": r.text(&c.prefix),
	}, "mss")
}

func (c *rawPuntRule) read(r *reader, e entry) {
	c.broken = !r.mapping(e.value, e.path, fields{
		"name":     r.text(&c.name),
		"protocol": r.text(&c.protocol),
		"address":  r.text(&c.address),
		"port":     r.text(&c.port),
	}, "name", "protocol", "address", "port")
}

func (c *rawLimits) read(r *reader, e entry) {
	c.broken = !r.mapping(e.value, e.path, fields{
		"allow":         r.number(&c.allow),
		"interfaces":    r.number(&c.interfaces),
		"l3-interfaces": r.number(&c.l3Interfaces),
		"ifindex":       r.number(&c.ifindex),
		"services":      r.number(&c.services),
		"backends":      r.number(&c.backends),
		"flows":         r.number(&c.flows),
	})
}
