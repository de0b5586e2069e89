// SPDX-License-Identifier: Apache-2.0

// Command clearway is the daemon and its command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"clearway/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := cli.Main(ctx, cli.Env{
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
