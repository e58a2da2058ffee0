# The interface of the repository: `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Binaries must not change with every commit: `make up` restarts what has changed. So only
# a release says what it was built from: `make build VERSION=v0.1.0`.
VERSION ?=
LDFLAGS :=
GOBUILD := go build -buildvcs=false
ifneq ($(VERSION),)
version_package := github.com/rcroll/rcroll/cmd/internal/version
LDFLAGS := -X $(version_package).version=$(VERSION) \
	-X $(version_package).commit=$(shell git describe --always --abbrev=40 --exclude='*' --dirty) \
	-X $(version_package).date=$(shell git show --no-patch --format=%cI)
endif

# Flags for `go test`, for example GOTESTFLAGS='-race' or '-run TestRollback -v'.
GOTESTFLAGS ?=
# The control plane of the end-to-end tests.
LOCALCLUSTER := bin/localcluster
# Duration of each fuzz test of `make fuzz`.
FUZZTIME ?= 30s
# Number of seeds that `make sim` runs, and the first of them.
SEEDS ?= 200000
FIRST ?= 1

# The modules beside the main one keep what they need out of its go.mod. Two of them only
# name programs to build.
code_modules := hack/localcluster hack/release test/gitops test/helm test/oldkubectl test/prometheus test/terminal
modules := $(code_modules) hack/tools test/helmcli
tested_modules := $(filter-out test/oldkubectl,$(code_modules))

localcluster_sources := $(shell find hack/localcluster -type f -not -path '*/versions/*' -not -name '*_test.go' -not -name '*.md')

##@ Try it

.PHONY: demo
demo: up ## Boot a local control plane and watch tomcat roll from 7 to 8
	@KUBECONFIG=$(CURDIR)/.local/kubeconfig go run ./hack/demo

.PHONY: up
up: build ## Boot a local control plane with rcroll installed (state in .local)
	@bin/localcluster up

.PHONY: down
down: ## Stop the local control plane and remove it
	@if [[ -x bin/localcluster ]]; then bin/localcluster down; fi

##@ Develop

.PHONY: build
build: bin/webhook bin/agent bin/kubectl-rolling_update bin/kubectl-rcroll bin/kubectl_complete-rcroll bin/localcluster ## Build the programs into bin; VERSION=v0.1.0 for a release

.PHONY: test
test: test-unit test-e2e ## Run all tests

.PHONY: test-unit
test-unit: test-main $(tested_modules:%=test-in-%) ## Run the unit and property tests

.PHONY: test-main
test-main:
	go test -timeout=40m $(GOTESTFLAGS) $$(go list ./... | grep -v /test/e2e)

# What needs a control plane, or compiles all of Kubernetes, has targets of its own.
test-in-hack/localcluster: packages := ./internal/...
test-in-hack/release: flags := -short
test-in-test/prometheus: packages := ./expressions

.PHONY: $(tested_modules:%=test-in-%)
$(tested_modules:%=test-in-%): test-in-%:
	cd $* && go test $(flags) $(GOTESTFLAGS) $(or $(packages),./...)

# RCROLL_NAMESPACE=y in the environment installs rcroll in that namespace.
.PHONY: test-e2e
test-e2e: build bin/oldkubectl bin/helm3 bin/helm4 ## Run the end-to-end tests, each package on a control plane of its own
	RCROLL_LOCALCLUSTER=$(CURDIR)/$(LOCALCLUSTER) go test -count=1 -p 1 -timeout=45m $(GOTESTFLAGS) ./test/e2e/...

# The earlier Kubernetes compiles for 10 minutes on two cores, once.
.PHONY: test-versions
test-versions: build bin/localcluster-1.36 ## Test during an upgrade of Kubernetes from 1.36
	cd hack/localcluster && go mod tidy -diff -modfile=versions/1.36.mod
	RCROLL_LOCALCLUSTER=$(CURDIR)/bin/localcluster-1.36 RCROLL_NEWER_LOCALCLUSTER=$(CURDIR)/bin/localcluster \
		go test -count=1 -timeout=45m $(GOTESTFLAGS) ./test/e2e/versions

.PHONY: test-old
test-old: bin/localcluster-1.33 ## Run the end-to-end tests on Kubernetes 1.33, without what it does not have
	cd hack/localcluster && go mod tidy -diff -modfile=versions/1.33.mod
	$(MAKE) test-e2e LOCALCLUSTER=$<

.PHONY: test-prometheus
test-prometheus: bin/promtool ## Test the alerts with promtool
	cd test/prometheus && RCROLL_PROMETHEUS=$(CURDIR)/bin go test -count=1 $(GOTESTFLAGS) . ./expressions

.PHONY: test-prometheus-server
test-prometheus-server: build bin/prometheus ## Have a real Prometheus evaluate alerts and dashboard, of running programs
	cd test/prometheus && RCROLL_PROMETHEUS=$(CURDIR)/bin RCROLL_LOCALCLUSTER=$(CURDIR)/bin/localcluster go test -count=1 -timeout=20m $(GOTESTFLAGS) ./server

.PHONY: test-status
test-status: build ## Try a thousand times in each situation that kubectl rcroll status is never green early
	RCROLL_TRIES=1000 RCROLL_LOCALCLUSTER=$(CURDIR)/bin/localcluster go test -count=1 -timeout=2h -v ./test/e2e/kill -run '^TestStatusIsNeverGreenEarly$$'

.PHONY: test-freeze
test-freeze: build ## Freeze a thousand requests, and lift the freeze
	RCROLL_FROZEN=1000 RCROLL_LOCALCLUSTER=$(CURDIR)/bin/localcluster go test -count=1 -timeout=1h -v ./test/e2e/rolloutpolicies -run '^TestManyFrozen$$'

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME
	@grep -rE --include='*_test.go' --exclude-dir=hack '^func Fuzz' . | sed -E 's/^(.*)\/[^/]*:func (Fuzz[A-Za-z0-9_]*).*/\1 \2/' | \
		while read -r package name; do go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=100x "$$package"; done

##@ Measure

# Flags for the benchmark, for example BENCHFLAGS='-cells 5-pods -pairs 1'; see `go run ./hack/bench -help`.
BENCHFLAGS ?=

.PHONY: bench
bench: build ## Measure against the Deployment controller, and update docs/performance.md
	go run ./hack/bench $(BENCHFLAGS)

.PHONY: bench-quick
bench-quick: build ## Check that a rollout takes no more requests than before
	go run ./hack/bench -quick $(BENCHFLAGS)

.PHONY: bench-watch
bench-watch: up ## Measure how soon kubectl rcroll get --watch shows something among 10,000 ReplicationControllers
	KUBECONFIG=$(CURDIR)/.local/kubeconfig go test -run='^$$' -bench='^BenchmarkWatch$$' -benchtime=20x ./test/e2e/commands

.PHONY: bench-go
bench-go: ## Run the Go benchmarks of decisions and reviews
	go test -run='^$$' -bench=. ./pkg/...

##@ Check

.PHONY: sim
sim: ## Run SEEDS seeds of the simulation, starting with FIRST, and the full search of the promotion
	go test -count=1 -timeout=24h $(GOTESTFLAGS) ./test/sim -v -sim.seeds=$(SEEDS) -sim.first=$(FIRST) -sim.all

.PHONY: mutants
mutants: ## Check that the simulation catches each of its deliberate bugs (takes minutes)
	go test -count=1 -timeout=2h ./test/sim -run '^TestMutants$$' -v -sim.mutants

.PHONY: lint
lint: lint-main $(code_modules:%=lint-in-%) ## Lint all modules (go vet included)

.PHONY: lint-main
lint-main: bin/golangci-lint
	bin/golangci-lint run ./...

.PHONY: $(code_modules:%=lint-in-%)
$(code_modules:%=lint-in-%): lint-in-%: bin/golangci-lint
	cd $* && $(CURDIR)/bin/golangci-lint run ./...

.PHONY: vulncheck
vulncheck: bin/govulncheck ## Look for known vulnerabilities in what is reachable from the programs; needs https://vuln.go.dev
	bin/govulncheck ./cmd/...

.PHONY: verify
verify: verify-sources verify-documents verify-manifests ## Check formatting, go.mod files, generated documents and manifests

.PHONY: verify-sources
verify-sources:
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	@for module in . $(modules); do echo "$$module: go mod tidy -diff"; (cd "$$module" && go mod tidy -diff); done

# The tables and pictures in docs are generated. These tests compare them with their sources.
.PHONY: verify-documents
verify-documents:
	go test -run='^TestPublishedDocument$$' ./hack/bench/internal/report
	go test -run='^TestClientsDocument$$' ./test/e2e/matrix
	go test -run='^TestDocument$$' ./test/e2e/security
	go test -run='^TestPictures$$' ./pkg/cli/view

API_DOCS := bin/crd-ref-docs --source-path=api --config=hack/apidocs/config.yaml --renderer=markdown --log-level=ERROR

.PHONY: verify-manifests
verify-manifests: bin/localcluster bin/controller-gen bin/crd-ref-docs
	@generated=$$(mktemp -d); trap 'rm -rf "$$generated"' EXIT; \
		bin/controller-gen object:headerFile=/dev/null crd paths=./api/... output:object:dir=$$generated/api output:crd:dir=$$generated/crds; \
		$(API_DOCS) --output-path=$$generated/api.md; diff $$generated/api.md docs/api.md && \
		diff $$generated/api/zz_generated.deepcopy.go api/v1alpha1/zz_generated.deepcopy.go && diff -r $$generated/crds manifests/base/crds || \
		{ echo "run make generate"; exit 1; }
	bin/kubectl kustomize manifests/base >/dev/null
	bin/kubectl kustomize manifests/overlays/local >/dev/null
	go run ./hack/dashboard -check
	go run ./hack/chart -check

.PHONY: generate
generate: bin/controller-gen bin/crd-ref-docs ## Write the definition of RolloutPolicy, docs/api.md and what Go needs of it, from api
	bin/controller-gen object:headerFile=/dev/null crd paths=./api/... output:crd:dir=manifests/base/crds
	$(API_DOCS) --output-path=docs/api.md
	go run ./hack/chart

# Most templates of the chart have a manifest as their source; alerts and dashboard are copied from contrib.
.PHONY: chart
chart: ## Write the dashboard, and the templates of the Helm chart from manifests/base
	go run ./hack/dashboard
	go run ./hack/chart

##@ Release

.PHONY: images
images: ## Build the container images of webhook and agent into dist/images, an OCI layout
	cd hack/release && go run . -images-only -version=$(or $(VERSION),v0.0.0-devel)

.PHONY: release
release: bin/localcluster ## Make all files of a release in dist: make release VERSION=v0.1.0
	@if [[ -z "$(VERSION)" ]]; then echo "say which: make release VERSION=v0.1.0"; exit 1; fi
	rm -rf dist
	cd hack/release && go run . -version=$(VERSION)

.PHONY: test-release
test-release: ## Run the tests of images and release files, which compile all of it anew
	cd hack/release && go test -count=1 -timeout=60m $(GOTESTFLAGS) ./...

.PHONY: clean
clean: down ## Stop the local control plane and remove the binaries
	rm -rf bin dist

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Whether a binary is up to date is left to the go command.
.PHONY: bin/webhook bin/agent bin/kubectl-rolling_update bin/kubectl-rcroll
bin/webhook bin/agent bin/kubectl-rolling_update bin/kubectl-rcroll: bin/%:
	@$(GOBUILD) -ldflags='$(LDFLAGS)' -o $@ ./cmd/$*

# kubectl runs it to complete the arguments of kubectl rcroll.
bin/kubectl_complete-rcroll: | bin/kubectl-rcroll
	@ln -sf kubectl-rcroll $@

# Here that would take seconds, as all of Kubernetes is in it.
bin/localcluster: $(localcluster_sources)
	@hack/localcluster/build.sh
	@touch $@

bin/localcluster-1.33 bin/localcluster-1.36: bin/localcluster-%: $(localcluster_sources) hack/localcluster/versions/%.mod hack/localcluster/versions/%.sum
	@hack/localcluster/build.sh $*
	@touch $@

bin/oldkubectl: $(wildcard test/oldkubectl/*)
	cd test/oldkubectl && $(GOBUILD) -o ../../$@ .
	@touch $@

bin/helm3 bin/helm4: bin/helm%: test/helmcli/go.mod test/helmcli/go.sum
	cd test/helmcli && $(GOBUILD) -o ../../$@ helm.sh/helm/v$*/cmd/helm
	@touch $@

# Without the service discoveries, which are most of Prometheus.
bin/promtool bin/prometheus: test/prometheus/go.mod test/prometheus/go.sum
	cd test/prometheus && $(GOBUILD) -tags=remove_all_sd -o ../../$@ github.com/prometheus/prometheus/cmd/$(@F)
	@touch $@

bin/govulncheck: hack/tools/go.mod hack/tools/go.sum
	cd hack/tools && $(GOBUILD) -o ../../$@ golang.org/x/vuln/cmd/govulncheck
	@touch $@

bin/controller-gen: hack/tools/go.mod hack/tools/go.sum
	cd hack/tools && $(GOBUILD) -o ../../$@ sigs.k8s.io/controller-tools/cmd/controller-gen
	@touch $@

bin/crd-ref-docs: hack/tools/go.mod hack/tools/go.sum
	cd hack/tools && $(GOBUILD) -o ../../$@ github.com/elastic/crd-ref-docs
	@touch $@

bin/golangci-lint: hack/tools/go.mod hack/tools/go.sum
	cd hack/tools && $(GOBUILD) -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
