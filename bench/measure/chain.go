// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"clearway/bench/harness"
	"clearway/internal/topo"
)

// chain is a lab whose router sends on what the generator sends (method M2).
// The generator's program runs in live frames mode, and the veth devices hand a
// batch on in softirqs that run before the next batch is made: so all of the
// way is walked on one CPU, nothing queues, and the thread is charged for it.
type chain struct {
	sender
	lab     *lab
	host    string         // where the way ends
	device  topo.Interface // of that host
	cpu     int
	softirq string // see harness.SoftirqThread
	links   []link.Link
}

// startChain gets what sends from load, which runs in the generator.
func startChain(l *lab, host string, device topo.Interface, cpu int, load func() (sender, error)) (*chain, error) {
	softirq, err := harness.SoftirqThread(cpu)
	if err != nil {
		return nil, err
	}
	c := &chain{lab: l, host: host, device: device, cpu: cpu, softirq: softirq}
	err = l.Host(generatorHost).Do(func() (err error) {
		c.sender, err = load()
		return err
	})
	return c, err
}

// attach puts a program on a device of one of the hosts, in native mode.
func (c *chain) attach(host string, device topo.Interface, p *ebpf.Program) error {
	return c.lab.Host(host).Do(func() error {
		l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: device.Index, Flags: link.XDPDriverMode})
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", device.Name, err)
		}
		c.links = append(c.links, l)
		return nil
	})
}

// replace puts another program in place of the one attached last.
func (c *chain) replace(p *ebpf.Program) error {
	if err := c.links[len(c.links)-1].Update(p); err != nil {
		return fmt.Errorf("replacing a program: %w", err)
	}
	return nil
}

// stop detaches what is attached, and ends the sender.
func (c *chain) stop() error {
	var errs []error
	for _, l := range c.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(append(errs, c.close())...)
}

// send makes so many frames pass and answers the nanoseconds of CPU time that
// each took.
func (c *chain) send(frames int) (ns float64, err error) {
	err = c.lab.Host(generatorHost).Do(func() error {
		if err := harness.Pin(c.cpu); err != nil {
			return err
		}
		before, err := harness.ProcessTime(c.softirq)
		if err != nil {
			return err
		}
		start := harness.ThreadTime()
		_, err = c.program.Run(&ebpf.RunOptions{
			Data:      c.frame,
			Repeat:    uint32(frames),
			Flags:     unix.BPF_F_TEST_XDP_LIVE_FRAMES,
			BatchSize: 64,
		})
		spent := harness.ThreadTime() - start
		if err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		after, err := harness.ProcessTime(c.softirq)
		ns = float64(spent+after-before) / float64(frames)
		return err
	})
	return ns, err
}

// cost is send for so long, with proof that every frame arrived at the end, or
// none where the router drops all. When others use the CPU, softirqs may be put
// off and a queue overflows: then the sample is taken again.
func (c *chain) cost(d time.Duration, delivered bool) (float64, error) {
	const tries = 5
	ns, err := c.send(warmUp)
	if err != nil {
		return 0, err
	}
	frames := int(float64(d) / ns)
	want := 0
	if delivered {
		want = frames
	}
	var got int
	for range tries {
		before, err := c.received()
		if err != nil {
			return 0, err
		}
		if ns, err = c.send(frames); err != nil {
			return 0, err
		}
		after, err := c.received()
		if err != nil {
			return 0, err
		}
		// A few more are what the router has to say for itself.
		if got = after - before; got >= want && got <= want+frames/1000 {
			return ns, nil
		}
	}
	return 0, fmt.Errorf("the %s got %d of %d frames, want %d, in the last of %d tries: is CPU %d busy?", c.host, got, frames, want, tries, c.cpu)
}
