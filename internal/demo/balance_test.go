// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"clearway/internal/testkit"
)

// The lane fails where connections do break: without tracking they go with their
// slots, which a drain moves.
func TestBrokenConnections(t *testing.T) {
	testkit.RequireRoot(t)
	t.Setenv("TMPDIR", t.TempDir())
	untracked := balanceLane
	untracked.config = strings.Replace(untracked.config, "protocol:", "tracking: never\n      protocol:", 1)
	var out bytes.Buffer
	err := untracked.onStage(t.Context(), Options{Program: program(t), Out: &out}, untracked.play)
	if err == nil || !strings.Contains(err.Error(), "established connections on living backends broke") {
		t.Errorf("%v\n%s", err, &out)
	}
	checkRemoved(t)
}

// trigger is a writer that cancels a while after something was written.
type trigger struct{ cancel func() }

func (t trigger) Write(p []byte) (int, error) {
	time.AfterFunc(time.Second, t.cancel)
	return len(p), nil
}

// Who ends it in the midst of it finds everything removed.
func TestInterrupted(t *testing.T) {
	testkit.RequireRoot(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := balanceLane.onStage(ctx, Options{Program: program(t), Out: trigger{cancel}}, balanceLane.play)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	checkRemoved(t)
}

func TestCondition(t *testing.T) {
	row := func(err error, ended, orphaned bool) *visitor {
		conn, other := net.Pipe()
		t.Cleanup(func() { conn.Close(); other.Close() })
		v := newVisitor(conn)
		if v.err, v.orphaned = err, orphaned; ended {
			close(v.ended)
		}
		return v
	}
	c := conditionOf([]*visitor{
		row(nil, false, false),  // goes on
		row(nil, true, false),   // has left
		row(io.EOF, true, true), // its server was killed
		row(io.EOF, true, false),
	})
	if c.on != 2 || c.ended != 1 || len(c.broken) != 1 || !errors.Is(c.broken[0], io.EOF) {
		t.Errorf("%+v", c)
	}
	if got, want := c.String(), "2 go on, 1 broke, 1 ended with their server"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSlotsMoved(t *testing.T) {
	for _, row := range []struct {
		said []string
		want string
	}{
		{nil, "–"},
		{[]string{"~ service web: backend 10.0.1.2 draining, was active", "~ service web: 50 of 250 slots move"}, "50 of 250 slots, 20.0 %"},
		{[]string{`msg=changed what="~ service web: 50 of 250 slots move"`, "25 of 250 slots move"}, "75 of 250 slots, 30.0 %"},
	} {
		if got, err := slotsMoved(row.said); got != row.want || err != nil {
			t.Errorf("%q: %q, %v", row.said, got, err)
		}
	}
}

// New connections must be at all servers that should get some, and only there.
func TestTakers(t *testing.T) {
	f := &farm{servers: []*webServer{{name: "server1"}, {name: "server2"}, {name: "server3"}}}
	visitorAt := func(server string) *visitor {
		v := &visitor{server: server}
		v.answers.Store(1)
		return v
	}
	one, two, three := visitorAt("server1"), visitorAt("server2"), visitorAt("server3")
	for _, row := range []struct {
		entered []*visitor
		ok      bool
	}{
		{[]*visitor{two, three, two}, true},
		{[]*visitor{two, two}, false},
		{[]*visitor{one, two, three}, false},
		{[]*visitor{two, {server: "server3"}}, false}, // never answered
	} {
		if err := f.checkTakers(act{takers: []int{2, 3}}, row.entered); (err == nil) != row.ok {
			t.Errorf("%s: %v", listTakers(row.entered), err)
		}
	}
}
