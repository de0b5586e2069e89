// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/netstate"
	"clearway/internal/testkit"
)

// envPrivileges makes the test binary drop its privileges and say what is left.
const envPrivileges = "CLEARWAY_DAEMON_PRIVILEGES"

func TestNamespaceCapabilities(t *testing.T) {
	link := func(namespace string) netstate.Link { return netstate.Link{Peer: netstate.Peer{Namespace: namespace}} }
	for _, row := range []struct {
		links []netstate.Link
		want  []uint
	}{
		{nil, nil},
		{[]netstate.Link{link("")}, nil},
		{[]netstate.Link{link(""), link("/run/netns/a"), link("")}, []uint{unix.CAP_SYS_ADMIN}},
		{[]netstate.Link{link("/run/netns/a"), link("/proc/7/task/7/ns/net")}, []uint{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE}},
	} {
		if got := namespaceCapabilities(netstate.View{Links: row.links}); !slices.Equal(got, row.want) {
			t.Errorf("%+v: %v, want %v", row.links, got, row.want)
		}
	}
}

// Built with cgo a Go program can't change all its threads, so the test builds
// itself without.
func TestDropPrivileges(t *testing.T) {
	testkit.RequireRoot(t)
	goTool := testkit.RequireTool(t, "go")
	exe := filepath.Join(t.TempDir(), "probe")
	build := exec.Command(goTool, "test", "-c", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the probe: %v\n%s", err, out)
	}
	probe := exec.Command(exe)
	probe.Env = append(os.Environ(), envPrivileges+"=1")
	out, err := probe.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "threads checked") {
		t.Errorf("the probe said: %s", out)
	}
}

// probePrivileges is the probe's main: it checks every thread, those that were
// there before and those that came after.
func probePrivileges() int {
	ready, hold := make(chan struct{}), make(chan struct{})
	defer close(hold)
	locked := func() {
		runtime.LockOSThread()
		ready <- struct{}{}
		<-hold
	}
	for range 4 {
		go locked()
		<-ready
	}
	err := dropPrivileges(nil)
	go locked()
	<-ready
	tasks, readErr := filepath.Glob("/proc/self/task/*/status")
	if err = errors.Join(err, readErr); err == nil && len(tasks) < 6 {
		err = fmt.Errorf("only %d threads", len(tasks))
	}
	for _, task := range tasks {
		err = errors.Join(err, checkPrivileges(task))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(len(tasks), "threads checked")
	return 0
}

func checkPrivileges(task string) error {
	const kept = 1<<12 | 1<<13 | 1<<14 | 1<<38 | 1<<39 // NET_ADMIN, NET_RAW, IPC_LOCK, PERFMON, BPF: capability.h
	want := map[string]uint64{"CapInh": 0, "CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapAmb": 0, "NoNewPrivs": 1}
	f, err := os.Open(task)
	if err != nil {
		return err
	}
	defer f.Close()
	seen := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		expected, ok := want[name]
		if !ok {
			continue
		}
		seen++
		if got, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64); err != nil || got != expected {
			return fmt.Errorf("%s: %s is %s, want %x", task, name, strings.TrimSpace(value), expected)
		}
	}
	if seen != len(want) {
		return fmt.Errorf("%s: %d of %d lines found", task, seen, len(want))
	}
	return nil
}
