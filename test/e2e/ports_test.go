// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// A reload takes ports and gives them up; what they counted is not forgotten.
func TestReloadInterfaces(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.ends(toClient, "forward")
	was := accountOf(r.status())["eth1 forward"]
	program := func() uint32 {
		i, err := r.host().Interface("eth1")
		if err != nil {
			t.Fatal(err)
		}
		return i.Program
	}
	if program() == 0 {
		t.Error("eth1 has no program")
	}
	without := demo()
	without.interfaces = []string{"eth0", "eth2"}
	if out := r.reload(without).out; !strings.Contains(out, "- port eth1\n") {
		t.Errorf("reload doesn't say that eth1 goes: %s", out)
	}
	if program() != 0 {
		t.Error("eth1 still has a program")
	}
	if len(r.status().Interfaces) != 2 {
		t.Errorf("there are still %v", r.status().Interfaces)
	}
	r.ends(toServer1, "forward") // to a device that is no port
	generic := without
	generic.interfaces = []string{"eth0", "eth1, mode: generic", "eth2"}
	if out := r.reload(generic).out; !strings.Contains(out, "+ port eth1 (generic)\n") {
		t.Errorf("reload doesn't say that eth1 comes: %s", out)
	}
	r.ends(toClient, "forward")
	native := without
	native.interfaces = []string{"eth0", "eth1, mode: native", "eth2"}
	if out := r.reload(native).out; !strings.Contains(out, "~ port eth1 (native)\n") {
		t.Errorf("reload doesn't say that eth1 becomes native: %s", out)
	}
	r.ends(toClient, "forward")
	if is := accountOf(r.status())["eth1 forward"]; is.Packets < was.Packets+8 {
		t.Errorf("eth1 forwarded %d packets, then 8 more, and counts %d", was.Packets, is.Packets)
	}
}

// SIGHUP does what reload does, with the daemon's own file.
func TestSIGHUP(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	changed := demo()
	changed.allow = append(changed.allow, "203.0.113.0/24")
	changed.interfaces = changed.interfaces[:2]
	r.reload(changed)
	byReload := r.shape()
	r.reload(demo())
	r.write(changed)
	r.hangUp()
	r.same(byReload)
	r.ends(toServer2, "forward")
	if err := os.WriteFile(r.path("clearway.yaml"), []byte("interfaces: 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.hangUp()
	r.same(byReload)
	if d := r.status().Daemon; d.Applies.Failed != 1 || d.LastApply.Error == "" {
		t.Errorf("the failure doesn't show: %+v", d)
	}
	if done := r.clearway("reload"); done.code != 1 { // reads the same file
		t.Errorf("reload of a bad file ended with %d", done.code)
	}
	r.stop(syscall.SIGTERM)
}
