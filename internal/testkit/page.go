// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"strings"
	"testing"
)

// CheckPage checks that the text of a package's doc.go shows the body of a function
// of its example_test.go, which starts with signature: so it compiles.
func CheckPage(t testing.TB, page, code, signature string) {
	t.Helper()
	_, body, _ := strings.Cut(code, signature+" {\n")
	body, _, found := strings.Cut(body, "\n}\n")
	if want := "//" + strings.ReplaceAll(body, "\n", "\n//"); !found || !strings.Contains(page, want) {
		t.Errorf("doc.go doesn't have the program of example_test.go:\n%s", want)
	}
}
