# The interface of the repository: `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Binaries must not change with every commit: `make up` restarts what changed.
GOBUILD := go build -buildvcs=false

# Flags for `go test`, for example GOTESTFLAGS='-race' or '-run TestRollback -v'.
GOTESTFLAGS ?=
# How long `make fuzz` spends on each fuzz test.
FUZZTIME ?= 30s
# How many seeds `make sim` runs, and the first of them.
SEEDS ?= 200000
FIRST ?= 1

localcluster_sources := $(shell find hack/localcluster -type f -not -name '*_test.go' -not -name '*.md')

##@ Try it

.PHONY: demo
demo: up ## Boot the local control plane and watch tomcat roll from 7 to 8
	@KUBECONFIG=$(CURDIR)/.local/kubeconfig go run ./hack/demo

.PHONY: up
up: build ## Boot a local control plane with rcroll in it (state in .local)
	@bin/localcluster up

.PHONY: down
down: ## Stop the local control plane and remove it
	@if [[ -x bin/localcluster ]]; then bin/localcluster down; fi

##@ Develop

.PHONY: build
build: bin/webhook bin/agent bin/localcluster ## Build webhook, agent and the local control plane into bin

.PHONY: test
test: test-unit test-e2e ## Run all tests

.PHONY: test-unit
test-unit: ## Run the unit and property tests
	go test -timeout=40m $(GOTESTFLAGS) $$(go list ./... | grep -v /test/e2e)
	cd hack/localcluster && go test $(GOTESTFLAGS) ./internal/...

.PHONY: test-e2e
test-e2e: build bin/oldkubectl ## Run the end-to-end tests, each package on a control plane of its own
	RCROLL_LOCALCLUSTER=$(CURDIR)/bin/localcluster go test -count=1 -p 1 -timeout=45m $(GOTESTFLAGS) ./test/e2e/...

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME
	@grep -rE --include='*_test.go' --exclude-dir=hack '^func Fuzz' . | sed -E 's/^(.*)\/[^/]*:func (Fuzz[A-Za-z0-9_]*).*/\1 \2/' | \
		while read -r package name; do go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=100x "$$package"; done

##@ Measure

# Flags for the benchmark, for example BENCHFLAGS='-cells 5-pods -pairs 1'; `go run ./hack/bench -help` tells all.
BENCHFLAGS ?=

.PHONY: bench
bench: build ## Measure against the Deployment controller, into docs/performance.*
	go run ./hack/bench $(BENCHFLAGS)

.PHONY: bench-quick
bench-quick: build ## Check that a rollout takes no more requests than it did
	go run ./hack/bench -quick $(BENCHFLAGS)

.PHONY: bench-go
bench-go: ## Run the Go benchmarks of decisions and reviews
	go test -run='^$$' -bench=. ./pkg/...

##@ Check

.PHONY: sim
sim: ## Run SEEDS seeds of the simulation, from FIRST on, and the whole search of the promotion
	go test -count=1 -timeout=24h $(GOTESTFLAGS) ./test/sim -v -sim.seeds=$(SEEDS) -sim.first=$(FIRST) -sim.all

.PHONY: mutants
mutants: ## Check that the simulation catches each of its deliberate bugs (takes minutes)
	go test -count=1 -timeout=2h ./test/sim -run '^TestMutants$$' -v -sim.mutants

.PHONY: lint
lint: bin/golangci-lint ## Lint both modules
	go vet ./...
	bin/golangci-lint run ./...
	cd hack/localcluster && go vet ./... && ../../bin/golangci-lint run ./...

.PHONY: verify
verify: bin/localcluster ## Check that go.mod files are tidy, sources formatted and manifests well-formed
	go mod tidy -diff
	cd hack/localcluster && go mod tidy -diff
	cd hack/tools && go mod tidy -diff
	cd test/oldkubectl && go mod tidy -diff
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "gofmt wants to change:"; echo "$$unformatted"; exit 1; fi
	bin/kubectl kustomize manifests/base >/dev/null
	bin/kubectl kustomize manifests/overlays/local >/dev/null

.PHONY: clean
clean: down ## Stop the local control plane and remove what was built
	rm -rf bin

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The go command knows best whether a binary is up to date.
.PHONY: bin/webhook bin/agent
bin/webhook bin/agent: bin/%:
	@$(GOBUILD) -o $@ ./cmd/$*

# Asking the go command takes seconds here, as all of Kubernetes is in it.
bin/localcluster: $(localcluster_sources)
	@hack/localcluster/build.sh
	@touch $@

bin/oldkubectl: $(wildcard test/oldkubectl/*)
	cd test/oldkubectl && $(GOBUILD) -o ../../$@ .
	@touch $@

bin/golangci-lint: hack/tools/go.mod hack/tools/go.sum
	cd hack/tools && $(GOBUILD) -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
