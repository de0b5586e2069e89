// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// requireEnv set to "all" turns every skip into a failure, so that a machine
// that should run everything can't quietly run less.
const requireEnv = "CLEARWAY_REQUIRE"

// Skip ends the test as skipped because the machine lacks something, or as
// failed if CLEARWAY_REQUIRE=all. All skips of the project come through here.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv(requireEnv) == "all" {
		t.Fatalf("must not be skipped with %s=all: %s", requireEnv, why)
	}
	t.Skip(why)
}

// RequireRoot skips the test unless it runs as root.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "needs root")
	}
}

// RequireKernel skips the test on a kernel older than minimum ("5.18"); what
// names the feature that came with it.
func RequireKernel(t testing.TB, minimum, what string) {
	t.Helper()
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatalf("reading the kernel release: %v", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	older, err := kernelOlder(release, minimum)
	if err != nil {
		t.Fatal(err)
	}
	if older {
		Skip(t, "%s needs Linux %s, this is %s", what, minimum, release)
	}
}

// RequireTool skips the test unless the program is in PATH, and returns the
// program's path.
func RequireTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(t, "needs the program %s in PATH", name)
	}
	return path
}

// kernelOlder compares major and minor; releases look like 6.18.5-cloud-amd64.
func kernelOlder(release, minimum string) (bool, error) {
	var have, want struct{ major, minor int }
	if _, err := fmt.Sscanf(release, "%d.%d", &have.major, &have.minor); err != nil {
		return false, fmt.Errorf("parsing kernel release %q: %w", release, err)
	}
	if _, err := fmt.Sscanf(minimum, "%d.%d", &want.major, &want.minor); err != nil {
		return false, fmt.Errorf("parsing kernel version %q: %w", minimum, err)
	}
	if have.major != want.major {
		return have.major < want.major, nil
	}
	return have.minor < want.minor, nil
}
