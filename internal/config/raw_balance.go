// SPDX-License-Identifier: Apache-2.0

package config

import "go.yaml.in/yaml/v4"

type rawBalance struct {
	place             // of the key
	outerMap, seed    *item[string]
	source4, source6  *item[string]
	guePort, icmpRate *item[int]
	services          []rawService
}

type rawService struct {
	place
	broken                  bool // something in it could not be read
	name, address, protocol *item[string]
	ports                   *item[rawPorts]
	tableSize               *item[int]
	mode, affinity          *item[string]
	tracking                *item[string]
	settle, downGrace       *item[string]
	health                  *rawHealth
	backends                []rawBackend
}

// rawPorts is a list of ports, or any.
type rawPorts struct {
	any  bool
	list []item[int]
}

type rawHealth struct {
	place             // of the key
	kind              *item[string]
	port              *item[int]
	path, host        *item[string]
	interval, timeout *item[string]
	rise, fall        *item[int]
}

type rawBackend struct {
	place
	address *item[string]
	weight  *item[int]
}

func (c *rawBalance) read(r *reader, e entry) {
	c.place = at(e.key)
	r.mapping(e.value, e.path, fields{
		"outer-map": r.text(&c.outerMap),
		"seed":      r.text(&c.seed),
		"source4":   r.text(&c.source4),
		"source6":   r.text(&c.source6),
		"gue-port":  r.number(&c.guePort),
		"icmp-rate": r.number(&c.icmpRate),
		"services":  r.list(func(path string, n *yaml.Node) { c.readService(r, path, n) }),
	})
}

func (c *rawBalance) readService(r *reader, path string, n *yaml.Node) {
	one, before := rawService{place: at(n)}, r.errors
	r.mapping(n, path, fields{
		"name":       r.text(&one.name),
		"address":    r.text(&one.address),
		"protocol":   r.text(&one.protocol),
		"ports":      func(e entry) { one.readPorts(r, e) },
		"table-size": r.number(&one.tableSize),
		"mode":       r.text(&one.mode),
		"affinity":   r.text(&one.affinity),
		"tracking":   r.text(&one.tracking),
		"settle":     r.text(&one.settle),
		"down-grace": r.text(&one.downGrace),
		"health":     func(e entry) { one.readHealth(r, e) },
		"backends":   r.list(func(path string, n *yaml.Node) { one.readBackend(r, path, n) }),
	}, "name", "address", "protocol", "ports")
	one.broken = r.errors > before
	c.services = append(c.services, one)
}

func (c *rawService) readPorts(r *reader, e entry) {
	const either = "a list of ports, as in [80, 443], or any"
	ports := item[rawPorts]{place: at(e.value)}
	switch {
	case isNull(e.value):
		r.errorf(ports.place, "%s has no value; it takes %s", e.path, either)
	case e.value.Kind == yaml.ScalarNode && e.value.Value == "any":
		ports.value.any = true
	case !r.isKind(e.value, yaml.SequenceNode, e.path, either):
	case len(e.value.Content) == 0:
		r.errorf(ports.place, "%s is empty; it takes %s", e.path, either)
	default:
		for _, n := range e.value.Content {
			var one *item[int]
			r.number(&one)(entry{path: e.path + "[]", value: n})
			if one != nil {
				ports.value.list = append(ports.value.list, *one)
			}
		}
	}
	if ports.value.any || len(ports.value.list) > 0 {
		c.ports = &ports
	}
}

func (c *rawService) readHealth(r *reader, e entry) {
	one := rawHealth{place: at(e.key)}
	r.mapping(e.value, e.path, fields{
		"type":     r.text(&one.kind),
		"port":     r.number(&one.port),
		"path":     r.text(&one.path),
		"host":     r.text(&one.host),
		"interval": r.text(&one.interval),
		"timeout":  r.text(&one.timeout),
		"rise":     r.number(&one.rise),
		"fall":     r.number(&one.fall),
	}, "type")
	c.health = &one
}

func (c *rawService) readBackend(r *reader, path string, n *yaml.Node) {
	one := rawBackend{place: at(n)}
	r.mapping(n, path, fields{
		"address": r.text(&one.address),
		"weight":  r.number(&one.weight),
	}, "address")
	c.backends = append(c.backends, one)
}
