// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// program builds clearway, as the demonstration starts it as the daemon: once for
// all tests.
func program(t *testing.T) string {
	t.Helper()
	testkit.RequireTool(t, "go")
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../build/demo/clearway")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", path, "clearway/cmd/clearway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building clearway: %w\n%s", err, out)
	}
	return path, nil
})

func TestRun(t *testing.T) {
	testkit.RequireRoot(t)
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Program: program(t), Out: &out}); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"forward", "pass_local 1", "pass_ttl 1", "drop_blocked 1", "pass_no_match",
		"SIGTERM, then SIGKILL", "forwarded, IPv6",
		"server1 is killed", "ended with their server", "server4 is added", "0 established ones on living backends broke", "the daemon is killed and started again", "pass_no_socket", "punt", "everything is removed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not among what it prints:\n%s", want, &out)
		}
	}
	checkRemoved(t)
}

func TestCosts(t *testing.T) {
	testkit.RequireRoot(t)
	costs, err := Costs(t.Context(), Options{Program: program(t), Out: &bytes.Buffer{}})
	if err != nil || len(costs) == 0 {
		t.Fatalf("%v, %v", costs, err)
	}
	for _, c := range costs {
		if c.Nanoseconds < 1 || c.Nanoseconds > 100_000 {
			t.Errorf("%s takes %d ns", c.Packet, c.Nanoseconds)
		}
	}
}

// A daemon that doesn't come up is an error that shows what it said.
func TestDaemonThatEnds(t *testing.T) {
	testkit.RequireRoot(t)
	t.Setenv("TMPDIR", t.TempDir())
	err := Run(t.Context(), Options{Program: "/bin/false", Out: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "the daemon ended at once") {
		t.Errorf("%v", err)
	}
	checkRemoved(t)
}

// checkRemoved looks for what the demonstration left in its temporary directory,
// or mounted there.
func checkRemoved(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "clearway-demo-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || bytes.Contains(mounts, []byte(os.TempDir()+"/clearway-demo-")) {
		t.Errorf("still mounted: %s, %v", mounts, err)
	}
}

// What is not as it should be fails a scene.
func TestSceneCheck(t *testing.T) {
	for _, row := range []struct {
		name    string
		scene   scene
		packets uint64
		became  reasons
		ok      bool
	}{
		{"all forwarded", scene{reason: "forward"}, 3, reasons{"forward": 3}, true},
		{"noise to Linux", scene{reason: "forward"}, 3, reasons{"forward": 3, "pass_not_ours": 2}, true},
		{"one missing", scene{reason: "forward"}, 3, reasons{"forward": 2}, false},
		{"one too many", scene{reason: "forward"}, 3, reasons{"forward": 4}, false},
		{"more expected", scene{reason: "forward", more: true}, 3, reasons{"forward": 4}, true},
		{"one dropped", scene{reason: "forward"}, 3, reasons{"forward": 3, "drop_emit": 1}, false},
		{"to Linux, with more", scene{reason: "pass_local"}, 1, reasons{"pass_local": 2}, true},
		{"forwarded instead", scene{reason: "pass_local"}, 1, reasons{"forward": 1}, false},
	} {
		if err := row.scene.check(row.packets, row.became); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
