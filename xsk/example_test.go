// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// Echo is a complete program: it sends each packet that arrives on queue 0 of a
// device back, with its addresses swapped, until ctx ends.
func Echo(ctx context.Context, device string) error {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	if err != nil {
		return err
	}
	defer umem.Close()
	s, err := xsk.Open(umem, xsk.Options{Ifindex: i.Index})
	if err != nil {
		return err
	}
	defer s.Close()
	prog, err := xskprog.Attach(xskprog.Options{Ifindex: i.Index})
	if err != nil {
		return err
	}
	defer prog.Close()
	if err := prog.Register(s.Queue(), s.FD()); err != nil {
		return err
	}
	for cache := umem.NewCache(); ; {
		if err := s.RX.Wait(ctx); err != nil {
			return err
		}
		a, b := s.RX.Peek(64)
		for _, span := range [2][]xsk.Desc{a, b} {
			for _, d := range span {
				eth := umem.Data(d)
				var mac [6]byte
				copy(mac[:], eth)
				copy(eth[:6], eth[6:12])
				copy(eth[6:12], mac[:])
			}
			n, err := s.TX.Send(span) // the packets stay where they are
			if err != nil {
				return err
			}
			cache.PutAll(span[n:]) // for which the TX ring had no room
		}
		s.RX.Release(len(a) + len(b))
		if err := s.TX.Kick(cache); err != nil {
			return err
		}
		if _, err := s.Fill.Refill(cache); err != nil {
			return err
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// The program of the package's page.
func Print(ctx context.Context, ifindex int) {
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	check(err)
	sock, err := xsk.Open(umem, xsk.Options{Ifindex: ifindex})
	check(err)
	prog, err := xskprog.Attach(xskprog.Options{Ifindex: ifindex})
	check(err)
	check(prog.Register(sock.Queue(), sock.FD()))
	for cache := umem.NewCache(); ; {
		check(sock.RX.Wait(ctx))
		a, b := sock.RX.Peek(64)
		for _, span := range [2][]xsk.Desc{a, b} {
			for _, d := range span {
				fmt.Printf("%x\n", umem.Data(d))
			}
			check(cache.PutAll(span))
		}
		sock.RX.Release(len(a) + len(b))
		_, err := sock.Fill.Refill(cache)
		check(err)
	}
}

// A program that answers every packet.
func Example() {
	err := Echo(context.Background(), "nosuchdevice")
	fmt.Println(err)
	// Output: route ip+net: no such network interface
}

// What is the program's can be given away once.
func ExampleCache_Put() {
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 4, ChunkSize: 2048})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer umem.Close()
	cache := umem.NewCache()
	addr, _ := cache.Get()
	fmt.Println(cache.Put(addr))
	fmt.Println(cache.Put(addr))
	fmt.Println(umem.Counts().Free)
	// Output:
	// <nil>
	// xsk: put of 0 bytes at 0x0 with options 0x0: the chunk is free, not the program's: it was given away before
	// 4
}
