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
	changes, moves, err := r.previewMoves(p.state)
	if err != nil {
		return control.Plan{}, err
	}
	passed := moves
	if checked, differ := plan.OnceChecked(p.state.Services); differ {
		p.state.Services = checked
		if _, passed, err = r.previewMoves(p.state); err != nil {
			return control.Plan{}, err
		}
	}
	return control.Plan{
		Generation: changes.Generation,
		Changes:    append([]string{}, changes.Lines...),
		Moves:      wireMoves(p.state.Services, moves, passed),
		Warnings:   slices.Concat([]control.Warning{}, p.warnings, p.notes),
	}, nil
}

// moveKey tells apart what of a service moves when a state is applied, and what
// when it has got another table size, seed or affinity.
type moveKey struct {
	service string
	resize  bool
}

// previewMoves tells what applying a state would change, and with it what moves: at
// once, and where services are resized after a time.
func (r *reconciler) previewMoves(state dataplane.State) (dataplane.Changes, map[moveKey]dataplane.Moves, error) {
	now, err := r.dataplane.Preview(state)
	if err != nil {
		return now, nil, err
	}
	state.ResizeNow = true
	later, err := r.dataplane.Preview(state)
	moves := make(map[moveKey]dataplane.Moves)
	for _, m := range later.Moves {
		if m.Resize {
			moves[moveKey{m.Service, true}] = m
		}
	}
	for _, m := range now.Moves {
		moves[moveKey{m.Service, m.Resize}] = m
	}
	return now, moves, err
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
