// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearway/internal/topo"
)

// patience is how long a client waits for an answer: six retransmissions.
const patience = 20 * time.Second

// stamp is how the daemon's log has the time.
const stamp = "15:04:05.000"

// flow is one connection. Not safe for concurrent use, but for answers.
type flow struct {
	service service
	conn    net.Conn
	server  string // that answered first; empty before
	rnd     *rand.Rand
	number  uint64        // of the last request
	answers atomic.Uint64 // that were right
	request []byte
	answer  []byte
}

// dial connects from one of a host's addresses; zero: any.
func dial(ctx context.Context, host *topo.Host, from netip.Addr, s service, rnd *rand.Rand) (*flow, error) {
	f := &flow{service: s, rnd: rnd}
	err := host.Do(func() (err error) {
		dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
		f.conn, err = dialer.DialContext(ctx, "tcp", s.at().String())
		return err
	})
	return f, err
}

// ask sends a request of size random bytes and checks the answer.
func (f *flow) ask(size int) error { return f.askTimes(size, 1) }

// askTimes has the bytes come back several times. It checks that the answer is
// from the server that all others were from, and right to the last bit.
func (f *flow) askTimes(size, times int) error {
	f.number++
	f.request = binary.BigEndian.AppendUint64(f.request[:0], f.number)
	f.request = binary.BigEndian.AppendUint32(f.request, uint32(size))
	f.request = binary.BigEndian.AppendUint32(f.request, uint32(times))
	for range size {
		f.request = append(f.request, byte(f.rnd.Uint32()))
	}
	f.conn.SetDeadline(time.Now().Add(patience))
	if _, err := f.conn.Write(f.request); err != nil {
		return err
	}
	f.answer = append(f.answer[:0], make([]byte, nameBytes+headerBytes+size*times)...)
	if _, err := io.ReadFull(f.conn, f.answer); err != nil {
		return err
	}
	name := strings.TrimRight(string(f.answer[:nameBytes]), " ")
	if f.server == "" {
		f.server = name
	}
	if name != f.server {
		return fmt.Errorf("it moved to %s", name)
	}
	header, data := f.answer[nameBytes:nameBytes+headerBytes], f.answer[nameBytes+headerBytes:]
	for i := range data {
		data[i] = ^data[i]
	}
	if !bytes.Equal(header, f.request[:headerBytes]) || !bytes.Equal(data, bytes.Repeat(f.request[headerBytes:], times)) {
		return fmt.Errorf("the answer to request %d is wrong", f.number)
	}
	f.answers.Add(1)
	return nil
}

func (f *flow) String() string {
	return fmt.Sprintf("%s from %v to %s, after %d answers", f.service.name, f.conn.LocalAddr(), f.server, f.answers.Load())
}

// most is what fits in one segment, whatever is around it.
const most = 1100

// crowd is many clients on one host: established flows on which requests go on,
// and others that come and go.
type crowd struct {
	t        *testing.T
	from     *topo.Host
	services []service
	flows    []*flow
	ctx      context.Context // of the clients
	stop     context.CancelFunc
	run      sync.WaitGroup

	mu       sync.Mutex
	dead     string                    // a server that may break its flows
	gaps     bool                      // new flows may fail,
	seen     int                       // and those that came before this epoch
	broken   map[*flow]error           // all that broke
	epoch    int                       // of new flows
	arrivals map[string]map[string]int // service → server → those of this epoch
}

// newFlows establishes so many flows to each service, each of which was answered
// once. They end with the test.
func (n *network) newFlows(from string, rnd *rand.Rand, each int, services []service) (flows []*flow) {
	n.t.Helper()
	n.t.Cleanup(func() {
		for _, f := range flows {
			f.conn.Close()
		}
	})
	for _, s := range services {
		for range each {
			f, err := dial(n.t.Context(), n.Host(from), netip.Addr{}, s, rand.New(rand.NewPCG(rnd.Uint64(), 0)))
			if err == nil {
				flows = append(flows, f)
				err = f.ask(most)
			}
			if err != nil {
				n.t.Fatalf("the first flows to %s: %v", s.name, err)
			}
		}
	}
	return flows
}

// newCrowd establishes so many flows to each service and starts to use them, and
// to make others. The test fails when one breaks, or can't be made.
func (n *network) newCrowd(from string, rnd *rand.Rand, each int, services []service) *crowd {
	n.t.Helper()
	c := &crowd{
		t: n.t, from: n.Host(from), services: services, flows: n.newFlows(from, rnd, each, services),
		broken: map[*flow]error{}, arrivals: map[string]map[string]int{},
	}
	c.ctx, c.stop = context.WithCancel(n.t.Context())
	n.t.Cleanup(c.leave)
	for _, f := range c.flows {
		c.run.Go(func() { c.use(f) })
	}
	for _, s := range services {
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		c.run.Go(func() { c.come(s, rnd) })
	}
	return c
}

// use keeps a flow busy.
func (c *crowd) use(f *flow) {
	for c.pause(time.Duration(20+f.rnd.IntN(100)) * time.Millisecond) {
		if err := f.ask(f.rnd.IntN(most)); err != nil {
			c.broke(f, err)
			return
		}
	}
}

// pause is false when the crowd leaves.
func (c *crowd) pause(d time.Duration) bool {
	select {
	case <-c.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *crowd) broke(f *flow, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	c.broken[f] = err
	if f.server != c.dead {
		c.t.Errorf("%s a flow broke: %v: %v", time.Now().UTC().Format(stamp), f, err)
	}
}

// come makes flows one after the other, none of which waits for another.
func (c *crowd) come(s service, rnd *rand.Rand) {
	for c.pause(40 * time.Millisecond) {
		c.mu.Lock()
		epoch := c.epoch
		c.mu.Unlock()
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		c.run.Go(func() {
			f, err := c.visit(s, rnd)
			if c.ctx.Err() == nil {
				c.note(s, f, err, epoch)
			}
		})
	}
}

// visit is a flow of one request.
func (c *crowd) visit(s service, rnd *rand.Rand) (*flow, error) {
	f, err := dial(c.ctx, c.from, netip.Addr{}, s, rnd)
	if err != nil {
		return nil, err
	}
	defer f.conn.Close()
	defer context.AfterFunc(c.ctx, func() { f.conn.Close() })()
	return f, f.ask(rnd.IntN(most))
}

func (c *crowd) note(s service, f *flow, err error, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && (c.gaps || epoch < c.seen):
	case err != nil:
		c.t.Errorf("%s a new flow to %s: %v", time.Now().UTC().Format(stamp), s.name, err)
	case err == nil && epoch == c.epoch:
		if c.arrivals[s.name] == nil {
			c.arrivals[s.name] = map[string]int{}
		}
		c.arrivals[s.name][f.server]++
	}
}

// everyone waits until data has gone to and fro once more on each flow that has
// not broken.
func (c *crowd) everyone(when string) {
	c.t.Helper()
	before := make([]uint64, len(c.flows))
	for i, f := range c.flows {
		before[i] = f.answers.Load()
	}
	deadline := time.Now().Add(patience)
	for i, f := range c.flows {
		// The one under way may have been answered before.
		for f.answers.Load() < before[i]+2 && c.lives(f) {
			if time.Now().After(deadline) {
				c.t.Fatalf("%s: a flow stands still: %v", when, f)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func (c *crowd) lives(f *flow) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken[f] == nil
}

// newcomers checks that flows that come from now on go to these servers, of each
// service, and that all of these get some.
func (c *crowd) newcomers(when string, want ...string) {
	c.t.Helper()
	c.newcomersTo(c.services, when, want...)
}

// newcomersTo is newcomers of some services.
func (c *crowd) newcomersTo(services []service, when string, want ...string) {
	c.t.Helper()
	const enough = 10 // of each service
	c.mu.Lock()
	c.epoch++
	clear(c.arrivals)
	c.mu.Unlock()
	var got []string
	var few error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got, few = c.arrived(services, enough); few == nil && len(got) >= len(want) {
			break
		}
	}
	if few != nil || !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		c.t.Errorf("%s new flows go to %v, want %v (%v)", when, got, want, few)
	}
}

// arrived lists the servers that new flows came to, and tells whether they are
// enough to each service.
func (c *crowd) arrived(services []service, enough int) (servers []string, few error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range services {
		n := 0
		for server, count := range c.arrivals[s.name] {
			servers = append(servers, server)
			n += count
		}
		if n < enough {
			few = fmt.Errorf("only %d came to %s", n, s.name)
		}
	}
	slices.Sort(servers)
	return slices.Compact(servers), few
}

// gap lets new flows fail, until the function that it returns is called and for
// those that began before.
func (c *crowd) gap() (end func()) {
	set := func(open bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.epoch++
		c.gaps, c.seen = open, c.epoch
	}
	set(true)
	return func() { set(false) }
}

// lose lets a server break its flows.
func (c *crowd) lose(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = server
}

// on counts the flows to a server that have not broken.
func (c *crowd) on(server string) (n int) {
	for _, f := range c.flows {
		if f.server == server && c.lives(f) {
			n++
		}
	}
	return n
}

// leave ends all flows.
func (c *crowd) leave() {
	c.stop()
	for _, f := range c.flows {
		f.conn.Close()
	}
	c.run.Wait()
}
