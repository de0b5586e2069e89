// SPDX-License-Identifier: Apache-2.0

// Command xsk-echo answers what comes to a UDP port over IPv4, without Linux.
// Everything else, ARP and ssh too, goes to Linux as always.
//
//	xsk-echo DEVICE PORT
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"clearway/xsk"
	"clearway/xsk/xskprog"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: xsk-echo DEVICE PORT")
	}
	port, err := strconv.ParseUint(os.Args[2], 10, 16)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := echo(ctx, os.Args[1], uint16(port)); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func echo(ctx context.Context, device string, port uint16) (err error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, umem.Close()) }()
	s, err := xsk.Open(umem, xsk.Options{Ifindex: i.Index})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	prog, err := xskprog.Attach(xskprog.Options{Ifindex: i.Index, Rules: []xskprog.Rule{{Protocol: unix.IPPROTO_UDP, DstPort: port}}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prog.Close()) }()
	if err := prog.Register(s.Queue(), s.FD()); err != nil {
		return err
	}
	fmt.Printf("answering on %s port %d\n", device, port)
	for cache := umem.NewCache(); ; {
		if err := s.RX.Wait(ctx); err != nil {
			return err
		}
		if err := answer(s, umem, cache); err != nil {
			return err
		}
	}
}

// answer sends a batch back. The packets stay where they were received.
func answer(s *xsk.Socket, umem *xsk.UMEM, cache *xsk.Cache) error {
	a, b := s.RX.Peek(64)
	for _, span := range [2][]xsk.Desc{a, b} {
		for i, d := range span {
			sent := 0
			if turn(umem.Data(d)) {
				var err error
				if sent, err = s.TX.Send(span[i : i+1]); err != nil {
					return err
				}
			}
			if sent == 0 { // it is none to answer, or the TX ring is full
				if err := cache.Put(d.Addr); err != nil {
					return err
				}
			}
		}
	}
	s.RX.Release(len(a) + len(b))
	if err := s.TX.Kick(cache); err != nil {
		return err
	}
	_, err := s.Fill.Refill(cache)
	return err
}

// turn swaps the addresses and ports of an untagged IPv4 packet with UDP. The
// checksums stay right. It returns false if the packet is another.
func turn(b []byte) bool {
	const ethernet, ipv4, udp = 14, 20, 8
	if len(b) < ethernet+ipv4+udp || b[12] != 0x08 || b[13] != 0x00 || b[14] != 0x45 {
		return false
	}
	swap(b[0:6], b[6:12])
	swap(b[26:30], b[30:34])
	swap(b[34:36], b[36:38])
	return true
}

func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}
