package security

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

const (
	// hash looks like that of a template.
	hash = "0123456789abcdef0123456789abcdef"

	// settling is enough for the agent and the controllers to act on what they saw: they
	// do within milliseconds.
	settling = 2 * time.Second

	// rolling, idle and foreign are the ReplicationControllers of a stage. None of them is
	// the attacker's, and the last one is controlled by another kind.
	rolling, idle, foreign = "tomcat", "idle", "foreign"
)

// stage is a namespace in which a rolling update is paused half-way, with bystanders, and
// somebody who wants what is not theirs.
type stage struct {
	*harness.Scenario

	// config and client are the attacker's.
	config *rest.Config
	client kubernetes.Interface

	// optedOut is a namespace where rcroll does nothing.
	optedOut string

	// owned is the new ReplicationController of the rolling update.
	owned string
}

func newStage(t *testing.T, who actor) *stage {
	t.Helper()
	s := &stage{Scenario: harness.Given(t, manifest.Tomcat(t, manifest.Annotated(api.UpdatePeriodAnnotation, "2s")))}
	s.optedOut = s.namespace(map[string]string{api.EnabledKey: "false"})
	s.create(s.Namespace, harness.NewRC(idle))
	s.create(s.optedOut, harness.NewRC(idle))
	owner, err := s.Cluster.Client.CoreV1().ConfigMaps(s.Namespace).Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	s.create(s.Namespace, harness.NewRC(foreign, ownedBy(*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap")))))

	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"=true")
	paused := s.Await("the rollout is paused, and stands", func(m observe.Moment) bool {
		progressing := harness.Condition(m.RC, rollout.Progressing)
		return progressing != nil && progressing.Reason == rollout.ReasonPaused && len(m.Owned()) == 1 &&
			m.Available() == len(m.Pods) && int(m.Owned()[0].Replicas()+m.RC.Replicas()) == len(m.Pods)
	})
	s.owned = paused.Owned()[0].Name
	s.config = s.configOf(who)
	s.client = harness.Client(t, s.config)
	return s
}

// in is the same stage in a subtest.
func (s *stage) in(t *testing.T) *stage {
	shared := *s
	shared.Scenario = s.For(t)
	return &shared
}

// configOf is how an actor calls the API server. Roles are given in the stage's
// namespace and in that which opted out.
func (s *stage) configOf(who actor) *rest.Config {
	s.Helper()
	user := "mallory-" + s.Namespace
	read := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"replicationcontrollers", "pods"}, Verbs: []string{"get", "list", "watch"}}
	grant := func(rules ...rbacv1.PolicyRule) {
		for _, namespace := range []string{s.Namespace, s.optedOut} {
			harness.Grant(s.T, namespace, user, append([]rbacv1.PolicyRule{read}, rules...)...)
		}
	}
	switch who {
	case agentThief:
		return harness.TokenConfig(s.T, harness.Agent)
	case webhookThief:
		return harness.TokenConfig(s.T, harness.Webhook)
	case network:
		return rest.AnonymousClientConfig(s.Cluster.Config)
	case statusWriter:
		grant(harness.RCRule("replicationcontrollers/status"))
	case scaler:
		grant(harness.RCRule("replicationcontrollers/scale"))
	case editor:
		grant(harness.RCRule("replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status"))
		for _, namespace := range []string{s.Namespace, s.optedOut} {
			harness.GrantClusterRole(s.T, namespace, user, "edit")
		}
		harness.GrantClusterRole(s.T, s.Namespace, "system:serviceaccount:"+s.Namespace+":default", "edit")
	case neighbour:
		elsewhere := s.namespace(nil)
		harness.Grant(s.T, elsewhere, user, harness.RCRule("replicationcontrollers/status"))
		harness.GrantClusterRole(s.T, elsewhere, user, "edit")
		s.optedOut = elsewhere
	}
	return harness.ConfigOf(s.T, user)
}

// rcs are the attacker's client for the ReplicationControllers of the stage.
func (s *stage) rcs() clientv1.ReplicationControllerInterface {
	return s.client.CoreV1().ReplicationControllers(s.Namespace)
}

// patch writes as the attacker.
func (s *stage) patch(name string, how types.PatchType, text string, subresources ...string) error {
	options := metav1.PatchOptions{FieldManager: "mallory"}
	if how == types.ApplyPatchType {
		options.Force = ptr.To(true)
	}
	_, err := s.rcs().Patch(s.Context(), name, how, []byte(text), options, subresources...)
	return err
}

// world is what an attack may not change: every ReplicationController and every pod of
// the stage, with all but their status, and what there is where the attacker has no
// business.
func (s *stage) world() map[string]string {
	s.Helper()
	world := map[string]string{}
	add := func(kind string, meta metav1.ObjectMeta, spec any) {
		meta.ManagedFields, meta.ResourceVersion = nil, ""
		text, err := json.Marshal([]any{meta, spec})
		require.NoError(s, err)
		world[kind+" "+meta.Namespace+"/"+meta.Name] = string(text)
	}
	admin := s.Cluster.Client.CoreV1()
	for _, namespace := range []string{s.Namespace, s.optedOut, metav1.NamespaceSystem, harness.SystemNamespace()} {
		rcs, err := admin.ReplicationControllers(namespace).List(context.Background(), metav1.ListOptions{})
		require.NoError(s, err)
		for i := range rcs.Items {
			add("rc", rcs.Items[i].ObjectMeta, rcs.Items[i].Spec)
		}
		pods, err := admin.Pods(namespace).List(context.Background(), metav1.ListOptions{})
		require.NoError(s, err)
		for i := range pods.Items {
			add("pod", pods.Items[i].ObjectMeta, pods.Items[i].Spec)
		}
	}
	return world
}

func (s *stage) settle() { time.Sleep(settling) }

// finish ends the rolling update: nothing that was tried keeps it from that.
func (s *stage) finish() {
	s.Helper()
	for _, name := range []string{idle, foreign} {
		s.Kubectl("delete", "rc/"+name)
	}
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// namespace makes one until the end of the test.
func (s *stage) namespace(labels map[string]string) string {
	s.Helper()
	namespaces := s.Cluster.Client.CoreV1().Namespaces()
	made, err := namespaces.Create(s.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Labels: labels},
	}, metav1.CreateOptions{})
	require.NoError(s, err)
	s.Cleanup(func() { _ = namespaces.Delete(context.Background(), made.Name, metav1.DeleteOptions{}) })
	return made.Name
}

// create stores a ReplicationController as the administrator.
func (s *stage) create(namespace string, rc *corev1.ReplicationController) {
	s.Helper()
	_, err := s.Cluster.Client.CoreV1().ReplicationControllers(namespace).Create(s.Context(), rc, metav1.CreateOptions{})
	require.NoError(s, err)
}

// stored is a ReplicationController of the stage.
func (s *stage) stored(name string) *corev1.ReplicationController {
	s.Helper()
	rc, err := s.RCs().Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(s, err)
	return rc
}

func ownedBy(owners ...metav1.OwnerReference) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) { rc.OwnerReferences = owners }
}

// sealedFor makes of a ReplicationController what the agent creates.
func sealedFor(owner *corev1.ReplicationController) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) {
		rc.Name = owner.Name + "-" + hash
		rc.Labels = map[string]string{api.RollingLabel: api.True}
		rc.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, api.GroupVersionKind)}
		for _, labels := range []map[string]string{rc.Spec.Selector, rc.Spec.Template.Labels} {
			labels[api.SealedLabel] = hash
		}
	}
}

// forgedRequest is a request for a template that runs as root on its node.
func forgedRequest() string {
	text, err := json.Marshal(harness.NewRC("forged", harness.Privileged).Spec)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// encode is JSON of plain values.
func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// words is what an attempt is called.
func words(format string, args ...any) string { return strings.TrimSpace(fmt.Sprintf(format, args...)) }
