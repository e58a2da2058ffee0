package pairing

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

var own = Terms{AgentUser: "system:serviceaccount:y:rcroll-agent", HashLabelKey: "deployment"}

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		published map[string]string
		want      []string
	}{
		"nothing published": {nil, nil},
		"half of it":        {map[string]string{AgentUserAnnotation: "other"}, nil},
		"agreed":            {own.annotations(), nil},
		"another agent": {Terms{"system:serviceaccount:rcroll-system:rcroll-agent", "deployment"}.annotations(),
			[]string{"takes system:serviceaccount:rcroll-system:rcroll-agent for the agent", "is system:serviceaccount:y:rcroll-agent"}},
		"another key": {Terms{own.AgentUser, "rcroll.dev/hash"}.annotations(), []string{"--hash-label-key=rcroll.dev/hash, this agent deployment"}},
		"both":        {Terms{"a", "b"}.annotations(), []string{"takes a for the agent", "--hash-label-key=b"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := compare(c.published, own)
			assert.Equal(t, len(c.want) == 0, err == nil, "%v", err)
			for _, text := range c.want {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}

// fakeAPI knows who asks, and answers the agent's question with refusal.
func fakeAPI(refusal error, objects ...client.Object) client.Client {
	return fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			switch object := o.(type) {
			case *authenticationv1.SelfSubjectReview:
				object.Status.UserInfo.Username = own.AgentUser
				return nil
			case *corev1.ReplicationController:
				return refusal
			}
			return c.Create(ctx, o, options...)
		},
	}).Build()
}

func configuration(annotations map[string]string) *admissionv1.MutatingWebhookConfiguration {
	return &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "rcroll", Annotations: annotations}}
}

func TestCheck(t *testing.T) {
	fenced := apierrors.NewForbidden(schema.GroupResource{Resource: "replicationcontrollers"}, "x", errors.New("ValidatingAdmissionPolicy 'rcroll-agent'"))
	for name, c := range map[string]struct {
		api    client.Client
		agreed bool
		ready  string
	}{
		"belong together":         {fakeAPI(fenced, configuration(own.annotations())), true, ""},
		"an earlier webhook":      {fakeAPI(fenced, configuration(nil)), false, ""},
		"no configuration":        {fakeAPI(fenced), false, ""},
		"other policies":          {fakeAPI(nil, configuration(own.annotations())), false, "no admission policy of rcroll knows this agent"},
		"API server in trouble":   {fakeAPI(errors.New("timeout"), configuration(own.annotations())), true, ""},
		"the agent of another":    {fakeAPI(fenced, configuration(Terms{"other", "deployment"}.annotations())), false, "takes other for the agent"},
		"both in different words": {fakeAPI(nil, configuration(Terms{"other", "hash"}.annotations())), false, "--hash-label-key=hash"},
	} {
		t.Run(name, func(t *testing.T) {
			checker := &Checker{Client: c.api, Configuration: "rcroll", Namespace: "y", HashLabelKey: "deployment"}
			require.ErrorIs(t, checker.Ready(nil), errUnchecked)
			agreed, err := checker.check(t.Context())
			checker.set(t.Context(), err)
			assert.Equal(t, c.agreed, agreed)
			if c.ready == "" {
				assert.NoError(t, checker.Ready(nil))
			} else {
				assert.ErrorContains(t, checker.Ready(nil), c.ready)
			}
		})
	}
}

// TestPublish: once for each process, and when the terms are gone.
func TestPublish(t *testing.T) {
	api := fakeAPI(nil, configuration(map[string]string{"theirs": "x"}))
	request := reconcile.Request{NamespacedName: types.NamespacedName{Name: "rcroll"}}
	publish := func(p *publisher) map[string]string {
		_, err := p.Reconcile(t.Context(), request)
		require.NoError(t, err)
		stored := configuration(nil)
		require.NoError(t, api.Get(t.Context(), request.NamespacedName, stored))
		return stored.Annotations
	}
	first, second := &publisher{client: api, terms: own}, &publisher{client: api, terms: Terms{"other", "hash"}}
	assert.Equal(t, map[string]string{"theirs": "x", AgentUserAnnotation: own.AgentUser, HashLabelKeyAnnotation: "deployment"}, publish(first))
	assert.Equal(t, "other", publish(second)[AgentUserAnnotation], "the last one to start says what there is")
	assert.Equal(t, "other", publish(first)[AgentUserAnnotation], "replicas do not fight")

	require.NoError(t, api.Delete(t.Context(), configuration(nil)))
	require.NoError(t, api.Create(t.Context(), configuration(nil)))
	assert.Equal(t, own.AgentUser, publish(first)[AgentUserAnnotation])
}
