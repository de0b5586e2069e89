// SPDX-License-Identifier: Apache-2.0

package config

import (
	_ "embed" // for Reference
	"regexp"
	"strings"
)

// Reference is a valid config with every key, and the manual of all of them in
// its comments.
//
//go:embed reference.yaml
var Reference []byte

// Markdown is Reference as a page: a heading for each key, its comment as
// prose, and below that how it is written.
func Markdown() []byte {
	p := page{}
	p.out.WriteString("# Configuration\n\n<!-- Made from internal/config/reference.yaml; edit that. -->\n")
	for _, line := range strings.Split(string(Reference), "\n") {
		p.line(line)
	}
	p.endCode()
	return []byte(p.out.String())
}

// page turns the lines of a commented config into Markdown.
type page struct {
	out   strings.Builder
	path  []step
	prose []string // of the comment being read
	code  []string // of the key being shown
	shown bool     // code belongs on the page: it follows a comment
}

// step is a key on the way to the present one.
type step struct {
	column int
	name   string
}

var keyLine = regexp.MustCompile(`^( *)(- )?([a-z0-9-]+):( .*)?$`)

func (p *page) line(line string) {
	text := strings.TrimSpace(line)
	if comment, ok := strings.CutPrefix(text, "#"); ok {
		p.endCode()
		p.prose = append(p.prose, strings.TrimPrefix(comment, " "))
		return
	}
	if text == "" {
		p.endCode()
		if len(p.path) == 0 { // what stands before the first key is about the whole
			p.endProse()
		}
		return
	}
	if key := keyLine.FindStringSubmatch(line); key != nil {
		p.enter(len(key[1])+len(key[2]), key[2] != "", key[3])
		if len(p.prose) > 0 {
			p.heading()
			p.shown = true
		}
	}
	if p.shown {
		p.code = append(p.code, line)
	}
}

// enter makes name, which stands at column, the present key.
func (p *page) enter(column int, inList bool, name string) {
	for len(p.path) > 0 && p.path[len(p.path)-1].column >= column {
		p.path = p.path[:len(p.path)-1]
	}
	if last := len(p.path) - 1; inList && !strings.HasSuffix(p.path[last].name, "[]") {
		p.path[last].name += "[]"
	}
	p.path = append(p.path, step{column, name})
}

func (p *page) heading() {
	var names []string
	for _, s := range p.path {
		names = append(names, s.name)
	}
	level := "##"
	if len(names) > 1 {
		level = "###"
	}
	p.out.WriteString("\n" + level + " `" + strings.Join(names, ".") + "`\n")
	p.endProse()
}

func (p *page) endProse() {
	if len(p.prose) > 0 {
		p.out.WriteString("\n" + strings.Join(p.prose, "\n") + "\n")
	}
	p.prose = nil
}

// endCode writes the lines of a key. A key whose value is other keys with
// comments of their own is shown by its heading.
func (p *page) endCode() {
	if len(p.code) > 1 || len(p.code) == 1 && !strings.HasSuffix(p.code[0], ":") {
		indent := len(p.code[0]) - len(strings.TrimLeft(p.code[0], " "))
		p.out.WriteString("\n```yaml\n")
		for _, line := range p.code {
			p.out.WriteString(line[min(indent, len(line)):] + "\n")
		}
		p.out.WriteString("```\n")
	}
	p.code, p.shown = nil, false
}
