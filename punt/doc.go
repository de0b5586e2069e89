// SPDX-License-Identifier: Apache-2.0

// Package punt lets a program serve a punt rule of a running Clearway daemon.
//
// A rule in the daemon's configuration names an address, a protocol and a port:
//
//	punt:
//	  - {name: dns, protocol: udp, address: 203.0.113.53, port: 53}
//
// Packets that match it are handed to the AF_XDP socket that is registered for the
// interface and queue that they arrive on, as whole Ethernet frames and before
// Linux sees them. On a queue without a socket they go to Linux as if there were
// no rule, and are counted as pass_no_socket.
//
// # A program
//
// This prints what the rules match on queue 0 of eth0. It is all there is to do:
// the daemon's own program steers the packets, so none is attached here. check and
// must end the program on an error.
//
//	umem := must(xsk.NewUMEM(xsk.UMEMOptions{}))
//	sock := must(xsk.Open(umem, xsk.Options{Ifindex: ifindex}))
//	check(punt.Register(ctx, punt.DefaultControl, "eth0", sock.Queue(), sock.FD()))
//	for cache := umem.NewCache(); ; must(sock.Fill.Refill(cache)) {
//		check(sock.RX.Wait(ctx))
//		packets := slices.Concat(sock.RX.Peek(64))
//		for _, d := range packets {
//			fmt.Printf("%x\n", umem.Data(d))
//		}
//		check(cache.PutAll(packets))
//		sock.RX.Release(len(packets))
//	}
//
// examples/punt-echo answers what it gets.
//
// # Queues
//
// A device spreads packets over its queues, so a program has a socket for each of
// them (ethtool -l shows how many there are), or has the device use fewer
// (ethtool -L eth0 combined 1). All sockets may share one UMEM. Frames larger than
// a chunk need xsk's option MultiBuffer; without it they are lost.
//
// # Restarts
//
// A registration lasts as long as the socket. It outlives the daemon, whose
// restarts and upgrades no packet notices. When the program ends, however it
// does, packets go to Linux from that moment on; started again, it registers its
// new sockets. To register again is always right, and needed in one case alone:
// after a reload that changed limits.interfaces, or that took the interface out
// and put it back. `clearway punt` shows who has a socket.
package punt
