// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bootLimit is far above what a boot takes, also beside other work.
const bootLimit = 3 * time.Minute

type runner struct {
	builder
	cache   string // unpacked kernels, kept
	work    string // this run's files
	verbose bool
}

// outcome is all that is known of one kernel after its run.
type outcome struct {
	Kernel kernel
	Report *report
	Broken map[string]error // sets that could not be built
	Log    string           // what the kernel wrote on its console
	Err    error            // why the machine did not start, or not end well
	Took   time.Duration
}

// runKernel does all that one row of the matrix says, and prints as it goes.
func (r runner) runKernel(ctx context.Context, k kernel) outcome {
	start := time.Now()
	o := outcome{Kernel: k, Report: &report{}}
	fmt.Printf("=== Linux %s\n", k.Version)
	o.Err = r.boot(ctx, &o)
	o.Took = time.Since(start)
	return o
}

func (r runner) boot(ctx context.Context, o *outcome) error {
	img, err := fetchImage(ctx, r.cache, o.Kernel)
	if err != nil {
		return err
	}
	m := vm{
		Kernel:    img.Kernel,
		Initramfs: filepath.Join(r.work, o.Kernel.Version+".cpio"),
		Console:   filepath.Join(r.work, o.Kernel.Version+".console"),
		Limit:     bootLimit,
		Tee:       &progress{all: r.verbose},
	}
	for _, s := range o.Kernel.Sets {
		m.Limit += s.Limit
	}
	if o.Broken, err = r.initramfs(ctx, m.Initramfs, img, o.Kernel); err != nil {
		return err
	}
	if len(o.Broken) == len(o.Kernel.Sets) {
		return nil // there is nothing to boot for
	}
	o.Report, err = m.run(ctx)
	log, logErr := os.ReadFile(m.Console)
	o.Log = string(log)
	if errors.Is(logErr, fs.ErrNotExist) {
		logErr = nil // the emulator did not come so far
	}
	return errors.Join(err, logErr)
}

// progress shows what a run prints: all of it, or the top-level results.
// Every Write is one line.
type progress struct{ all bool }

func (p *progress) Write(line []byte) (int, error) {
	if p.all || testLine.Match(line) {
		fmt.Printf("    %s\n", strings.TrimRight(string(line), "\r\n"))
	}
	return len(line), nil
}
