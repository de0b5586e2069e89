// SPDX-License-Identifier: Apache-2.0

// Package xsk drives AF_XDP sockets, the kernel's way to give a program the
// packets of a network device's queue, and take packets from it, without a copy
// where the driver can, and without a system call for most of them.
//
// # The four rings
//
// Packets lie in a [UMEM]: memory in chunks of one size, shared with the kernel.
// What moves is only descriptors, on four rings in memory that is shared too:
//
//	            ┌──────────── program ────────────┐
//	   Refill   │   Peek         Submit           │  Collect
//	 ┌────◄─────┘    ▲              │             └────◄──────┐
//	 ▼               │              ▼                         │
//	┌──────┐      ┌────┐          ┌────┐              ┌────────────┐
//	│ Fill │      │ RX │          │ TX │              │ Completion │
//	└──┬───┘      └──▲─┘          └─┬──┘              └─────▲──────┘
//	   └────► device ┘              └───────► device ───────┘
//	   empty chunks, packets        packets, chunks that were sent
//
// Each ring has one producer and one consumer, so nothing is locked. A batch
// costs one load of the other side's cursor, often none, and one store of ours.
// [RX.Peek] and [TX.Reserve] return the entries where they lie, as two spans
// because the ring may wrap, and don't copy them.
//
// # Who owns a chunk
//
// At each moment one side owns a chunk, and only the owner may touch its bytes:
//
//	free       the pool's, or a cache's         → Cache.Get, Fill.Refill
//	taken      the program's, from a cache      → TX.Submit, Cache.Put
//	filling    the kernel's, to receive into    → RX.Peek
//	received   the program's, with a packet     → TX.Submit, Cache.Put
//	sending    the kernel's, to send            → Completion.Collect, TX.Kick
//
// The owner of each chunk is on record, and checked whenever one is given away:
// what was freed or sent before is refused with a [ChunkError], and nothing
// happens. So is a chunk of another UMEM, unless the program holds the one at the
// same address of this UMEM too. [UMEM.Counts] adds up at any time. There is no
// mode without these checks, as they cost about a nanosecond a packet.
//
// # Goroutines
//
// One goroutine receives, with RX and Fill, and one sends, with TX and
// Completion; they may be the same. Each has a [Cache] of free chunks. Nothing
// that is called for each batch allocates or locks, but for a cache that
// exchanges 64 chunks with the pool.
//
// # A program
//
// This prints each packet that arrives on queue 0 of a device. The example
// below shows the other half. check ends the program on an error.
//
//	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
//	check(err)
//	sock, err := xsk.Open(umem, xsk.Options{Ifindex: ifindex})
//	check(err)
//	prog, err := xskprog.Attach(xskprog.Options{Ifindex: ifindex})
//	check(err)
//	check(prog.Register(sock.Queue(), sock.FD()))
//	for cache := umem.NewCache(); ; {
//		check(sock.RX.Wait(ctx))
//		a, b := sock.RX.Peek(64)
//		for _, span := range [2][]xsk.Desc{a, b} {
//			for _, d := range span {
//				fmt.Printf("%x\n", umem.Data(d))
//			}
//			check(cache.PutAll(span))
//		}
//		sock.RX.Release(len(a) + len(b))
//		_, err := sock.Fill.Refill(cache)
//		check(err)
//	}
//
// # Closing
//
// [Socket.Close] sends what was submitted, closes the socket, waits for a proof
// that the kernel has let go of the queue, and takes back what the kernel had,
// address by address. The kernel returns chunks in any order and goes on for
// some milliseconds after close(2), so nothing else is safe: to count what was
// given and to take it back from the rings in order, as older texts on AF_XDP
// teach, hands out chunks that the kernel still writes to. What the kernel holds
// too long is set aside: see [QuarantineError]. Slices of rings and packets read
// as zeros after the close of their socket or UMEM, and never fault.
//
// For the same reason a queue is busy for a while after its socket was closed,
// by whatever process; [Open] tries again for a second.
package xsk
