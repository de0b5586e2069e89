// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong, or odd, in a config, and where.
type Problem struct {
	Line, Column int    // from 1, Column in characters; Line is 0 where the whole file is meant
	Text         string // the line itself; of a long line the part around Column
	Caret        int    // characters of Text before the place that Column means
	Message      string
	Warning      bool // the config can be used all the same
}

// String is the problem as a compiler prints it: place, message, and below
// them the line with a caret.
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", p.Line, p.Column)
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Message)
	if p.Text == "" {
		return b.String()
	}
	b.WriteString("\n    " + p.Text + "\n    ")
	rest := p.Caret
	for _, r := range p.Text {
		if rest--; rest < 0 {
			break
		}
		if r != '\t' { // a tab stays a tab, so that the caret stands right
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteByte('^')
	return b.String()
}

// Problems are all problems of one config, in the order of its lines. As an
// error it is for callers that have asked HasErrors: warnings alone, or none
// at all, are a non-nil error too.
type Problems []Problem

// Error prints all problems, warnings included, one below the other.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.String()
	}
	return strings.Join(texts, "\n")
}

// HasErrors tells whether any of the problems is more than a warning.
func (p Problems) HasErrors() bool {
	return slices.ContainsFunc(p, func(p Problem) bool { return !p.Warning })
}

// maxShown bounds how many errors, and how many warnings, are kept: a list of
// a million bad prefixes is one mistake, and must not fill the memory.
const maxShown = 1000

// place is where something stands in the text, as YAML counts: from 1.
type place struct{ line, column int }

// report gathers problems while a config is read.
type report struct {
	problems         []*Problem
	errors, warnings int // found; at most maxShown of each are kept
}

func (r *report) errorf(at place, format string, args ...any) {
	if r.errors++; r.errors <= maxShown {
		r.add(at, false, format, args)
	}
}

func (r *report) warnf(at place, format string, args ...any) {
	if r.warnings++; r.warnings <= maxShown {
		r.add(at, true, format, args)
	}
}

func (r *report) add(at place, warning bool, format string, args []any) {
	r.problems = append(r.problems, &Problem{
		Line: at.line, Column: at.column, Warning: warning,
		Message: fmt.Sprintf(format, args...),
	})
}

// finish returns what was gathered, in the order of the text.
func (r *report) finish() Problems {
	var all Problems
	for _, p := range r.problems {
		all = append(all, *p)
	}
	all.sort()
	if more := r.errors - maxShown; more > 0 {
		all = append(all, Problem{Message: fmt.Sprintf("%d more errors are not shown", more)})
	}
	if more := r.warnings - maxShown; more > 0 {
		all = append(all, Problem{Message: fmt.Sprintf("%d more warnings are not shown", more), Warning: true})
	}
	return all
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int { return comparePlaces(&a, &b) })
}

func comparePlaces(a, b *Problem) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// quote is a value as messages show it: on one line and not too long.
func quote(value string) string {
	const longest = 60
	if runes := []rune(value[:min(len(value), utf8.UTFMax*(longest+1))]); len(runes) > longest {
		return fmt.Sprintf("%q…", string(runes[:longest]))
	}
	return fmt.Sprintf("%q", value)
}
