// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// field is a named run of a frame's bytes.
type field struct {
	name  string
	bytes []byte
}

// Diff returns "" if the frames are equal, and else the fields that differ,
// one a line, and both frames in hex.
func Diff(want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	var out strings.Builder
	if len(want) != len(got) {
		fmt.Fprintf(&out, "length: want %d, got %d\n", len(want), len(got))
	}
	w, g := decode(want), decode(got)
	for i := range max(len(w), len(g)) {
		a, b := fieldAt(w, i), fieldAt(g, i)
		switch {
		case a.name != b.name:
			fmt.Fprintf(&out, "want %s=%x, got %s=%x\n", a.name, a.bytes, b.name, b.bytes)
		case !bytes.Equal(a.bytes, b.bytes):
			fmt.Fprintf(&out, "%s: want %x, got %x%s\n", a.name, a.bytes, b.bytes, firstDifference(a.bytes, b.bytes))
		}
	}
	fmt.Fprintf(&out, "want % x\ngot  % x", want, got)
	return out.String()
}

func fieldAt(fields []field, i int) field {
	if i < len(fields) {
		return fields[i]
	}
	return field{name: "nothing"}
}

// firstDifference tells where long fields part.
func firstDifference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && i >= 8 {
			return fmt.Sprintf(" (from byte %d of it)", i)
		}
	}
	return ""
}

// decode splits a frame into fields as far as its headers go; what follows is
// "rest".
func decode(frame []byte) []field {
	d := &decoder{rest: frame}
	d.take("destination MAC", 6)
	d.take("source MAC", 6)
	t := d.take16("ethertype")
	for t == EtherType8021Q || t == EtherType8021AD {
		d.take("tci", 2)
		t = d.take16("ethertype")
	}
	switch t {
	case EtherTypeIPv4:
		d.ipv4()
	case EtherTypeIPv6:
		d.ipv6()
	}
	d.take("rest", len(d.rest))
	return d.fields
}

type decoder struct {
	fields []field
	rest   []byte
}

// take cuts the next n bytes, or as many as there are.
func (d *decoder) take(name string, n int) []byte {
	n = max(0, min(n, len(d.rest)))
	if n == 0 {
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	d.fields = append(d.fields, field{name, b})
	return b
}

func (d *decoder) take16(name string) uint16 {
	if b := d.take(name, 2); len(b) == 2 {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) take8(name string) uint8 {
	if b := d.take(name, 1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) ipv4() {
	words := int(d.take8("version, IHL") & 15)
	d.take("TOS", 1)
	length := int(d.take16("total length"))
	d.take("ID", 2)
	d.take("fragment", 2)
	d.take("TTL", 1)
	protocol := d.take8("protocol")
	d.take("header checksum", 2)
	d.take("source", 4)
	d.take("destination", 4)
	d.take("IP options", words*4-20)
	d.upper(protocol, length-max(words*4, 20))
}

func (d *decoder) ipv6() {
	d.take("version, class, flow label", 4)
	length := int(d.take16("payload length"))
	next := d.take8("next header")
	d.take("hop limit", 1)
	d.take("source", 16)
	d.take("destination", 16)
	d.upper(next, length)
}

// upper decodes length bytes above the IP header; behind them is the trailer.
func (d *decoder) upper(protocol uint8, length int) {
	length = max(0, min(length, len(d.rest)))
	trailer := d.rest[length:]
	d.rest = d.rest[:length]
	switch protocol {
	case ProtoTCP:
		d.take("source port", 2)
		d.take("destination port", 2)
		d.take("sequence", 4)
		d.take("acknowledgement", 4)
		words := int(d.take8("data offset") >> 4)
		d.take("TCP flags", 1)
		d.take("window", 2)
		d.take("TCP checksum", 2)
		d.take("urgent", 2)
		d.take("TCP options", words*4-20)
	case ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP:
		d.take("source port", 2)
		d.take("destination port", 2)
	case ProtoICMP, ProtoICMPv6:
		d.take("ICMP type", 1)
		d.take("ICMP code", 1)
		d.take("ICMP checksum", 2)
	}
	d.take("payload", len(d.rest))
	d.rest = trailer
	d.take("trailer", len(trailer))
}
