// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRemoveEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	inner := filepath.Join(dir, "b")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		remove string
		stays  bool
	}{{dir, true}, {inner, false}, {inner, false}, {dir, false}} {
		if err := removeEmpty(row.remove); err != nil {
			t.Errorf("%s: %v", row.remove, err)
		}
		if _, err := os.Stat(row.remove); errors.Is(err, fs.ErrNotExist) == row.stays {
			t.Errorf("%s: %v, want it to stay: %v", row.remove, err, row.stays)
		}
	}
}
