// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"clearway/internal/testkit"
)

var client, server = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}

// The answer is the very frame that the server would have built.
func TestTurn(t *testing.T) {
	rng := testkit.Rand(t)
	for range 2000 {
		hops, id := uint8(rng.IntN(256)), uint16(rng.IntN(1<<16))
		a, b := uint16(1+rng.IntN(1<<16-1)), uint16(1+rng.IntN(1<<16-1))
		tagged, six, options, payload := rng.IntN(2) == 0, rng.IntN(2) == 0, rng.IntN(3), rng.IntN(100)
		build := func(to, from [6]byte, source, destination string, ttl uint8, sport, dport uint16) []byte {
			f := testkit.NewFrame(to, from)
			if tagged {
				f.Tag(7)
			}
			if six {
				f.IPv6("2001:db8::"+source, "2001:db8::"+destination)
			} else {
				f.IPv4("192.0.2."+source, "192.0.2."+destination).ID(id).Options(make([]byte, 4*options)...)
			}
			return f.TTL(ttl).UDP(sport, dport).Payload(payload).Bytes()
		}
		got := build(server, client, "1", "2", hops, a, b)
		want := build(client, server, "2", "1", ttl, b, a)
		if !turn(got) {
			t.Fatalf("refused: %x", got)
		}
		if diff := testkit.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

// What is not to be answered stays as it is, cut off anywhere too.
func TestTurnOthers(t *testing.T) {
	udp4 := func() *testkit.Frame {
		return testkit.NewFrame(server, client).IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2)
	}
	frames := [][]byte{
		testkit.NewFrame(server, client).IPv4("192.0.2.1", "192.0.2.2").TCP(1, 2, 0).Bytes(),
		testkit.NewFrame(server, client).IPv6("2001:db8::1", "2001:db8::2").TCP(1, 2, 0).Bytes(),
		udp4().EtherType(0x0806).Bytes(),
		udp4().IHL(4).Bytes(),
		udp4().TagOf(0x88a8, 1).Bytes(),
	}
	for _, whole := range [][]byte{
		udp4().Bytes(), udp4().Tag(7).Bytes(), testkit.NewFrame(server, client).IPv6("2001:db8::1", "2001:db8::2").UDP(1, 2).Bytes(),
		udp4().Options(make([]byte, 8)...).Bytes(),
	} {
		for n := range len(whole) {
			frames = append(frames, whole[:n])
		}
	}
	for _, frame := range frames {
		got := bytes.Clone(frame)
		if turn(got) || !bytes.Equal(got, frame) {
			t.Errorf("%x became %x", frame, got)
		}
	}
}
