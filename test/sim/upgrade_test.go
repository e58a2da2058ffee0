package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/rcroll/rcroll/pkg/api"
)

var recordFlag = flag.String("sim.record", "", "record what a release writes to testdata/wire/NAME.jsonl; once for every release, never again")

// moment is what is stored when the agent is about to write.
type moment struct {
	// Rollout that it is of, and how often the agent has written before.
	Rollout string
	Write   int

	Now              time.Duration
	Births           map[string]int
	Versions         map[string]int64
	RCs              []map[string]any
	Pods             []recordedPod
	Image            string // in the end
	Verb             verb
	Name             string
	Patch            string          `json:",omitempty"`
	PatchType        types.PatchType `json:",omitempty"`
	MustUID, MustVer string          `json:",omitempty"`

	// After is the ReplicationController of the user after a command.
	After map[string]any `json:",omitempty"`
}

type recordedPod struct {
	Name, UID, Maker, Image, OwnerName, OwnerUID string
	Labels                                       map[string]string
	Node                                         int
	Created, ReadySet                            time.Duration
	Ready                                        bool
}

// recorded are rollouts with a write of every kind.
var recorded = map[string]func(*driver){
	"to the end": func(d *driver) { d.request("tomcat:8") },
	"cancelled": func(d *driver) {
		d.request("tomcat:8")
		d.passes(4)
		d.request("tomcat:7")
	},
	"scaled, and asked for another image": func(d *driver) {
		d.request("tomcat:8")
		d.passes(4)
		d.scaleTo(3)
		d.request("tomcat:9")
	},
	"failed": func(d *driver) {
		d.set("on-failure", "rollback")
		d.request("tomcat:bad")
		d.wait(deadline - inspection)
	},
}

// TestRecord records what this version writes, when a release is made.
func TestRecord(t *testing.T) {
	if *recordFlag == "" {
		t.Skip("-sim.record names no release")
	}
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		d := drive(t, 2)
		recorded[name](d)
		var moments []moment
		for range 60 {
			if !d.pending() {
				break
			}
			moments = append(moments, recordPass(d, name)...)
			if a := d.agents[0]; a.waiting {
				d.now = max(d.now, a.due)
			}
		}
		require.Empty(t, d.unfinished(), name)
		for _, m := range moments {
			m.Image = d.rcs[tomcat].image
			line, err := json.Marshal(m)
			require.NoError(t, err)
			text.Write(append(line, '\n'))
		}
	}
	file := filepath.Join("testdata", "wire", *recordFlag+".jsonl")
	require.NoFileExists(t, file, "what a release wrote does not change")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o644))
}

// recordPass is driver.pass, and returns every moment before a write.
func recordPass(d *driver, rollout string) []moment {
	var moments []moment
	d.now += retryDelay
	d.rest()
	d.agents[0].queued = true
	d.take(step{kind: agentBegins})
	for d.agents[0].call != nil {
		c, m := *d.agents[0].call, d.moment(rollout)
		d.take(step{kind: agentCalls, fault: noFault})
		if !c.writes() {
			continue
		}
		d.writes++
		m.Verb, m.Name, m.Patch, m.PatchType, m.MustUID, m.MustVer = c.verb, c.name, string(c.patch), c.patchType, c.must.uid, c.must.version
		if m.isCommand() {
			m.After = d.rcs[tomcat].object
		}
		moments = append(moments, m)
	}
	d.rest()
	return moments
}

func (d *driver) moment(rollout string) moment {
	m := moment{Rollout: rollout, Write: d.writes, Now: d.now, Births: maps.Clone(d.births), Versions: maps.Clone(d.versions)}
	for _, rc := range d.rcsInOrder() {
		m.RCs = append(m.RCs, rc.copy())
	}
	for _, pod := range d.podsInOrder() {
		m.Pods = append(m.Pods, recordedPod{Name: pod.name, UID: pod.uid, Maker: pod.maker, Image: pod.image, OwnerName: pod.owner.name,
			OwnerUID: pod.owner.uid, Labels: pod.labels, Node: pod.node, Created: pod.created, ReadySet: pod.readySet, Ready: pod.ready})
	}
	return m
}

func (m moment) isCommand() bool {
	return m.Verb == patchRC && m.Name == tomcat && strings.Contains(m.Patch, api.CommandAnnotation)
}

func (m moment) call() call {
	return call{verb: m.Verb, name: m.Name, patch: []byte(m.Patch), patchType: m.PatchType, must: preconditions{uid: m.MustUID, version: m.MustVer}}
}

// restore makes a world of a moment, in which nobody of rcroll remembers anything.
func (m moment) restore(t *testing.T) *driver {
	d := &driver{World: newWorld(), t: t}
	d.check.muted = true
	d.now, d.births = m.Now, maps.Clone(m.Births)
	for _, object := range m.RCs {
		name := object["metadata"].(map[string]any)["name"].(string)
		d.versions[name] = m.Versions[name] - 1
		d.putRC(nil, object)
	}
	for _, pod := range m.Pods {
		d.putPod(nil, &Pod{name: pod.Name, uid: pod.UID, maker: pod.Maker, image: pod.Image, owner: reference{name: pod.OwnerName, uid: pod.OwnerUID},
			labels: pod.Labels, node: pod.Node, created: pod.Created, readySet: pod.ReadySet, ready: pod.Ready, defect: d.defects[pod.Image]})
	}
	d.versions = maps.Clone(m.Versions)
	d.check.muted = false
	d.check.begin(d.World)
	request, err := api.ParseSpec(d.rcs[tomcat].object["metadata"].(map[string]any)["annotations"].(map[string]any)[api.RequestAnnotation].(string))
	require.NoError(t, err)
	d.users.want = want{image: m.Image, replicas: int64(request.Replicas())}
	return d
}

// TestUpgrade: what every release has stored at any moment of a rollout, this version
// finishes, and what its agent then asks of the webhook is done as the release did it.
func TestUpgrade(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		operations := map[string]int{}
		for line := range bytes.Lines(content) {
			var m moment
			require.NoError(t, utiljson.Unmarshal(line, &m))
			t.Run(fmt.Sprintf("%s/%s/write %d", filepath.Base(file), m.Rollout, m.Write), func(t *testing.T) {
				if m.isCommand() {
					operations[obeys(t, m)]++
				}
				d := m.restore(t)
				d.startOne()
				d.run(60)
				assert.Equal(t, m.Image, d.rcs[tomcat].image)
			})
		}
		for _, operation := range []api.Operation{api.Scale, api.Seal, api.Adopt, api.Open, api.Finish, api.Cancel} {
			assert.Positive(t, operations[string(operation)], "%s is recorded in %s", operation, file)
		}
	}
}

// obeys returns the operation that the webhook was asked for.
func obeys(t *testing.T, m moment) string {
	d := m.restore(t)
	answer := d.serve(m.call())
	require.NoError(t, answer.err)
	want, err := json.Marshal(m.After)
	require.NoError(t, err)
	got, err := json.Marshal(d.rcs[tomcat].object)
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(got))
	var patch struct {
		Metadata struct{ Annotations map[string]string }
	}
	require.NoError(t, json.Unmarshal([]byte(m.Patch), &patch))
	command, err := api.ParseCommand(patch.Metadata.Annotations[api.CommandAnnotation])
	require.NoError(t, err)
	return string(command.Operation)
}
