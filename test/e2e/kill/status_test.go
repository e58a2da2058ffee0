package kill

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/cli/rcroll"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const (
	// triesEnv is how often the gate is tried in each situation.
	triesEnv = "RCROLL_TRIES"

	usualTries = 10

	// atATime is how many rollouts are disturbed together.
	atATime = 50

	// early is until when a rollout is disturbed: its pod alone takes a second.
	early = 1500 * time.Millisecond

	// throughout is until when the next edit is made: some come in the middle of the
	// promotion, some when it is over.
	throughout = 4 * time.Second
)

// kubectl rcroll status opens when everything is done and never before: whatever becomes
// of the agent, and whatever else is edited. make test-status tries it a thousand times.
func TestStatusIsNeverGreenEarly(t *testing.T) {
	tries := harness.Number(t, triesEnv, usualTries)
	withoutAgent(t)
	f := newFleet(t, min(tries, atATime))
	t.Run("killed agent", func(t *testing.T) {
		agent := runAgent(t, nil, alone)
		f.try(t, tries, f.halfway(func(int) {
			agent.kill()
			time.Sleep(time.Second) // Nobody acts.
			agent = runAgent(t, nil, alone)
		}))
		agent.kill()
	})
	t.Run("failover", func(t *testing.T) {
		leader := runAgent(t, nil)
		leads := func(former string) string {
			var holder string
			require.Eventually(t, func() bool { holder = leaseHolder(t); return holder != "" && holder != former }, harness.Patience, 50*time.Millisecond)
			return holder
		}
		holder := leads("")
		standby := runAgent(t, nil)
		f.try(t, tries, f.halfway(func(round int) {
			if round%2 == 0 {
				leader.terminate()
				leader.awaitEnd()
			} else {
				leader.kill() // Its Lease has to run out.
			}
			holder = leads(holder)
			leader, standby = standby, runAgent(t, nil)
		}))
		leader.kill()
		standby.kill()
	})
	t.Run("second edit", func(t *testing.T) {
		runAgent(t, nil, alone)
		f.try(t, tries, f.editedTwice)
	})
}

// fleet are ReplicationControllers of one pod each.
type fleet struct {
	namespace string
	size      int

	// version is the tag of the image that was asked for last.
	version int
}

func newFleet(t *testing.T, size int) *fleet {
	t.Helper()
	client := harness.Cluster(t).Client.CoreV1()
	namespace, err := client.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Namespaces().Delete(context.Background(), namespace.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	})
	f := &fleet{namespace: namespace.Name, size: size, version: 1}
	for i := range size {
		labels := map[string]string{"app": nameOf(i)}
		_, err := client.ReplicationControllers(f.namespace).Create(t.Context(), &corev1.ReplicationController{
			ObjectMeta: metav1.ObjectMeta{Name: nameOf(i)},
			Spec: corev1.ReplicationControllerSpec{Replicas: ptr.To[int32](1), Selector: labels, Template: &corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "tomcat", Image: imageOf(1)}}}}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for i := range size {
		require.Zero(t, f.status(t, nameOf(i)).code)
	}
	return f
}

func nameOf(i int) string { return fmt.Sprint("tomcat-", i) }

func imageOf(version int) string { return fmt.Sprint("tomcat:", version) }

// ask is what kubectl set image does. Somebody else may have written in between.
func (f *fleet) ask(t *testing.T, name, image string) {
	body := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":%q}]}}}}`, image)
	assert.Eventually(t, func() bool {
		_, err := harness.Cluster(t).Client.CoreV1().ReplicationControllers(f.namespace).Patch(t.Context(), name, types.StrategicMergePatchType, body, metav1.PatchOptions{FieldManager: "kubectl-set"})
		return err == nil
	}, time.Minute, 100*time.Millisecond)
}

// verdict is how status ended.
type verdict struct {
	code     int
	out, err string
}

// status runs the command in this process: a thousand times, programs would take too long.
func (f *fleet) status(t *testing.T, name string) verdict {
	var out, errOut bytes.Buffer
	command := rcroll.NewCommand(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}, "")
	command.SetArgs([]string{"status", name, "--timeout=3m", "--namespace=" + f.namespace, "--kubeconfig=" + harness.Cluster(t).Kubeconfig()})
	code := exit.Run(t.Context(), command, &errOut)
	return verdict{code, out.String(), errOut.String()}
}

// early says what is missing of the end that status told of; empty if nothing is.
func (f *fleet) early(t *testing.T, name, image string, v verdict) string {
	client := harness.Cluster(t).Client.CoreV1()
	rc, err := client.ReplicationControllers(f.namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	pods, err := client.Pods(f.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + name})
	require.NoError(t, err)
	var missing []string
	if !strings.HasSuffix(v.out, "with the template of "+image+"\n") {
		missing = append(missing, "it tells of another image")
	}
	if got := rc.Spec.Template.Spec.Containers[0].Image; got != image {
		missing = append(missing, "live is "+got)
	}
	if rc.Annotations[api.RequestAnnotation] != "" || rc.Labels[api.RollingLabel] != "" {
		missing = append(missing, "it is rolling")
	}
	for _, pod := range pods.Items {
		if pod.Spec.Containers[0].Image != image {
			missing = append(missing, "there is a pod of "+pod.Spec.Containers[0].Image)
		}
	}
	if len(pods.Items) != 1 || rc.Status.AvailableReplicas != 1 {
		missing = append(missing, fmt.Sprintf("%d pods, %d available", len(pods.Items), rc.Status.AvailableReplicas))
	}
	return strings.Join(missing, ", ")
}

// outcome is what came of a try.
type outcome struct{ green, early, pending atomic.Int64 }

// try makes rounds of rollouts until there were so many, all of which have to end well.
func (f *fleet) try(t *testing.T, tries int, round func(t *testing.T, n int, o *outcome)) {
	var o outcome
	begun := time.Now()
	for n := 0; n*f.size < tries; n++ {
		round(t, n, &o)
		if t.Failed() {
			break
		}
		t.Logf("%d of %d tries after %.0f s, green early %d", o.green.Load(), tries, time.Since(begun).Seconds(), o.early.Load())
	}
	t.Logf("%d tries, of which %d were pending when they were disturbed: green early %d; %.0f s", o.green.Load(), o.pending.Load(), o.early.Load(), time.Since(begun).Seconds())
	assert.Zero(t, o.early.Load(), "green early")
	assert.Positive(t, o.pending.Load(), "nothing was disturbed")
}

// await runs status to its end, and judges it.
func (f *fleet) await(t *testing.T, name, image string, o *outcome) {
	v := f.status(t, name)
	if !assert.Zero(t, v.code, "%s: %s%s", name, v.out, v.err) {
		return
	}
	o.green.Add(1)
	if missing := f.early(t, name, image, v); missing != "" {
		o.early.Add(1)
		t.Errorf("%s: status is green, and %s\n%s", name, missing, v.out)
	}
}

// each does something with all of the fleet at the same time.
func (f *fleet) each(do func(name string)) *sync.WaitGroup {
	var group sync.WaitGroup
	for i := range f.size {
		group.Go(func() { do(nameOf(i)) })
	}
	return &group
}

// halfway is a round in which something happens in the middle of the rollouts.
func (f *fleet) halfway(disturb func(round int)) func(t *testing.T, n int, o *outcome) {
	return func(t *testing.T, n int, o *outcome) {
		f.version++
		image := imageOf(f.version)
		f.each(func(name string) { f.ask(t, name, image) }).Wait()
		before := o.green.Load()
		group := f.each(func(name string) { f.await(t, name, image, o) })
		time.Sleep(rand.N(early))
		o.pending.Add(int64(f.size) - (o.green.Load() - before))
		disturb(n)
		group.Wait()
	}
}

// editedTwice is a round in which the second edit comes at any time after the first.
func (f *fleet) editedTwice(t *testing.T, _ int, o *outcome) {
	f.version += 2
	first, second := imageOf(f.version-1), imageOf(f.version)
	f.each(func(name string) {
		f.ask(t, name, first)
		time.Sleep(rand.N(throughout))
		f.ask(t, name, second)
		o.pending.Add(1)
		f.await(t, name, second, o)
	}).Wait()
}
