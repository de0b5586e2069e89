// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// load turns the text into the mapping at its top level. The YAML parser gives
// up at the first syntax error; then each section (a known key at the
// beginning of a line, and what follows it) is parsed by itself, so that an
// error in one section does not hide those of the others. whole is false when
// there was a syntax error, and so something may be missing.
func load(s source, r *report) (top *yaml.Node, whole bool) {
	top, first := parse(s.text)
	if first == nil {
		return top, true
	}
	failed := false
	merged := &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	for _, from := range s.sections() {
		part, err := parse(from.text)
		if err != nil {
			failed = true
			syntaxError(r, err, from)
			continue
		}
		shift(part, from.line-1)
		switch {
		case part.Kind == yaml.MappingNode:
			merged.Content = append(merged.Content, part.Content...)
		case !isNull(part):
			r.errorf(at(part), "%s stands outside any section", describe(part))
		}
	}
	if !failed { // the sections are fine, what joins them is not
		syntaxError(r, first, section{1, s.text})
	}
	return merged, false
}

// errSecond is a second YAML document in a config.
type errSecond struct{ place }

func (errSecond) Error() string { return "a second YAML document; a config is one" }

// parse returns the value of the one document in text, null when there is none.
func parse(text string) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("preparing the YAML parser: %w", err)
	}
	var document, second yaml.Node
	err = loader.Load(&document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}, nil
	}
	if err != nil {
		return nil, err
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, errSecond{at(&second)}
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return document.Content[0], nil
}

// syntaxError reports why parse refused a section.
func syntaxError(r *report, err error, in section) {
	before := in.line - 1
	var second errSecond
	if errors.As(err, &second) {
		r.errorf(place{before + second.line, second.column}, "%s", second.Error())
		return
	}
	var bad *yaml.LoadError
	if !errors.As(err, &bad) {
		r.errorf(place{}, "%s", err)
		return
	}
	where, message := bad.Mark, bad.Message
	switch bad.ContextMsg {
	case "while parsing a flow sequence", "while parsing a flow mapping",
		"while scanning a simple key", "while scanning a quoted scalar":
		// The parser noticed late; what it was at tells where to look.
		where = bad.ContextMark
		message = fmt.Sprintf("%s %s that begins here", message, bad.ContextMsg)
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(in.text)
	lines := strings.Split(strings.TrimRight(text, " \t\n"), "\n")
	switch {
	case where.Line < 1: // the parser does not know
		where = yaml.Mark{Line: 1, Column: 1}
	case where.Line > len(lines):
		where.Line, where.Column = 1, 1
		message += "; what begins here ends too early"
	case strings.HasPrefix(strings.TrimLeft(lines[where.Line-1], " "), "\t"):
		message += "; YAML is indented with spaces, this line with a tab"
	}
	r.errorf(place{before + where.Line, where.Column}, "YAML syntax: %s", message)
}

// section is a part of the text that can be parsed by itself.
type section struct {
	line int // where it begins
	text string
}

// sections cuts the text before the first occurrence of each known key at the
// beginning of a line; only the first, so that they are few. What stands before
// all of them is a section too.
func (s source) sections() []section {
	known := topLevel(nil, nil)
	seen := map[string]bool{}
	all := []section{{line: 1}}
	from := 0
	for i, start := range s.starts {
		line := s.line(i + 1)
		key, rest, found := strings.Cut(line, ":")
		if _, ok := known[key]; !ok || !found || seen[key] || strings.TrimLeft(rest, " \t") == rest && rest != "" {
			continue
		}
		seen[key] = true
		all[len(all)-1].text = s.text[from:start]
		all = append(all, section{line: i + 1})
		from = start
	}
	all[len(all)-1].text = s.text[from:]
	return all
}

// shift moves all positions of n down by lines.
func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, child := range n.Content {
		shift(child, lines)
	}
}
