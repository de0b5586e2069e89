// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/health"
)

// Options are what a daemon is started with.
type Options struct {
	ConfigFile string
	Socket     string // in place of the configuration's, if not empty
	BPFFS      string // likewise
	Version    string
	Log        io.Writer
}

// world is what a daemon stands on, for tests to put something else below it.
type world struct {
	machine        Machine
	open           func(dataplane.Config) (Dataplane, error)
	newProber      func() (Prober, error)
	newHealth      func(*slog.Logger) Health
	notify         func(state string) error // the service manager
	dropPrivileges func(extra []uint) error // capabilities to keep
}

// Run is the daemon: it returns nil when ctx ended, leaving the data path
// running, and an error if the start failed or it could not go on.
func Run(ctx context.Context, o Options) error {
	err := run(ctx, o, world{
		machine:        &kernel{},
		open:           func(c dataplane.Config) (Dataplane, error) { return dataplane.Open(c) },
		newProber:      func() (Prober, error) { return dataplane.NewProber() },
		newHealth:      func(log *slog.Logger) Health { return health.New(log) },
		notify:         notifySystemd,
		dropPrivileges: dropPrivileges,
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped in the middle of the start
	}
	return err
}

func run(ctx context.Context, o Options, w world) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hangups := make(chan os.Signal, 1) // from now on one doesn't end the process
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	text, c, err := o.load()
	if err != nil {
		return err
	}
	log, level := newLog(o.Log, c.Runtime.Log)
	socket, err := control.Listen(c.Runtime.Socket)
	if err != nil {
		return err
	}
	defer socket.Close()
	metrics, err := listenMetrics(c.Runtime.Metrics)
	if err != nil {
		return err
	}
	if metrics != nil {
		defer metrics.Close()
	}
	d, err := w.open(dataplane.Config{BPFFS: c.Runtime.BPFFS, Log: log, Version: o.Version})
	if err != nil {
		return err
	}
	defer d.Close()
	// Watch before the first look, so that no change falls in between.
	changes, err := w.machine.Watch(ctx, log)
	if err != nil {
		return err
	}
	a := &api{version: o.Version, started: time.Now(), reconciler: &reconciler{
		dataplane: d, machine: w.machine, health: w.newHealth(log), prober: startProber(w.newProber, log),
		offloads: newOffloads(c.Runtime.BPFFS, w.machine), file: o.ConfigFile, log: log, level: level,
		jobs: make(chan func(context.Context)), stopped: make(chan struct{}),
	}}
	if a.prober != nil {
		defer a.prober.Close()
	}
	if err := a.readFormer(); err != nil {
		return err
	}
	if _, err := a.load(ctx, text, false); err != nil {
		return err
	}
	if err := a.shed(ctx, w.dropPrivileges); err != nil {
		return err
	}
	log.Info("started", "version", o.Version, "config", o.ConfigFile, "socket", c.Runtime.Socket, "metrics", cmp.Or(c.Runtime.Metrics, "off"))
	err = serve(ctx, a, w, changes, hangups, socket, metrics)
	log.Info("stopped; the data path goes on")
	return err
}

// serve says that the daemon is ready, and does its tasks until ctx ends.
func serve(ctx context.Context, a *api, w world, changes <-chan struct{}, hangups <-chan os.Signal, socket, metrics net.Listener) error {
	tell := func(state string) {
		if err := w.notify(state); err != nil {
			a.log.Warn("could not tell the service manager", "error", err)
		}
	}
	tell(systemd.SdNotifyReady)
	tasks := []task{
		{"reconcile", func(ctx context.Context) error { return a.Run(ctx, changes) }},
		{"health", a.health.Run},
		{"control", func(ctx context.Context) error { return control.Serve(ctx, socket, a, a.log) }},
		{"neighbours", func(ctx context.Context) error { return w.machine.RefreshNeighbours(ctx, a.log) }},
		{"signals", func(ctx context.Context) error { return followSignals(ctx, a, hangups, tell) }},
	}
	if metrics != nil {
		tasks = append(tasks, task{"metrics", func(ctx context.Context) error {
			return control.ServeMetrics(ctx, metrics, a, a.log)
		}})
	}
	return runAll(ctx, tasks...)
}

// newLog writes lines of key=value pairs; what is below the level is left out.
func newLog(to io.Writer, at slog.Level) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(at)
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level})), level
}

// listenMetrics listens for scrapes; the result is nil when they are off.
func listenMetrics(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for scrapes (runtime.metrics): %w", err)
	}
	return l, nil
}

// followSignals reloads on SIGHUP, and tells when the daemon stops.
func followSignals(ctx context.Context, a *api, hangups <-chan os.Signal, tell func(string)) error {
	for {
		select {
		case <-ctx.Done():
			tell(systemd.SdNotifyStopping)
			return nil
		case <-hangups:
		}
		tell(reloading())
		done, err := a.Reload(ctx, control.ReloadRequest{})
		tell(systemd.SdNotifyReady)
		if err != nil {
			logRefusal(a.log, err)
			continue
		}
		a.log.Info("reloaded", "changes", len(done.Changes), "generation", done.Generation)
	}
}

// logRefusal logs why a reload was refused, a line for each problem.
func logRefusal(log *slog.Logger, err error) {
	log.Error("reload failed; the old state stays", "error", err)
	var refusal *control.Error
	if errors.As(err, &refusal) {
		for _, p := range refusal.Problems {
			log.Error("configuration: "+p.Message, "line", p.Line, "column", p.Column, "text", p.Text)
		}
	}
}

// load reads the configuration file for the first time, and puts the options
// over what it says.
func (o Options) load() ([]byte, *config.Config, error) {
	text, err := os.ReadFile(o.ConfigFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, problems := config.Parse(text)
	if problems.HasErrors() {
		refusal := control.Invalidf("%s has errors", o.ConfigFile)
		refusal.Problems = control.FromConfig(problems)
		return nil, nil, refusal
	}
	c.Runtime.Socket = cmp.Or(o.Socket, c.Runtime.Socket)
	c.Runtime.BPFFS = cmp.Or(o.BPFFS, c.Runtime.BPFFS)
	return text, c, nil
}
