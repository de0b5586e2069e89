// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"context"
	"os"
	"testing"

	"clearway/internal/cli"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) {
	topotest.MainOrProgram(m, func(ctx context.Context) int {
		return cli.Main(ctx, cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, os.Args[1:])
	})
}
