// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"

	"github.com/cilium/ebpf"

	"clearway/bench/harness"
)

// mostFlows are more than any cache holds.
const mostFlows = 1_000_000

// The traffic of the balance lane: see family.
const (
	oneFlow  = "one flow"
	some     = "1,024 flows"
	many     = "65,536 flows"
	most     = "1,000,000 flows"
	newFlows = "each packet a new flow"

	noService = "no service"
	otherPort = "another port of a service address"
)

// The contenders of the balance lane beside empty and ours.
const (
	fixedBackend = " (a) fixed backend"
	others       = " (c) classical balancer"
	othersAlone  = " (c) classical balancer, no other flows"
	headMoved    = " head moved"
	always       = " Clearway, tracking always"
	never        = " Clearway, tracking never"
	without      = " Clearway without services"
	flatTable    = " one flat table"
	arrayTables  = " array of tables"
	calledTables = " array of tables, looked up by a call"
	equalTables  = " array of tables of one size"
	hashTables   = " hash of tables"
	sentBack     = " sent back"
)

// balancers is what takes part in M1 of the balance lane, but for peer (c): that
// is there once for each set of flows.
type balancers struct {
	lab           *lab // of with
	bare          *lab // of without
	empty         *ebpf.Program
	floors        *balancersObjects
	array, equal  *tablesObjects
	hash          *tablesObjects
	with, without *clearway
	clients       []client
}

// balancePrograms measures M1.
func (b *bench) balancePrograms(ctx context.Context) (harness.Costs, error) {
	all, err := b.newBalancers(ctx)
	if err != nil {
		return nil, err
	}
	if err := all.primeAlways(b); err != nil {
		return nil, err
	}
	var runs []programRun
	for _, f := range families {
		for _, list := range []func(*bench, family) ([]programRun, error){
			all.newFlows, all.knownFlows, all.pastServices, // a SYN stands beside one flow's ACK
		} {
			some, err := list(b, f)
			if err != nil {
				return nil, err
			}
			runs = append(runs, some...)
		}
	}
	tables, err := all.tables(b)
	if err != nil {
		return nil, err
	}
	return b.measurePrograms(ctx, append(runs, tables...))
}

func (b *bench) newBalancers(ctx context.Context) (*balancers, error) {
	r, err := b.newRouter(ctx, balancerSpec())
	if err != nil {
		return nil, err
	}
	all := &balancers{lab: r.lab, empty: r.contenders.Empty, clients: randomClients(b.random, mostFlows)}
	if all.with, err = b.newBalancer(ctx, r.lab, services); err != nil {
		return nil, err
	}
	other, err := b.newRouter(ctx, balancerSpec())
	if err != nil {
		return nil, err
	}
	all.bare = other.lab
	if all.without, err = b.newBalancer(ctx, all.bare, nil); err != nil {
		return nil, err
	}
	return all, all.loadPeers(b)
}

// loadPeers loads what is not Clearway.
func (all *balancers) loadPeers(b *bench) (err error) {
	if all.floors, err = newBalancers(); err != nil {
		return err
	}
	b.later(all.floors.Close)
	for _, t := range []struct {
		to  **tablesObjects
		how nesting
	}{
		{&all.array, nesting{ebpf.ArrayOfMaps, false}},
		{&all.equal, nesting{ebpf.ArrayOfMaps, true}},
		{&all.hash, nesting{ebpf.HashOfMaps, false}},
	} {
		if *t.to, err = newTables(t.how); err != nil {
			return err
		}
		b.later((*t.to).Close)
	}
	return nil
}
