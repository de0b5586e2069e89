// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// moduleTree is the modules of one kernel package. A package that was unpacked
// but not installed has no modules.dep, so what a module depends on is read
// from the module itself.
type moduleTree struct {
	files   map[string]string // name to path of a .ko or .ko.xz
	builtin map[string]bool
}

// readModuleTree lists dir, the one that holds modules.builtin.
func readModuleTree(dir string) (moduleTree, error) {
	t := moduleTree{files: map[string]string{}, builtin: map[string]bool{}}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return t, fmt.Errorf("listing the kernel's modules: %w", err)
	}
	for line := range strings.Lines(string(list)) {
		t.builtin[moduleName(line)] = true
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".ko") {
			t.files[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return t, fmt.Errorf("listing the kernel's modules: %w", err)
	}
	return t, nil
}

// moduleName is a file's module in the kernel's spelling, which has no dashes.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(strings.TrimSpace(path)), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// load returns the modules that names need, each after those it depends on.
// Built-in ones need nothing.
func (t moduleTree) load(names []string) ([]module, error) {
	contents := map[string][]byte{}
	depends := func(name string) ([]string, error) {
		if t.builtin[name] {
			return nil, nil
		}
		path, ok := t.files[name]
		if !ok {
			return nil, fmt.Errorf("the kernel package has no module %q", name)
		}
		data, err := readModule(path)
		if err != nil {
			return nil, err
		}
		contents[name] = data
		return moduleDepends(data)
	}
	order, err := loadOrder(names, depends)
	if err != nil {
		return nil, err
	}
	var out []module
	for _, name := range order {
		if data, ok := contents[name]; ok {
			out = append(out, module{name, data})
		}
	}
	return out, nil
}

// module is a kernel module, not compressed.
type module struct {
	name string
	data []byte
}

// loadOrder lists names and all they depend on, each once and after its own
// dependencies. It asks depends once a module.
func loadOrder(names []string, depends func(name string) ([]string, error)) ([]string, error) {
	var order []string
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		needs, err := depends(name)
		if err != nil {
			return err
		}
		for _, need := range needs {
			if err := visit(need); err != nil {
				return fmt.Errorf("module %s: %w", name, err)
			}
		}
		order = append(order, name)
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// readModule reads a module's file and undoes Debian's compression.
func readModule(path string) ([]byte, error) {
	if filepath.Ext(path) != ".xz" {
		return os.ReadFile(path)
	}
	data, err := output(exec.Command("xz", "-dc", path))
	if err != nil {
		return nil, fmt.Errorf("unpacking %s (package xz-utils): %w", path, err)
	}
	return []byte(data), nil
}

func moduleDepends(data []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading a module: %w", err)
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("reading a module: it has no .modinfo section")
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("reading a module: %w", err)
	}
	return modinfoDepends(info), nil
}

// modinfoDepends reads the NUL-separated key=value strings of .modinfo.
func modinfoDepends(info []byte) []string {
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := strings.CutPrefix(string(field), "depends="); ok && list != "" {
			return strings.Split(strings.ReplaceAll(list, "-", "_"), ",")
		}
	}
	return nil
}
