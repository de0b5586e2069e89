// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"testing"

	"clearway/internal/testkit"
)

// every is a forwarded frame of each kind of rewriting.
func every() []row {
	var rows []row
	for _, all := range [][]row{tagRows(), lengthRows(), {clamped("10.10.0.2", "10.11.0.2", 1360), clamped("fd00:10::2", "fd00:11::2", 1360)}} {
		rows = append(rows, all...)
	}
	return rows
}

// clampAll has a rule for every SYN.
func (r *rowLab) clampAll() State {
	s := r.state.clone()
	s.MSS = []MSSRule{{MSS: 1360}}
	return s
}

// emptySlot takes away the program that decide calls, of the twin too.
func (r *rowLab) emptySlot(t *testing.T) {
	t.Helper()
	r.do(t, func() error {
		if _, err := r.dp.Explain(r.state.Ports[0].Ifindex, in4().Bytes()); err != nil { // loads the twin
			return err
		}
		return errors.Join(r.dp.twin.coll.Maps["programs"].Delete(uint32(0)), r.dp.gen.maps("programs").Delete(uint32(0)))
	})
}

// TestStageEmitEmptySlot: with no program to call, PASS is byte-identical for
// every kind of frame, whatever had been decided.
func TestStageEmitEmptySlot(t *testing.T) {
	r := newRowLab(t)
	r.apply(t, r.clampAll())
	r.emptySlot(t)
	for _, row := range every() {
		t.Run(row.name, func(t *testing.T) {
			row.reason = "pass_no_finalize"
			r.do(t, func() error { r.runRow(t, "finalize", row); return nil })
		})
	}
}

// TestStageEmitNoDevice: a device that has gone in between is a drop, because
// the frame is changed.
func TestStageEmitNoDevice(t *testing.T) {
	r := newRowLab(t)
	r.apply(t, r.clampAll())
	r.do(t, func() error {
		for _, number := range r.dp.gen.image.numbers.devices {
			if err := r.dp.gen.maps("tx_devices").Delete(number); err != nil {
				return err
			}
		}
		return nil
	})
	for _, row := range every() {
		t.Run(row.name, func(t *testing.T) {
			row.reason = "drop_emit"
			r.do(t, func() error {
				runner, in, port := NewRunner(r.dp), row.in.Bytes(), r.ingress(t, row)
				_, ran, err := runner.Twin(port, in)
				if err == nil {
					checkDropped(t, ran)
				}
				if err == nil && atLeast(5, 14) {
					ran, err = runner.Live(port, in, Placed{})
					checkDropped(t, ran)
				}
				return err
			})
		})
	}
}

func checkDropped(t *testing.T, ran Ran) {
	t.Helper()
	if ran.Verdict != "drop" || ran.Reason != "drop_emit" {
		t.Errorf("%s with %s, want drop with drop_emit", ran.Verdict, ran.Reason)
	}
}

// TestStageEmitNoCounters: counters never change a verdict. Here the port's
// slot has no record.
func TestStageEmitNoCounters(t *testing.T) {
	r := newRowLab(t)
	r.apply(t, r.clampAll())
	rows := []row{
		{name: "forwarded", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
		{name: "pushed", in: frameIn(10, 0, "10.10.0.2", "10.16.0.2", 40), reason: "forward", out: frameOut(16, 6, "10.10.0.2", "10.16.0.2", 40)},
		clamped("10.10.0.2", "10.11.0.2", 1360),
		{name: "passed", in: bare(testkit.EtherTypeARP).Payload(28), reason: "pass_not_ip"},
		{name: "dropped", in: udpTo("10.205.66.0"), reason: "drop_blocked"},
		{name: "dropped by a route", in: udpTo("10.200.0.1"), reason: "drop_blackhole"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { r.do(t, func() error { return r.uncounted(t, row) }) })
	}
}

// uncounted runs a row on a port whose slot is beyond the counters.
func (r *rowLab) uncounted(t *testing.T, row row) error {
	port := r.ingress(t, row)
	record := r.dp.gen.image.ports[uint32(port)]
	record.Slot = r.dp.gen.maps("counters").MaxEntries()
	if err := r.dp.gen.maps("ports").Put(uint32(port), record); err != nil {
		return err
	}
	_, ran, err := NewRunner(r.dp).Twin(port, row.in.Bytes())
	if err != nil {
		return err
	}
	checkRan(t, "twin", row, ran)
	if !atLeast(5, 14) {
		return nil
	}
	action, out, err := testRun(r.dp.gen.decide(), row.in.Bytes(), &xdpMD{DataEnd: uint32(len(row.in.Bytes())), IngressIfindex: uint32(port)})
	checkRan(t, "live", row, Ran{actionName(action), row.reason, out})
	return err
}

// TestNoHeadroom: a push needs four bytes in front of the frame. Metadata takes
// what there is.
func TestNoHeadroom(t *testing.T) {
	testkit.RequireKernel(t, "6.12", "metadata of more than 32 bytes")
	const most = 216 // of the 256 bytes in front, the kernel's own record aside
	r := newRowLab(t)
	r.apply(t, r.state)
	push := frameIn(10, 0, "10.10.0.2", "10.16.0.2", 40)
	pushed := frameOut(16, 6, "10.10.0.2", "10.16.0.2", 40)
	r.runPlaced(t, row{in: push, reason: "forward", out: pushed}, Placed{Meta: 32})
	r.runPlaced(t, row{in: push, reason: "pass_no_headroom"}, Placed{Meta: most})
	r.runPlaced(t, row{in: frameIn(15, 5, "10.15.0.2", "10.16.0.2", 40), reason: "forward",
		out: frameOut(16, 6, "10.15.0.2", "10.16.0.2", 40)}, Placed{Meta: most})
	r.do(t, func() error { // trimmed already, so it can't be given back
		row := row{in: frameIn(10, 0, "10.10.0.2", "10.16.0.2", 40).Trailer(9)}
		ran, err := NewRunner(r.dp).Live(r.ingress(t, row), row.in.Bytes(), Placed{Meta: most})
		checkDropped(t, ran)
		return err
	})
}
