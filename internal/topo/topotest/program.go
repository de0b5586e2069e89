// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// AsProgram in the environment of a test binary makes it be a program: see
// [MainOrProgram].
const AsProgram = envProgram + "=1"

const envProgram = "CLEARWAY_TEST_MAIN"

// MainOrProgram is [Main] for a package whose tests run the test binary as the
// program that they test: where [AsProgram] is set it runs that, and ends the process
// with the exit code. SIGTERM ends the context.
func MainOrProgram(m *testing.M, program func(context.Context) int) {
	if os.Getenv(envProgram) == "" {
		Main(m)
	}
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	os.Exit(program(ctx))
}
