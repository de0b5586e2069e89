// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/testkit"
	"clearway/punt"
)

const punting = twoPorts + "punt:\n- {name: dns, protocol: udp, address: 203.0.113.53, port: 53}\n- {name: all, protocol: tcp, address: '2001:db8::53', port: any}\n"

func TestPunt(t *testing.T) {
	i := newInstance(t, punting).start()
	i.dataplane.mu.Lock()
	i.dataplane.sockets = []dataplane.Socket{{Port: "eth0", Queue: 0}, {Port: "eth0", Queue: 3}}
	i.dataplane.mu.Unlock()
	want := control.Punt{
		Rules: []control.PuntRule{{Name: "dns", Protocol: "udp", Address: "203.0.113.53", Port: 53}, {Name: "all", Protocol: "tcp", Address: "2001:db8::53"}},
		Interfaces: []control.PuntInterface{
			{Name: "eth0", Sockets: []int{0, 3}, Punted: control.Counter{Packets: 4, Bytes: 240}, NoSocket: control.Counter{Packets: 5, Bytes: 300}},
			{Name: "eth1", Sockets: []int{}, Punted: control.Counter{Packets: 4, Bytes: 240}, NoSocket: control.Counter{Packets: 5, Bytes: 300}},
		},
	}
	got, err := i.client.Punt(context.Background())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff(want, i.status().Punt); diff != "" {
		t.Errorf("of the status:\n%s", diff)
	}
	pins := &Pins{dataplane: i.dataplane, machine: i.machine}
	want.Rules = nil
	got, err = pins.Punt(context.Background())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("from the pins: %v\n%s", err, diff)
	}
	i.write(twoPorts)
	if _, err := i.client.Reload(context.Background(), control.ReloadRequest{}); err != nil {
		t.Fatal(err)
	}
	if rules := i.status().Punt.Rules; rules == nil || len(rules) > 0 {
		t.Errorf("after they have gone: %#v", rules)
	}
}

func TestRegisterSocket(t *testing.T) {
	testkit.RequireRoot(t) // as who changes
	i := newInstance(t, punting).start()
	register := func(queue int) error {
		return punt.Register(context.Background(), i.socket(), "eth1", queue, int(os.Stdin.Fd()))
	}
	if err := register(0); err != nil {
		t.Fatal(err)
	}
	var refused *punt.RefusedError
	if err := register(64); !errors.As(err, &refused) || refused.Code != 422 || err.Error() != "no such queue" {
		t.Errorf("refused with %v", err)
	}
	sockets, _ := i.dataplane.Sockets()
	if diff := cmp.Diff([]dataplane.Socket{{Port: "eth1", Queue: 0}}, sockets); diff != "" {
		t.Errorf("the data path has\n%s", diff)
	}
	if log := i.log.String(); strings.Count(log, `msg="registered a socket" interface=eth1 queue=0 "punt rules"=2`) != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// The descriptor stays open for as long as the loop may look at it, also when
// whoever sent it has gone.
func TestDescriptorOutlivesItsSender(t *testing.T) {
	testkit.RequireRoot(t)
	i := newInstance(t, punting)
	checking, sent := make(chan struct{}), make(chan struct{})
	seen := make(chan error, 1)
	i.dataplane.checkSocket = func(socket int) {
		close(checking)
		<-sent
		time.Sleep(50 * time.Millisecond) // in which the server sees that the sender has gone
		_, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", socket))
		seen <- err
	}
	i.start()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-checking; cancel() }()
	f, err := os.Create(i.dir + "/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := punt.Register(ctx, i.socket(), "eth0", 0, int(f.Fd())); !errors.Is(err, context.Canceled) {
		t.Errorf("the sender ended with %v", err)
	}
	close(sent)
	if err := <-seen; err != nil {
		t.Errorf("the descriptor in use: %v", err)
	}
}

func TestPuntRulesAreApplied(t *testing.T) {
	i := newInstance(t, punting).start()
	i.dataplane.mu.Lock()
	defer i.dataplane.mu.Unlock()
	want := []dataplane.PuntRule{
		{Name: "dns", Protocol: dataplane.UDP, Address: netip.MustParseAddr("203.0.113.53"), Port: 53},
		{Name: "all", Protocol: dataplane.TCP, Address: netip.MustParseAddr("2001:db8::53")},
	}
	if diff := cmp.Diff(want, i.dataplane.last().Punt, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
