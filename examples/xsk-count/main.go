// SPDX-License-Identifier: Apache-2.0

// Command xsk-count takes every packet from a queue of a device and counts it.
// Linux doesn't see them.
//
//	xsk-count DEVICE [QUEUE]
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
	if len(os.Args) < 2 {
		log.Fatal("usage: xsk-count DEVICE [QUEUE]")
	}
	queue := 0
	if len(os.Args) > 2 {
		var err error
		if queue, err = strconv.Atoi(os.Args[2]); err != nil {
			log.Fatal(err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := count(ctx, os.Args[1], queue); err != nil {
		log.Fatal(err)
	}
}

func count(ctx context.Context, device string, queue int) (err error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, umem.Close()) }()
	s, err := xsk.Open(umem, xsk.Options{Ifindex: i.Index, Queue: queue, NoTX: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	prog, err := xskprog.Attach(xskprog.Options{Ifindex: i.Index})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prog.Close()) }()
	if err := prog.Register(queue, s.FD()); err != nil {
		return err
	}
	fmt.Printf("counting on %s queue %d, zero-copy: %v, in the driver: %v\n", device, queue, s.ZeroCopy(), prog.Native())
	packets, bytes := 0, 0
	for cache := umem.NewCache(); ; {
		if err := s.RX.Wait(ctx); err != nil {
			fmt.Printf("%d packets, %d bytes\n", packets, bytes)
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		a, b := s.RX.Peek(64)
		for _, span := range [2][]xsk.Desc{a, b} {
			for _, d := range span {
				packets++
				bytes += int(d.Len)
			}
			if err := cache.PutAll(span); err != nil {
				return err
			}
		}
		s.RX.Release(len(a) + len(b))
		if _, err := s.Fill.Refill(cache); err != nil {
			return err
		}
	}
}
