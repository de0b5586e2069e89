# SPDX-License-Identifier: Apache-2.0

# make        lists what there is
# Root, Linux 5.10 or newer and Go are all that demo needs.

.DEFAULT_GOAL := help
PACKAGES := ./...
# One package at a time: those that send at full rate want the machine for themselves.
TEST     := CLEARWAY_REQUIRE=all go test -count=1 -p 1

.PHONY: help setup build demo test race test-arm64 fuzz check generate docs bench simulate test-kernels

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: ## install what the tests, generate and test-kernels call (Debian, root)
	apt-get update -q
	apt-get install -qy --no-install-recommends iproute2 nftables util-linux clang-19 llvm-19 libbpf-dev libxdp-dev qemu-system-x86 qemu-user xz-utils

build: ## build ./clearway
	CGO_ENABLED=0 go build -o clearway ./cmd/clearway

demo: build ## show it at work in a lab of network namespaces (root)
	./clearway demo

test: build ## run all tests that this kernel allows; none is skipped (root)
	$(TEST) -timeout 10m $(PACKAGES)

race: ## run the tests that need no root with the race detector
	CGO_ENABLED=1 go test -count=1 -race -short ./xsk ./lpm ./maglev ./tracking ./internal/health ./internal/config ./internal/plan ./internal/control ./internal/daemon

# Those of xsk's tests that need neither root nor a device.
ALGORITHMS := FakeKernel|Cursors|TooMany|PeekAgain|TwoParts|RefusedDescriptors|Twice|DoubleFree|Ownership|Division|UMEMData|Kick|WholePackets|NoAllocations

test-arm64: ## run xsk's ring algorithms as arm64 code (qemu-user)
	CGO_ENABLED=0 GOARCH=arm64 go test -count=1 -short -exec qemu-aarch64 -run 'Test.*($(ALGORITHMS))' ./xsk

fuzz: ## compare millions of frames with the reference model; fuzz the parsers
	CLEARWAY_FRAMES=2000000 $(TEST) -timeout 60m -run TestModel ./dataplane
	CLEARWAY_FRAMES=1000000 $(TEST) -timeout 60m -run TestTwin ./test/e2e/twin
	go test -run '^$$' -fuzz FuzzTable -fuzztime 2m ./lpm
	go test -run '^$$' -fuzz FuzzBuild -fuzztime 2m ./maglev
	go test -run '^$$' -fuzz FuzzTable -fuzztime 2m ./tracking
	go test -run '^$$' -fuzz FuzzParse -fuzztime 2m -fuzzminimizetime 20x ./internal/config
	go test -run '^$$' -fuzz FuzzDecode -fuzztime 2m ./internal/netstate

check: ## format, vet, staticcheck, generated files, rules of the architecture
	@test -z "$$(gofmt -l .)" || { echo "gofmt needed:"; gofmt -l .; exit 1; }
	go mod tidy -diff
	go vet ./...
	go vet -tags kernels ./test/kernels/... ./test/e2e/twin ./xsk ./internal/xsktool
	go tool staticcheck ./...
	go tool staticcheck -tags kernels ./test/kernels/... ./test/e2e/twin ./xsk ./internal/xsktool
	go test -count=1 .
	scripts/check-headers
	scripts/check-generated

generate: ## compile bpf/ and the peers of bench/, write the pages of docs/ (clang-19)
	go generate ./...
	$(MAKE) docs

docs: ## write the generated pages of docs/
	go run ./cmd/clearway docs docs

bench: ## measure against the peers and record it in bench/results (root, a quiet machine)
	go run ./bench

simulate: ## replay a fleet of balancers and write docs/simulation.md; half a minute
	go run ./bench/simulate

test-kernels: ## run the tests on other kernels, in virtual machines (root)
	go run ./test/kernels
