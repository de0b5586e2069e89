// SPDX-License-Identifier: Apache-2.0

// Command punt-echo serves the punt rules of a running Clearway daemon: it answers
// each UDP packet that they match on an interface with what is in it.
//
//	punt-echo INTERFACE [SOCKET]
//
// SOCKET is the daemon's runtime.socket.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"clearway/punt"
	"clearway/xsk"
)

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		log.Fatal("usage: punt-echo INTERFACE [SOCKET]")
	}
	control := punt.DefaultControl
	if len(os.Args) == 3 {
		control = os.Args[2]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[1], control); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

// serve has a socket on each queue of an interface, as packets come in by all of
// them.
func serve(ctx context.Context, device, control string) error {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	queues, err := xsk.Queues(i.Index)
	if err != nil {
		queues = 1
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var registered sync.WaitGroup
	failed := make(chan error, queues)
	for queue := range queues {
		registered.Add(1)
		go func() {
			err := echo(ctx, i, queue, control, sync.OnceFunc(registered.Done))
			cancel()
			failed <- err
		}()
	}
	registered.Wait()
	if ctx.Err() == nil {
		fmt.Printf("answering on %d queues of %s\n", queues, device)
	}
	var first error
	for range queues {
		if err := <-failed; first == nil || errors.Is(first, context.Canceled) {
			first = err
		}
	}
	return first
}

// echo serves a queue. It calls registered when packets come in, or never will.
func echo(ctx context.Context, i *net.Interface, queue int, control string, registered func()) (err error) {
	defer registered()
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, umem.Close()) }()
	s, err := xsk.Open(umem, xsk.Options{Ifindex: i.Index, Queue: queue})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := punt.Register(ctx, control, i.Name, queue, s.FD()); err != nil {
		return err
	}
	registered()
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
