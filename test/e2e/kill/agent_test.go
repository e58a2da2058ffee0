package kill

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// The tests of this file run agents of their own in place of that of the control
// plane: none of them is parallel.

// withoutAgent stops the control plane's agent for a test.
func withoutAgent(t *testing.T) {
	t.Helper()
	cluster := harness.Cluster(t)
	require.NoError(t, cluster.Run("stop", harness.Agent))
	t.Cleanup(func() { assert.NoError(t, cluster.Run("start", harness.Agent)) })
}

// leaseHolder is who holds the Lease of the agents; empty if nobody does.
func leaseHolder(t *testing.T) string {
	t.Helper()
	lease, err := harness.Cluster(t).Client.CoordinationV1().Leases(harness.SystemNamespace()).Get(t.Context(), "rcroll-agent", metav1.GetOptions{})
	require.NoError(t, err)
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// One agent acts, another stands by, and is as ready. One that is asked to end hands
// the Lease over; one that is killed leaves it to run out.
func TestAgentFailsOver(t *testing.T) {
	withoutAgent(t)
	leader := runAgent(t, nil)
	leader.awaitReady()
	require.Eventually(t, func() bool { return leaseHolder(t) != "" }, harness.Patience, 100*time.Millisecond)
	for _, c := range []struct {
		name string
		end  func(*program)
	}{
		{"terminated", func(p *program) { p.terminate(); p.awaitEnd() }},
		{"killed", (*program).kill},
	} {
		standby := runAgent(t, nil)
		standby.awaitReady()
		t.Run(c.name, func(t *testing.T) {
			former := leaseHolder(t)
			s := given(t, manifest.Replicas(killReplicas))
			require.NoError(t, s.ask("tomcat:8"))
			s.Await("a first pod of tomcat:8 serves", harness.Available("tomcat:8", 1))
			begun := time.Now()
			c.end(leader)
			if c.name == "terminated" {
				assert.NotEqual(t, former, leaseHolder(t), "the Lease is given back before the process ends")
			}
			require.Eventually(t, func() bool {
				holder := leaseHolder(t)
				return holder != "" && holder != former
			}, harness.Patience, 50*time.Millisecond)
			t.Logf("the standby leads %.1f s after the leader was %s", time.Since(begun).Seconds(), c.name)
			s.AwaitRollout("tomcat:8", killReplicas)
			s.Expect(harness.SurgeOne(killReplicas))
		})
		leader = standby
	}
}

// Two agents that both think that they lead, as after a Lease that ran out unnoticed,
// do together what one does.
func TestAgentsOverlap(t *testing.T) {
	withoutAgent(t)
	for _, st := range stories()[:3] {
		t.Run(st.name, func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			server := serve(t, apiServerFor(t, s.Namespace))
			for range 2 {
				runAgent(t, server, alone).awaitReady()
			}
			if st.halfway {
				require.NoError(t, s.ask("tomcat:8"))
				s.Await("a first pod of tomcat:8 serves", harness.Available("tomcat:8", 1))
			}
			require.NoError(t, st.edit(s))
			st.check(s)
		})
	}
}

// An agent is ready when it knows the rollouts in flight, and not before.
func TestAgentIsReadyWhenItKnowsTheRollouts(t *testing.T) {
	withoutAgent(t)
	upstream := apiServerFor(t, "")
	known := make(chan struct{})
	p := runAgent(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/replicationcontrollers" {
			select {
			case <-known:
			case <-r.Context().Done():
			}
		}
		upstream.ServeHTTP(w, r)
	})), alone)
	require.Eventually(t, func() bool { return p.readiness() != 0 }, harness.Patience, 50*time.Millisecond)
	assert.Equal(t, http.StatusInternalServerError, p.readiness())
	close(known)
	p.awaitReady()
}

// While the API server refuses, the agent asks less and less often, and goes on when
// it accepts again.
func TestAgentBacksOff(t *testing.T) {
	withoutAgent(t)
	for _, refusal := range []struct {
		code       int
		retryAfter string
		// gap is the least time between one refused request and the next, the
		// first is number 0.
		gap func(i int) time.Duration
	}{
		{http.StatusTooManyRequests, "1", func(int) time.Duration { return time.Second }},
		// Half of 10 ms, 20 ms, 40 ms …
		{http.StatusInternalServerError, "", func(i int) time.Duration { return 5 * time.Millisecond << i }},
		{http.StatusServiceUnavailable, "", func(i int) time.Duration { return 5 * time.Millisecond << i }},
	} {
		t.Run(fmt.Sprint(refusal.code), func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			r := &refuser{upstream: apiServerFor(t, s.Namespace), code: refusal.code, retryAfter: refusal.retryAfter}
			r.refusing.Store(true)
			runAgent(t, serve(t, r), alone)
			require.NoError(t, s.ask("tomcat:8"))

			const enough = 8
			require.Eventually(t, func() bool { return len(r.times()) >= enough }, harness.Patience, 50*time.Millisecond)
			times := r.times()
			for i := range enough - 1 {
				gap := times[i+1].Sub(times[i])
				assert.GreaterOrEqual(t, gap, refusal.gap(i), "between refused requests %d and %d", i, i+1)
			}
			begun := time.Now()
			r.refusing.Store(false)
			s.AwaitRollout("tomcat:8", killReplicas)
			s.Expect(harness.SurgeOne(killReplicas))
			t.Logf("%d requests refused in %.1f s; the rollout ended %.1f s after that",
				len(r.times()), times[len(times)-1].Sub(times[0]).Seconds(), time.Since(begun).Seconds())
		})
	}
}

// refuser refuses all writes for a while.
type refuser struct {
	upstream   http.Handler
	code       int
	retryAfter string
	refusing   atomic.Bool

	mu      sync.Mutex
	refused []time.Time
}

// ServeHTTP implements http.Handler.
func (f *refuser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isWrite(r) || !f.refusing.Load() {
		f.upstream.ServeHTTP(w, r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = append(f.refused, time.Now())
	if f.retryAfter != "" {
		w.Header().Set("Retry-After", f.retryAfter)
	}
	http.Error(w, "not now", f.code)
}

func (f *refuser) times() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Time(nil), f.refused...)
}
