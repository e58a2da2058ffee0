package webhook

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// onePolicy selects everything.
type onePolicy string

func (p onePolicy) For(context.Context, metav1.Object) (policy.Effective, error) {
	read := v1alpha1.RolloutPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	if err := yaml.UnmarshalStrict([]byte(p), &read.Spec); err != nil {
		return nil, err
	}
	return policy.Compile([]v1alpha1.RolloutPolicy{read}).For(policy.Target{}), nil
}

// rights is an API server that answers to questions for them, and notes what it is asked.
type rights struct {
	allowed bool
	uid     types.UID
	asked   []string
}

func (r *rights) client() client.Client {
	return fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
			r.asked = append(r.asked, "get")
			into.SetUID(r.uid)
			return nil
		},
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			if review, ok := object.(*authorizationv1.SubjectAccessReview); ok {
				asks := review.Spec.ResourceAttributes
				r.asked = append(r.asked, strings.Join([]string{review.Spec.User, asks.Verb, asks.Resource, asks.Name}, " "))
				review.Status.Allowed = r.allowed
			}
			return nil
		},
	}).Build()
}

// TestRights: an edit that takes a right on a policy is proven once, and the right asked for
// once. What is not proven is told nothing of anybody's rights.
func TestRights(t *testing.T) {
	spec8 := strings.ReplaceAll(spec7, "tomcat:7", "tomcat:8")
	request, err := api.ParseSpec(spec8)
	require.NoError(t, err)
	approval := api.Approval{Hash: request.Hash(api.DefaultHashLabelKey), Step: 1}.String()
	pending := `"rcroll.dev/request":` + quoted(spec8)
	override := [2][]byte{rc("{}", spec7), rc(`{"rcroll.dev/override":"p"}`, spec8)}
	approve := [2][]byte{rc("{"+pending+"}", spec7), rc("{"+pending+`,"rcroll.dev/approve":"`+approval+`"}`, spec7)}
	own := `,"rcroll.dev/steps":"pause,1"`
	for name, c := range map[string]struct {
		edit    [2][]byte
		allowed bool
		uid     types.UID
		asked   []string
		counted *prometheus.CounterVec
		says    string
	}{
		"may override":      {override, true, "u", []string{"get", "alice override rolloutpolicies p"}, overrides, ""},
		"may not override":  {override, false, "u", []string{"get", "alice override rolloutpolicies p"}, overrides, "the verb override on rolloutpolicies.rcroll.dev/p"},
		"may approve":       {approve, true, "u", []string{"get", "alice approve rolloutpolicies p"}, approvals, ""},
		"may not approve":   {approve, false, "u", []string{"get", "alice approve rolloutpolicies p"}, approvals, "the verb approve on rolloutpolicies.rcroll.dev/p"},
		"a forged approval": {approve, true, "another", []string{"get"}, nil, ""},
		"steps that are own": {[2][]byte{rc("{"+pending+own+"}", spec7), rc("{"+pending+own+`,"rcroll.dev/approve":"`+approval+`"}`, spec7)},
			false, "u", nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rights{allowed: c.allowed, uid: c.uid}
			handler := reviewing(judge{}, options)
			handler.client, handler.policies = r.client(), onePolicy(`{frozen: {reason: r}, defaults: {steps: [{pause: {}}, {replicas: 1}]}}`)
			outcome := map[bool]string{true: allowedOutcome, false: deniedOutcome}[c.allowed]
			count := func() float64 {
				if c.counted == nil {
					return 1
				}
				return testutil.ToFloat64(c.counted.WithLabelValues(outcome))
			}
			before := count()
			response := handler.Handle(t.Context(), update("alice", c.edit[0], c.edit[1]))
			assert.Equal(t, c.asked, r.asked)
			assert.Equal(t, c.says == "", response.Allowed, "%v", response.Result)
			if c.says != "" {
				assert.Contains(t, response.Result.Message, c.says)
			}
			if c.counted != nil {
				assert.InDelta(t, before+1, count(), 0)
			}
		})
	}
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }
