// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"slices"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/plan"
)

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
	moves, err := r.previewMoves(p.state, changes.Moves)
	if err != nil {
		return control.Plan{}, err
	}
	return control.Plan{
		Generation: changes.Generation,
		Changes:    append([]string{}, changes.Lines...),
		Moves:      moves,
		Warnings:   slices.Concat([]control.Warning{}, p.warnings, p.notes),
	}, nil
}

// moveKey tells apart what of a service moves when a state is applied, and what
// when it has got another table size, seed or affinity.
type moveKey struct {
	service string
	resize  bool
}

// previewMoves adds to what moves at once what does later: in services that are
// resized after a time, and when new backends have passed their checks.
func (r *reconciler) previewMoves(state dataplane.State, now []dataplane.Moves) ([]control.Move, error) {
	moves, err := r.resized(state, now)
	if err != nil {
		return nil, err
	}
	passed := moves
	if later, differ := plan.OnceChecked(state.Services); differ {
		state.Services = later
		changes, err := r.dataplane.Preview(state)
		if err != nil {
			return nil, err
		}
		if passed, err = r.resized(state, changes.Moves); err != nil {
			return nil, err
		}
	}
	return wireMoves(state.Services, moves, passed), nil
}

// resized adds to what moves at once what of the same state moves when services
// are resized.
func (r *reconciler) resized(state dataplane.State, now []dataplane.Moves) (map[moveKey]dataplane.Moves, error) {
	state.ResizeNow = true
	changes, err := r.dataplane.Preview(state)
	moves := make(map[moveKey]dataplane.Moves)
	for _, m := range changes.Moves {
		if m.Resize {
			moves[moveKey{m.Service, true}] = m
		}
	}
	for _, m := range now {
		moves[moveKey{m.Service, m.Resize}] = m
	}
	return moves, err
}

// wireMoves puts moves into the words of the API, by service, those of a resize
// last.
func wireMoves(services []dataplane.Service, moves, passed map[moveKey]dataplane.Moves) []control.Move {
	all := []control.Move{}
	for _, s := range services {
		for _, resize := range []bool{false, true} {
			key := moveKey{s.Name, resize}
			m, then := moves[key], passed[key]
			if m.Moved+then.Moved == 0 {
				continue
			}
			all = append(all, control.Move{Service: s.Name, Moved: m.Moved, OnceChecked: then.Moved, Slots: max(m.Slots, then.Slots),
				Tracking: string(s.Tracking), Resize: resize, SettleSeconds: s.Settle.Seconds()})
		}
	}
	slices.SortStableFunc(all, func(a, b control.Move) int { return cmp.Compare(a.Service, b.Service) })
	return all
}
