// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"math/big"
	"slices"
	"strings"
)

// oracle is the pseudocode of the paper's section 3.4: all lists written out, an
// entry of -1 for an empty slot. Whose turn it is follows the rule for weights
// word by word.
func oracle(size int, seed uint64, backends []Backend) Table {
	var weighted []int
	for i, b := range backends {
		if b.Weight > 0 {
			weighted = append(weighted, i)
		}
	}
	slices.SortFunc(weighted, func(i, j int) int { return strings.Compare(backends[i].Name, backends[j].Name) })

	permutation := make([][]int, len(weighted))
	for i, b := range weighted {
		offset := sipHash(seed, 1, backends[b].Name) % uint64(size)
		skip := sipHash(seed, 2, backends[b].Name)%uint64(size-1) + 1
		for j := range uint64(size) {
			permutation[i] = append(permutation[i], int((offset+j*skip)%uint64(size)))
		}
	}
	return populate(permutation, weighted, hasTurn(backends, weighted))
}

// populate is the paper's POPULATE, but for the question to turn.
func populate(permutation [][]int, owners []int, turn func(round, i, turnsBefore int) bool) Table {
	size := len(permutation[0])
	next := make([]int, len(permutation))
	turns := make([]int, len(permutation))
	entry := slices.Repeat([]int{-1}, size)
	for n, round := 0, 0; ; round++ {
		for i := range permutation {
			if !turn(round, i, turns[i]) {
				continue
			}
			turns[i]++
			c := permutation[i][next[i]]
			for entry[c] >= 0 {
				next[i]++
				c = permutation[i][next[i]]
			}
			entry[c] = owners[i]
			next[i]++
			n++
			if n == size {
				table := make(Table, size)
				for slot, owner := range entry {
					table[slot] = uint16(owner)
				}
				return table
			}
		}
	}
}

// hasTurn: turn k, counted from 0, is in round ⌊k · heaviest / weight⌋.
func hasTurn(backends []Backend, weighted []int) func(round, i, k int) bool {
	heaviest := new(big.Int)
	for _, b := range weighted {
		if w := big.NewInt(int64(backends[b].Weight)); w.Cmp(heaviest) > 0 {
			heaviest = w
		}
	}
	return func(round, i, k int) bool {
		at := big.NewInt(int64(k))
		at.Mul(at, heaviest)
		at.Div(at, big.NewInt(int64(backends[weighted[i]].Weight)))
		return at.Cmp(big.NewInt(int64(round))) == 0
	}
}
