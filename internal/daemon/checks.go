// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"log/slog"
	"maps"

	"clearway/dataplane"
	"clearway/internal/health"
	"clearway/internal/plan"
)

// startProber returns nil where health checks have to go straight to the
// backends' own addresses.
func startProber(open func() (Prober, error), log *slog.Logger) Prober {
	p, err := open()
	if err == nil {
		return p
	}
	if !errors.Is(err, dataplane.ErrNoProbes) {
		log.Error("could not load the program that steers health checks", "error", err)
	}
	return nil
}

// setChecks has the backends checked that were planned. Where probes go is set
// before any is sent.
func (r *reconciler) setChecks(p planned) {
	checks, targets, devices := plan.Checks(p.config, p.hops, r.prober != nil)
	r.unprobed = nil
	if r.prober != nil {
		r.unprobed = r.prober.Set(targets, devices)
	}
	r.health.Set(checks, p.health)
}

// knownHealth is what the checks say, and where there has been none so far, what
// the data path has made of the backend: one that came before its check, or from
// a former process, goes on as it is until it has been checked.
func (r *reconciler) knownHealth() health.View {
	known := maps.Clone(r.former)
	if known == nil {
		return r.health.View()
	}
	maps.Copy(known, r.health.View())
	return known
}

// healthOf reads from backends as they are planned, or were left by a former
// process, what was known of their health.
func healthOf(services []dataplane.Service) health.View {
	view := health.View{}
	for _, s := range services {
		for _, b := range s.Backends {
			if status := statusOfBackend(b); status != health.Unknown {
				view[health.Key{Service: s.Name, Address: b.Address}] = status
			}
		}
	}
	return view
}

// statusOfBackend is unknown of a disabled one, which is dead to its flows
// whatever its health.
func statusOfBackend(b dataplane.Backend) health.Status {
	switch {
	case b.State == dataplane.Unknown, b.State == dataplane.Disabled:
		return health.Unknown
	case !b.Alive:
		return health.Gone
	case b.State == dataplane.Down:
		return health.Down
	}
	return health.Up
}
