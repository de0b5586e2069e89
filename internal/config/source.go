// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// source is the text of a config, cut into lines as the YAML parser counts
// them: at LF, CR LF and CR.
type source struct {
	text   string
	starts []int // offset in bytes at which each line begins
}

// newSource reports characters that may not stand in a config, and puts U+FFFD
// in their place.
func newSource(data []byte, r *report) source {
	// YAML counts no column for a byte order mark; nor do we.
	s := source{text: strings.TrimPrefix(string(data), "\ufeff"), starts: []int{0}}
	for i := 0; i < len(s.text); i++ {
		c := s.text[i]
		if c == '\n' || c == '\r' && !strings.HasPrefix(s.text[i+1:], "\n") {
			s.starts = append(s.starts, i+1)
		}
	}
	if where, count := s.foreign(); count > 0 {
		r.errorf(where, "a config is UTF-8 text without control characters; found %d", count)
		s = s.cleaned()
	}
	return s
}

// line returns line n, counted from 1, without its end; beyond the text it is
// empty.
func (s source) line(n int) string {
	if n < 1 || n > len(s.starts) {
		return ""
	}
	end := len(s.text)
	if n < len(s.starts) {
		end = s.starts[n]
	}
	return strings.TrimRight(s.text[s.starts[n-1]:end], "\r\n")
}

// foreign counts the characters that may not stand in a config, and tells
// where the first is.
func (s source) foreign() (first place, count int) {
	for i, r := range s.text {
		if !isForeign(r, s.text[i:]) {
			continue
		}
		if count++; count > 1 {
			continue
		}
		n, exact := slices.BinarySearch(s.starts, i)
		if exact {
			n++
		}
		first = place{n, 1 + utf8.RuneCountInString(s.text[s.starts[n-1]:i])}
	}
	return first, count
}

// isForeign judges r, which begins rest: a byte that is no UTF-8, a control
// character, or one of the Unicode line ends, which YAML counts as lines and
// editors don't.
func isForeign(r rune, rest string) bool {
	switch {
	case r == '\n', r == '\r', r == '\t':
		return false
	case r < 0x7f:
		return r < ' '
	case r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	case r == utf8.RuneError: // the character itself may stand there
		_, size := utf8.DecodeRuneInString(rest)
		return size == 1
	}
	return false
}

// cleaned is s with U+FFFD in the place of each foreign character.
func (s source) cleaned() source {
	var text strings.Builder
	var starts []int
	for n := range s.starts {
		starts = append(starts, text.Len())
		end := len(s.text)
		if n+1 < len(s.starts) {
			end = s.starts[n+1]
		}
		line := s.text[s.starts[n]:end]
		for i, r := range line {
			if isForeign(r, line[i:]) {
				r = utf8.RuneError
			}
			text.WriteRune(r)
		}
	}
	return source{text.String(), starts}
}

// Longest line that is shown whole, and how much of a longer one is shown
// before and after the place, in bytes.
const (
	longestLine = 160
	shownBefore = 60
	shownAfter  = 80
)

// fill sets Text and Caret of problems. It goes through them in the order of
// the text, so that many problems on one endless line cost one walk over it.
func (s source) fill(problems []*Problem) {
	problems = slices.Clone(problems)
	slices.SortStableFunc(problems, comparePlaces)
	var line string
	number, column, offset := 0, 1, 0 // offset: of column in line, bytes
	for _, p := range problems {
		if p.Line != number {
			line, number, column, offset = s.line(p.Line), p.Line, 1, 0
		}
		for ; column < p.Column && offset < len(line); column++ {
			_, size := utf8.DecodeRuneInString(line[offset:])
			offset += size
		}
		p.Text, p.Caret = excerpt(line, offset)
	}
}

// excerpt returns line, or the part of it around offset, and how many
// characters of that are before offset.
func excerpt(line string, offset int) (text string, caret int) {
	from, to := 0, len(line)
	if len(line) > longestLine {
		from, to = max(0, offset-shownBefore), min(to, offset+shownAfter)
		for from > 0 && !utf8.RuneStart(line[from]) {
			from--
		}
		for to < len(line) && !utf8.RuneStart(line[to]) {
			to++
		}
	}
	caret = utf8.RuneCountInString(line[from:offset])
	text = strings.Clone(line[from:to]) // or a problem would hold the whole text in memory
	if from > 0 {
		text, caret = "…"+text, caret+1
	}
	if to < len(line) {
		text += "…"
	}
	return text, caret
}
