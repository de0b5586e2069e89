// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errMissing marks what the machine or the mirror doesn't have: reported, and
// forgiven by -allow-missing. Everything else is a failure.
var errMissing = errors.New("not available")

// image is an unpacked kernel package.
type image struct {
	Kernel  string // path of the boot image
	Modules string // directory that holds modules.builtin
}

// fetchImage returns the newest cloud kernel of k's version, from cache (one
// directory for the whole matrix) or from the Debian mirror that this machine
// already uses. Nothing is installed, and the machine's own package lists stay
// as they are. Several processes may share cache.
func fetchImage(ctx context.Context, cache string, k kernel) (image, error) {
	unlock, err := lockDir(cache)
	if err != nil {
		return image{}, err
	}
	defer unlock()
	tree := filepath.Join(cache, k.Version)
	if _, err := os.Stat(tree); err == nil {
		return findImage(tree)
	}
	apt, err := newAptSuite(ctx, filepath.Join(cache, "apt", k.Suite), k.Suite)
	if err != nil {
		return image{}, err
	}
	// Unpack aside and rename, so that an interrupted run leaves no half tree.
	aside := tree + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return image{}, err
	}
	if err := apt.unpackNewest(ctx, "linux-image-"+k.Version+".", "-cloud-amd64", aside); err != nil {
		return image{}, fmt.Errorf("fetching kernel %s from %s: %w", k.Version, k.Suite, err)
	}
	if err := os.Rename(aside, tree); err != nil {
		return image{}, err
	}
	return findImage(tree)
}

// lockDir makes dir and takes its lock, waiting for another run that has it.
func lockDir(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
	}
	return f.Close, nil
}

func findImage(tree string) (image, error) {
	kernels, _ := filepath.Glob(filepath.Join(tree, "boot", "vmlinuz-*"))
	// Before and after Debian moved /lib to /usr/lib.
	modules, _ := filepath.Glob(filepath.Join(tree, "lib", "modules", "*"))
	merged, _ := filepath.Glob(filepath.Join(tree, "usr", "lib", "modules", "*"))
	modules = append(modules, merged...)
	if len(kernels) != 1 || len(modules) != 1 {
		return image{}, fmt.Errorf("%s holds %d kernels and %d module trees, want one of each: remove it and run again",
			tree, len(kernels), len(modules))
	}
	return image{Kernel: kernels[0], Modules: modules[0]}, nil
}

// aptSuite is apt-get with lists of its own that know just one suite.
type aptSuite struct {
	dir  string
	opts []string
}

// newAptSuite reads suite's package list from the machine's mirror into dir.
func newAptSuite(ctx context.Context, dir, suite string) (*aptSuite, error) {
	mirror, err := debianMirror(ctx)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	list := filepath.Join(dir, "sources.list")
	line := fmt.Sprintf("deb [arch=amd64 target=Packages signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, suite)
	if err := os.WriteFile(list, []byte(line), 0o644); err != nil {
		return nil, err
	}
	a := &aptSuite{dir: dir}
	for _, opt := range []string{
		"Dir::Etc::sourcelist=" + list,
		"Dir::Etc::sourceparts=/dev/null",
		"Dir::State=" + filepath.Join(dir, "state"),
		"Dir::Cache=" + filepath.Join(dir, "cache"),
		"APT::Sandbox::User=root", // apt's own user need not reach dir
		"APT::Update::Error-Mode=any",
	} {
		a.opts = append(a.opts, "-o", opt)
	}
	if _, err := a.run(ctx, "apt-get", "-q", "update"); err != nil {
		return nil, fmt.Errorf("%w: suite %s of the machine's Debian mirror: %w", errMissing, suite, err)
	}
	return a, nil
}

// debianMirror asks apt for the address of Debian's main archive, so that no
// address is written here and a local mirror is used.
func debianMirror(ctx context.Context) (string, error) {
	out, err := output(exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)",
		"Created-By: Packages", "Origin: Debian", "Label: Debian"))
	if err != nil {
		return "", fmt.Errorf("%w: finding the Debian mirror: %w", errMissing, err)
	}
	mirror, _, _ := strings.Cut(out, "\n")
	if mirror == "" {
		return "", fmt.Errorf("%w: apt knows no Debian mirror: run apt-get update", errMissing)
	}
	return mirror, nil
}

// unpackNewest downloads the newest package with such a name into tree.
func (a *aptSuite) unpackNewest(ctx context.Context, prefix, suffix, tree string) error {
	names, err := a.run(ctx, "apt-cache", "pkgnames", prefix)
	if err != nil {
		return err
	}
	name := newest(strings.Fields(names), suffix)
	if name == "" {
		return fmt.Errorf("%w: no package %s…%s", errMissing, prefix, suffix)
	}
	if _, err := a.run(ctx, "apt-get", "-q", "download", name); err != nil {
		return fmt.Errorf("%w: package %s: %w", errMissing, name, err)
	}
	debs, _ := filepath.Glob(filepath.Join(a.dir, name+"_*.deb"))
	if len(debs) == 0 {
		return fmt.Errorf("apt-get download left no file of package %s", name)
	}
	if _, err := output(exec.CommandContext(ctx, "dpkg-deb", "-x", debs[0], tree)); err != nil {
		return err
	}
	return os.Remove(debs[0])
}

func (a *aptSuite) run(ctx context.Context, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, append(slices.Clone(a.opts), args...)...)
	cmd.Dir = a.dir // where "download" puts its file
	return output(cmd)
}

var digits = regexp.MustCompile(`[0-9]+`)

// newest picks, of the names that end in suffix, the one whose numbers compare
// highest; "" if there is none.
func newest(names []string, suffix string) string {
	best := ""
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		if best == "" || slices.Compare(numbers(name), numbers(best)) > 0 {
			best = name
		}
	}
	return best
}

// numbers returns the numbers in a name or version, in their order.
func numbers(name string) (list []int) {
	for _, s := range digits.FindAllString(name, -1) {
		n, _ := strconv.Atoi(s) // digits only: can't fail below 2^63
		list = append(list, n)
	}
	return list
}

// output runs cmd; the error holds what the command said.
func output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
