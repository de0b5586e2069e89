// SPDX-License-Identifier: Apache-2.0

// Package process runs the daemon on hosts of labs.
package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"clearway/internal/control"
	"clearway/internal/topo"
)

// Daemon is a process of `clearway run`, to be ended with Stop. Call no method of
// Cmd. Not safe for concurrent use.
type Daemon struct {
	*exec.Cmd
	Ended <-chan struct{} // closed when it has ended: then there is a ProcessState
}

// ErrEnded says that the daemon ended before it answered.
var ErrEnded = errors.New("the daemon ended at once")

// Start starts the daemon on a host and doesn't wait until it answers.
func Start(host *topo.Host, cmd *exec.Cmd) (*Daemon, error) {
	if err := host.Start(cmd); err != nil {
		return nil, fmt.Errorf("starting the daemon: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	return &Daemon{cmd, ended}, nil
}

// Ready waits until it answers at its socket. After ErrEnded there is nothing to
// stop.
func (d *Daemon) Ready(ctx context.Context, at *control.Client) error {
	for {
		status, err := at.Status(ctx)
		if err == nil && status.Daemon != nil && status.Daemon.PID == d.Process.Pid {
			return nil
		}
		select {
		case <-d.Ended:
			return ErrEnded
		case <-ctx.Done():
			return fmt.Errorf("waiting for the daemon: %w", errors.Join(ctx.Err(), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop sends it a signal and waits until it has ended: where that takes longer
// than limit, it is killed. That, and any exit code but 0 after SIGTERM, is an
// error; one with [os.ErrProcessDone] says that it had ended before.
func (d *Daemon) Stop(signal syscall.Signal, limit time.Duration) error {
	if err := d.Process.Signal(signal); err != nil {
		return fmt.Errorf("ending the daemon: %w", err)
	}
	select {
	case <-d.Ended:
	case <-time.After(limit):
		err := d.Process.Kill()
		<-d.Ended
		return errors.Join(fmt.Errorf("the daemon has not ended %v after %v", limit, signal), err)
	}
	if code := d.ProcessState.ExitCode(); signal == syscall.SIGTERM && code != 0 {
		return fmt.Errorf("after SIGTERM the daemon ended with %d", code)
	}
	return nil
}
