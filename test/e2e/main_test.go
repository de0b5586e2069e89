// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"clearway/internal/topo/topotest"
)

// programEnv names a clearway program to test in place of one built from this
// module's source.
const programEnv = "CLEARWAY_PROGRAM"

// program is the clearway program under test.
var program string

func TestMain(m *testing.M) {
	var err error
	if program, err = findProgram(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	topotest.Main(m)
}

// findProgram builds the program where there is source. In the virtual machines
// of test/kernels there is none, but a program.
func findProgram() (string, error) {
	if given := os.Getenv(programEnv); given != "" {
		return given, nil
	}
	const installed = "/bin/clearway"
	if _, err := os.Stat("../../go.mod"); err != nil {
		return installed, nil
	}
	path, err := filepath.Abs("../../build/e2e/clearway")
	if err != nil {
		return "", err
	}
	return path, build(path)
}

// build builds the program as it is shipped; flags are further ones of go build.
func build(path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "clearway/cmd/clearway")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}
