// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"clearway/bench/harness"
)

// Verdicts of an XDP program, <linux/bpf.h>.
const (
	xdpPass     = 2
	xdpTX       = 3
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
	sender
	lab *lab
	cpu int
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
		if err := harness.Pin(f.cpu); err != nil {
			return err
		}
		start := harness.ThreadTime()
		verdict, err = f.program.Run(&opts)
		spent = harness.ThreadTime() - start
		return err
	})
	if err != nil {
		return 0, nil, 0, fmt.Errorf("test run: %w", err)
	}
	return verdict, opts.DataOut, spent, nil
}

// first runs p once, on the first flow.
func (f *feed) first(p *ebpf.Program) (verdict uint32, frame []byte, err error) {
	if err := errors.Join(f.to(p), f.restart()); err != nil {
		return 0, nil, err
	}
	verdict, frame, _, err = f.run(1, make([]byte, 2*frameBytes))
	return verdict, frame, err
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
