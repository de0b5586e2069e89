// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestProblemsPrintLikeACompiler(t *testing.T) {
	_, problems := Parse([]byte("interfaces:\n  - {name: eth0}\nforward:\n  alow: [10.0.0.0/8]\n  block: [10.1.2.3/16]\t# größe\n  hairpin: \t ja\n"))
	want := `line 4, column 3: unknown key "alow"; did you mean "allow"?
      alow: [10.0.0.0/8]
      ^
line 5, column 11: warning: 10.1.2.3/16 has bits beyond its length; it is taken as 10.1.0.0/16
      block: [10.1.2.3/16]	# größe
              ^
line 6, column 14: forward.hairpin must be true or false, not "ja"
      hairpin: 	 ja
               	 ^`
	if got := problems.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (Problem{Message: "too long"}).String(); got != "too long" {
		t.Errorf("a problem of the whole file: %q", got)
	}
	var none Problems
	if none.Error() != "" || none.HasErrors() || (Problems{{Warning: true}}).HasErrors() {
		t.Error("no problems, and warnings, are no errors")
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	text := eth0 + "forward: {allow: [" + strings.Repeat("x,", 1500) + "], block: [" + strings.Repeat("10.0.0.1/8,", 1200) + "]}\n"
	_, problems := Parse([]byte(text))
	// Of 1200 unaligned prefixes, 1199 are duplicates besides.
	for _, want := range []string{"500 more errors are not shown", "1399 more warnings are not shown"} {
		found := 0
		for _, p := range problems {
			if p.Message == want {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%q is there %d times", want, found)
		}
	}
	if len(problems) != 2*maxShown+2 {
		t.Errorf("%d problems are kept", len(problems))
	}
}

func TestLongLinesAreCut(t *testing.T) {
	list := strings.Join(manyPrefixes(1000), ", ")
	for name, r := range map[string]struct{ before, after string }{
		"start":  {"", ", " + list},
		"middle": {list + ", größe/8, ", ", " + list},
		"end":    {list + ", ", ""},
		"wide":   {strings.Repeat("10.0.0.0/8, ", 5) + "# ", strings.Repeat("ü", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			line := "forward: {allow: [" + r.before + "wrong" + r.after + "]}"
			if name == "wide" {
				line = strings.Replace(line, "# ", "ü, ", 1)
			}
			_, problems := Parse([]byte(eth0 + line + "\n"))
			found := false
			for _, p := range problems {
				if !strings.Contains(p.Message, `"wrong`) {
					continue
				}
				found = true
				if pointed := string([]rune(p.Text)[p.Caret:]); !strings.HasPrefix(pointed, "wrong") {
					t.Errorf("the caret points at %q", pointed)
				}
				if len(p.Text) > longestLine {
					t.Errorf("%d bytes are shown", len(p.Text))
				}
				if !strings.Contains(line, strings.Trim(p.Text, "…")) {
					t.Errorf("this is not in the line: %q", p.Text)
				}
				if cut := strings.HasPrefix(p.Text, "…"); cut != (p.Column > shownBefore+1) {
					t.Errorf("cut at the left %t at column %d", cut, p.Column)
				}
			}
			if !found {
				t.Errorf("no problem: %v", problems)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	for _, r := range []struct{ value, want string }{
		{"a\n\x1b", `"a\n\x1b"`},
		{strings.Repeat("é", 60), fmt.Sprintf("%q", strings.Repeat("é", 60))},
		{strings.Repeat("é", 61), fmt.Sprintf("%q…", strings.Repeat("é", 60))},
		{strings.Repeat("\U0001F980", 1000), fmt.Sprintf("%q…", strings.Repeat("\U0001F980", 60))},
	} {
		if got := quote(r.value); got != r.want {
			t.Errorf("%q: got %s, want %s", r.value, got, r.want)
		}
	}
}
