// Package report stores and presents the results.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
)

// Results is the content of docs/results/performance.json.
type Results struct {
	Machine Machine `json:"machine"`

	// Rollouts in the order of their size.
	Rollouts []Rollouts `json:"rollouts,omitempty"`

	Handovers *Handovers `json:"handovers,omitempty"`
	Admission *Admission `json:"admission,omitempty"`
	Scale     *Scale     `json:"scale,omitempty"`
}

// Machine is the machine that was used.
type Machine struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	MemoryGiB int    `json:"memoryGiB"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
}

// Measured is when a part was measured, and from which sources.
type Measured struct {
	At     time.Time `json:"at"`
	Commit string    `json:"commit"`
}

// Rollouts is one cell: ReplicationControllers with rcroll against Deployments.
type Rollouts struct {
	Name string `json:"name"`
	Measured
	Size           int    `json:"size"`
	Replicas       int    `json:"replicas"`
	MaxSurge       string `json:"maxSurge"`
	MaxUnavailable string `json:"maxUnavailable"`

	// FloorSeconds is what the readiness alone takes, without any control plane: 0
	// where the number of steps is not given by the strategy.
	FloorSeconds float64 `json:"floorSeconds,omitempty"`

	// Pairs are in the order in which they ran.
	Pairs []Pair `json:"pairs"`

	// Agent and Webhook are the highest values over all rollouts of the cell.
	Agent   Peak `json:"agent"`
	Webhook Peak `json:"webhook"`

	// RequestsRC and RequestsDeployment are medians over the pairs.
	RequestsRC         []Requests `json:"requestsRC"`
	RequestsDeployment []Requests `json:"requestsDeployment"`
}

// Pair is a rollout of each kind, one after the other.
type Pair struct {
	RC         Run `json:"rc"`
	Deployment Run `json:"deployment"`
}

// Run is one rollout of a whole fleet.
type Run struct {
	// Seconds are from the edit to the end of the last rollout, UpdatedSeconds to
	// the moment when all pods were new and available and no old one was left.
	Seconds        float64 `json:"seconds"`
	UpdatedSeconds float64 `json:"updatedSeconds"`

	// MedianSeconds is the median over the applications of the fleet.
	MedianSeconds float64 `json:"medianSeconds"`

	// Requests to the API server in the namespace. Writes are without events and
	// with those that were refused.
	Writes      int `json:"writes"`
	EventWrites int `json:"eventWrites"`
	Reads       int `json:"reads"`
	Refused     int `json:"refused"`

	// RequestBytes is the size of all request bodies, StoredBytes what the API server put
	// into etcd.
	RequestBytes int64 `json:"requestBytes"`
	StoredBytes  int64 `json:"storedBytes"`

	// Passes are the reconciliations of the agent.
	Passes int `json:"passes,omitempty"`

	// CPU is the processor time of each component in seconds, from the edit until
	// nothing more was written.
	CPU map[string]float64 `json:"cpuSeconds,omitempty"`
}

// Peak is the highest values of a process.
type Peak struct {
	ResidentMiB float64 `json:"residentMiB"`
	Goroutines  int     `json:"goroutines"`
	QueueDepth  int     `json:"queueDepth"`
}

// Requests is the number of requests of one kind.
type Requests struct {
	audit.Key
	Count float64 `json:"count"`
}

// Admission is the cost of an edit.
type Admission struct {
	Measured
	Latencies []Latency `json:"latencies"`

	Throughput []Throughput `json:"throughput"`
}

// Latency compares a kind of write with rcroll and in a namespace that opted out.
type Latency struct {
	Write   string    `json:"write"`
	With    Quantiles `json:"with"`
	Without Quantiles `json:"without"`

	// Reviews is how often the webhook was called for the writes with rcroll.
	Reviews int `json:"reviews"`

	// Validation is the time that the API server took to validate the requested
	// template, as the webhook sees it, and WithoutValidation the rest of each write
	// with rcroll. Nil for writes that are not validated.
	Validation        *Quantiles `json:"validation,omitempty"`
	WithoutValidation *Quantiles `json:"withoutValidation,omitempty"`
}

// Quantiles of durations, in milliseconds.
type Quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
}

// Throughput is the number of edits per second.
type Throughput struct {
	Write          string  `json:"write"`
	EditsPerSecond float64 `json:"editsPerSecond"`

	// WithoutPerSecond is the number without rcroll.
	WithoutPerSecond float64 `json:"withoutPerSecond"`

	// CPUMilliseconds is the webhook's processor time for an edit.
	CPUMilliseconds float64 `json:"cpuMilliseconds"`
}

// Scale is memory and start-up.
type Scale struct {
	Measured
	Idle []Idle `json:"idle"`
}

// Idle is agent and webhook among a number of ReplicationControllers that are not
// rolling.
type Idle struct {
	RCs     int     `json:"rcs"`
	Agent   Process `json:"agent"`
	Webhook Process `json:"webhook"`
}

// Process is a process that has just been started.
type Process struct {
	ResidentMiB    float64 `json:"residentMiB"`
	AnonymousMiB   float64 `json:"anonymousMiB"`
	Goroutines     int     `json:"goroutines"`
	StartupSeconds float64 `json:"startupSeconds"`
}

// Load reads the results of earlier runs; none if the file does not exist.
func Load(file string) (*Results, error) {
	results := &Results{}
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return results, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	if err := json.Unmarshal(content, results); err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	return results, nil
}

// Save writes the results.
func (r *Results) Save(file string) error {
	content, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.WriteFile(file, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// Put replaces the cell of the same name, or inserts it by size.
func (r *Results) Put(cell Rollouts) {
	for i := range r.Rollouts {
		if r.Rollouts[i].Name == cell.Name {
			r.Rollouts[i] = cell
			return
		}
	}
	r.Rollouts = append(r.Rollouts, cell)
}
