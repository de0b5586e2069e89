// SPDX-License-Identifier: Apache-2.0

package dataplane

import "time"

// event is something else than a change of services.
func (o *oracle) event() {
	switch o.rng.IntN(16) {
	case 0:
		o.seed = o.rng.Uint64()
		o.logf(nil, "another seed")
	case 1, 2:
		o.flood()
	case 3:
		o.logf(nil, "nothing happens for a while")
		for range 60 + o.rng.IntN(240) {
			o.pass(30 * time.Second)
		}
	}
}

// change changes one or several things at once.
func (o *oracle) change() {
	for range 1 + o.rng.IntN(3) {
		o.changeService()
	}
	o.apply()
}

// takeOver has another process, or another generation of the same one, take over.
func (o *oracle) takeOver() {
	if o.rng.IntN(3) == 0 {
		o.limits.Backends ^= 1
		if o.limits.Flows >= 1000 {
			o.limits.Flows = 4000 + o.rng.IntN(1000)
		}
		o.logf(nil, "limits change: a new generation, with room for %d flows", o.limits.Flows)
		return
	}
	without := []int{0, 0, 5, 90}[o.rng.IntN(4)]
	o.logf(nil, "another process takes over after %d s", without)
	o.restart(without)
}

// changeService changes a service or one of its backends.
func (o *oracle) changeService() {
	s := o.subjects[o.rng.IntN(len(o.subjects))]
	v := s.servers[o.rng.IntN(backendsOfAService)]
	switch e := o.rng.IntN(20); {
	case e <= 2:
		v.to(func() { v.here = !v.here })
		v.left = v.left || !v.here
		o.logf(nil, "%v is configured: %t", v, v.here)
	case e <= 5:
		v.drains = !v.drains
		o.logf(nil, "%v drains: %t", v, v.drains)
	case e == 6:
		v.weight = uint16(o.rng.IntN(4))
		o.logf(nil, "%v weighs %d", v, v.weight)
	case e == 7:
		v.to(func() { v.disabled = !v.disabled })
		o.logf(nil, "%v is disabled: %t", v, v.disabled)
	case e <= 15 && !v.down:
		v.down, v.diesAt = true, o.now+time.Duration(o.rng.IntN(40))*time.Second
		if o.rng.IntN(4) == 0 {
			v.diesAt = o.now
			v.to(func() { v.dead = true })
		}
		o.logf(nil, "%v is down, dead: %t", v, v.dead)
	case e <= 15:
		o.logf(nil, "%v is up, it was dead: %t", v, v.dead)
		v.down, v.dead = false, false
	default:
		s.template.TableSize = oracleSizes[o.rng.IntN(len(oracleSizes))]
		o.resizeNow = o.rng.IntN(4) == 0
		o.logf(nil, "%s is to have %d slots, now: %t", s.name, s.template.TableSize, o.resizeNow)
	}
}

// flood has packets of flows arrive that aren't there.
func (o *oracle) flood() {
	s := o.subjects[o.rng.IntN(len(o.subjects))]
	x := []shot{shotSYN, shotData, shotRST, shotError}[o.rng.IntN(4)]
	o.logf(nil, "a flood of %s to %s", x.name, s.name)
	for range 100 {
		if f := o.newFlow(s); !s.inUse[f] {
			o.send(&conn{subject: s, flow: f}, x)
		}
	}
}
