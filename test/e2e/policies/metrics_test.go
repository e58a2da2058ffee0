package policies

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// TestMetricsAreGuarded: the metrics that pods can reach are for those who may read them, as
// far as the programs' own permissions go to find that out.
func TestMetricsAreGuarded(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	scraper, other := harness.TokenOf(t, ns, "scraper"), harness.TokenOf(t, ns, "other")
	mayReadMetrics(t, ns, "scraper")
	for _, component := range []string{harness.Agent, harness.Webhook} {
		address := harness.ServeMetrics(t, component)
		for what, c := range map[string]struct {
			token string
			code  int
		}{
			"nobody":               {"", http.StatusUnauthorized},
			"a token of nobody's":  {"x", http.StatusInternalServerError}, // so controller-runtime answers
			"somebody":             {other, http.StatusForbidden},
			"the program itself":   {config(t, component).BearerToken, http.StatusForbidden},
			"who may read metrics": {scraper, http.StatusOK},
		} {
			assert.Equal(t, c.code, harness.Scrape(t, address, c.token), "%s, %s", component, what)
		}
	}
}

// TestCounters: the metrics tell of a rollout that succeeded, of one that was cancelled, and
// of an edit that was refused. Nothing else is rolling, for the test is not parallel.
func TestCounters(t *testing.T) {
	const n = 2
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(n)))
	agent := map[string]float64{
		"rcroll_agent_rollouts_started_total":                                    2,
		`rcroll_agent_rollouts_ended_total{result="Succeeded"}`:                  1,
		`rcroll_agent_rollouts_ended_total{result="Cancelled"}`:                  1,
		`rcroll_agent_rollouts_ended_total{result="RolledBack"}`:                 0,
		`rcroll_agent_rollout_duration_seconds_count{result="Succeeded"}`:        1,
		`rcroll_agent_rollout_duration_seconds_count{result="Cancelled"}`:        1,
		"rcroll_agent_rollout_pods_count":                                        1,
		"rcroll_agent_rollout_pods_sum":                                          n,
		`rcroll_agent_commands_total{operation="Seal",outcome="CarriedOut"}`:     1,
		`rcroll_agent_commands_total{operation="Scale",outcome="NotCarriedOut"}`: 0,
	}
	webhook := map[string]float64{
		`rcroll_webhook_review_seconds_count{meaning="Requests",resource="replicationcontrollers"}`: 2,
		`rcroll_webhook_review_seconds_count{meaning="Cancels",resource="replicationcontrollers"}`:  1,
		`rcroll_webhook_review_seconds_count{meaning="Rejected",resource="replicationcontrollers"}`: 1,
		`rcroll_webhook_review_seconds_count{meaning="Failed",resource="replicationcontrollers"}`:   0,
	}
	harness.ExpectIncrease(t, harness.Webhook, webhook, func() {
		harness.ExpectIncrease(t, harness.Agent, agent, func() {
			s.SetImage("tomcat=tomcat:8")
			s.AwaitRollout("tomcat:8", n)
			s.ExpectRefused("Unsupported value", "patch", s.Ref(), "-p",
				`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:9","imagePullPolicy":"Sometimes"}]}}}}`)
			s.SetImage("tomcat=tomcat:bad")
			s.Await("a pod that cannot start", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 1 })
			s.Kubectl("annotate", s.Ref(), api.RequestAnnotation+"-")
			s.Await("8 serves again", harness.Serves("tomcat:8", n))
		})
	})
	duration := harness.Samples(t, harness.Agent)[`rcroll_agent_rollout_duration_seconds_sum{result="Succeeded"}`]
	assert.Positive(t, duration)
}

func mayReadMetrics(t *testing.T, namespace, account string) {
	bindings := harness.Cluster(t).Client.RbacV1().ClusterRoleBindings()
	name := fmt.Sprintf("%s-%s", namespace, account)
	_, err := bindings.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "rcroll-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, bindings.Delete(context.Background(), name, metav1.DeleteOptions{})) })
}
