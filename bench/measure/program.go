// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
)

// Verdicts of an XDP program, <linux/bpf.h>.
const (
	xdpPass     = 2
	xdpRedirect = 4
)

// warmUp is how many packets go before a sample: more than there are flows.
const warmUp = 100_000

// xdpMD is struct xdp_md as a test run takes it.
type xdpMD struct {
	Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32
}

// feed is traffic for test runs (method M1), as it arrives at a router by one
// of its devices.
type feed struct {
	traffic *trafficObjects
	restore *ebpf.Program // calls the contender
	frame   []byte        // the first
	lab     *lab
	cpu     int
}

// newFeed loads traffic for a lab's router; flows are of one family.
func newFeed(l *lab, flows []netip.Addr, cpu int) (*feed, error) {
	source := source4
	if flows[0].Is6() {
		source = source6
	}
	f := &feed{frame: udpFrame(generatorMAC, ingressMAC, source, flows[0]), lab: l, cpu: cpu}
	var err error
	if f.traffic, err = newTraffic(f.frame, flows, 0); err != nil {
		return nil, err
	}
	f.restore = f.traffic.Restore4
	if flows[0].Is6() {
		f.restore = f.traffic.Restore6
	}
	return f, nil
}

// to makes p the contender.
func (f *feed) to(p *ebpf.Program) error {
	if err := f.traffic.Contender.Put(uint32(0), p); err != nil {
		return fmt.Errorf("choosing the contender: %w", err)
	}
	return nil
}

// run is one test run; it answers the last verdict and what became of out, and
// the CPU time of the whole.
func (f *feed) run(packets int, out []byte) (verdict uint32, output []byte, spent time.Duration, err error) {
	opts := ebpf.RunOptions{
		Data:    f.frame,
		DataOut: out,
		Repeat:  uint32(packets),
		Context: xdpMD{DataEnd: uint32(len(f.frame)), IngressIfindex: uint32(f.lab.ingress.Index)},
	}
	err = f.lab.Host(routerHost).Do(func() error {
		if err := pin(f.cpu); err != nil {
			return err
		}
		start := threadTime()
		verdict, err = f.restore.Run(&opts)
		spent = threadTime() - start
		return err
	})
	if err != nil {
		return 0, nil, 0, fmt.Errorf("test run: %w", err)
	}
	return verdict, opts.DataOut, spent, nil
}

// check runs p once, on the first flow, and compares what it makes of it.
func (f *feed) check(p *ebpf.Program, verdict uint32, frame []byte) error {
	err := errors.Join(f.to(p), f.traffic.NextFlow.Set(uint32(0)))
	if err != nil {
		return err
	}
	gotVerdict, got, _, err := f.run(1, make([]byte, 2*frameBytes))
	if err != nil {
		return err
	}
	if gotVerdict != verdict || !bytes.Equal(got, frame) {
		return fmt.Errorf("one packet: verdict %d, frame %x; want %d, %x", gotVerdict, got, verdict, frame)
	}
	return nil
}

// cost answers the nanoseconds of CPU time that p takes for a packet, the
// restoring included. A sample is at least so many packets and 20 ms.
func (f *feed) cost(p *ebpf.Program, packets int) (float64, error) {
	const atLeast = 20 * time.Millisecond
	if err := f.to(p); err != nil {
		return 0, err
	}
	_, _, spent, err := f.run(warmUp, nil)
	if err != nil {
		return 0, err
	}
	packets = max(packets, int(warmUp*atLeast/max(spent, 1)))
	_, _, spent, err = f.run(packets, nil)
	return float64(spent) / float64(packets), err
}
