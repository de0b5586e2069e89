// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"

	"clearway/dataplane"
	"clearway/internal/control"
)

// Punt implements control.API.
func (a *api) Punt(context.Context) (control.Punt, error) {
	stats, err := a.dataplane.Stats()
	if err != nil {
		return control.Punt{}, err
	}
	return a.punt(stats)
}

func (a *api) punt(stats dataplane.Stats) (control.Punt, error) {
	p, err := puntOf(a.dataplane, stats)
	p.Rules = wireRules(a.snapshot().state.Punt)
	return p, err
}

// Punt is control.API's, without the rules.
func (p *Pins) Punt(context.Context) (control.Punt, error) {
	stats, err := p.dataplane.Stats()
	if err != nil {
		return control.Punt{}, err
	}
	return puntOf(p.dataplane, stats)
}

// puntOf puts the punt lane into the words of the API, but for the rules.
func puntOf(d Dataplane, stats dataplane.Stats) (control.Punt, error) {
	sockets, err := d.Sockets()
	p := control.Punt{Interfaces: []control.PuntInterface{}} // not null in JSON
	for _, port := range stats.Ports {
		i := control.PuntInterface{
			Name:     port.Name,
			Sockets:  []int{},
			Punted:   control.Counter(port.Reasons[dataplane.Punted]),
			NoSocket: control.Counter(port.Reasons[dataplane.PassNoSocket]),
		}
		for _, s := range sockets {
			if s.Port == port.Name {
				i.Sockets = append(i.Sockets, s.Queue)
			}
		}
		p.Interfaces = append(p.Interfaces, i)
	}
	return p, err
}

func wireRules(rules []dataplane.PuntRule) []control.PuntRule {
	all := []control.PuntRule{}
	for _, r := range rules {
		all = append(all, control.PuntRule{Name: r.Name, Protocol: r.Protocol.String(), Address: r.Address.String(), Port: r.Port})
	}
	return all
}

// RegisterSocket implements control.API. The descriptor is the caller's and may be
// closed when this returns, so it waits for the loop however long that takes.
func (a *api) RegisterSocket(ctx context.Context, q control.SocketRequest) (control.Registered, error) {
	return inLoop(context.WithoutCancel(ctx), a.reconciler, func(context.Context) (control.Registered, error) {
		if err := a.registerSocket(q); err != nil {
			return control.Registered{}, err
		}
		return control.Registered{Interface: q.Interface, Queue: q.Queue}, nil
	})
}

func (r *reconciler) registerSocket(q control.SocketRequest) error {
	if err := r.dataplane.RegisterSocket(q.Interface, q.Queue, q.Socket); err != nil {
		return control.Invalidf("%v", err)
	}
	r.log.Info("registered a socket", "interface", q.Interface, "queue", q.Queue, "punt rules", len(r.snapshot().state.Punt))
	return nil
}
