// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/daemon"
)

// reader answers questions about the data path: the daemon, or the pinned maps
// where none runs.
type reader interface {
	Status(context.Context) (control.Status, error)
	Services(context.Context) ([]control.Service, error)
	Punt(context.Context) (control.Punt, error)
	Routes(context.Context) iter.Seq2[control.Route, error]
	Explain(context.Context, control.ExplainRequest) (control.Explanation, error)
}

// query asks the daemon and, if none runs, the pinned maps. Where there are
// none either the error is ErrNotRunning.
func query[T any](ctx context.Context, a *app, ask func(context.Context, reader) (T, error)) (T, error) {
	var none T
	paths, err := a.paths()
	if err != nil {
		return none, err
	}
	answer, err := ask(ctx, control.NewClient(paths.Socket))
	if !errors.Is(err, control.ErrNotRunning) {
		return answer, err
	}
	pins, err := daemon.OpenPins(paths.BPFFS, Version())
	if errors.Is(err, dataplane.ErrNotLoaded) {
		return none, fmt.Errorf("%w, and nothing is pinned under %s", control.ErrNotRunning, paths.BPFFS)
	}
	if err != nil {
		return none, err
	}
	defer pins.Close()
	return ask(ctx, pins)
}

// paths are where the daemon and its pins are: from the flags, else from the
// file that -c names, else the defaults.
func (a *app) paths() (config.Runtime, error) {
	paths := defaultPaths()
	if a.configFile != "" {
		c, err := a.loadConfig(a.configFile)
		if err != nil {
			return paths, err
		}
		paths = c.Runtime
	}
	paths.Socket = cmp.Or(a.socket, paths.Socket)
	paths.BPFFS = cmp.Or(a.bpffs, paths.BPFFS)
	return paths, nil
}

// defaultPaths are those of the reference configuration, which shows every key
// with its default.
func defaultPaths() config.Runtime {
	c, problems := config.Parse(config.Reference)
	if c == nil {
		panic(problems) // it is part of the binary
	}
	return c.Runtime
}

// loadConfig reads a configuration file, of which any error is printed.
func (a *app) loadConfig(name string) (*config.Config, error) {
	data, err := a.readFile(name)
	if err != nil {
		return nil, err
	}
	c, problems := config.Parse(data)
	if problems.HasErrors() {
		a.printProblems(name, control.FromConfig(problems))
		return nil, errReported
	}
	return c, nil
}

// readFile reads a file, or the standard input for "-", up to what a
// configuration may have.
func (a *app) readFile(name string) ([]byte, error) {
	in := a.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, config.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return data, nil
}

// printProblems writes what is wrong with a configuration to the standard
// error, each problem below the name of its file.
func (a *app) printProblems(name string, problems []control.Problem) {
	for _, p := range problems {
		if name != "" {
			fmt.Fprintf(a.Stderr, "%s: ", name)
		}
		fmt.Fprintln(a.Stderr, config.Problem(p))
	}
}
