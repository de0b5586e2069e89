// SPDX-License-Identifier: Apache-2.0

// Command kernels runs Clearway's tests on other kernels: it boots Debian's
// cloud kernels in an emulated machine, with the static test binaries in the
// machine's initramfs. README.md says how; matrix.go says which and what.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	var (
		version = flag.String("kernel", "", "run only this `version`, for example 6.12")
		only    = flag.String("set", "", "run only the test sets of these `names`, for example twin,e2e")
		missing = flag.Bool("allow-missing", false, "don't fail for what this machine or its mirror doesn't have")
		verbose = flag.Bool("v", false, "show all output of the tests, not just that of failed sets")
	)
	flag.Parse()
	kernels := choose(matrix, *version, *only)
	if flag.NArg() > 0 || len(kernels) == 0 {
		fmt.Fprintf(os.Stderr, "kernels: nothing to run; there are: %s\n", describe(matrix))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	outcomes, err := runAll(ctx, kernels, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
	if !summarize(os.Stdout, outcomes, *missing) {
		os.Exit(1)
	}
}

// choose narrows the matrix; an empty string means all. With a name that no chosen
// kernel has, there is nothing: half of what was asked for could pass for all.
func choose(all []kernel, version, names string) []kernel {
	var out []kernel
	wanted, found := strings.Split(names, ","), map[string]bool{"": true}
	for _, k := range all {
		if version != "" && k.Version != version {
			continue
		}
		var sets []set
		for _, s := range k.Sets {
			if names == "" || slices.Contains(wanted, s.Name) {
				sets = append(sets, s)
				found[s.Name] = true
			}
		}
		if len(sets) > 0 {
			out = append(out, kernel{k.Version, k.Suite, sets})
		}
	}
	for _, name := range wanted {
		if !found[name] {
			return nil
		}
	}
	return out
}

func describe(all []kernel) string {
	var rows []string
	for _, k := range all {
		var names []string
		for _, s := range k.Sets {
			names = append(names, s.Name)
		}
		rows = append(rows, k.Version+" ("+strings.Join(names, ", ")+")")
	}
	return strings.Join(rows, ", ")
}

func runAll(ctx context.Context, kernels []kernel, verbose bool) ([]outcome, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	root, err := output(list)
	if err != nil {
		return nil, fmt.Errorf("finding the module's root: %w", err)
	}
	root = strings.TrimSpace(root)
	cache := filepath.Join(root, "build", "kernels")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(cache, "run-")
	if err != nil {
		return nil, err
	}
	r := runner{cache: cache, work: work, verbose: verbose, builder: builder{root: root, bin: work}}
	var outcomes []outcome
	for _, k := range kernels {
		outcomes = append(outcomes, r.runKernel(ctx, k))
	}
	return outcomes, errors.Join(ctx.Err(), os.RemoveAll(work))
}
