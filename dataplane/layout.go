// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// layoutOf names the parts of a map's key and value where their order is the
// layout: another build may have others.
func layoutOf(spec *ebpf.MapSpec) string {
	if spec.Name == "counters" {
		return fmt.Sprint(reasonNames())
	}
	return typeText(spec.Key) + typeText(spec.Value)
}

func typeText(t btf.Type) string {
	switch t := btf.UnderlyingType(t).(type) {
	case nil:
		return ""
	case *btf.Struct:
		var text strings.Builder
		for _, m := range t.Members {
			fmt.Fprintf(&text, "%s@%d:%s ", m.Name, m.Offset, typeText(m.Type))
		}
		return "{" + text.String() + "}"
	case *btf.Array:
		return fmt.Sprintf("[%d]%s", t.Nelems, typeText(t.Type))
	default:
		size, _ := btf.Sizeof(t)
		return fmt.Sprint(size)
	}
}

// balanceMaps are those that the registry is read back from, or whose records go
// over to the next generation.
var balanceMaps = []string{"services", "service_notes", "backends", "tables", "flows", "flows_lru", "service_counters", "backend_counters",
	"prefix_shortcuts"}

// balanceLayout identifies what the records of those maps are like, whatever
// their sizes.
var balanceLayout = sync.OnceValues(func() (string, error) {
	spec, err := loadPipeline()
	if err != nil {
		return "", fmt.Errorf("reading the embedded object: %w", err)
	}
	var text strings.Builder
	for _, name := range balanceMaps {
		m := spec.Maps[name]
		if m.InnerMap != nil {
			m = m.InnerMap
		}
		fmt.Fprintln(&text, name, m.KeySize, m.ValueSize, layoutOf(m))
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:8]), nil
})
