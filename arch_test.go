// SPDX-License-Identifier: Apache-2.0

// Package clearway holds no code: its test is the architecture's.
package clearway

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "clearway/"

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// TestImports holds the packages to the rules that ARCHITECTURE.md states.
func TestImports(t *testing.T) {
	packages := load(t)
	for _, p := range packages {
		name, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		for _, rule := range rules {
			if rule.holdsFor(name) {
				checkImports(t, p, rule, packages)
			}
		}
	}
}

// rule says what packages may or may not import. Names of ours are without the
// module.
type rule struct {
	says      string
	holdsFor  func(name string) bool
	forbidden func(imported string, standard bool) bool
	deep      bool // also through other packages
}

var rules = []rule{
	{says: "lpm, maglev and tracking import the standard library only", deep: true,
		holdsFor:  among("lpm", "maglev", "tracking"),
		forbidden: func(i string, standard bool) bool { return !standard }},
	{says: "xsk, punt and health import the standard library and golang.org/x/sys only", deep: true,
		holdsFor:  among("xsk", "punt", "internal/health"),
		forbidden: func(i string, standard bool) bool { return !standard && !strings.HasPrefix(i, "golang.org/x/sys/") }},
	{says: "dataplane imports nothing from internal/", deep: true,
		holdsFor:  among("dataplane"),
		forbidden: func(i string, _ bool) bool { return strings.HasPrefix(i, module+"internal/") }},
	{says: "only netstate and topo import a netlink library",
		holdsFor: func(n string) bool { return !under(n, "internal/netstate") && !under(n, "internal/topo") },
		forbidden: func(i string, _ bool) bool {
			return strings.HasPrefix(i, "github.com/mdlayher/") || strings.HasPrefix(i, "github.com/vishvananda/")
		}},
	{says: "only dataplane, xskprog and bench import cilium/ebpf",
		holdsFor:  func(n string) bool { return !under(n, "dataplane") && !under(n, "xsk/xskprog") && !under(n, "bench") },
		forbidden: func(i string, _ bool) bool { return strings.HasPrefix(i, "github.com/cilium/ebpf") }},
	{says: "plan is pure: it imports neither daemon, control nor topo", deep: true,
		holdsFor: among("internal/plan", "internal/config"),
		forbidden: func(i string, _ bool) bool {
			return slices.Contains([]string{module + "internal/daemon", module + "internal/control", module + "internal/topo"}, i)
		}},
	{says: "testkit and topotest are for tests",
		holdsFor: func(n string) bool { return !under(n, "internal/testkit") && n != "internal/topo/topotest" },
		forbidden: func(i string, _ bool) bool {
			return strings.HasPrefix(i, module+"internal/testkit") || i == module+"internal/topo/topotest"
		}},
}

func among(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func under(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func checkImports(t *testing.T, p pkg, r rule, all map[string]pkg) {
	imported := p.Imports
	if r.deep {
		imported = p.Deps
	}
	for _, i := range imported {
		if r.forbidden(i, all[i].Standard) {
			t.Errorf("%s imports %s, but %s", p.ImportPath, i, r.says)
		}
	}
}

func load(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	packages := map[string]pkg{}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}
