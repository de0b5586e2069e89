// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/xsk"
)

// routerAddress is the router's own: what isn't punted goes to a Linux socket.
var routerAddress = netip.MustParseAddr("192.0.2.1")

// puntRouter punts port 53, on which a Linux socket listens, too.
type puntRouter struct {
	*router
	wires *wires
	linux net.PacketConn
	sent  uint32
}

func newPuntRouter(t *testing.T, mode Mode) *puntRouter {
	r := &puntRouter{router: newRouter(t, mode)}
	r.state.Punt = []PuntRule{puntRuleOf("dns", UDP, routerAddress.String(), 53)}
	r.apply(r.state)
	r.wires = newWires(t, r.router)
	var err error
	if r.linux, err = r.Host("router").ListenPacket(t.Context(), "udp", netip.AddrPortFrom(routerAddress, 53)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.linux.Close() })
	return r
}

// frame is a packet of the rule, none like another.
func (r *puntRouter) frame() []byte {
	r.sent++
	f := r.fromClient(routerAddress).UDP(uint16(1024+r.sent), 53).Payload(int(r.sent % 1400))
	return f.Trailer(int(r.sent % 3)).Bytes()
}

func (r *puntRouter) send(frame []byte) {
	r.t.Helper()
	if err := r.wires.senders["eth0"].Send(frame); err != nil {
		r.t.Fatal(err)
	}
}

// toSocket sends packets, each of which the socket must get byte for byte, and
// nobody else.
func (r *puntRouter) toSocket(when string, s *testSocket, n int) {
	r.t.Helper()
	for range n {
		want := r.frame()
		r.send(want)
		got := s.next(r.t, time.Second)
		if len(got) != 1 {
			r.t.Fatalf("%s: the socket got %d packets", when, len(got))
		}
		if diff := testkit.Diff(want, got[0]); diff != "" {
			r.t.Fatalf("%s: %s", when, diff)
		}
	}
	r.linux.SetReadDeadline(time.Now())
	if _, from, err := r.linux.ReadFrom(make([]byte, 2000)); err == nil {
		r.t.Errorf("%s: Linux got a packet from %v, too", when, from)
	}
}

// toLinux sends packets that Linux must get.
func (r *puntRouter) toLinux(when string, n int) {
	r.t.Helper()
	for range n {
		frame := r.frame()
		r.send(frame)
		r.linux.SetReadDeadline(time.Now().Add(time.Second))
		buffer := make([]byte, 2000)
		length, _, err := r.linux.ReadFrom(buffer)
		if err != nil {
			r.t.Fatalf("%s: %v", when, err)
		}
		if want := frame[42 : 42+r.sent%1400]; !bytes.Equal(buffer[:length], want) {
			r.t.Fatalf("%s: Linux got %x, want %x", when, buffer[:length], want)
		}
	}
}

func (r *puntRouter) register(port string, queue, fd int) (err error) {
	r.do(func() error { err = r.dp.RegisterSocket(port, queue, fd); return nil })
	return err
}

// listen opens a socket on a queue of a port, and registers it.
func (r *puntRouter) listen(port string, queue int) *testSocket {
	r.t.Helper()
	s := openSocket(r.t, r.Host("router"), port, queue)
	if err := r.register(port, queue, s.FD()); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *puntRouter) checkSockets(when string, want ...Socket) {
	r.t.Helper()
	got, err := r.dp.Sockets()
	if err != nil || !slices.Equal(got, want) {
		r.t.Errorf("%s: sockets at %v, want %v (%v)", when, got, want, err)
	}
}

// checkAccounts: with traffic still, each frame ended in one reason.
func (r *puntRouter) checkAccounts(punted, passed uint64) {
	r.t.Helper()
	if got := r.counted("eth0", "punt", punted); got != punted {
		r.t.Errorf("%d packets were punted, want %d", got, punted)
	}
	if got := r.counted("eth0", "pass_no_socket", passed); got != passed {
		r.t.Errorf("%d packets found no socket, want %d", got, passed)
	}
	p := r.port("eth0")
	var sum Counter
	for _, c := range p.Reasons {
		sum.add(c)
	}
	if sum != p.Received {
		r.t.Errorf("received are %v, the reasons add up to %v", p.Received, sum)
	}
	if p.LostAfterEmit != 0 {
		r.t.Errorf("lost are %d packets", p.LostAfterEmit)
	}
}

// TestSockets: packets of a rule go to the socket while there is one, over
// restarts, new generations and changes of rules, and to Linux before and after.
func TestSockets(t *testing.T) {
	for _, mode := range []Mode{Native, Generic} {
		t.Run(string(mode), func(t *testing.T) {
			r := newPuntRouter(t, mode)
			r.toLinux("before", 5)
			r.checkSockets("before")
			s := r.listen("eth0", 0)
			here := Socket{"eth0", 0}
			r.checkSockets("registered", here)
			r.toSocket("registered", s, 100)

			r.restart()
			r.checkSockets("opened again", here)
			r.toSocket("opened again", s, 5)
			r.apply(r.state)
			r.checkSockets("restarted", here)
			r.toSocket("restarted", s, 5)

			next := r.state
			next.Limits.Ifindex = 600
			r.apply(next)
			r.toSocket("new generation", s, 5)
			r.forge(func(m *manifest) { m.Object, m.Maps["counters"] = "another", "another" })
			next.Ports = slices.Clone(next.Ports)
			slices.Reverse(next.Ports) // who comes first would get slot 0
			r.apply(next)              // as after an upgrade to a build with other reasons
			r.toSocket("upgraded", s, 5)

			next.Punt = nil
			r.apply(next)
			if got := r.explain(r.state.Ports[0].Ifindex, r.frame()).Reason.String(); got != "pass_local" {
				t.Errorf("without rules packets end with %s", got)
			}
			next.Punt = r.state.Punt
			r.apply(next)
			r.toSocket("ruled again", s, 5)

			s.close(t)
			r.checkSockets("closed")
			r.toLinux("closed", 5)
			r.checkAccounts(125, 10)

			another := r.listen("eth0", 0)
			r.toSocket("another", another, 5)
			r.checkAlone()
		})
	}
}

// TestSocketsLoseNothing: new generations come while packets do.
func TestSocketsLoseNothing(t *testing.T) {
	r := newPuntRouter(t, Native)
	s := r.listen("eth0", 0)
	const packets = 3000
	frame := r.frame()
	done := make(chan error, 1)
	go func() {
		for range packets {
			if err := r.wires.senders["eth0"].Send(frame); err != nil {
				done <- err
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
		done <- nil
	}()
	got := make(chan int, 1)
	go func() {
		n := 0
		defer func() { got <- n }() // next may end this goroutine
		for n < packets {
			frames := s.next(t, 5*time.Second)
			if len(frames) == 0 {
				return
			}
			n += len(frames)
		}
	}()
	generations := 0
	for sending := true; sending; generations++ {
		next := r.state
		next.Limits.Ifindex = 600 + generations%2
		if generations%3 == 2 {
			r.restart()
		}
		r.apply(next)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			sending = false
		default:
		}
	}
	if n := <-got; n != packets {
		t.Errorf("the socket got %d of %d packets", n, packets)
	}
	if generations < 2 {
		t.Errorf("%d generations: the test shows nothing", generations)
	}
	t.Log(generations, "generations")
	r.checkAccounts(packets, 0)
}

// TestSocketThatIsFull: what a program is too slow for is punted all the same, and
// counted as lost.
func TestSocketThatIsFull(t *testing.T) {
	for _, mode := range []Mode{Native, Generic} {
		t.Run(string(mode), func(t *testing.T) {
			r := newPuntRouter(t, mode)
			s := openSocketWith(t, r.Host("router"), "eth0", xsk.Options{Fill: 4})
			if err := r.register("eth0", 0, s.FD()); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				r.send(r.frame())
			}
			if got := r.counted("eth0", "punt", 10); got != 10 {
				t.Errorf("%d packets were punted, want 10", got)
			}
			if lost := r.port("eth0").LostAfterEmit; lost != 6 {
				t.Errorf("%d packets were lost, want 6", lost)
			}
			if got := len(s.next(t, time.Second)); got != 4 {
				t.Errorf("the socket got %d packets, want 4", got)
			}
			r.toSocket("when there is room", s, 3)
		})
	}
}

// TestSocketOfAnotherSize: a map of another size begins empty, and all goes on
// when the socket is registered again.
func TestSocketOfAnotherSize(t *testing.T) {
	r := newPuntRouter(t, Native)
	s := r.listen("eth0", 0)
	next := r.state
	next.Limits.Interfaces = 5
	r.apply(next)
	r.checkSockets("of another size")
	r.toLinux("of another size", 3)
	if err := r.register("eth0", 0, s.FD()); err != nil {
		t.Fatal(err)
	}
	r.toSocket("registered again", s, 3)
}

// TestSocketsOfADevice: what was registered is forgotten with the device, and kept
// where the port is attached anew on the same one.
func TestSocketsOfADevice(t *testing.T) {
	r := newPuntRouter(t, Native)
	s := r.listen("eth0", 0)
	next := r.state
	next.Ports = slices.Clone(next.Ports)
	next.Ports[0].Mode = Generic
	r.apply(next)
	r.checkSockets("in another mode", Socket{"eth0", 0})
	r.toSocket("in another mode", s, 3)

	bridged := r.withBridge(Generic)
	r.apply(bridged)
	r.listen("br9", 0)
	r.checkSockets("two", Socket{"eth0", 0}, Socket{"br9", 0})
	if err := r.Host("router").DeleteDevice("br9"); err != nil {
		t.Fatal(err)
	}
	r.apply(r.withBridge(Generic)) // of the same name
	r.checkSockets("of a new device", Socket{"eth0", 0})
	r.toSocket("beside a new device", s, 3)
}

// TestQueues: a queue that the map has no room for leads to Linux, not to another
// port's socket.
func TestQueues(t *testing.T) {
	testkit.RequireKernel(t, "5.14", "a test run that is told its queue")
	lab := topo.Demo()
	lab.Links[0].Queues = PuntQueues + 2
	r := &puntRouter{router: newRouterIn(t, lab, Native)}
	r.state.Punt = []PuntRule{puntRuleOf("dns", UDP, routerAddress.String(), 53)}
	r.apply(r.state)
	slots := r.dp.manifest.Slots
	next := slices.IndexFunc(r.state.Ports, func(p Port) bool { return slots[p.Name] == slots["eth0"]+1 })
	if next < 0 {
		t.Fatalf("no port comes after eth0 among %v", slots)
	}
	for _, at := range []Socket{{"eth0", 0}, {"eth0", PuntQueues - 1}, {r.state.Ports[next].Name, 0}} {
		r.listen(at.Port, at.Queue)
	}
	frame := r.frame()
	for queue, want := range map[uint32]string{0: "redirect", 1: "pass", PuntQueues - 1: "redirect", PuntQueues: "pass", PuntQueues + 1: "pass"} {
		r.do(func() error {
			context := xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: uint32(r.state.Ports[0].Ifindex), RxQueueIndex: queue}
			action, out, err := testRun(r.dp.gen.decide(), frame, &context)
			if got := actionName(action); err == nil && (got != want || !bytes.Equal(out, frame)) {
				t.Errorf("queue %d: %s, want %s, with %x for %x", queue, got, want, out, frame)
			}
			return err
		})
	}
}

// TestSocketsOfAReader: who only reads sees what is registered, and registers nothing.
func TestSocketsOfAReader(t *testing.T) {
	r := &puntRouter{router: newRouter(t, Native)}
	r.apply(r.state)
	s := openSocket(t, r.Host("router"), "eth0", 0)
	var reader *Dataplane
	r.do(func() (err error) { reader, err = OpenReadOnly(r.bpffs); return err })
	defer reader.Close()
	if err := reader.RegisterSocket("eth0", 0, s.FD()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("by a reader: %v", err)
	}
	if err := r.register("eth0", 0, s.FD()); err != nil {
		t.Error(err)
	}
	if all, err := reader.Sockets(); err != nil || !slices.Equal(all, []Socket{{"eth0", 0}}) {
		t.Errorf("a reader finds sockets at %v (%v)", all, err)
	}
}

// On a kernel without AF_XDP no packet finds a socket.
func TestNoSockets(t *testing.T) {
	finder := variant{noSockets: true}.load(t).Programs["find_socket"]
	for _, index := range []uint32{0, 63, 64, 1 << 30} {
		if found, err := findSocket(finder, index); found || err != nil {
			t.Errorf("a socket at %d (%v)", index, err)
		}
	}
}
