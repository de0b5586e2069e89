// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clearway/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

func TestLoadOrder(t *testing.T) {
	needs := map[string][]string{
		"8021q":   {"garp", "mrp"},
		"garp":    {"stp", "llc"},
		"mrp":     nil,
		"stp":     {"llc"},
		"llc":     nil,
		"bonding": nil,
		"bridge":  {"stp", "llc"},
	}
	depends := func(name string) ([]string, error) {
		list, ok := needs[name]
		if !ok {
			return nil, fmt.Errorf("no module %q", name)
		}
		return list, nil
	}
	for _, row := range []struct{ names, want []string }{
		{nil, nil},
		{[]string{"bonding"}, []string{"bonding"}},
		{[]string{"8021q", "bridge", "llc"}, []string{"llc", "stp", "garp", "mrp", "8021q", "bridge"}},
	} {
		got, err := loadOrder(row.names, depends)
		if err != nil {
			t.Errorf("%v: %v", row.names, err)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%v: %s", row.names, diff)
		}
	}
	if _, err := loadOrder([]string{"bonding", "veth"}, depends); err == nil || !strings.Contains(err.Error(), `"veth"`) {
		t.Errorf("an unknown module gave %v", err)
	}
}

// TestLoadOrderOfRandomTrees checks the definition: each module once, all that
// it needs before it, nothing that nobody needs.
func TestLoadOrderOfRandomTrees(t *testing.T) {
	random := testkit.Rand(t)
	for range 500 {
		// Modules need only higher numbers, so there is no circle.
		needs := map[string][]string{}
		name := func(i int) string { return fmt.Sprintf("m%02d", i) }
		const size = 20
		for i := range size {
			for j := i + 1; j < size; j++ {
				if random.IntN(6) == 0 {
					needs[name(i)] = append(needs[name(i)], name(j))
				}
			}
		}
		wanted := []string{name(random.IntN(size)), name(random.IntN(size))}
		order, err := loadOrder(wanted, func(n string) ([]string, error) { return needs[n], nil })
		if err != nil {
			t.Fatal(err)
		}
		// The slow way to say what is needed: add until nothing changes.
		all := map[string]bool{wanted[0]: true, wanted[1]: true}
		for before := 0; before != len(all); {
			before = len(all)
			for n := range all {
				for _, need := range needs[n] {
					all[need] = true
				}
			}
		}
		if len(order) != len(all) {
			t.Fatalf("loads %v, needed are %v", order, all)
		}
		for i, n := range order {
			if !all[n] {
				t.Fatalf("%s is loaded and not needed", n)
			}
			for _, need := range needs[n] {
				if at := slices.Index(order, need); at < 0 || at >= i {
					t.Fatalf("%s comes at %d, %s that it needs at %d", n, i, need, at)
				}
			}
		}
	}
}

func TestModinfoDepends(t *testing.T) {
	for _, row := range []struct {
		info string
		want []string
	}{
		{"", nil},
		{"license=GPL\x00depends=\x00name=veth\x00", nil},
		{"license=GPL\x00depends=garp,mrp\x00name=8021q\x00", []string{"garp", "mrp"}},
		{"depends=crc32c-intel\x00", []string{"crc32c_intel"}},
		{"softdepends=x\x00license=GPL\x00", nil},
	} {
		if diff := cmp.Diff(row.want, modinfoDepends([]byte(row.info))); diff != "" {
			t.Errorf("%q: %s", row.info, diff)
		}
	}
}

func TestModuleTree(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"modules.builtin":                    "kernel/net/ipv6/ipv6.ko\nkernel/drivers/char/virtio-rng.ko\n",
		"kernel/drivers/net/veth.ko":         "not an ELF file",
		"kernel/net/8021q/8021q.ko.xz":       "",
		"kernel/drivers/virtio/a-b_pci.ko":   "",
		"kernel/drivers/virtio/Kconfig.text": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := readModuleTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := moduleTree{
		files: map[string]string{
			"veth":    filepath.Join(dir, "kernel/drivers/net/veth.ko"),
			"8021q":   filepath.Join(dir, "kernel/net/8021q/8021q.ko.xz"),
			"a_b_pci": filepath.Join(dir, "kernel/drivers/virtio/a-b_pci.ko"),
		},
		builtin: map[string]bool{"ipv6": true, "virtio_rng": true},
	}
	if diff := cmp.Diff(want, tree, cmp.AllowUnexported(moduleTree{})); diff != "" {
		t.Error(diff)
	}
	if got, err := tree.load([]string{"ipv6"}); err != nil || len(got) != 0 {
		t.Errorf("a built-in module gave %v, %v; want nothing to load", got, err)
	}
	for name, text := range map[string]string{"vrf": `no module "vrf"`, "veth": "reading a module", "8021q": "xz"} {
		if _, err := tree.load([]string{name}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, want an error with %q", name, err, text)
		}
	}
}
