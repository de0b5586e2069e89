// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/topo"
	"clearway/internal/topo/process"
)

const runtime = `runtime:
  bpffs: %[1]s/bpf/clearway
  socket: %[1]s/clearway.sock
  metrics: "off"
`

// daemon is `clearway run` on the router of the lab, with a BPF file system of
// its own.
type daemon struct {
	lab     *topo.Lab
	program string
	dir     string
	client  *control.Client
	process *process.Daemon // nil when none runs
}

// newDaemon prepares it with a configuration that says all but where it keeps its
// things.
func newDaemon(lab *topo.Lab, program, config string) (_ *daemon, err error) {
	dir, err := os.MkdirTemp("", "clearway-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	d := &daemon{lab: lab, program: program, dir: dir, client: control.NewClient(filepath.Join(dir, "clearway.sock"))}
	if err := os.Mkdir(d.path("bpf"), 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("making a directory: %w", err), os.RemoveAll(dir))
	}
	if err := unix.Mount("bpf", d.path("bpf"), "bpf", 0, ""); err != nil {
		return nil, errors.Join(fmt.Errorf("mounting a BPF file system: %w: run as root", err), os.RemoveAll(dir))
	}
	if err := os.WriteFile(d.path("clearway.yaml"), d.text(config), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the configuration: %w", err), d.removeFiles())
	}
	return d, nil
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }
func (d *daemon) bpffs() string           { return d.path("bpf/clearway") }

// text is a whole configuration.
func (d *daemon) text(config string) []byte { return []byte(fmt.Sprintf(runtime, d.dir) + config) }

// start starts the daemon and waits until it answers.
func (d *daemon) start(ctx context.Context) error {
	log, err := os.Create(d.path("log"))
	if err != nil {
		return fmt.Errorf("starting the daemon: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(d.program, "run", "-c", d.path("clearway.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	if d.process, err = process.Start(d.lab.Host("router"), cmd); err != nil {
		return err
	}
	if err := d.process.Ready(ctx, d.client); err != nil {
		said, readErr := d.log()
		return errors.Join(fmt.Errorf("%w:\n%s", err, said), readErr)
	}
	return nil
}

// log is what the daemon wrote so far.
func (d *daemon) log() (string, error) {
	text, err := os.ReadFile(d.path("log"))
	if err != nil {
		return "", fmt.Errorf("reading the daemon's log: %w", err)
	}
	return string(text), nil
}

// end ends the daemon; the data path goes on.
func (d *daemon) end(signal syscall.Signal) error {
	if d.process == nil {
		return nil
	}
	p := d.process
	d.process = nil
	if err := p.Stop(signal, 5*time.Second); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// remove ends the daemon and takes the data path and all files away.
func (d *daemon) remove() error {
	return errors.Join(d.end(syscall.SIGTERM), d.detach(), d.removeFiles())
}

func (d *daemon) detach() error {
	return d.lab.Host("router").Do(func() error {
		_, err := dataplane.Detach(d.bpffs(), nil)
		if errors.Is(err, dataplane.ErrNotLoaded) {
			return nil
		}
		return err
	})
}

func (d *daemon) removeFiles() error {
	if err := unix.Unmount(d.path("bpf"), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting the BPF file system: %w", err)
	}
	return os.RemoveAll(d.dir)
}
