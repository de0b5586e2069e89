// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// Main runs a package's tests and ends the process. It fails the package when
// the tests leave something behind: goroutines, open files (among them
// namespaces, sockets, BPF maps, programs and links), threads in another
// network namespace, or child processes. Call it from TestMain.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	before, err := takeInventory()
	if err != nil {
		fmt.Fprintln(os.Stderr, "looking for leaks:", err)
		return 1
	}
	code := m.Run()
	if err := checkLeaks(before, 2*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "leaks:", err)
		return 1
	}
	return code
}

// inventory counts what the process holds, by name.
type inventory map[string]int

// checkLeaks compares what the process holds with what it held before. Things
// may take a moment to end, at most patience.
func checkLeaks(before inventory, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	if err := goleak.Find(); err != nil {
		return err
	}
	for {
		now, err := takeInventory()
		if err == nil {
			err = now.minus(before)
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// minus returns an error that lists what there is more of than before.
func (now inventory) minus(before inventory) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if n := now[name] - before[name]; n > 0 {
			errs = append(errs, fmt.Errorf("%d × %s", n, name))
		}
	}
	return errors.Join(errs...)
}

func takeInventory() (inventory, error) {
	inv := make(inventory)
	return inv, errors.Join(inv.addFiles(), inv.addNamespaces(), inv.addChildren())
}

// addFiles counts open files by what /proc says they are.
func (inv inventory) addFiles() error {
	links, err := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was the directory's own
		}
		if err != nil {
			return err
		}
		// Go's poller opens its own files at first use and keeps them.
		if target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]" {
			continue
		}
		inv["open file "+target]++
	}
	return err
}

// addNamespaces counts threads that are not where the process is.
func (inv inventory) addNamespaces() error {
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	links, err := filepath.Glob("/proc/self/task/*/ns/net")
	for _, link := range links {
		ns, err := os.Readlink(link)
		if err == nil && ns != home {
			inv["thread in "+ns]++
		}
	}
	return err
}

// addChildren counts whether there are child processes.
func (inv inventory) addChildren() error {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	switch {
	case errors.Is(err, unix.ECHILD):
		return nil
	case err != nil:
		return err
	}
	inv["some child processes"] = 1
	return nil
}
