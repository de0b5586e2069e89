// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForeignCharacters(t *testing.T) {
	good := eth0 + "forward: {allow: [::/0]}\n"
	foreign := func(place, count string) []string {
		return []string{place + ": a config is UTF-8 text without control characters; found " + count}
	}
	for _, r := range []struct {
		name, text string
		want       []string
	}{
		{"OK other scripts", good + "# größe 網路 🦀 \u00a0 \ufffd\n", nil},
		{"OK tab and CR", strings.ReplaceAll(good, "\n", "\t\r\n"), nil},
		{"OK byte order mark", "\ufeff" + good, nil},
		{"bad byte order mark inside", good + "# \ufeff\n", foreign("3:3", "1")},
		{"bad NUL", good + "#\x00\n", foreign("3:2", "1")},
		{"bad escape", good + "\n# ü\x1b[2J\n", foreign("4:4", "1")},
		{"bad DEL", good + "#\x7f\n", foreign("3:2", "1")},
		{"bad C1 control", good + "#\u009b\n", foreign("3:2", "1")},
		{"bad NEL is no line end", good + "#\u0085\n", foreign("3:2", "1")},
		{"bad LS and PS are no line ends", good + "# \u2028 \u2029\n", foreign("3:3", "2")},
		{"bad noncharacter", good + "# \uffff\n", foreign("3:3", "1")},
		{"bad bytes", good + "# \xff\xfe \xc3(\n", foreign("3:3", "3")},
		{"bad surrogate", good + "# \xed\xa0\x80\n", foreign("3:3", "3")},
		{"bad first byte", "\xff" + good, append(foreign("1:1", "1"),
			`1:1: unknown key "�interfaces"; the top level has balance, forward, interfaces, limits, punt, runtime`,
			"1:1: interfaces is missing")},
		{"bad Latin-1 does not hide other mistakes", good + "# gr\xf6\xdfe\nlimits: {allow: 0}\n", append(foreign("3:5", "2"),
			"4:17: limits.allow must be from 1 to 4000000")},
	} {
		t.Run(r.name, func(t *testing.T) {
			c, problems := Parse([]byte(r.text))
			if diff := cmp.Diff(r.want, short(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if (c == nil) != strings.HasPrefix(r.name, "bad") {
				t.Errorf("config: %v", c != nil)
			}
			for _, p := range problems {
				if strings.ContainsFunc(p.Text, func(c rune) bool { return isForeign(c, string(c)) }) {
					t.Errorf("this would reach the terminal: %q", p.Text)
				}
			}
		})
	}
}

func TestSizeIsBounded(t *testing.T) {
	text := []byte(eth0 + "forward: {allow: [::/0]}\n#")
	text = append(text, make([]byte, MaxSize-len(text))...)
	for i := range text {
		if text[i] == 0 {
			text[i] = 'x'
		}
	}
	if _, problems := Parse(text); len(problems) > 0 {
		t.Errorf("largest size: %s", problems[0].Message)
	}
	c, problems := Parse(append(text, 'x'))
	want := []string{"0:0: the config has 67108865 bytes; at most 67108864 are read"}
	if diff := cmp.Diff(want, short(problems)); diff != "" || c != nil {
		t.Errorf("one byte more (-want +got):\n%s", diff)
	}
}

func TestLinesAreThoseOfYAML(t *testing.T) {
	s := newSource([]byte("a\nb\r\nc\rd\n\ne"), &report{})
	for n, want := range []string{"", "a", "b", "c", "d", "", "e", "", ""} {
		if got := s.line(n); got != want {
			t.Errorf("line %d: got %q, want %q", n, got, want)
		}
	}
	_, problems := Parse([]byte("# a\r# b\r\n# c\n" + eth0 + "forwar: {}\n"))
	if diff := cmp.Diff([]string{`5:1: unknown key "forwar"; did you mean "forward"?`}, short(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
