// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
)

const victimEnv = "TOPO_TEST_VICTIM"

// victim brings a lab up, starts a program in it, prints the names of the
// namespaces and waits to be killed.
func victim() {
	lab := topo.Demo()
	if err := lab.Up(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	router := lab.Host("router")
	if err := router.Start(exec.Command("sleep", "1000")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, name := range []string{"client", "router", "server1", "server2"} {
		lab.Host(name).Do(func() error {
			ns, err := namespace()
			fmt.Println(ns)
			return err
		})
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

// users returns which threads of all processes are in one of the namespaces,
// or hold it open.
func users(t *testing.T, namespaces map[string]bool) (found []string) {
	t.Helper()
	for _, pattern := range []string{"/proc/[0-9]*/task/*/ns/net", "/proc/[0-9]*/fd/*"} {
		links, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && namespaces[target] {
				found = append(found, link)
			}
		}
	}
	return found
}

// After SIGKILL nobody could clean up, and nothing needs to.
func TestNothingSurvivesKill(t *testing.T) {
	testkit.RequireRoot(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	namespaces := make(map[string]bool)
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		namespaces[strings.TrimSpace(lines.Text())] = true
	}
	if before := users(t, namespaces); len(namespaces) != 4 || len(before) < 5 {
		t.Errorf("namespaces %v, used by %v", namespaces, before)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // it was killed, as intended
	deadline := time.Now().Add(3 * time.Second)
	left := users(t, namespaces)
	for len(left) > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
		left = users(t, namespaces)
	}
	if len(left) > 0 {
		t.Errorf("still used by %v", left)
	}
}
