// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are paths of what was built.
type programs struct {
	worker string // ours, and AF_PACKET
	peer   string // in C
	rings  string // the benchmarks of package xsk
}

// compile builds the programs into dir: the peer from bench/peers/xsk, with
// clang-19 or cc, and the packages libxdp-dev and libbpf-dev.
func compile(ctx context.Context, dir string) (p programs, err error) {
	root, err := run(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return p, fmt.Errorf("finding the source, which it is to be started in: %w", err)
	}
	root = strings.TrimSpace(root)
	p = programs{filepath.Join(dir, "worker"), filepath.Join(dir, "peer"), filepath.Join(dir, "rings")}
	if _, err := run(ctx, root, "go", "build", "-o", p.worker, "./bench/xskbench/worker"); err != nil {
		return p, err
	}
	if _, err := run(ctx, root, "go", "test", "-c", "-o", p.rings, "./xsk"); err != nil {
		return p, err
	}
	compiler := "clang-19"
	if _, err := exec.LookPath(compiler); err != nil {
		compiler = "cc"
	}
	_, err = run(ctx, root, compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", p.peer, "bench/peers/xsk/peer.c", "-lxdp", "-lbpf")
	if err != nil {
		return p, fmt.Errorf("compiling the peer, which wants the packages libxdp-dev and libbpf-dev: %w", err)
	}
	return p, nil
}

// run runs a command in a directory and returns its output; the error holds
// what it said.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
