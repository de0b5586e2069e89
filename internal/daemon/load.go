// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"

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
