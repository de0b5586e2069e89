// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf/asm"
)

// Registers, but for what helpers take and return.
const (
	ctx      = asm.R6
	at       = asm.R2 // where the packet is being read
	end      = asm.R3 // its end
	scratch  = asm.R4
	value    = asm.R5
	length   = asm.R7
	portsOK  = asm.R8 // 1: the ports were found
	ipFamily = asm.R9 // 4 or 6
)

// Where the stack keeps what rules compare, from its top.
const (
	dstOnStack   = -16
	srcOnStack   = -32
	portsOnStack = -36 // source, destination
	protoOnStack = -40
)

const (
	xdpPass    = 2
	offsetData = 0 // struct xdp_md
	offsetEnd  = 4
	offsetRXQ  = 16
)

// assemble returns the program:
//
//	if a rule matches, or there is none: return bpf_redirect_map(sockets, ctx->rx_queue_index, XDP_PASS)
//	return XDP_PASS
//
// The flags of bpf_redirect_map are what it returns for a queue without a
// socket (since Linux 5.3).
func assemble(sockets int, rules []Rule) (asm.Instructions, error) {
	if len(rules) > maxRules {
		return nil, fmt.Errorf("%d rules: there can be at most %d; use prefixes that cover more", len(rules), maxRules)
	}
	insns := asm.Instructions{asm.Mov.Reg(ctx, asm.R1)}
	if len(rules) > 0 {
		insns = append(insns, parse()...)
		for i, r := range rules {
			if err := r.check(); err != nil {
				return nil, err
			}
			next := fmt.Sprintf("rule%d", i+1)
			insns = append(insns, mark(fmt.Sprintf("rule%d", i), match(r, next))...)
		}
		insns = append(insns, mark(fmt.Sprintf("rule%d", len(rules)), asm.Instructions{asm.Ja.Label("pass")})...)
	}
	insns = append(insns,
		asm.LoadMem(asm.R2, ctx, offsetRXQ, asm.Word).WithSymbol("redirect"),
		asm.LoadMapPtr(asm.R1, sockets),
		asm.Mov.Imm(asm.R3, xdpPass),
		asm.FnRedirectMap.Call(),
		asm.Return(),
	)
	if len(rules) > 0 {
		insns = append(insns, asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"), asm.Return())
	}
	return insns, nil
}

// mark names the first of some instructions.
func mark(name string, insns asm.Instructions) asm.Instructions {
	insns[0] = insns[0].WithSymbol(name)
	return insns
}

// parse puts the packet's addresses, protocol and ports on the stack, or passes
// it if it is neither IPv4 nor IPv6.
func parse() (insns asm.Instructions) {
	add := func(more ...asm.Instruction) { insns = append(insns, more...) }
	add(asm.LoadMem(at, ctx, offsetData, asm.Word), asm.LoadMem(end, ctx, offsetEnd, asm.Word))
	add(need(14, "pass")...)
	add(asm.LoadMem(value, at, 12, asm.Half), asm.Add.Imm(at, 14))
	for _, done := range []string{"tag", "network"} {
		add(
			asm.JEq.Imm(value, network16(0x8100), done+"_pop"),
			asm.JNE.Imm(value, network16(0x88a8), done),
		)
		add(mark(done+"_pop", need(4, "pass"))...)
		add(asm.LoadMem(value, at, 2, asm.Half), asm.Add.Imm(at, 4))
		add(asm.Mov.Imm(portsOK, 0).WithSymbol(done))
	}
	add(
		asm.JEq.Imm(value, network16(0x0800), "ipv4"),
		asm.JEq.Imm(value, network16(0x86dd), "ipv6"),
		asm.Ja.Label("pass"),
	)
	add(mark("ipv4", parseIPv4())...)
	add(mark("ipv6", parseIPv6())...)
	add(mark("ports", parsePorts())...)
	return insns
}

// need goes elsewhere unless the packet has n more bytes.
func need(n int32, otherwise string) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(scratch, at),
		asm.Add.Imm(scratch, n),
		asm.JGT.Reg(scratch, end, otherwise),
	}
}

func parseIPv4() asm.Instructions {
	insns := append(need(20, "pass"),
		asm.Mov.Imm(ipFamily, 4),
		asm.LoadMem(length, at, 0, asm.Byte),
		asm.And.Imm(length, 0xf),
		asm.LSh.Imm(length, 2),
		asm.JLT.Imm(length, 20, "pass"),
		asm.LoadMem(value, at, 9, asm.Byte),
		asm.StoreMem(asm.RFP, protoOnStack, value, asm.Word),
	)
	insns = append(insns, keep(12, srcOnStack, 1)...)
	insns = append(insns, keep(16, dstOnStack, 1)...)
	return append(insns,
		asm.LoadMem(value, at, 6, asm.Half),
		asm.And.Imm(value, network16(0x3fff)), // more fragments, and the offset
		asm.JNE.Imm(value, 0, "rule0"),
		asm.Add.Reg(at, length),
		asm.Ja.Label("ports"),
	)
}

func parseIPv6() asm.Instructions {
	insns := append(need(40, "pass"),
		asm.Mov.Imm(ipFamily, 6),
		asm.LoadMem(value, at, 6, asm.Byte),
		asm.StoreMem(asm.RFP, protoOnStack, value, asm.Word),
	)
	insns = append(insns, keep(8, srcOnStack, 4)...)
	insns = append(insns, keep(24, dstOnStack, 4)...)
	return append(insns, asm.Add.Imm(at, 40))
}

// parsePorts falls through to the first rule.
func parsePorts() asm.Instructions {
	insns := asm.Instructions{asm.LoadMem(value, asm.RFP, protoOnStack, asm.Word)}
	for _, p := range hasPorts {
		insns = append(insns, asm.JEq.Imm(value, int32(p), "has_ports"))
	}
	insns = append(insns, asm.Ja.Label("rule0"))
	insns = append(insns, mark("has_ports", need(4, "rule0"))...)
	insns = append(insns, keep(0, portsOnStack, 1)...)
	return append(insns, asm.Mov.Imm(portsOK, 1))
}

// keep copies words of the packet to the stack.
func keep(offset, stack int16, words int) (insns asm.Instructions) {
	for i := range int16(words) {
		insns = append(insns,
			asm.LoadMem(value, at, offset+4*i, asm.Word),
			asm.StoreMem(asm.RFP, stack+4*i, value, asm.Word),
		)
	}
	return insns
}

// match goes to redirect if the packet matches a rule, else to next.
func match(r Rule, next string) (insns asm.Instructions) {
	if r.Protocol != 0 {
		insns = append(insns,
			asm.LoadMem(value, asm.RFP, protoOnStack, asm.Word),
			asm.JNE.Imm(value, int32(r.Protocol), next),
		)
	}
	insns = append(insns, matchPort(r.SrcPort, portsOnStack, next)...)
	insns = append(insns, matchPort(r.DstPort, portsOnStack+2, next)...)
	insns = append(insns, matchPrefix(r.SrcPrefix, srcOnStack, next)...)
	insns = append(insns, matchPrefix(r.DstPrefix, dstOnStack, next)...)
	return append(insns, asm.Ja.Label("redirect"))
}

func matchPort(port uint16, stack int16, next string) asm.Instructions {
	if port == 0 {
		return nil
	}
	return asm.Instructions{
		asm.JNE.Imm(portsOK, 1, next),
		asm.LoadMem(value, asm.RFP, stack, asm.Half),
		asm.JNE.Imm(value, network16(port), next),
	}
}

func matchPrefix(p netip.Prefix, stack int16, next string) asm.Instructions {
	if !p.IsValid() {
		return nil
	}
	family, address := int32(6), p.Masked().Addr().AsSlice()
	if p.Addr().Is4() {
		family = 4
	}
	insns := asm.Instructions{asm.JNE.Imm(ipFamily, family, next)}
	for i, bits := 0, p.Bits(); bits > 0; i, bits = i+4, bits-32 {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], ^uint32(0)<<max(0, 32-bits))
		insns = append(insns,
			asm.LoadMem(value, asm.RFP, stack+int16(i), asm.Word),
			asm.And.Imm32(value, int32(binary.NativeEndian.Uint32(mask[:]))),
			asm.JNE.Imm32(value, int32(binary.NativeEndian.Uint32(address[i:])), next),
		)
	}
	return insns
}

// network16 returns the number that a program reads where the packet has n in
// network byte order.
func network16(n uint16) int32 {
	return int32(binary.NativeEndian.Uint16([]byte{byte(n >> 8), byte(n)}))
}
