// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/plan"
)

// Pins answers questions about a data path that no daemon looks after, from
// what is pinned and from what the kernel says.
type Pins struct {
	dataplane Dataplane
	machine   Machine
	version   string
}

// OpenPins opens what is pinned below the directory bpffs. Returns
// dataplane.ErrNotLoaded if there is nothing.
func OpenPins(bpffs, version string) (*Pins, error) {
	if _, err := os.Stat(bpffs); errors.Is(err, fs.ErrNotExist) { // without privileges the kernel wouldn't say so
		return nil, dataplane.ErrNotLoaded
	}
	d, err := dataplane.OpenReadOnly(bpffs)
	if err != nil {
		return nil, err
	}
	return &Pins{dataplane: d, machine: &kernel{}, version: version}, nil
}

// Close lets go of the pins and changes nothing.
func (p *Pins) Close() error { return p.dataplane.Close() }

// Status is control.API's, without a daemon in it.
func (p *Pins) Status(ctx context.Context) (control.Status, error) {
	stats, state, err := p.read(ctx)
	if err != nil {
		return control.Status{}, err
	}
	s := statusOf(p.version, stats, state)
	if s.Services, err = p.Services(ctx); err != nil { // of another version, which counts ports all the same
		s.Warnings = append(s.Warnings, control.Warning{Place: "services", Text: err.Error()})
	}
	if s.Punt, err = puntOf(p.dataplane, stats); err != nil { // likewise
		s.Warnings = append(s.Warnings, control.Warning{Place: "punt", Text: err.Error()})
	}
	return s, nil
}

// Services is control.API's, without the health of backends.
func (p *Pins) Services(context.Context) ([]control.Service, error) {
	services, err := p.dataplane.Services()
	return servicesOf(services, nil), err
}

// Routes is control.API's.
func (p *Pins) Routes(ctx context.Context) iter.Seq2[control.Route, error] {
	_, state, err := p.read(ctx)
	if err != nil {
		return func(yield func(control.Route, error) bool) { yield(control.Route{}, err) }
	}
	return routesOf(ctx, p.machine, state)
}

// Explain is control.API's.
func (p *Pins) Explain(ctx context.Context, q control.ExplainRequest) (control.Explanation, error) {
	_, state, err := p.read(ctx)
	if err != nil {
		return control.Explanation{}, err
	}
	return explain(ctx, p.dataplane, p.machine, state, q)
}

// read returns the counters, and the state that a configuration of nothing but
// the attached ports would ask for.
func (p *Pins) read(ctx context.Context) (dataplane.Stats, dataplane.State, error) {
	stats, err := p.dataplane.Stats()
	if err != nil {
		return stats, dataplane.State{}, err
	}
	view, err := p.machine.Read(ctx)
	if err != nil {
		return stats, dataplane.State{}, err
	}
	var c config.Config
	for _, p := range stats.Ports {
		c.Interfaces = append(c.Interfaces, config.Interface{Name: p.Name, Mode: p.Mode})
	}
	// What Build has against a port is for those who want to attach.
	state, _, _ := plan.Build(plan.Input{Config: &c, View: view})
	state.Ports = portsOf(stats)
	return stats, state, nil
}

// portsOf are the ports that counters are kept for: those attached.
func portsOf(stats dataplane.Stats) []dataplane.Port {
	var ports []dataplane.Port
	for _, p := range stats.Ports {
		ports = append(ports, dataplane.Port{Name: p.Name, Ifindex: p.Ifindex, Mode: p.Mode})
	}
	return ports
}
