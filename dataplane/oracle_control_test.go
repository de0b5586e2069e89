// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"clearway/tracking"
)

// pass lets time go by, and has done what is due.
func (o *oracle) pass(by time.Duration) {
	o.now += by
	if o.former != nil {
		return
	}
	o.tick(0)
	o.clock = tracking.Clock{Seconds: uint32(o.now / time.Second), Refresh: uint32(tracking.FlowIdle / 8 / time.Second)}
	for _, s := range o.subjects {
		if s.due(o.now) {
			o.arrange(s)
		}
	}
	if o.now-o.swept >= 30*time.Second {
		o.swept = o.now
		for _, s := range o.subjects {
			s.sweep(o.clock, uint32(o.started/time.Second))
		}
		o.compareTables()
	}
	died := false
	for _, s := range o.subjects {
		for _, v := range s.servers {
			if v.down && !v.dead && o.now >= v.diesAt {
				o.logf(nil, "%v is dead", v)
				v.to(func() { v.dead = true })
				died = true
			}
		}
	}
	if died {
		o.apply()
	}
}

// arrange brings a service's table up to date, and notes what that does to what is
// promised.
func (o *oracle) arrange(s *subject) {
	before := *s.shadow
	s.arrange(o.seed, o.resizeNow, o.now)
	o.follow(s, before)
}

// apply brings the router to what is configured. Packets come in the middle of
// it, too: when backends have their flags, and tables don't have their slots.
func (o *oracle) apply() {
	state := o.config()
	flagged := false
	flag := func() {
		for i, s := range o.subjects {
			if !flagged {
				s.flag(state.Services[i])
			}
		}
		flagged = true
	}
	generation := 0
	if o.dp.gen != nil {
		generation = o.dp.gen.number
	}
	o.dp.hook = func(step string) error {
		if strings.HasPrefix(step, "tables (") && o.dp.gen.number == generation && !flagged {
			flag()
			o.changing = true
			o.traffic(o.rng.IntN(6))
			o.changing = false
		}
		return nil
	}
	changes := o.timedRouter.apply(state)
	o.dp.hook = nil
	flag()
	if changes.Generation != generation {
		o.clock.Seconds, o.clock.Refresh = uint32(o.now/time.Second), 450
	}
	for _, s := range o.subjects {
		o.arrange(s)
	}
	o.compareTables()
}

// restart is another process taking over, after some time without any.
func (o *oracle) restart(without int) {
	former := &leftBehind{flows: map[string]*ebpf.Map{}, services: o.dp.gen.image.registry.services}
	var err error
	if former.decide, err = o.dp.gen.decide().Clone(); err != nil {
		o.t.Fatal(err)
	}
	defer former.decide.Close()
	for _, name := range flowMaps {
		if former.flows[name], err = o.dp.gen.maps(name).Clone(); err != nil {
			o.t.Fatal(err)
		}
		defer former.flows[name].Close()
	}
	if err := o.dp.Close(); err != nil {
		o.t.Fatal(err)
	}
	o.former = former
	for range without {
		o.pass(time.Second)
		o.talk()
	}
	o.former = nil
	o.open()
	o.use()
	o.started, o.swept = o.now, 0
	for _, s := range o.subjects {
		s.adopt(o.now)
	}
}
