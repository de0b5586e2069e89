// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/health"
)

// load applies the text of a configuration.
func (r *reconciler) load(ctx context.Context, text []byte, now bool) (control.Reload, error) {
	p, err := r.prepare(ctx, text, now)
	if err != nil {
		return control.Reload{}, r.note(err)
	}
	if r.good == nil {
		r.runtime = p.config.Runtime
	}
	changes, err := r.apply(ctx, p)
	if err != nil {
		return control.Reload{}, err
	}
	r.again = r.again || r.unprobed != nil
	r.level.Set(p.config.Runtime.Log)
	return control.Reload{Generation: changes.Generation, Changes: changes.Lines, Warnings: r.snapshot().warnings}, nil
}

// prepare plans for the text of a configuration. All of its interfaces must exist
// and be fit to be ports, and its backends to be backends.
func (r *reconciler) prepare(ctx context.Context, text []byte, now bool) (planned, error) {
	view, err := r.machine.Read(ctx)
	if err != nil {
		return planned{}, err
	}
	c, problems := config.Check(text, func(name string) bool { return view.ByName(name) != nil })
	if problems.HasErrors() {
		refusal := control.Invalidf("the configuration has errors; nothing was changed")
		refusal.Problems = control.FromConfig(problems)
		return planned{}, refusal
	}
	p, err := r.plan(ctx, c, view, ordersFor(c, r.orders), now)
	if err != nil {
		return planned{}, err
	}
	if p.unfit != nil {
		return planned{}, p.unfit
	}
	first := r.runtime
	if r.good == nil {
		first = c.Runtime
	}
	p.notes = append(needRestart(first, c.Runtime), textWarnings(problems)...)
	return p, nil
}

// ordersFor are those for backends that are in a configuration. The others are
// forgotten.
func ordersFor(c *config.Config, orders map[health.Key]dataplane.Order) map[health.Key]dataplane.Order {
	kept := make(map[health.Key]dataplane.Order)
	for _, s := range c.Balance.Services {
		for _, b := range s.Backends {
			key := health.Key{Service: s.Name, Address: b.Address}
			if order, ok := orders[key]; ok {
				kept[key] = order
			}
		}
	}
	return kept
}

// preview tells what load would do.
func (r *reconciler) preview(ctx context.Context, text []byte) (control.Plan, error) {
	p, err := r.prepare(ctx, text, false)
	if err != nil {
		return control.Plan{}, err
	}
	changes, err := r.dataplane.Preview(p.state)
	if err != nil {
		return control.Plan{}, err
	}
	p.state.ResizeNow = true
	resized, err := r.dataplane.Preview(p.state)
	if err != nil {
		return control.Plan{}, err
	}
	return control.Plan{
		Generation: changes.Generation,
		Changes:    append([]string{}, changes.Lines...),
		Moves:      wireMoves(p.state, changes.Moves, resized.Moves),
		Warnings:   slices.Concat([]control.Warning{}, p.warnings, p.notes),
	}, nil
}

// wireMoves puts together what moves when a state is applied and, of those that
// are resized some time later, what moves then.
func wireMoves(state dataplane.State, now, later []dataplane.Moves) []control.Move {
	services := make(map[string]dataplane.Service, len(state.Services))
	for _, s := range state.Services {
		services[s.Name] = s
	}
	all := slices.Clone(now)
	for _, m := range later {
		if m.Resize && !slices.Contains(now, m) {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b dataplane.Moves) int { return cmp.Compare(a.Service, b.Service) })
	moves := []control.Move{}
	for _, m := range all {
		s := services[m.Service]
		moves = append(moves, control.Move{Service: m.Service, Moved: m.Moved, Slots: m.Slots, Resize: m.Resize,
			Tracking: string(s.Tracking), SettleSeconds: s.Settle.Seconds()})
	}
	return moves
}
