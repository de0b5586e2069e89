// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// batch is frames that went through both labs, and what came of them.
type batch struct {
	s       *scenario
	sent    []frame
	because []*dataplane.Explanation // nil where Clearway is not attached
	first   int                      // number of the first frame

	plain, fast []frame // what came out, of Linux alone and with Clearway
	stack       []frame // what Clearway left to Linux
}

// problems compares, and tells in full of the first few differences.
func (b *batch) problems() []string {
	all := slices.Concat(b.emissions(), b.passed(), b.forwarded(), b.limited())
	const shown = 6
	if len(all) > shown {
		all = append(all[:shown], fmt.Sprintf("and %d more", len(all)-shown))
	}
	return all
}

// emissions: both labs emit the same, but for what Linux limits by time.
func (b *batch) emissions() (problems []string) {
	plain, fast := b.count(b.plain), b.count(b.fast)
	for e, n := range plain {
		if m := fast[e]; m != n {
			problems = append(problems, b.differs(e, n, m))
		}
	}
	for e, m := range fast {
		if plain[e] == 0 {
			problems = append(problems, b.differs(e, 0, m))
		}
	}
	return problems
}

func (b *batch) count(frames []frame) map[emission]int {
	n := map[emission]int{}
	for _, f := range frames {
		p := parse(f.bytes)
		// A redirect asks for its receiver's MAC, if that isn't known.
		if b.s.isLocal(p.src) && p.isLimited() || b.s.forward.hairpin && p.question(f.bytes) != nil {
			continue
		}
		if e, ok := b.s.normal(f); ok {
			n[e]++
		}
	}
	return n
}

func (b *batch) differs(e emission, plain, fast int) string {
	text := fmt.Sprintf("%s emits %d times with Clearway, %d times without:\n%s",
		e.where, fast, plain, hex.EncodeToString([]byte(e.frame)))
	return text + b.cause(b.s.numberOf([]byte(e.frame)))
}

// cause tells of the frame that has a number.
func (b *batch) cause(n int) string {
	i := n - b.first
	if i < 0 || i >= len(b.sent) {
		return "\nits cause is unknown"
	}
	return "\nbecause of " + b.tell(i)
}

func (b *batch) tell(i int) string {
	f, e := b.sent[i], b.because[i]
	text := fmt.Sprintf("frame %d at %s: %s", b.first+i, f.port, hex.EncodeToString(f.bytes))
	if e == nil {
		return text + "\n  not a port of Clearway"
	}
	text += fmt.Sprintf("\n  %s (%s)", e.Reason, e.Verdict)
	for _, stage := range e.Stages {
		text += fmt.Sprintf("\n  %s: %s", stage.Name, strings.ReplaceAll(stage.Text, "\n", "\n    "))
	}
	return text
}

// cutTag: a frame that ends right behind its tag. The kernel drops it where it
// takes tags off (skb_vlan_untag), before anyone can look.
func cutTag(frame []byte) bool {
	return len(frame) < 20 && isTag(binary.BigEndian.Uint16(frame[12:]))
}

// passed: the router's stack gets what Clearway passes as it came, and nothing
// else.
func (b *batch) passed() (problems []string) {
	want := map[emission]int{}
	for i, f := range b.sent {
		if e := b.because[i]; e != nil && e.Verdict == "pass" && !cutTag(f.bytes) {
			want[emission{f.port, string(f.bytes)}]++
		}
	}
	for _, f := range b.stack {
		want[emission{f.port, string(f.bytes)}]--
	}
	for e, n := range want {
		if n != 0 {
			problems = append(problems, fmt.Sprintf("%d more passed than reached the stack of %s: %x%s",
				n, e.where, e.frame, b.cause(b.s.numberOf([]byte(e.frame)))))
		}
	}
	return problems
}

// forwarded: each frame that Clearway forwards came out as explained, all of a
// flow to one next hop, and Linux alone says nothing of it.
func (b *batch) forwarded() (problems []string) {
	out := map[string]int{}
	for _, f := range b.fast {
		p := parse(f.bytes)
		out[string(f.bytes[:p.end])]++
	}
	hops := map[string]dataplane.MAC{}
	for i, e := range b.because {
		if e == nil || e.Reason != dataplane.Forward {
			continue
		}
		p := parse(e.Output)
		if out[string(e.Output[:p.end])] == 0 {
			problems = append(problems, fmt.Sprintf("nothing came of\n%s\n  should be %x", b.tell(i), e.Output))
		}
		if in := parse(b.sent[i].bytes); in.tags > 0 && p.tags > 0 && in.priority() != p.priority() {
			problems = append(problems, "PCP and DEI were not kept: "+b.tell(i))
		}
		flow := flowOf(p)
		if hop, seen := hops[flow]; seen && hop != e.NextHop {
			problems = append(problems, fmt.Sprintf("another packet of its flow went to %v, not %v: %s", hop, e.NextHop, b.tell(i)))
		}
		hops[flow] = e.NextHop
	}
	return problems
}

// flowOf names what all packets of a flow have in common.
func flowOf(p packet) string {
	ports := ""
	switch p.protocol {
	case testkit.ProtoTCP, testkit.ProtoUDP:
		ports = string(p.frame[p.upper : p.upper+4])
	}
	label := ""
	if p.version == 6 {
		label = string(p.frame[p.ip : p.ip+4])
	}
	return fmt.Sprint(p.src, p.dst, p.protocol, ports, label, p.frame[p.ip+1])
}

// limited: Linux tells nobody of a better way for a packet that Clearway
// forwards, nor that there is none. With hairpin on the operator has chosen so,
// and on a multipath route Linux may have taken another hop.
func (b *batch) limited() (problems []string) {
	if b.s.forward.hairpin {
		return nil
	}
	for _, f := range b.plain {
		said, i := parse(f.bytes), b.s.numberOf(f.bytes)-b.first
		if !b.s.isLocal(said.src) || !said.isLimited() || i < 0 || i >= len(b.sent) {
			continue
		}
		e, p := b.because[i], parse(b.sent[i].bytes)
		if e != nil && e.Reason == dataplane.Forward && b.s.multipathOf(p.dst) == nil {
			problems = append(problems, fmt.Sprintf("Linux alone says %x because of %s", f.bytes, b.tell(i)))
		}
	}
	return problems
}
