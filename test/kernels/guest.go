// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"clearway/test/kernels/job"
)

// builder makes what goes into the guests; each Go package is built once a run.
type builder struct {
	root string // of the module
	bin  string // directory for the results
}

// program returns the path of pkg built for the guest: static, because there
// is no libc there. test says whether pkg's tests are meant.
func (b builder) program(ctx context.Context, pkg string, test bool) (string, error) {
	out := filepath.Join(b.bin, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-"))
	args := []string{"build"}
	if test {
		out += ".test"
		args = []string{"test", "-c"}
	}
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "-buildvcs=false", "-tags=kernels", "-o", out, pkg)...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if _, err := output(cmd); err != nil {
		return "", fmt.Errorf("building %s: %w", pkg, err)
	}
	if _, err := os.Stat(out); err != nil {
		return "", fmt.Errorf("building %s: it has no tests", pkg)
	}
	return out, nil
}

// initramfs writes the guest's whole root file system to file: init, modules
// and the tests. A set that can't be built is left out and returned in broken
// with the reason; any other error is err.
func (b builder) initramfs(ctx context.Context, file string, img image, k kernel) (broken map[string]error, err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := bufio.NewWriter(f)
	a := newArchive(buf)
	for _, dir := range []string{"/proc", "/sys", "/dev", "/tmp", "/run"} {
		a.dir(dir)
	}
	a.file("/etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"))
	if err := b.add(ctx, a, "/init", "./test/kernels/init", false); err != nil {
		return nil, err
	}
	var plan job.Plan
	if plan.Modules, err = addModules(a, img); err != nil {
		return nil, err
	}
	broken = map[string]error{}
	for _, s := range k.Sets {
		j := newJob(k, s)
		if err := b.addSet(ctx, a, s, j); err != nil {
			broken[s.Name] = err
			continue
		}
		plan.Jobs = append(plan.Jobs, j)
	}
	data, err := json.MarshalIndent(plan, "", "\t")
	if err != nil {
		return nil, err
	}
	a.file(job.PlanPath, data)
	if err := errors.Join(a.close(), buf.Flush(), f.Close()); err != nil {
		return nil, fmt.Errorf("writing the initramfs: %w", err)
	}
	return broken, nil
}

func (b builder) addSet(ctx context.Context, a *archive, s set, j job.Job) error {
	if s.Daemon {
		if err := b.add(ctx, a, "/bin/clearway", "./cmd/clearway", false); err != nil {
			return err
		}
	}
	if err := b.add(ctx, a, j.Path, s.Package, true); err != nil {
		return err
	}
	return b.addTestdata(a, s.Package, j.Dir)
}

func (b builder) add(ctx context.Context, a *archive, path, pkg string, test bool) error {
	built, err := b.program(ctx, pkg, test)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	a.file(path, data)
	return nil
}

// addTestdata copies pkg's testdata, so that relative paths work in the guest.
func (b builder) addTestdata(a *archive, pkg, dir string) error {
	a.dir(dir)
	from := filepath.Join(b.root, pkg)
	return filepath.WalkDir(filepath.Join(from, "testdata"), func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		a.file(path.Join(dir, filepath.ToSlash(strings.TrimPrefix(name, from))), data)
		return nil
	})
}

// addModules returns the paths in the guest, in loading order.
func addModules(a *archive, img image) ([]string, error) {
	tree, err := readModuleTree(img.Modules)
	if err != nil {
		return nil, err
	}
	modules, err := tree.load(guestModules)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, m := range modules {
		name := "/modules/" + m.name + ".ko"
		a.file(name, m.data)
		paths = append(paths, name)
	}
	return paths, nil
}

// skipped returns a pattern of the tests that a kernel is too old for.
func (s set) skipped(version string) string {
	var patterns []string
	for since, pattern := range s.Since {
		if slices.Compare(numbers(version), numbers(since)) < 0 {
			patterns = append(patterns, "^"+pattern+"$")
		}
	}
	slices.Sort(patterns)
	return strings.Join(patterns, "|")
}

// handedOn are the variables that ask tests for more, or to repeat.
var handedOn = []string{"CLEARWAY_SEED", "CLEARWAY_FRAMES"}

// newJob is how a set is run in the guest. The working directory mirrors the
// package's place in the tree.
func newJob(k kernel, s set) job.Job {
	dir := path.Join("/src", s.Package)
	j := job.Job{
		Name: s.Name,
		Dir:  dir,
		Path: path.Join(dir, path.Base(s.Package)+".test"),
		Args: []string{"-test.v", "-test.run=" + s.Run, "-test.timeout=" + s.Limit.String()},
		Env:  []string{"PATH=/bin", "HOME=/", "CLEARWAY_REQUIRE=all", "CLEARWAY_KERNEL=" + k.Version},
	}
	if skip := s.skipped(k.Version); skip != "" {
		j.Args = append(j.Args, "-test.skip="+skip)
	}
	for _, key := range handedOn {
		if value := os.Getenv(key); value != "" {
			j.Env = append(j.Env, key+"="+value)
		}
	}
	return j
}
