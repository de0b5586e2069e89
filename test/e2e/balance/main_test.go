// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"clearway/internal/cli"
	"clearway/internal/topo/topotest"
)

// envMain makes the test binary be the program.
const envMain = "CLEARWAY_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(envMain) == "" {
		topotest.Main(m)
	}
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	env := cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(cli.Main(ctx, env, os.Args[1:]))
}
