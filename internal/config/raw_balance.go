// SPDX-License-Identifier: Apache-2.0

package config

import "go.yaml.in/yaml/v4"

type rawBalance struct {
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
	r.mapping(e.value, e.path, fields{
		"outer-map": r.text(&c.outerMap),
		"seed":      r.text(&c.seed),
		"source4":   r.text(&c.source4),
		"source6":   r.text(&c.source6),
		"gue-port":  r.number(&c.guePort),
		"icmp-rate": r.number(&c.icmpRate),
		"services":  elements(r, &c.services, (*rawService).read),
	})
}

func (c *rawService) read(r *reader, e entry) {
	c.place = at(e.value)
	c.broken = !r.mapping(e.value, e.path, fields{
		"name":       r.text(&c.name),
		"address":    r.text(&c.address),
		"protocol":   r.text(&c.protocol),
		"ports":      func(e entry) { c.readPorts(r, e) },
		"table-size": r.number(&c.tableSize),
		"mode":       r.text(&c.mode),
		"affinity":   r.text(&c.affinity),
		"tracking":   r.text(&c.tracking),
		"settle":     r.text(&c.settle),
		"down-grace": r.text(&c.downGrace),
		"health":     func(e entry) { c.readHealth(r, e) },
		"backends":   elements(r, &c.backends, (*rawBackend).read),
	}, "name", "address", "protocol", "ports")
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
		r.list(func(e entry) {
			var one *item[int]
			r.number(&one)(e)
			if one != nil {
				ports.value.list = append(ports.value.list, *one)
			}
		})(e)
	}
	if ports.value.any || len(ports.value.list) > 0 {
		c.ports = &ports
	}
}

func (c *rawService) readHealth(r *reader, e entry) {
	h := rawHealth{place: at(e.key)}
	r.mapping(e.value, e.path, fields{
		"type":     r.text(&h.kind),
		"port":     r.number(&h.port),
		"path":     r.text(&h.path),
		"host":     r.text(&h.host),
		"interval": r.text(&h.interval),
		"timeout":  r.text(&h.timeout),
		"rise":     r.number(&h.rise),
		"fall":     r.number(&h.fall),
	}, "type")
	c.health = &h
}

func (c *rawBackend) read(r *reader, e entry) {
	c.place = at(e.value)
	r.mapping(e.value, e.path, fields{
		"address": r.text(&c.address),
		"weight":  r.number(&c.weight),
	}, "address")
}
