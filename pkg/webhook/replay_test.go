package webhook

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/test/golden"
)

const reviewsDirectory = "testdata/reviews"

// installed are the options of an installation as it is shipped.
var installed = mutate.Options{
	HashLabelKey:        api.DefaultHashLabelKey,
	AgentUser:           "system:serviceaccount:rcroll-system:rcroll-agent",
	WebhookUser:         "system:serviceaccount:rcroll-system:rcroll-webhook",
	AutoscalerUsers:     mutate.DefaultAutoscalerUsers,
	DeclarativeManagers: mutate.DefaultDeclarativeManagers,
}

// meanings translates the words of the end-to-end tests. One request of an edit has
// that meaning; others that the client sends besides change nothing.
var meanings = map[string]mutate.Meaning{
	"rolls out": mutate.Requests, "replaces the request": mutate.Retargets, "adds to the request": mutate.Retargets,
	"rolls out next": mutate.Retargets, "cancels": mutate.Cancels, "starts anew": mutate.Passes,
}

// TestReplay answers the reviews that a real API server sent for every edit at
// every moment: each has the meaning that the end-to-end test saw through to the
// end of the rollout.
func TestReplay(t *testing.T) {
	edits, err := golden.Load(reviewsDirectory)
	require.NoError(t, err)
	require.NotEmpty(t, edits)
	for edit, cases := range edits {
		for _, c := range cases {
			t.Run(edit+"/"+c.Moment, func(t *testing.T) { replay(t, c) })
		}
	}
}

func replay(t *testing.T, c golden.Case) {
	store := storeOf(t, c)
	switch c.Meaning {
	case "refused":
		replayRefusal(t, store, c)
		return
	case "is ignored":
		replayIgnored(t, store, c)
		return
	}
	var understood []mutate.Meaning
	var state golden.State
	for _, raw := range c.Reviews {
		request, err := golden.Review(raw)
		require.NoError(t, err)
		var meaning mutate.Meaning
		switch {
		case request.Operation == admissionv1.Delete:
			replayDeletion(t, request)
			continue
		case request.SubResource == "scale":
			meaning, state = replayScale(t, store, request)
		default:
			meaning, state = replayObject(t, store, request)
		}
		understood = append(understood, meaning)
	}
	switch c.Meaning {
	case "sends nothing":
		assert.Empty(t, understood)
		return
	case "removes everything", "leaves the pods":
		return
	case "passes", "changes nothing":
		for _, meaning := range understood {
			assert.Contains(t, []mutate.Meaning{mutate.Passes, mutate.Repeats}, meaning)
		}
	default:
		want, known := meanings[c.Meaning]
		require.True(t, known, c.Meaning)
		// kubectl may come to what it wants in steps.
		quiet := func(meaning mutate.Meaning) bool {
			return meaning == mutate.Repeats || meaning == mutate.Passes || want == mutate.Requests && meaning == mutate.Retargets
		}
		told := slices.DeleteFunc(slices.Clone(understood), func(m mutate.Meaning) bool { return m != want && quiet(m) })
		assert.Contains(t, told, want)
		assert.Subset(t, []mutate.Meaning{want}, told, "all: %v", understood)
	}
	if len(understood) > 0 {
		assert.Equal(t, c.Wanted, state)
	}
}

// provenBy has the API server store the version that the review is of.
func provenBy(t *testing.T, request *admissionv1.AdmissionRequest) judge {
	if len(request.OldObject.Raw) == 0 {
		return judge{}
	}
	var reviewed metav1.PartialObjectMetadata
	require.NoError(t, json.Unmarshal(request.OldObject.Raw, &reviewed))
	return judge{stored: reviewed.ObjectMeta}
}

// storeOf is an API server with the ReplicationController as it was, if that matters.
func storeOf(t testing.TB, c golden.Case) client.WithWatch {
	scheme := runtime.NewScheme() // a whole one takes its time, which adds up
	require.NoError(t, corev1.AddToScheme(scheme))
	builder := fake.NewClientBuilder().WithScheme(scheme)
	if c.Stored != nil {
		stored := &corev1.ReplicationController{}
		require.NoError(t, json.Unmarshal(c.Stored, stored))
		builder.WithObjects(stored)
	}
	return builder.WithInterceptorFuncs(interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return nil },
	}).Build()
}

// replayRefusal: kubectl refuses some edits itself, and sends nothing.
func replayRefusal(t *testing.T, store client.Client, c golden.Case) {
	for _, raw := range c.Reviews {
		request, err := golden.Review(raw)
		require.NoError(t, err)
		var handler admission.Handler = reviewing(provenBy(t, request), installed)
		if request.SubResource == "scale" {
			handler = scaling(store, judge{}, installed)
		}
		response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: *request})
		if c.ByServer {
			assert.True(t, response.Allowed)
			assert.Empty(t, response.Patches, "the API server gets to see what was asked for")
			continue
		}
		assert.False(t, response.Allowed)
		assert.Contains(t, response.Result.Message, c.Words)
	}
}

// replayIgnored: edits of an owned ReplicationController change nothing, and say where
// to make them.
func replayIgnored(t *testing.T, store client.Client, c golden.Case) {
	for _, raw := range c.Reviews {
		request, err := golden.Review(raw)
		require.NoError(t, err)
		req := admission.Request{AdmissionRequest: *request}
		var handler admission.Handler = reviewing(provenBy(t, request), installed)
		if request.SubResource == "scale" {
			handler = scaling(store, judge{}, installed)
		}
		response := handler.Handle(t.Context(), req)
		require.True(t, response.Allowed, "%v", response.Result)
		require.Len(t, response.Warnings, 1)
		assert.Contains(t, response.Warnings[0], c.Words)
		if request.SubResource == "scale" {
			assert.NotEmpty(t, response.Patches)
			continue
		}
		write, err := decode(req)
		require.NoError(t, err)
		decision := mutate.Decide(write, installed)
		assert.Equal(t, mutate.Ignored, decision.Meaning)
		assert.Equal(t, api.SpecOf(write.Old), api.SpecOf(decision.Object))
		assert.Equal(t, write.Old.GetLabels(), decision.Object.GetLabels())
		assert.Equal(t, write.Old.GetAnnotations(), decision.Object.GetAnnotations())
	}
}

// replayDeletion: only those are reviewed that have to wait.
func replayDeletion(t *testing.T, request *admissionv1.AdmissionRequest) {
	deleted := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal(request.OldObject.Raw, &deleted.Object))
	since, err := time.Parse(time.RFC3339, deleted.GetAnnotations()[api.PromotingSinceAnnotation])
	require.NoError(t, err)
	handler := reviewing(judge{}, installed)
	handler.clock = clocktesting.NewFakePassiveClock(since.Add(time.Second))
	response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: *request})
	require.False(t, response.Allowed)
	assert.EqualValues(t, http.StatusTooManyRequests, response.Result.Code)
	assert.EqualValues(t, 1, response.Result.Details.RetryAfterSeconds)
}

func replayObject(t *testing.T, store client.Client, request *admissionv1.AdmissionRequest) (mutate.Meaning, golden.State) {
	req := admission.Request{AdmissionRequest: *request}
	response := reviewing(provenBy(t, request), installed).Handle(t.Context(), req)
	require.True(t, response.Allowed, "%v", response.Result)
	write, err := decode(req)
	require.NoError(t, err)
	decision := mutate.Decide(write, installed)
	asked := decision.Question != nil
	if asked {
		write.Stored = api.SpecOf(decision.Question)
		decision = mutate.Decide(write, installed)
	}
	assert.Equal(t, decision.Warnings, response.Warnings)
	if write.Old == nil {
		for _, created := range []map[string]string{decision.Object.GetLabels(), decision.Object.GetAnnotations()} {
			for _, key := range []string{api.RequestAnnotation, api.CommandAnnotation, api.RollingLabel} {
				assert.NotContains(t, created, key, "there is no rollout of it")
			}
		}
		assert.False(t, api.SpecOf(decision.Object).Marked())
		if text, exported := write.New.GetAnnotations()[api.RequestAnnotation]; exported {
			request, err := api.ParseSpec(text)
			require.NoError(t, err)
			assert.Equal(t, request.Replicas(), api.SpecOf(decision.Object).Replicas(), "all the pods that were asked for")
		} else if wanted := api.SpecOf(write.New); !wanted.Marked() {
			assert.Equal(t, wanted, api.SpecOf(decision.Object), "clients write the hash label themselves, too")
		}
	} else {
		kept, _ := api.SpecOf(write.Old).RollLabels(installed.HashLabelKey)
		selector, _ := api.SpecOf(decision.Object).RollLabels(installed.HashLabelKey)
		assert.Equal(t, kept, selector, "rcroll's labels stay")
	}
	if decision.Meaning != mutate.Passes {
		assert.True(t, api.SpecOf(write.Old).Equal(api.SpecOf(decision.Object)), "the live spec is the agent's")
		assert.Equal(t, api.True, decision.Object.GetLabels()[api.RollingLabel])
	}
	switch decision.Meaning {
	case mutate.Requests:
		assert.True(t, asked, "the API server judges what is new")
	case mutate.Cancels, mutate.Repeats:
		assert.False(t, asked, "nothing is new")
	}
	return decision.Meaning, stateOf(t, decision.Object.Object)
}

// replayScale answers a wish for replicas, and looks at what became of it.
func replayScale(t *testing.T, store client.Client, request *admissionv1.AdmissionRequest) (mutate.Meaning, golden.State) {
	req := admission.Request{AdmissionRequest: *request}
	_, wish, err := decodeScale(req)
	require.NoError(t, err)
	var before, after corev1.ReplicationController
	key := client.ObjectKey{Namespace: request.Namespace, Name: request.Name}
	require.NoError(t, store.Get(t.Context(), key, &before))
	// The recording has versions of its own.
	var reviewed unstructured.Unstructured
	require.NoError(t, json.Unmarshal(req.OldObject.Raw, &reviewed.Object))
	reviewed.SetUID(before.UID)
	reviewed.SetResourceVersion(before.ResourceVersion)
	req.OldObject.Raw, err = json.Marshal(reviewed.Object)
	require.NoError(t, err)
	response := scaling(store, judge{}, installed).Handle(t.Context(), req)
	require.True(t, response.Allowed, "%v", response.Result)
	require.NoError(t, store.Get(t.Context(), key, &after))
	assert.Equal(t, before.Spec, after.Spec, "the live spec is the agent's")

	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&before)
	require.NoError(t, err)
	decision := mutate.DecideScale(mutate.ScaleWrite{Object: &unstructured.Unstructured{Object: object}, Replicas: wish, User: request.UserInfo.Username}, installed)
	if decision.Meaning != mutate.Passes {
		kept := map[string]any{}
		for _, patch := range response.Patches {
			kept[patch.Path] = patch.Value
		}
		var live autoscalingv1.Scale
		require.NoError(t, json.Unmarshal(req.OldObject.Raw, &live))
		assert.EqualValues(t, live.Spec.Replicas, kept["/spec/replicas"], "the Scale is stored with the live replicas")
	} else {
		after.Spec.Replicas = &wish // the API server does it
	}
	object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(&after)
	require.NoError(t, err)
	return decision.Meaning, stateOf(t, object)
}

// stateOf is what is asked for in an object: the pending request, or the live spec.
func stateOf(t *testing.T, object map[string]any) golden.State {
	var rc corev1.ReplicationController
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object, &rc))
	spec := rc.Spec
	if text := rc.Annotations[api.RequestAnnotation]; text != "" {
		spec = corev1.ReplicationControllerSpec{}
		require.NoError(t, json.Unmarshal([]byte(text), &spec))
	}
	return golden.StateOf(spec)
}
