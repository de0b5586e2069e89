// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clearway/internal/testkit"
)

func TestNewest(t *testing.T) {
	for _, row := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"linux-image-6.1.0-9-cloud-amd64-unsigned"}, ""},
		{[]string{"linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-50-cloud-amd64"}, "linux-image-6.1.0-50-cloud-amd64"},
		{[]string{"linux-image-6.12.117+deb13-cloud-amd64", "linux-image-6.12.9+deb13-cloud-amd64", "linux-image-6.12.200+deb13-rt-amd64"},
			"linux-image-6.12.117+deb13-cloud-amd64"},
	} {
		if got := newest(row.names, "-cloud-amd64"); got != row.want {
			t.Errorf("newest(%v) = %q, want %q", row.names, got, row.want)
		}
	}
}

// kernelPackage builds a package that has a kernel's files and nothing else.
func kernelPackage(t *testing.T, name string) string {
	t.Helper()
	testkit.RequireTool(t, "dpkg-deb")
	tree := t.TempDir()
	for path, text := range map[string]string{
		"DEBIAN/control":                                         "Package: " + name + "\nVersion: 1\nArchitecture: all\nMaintainer: test <test@example.org>\nDescription: test\n",
		"boot/vmlinuz-6.1.0-50-cloud-amd64":                      "the kernel",
		"lib/modules/6.1.0-50-cloud-amd64/modules.builtin":       "",
		"lib/modules/6.1.0-50-cloud-amd64/kernel/net/llc/llc.ko": "",
	} {
		file := filepath.Join(tree, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deb := filepath.Join(t.TempDir(), name+"_1_all.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", tree, deb).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	return deb
}

// fakeApt answers as apt does, notes its arguments in a file, and fails where
// the shell code in broken says so.
func fakeApt(t *testing.T, deb, broken string) (calls string) {
	t.Helper()
	calls = filepath.Join(t.TempDir(), "calls")
	script := `echo "$@" >>` + calls + `
` + broken + `
case "$*" in
*indextargets*) echo file:/a/mirror; echo file:/a/mirror ;;
*pkgnames*) echo linux-image-6.1.0-9-cloud-amd64; echo linux-image-6.1.0-50-cloud-amd64 ;;
*download*) cp ` + deb + ` . ;;
esac
`
	fakeTools(t, map[string]string{"apt-get": script, "apt-cache": script})
	return calls
}

func TestFetchUnpacksOnce(t *testing.T) {
	const name = "linux-image-6.1.0-50-cloud-amd64"
	calls := fakeApt(t, kernelPackage(t, name), "")
	cache := t.TempDir()
	for range 2 {
		img, err := fetchImage(t.Context(), cache, kernel{Version: "6.1", Suite: "bookworm"})
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(img.Kernel); err != nil || string(data) != "the kernel" {
			t.Errorf("the kernel is %q, %v", data, err)
		}
		if _, err := readModuleTree(img.Modules); err != nil {
			t.Error(err)
		}
	}
	log, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "download "+name+"\n"); n != 1 {
		t.Errorf("the newest package was downloaded %d times, want once:\n%s", n, log)
	}
	sources, err := os.ReadFile(filepath.Join(cache, "apt", "bookworm", "sources.list"))
	if err != nil || !strings.Contains(string(sources), "] file:/a/mirror bookworm main\n") {
		t.Errorf("the private list of sources is %q, %v", sources, err)
	}
}

// What the mirror lacks is missing; what is broken here is not.
func TestFetchErrors(t *testing.T) {
	const fail = `echo "E: it is so" >&2; exit 100; `
	for _, row := range []struct {
		name, broken string
		missing      bool
		want         string
	}{
		{"no mirror", `case "$*" in *indextargets*) exit 0 ;; esac`, true, "apt-get update"},
		{"no suite", `case "$*" in *update) ` + fail + `;; esac`, true, "it is so"},
		{"no package", `case "$*" in *pkgnames*) echo linux-image-6.1.0-9-rt-amd64; exit 0 ;; esac`, true, "no package linux-image-6.1."},
		{"no download", `case "$*" in *download*) ` + fail + `;; esac`, true, "it is so"},
		{"bad package", `case "$*" in *download*) echo junk >linux-image-6.1.0-50-cloud-amd64_1.deb; exit 0 ;; esac`, false, "dpkg-deb"},
	} {
		t.Run(row.name, func(t *testing.T) {
			fakeApt(t, "/nonexistent", row.broken)
			cache := t.TempDir()
			_, err := fetchImage(t.Context(), cache, kernel{Version: "6.1", Suite: "bookworm"})
			if err == nil || errors.Is(err, errMissing) != row.missing || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want an error with %q, missing: %v", err, row.want, row.missing)
			}
			if _, err := os.Stat(filepath.Join(cache, "6.1")); err == nil {
				t.Error("a failed fetch left a kernel in the cache")
			}
		})
	}
}
