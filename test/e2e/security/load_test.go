package security

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/webhook"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// The tests of this file keep the webhook busy: none of them is parallel.

// edits makes edits one after the other as a user does, without trying again, and reports
// how long the slowest took. Each is judged whole, and nothing is stored.
func edits(s *harness.Scenario, n int) time.Duration {
	s.Helper()
	var slowest time.Duration
	for i := range n {
		began := time.Now()
		s.SetImage(fmt.Sprintf("tomcat=tomcat:%d", 8+i%2), "--dry-run=server")
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}

// Bodies that do not arrive keep no room from those that do.
func TestUnfinishedReviews(t *testing.T) {
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	for name, c := range map[string]struct {
		connections, sent int
	}{
		"600 of which nearly nothing arrives": {600, 1},
		"12 of which nearly all arrives":      {12, 7<<20 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			held := hold(t, c.connections, c.sent)
			slowest := edits(s.For(t), 10)
			t.Logf("%d unfinished reviews were held open, again and again, %d times; the slowest of 10 edits took %v", c.connections, held(), slowest)
		})
	}
}

// hold opens connections to the webhook, each with a review that breaks off, and opens
// them again when the webhook closes them. All are open when it returns.
func hold(t *testing.T, connections, sent int) (opened func() int32) {
	t.Helper()
	host := webhookHost(t)
	ctx, stop := context.WithCancel(t.Context())
	var attackers, open sync.WaitGroup
	var count atomic.Int32
	t.Cleanup(func() { stop(); attackers.Wait() })
	body := []byte(strings.Repeat(" ", sent))
	for range connections {
		open.Add(1)
		first := sync.OnceFunc(open.Done)
		attackers.Go(func() {
			defer first()
			for ctx.Err() == nil {
				if send(ctx, host, body, 7<<20, first) {
					count.Add(1)
				}
			}
		})
	}
	open.Wait()
	return count.Load
}

// send sends a review, or the beginning of one, and waits until the webhook answers or
// closes the connection.
func send(ctx context.Context, host string, body []byte, announced int, sent func()) bool {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{InsecureSkipVerify: true}}
	connection, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	defer func() { _ = connection.Close() }()
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", webhook.ControllerPath, announced)
	if _, err := connection.Write(append([]byte(head), body...)); err != nil {
		return false
	}
	sent()
	_, _ = connection.Read(make([]byte, 1024))
	return true
}

// Reviews that are made to take memory, as many as there may be, do not keep an edit
// waiting.
func TestReviewsThatTakeMemory(t *testing.T) {
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	host := webhookHost(t)
	ctx, stop := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	var count atomic.Int32
	body := []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"a","operation":"UPDATE","object":{"a":[` +
		strings.Repeat(`{"a":0},`, 130_000) + `0]}}}`)
	for range 64 {
		attackers.Go(func() {
			for ctx.Err() == nil {
				if send(ctx, host, body, len(body), func() {}) {
					count.Add(1)
				}
			}
		})
	}
	t.Cleanup(func() { stop(); attackers.Wait() })
	require.Eventually(t, func() bool { return count.Load() > 64 }, harness.Patience, 10*time.Millisecond)
	slowest := edits(s, 10)
	t.Logf("after %d such reviews: the slowest of 10 edits took %v", count.Load(), slowest)
	assert.Positive(t, slowest)
}

// A thousand edits of one user at the same moment have none of another user's refused.
func TestEditsAtOnce(t *testing.T) {
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	many, other := dryEdits(s, "many"), dryEdits(s, "other")
	var bulk sync.WaitGroup
	var passed, running atomic.Int32
	for i := range 1000 {
		bulk.Go(func() {
			running.Add(1)
			if many(i) == nil {
				passed.Add(1)
			}
			running.Add(-1)
		})
	}
	require.Eventually(t, func() bool { return running.Load() > 500 }, harness.Patience, time.Millisecond)
	var slowest time.Duration
	for i := range 10 {
		began := time.Now()
		assert.NoError(t, other(i))
		slowest = max(slowest, time.Since(began))
	}
	left := running.Load()
	bulk.Wait()
	t.Logf("with %d edits left of another user, the slowest of 10 edits took %v; of the 1,000 at once %d passed", left, slowest, passed.Load())
	assert.EqualValues(t, 1000, passed.Load())
}

// dryEdits returns edits of a user who may do nothing but edit, each of another image, of
// which nothing is stored.
func dryEdits(s *harness.Scenario, user string) func(i int) error {
	s.Helper()
	user += "-" + s.Namespace
	harness.Grant(s.T, s.Namespace, user, harness.RCRule("replicationcontrollers"))
	config := harness.ConfigOf(s.T, user)
	config.QPS = -1
	rcs := harness.Client(s.T, config).CoreV1().ReplicationControllers(s.Namespace)
	return func(i int) error {
		patch := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:%d"}]}}}}`, 8+i)
		_, err := rcs.Patch(s.Context(), s.RCName, types.StrategicMergePatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
}
