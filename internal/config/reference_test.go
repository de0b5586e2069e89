// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
)

func TestReference(t *testing.T) {
	c, problems := Parse(Reference)
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	want := least() // the values shown are the defaults
	if diff := cmp.Diff(want.Runtime, c.Runtime); diff != "" {
		t.Errorf("runtime (-default +reference):\n%s", diff)
	}
	if diff := cmp.Diff(want.Limits, c.Limits); diff != "" {
		t.Errorf("limits (-default +reference):\n%s", diff)
	}
	s := c.Balance.Services[0]
	c.Balance.Services = nil
	if diff := cmp.Diff(want.Balance, c.Balance, ignoreNames); diff != "" {
		t.Errorf("balance (-default +reference):\n%s", diff)
	}
	// What has no default, or one that another key gives, is as the reference has it.
	service := leastService()
	service.Address, service.Ports, service.Backends = s.Address, s.Ports, s.Backends
	service.Health.Type, service.Health.Path, service.Health.Host = s.Health.Type, "/", s.Health.Host
	if diff := cmp.Diff(service, s, ignoreNames); diff != "" {
		t.Errorf("service (-default +reference):\n%s", diff)
	}
	if s.Backends[0].Weight != 1 {
		t.Errorf("weight %d", s.Backends[0].Weight)
	}
	if diff := cmp.Diff([]PuntRule{{Name: "dns", Protocol: dataplane.UDP, Address: netip.MustParseAddr("203.0.113.53"), Port: 53}}, c.Punt, ignoreNames); diff != "" {
		t.Errorf("punt, which has no defaults (-want +reference):\n%s", diff)
	}
	if want.Interfaces[0] != c.Interfaces[0] || c.Forward.DryRun || c.Forward.Hairpin {
		t.Errorf("other defaults: %+v, %+v", c.Interfaces[0], c.Forward)
	}
}

func TestMarkdown(t *testing.T) {
	page := string(Markdown())
	sections := map[string]string{} // key → its text
	for _, s := range strings.Split(page, "\n## ")[1:] {
		for _, s := range strings.Split(s, "\n### ") {
			key, text, _ := strings.Cut(s, "\n")
			sections[strings.Trim(key, "`")] = text
		}
	}
	keys := knownKeys()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(keys)), slices.Sorted(maps.Keys(sections))); diff != "" {
		t.Errorf("headings (-known keys +page):\n%s", diff)
	}
	for key, text := range sections {
		prose, code, _ := strings.Cut(text, "```yaml\n")
		if len(strings.TrimSpace(prose)) < 20 {
			t.Errorf("%s is not explained: %q", key, text)
		}
		if isSection := keysBelow(keys, key) > 0; isSection {
			continue
		}
		if !strings.Contains(prose, "Default") && !strings.Contains(prose, "Must be there") {
			t.Errorf("%s has no default and is not required: %q", key, prose)
		}
		last := key[strings.LastIndex(key, ".")+1:]
		if !strings.HasPrefix(strings.TrimPrefix(code, "- "), last+":") {
			t.Errorf("%s is not shown: %q", key, code)
		}
	}
	want := "\n### `forward.block`\n\nPrefixes to which packets are dropped, of those that `allow` lets in. A\n"
	if !strings.Contains(page, want) || !strings.Contains(page, "\n```yaml\nblock:\n  - 198.51.100.64/26\n```\n") {
		t.Errorf("forward.block does not look as it should:\n%s", sections["forward.block"])
	}
	if strings.Contains(page, "name: eth1") || strings.Count(page, "```")%2 != 0 {
		t.Error("the page shows lines that no comment explains, or leaves code open")
	}
}

func keysBelow(keys map[string]bool, key string) (n int) {
	for other := range keys {
		if strings.HasPrefix(other, key+".") || strings.HasPrefix(other, key+"[].") {
			n++
		}
	}
	return n
}
