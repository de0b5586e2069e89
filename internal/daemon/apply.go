// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/health"
	"clearway/internal/netstate"
	"clearway/internal/plan"
)

// planned is a state, and all that it was made of.
type planned struct {
	config *config.Config
	view   netstate.View
	hops   map[netip.Addr]netstate.NextHop
	health health.View
	orders map[health.Key]dataplane.Order

	state    dataplane.State
	unfit    error             // ports and backends that were left out of it
	warnings []control.Warning // of the plan
	notes    []control.Warning // on the configuration's text
}

// plan works out the state for a configuration, with the machine and the health
// of backends as they are.
func (r *reconciler) plan(ctx context.Context, c *config.Config, view netstate.View, orders map[health.Key]dataplane.Order, now bool) (planned, error) {
	hops, err := r.machine.NextHops(ctx, plan.Addresses(c, r.good))
	if err != nil {
		return planned{}, err
	}
	p := planned{config: c, view: view, hops: hops, health: r.knownHealth(), orders: orders}
	var found []plan.Warning
	p.state, found, p.unfit = plan.Build(plan.Input{Config: c, View: view, NextHops: hops, Health: p.health,
		DirectChecks: r.prober == nil, Orders: orders, ResizeNow: now})
	p.warnings = planWarnings(found)
	return p, nil
}

// replan plans anew for the configuration in force. What is unfit is warned of.
func (r *reconciler) replan(ctx context.Context, orders map[health.Key]dataplane.Order) (planned, error) {
	view, err := r.machine.Read(ctx)
	if err != nil {
		return planned{}, err
	}
	p, err := r.plan(ctx, r.good, view, orders, false)
	p.warnings = append(p.warnings, unfitWarnings(p.unfit)...)
	p.notes = r.notes
	return p, err
}

// applyAttachable applies a plan without those ports that can't be attached, and
// returns in refused why: a device that came back with another's program on it
// must not keep the data path from all other changes.
func (r *reconciler) applyAttachable(ctx context.Context, p planned) (changes dataplane.Changes, refused, err error) {
	for {
		changes, err = r.apply(ctx, p)
		var attach *dataplane.AttachError
		if !errors.As(err, &attach) {
			return changes, refused, err
		}
		rest := slices.DeleteFunc(slices.Clone(p.state.Ports), func(p dataplane.Port) bool { return p.Name == attach.Interface })
		if len(rest) == len(p.state.Ports) {
			return changes, refused, err
		}
		p.state.Ports = rest
		p.warnings = append(p.warnings, control.Warning{Place: attach.Interface, Text: err.Error()})
		refused = errors.Join(refused, err)
	}
}

// apply makes the data path what was planned, and all that belongs to the plan
// what is in force. On an error everything stays as it was.
func (r *reconciler) apply(ctx context.Context, p planned) (dataplane.Changes, error) {
	undo, err := r.offloads.off(plan.Offloads(p.config, p.view))
	if err != nil {
		return dataplane.Changes{}, r.note(err)
	}
	changes, err := r.dataplane.Apply(ctx, p.state)
	if err != nil {
		return dataplane.Changes{}, r.note(errors.Join(nameForeign(err, p.view), undo()))
	}
	r.good, r.orders, r.notes = p.config, p.orders, p.notes
	r.former = healthOf(p.state.Services)
	r.setChecks(p)
	// What was attached may let more devices take frames, which nothing announces.
	r.again = p.view.RedirectGuessed && len(changes.Lines) > 0
	if err := r.offloads.restoreExcept(p.state.Ports); err != nil {
		r.log.Error("could not restore an offload", "error", err)
	}
	r.logChanges(changes)
	r.show(p.config, p.state, slices.Concat(p.warnings, unprobedWarnings(r.unprobed), p.notes))
	return changes, nil
}

// nameForeign adds to an error of attaching which program is in the way.
func nameForeign(err error, view netstate.View) error {
	var attach *dataplane.AttachError
	if !errors.As(err, &attach) || !attach.Foreign {
		return err
	}
	link := view.ByName(attach.Interface)
	if link == nil || link.Program == 0 {
		return err
	}
	return fmt.Errorf("%w: it is %s", err, dataplane.DescribeProgram(link.Program))
}
