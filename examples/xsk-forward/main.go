// SPDX-License-Identifier: Apache-2.0

// Command xsk-forward is a wire between two devices: what comes in on queue 0
// of one goes out on the other. The packets aren't copied: both sockets share
// their memory.
//
//	xsk-forward DEVICE DEVICE
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clearway/xsk"
	"clearway/xsk/xskprog"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: xsk-forward DEVICE DEVICE")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := connect(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func connect(ctx context.Context, devices []string) (err error) {
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, umem.Close()) }()
	var options []xsk.Options
	for _, device := range devices {
		i, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		options = append(options, xsk.Options{Ifindex: i.Index, Fill: 1024})
	}
	sockets, err := xsk.OpenAll(umem, options)
	if err != nil {
		return err
	}
	for _, s := range sockets {
		defer func() { err = errors.Join(err, s.Close()) }()
	}
	for _, s := range sockets {
		prog, attachErr := xskprog.Attach(xskprog.Options{Ifindex: s.Ifindex()})
		if attachErr != nil {
			return attachErr
		}
		defer func() { err = errors.Join(err, prog.Close()) }()
		if err := prog.Register(s.Queue(), s.FD()); err != nil {
			return err
		}
	}
	fmt.Printf("%s and %s are connected, zero-copy: %v\n", devices[0], devices[1], sockets[0].ZeroCopy())
	g, ctx := errgroup.WithContext(ctx)
	for i, from := range sockets {
		g.Go(func() error { return forward(ctx, from, sockets[1-i], umem.NewCache()) })
	}
	return g.Wait()
}

// forward moves packets one way. It alone uses what receives on from and what
// sends on to, and the cache.
func forward(ctx context.Context, from, to *xsk.Socket, cache *xsk.Cache) error {
	defer cache.Flush()
	for {
		if err := from.RX.Wait(ctx); err != nil {
			return err
		}
		a, b := from.RX.Peek(64)
		for _, span := range [2][]xsk.Desc{a, b} {
			n, err := to.TX.Send(span)
			if err != nil {
				return err
			}
			if err := cache.PutAll(span[n:]); err != nil { // for which there was no room
				return err
			}
		}
		from.RX.Release(len(a) + len(b))
		if err := to.TX.Kick(cache); err != nil {
			return err
		}
		if _, err := from.Fill.Refill(cache); err != nil {
			return err
		}
	}
}
